//! A `kustomization.yaml`, as kustomize reads it.

use super::Fault;
use super::generate::{Generator, generator};
use super::item::text_of;
use super::patch::{Patch, Text};
use super::replacement::{self, Replacement};
use super::selector::Target;
use crate::node::{Node, Table, Value};
use crate::source::{FileId, Span};
use crate::yaml::read_all;

pub(super) const FILE_NAMES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Every field; in a base, kustomize refuses others.
const FIELDS: [&str; 35] = [
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
    "inventory",
];

#[derive(Debug, Clone, Default)]
pub(super) struct Kustomization {
    /// Where it is; a generated one is nowhere.
    pub(super) span: Option<Span>,
    pub(super) is_component: bool,
    /// `resources`, and the deprecated `bases`.
    pub(super) resources: Vec<(String, Span)>,
    pub(super) components: Vec<(String, Span)>,
    pub(super) namespace: Option<String>,
    pub(super) name_prefix: Option<String>,
    pub(super) name_suffix: Option<String>,
    pub(super) labels: Vec<Labels>,
    pub(super) annotations: Vec<(String, Node)>,
    pub(super) generators: Vec<Generator>,
    /// `patchesStrategicMerge` first, then `patches`.
    pub(super) patches: Vec<Patch>,
    /// `patchesJson6902`, which come after namespaces, names, labels and annotations.
    pub(super) late_patches: Vec<Patch>,
    pub(super) images: Vec<Image>,
    pub(super) replicas: Vec<(String, Node)>,
    pub(super) replacements: Vec<Replacement>,
    /// Files with settings of transformers.
    pub(super) configurations: Vec<(String, Span)>,
    /// Fields whose effect is not followed here.
    pub(super) unknown: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    pub(super) pairs: Vec<(String, Node)>,
    pub(super) in_selectors: bool,
    pub(super) in_templates: bool,
}

/// One of `images`, which writes over the images of containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Image {
    pub name: String,
    pub new_name: String,
    pub new_tag: String,
    pub digest: String,
}

impl Image {
    pub(crate) fn of(node: &Node) -> Self {
        let text = |key: &str| node.get(key).map(text_of).unwrap_or_default().into_owned();
        Self {
            name: text("name"),
            new_name: text("newName"),
            new_tag: text("newTag"),
            digest: text("digest"),
        }
    }
}

/// Reads a kustomization file. `is_root`: it is that of the Flux Kustomization's own folder, which
/// Flux reads and writes itself: unknown fields are lost on the way, and it may be empty.
pub(super) fn read(text: &str, file: FileId, is_root: bool) -> Result<Kustomization, Fault> {
    let start = Span::new(file, 0..0);
    let documents = read_all(text, file)
        .map_err(|error| Fault::at(format!("it is not YAML: {}", error.message), error.span))?;
    let yaml = match documents.into_iter().next() {
        Some(yaml) => yaml,
        None if is_root => return Ok(Kustomization::default()),
        None => return Err(Fault::at("it is empty".to_owned(), start)),
    };
    let Some(table) = yaml.as_table() else {
        return Err(Fault::at("it is not a mapping".to_owned(), yaml.span));
    };
    let kind = yaml.get("kind").and_then(Node::as_str);
    if let Some(kind) = kind
        && !matches!(kind, "Kustomization" | "Component")
    {
        return Err(Fault::at(
            format!("`{kind}` is not a kind of kustomize"),
            yaml.span,
        ));
    }
    if !is_root {
        check_fields(table, yaml.span)?;
    }
    check_types(table)?;
    let mut read = Kustomization {
        span: Some(yaml.span),
        is_component: kind == Some("Component"),
        namespace: text_at(&yaml, "namespace"),
        name_prefix: text_at(&yaml, "namePrefix"),
        name_suffix: text_at(&yaml, "nameSuffix"),
        resources: texts_at(&yaml, "resources"),
        components: texts_at(&yaml, "components"),
        configurations: texts_at(&yaml, "configurations"),
        annotations: pairs(yaml.get("commonAnnotations")),
        images: items_at(&yaml, "images").iter().map(Image::of).collect(),
        ..Kustomization::default()
    };
    read.resources.extend(texts_at(&yaml, "bases"));
    for labels in items_at(&yaml, "labels") {
        let flag = |key: &str| labels.get(key).and_then(Node::as_bool) == Some(true);
        read.labels.push(Labels {
            pairs: pairs(labels.get("pairs")),
            in_selectors: flag("includeSelectors"),
            in_templates: flag("includeTemplates"),
        });
        if labels.get("fields").is_some() {
            read.unknown
                .push("`labels` with `fields` is not followed".to_owned());
        }
    }
    let common = pairs(yaml.get("commonLabels"));
    if !common.is_empty() {
        read.labels.push(Labels {
            pairs: common,
            in_selectors: true,
            in_templates: true,
        });
    }
    for replica in items_at(&yaml, "replicas") {
        if let (Some(name), Some(count)) = (text_at(replica, "name"), replica.get("count")) {
            read.replicas.push((name, count.clone()));
        }
    }
    generators(&yaml, &mut read);
    patches(&yaml, &mut read);
    for node in items_at(&yaml, "replacements") {
        read.replacements.push(replacement::read(node));
    }
    for field in [
        "generators",
        "transformers",
        "helmCharts",
        "helmChartInflationGenerator",
        "vars",
    ] {
        if !items_at(&yaml, field).is_empty() {
            read.unknown.push(format!("`{field}` is not followed"));
        }
    }
    Ok(read)
}

