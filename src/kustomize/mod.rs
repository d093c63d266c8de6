//! The objects that Flux builds from a folder of the repository, as kustomize and kustomize-controller
//! build them: whole objects, each with its file and line.
//!
//! What needs the network, a plugin or a value of the cluster is reported as not known here.
//! `tests/oracle` builds the same folders with the Go modules that the controller is made of.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>

mod artifact;
mod document;
mod emission;
mod flux;
mod generate;
mod item;
mod json_patch;
mod kustomization;
mod merge;
mod patch;
mod reference;
mod replacement;
mod resolve;
mod selector;
mod substitute;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use artifact::Artifact;
pub use kustomization::Image;
pub use resolve::Resolver;
pub(crate) use resolve::is_local;
pub use selector::Target;
pub use substitute::Retyped;
pub(crate) use substitute::unset_variables;

use crate::resource::{Identity, Resource};
use crate::source::Span;

/// What a Flux Kustomization adds to the folder it builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// Relative to the root of the artifact; `./` and an empty path are the root.
    pub path: String,
    pub target_namespace: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    /// Relative to `path`.
    pub components: Vec<String>,
    pub ignore_missing_components: bool,
    pub images: Vec<Image>,
    pub patches: Vec<InlinePatch>,
    /// `commonMetadata`: labels and annotations of every object.
    pub common_metadata: CommonMetadata,
    /// `postBuild.substitute`.
    pub substitute: BTreeMap<String, String>,
    /// `postBuild.substituteFrom` is there: variables may have values that are not known here.
    pub substitutes_from_cluster: bool,
    /// Variables are substituted: without values `${var}` stays as it is.
    pub substitutes: bool,
    /// Which files of the repository the source's artifact holds.
    pub artifact: Artifact,
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
            ("images", self.images == other.images),
            ("patches", self.patches == other.patches),
            (
                "commonMetadata",
                self.common_metadata == other.common_metadata,
            ),
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
    pub target: Option<Target>,
}

/// `spec.commonMetadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommonMetadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// The objects of a folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    pub objects: BTreeMap<Identity, Built>,
    /// Why there may be more objects, or others. Empty: `objects` is all there is.
    pub unknown: BTreeSet<String>,
    /// Variables without a default that `postBuild.substitute` gives no value.
    pub unset: BTreeSet<Unset>,
    /// Strings that are none any longer after substitution.
    pub retyped: Vec<(Identity, Retyped)>,
    /// The folder is not there, or kustomize would refuse it: Flux applies and prunes nothing.
    pub broken: Option<String>,
    /// Where the fault is, and what kind it is.
    pub fault: Option<Fault>,
}

/// A variable of an object that has no value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unset {
    pub variable: String,
    pub object: Identity,
    /// The file that it is in, from the repository's root.
    pub file: String,
    pub span: Span,
}

/// What is known of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Built {
    /// The file that it is from, from the repository's root.
    pub file: String,
    /// Where its document begins in that file.
    pub place: Option<Span>,
    /// Garbage collection passes it over: `kustomize.toolkit.fluxcd.io/prune: disabled` and its kin.
    pub prune_disabled: bool,
    /// The whole object.
    pub resource: Option<Arc<Resource>>,
}

/// Why a build fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    pub span: Option<Span>,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FaultKind {
    /// Kustomize refuses the build.
    #[default]
    Build,
    /// The folder of the build itself is missing.
    NoFolder,
    /// One of the Flux Kustomization's own components is missing or not local.
    Component,
    /// `postBuild.substitute` has a name that no variable can have.
    Variable,
    /// An object's text cannot be substituted.
    Substitution,
    /// It is larger than what is built here.
    Limit,
}

impl Fault {
    pub(crate) fn at(message: String, span: Span) -> Self {
        Self {
            message,
            span: (!span.is_built_in()).then_some(span),
            kind: FaultKind::Build,
        }
    }

    fn of(kind: FaultKind, message: String) -> Self {
        Self {
            message,
            span: None,
            kind,
        }
    }

    /// The same with a file's name before its message.
    fn within(self, file: &str) -> Self {
        Self {
            message: format!("`{file}`: {}", self.message),
            ..self
        }
    }
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
