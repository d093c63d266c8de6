//! What the objects of a distribution say of themselves: whether they are Flux, and of which version.

use semver::Version;

use crate::install::{Document, InstallError};
use crate::node::Node;
use crate::settings::flux::COMPONENTS;

/// The comment in which the flux command names the version.
const COMMENT: &str = "# Flux Version:";

/// A version that was found and how it is known, if not by its name.
struct Found {
    version: String,
    because: String,
}

/// Refuses objects of another version than `version`. Where they do not say, they are believed.
///
/// `name` is the distribution's, for messages. Builds of others carry suffixes, so numbers alone are compared.
pub(super) fn check_version(
    name: &str,
    text: &str,
    documents: &[&Document],
    version: &Version,
) -> Result<(), InstallError> {
    let whole = stated(text)
        .into_iter()
        .chain(documents.iter().filter_map(|it| labelled(it)));
    let mut is_stated = false;
    for found in whole {
        let Some(core) = numbers(found) else { continue };
        is_stated = true;
        if (core.major, core.minor, core.patch) != (version.major, version.minor, version.patch) {
            return Err(other(
                name,
                version,
                Found {
                    version: numbers_of(&core),
                    because: String::new(),
                },
            ));
        }
    }
    if is_stated {
        return Ok(());
    }
    let by_image = documents
        .iter()
        .find_map(|document| of_image(document, version));
    match by_image {
        Some(found) => Err(other(name, version, found)),
        None => Ok(()),
    }
}

fn other(name: &str, version: &Version, found: Found) -> InstallError {
    InstallError::Version {
        name: name.to_owned(),
        found: found.version,
        because: found.because,
        version: version.to_string(),
    }
}

/// The version in the comments at the top of a manifest.
fn stated(text: &str) -> Option<&str> {
    let lines = text.lines().map(str::trim_end);
    let mut comments =
        lines.take_while(|line| line.is_empty() || line.starts_with('#') || *line == "---");
    comments
        .find_map(|line| line.strip_prefix(COMMENT))
        .map(str::trim)
}

/// The version label of an object that is Flux's.
fn labelled(document: &Document) -> Option<&str> {
    let labels = document.at(&["metadata", "labels"])?;
    let label = |name: &str| labels.get(name).and_then(Node::as_str);
    let is_flux = match label("app.kubernetes.io/part-of") {
        Some(part) => part == "flux",
        None => is_controller(document) || is_definition(document),
    };
    label("app.kubernetes.io/version").filter(|_| is_flux)
}

/// What the image of a controller says: source-controller and kustomize-controller 1.N belong to Flux 2.N.
///
/// Source: <https://github.com/fluxcd/flux2/releases>, since Flux 2.0.
fn of_image(document: &Document, version: &Version) -> Option<Found> {
    let component = document.name();
    if document.kind() != "Deployment"
        || !["source-controller", "kustomize-controller"].contains(&component)
    {
        return None;
    }
    let pod = document.at(&["spec", "template", "spec", "containers"])?;
    let containers = pod.as_array()?.iter();
    let mut images =
        containers.filter_map(|container| container.get("image").and_then(Node::as_str));
    images.find_map(|image| {
        let (path, tag) = image.split('@').next()?.rsplit_once(':')?;
        let found = numbers(tag).filter(|_| path.rsplit('/').next() == Some(component))?;
        let is_other = found.major == 1 && version.major == 2 && found.minor != version.minor;
        is_other.then(|| Found {
            version: format!("2.{}", found.minor),
            because: format!(" (its {component} is {tag})"),
        })
    })
}

fn numbers(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

fn numbers_of(version: &Version) -> String {
    format!("{}.{}.{}", version.major, version.minor, version.patch)
}

/// Whether an object is one that an installation of Flux in `namespace` has and nothing else.
pub(super) fn is_flux(document: &Document, namespace: &str) -> bool {
    let is_namespace = document.kind() == "Namespace" && document.name() == namespace;
    is_namespace || is_controller(document) || is_definition(document)
}

fn is_controller(document: &Document) -> bool {
    document.kind() == "Deployment" && COMPONENTS.contains(&document.name())
}

fn is_definition(document: &Document) -> bool {
    document.kind() == "CustomResourceDefinition" && document.name().ends_with(".fluxcd.io")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<(), String> {
        let documents = Document::read_all(text).expect("YAML");
        let documents: Vec<&Document> = documents.iter().collect();
        check_version("gotk.yaml", text, &documents, &Version::new(2, 9, 4))
            .map_err(|error| error.to_string())
    }

    fn labels(labels: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n  labels: {{{labels}}}\n"
        )
    }

    fn deployment(name: &str, image: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      \
             containers:\n      - name: manager\n        image: {image}\n"
        )
    }

    #[test]
    fn a_distribution_is_of_the_version_that_it_says() {
        let part = "app.kubernetes.io/part-of: flux";
        for right in [
            String::new(),
            "# Flux Version: v2.9.4\n".to_owned(),
            "---\n# Flux Version: v2.9.4-fips\n".to_owned(),
            // Said of something else, or of nothing that can be compared.
            "# Flux Version: main\n".to_owned(),
            labels("app.kubernetes.io/version: v1.0.0"),
            labels(&format!("{part}, app.kubernetes.io/version: v2.9.4")),
            deployment(
                "source-controller",
                "ghcr.io/fluxcd/source-controller:v1.9.4",
            ),
            deployment(
                "source-controller",
                "localhost:5000/source-controller@sha256:aa",
            ),
            deployment(
                "source-controller",
                "mirror/source-controller:v1.9.4-mine@sha256:aa",
            ),
            deployment("source-controller", "mirror/other:v1.8.4"),
            deployment("source-controller", "mirror/source-controller:v20260101"),
            deployment("web", "ghcr.io/acme/web:v1.2.3"),
            format!(
                "# Flux Version: v2.9.4\n{}",
                deployment("source-controller", "x/source-controller:v1.10.0")
            ),
        ] {
            assert_eq!(judged(&right), Ok(()), "{right}");
        }
        for (wrong, said) in [
            (
                "# Flux Version: v2.8.8\n".to_owned(),
                "`gotk.yaml` is of Flux 2.8.8, but",
            ),
            (
                "---\n# by hand\n# Flux Version: v2.9.3\n".to_owned(),
                "Flux 2.9.3",
            ),
            (
                labels(&format!("{part}, app.kubernetes.io/version: v2.8.8")),
                "Flux 2.8.8",
            ),
            (
                labels(&format!("{part}, app.kubernetes.io/version: 2.10.0")),
                "Flux 2.10.0",
            ),
            (
                deployment(
                    "source-controller",
                    "ghcr.io/fluxcd/source-controller:v1.8.5",
                ),
                "Flux 2.8 (its source-controller is v1.8.5)",
            ),
            (
                deployment(
                    "kustomize-controller",
                    "localhost:5000/kustomize-controller:v1.10.0@sha256:aa",
                ),
                "Flux 2.10",
            ),
        ] {
            let error = judged(&wrong).expect_err(&wrong);
            assert!(error.contains(said), "{error}");
            assert!(error.contains("`flux.version` is 2.9.4"), "{error}");
        }
    }
}
