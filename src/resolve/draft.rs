//! A resource as the TOML file describes it, before it is known for which cluster.

use std::sync::Arc;

use crate::node::{Node, Table};
use crate::source::{Span, Spanned};

/// One table of a section, with the layers below and above it.
#[derive(Debug, Clone)]
pub struct Draft {
    pub section: Section,
    /// The key as it was written: `name` or `namespace/name`, perhaps with expressions.
    pub key: Spanned<String>,
    /// Lowest first: defaults of all kinds, defaults of the section, the resource itself.
    pub layers: Vec<Layer>,
    /// What `inputs` is in a set's resource.
    pub inputs: Option<Arc<Node>>,
    /// The set it comes from.
    pub set: Option<String>,
    /// Indices of the clusters it goes to, rising.
    pub clusters: Arc<[usize]>,
}

/// A table that sets fields of a resource, and who says so.
#[derive(Debug, Clone)]
pub struct Layer {
    pub origin: Origin,
    pub table: Arc<Table>,
    pub span: Span,
}

/// Who set a value, in the order in which later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    BuiltIn,
    Defaults,
    SectionDefaults,
    Resource,
    /// An index into `Settings::groups`.
    Group(usize),
    /// An index into `Settings::clusters`.
    Cluster(usize),
}

/// A section of the TOML file that holds resources: `kustomizations`, `sources.git`, `manifests`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Section(pub &'static str);

impl Section {
    /// ImageRepository and ImagePolicy from one table.
    pub const IMAGES: Section = Section("images");
    /// Any other Kubernetes object.
    pub const MANIFESTS: Section = Section("manifests");

    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// `sources` and `git` of `sources.git`; the section itself elsewhere.
    pub(crate) fn path(self) -> impl Iterator<Item = &'static str> {
        self.0.split('.')
    }
}

/// A table in a group or a cluster that changes a resource.
#[derive(Debug, Clone)]
pub struct Override {
    pub section: Section,
    pub key: Spanned<String>,
    pub layer: Layer,
    /// The whole resource is `{ unset = true }`.
    pub removes: bool,
}
