//! Names, namespaces, labels and annotations, as the API server judges them.
//!
//! Sources: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>,
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>.

use super::Validating;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::settings::fields::wrong_type;
use crate::source::Span;

/// The limit of all annotations of a resource, keys and values together, in bytes.
const ANNOTATIONS: usize = 256 * 1024;

/// Kinds whose names end up in labels, where a name may have 63 characters at the most.
const NAMED_IN_LABELS: &[&str] = &["Kustomization", "HelmRelease"];

pub(super) fn validate(validating: &mut Validating<'_>, resource: &Resource) {
    let identity = &resource.identity;
    let span = |key: &str| {
        resource
            .get(&["metadata", key])
            .map_or(Span::BUILT_IN, |node| node.span)
    };
    let top = |key: &str| {
        resource
            .get(&[key])
            .map_or(Span::BUILT_IN, |node| node.span)
    };
    if !is_kind(&identity.kind) {
        validating.push(wrong_kind(&identity.kind), top("kind"));
    }
    if !is_api_version(&resource.api_version) {
        validating.push(wrong_api_version(&resource.api_version), top("apiVersion"));
    }
    let is_flux = super::schema_of(resource, validating.variant.minor).is_some();
    // RBAC names may hold colons, and other kinds have rules of their own.
    let is_name = match is_flux {
        true => is_subdomain(&identity.name),
        false => is_path_segment(&identity.name),
    };
    if validating.is_unknown(&identity.name) {
        // The name is not known here.
    } else if !is_name {
        validating.push(wrong_name("name", &identity.name), span("name"));
    } else if NAMED_IN_LABELS.contains(&identity.kind.as_str())
        && is_flux
        && identity.name.len() > 63
    {
        validating.push(
            Diagnostic::error(
                "wrong-name",
                format!(
                    "`{}` has {} characters, more than 63",
                    identity.name,
                    identity.name.len()
                ),
            )
            .with_note(format!(
                "the controller writes the name of a {} into labels",
                identity.kind
            ))
            .with_help("shorten the name"),
            span("name"),
        );
    }
    if validating.is_unknown(&identity.namespace) {
        // Nor is the namespace.
    } else if !identity.namespace.is_empty() && !is_label(&identity.namespace) {
        validating.push(
            wrong_name("namespace", &identity.namespace),
            span("namespace"),
        );
    } else if is_flux && identity.namespace.is_empty() && validating.is_yaml {
        let message = format!("{} `{}` has no namespace", identity.kind, identity.name);
        let diagnostic = Diagnostic::error("missing-field", message)
            .with_note("Flux refuses to apply it, and nothing else of that Kustomization is applied")
            .with_help("add `metadata.namespace`, or set `targetNamespace` on the Kustomization that applies it");
        validating.push(diagnostic, span("name"));
    } else if is_flux && identity.namespace.is_empty() {
        validating.push(wrong_name("namespace", ""), span("name"));
    }
    for key in ["labels", "annotations"] {
        let Some(node) = resource.get(&["metadata", key]) else {
            continue;
        };
        let Some(table) = node.as_table() else {
            validating.found.push(wrong_type(key, node, "a table"));
            continue;
        };
        for (name, entry) in table.iter() {
            if entry.node.as_str().is_none() {
                let path = format!("{key}.{name}");
                validating
                    .found
                    .push(wrong_type(&path, &entry.node, "a string"));
            }
        }
        match key {
            "labels" => labels(validating, table),
            _ => annotations(validating, node, table),
        }
    }
}

pub(super) fn labels(validating: &mut Validating<'_>, table: &Table) {
    for (key, entry) in table.iter() {
        if let Some(fault) = label_key_fault(key)
            && !validating.is_unknown(key)
        {
            validating.push(Diagnostic::error("wrong-label", fault), entry.key);
        }
        if let Value::String(text) = entry.node.value.scalar()
            && !super::is_open(text)
            && let Some(fault) = label_value_fault(text)
            && !validating.is_unknown(text)
        {
            validating.push(Diagnostic::error("wrong-label", fault), entry.node.span);
        }
    }
}

pub(super) fn annotations(validating: &mut Validating<'_>, node: &Node, table: &Table) {
    let mut bytes = 0;
    for (key, entry) in table.iter() {
        // Kubernetes lowers an annotation's key before it judges it.
        if let Some(fault) = label_key_fault(&key.to_lowercase())
            && !validating.is_unknown(key)
        {
            validating.push(Diagnostic::error("wrong-label", fault), entry.key);
        }
        bytes += key.len() + entry.node.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS {
        validating.push(
            Diagnostic::error(
                "wrong-value",
                format!("the annotations have {bytes} bytes, more than {ANNOTATIONS}"),
            ),
            node.span,
        );
    }
}

/// What is wrong with a label's key: an optional DNS prefix and a name of 63 characters.
pub(crate) fn label_key_fault(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_subdomain(prefix)) || !is_qualified(name) {
        return Some(format!(
            "`{key}` is not a label key: letters, digits, `-`, `_` and `.`, 63 characters at the most, after an optional domain and `/`"
        ));
    }
    None
}

