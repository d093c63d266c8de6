//! A marked value against its policy.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::evaluate;
use crate::image::lint::Field;
use crate::image::reference::Repository;
use crate::image::spec::{self, Spec};
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::source::Span;

/// A policy of a cluster; nothing more is known of those whose resource is not here.
#[derive(Default)]
pub(super) struct Policy<'a> {
    pub resource: Option<&'a Resource>,
    pub spec: Option<Arc<Spec>>,
    pub image: Option<Repository>,
    /// Whether the TOML file defines it.
    pub is_generated: bool,
}

/// A marked scalar in its document.
#[derive(Clone, Copy)]
pub(super) struct Marked<'a> {
    pub text: &'a str,
    /// `tag`, `name`, `digest`, or empty for the whole image.
    pub part: &'a str,
    /// Its key and the table that it is in, unless it is an item of a list.
    pub beside: Option<(&'a str, &'a Table)>,
}

/// Which policy can have picked which tag; clusters share both.
pub(super) type Picks = HashMap<(*const Spec, String), bool>;

fn can_pick(spec: &Arc<Spec>, tag: &str, picks: &mut Picks) -> bool {
    let pick = picks.entry((Arc::as_ptr(spec), tag.to_owned()));
    *pick.or_insert_with(|| {
        let evaluation = evaluate(&spec.policy, spec.filter.as_ref(), &[tag.to_owned()]);
        let candidates = evaluation.outcome.candidates();
        candidates.iter().any(|candidate| candidate == tag)
    })
}

/// What a marked value says against its policy.
pub(super) fn judge(
    policy: &Policy<'_>,
    marked: Marked<'_>,
    picks: &mut Picks,
) -> Option<Diagnostic> {
    let resource = policy.resource?;
    let whole = marked.text.split('@').next().unwrap_or_default();
    let (image, tag) = match marked.part {
        "tag" => (None, Some(marked.text)),
        "name" => (Some(marked.text), None),
        "digest" => return no_digest(resource),
        _ => match whole.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((image, tag)) => (Some(image), Some(tag)),
            None => (Some(whole), None),
        },
    };
    if let (Some(image), Some(known)) = (image, &policy.image)
        && Repository::parse(image).is_ok_and(|image| image != *known)
    {
        return Some(other_image(Diagnostic::error, image, known, resource));
    }
    if marked.part == "tag"
        && let (Some((key, table)), Some(known)) = (marked.beside, &policy.image)
        && let Some(image) = image_beside(key, table)
        && !is_same_image(&image, known)
    {
        // The tags of a mirror may be those that count.
        return Some(other_image(Diagnostic::warning, &image, known, resource));
    }
    let (tag, spec) = (tag?, policy.spec.as_ref()?);
    if can_pick(spec, tag, picks) {
        return None;
    }
    let place = spec::place(resource, Field::Policy).filter(|place| !place.is_built_in());
    let message = format!(
        "the policy `{}` cannot have picked `{tag}`",
        resource.identity.name
    );
    Some(
        Diagnostic::warning("image-tag-not-of-policy", message)
            .at(
                place.unwrap_or(resource.node.span),
                format!("the policy: {}", spec.policy),
            )
            .with_help("change the policy or its filter, or set a value that it would pick"),
    )
}

