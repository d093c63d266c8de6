//! Where a resource's file goes below `clusters/<name>`.

use std::sync::Arc;

use minijinja::{Captured, Environment};
use sha2::{Digest as _, Sha256};

use crate::budget::Budget;
use crate::diagnostic::Diagnostic;
use crate::expand::Variant;
use crate::expand::expression::too_long;
use crate::expand::include::normalize;
use crate::expand::{engine, guard};
use crate::files::path::is_git;
use crate::resolve::Section;
use crate::resource::Identity;
use crate::settings::Settings;
use crate::source::Span;

/// The folder that holds Flux itself; nothing else may be written there.
pub const FLUX_SYSTEM: &str = "flux-system";

/// Chooses paths.
pub(crate) struct Paths {
    template: Option<(Environment<'static>, Span)>,
    budget: Arc<Budget>,
}

/// The steps that `layout.path` may take for one resource.
const FUEL: u64 = 10_000;

/// What a path may be made of.
const VARIABLES: &str =
    "use `kind`, `namespace`, `name` and `section`, as in `{{ section }}/{{ name }}.yaml`";

impl Paths {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Diagnostic> {
        let budget = Arc::clone(&settings.budget);
        let Some(path) = &settings.layout.path else {
            return Ok(Self {
                template: None,
                budget,
            });
        };
        let mut environment = engine::environment();
        environment.set_fuel(Some(FUEL));
        if let Some(length) = too_long(&path.value) {
            return Err(Diagnostic::error(
                "layout",
                format!("`layout.path` has an expression of {length} bytes"),
            )
            .at(path.span, ""));
        }
        environment
            .add_template_owned("path", guard::template(&path.value))
            .map_err(|error| {
                Diagnostic::error(
                    "layout",
                    format!("`layout.path` is no template: {}", reason(&error)),
                )
                .at(path.span, "")
                .with_help(VARIABLES)
            })?;
        Ok(Self {
            template: Some((environment, path.span)),
            budget,
        })
    }

