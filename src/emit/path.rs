//! Where a resource's file goes below `clusters/<name>`.

use minijinja::{Environment, UndefinedBehavior};

use crate::diagnostic::Diagnostic;
use crate::expand::Variant;
use crate::expand::include::normalize;
use crate::resolve::Section;
use crate::resource::Identity;
use crate::settings::{DEFAULT_NAMESPACE, Layout};
use crate::source::Span;

/// The folder that holds Flux itself; nothing else may be written there.
pub const FLUX_SYSTEM: &str = "flux-system";

/// Chooses paths.
pub(crate) struct Paths {
    template: Option<(Environment<'static>, Span)>,
}

impl Paths {
    pub(crate) fn new(layout: &Layout) -> Result<Self, Diagnostic> {
        let Some(path) = &layout.path else {
            return Ok(Self { template: None });
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(10_000));
        environment
            .add_template_owned("path", path.value.clone())
            .map_err(|error| {
                Diagnostic::error("layout", format!("`layout.path` is no template: {error}"))
                    .at(path.span, "")
            })?;
        Ok(Self {
            template: Some((environment, path.span)),
        })
    }

    /// The path of all of a variant's resources, with `/`.
    pub(crate) fn of(&self, variant: &Variant) -> Result<String, Diagnostic> {
        let Some(identity) = variant.resources.first().map(|resource| &resource.identity) else {
            return Ok(String::new());
        };
        let Some((environment, span)) = &self.template else {
            return Ok(default_path(variant.section, identity));
        };
        let fault = |message: String| {
            Diagnostic::error("layout", message)
                .at(*span, format!("for {identity}"))
                .with_help("use `kind`, `namespace`, `name` and `section`: `{{ namespace }}/{{ name }}.yaml`")
        };
        let context = minijinja::context! {
            kind => identity.kind.to_lowercase(),
            namespace => identity.namespace.as_str(),
            name => identity.name.as_str(),
            section => variant.section.as_str(),
        };
        let path = environment
            .get_template("path")
            .and_then(|template| template.render(context))
            .map_err(|error| fault(format!("`layout.path`: {error}")))?;
        let normal = normalize(&path).map(camino::Utf8PathBuf::into_string);
        let Some(normal) = normal.filter(|normal| normal.len() <= 1024) else {
            return Err(fault(format!(
                "`{path}` is no path inside the cluster's folder"
            )));
        };
        if !(normal.ends_with(".yaml") || normal.ends_with(".yml")) {
            return Err(fault(format!("`{path}` does not end in `.yaml`")));
        }
        if normal.ends_with("kustomization.yaml") || normal.ends_with("kustomization.yml") {
            return Err(fault(format!(
                "`{path}` would be taken for a kustomization"
            )));
        }
        if normal.split('/').next() == Some(FLUX_SYSTEM) {
            return Err(fault(format!(
                "`{path}` is inside `{FLUX_SYSTEM}`, which holds Flux itself"
            )));
        }
        Ok(normal)
    }
}

fn default_path(section: Section, identity: &Identity) -> String {
    let Identity {
        kind,
        namespace,
        name,
        ..
    } = identity;
    let kind = kind.to_lowercase();
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
    let name = safe(name);
    let full = match namespace.as_str() {
        DEFAULT_NAMESPACE | "" => name.clone(),
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
