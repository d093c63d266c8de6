//! What a Flux Kustomization says of its build.

use std::collections::BTreeMap;

use super::item::text_of;
use super::kustomization::{Image, items_at};
use super::selector::Target;
use super::{Artifact, Build, CommonMetadata, InlinePatch, normalised};
use crate::node::{Node, Table};
use crate::resource::Resource;

impl Build {
    /// The build of a Flux Kustomization, of the whole repository as its artifact.
    pub fn of(kustomization: &Resource) -> Self {
        let empty = Node::new(Table::new(), crate::source::Span::BUILT_IN);
        let spec = kustomization.get(&["spec"]).unwrap_or(&empty);
        let text = |key: &str| spec.get(key).and_then(Node::as_str).map(str::to_owned);
        let substitute = texts(spec.at(&["postBuild", "substitute"]));
        let from_cluster = spec
            .at(&["postBuild", "substituteFrom"])
            .and_then(Node::as_array)
            .is_some_and(|items| !items.is_empty());
        let strategy = spec.at(&["postBuild", "substituteStrategy"]);
        let is_always = strategy.and_then(Node::as_str) == Some("Always");
        Self {
            path: normalised(spec.get("path").and_then(Node::as_str).unwrap_or_default()),
            target_namespace: text("targetNamespace").filter(|text| !text.is_empty()),
            name_prefix: text("namePrefix"),
            name_suffix: text("nameSuffix"),
            components: items_at(spec, "components")
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            ignore_missing_components: spec
                .get("ignoreMissingComponents")
                .and_then(Node::as_bool)
                .unwrap_or(false),
            images: items_at(spec, "images").iter().map(Image::of).collect(),
            patches: items_at(spec, "patches")
                .iter()
                .filter_map(|item| {
                    Some(InlinePatch {
                        patch: item.get("patch")?.as_str()?.to_owned(),
                        target: item.get("target").map(Target::of),
                    })
                })
                .collect(),
            common_metadata: CommonMetadata {
                labels: texts(spec.at(&["commonMetadata", "labels"])),
                annotations: texts(spec.at(&["commonMetadata", "annotations"])),
            },
            substitutes: !substitute.is_empty() || from_cluster || is_always,
            substitute: substitute
                .into_iter()
                // The controller takes line breaks out of values.
                .map(|(key, value)| (key, value.replace('\n', "")))
                .collect(),
            substitutes_from_cluster: from_cluster,
            artifact: Artifact::default(),
        }
    }
}

fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let table = node.and_then(Node::as_table).into_iter();
    table
        .flat_map(Table::iter)
        .map(|(key, entry)| (key.to_owned(), text_of(&entry.node).into_owned()))
        .collect()
}