    /// The path of one of a variant's resources, with `/`.
    ///
    /// In the default layout all of them stand with the first: an image's policies with its repository.
    pub(crate) fn of(&self, variant: &Variant, resource: usize) -> Result<String, Diagnostic> {
        let at = if self.template.is_some() { resource } else { 0 };
        let Some(identity) = variant.resources.get(at).map(|resource| &resource.identity) else {
            return Ok(String::new());
        };
        let Some((environment, span)) = &self.template else {
            let path = default_path(variant, identity);
            return Ok(match longest_part(&path) > LONGEST_PART {
                true => shortened(&path, identity),
                false => path,
            });
        };
        let fault = |message: String, help: String| {
            Diagnostic::error("layout", message)
                .at(*span, format!("for {identity}"))
                .with_help(help)
        };
        let context = minijinja::context! {
            kind => identity.kind.to_lowercase(),
            namespace => identity.namespace.as_str(),
            name => identity.name.as_str(),
            section => variant.section.as_str(),
        };
        let rendered = environment
            .get_template("path")
            .and_then(|template| template.render_captured(context));
        self.budget
            .steps(steps(&rendered, FUEL))
            .map_err(|exceeded| exceeded.diagnostic().at(*span, "in `layout.path`"))?;
        let path = rendered.map(Captured::into_output).map_err(|error| {
            fault(
                format!("`layout.path`: {}", reason(&error)),
                VARIABLES.to_owned(),
            )
        })?;
        let normal = normalize(&path).map(camino::Utf8PathBuf::into_string);
        let is_path =
            |normal: &String| normal.len() <= 1024 && !normal.contains(|c: char| c.is_control());
        let Some(normal) = normal.filter(is_path) else {
            return Err(fault(
                format!("`{path}` is no path inside the cluster's folder"),
                "paths are relative to `clusters/<name>` and stay below it".to_owned(),
            ));
        };
        let file = normal.rsplit('/').next().unwrap_or(&normal);
        if !(file.ends_with(".yaml") || file.ends_with(".yml")) {
            return Err(fault(
                format!("`{path}` does not end in `.yaml`"),
                "Flux takes `.yaml` and `.yml` files alone: end `layout.path` in `.yaml`"
                    .to_owned(),
            ));
        }
        if file == "kustomization.yaml" || file == "kustomization.yml" {
            return Err(fault(
                format!("`{path}` would be taken for kustomize's own file"),
                "put more than the kind into the file's name: `{{ kind }}-{{ name }}.yaml`"
                    .to_owned(),
            ));
        }
        if longest_part(&normal) > LONGEST_PART {
            return Err(fault(
                format!("`{path}` has a part of more than {LONGEST_PART} characters"),
                "file systems take no longer ones: make folders of the parts, or shorten the names"
                    .to_owned(),
            ));
        }
        if normal.split('/').any(is_git) {
            return Err(fault(
                format!("`{path}` leads into a folder that is git's own"),
                "git takes no such path into a commit: choose another name for the folder"
                    .to_owned(),
            ));
        }
        let first = normal.split('/').next().unwrap_or_default();
        if first == FLUX_SYSTEM || first == variant.flux_namespace {
            return Err(fault(
                format!("`{path}` is inside `{first}`, which holds Flux itself"),
                "Flux applies of that folder only what its kustomization.yaml names: begin with another, as in `{{ section }}/{{ namespace }}-{{ name }}.yaml`"
                    .to_owned(),
            ));
        }
        Ok(normal)
    }
}

/// The longest name of a file or folder that is written, in bytes. File systems take 255.
const LONGEST_PART: usize = 255;

fn longest_part(path: &str) -> usize {
    path.split('/').map(str::len).max().unwrap_or_default()
}

/// The steps that a template took of its fuel; what fails may have taken all of it.
pub(super) fn steps(rendered: &Result<Captured<'_>, minijinja::Error>, fuel: u64) -> u64 {
    let levels = rendered
        .as_ref()
        .ok()
        .and_then(|captured| captured.state().fuel_levels());
    levels.map_or(fuel, |(used, _)| used)
}

/// A path whose file name is cut, and told apart from others by a hash of what it holds.
fn shortened(path: &str, identity: &Identity) -> String {
    const KEPT: usize = 200;
    let start = path.rfind('/').map_or(0, |slash| slash + 1);
    let stem = path.trim_end_matches(".yaml");
    let mut end = stem.len().min(start + KEPT);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let sum = Sha256::digest(format!("{} {identity}", identity.group));
    let hash: String = sum[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}.yaml", &stem[..end])
}

/// What went wrong in a template, without the name that the template has here.
pub(super) fn reason(error: &minijinja::Error) -> String {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
}

fn default_path(variant: &Variant, identity: &Identity) -> String {
    let path = default_place(variant.section, &variant.flux_namespace, identity);
    match path.strip_suffix("/kustomization.yaml") {
        // Flux would build the folder by it. No name of Kubernetes has an underscore.
        Some(folder) => format!("{folder}/kustomization_.yaml"),
        None => path,
    }
}

fn default_place(section: Section, flux_namespace: &str, identity: &Identity) -> String {
    let Identity {
        kind,
        namespace,
        name,
        ..
    } = identity;
    // Names may hold colons and other characters of RBAC that files should not.
    let safe = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect()
    };
    let kind = safe(&kind.to_lowercase());
    let name = safe(name);
    let full = match namespace.as_str() {
        "" => name.clone(),
        namespace if namespace == flux_namespace => name.clone(),
        namespace => format!("{}-{name}", safe(namespace)),
    };
    match section.as_str() {
        "kustomizations" => format!("kustomizations/{full}.yaml"),
        "helmReleases" => match namespace.as_str() {
            "" => format!("helm-releases/{name}.yaml"),
            namespace => format!("helm-releases/{}-{name}.yaml", safe(namespace)),
        },
        "images" => format!("images/{full}.yaml"),
        "imageUpdates" => format!("image-updates/{full}.yaml"),
        "artifactGenerators" => format!("artifact-generators/{full}.yaml"),
        "providers" | "alerts" | "receivers" => format!("notifications/{kind}-{full}.yaml"),
        "manifests" => format!("manifests/{kind}-{full}.yaml"),
        _ => format!("sources/{kind}-{full}.yaml"),
    }
}