fn check_fields(table: &Table, place: Span) -> Result<(), Fault> {
    for (key, entry) in table.iter() {
        if !FIELDS.contains(&key) {
            let message = format!("`{key}` is not a field of a kustomization file");
            return Err(Fault::at(message, entry.key));
        }
    }
    match table
        .keys()
        .any(|key| !matches!(key, "apiVersion" | "kind"))
    {
        true => Ok(()),
        false => Err(Fault::at("it is empty".to_owned(), place)),
    }
}

/// Fields of another type than kustomize's are refused.
fn check_types(table: &Table) -> Result<(), Fault> {
    const TEXTS: [&str; 3] = ["namespace", "namePrefix", "nameSuffix"];
    const LISTS: [&str; 13] = [
        "resources",
        "components",
        "bases",
        "crds",
        "configurations",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "images",
        "replicas",
        "replacements",
        "configMapGenerator",
        "secretGenerator",
    ];
    const LISTS_OF_TEXTS: [&str; 5] =
        ["resources", "components", "bases", "crds", "configurations"];
    for (key, entry) in table.iter() {
        let value = entry.node.value.scalar();
        let refuse = |wanted: &str, span: Span| {
            let message = format!("`{key}` is {}, not {wanted}", value.type_name());
            Err(Fault::at(message, span))
        };
        if matches!(value, Value::Null) {
            continue;
        }
        if TEXTS.contains(&key) && entry.node.as_str().is_none() {
            return refuse("a string", entry.node.span);
        }
        let items = entry.node.as_array();
        if LISTS.contains(&key) && items.is_none() {
            return refuse("a list", entry.node.span);
        }
        let is_text = |item: &Node| matches!(item.value, Value::String(_) | Value::Null);
        let other = items.unwrap_or_default().iter().find(|item| !is_text(item));
        if let Some(other) = other.filter(|_| LISTS_OF_TEXTS.contains(&key)) {
            return refuse("a list of strings", other.span);
        }
    }
    Ok(())
}

fn generators(yaml: &Node, read: &mut Kustomization) {
    let options = yaml.get("generatorOptions");
    // Kustomize makes Secrets first.
    for (field, kind) in [
        ("secretGenerator", "Secret"),
        ("configMapGenerator", "ConfigMap"),
    ] {
        for node in items_at(yaml, field) {
            read.generators.push(generator(node, kind, options));
        }
    }
}

fn patches(yaml: &Node, read: &mut Kustomization) {
    for node in items_at(yaml, "patchesStrategicMerge") {
        let patch = match node.value.scalar() {
            Value::String(text) if text.contains('\n') => Text::Inline(text.clone(), node.span),
            Value::String(path) => Text::File(path.clone(), node.span),
            _ => Text::Read(node.clone()),
        };
        read.patches.push(Patch {
            text: patch,
            ..Patch::default()
        });
    }
    let one = |node: &Node| {
        let text = match (node.get("path"), node.get("patch")) {
            (Some(path), None) => Text::File(text_of(path).into_owned(), path.span),
            (None, Some(patch)) => match patch.as_str() {
                Some(text) => Text::Inline(text.to_owned(), patch.span),
                None => Text::Read(patch.clone()),
            },
            _ => Text::Inline(String::new(), node.span),
        };
        let flag = |key: &str| {
            let value = node.at(&["options", key]);
            value.and_then(Node::as_bool) == Some(true)
        };
        Patch {
            text,
            target: node.get("target").map(Target::of),
            may_change_name: flag("allowNameChange"),
            may_change_kind: flag("allowKindChange"),
        }
    };
    read.patches
        .extend(items_at(yaml, "patches").iter().map(one));
    let late = items_at(yaml, "patchesJson6902");
    read.late_patches.extend(late.iter().map(one));
}

fn pairs(node: Option<&Node>) -> Vec<(String, Node)> {
    let table = node.and_then(Node::as_table).into_iter();
    table
        .flat_map(Table::iter)
        .map(|(key, entry)| {
            let text = text_of(&entry.node).into_owned();
            (key.to_owned(), Node::new(text, entry.node.span))
        })
        .collect()
}

pub(super) fn text_at(node: &Node, key: &str) -> Option<String> {
    let text = text_of(node.get(key)?);
    (!text.is_empty()).then(|| text.into_owned())
}

pub(super) fn items_at<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::as_array).unwrap_or_default()
}

pub(super) fn texts_at(node: &Node, key: &str) -> Vec<(String, Span)> {
    let items = items_at(node, key).iter();
    items
        .filter_map(|item| Some((item.as_str()?.to_owned(), item.span)))
        .collect()
}