/// What is wrong with a label's value.
pub(crate) fn label_value_fault(value: &str) -> Option<String> {
    if value.is_empty() || is_qualified(value) {
        return None;
    }
    Some(format!(
        "`{value}` is not a label value: letters, digits, `-`, `_` and `.`, 63 characters at the most, a letter or digit at both ends"
    ))
}

fn is_qualified(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// An RFC 1123 label: what a namespace's name is.
pub(crate) fn is_label(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty()
        && name.len() <= 63
        && name.starts_with(is_letter)
        && name.ends_with(is_letter)
        && name.chars().all(|c| is_letter(c) || c == '-')
}

/// An RFC 1123 subdomain: what most names are.
pub(crate) fn is_subdomain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|part| {
            !part.is_empty()
                && part.starts_with(is_letter)
                && part.ends_with(is_letter)
                && part.chars().all(|c| is_letter(c) || c == '-')
        })
}

/// What every name in Kubernetes keeps to: it is part of a URL's path.
fn is_path_segment(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && ![".", ".."].contains(&name)
        && !name.contains(['/', '%'])
        && !name.chars().any(char::is_control)
}

/// An RFC 1035 label: what the version of an API is, and in lower case the name of a kind.
fn is_letter_first_label(name: &str) -> bool {
    is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether a kind can have that name: the API server judges its lower case.
///
/// Source: <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apis/apiextensions/validation/validation.go>
fn is_kind(kind: &str) -> bool {
    is_letter_first_label(&kind.to_ascii_lowercase())
}

/// `v1` of the core group, or `GROUP/VERSION`.
fn is_api_version(api_version: &str) -> bool {
    match api_version.split_once('/') {
        Some((group, version)) => is_subdomain(group) && is_letter_first_label(version),
        None => is_letter_first_label(api_version),
    }
}

fn wrong_kind(kind: &str) -> Diagnostic {
    let message = match kind {
        "" => "a kind must not be empty".to_owned(),
        kind => format!("`{}` is not a kind", kind.escape_debug()),
    };
    Diagnostic::error("wrong-value", message)
        .with_help("write one word of letters and digits, such as `ConfigMap`")
}

fn wrong_api_version(api_version: &str) -> Diagnostic {
    let message = match api_version {
        "" => "an apiVersion must not be empty".to_owned(),
        text => format!("`{}` is not an apiVersion", text.escape_debug()),
    };
    Diagnostic::error("wrong-value", message)
        .with_help("write `v1` for the core kinds, else group and version, such as `apps/v1`")
}

pub(crate) fn wrong_name(what: &str, name: &str) -> Diagnostic {
    let message = match name {
        "" => format!("a {what} must not be empty"),
        name => format!("`{name}` is no {what} in Kubernetes"),
    };
    Diagnostic::error("wrong-name", message)
        .with_help("use lower-case letters, digits and `-`, with a letter or digit at both ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kubernetes_does() {
        for good in ["a", "apps", "a-b", "a.b-c.d", "1a", &"a".repeat(253)] {
            assert!(is_subdomain(good), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a..b",
            "../etc",
            "a/b",
            "ä",
            "a b",
            &"a".repeat(254),
        ] {
            assert!(!is_subdomain(bad), "{bad}");
        }
        assert!(is_label("flux-system"));
        assert!(!is_label("a.b"));
        assert!(!is_label(&"a".repeat(64)));
    }

    #[test]
    fn kinds_and_api_versions_are_judged_as_kubernetes_does() {
        for good in ["ConfigMap", "HTTPRoute", "a", "Kind-2", "x509"] {
            assert!(is_kind(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a b",
            " A",
            "A\nB",
            "/etc/x",
            "../x",
            "A/B",
            "A.B",
            "2Kind",
            "-A",
            "A-",
            "Ä",
            "A_B",
            "A\0",
            "A\\B",
            "$(A)",
            &"a".repeat(64),
        ] {
            assert!(!is_kind(bad), "{bad:?}");
        }
        for good in ["v1", "apps/v1", "x.example.com/v1alpha1", "a/b"] {
            assert!(is_api_version(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "/v1",
            "apps/",
            "apps/v1/x",
            "../v1",
            "apps/..",
            "a b/v1",
            "Apps/v1",
            "apps/V1",
            "apps/1",
            "v1\n",
            "-/v1",
            "a..b/v1",
        ] {
            assert!(!is_api_version(bad), "{bad:?}");
        }
    }

    #[test]
    fn label_keys_and_values_are_judged_as_kubernetes_does() {
        for good in ["app", "app.kubernetes.io/name", "A_b.c-d"] {
            assert_eq!(label_key_fault(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "-a", "Ex.com/a b"] {
            assert!(label_key_fault(bad).is_some(), "{bad}");
        }
        assert_eq!(label_value_fault(""), None);
        assert_eq!(label_value_fault("v1.2_3-x"), None);
        for bad in ["a b", "-a", "a/", &"a".repeat(64)] {
            assert!(label_value_fault(bad).is_some(), "{bad}");
        }
    }
}
