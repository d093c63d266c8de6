//! The objects that Flux would build from a folder of the repository: their names, not their
//! contents. Kustomize's rules are followed as far as they decide who an object is; what needs
//! the network, a hash of contents or a plugin is told as not known here.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>

mod document;
mod kustomization;
mod patch;
mod resolve;
mod substitute;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use resolve::Resolver;
pub(crate) use substitute::unset_variables;

use crate::resource::{Identity, Resource};

/// What a Flux Kustomization adds to the folder it builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// Relative to the repository's root; `./` and an empty path are the root.
    pub path: String,
    pub target_namespace: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    /// Relative to `path`.
    pub components: Vec<String>,
    pub ignore_missing_components: bool,
    /// `images` is there, which writes over the images of containers.
    pub has_images: bool,
    pub patches: Vec<InlinePatch>,
    /// `postBuild.substitute`.
    pub substitute: BTreeMap<String, String>,
    /// `postBuild.substituteFrom` is there: variables may have values that are not known here.
    pub substitutes_from_cluster: bool,
    /// `postBuild` is there at all: without it `${var}` stays as it is.
    pub substitutes: bool,
}

impl Build {
    /// The fields of a Kustomization in which two builds of one path differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same_values = self.substitute == other.substitute
            && self.substitutes_from_cluster == other.substitutes_from_cluster
            && self.substitutes == other.substitutes;
        [
            ("components", self.components == other.components),
            (
                "ignoreMissingComponents",
                self.ignore_missing_components == other.ignore_missing_components,
            ),
            ("patches", self.patches == other.patches),
            ("postBuild", same_values),
        ]
        .into_iter()
        .filter_map(|(field, is_same)| (!is_same).then_some(field))
        .collect()
    }
}

/// One of `spec.patches`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InlinePatch {
    pub patch: String,
    /// Group, kind, namespace and name of the target, as far as they are given.
    pub target: Option<Target>,
}

/// Which objects a patch is for. Names are anchored regular expressions, as in kustomize.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    pub group: Option<String>,
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// There is a label or annotation selector, which is not followed here.
    pub has_selector: bool,
}

/// The objects of a folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    pub objects: BTreeMap<Identity, Built>,
    /// Why there may be more objects, or others. Empty: `objects` is all there is.
    pub unknown: BTreeSet<String>,
    /// Variables without a default that `postBuild.substitute` gives no value.
    pub unset: BTreeSet<Unset>,
    /// Objects whose variables a patch may remove: they are not in `unset`.
    pub unjudged: usize,
    /// The folder is not there, or kustomize would refuse it: Flux applies and prunes nothing.
    pub broken: Option<String>,
}

/// A variable of an object that has no value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unset {
    pub variable: String,
    pub object: Identity,
    /// The file that it stands in, from the repository's root.
    pub file: String,
}

/// What is known of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Built {
    /// The file that it stands in, from the repository's root.
    pub file: String,
    /// Garbage collection passes it over: `kustomize.toolkit.fluxcd.io/prune: disabled` and its kin.
    pub prune_disabled: bool,
    /// The whole document, for the kinds whose deletion makes a controller delete more.
    pub resource: Option<Arc<Resource>>,
}

/// One spelling for all paths of a Flux Kustomization that mean one folder.
pub fn normalised(path: &str) -> String {
    crate::files::path::from_root(path)
}

/// Whether garbage collection passes over an object that has these labels and annotations.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#garbage-collection>,
/// and for `reconcile` and `ssa` the exclusions of the controller's own deletion.
pub fn keeps_from_pruning(key: &str, value: &str) -> bool {
    matches!(
        (key, value),
        (
            "kustomize.toolkit.fluxcd.io/prune" | "kustomize.toolkit.fluxcd.io/reconcile",
            "disabled" | "Disabled"
        ) | ("kustomize.toolkit.fluxcd.io/ssa", "ignore" | "Ignore")
    )
}
