//! The policy and filter that an ImagePolicy holds, and where their parts stand in the TOML file.

use crate::node::Node;
use crate::resource::{Identity, Resource};
use crate::source::Span;

use super::lint::Field;
use super::policy::{Filter, Policy, PolicyError};

/// The kind that is read here.
pub const KIND: &str = "ImagePolicy";

/// The API group of image automation. OpenShift has an `ImagePolicy` in another.
pub const GROUP: &str = "image.toolkit.fluxcd.io";

/// What of an ImagePolicy is evaluated.
#[derive(Debug, Clone)]
pub struct Spec {
    pub policy: Policy,
    pub filter: Option<Filter>,
}

/// Reads an ImagePolicy's spec; `None` where it holds no policy, which its schema tells.
pub fn read(resource: &Resource) -> Option<Result<Spec, PolicyError>> {
    let choice = resource.get(&["spec", "policy"])?;
    let order = |kind: &str| {
        let table = choice.get(kind)?;
        Some(
            table
                .get("order")
                .and_then(Node::as_str)
                .unwrap_or_default(),
        )
    };
    let range = choice.get("semver").and_then(|semver| semver.get("range"));
    let policy = if let Some(range) = range.and_then(Node::as_str) {
        Policy::semver(range)
    } else if let Some(order) = order("alphabetical") {
        Policy::alphabetical(order)
    } else {
        Policy::numerical(order("numerical")?)
    };
    let text = |key: &str| {
        resource
            .get(&["spec", "filterTags", key])
            .and_then(Node::as_str)
    };
    let filter = text("pattern")
        .map(|pattern| Filter::new(pattern, text("extract").unwrap_or_default()))
        .transpose();
    Some(policy.and_then(|policy| {
        Ok(Spec {
            policy,
            filter: filter?,
        })
    }))
}

/// Where a part of a policy stands; the nearest part above it where it is left out.
pub fn place(resource: &Resource, field: Field) -> Option<Span> {
    let paths: &[&[&str]] = match field {
        Field::Range => &[&["spec", "policy", "semver", "range"]],
        Field::Order => &[
            &["spec", "policy", "alphabetical", "order"],
            &["spec", "policy", "numerical", "order"],
        ],
        Field::Policy => &[],
        Field::Pattern => &[&["spec", "filterTags", "pattern"]],
        Field::Extract => &[&["spec", "filterTags", "extract"], &["spec", "filterTags"]],
    };
    let node = paths.iter().find_map(|path| resource.get(path));
    let node = node.or_else(|| resource.get(&["spec", "policy"]))?;
    Some(node.span)
}

/// The ImageRepository that a policy takes its tags from.
pub fn repository_of(policy: &Resource) -> Option<Identity> {
    let reference = policy.get(&["spec", "imageRepositoryRef"])?;
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    Some(Identity {
        group: policy.identity.group.clone(),
        kind: "ImageRepository".to_owned(),
        namespace: text("namespace")
            .unwrap_or(&policy.identity.namespace)
            .to_owned(),
        name: text("name")?.to_owned(),
    })
}

/// Where a policy says which image it is for.
pub fn image_place(policy: &Resource) -> Option<Span> {
    let span = policy.get(&["spec", "imageRepositoryRef"])?.span;
    (!span.is_built_in()).then_some(span)
}