fn other_image(
    severity: fn(&'static str, String) -> Diagnostic,
    image: &str,
    known: &Repository,
    policy: &Resource,
) -> Diagnostic {
    let place = spec::image_place(policy).unwrap_or(policy.node.span);
    let name = &policy.identity.name;
    let message = format!("`{image}` is not the image of the policy `{name}`, `{known}`");
    severity("image-marker-other-image", message)
        .at(place, "the policy")
        .with_help("mark the value with the policy of its own image")
}

/// Without a digest in the policy's status the setter writes an empty text.
///
/// Source: <https://fluxcd.io/flux/components/image/imagepolicies/#digest-reflection>
fn no_digest(policy: &Resource) -> Option<Diagnostic> {
    let reflection = policy.get(&["spec", "digestReflectionPolicy"]);
    if reflection
        .and_then(Node::as_str)
        .is_some_and(|reflection| reflection != "Never")
    {
        return None;
    }
    let place = reflection
        .map(|node| node.span)
        .filter(|place| !place.is_built_in());
    let name = &policy.identity.name;
    let message =
        format!("the policy `{name}` reports no digest, and the value would be set to nothing");
    Some(
        Diagnostic::error("image-marker-without-digest", message)
            .at(place.unwrap_or(policy.node.span), "the policy")
            .with_help("set `digestReflectionPolicy = \"IfNotPresent\"` on the image"),
    )
}

/// The image whose tag a key holds, as charts and kustomize write it.
fn image_beside(key: &str, table: &Table) -> Option<String> {
    let plain = |key: &str| match &table.get(key)?.value {
        Value::String(text) => Some(text.as_str()),
        // What is marked itself is judged by itself.
        _ => None,
    };
    match key {
        "newTag" if table.contains("newName") => plain("newName").map(str::to_owned),
        "newTag" => plain("name")
            .filter(|name| name.contains('/'))
            .map(str::to_owned),
        "tag" => {
            let repository = plain("repository").filter(|repository| !repository.contains("${"))?;
            match plain("registry").filter(|registry| !registry.is_empty()) {
                Some(registry) => Some(format!("{registry}/{repository}")),
                None => repository.contains('/').then(|| repository.to_owned()),
            }
        }
        _ => None,
    }
}

/// A chart may have the registry's host, and more, as a default of its own.
fn is_same_image(image: &str, known: &Repository) -> bool {
    let Ok(parsed) = Repository::parse(image) else {
        return true;
    };
    let whole = format!("{}/{}", known.host, known.path);
    parsed == *known || whole.ends_with(&format!("/{image}"))
}

/// A marked scalar's place in its document.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    pub span: Span,
    /// Its key and the table that it is in, unless it is an item of a list.
    pub beside: Option<(&'n str, &'n Table)>,
    /// It is a string, and no number or boolean.
    pub is_text: bool,
}

/// The marked scalars of documents.
pub(super) fn places(documents: &[Arc<Node>]) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    for document in documents {
        collect(document, None, &mut found);
    }
    found
}

fn collect<'n>(node: &'n Node, beside: Option<(&'n str, &'n Table)>, found: &mut Vec<Place<'n>>) {
    match &node.value {
        Value::Marked(marked) => found.push(Place {
            span: node.span,
            beside,
            is_text: matches!(marked.value, Value::String(_)),
        }),
        Value::Table(table) => table
            .iter()
            .for_each(|(key, entry)| collect(&entry.node, Some((key, table)), found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, None, found)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn the_image_of_a_tag_stands_beside_it() {
        let file = Sources::default().add("", "");
        for (text, key, image) in [
            ("{name: podinfo, newTag: 1}", "newTag", None),
            ("{name: a.io/b/c, newTag: 1}", "newTag", Some("a.io/b/c")),
            (
                "{name: a.io/b/c, newName: d.io/e, newTag: 1}",
                "newTag",
                Some("d.io/e"),
            ),
            ("{repository: a.io/b, tag: 1}", "tag", Some("a.io/b")),
            (
                "{registry: a.io, repository: b, tag: 1}",
                "tag",
                Some("a.io/b"),
            ),
            (
                "{registry: \"\", repository: b/c, tag: 1}",
                "tag",
                Some("b/c"),
            ),
            ("{repository: app, tag: 1}", "tag", None),
            ("{repository: \"${r}/app\", tag: 1}", "tag", None),
            ("{repository: a.io/b, version: 1}", "version", None),
        ] {
            let documents = crate::yaml::read_all(text, file).expect("YAML");
            let table = documents[0].as_table().expect("a table");
            assert_eq!(image_beside(key, table).as_deref(), image, "{text}");
        }
    }

    #[test]
    fn a_chart_may_have_the_registry_as_a_default() {
        let known = Repository::parse("ghcr.io/stefanprodan/podinfo").expect("an image");
        for same in [
            "ghcr.io/stefanprodan/podinfo",
            "stefanprodan/podinfo",
            "not an image",
        ] {
            assert!(is_same_image(same, &known), "{same}");
        }
        for other in [
            "docker.io/stefanprodan/podinfo",
            "prodan/podinfo",
            "ghcr.io/acme/podinfo",
        ] {
            assert!(!is_same_image(other, &known), "{other}");
        }
    }
}
