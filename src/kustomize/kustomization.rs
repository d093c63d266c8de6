//! A `kustomization.yaml` as far as it decides which objects there are and what they are called.

use serde_yaml::Value as Yaml;

use super::document::disables_substitution;
use super::{InlinePatch, Target};

pub(super) const FILE_NAMES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

#[derive(Debug, Clone, Default)]
pub(super) struct Kustomization {
    pub(super) is_component: bool,
    /// `resources`, and the deprecated `bases`.
    pub(super) resources: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) namespace: Option<String>,
    pub(super) name_prefix: Option<String>,
    pub(super) name_suffix: Option<String>,
    /// `images`, which write over the images of containers.
    pub(super) has_images: bool,
    pub(super) generated: Vec<Generated>,
    pub(super) patches: Vec<Patch>,
    /// Common labels and annotations, for those that keep an object from being pruned.
    pub(super) marks: Vec<(String, String)>,
    /// Fields whose effect is not followed here.
    pub(super) unknown: Vec<String>,
}

/// A ConfigMap or Secret that a generator makes.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) namespace: String,
    /// It changes one that a base generates, and makes none.
    pub(super) merges: bool,
    /// The name ends in a hash of the contents.
    pub(super) has_hash: bool,
    /// Files whose texts it holds; those of a Secret are encoded and of no interest here.
    pub(super) files: Vec<String>,
    pub(super) literals: Vec<String>,
    pub(super) substitute_disabled: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Patch {
    Inline(InlinePatch),
    File {
        path: String,
        target: Option<Target>,
    },
}

/// Reads a kustomization file; the error says why kustomize would refuse it.
pub(super) fn read(text: &str) -> Result<Kustomization, String> {
    let yaml: Yaml =
        serde_yaml::from_str(text).map_err(|error| format!("it is not YAML: {error}"))?;
    if yaml.is_null() {
        return Err("it is empty".to_owned());
    }
    if !yaml.is_mapping() {
        return Err("it is no table".to_owned());
    }
    let mut read = Kustomization {
        is_component: yaml.get("kind").and_then(Yaml::as_str) == Some("Component"),
        namespace: text_of(&yaml, "namespace"),
        name_prefix: text_of(&yaml, "namePrefix"),
        name_suffix: text_of(&yaml, "nameSuffix"),
        ..Kustomization::default()
    };
    read.resources = texts_of(&yaml, "resources");
    read.resources.extend(texts_of(&yaml, "bases"));
    read.components = texts_of(&yaml, "components");

    read.has_images = !items_of(&yaml, "images").is_empty();
    let options = yaml.get("generatorOptions");
    for (field, kind) in [
        ("configMapGenerator", "ConfigMap"),
        ("secretGenerator", "Secret"),
    ] {
        for generator in items_of(&yaml, field) {
            let Some(name) = text_of(generator, "name") else {
                continue;
            };
            let without_hash = |options: Option<&Yaml>| {
                options
                    .and_then(|it| it.get("disableNameSuffixHash"))
                    .and_then(Yaml::as_bool)
                    .unwrap_or(false)
            };
            let behavior = text_of(generator, "behavior").unwrap_or_default();
            let is_text = kind == "ConfigMap";
            let mut files = texts_of(generator, "files");
            files.extend(texts_of(generator, "envs"));
            files.extend(text_of(generator, "env"));
            let files = files.iter().filter(|_| is_text).map(|file| {
                let path = file.split_once('=').map_or(file.as_str(), |(_, path)| path);
                path.to_owned()
            });
            let mut marks_of = Vec::new();
            for options in [options, generator.get("options")].into_iter().flatten() {
                marks(options.get("annotations"), &mut marks_of);
                marks(options.get("labels"), &mut marks_of);
            }
            read.generated.push(Generated {
                files: files.collect(),
                literals: match is_text {
                    true => texts_of(generator, "literals"),
                    false => Vec::new(),
                },
                substitute_disabled: marks_of
                    .iter()
                    .any(|(key, value)| disables_substitution(key, value)),
                kind,
                name,
                namespace: text_of(generator, "namespace").unwrap_or_default(),
                merges: matches!(behavior.as_str(), "merge" | "replace"),
                has_hash: !without_hash(options) && !without_hash(generator.get("options")),
            });
        }
    }

    for patch in items_of(&yaml, "patches")
        .iter()
        .chain(items_of(&yaml, "patchesJson6902"))
    {
        let target = patch.get("target").map(target);
        if let Some(path) = text_of(patch, "path") {
            read.patches.push(Patch::File { path, target });
        } else if let Some(patch) = text_of(patch, "patch") {
            read.patches
                .push(Patch::Inline(InlinePatch { patch, target }));
        }
        if patch
            .get("options")
            .and_then(|it| it.get("allowNameChange"))
            .and_then(Yaml::as_bool)
            .unwrap_or(false)
        {
            read.unknown.push("a patch may change names".to_owned());
        }
    }
    for patch in texts_of(&yaml, "patchesStrategicMerge") {
        read.patches.push(if patch.contains('\n') {
            Patch::Inline(InlinePatch {
                patch,
                target: None,
            })
        } else {
            Patch::File {
                path: patch,
                target: None,
            }
        });
    }

    for field in ["commonAnnotations", "commonLabels"] {
        marks(yaml.get(field), &mut read.marks);
    }
    for labels in items_of(&yaml, "labels") {
        marks(labels.get("pairs"), &mut read.marks);
    }

    for field in [
        "generators",
        "transformers",
        "helmCharts",
        "helmChartInflationGenerator",
    ] {
        if !items_of(&yaml, field).is_empty() {
            read.unknown.push(format!("`{field}` is not followed"));
        }
    }
    let renames = items_of(&yaml, "replacements")
        .iter()
        .flat_map(|replacement| items_of(replacement, "targets"))
        .flat_map(|target| texts_of(target, "fieldPaths"))
        .any(|path| matches!(path.as_str(), "metadata.name" | "metadata.namespace"));
    if renames {
        read.unknown
            .push("a replacement changes names or namespaces".to_owned());
    }
    Ok(read)
}

pub(super) fn target(yaml: &Yaml) -> Target {
    Target {
        group: text_of(yaml, "group"),
        kind: text_of(yaml, "kind"),
        namespace: text_of(yaml, "namespace"),
        name: text_of(yaml, "name"),
        has_selector: yaml.get("labelSelector").is_some()
            || yaml.get("annotationSelector").is_some(),
    }
}

fn marks(yaml: Option<&Yaml>, marks: &mut Vec<(String, String)>) {
    for (key, value) in yaml.and_then(Yaml::as_mapping).into_iter().flatten() {
        if let (Some(key), Some(value)) = (key.as_str(), value.as_str()) {
            marks.push((key.to_owned(), value.to_owned()));
        }
    }
}

fn text_of(yaml: &Yaml, key: &str) -> Option<String> {
    yaml.get(key)
        .and_then(Yaml::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn items_of<'yaml>(yaml: &'yaml Yaml, key: &str) -> &'yaml [Yaml] {
    yaml.get(key)
        .and_then(Yaml::as_sequence)
        .map_or(&[], Vec::as_slice)
}

fn texts_of(yaml: &Yaml, key: &str) -> Vec<String> {
    items_of(yaml, key)
        .iter()
        .filter_map(Yaml::as_str)
        .map(str::to_owned)
        .collect()
}
