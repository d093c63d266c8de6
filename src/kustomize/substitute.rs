//! `${var}` in names, as Flux's post-build substitution would write them.

use std::collections::BTreeMap;

use crate::node::{Node, Table};
use crate::source::Span;
use crate::yaml::read_all;

/// A name after substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Substituted {
    Known(String),
    /// The variables whose values are not known here.
    Unknown(Vec<String>),
}

/// Replaces `${var}`, `${var:=default}` and `${var:-default}`; `$${` stays a dollar and a brace.
///
/// `from_cluster`: a variable without a value may get one from a ConfigMap or a Secret.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>
pub(super) fn substitute(
    text: &str,
    values: &BTreeMap<String, String>,
    from_cluster: bool,
) -> Substituted {
    let mut done = String::new();
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        let after = &after[2..];
        if let Some(escaped) = before.strip_suffix('$') {
            done.push_str(escaped);
            done.push_str("${");
            rest = after;
            continue;
        }
        done.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            done.push_str("${");
            rest = after;
            continue;
        };
        let end = inside
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(inside.len());
        let (name, operator) = inside.split_at(end);
        let default = operator
            .strip_prefix(":=")
            .or_else(|| operator.strip_prefix(":-"))
            .or_else(|| operator.strip_prefix('='))
            .or_else(|| operator.strip_prefix('-'));
        match (values.get(name), operator.is_empty(), default) {
            (Some(value), true, _) | (Some(value), _, Some(_)) => done.push_str(value),
            (None, _, Some(default)) if !from_cluster => done.push_str(default),
            _ => unknown.push(name.to_owned()),
        }
        rest = behind;
    }
    done.push_str(rest);
    if unknown.is_empty() {
        Substituted::Known(done)
    } else {
        Substituted::Unknown(unknown)
    }
}

/// The variables in a file's values that have neither a value nor a default.
///
/// Documents that Flux leaves alone are passed over, as is a file that is no YAML.
pub(crate) fn unset_variables(text: &str, values: &BTreeMap<String, String>) -> Vec<String> {
    let mut unset = Vec::new();
    for document in read_all(text, Span::BUILT_IN.file).unwrap_or_default() {
        let is_left_alone = ["annotations", "labels"].iter().any(|holder| {
            let value = document.at(&["metadata", holder, SUBSTITUTE]);
            value.and_then(Node::as_str) == Some("disabled")
        });
        if !is_left_alone {
            collect(&document, values, &mut unset);
        }
    }
    unset.sort();
    unset.dedup();
    unset
}

const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";

fn collect(node: &Node, values: &BTreeMap<String, String>, unset: &mut Vec<String>) {
    let mut text = |text: &str| {
        let names = required(text).into_iter();
        unset.extend(names.filter(|name| !values.contains_key(name)));
    };
    if let Some(value) = node.as_str() {
        text(value);
    }
    for (key, _) in node.as_table().into_iter().flat_map(Table::iter) {
        text(key);
    }
    for (_, entry) in node.as_table().into_iter().flat_map(Table::iter) {
        collect(&entry.node, values, unset);
    }
    for item in node.as_array().unwrap_or_default() {
        collect(item, values, unset);
    }
}

/// The variables of a text that have to have a value: those without a default.
///
/// From Flux 2.9 on a build fails for each that has none. What is no variable, as `${{ x }}`, and what
/// stands inside a default are left out.
pub(super) fn required(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let is_escaped = rest[..start].ends_with('$');
        rest = &rest[start + 2..];
        if is_escaped {
            continue;
        }
        let Some((inside, behind)) = rest.split_once('}') else {
            break;
        };
        let end = inside
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(inside.len());
        let (name, operator) = inside.split_at(end);
        // Upper and lower case, cuts and replacements: none of them gives a value.
        let is_change = operator.starts_with(['^', ',', '#', '%', '/']);
        let is_slice = operator
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
        if !name.is_empty() && (operator.is_empty() || is_change || is_slice) {
            found.push(name.to_owned());
        }
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_without_a_default_has_to_have_a_value() {
        // As fluxcd/pkg/envsubst answers in its strict mode.
        for (text, expected) in [
            ("a ${b} ${c}d", &["b", "c"][..]),
            ("${a:=x} ${b:-y} ${c=z} ${d-z}", &[]),
            ("$${a} $a {{ .b }} ${{ c }}", &[]),
            ("${a^^} ${b,} ${c:0:3} ${d/x/y}", &["a", "b", "c", "d"]),
            ("${1} ${open", &["1"]),
        ] {
            assert_eq!(required(text), expected, "{text}");
        }
    }

    #[test]
    fn values_defaults_and_escapes_are_followed() {
        let values = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        let known = |text| substitute(text, &values, false);
        assert_eq!(known("a-${env}"), Substituted::Known("a-prod".to_owned()));
        assert_eq!(known("${x:=dev}-b"), Substituted::Known("dev-b".to_owned()));
        assert_eq!(known("$${env}"), Substituted::Known("${env}".to_owned()));
        assert_eq!(known("${open"), Substituted::Known("${open".to_owned()));
        assert_eq!(known("${x}"), Substituted::Unknown(vec!["x".to_owned()]));
        assert_eq!(
            substitute("${x:=dev}", &values, true),
            Substituted::Unknown(vec!["x".to_owned()])
        );
    }
}
