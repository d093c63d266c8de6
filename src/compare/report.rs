//! What a comparison or a check has to say, as plain data: the JSON output is this, and every
//! other format is made from it. It holds no decision; `compare` and `forecast` fill it.
//!
//! The names and meanings here are public. A field may be added within a version; one that goes
//! or changes its meaning raises [`VERSION`].

use serde::{Deserialize, Serialize};

use crate::resource::Identity;

/// The version of the report's format.
pub const VERSION: u32 = 1;

/// All that one run of `fluxgen diff` or `fluxgen check` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    pub command: Command,
    /// The TOML file, relative to the folder it was called from or to the repository.
    pub config: String,
    /// What is compared with; `None` for a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<SideSummary>,
    /// What would be merged, or what was checked.
    pub head: SideSummary,
    pub totals: Totals,
    /// Every cluster of either side, in the order of the names.
    pub clusters: Vec<ClusterSummary>,
    /// Equal changes of several clusters are one change. Deletions first, then by resource.
    pub changes: Vec<Change>,
    /// What the controllers will do, the worst first.
    pub forecast: Vec<Finding>,
    /// What the compiler and the rules found in the head (in the base only where it is broken).
    pub problems: Vec<Problem>,
    /// The dependency graphs, one for each set of clusters whose graphs are the same.
    /// Empty for a run that did not ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graphs: Vec<Graph>,
    /// What `--deny` or `diff.deny` turns into exit 1; `None`: nothing but differences does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<Severity>,
}

/// The command that made a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    Check,
    Diff,
}

/// One side of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SideSummary {
    /// What the user called it: `main`, `HEAD`, `the index`, `the working tree`.
    pub name: String,
    /// The full hash of the commit, where the side is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub state: SideState,
}

/// Whether a side could be read. Where it could not, nothing is told as deleted or created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideState {
    /// The TOML compiled.
    Compiled,
    /// There is no TOML file on this side. The YAML in its clusters' folders is compared; without any, everything
    /// on the other side is new, and said to be so once.
    Missing,
    /// The TOML is there and does not compile: resources are not compared.
    Broken,
}

/// Counts over the whole run. A resource in ten clusters counts ten times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Clusters of either side.
    pub clusters: usize,
    /// Clusters with at least one change.
    pub clusters_changed: usize,
    pub created: usize,
    pub changed: usize,
    pub deleted: usize,
    pub renamed: usize,
    pub unchanged: usize,
    /// Forecast findings by severity; each counts once for all its clusters.
    pub info: usize,
    pub notice: usize,
    /// Acknowledged ones are counted here too.
    pub destructive: usize,
    /// Destructive findings that carry an acknowledgement.
    pub acknowledged: usize,
    /// Findings that `deny` turns into exit 1.
    pub denied: usize,
    /// Problems by severity.
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
}

/// What happened in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSummary {
    pub name: String,
    pub presence: Presence,
    pub created: usize,
    pub changed: usize,
    pub deleted: usize,
    pub renamed: usize,
    pub unchanged: usize,
    /// Forecast findings that hold for this cluster.
    pub info: usize,
    pub notice: usize,
    pub destructive: usize,
    /// How the base's committed tree stands to the base's TOML.
    pub base_tree: TreeSummary,
    /// How the head's tree stands to the head's TOML.
    pub head_tree: TreeSummary,
}

/// On which sides a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    Both,
    /// New in the head.
    Added,
    /// Gone from the head.
    Removed,
}

/// The files of a cluster's tree that are not what the TOML of that side gives; all sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeSummary {
    /// Not rebuilt after the TOML changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
    /// Changed by hand: the next build takes it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hand_edited: Vec<String>,
    /// Only marked image values differ from what the TOML says: as it should be, not to be shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automated: Vec<String>,
}

/// One change to one resource, in all the clusters where it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Sixteen hexadecimal digits that are the same for the same change in any run: an anchor, a fingerprint.
    pub id: String,
    pub action: Action,
    /// The resource as it is in the head; a deleted one as it was.
    pub resource: Object,
    /// What it was called before, for a renamed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Object>,
    /// Where it holds, sorted; never empty.
    pub clusters: Vec<String>,
    /// The change is the same but for the cluster's own name: `<cluster>` stands for it in the values.
    #[serde(default)]
    pub by_cluster: bool,
    /// The fields, in the order of the document. Empty for what was created or deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// The whole resource, secrets masked, for what was created or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<serde_json::Value>,
    /// Where the TOML says it: in the head, or in the base for what was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Deleted,
    Renamed,
    Changed,
    Created,
}

/// A Kubernetes object by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The API group without its version; empty for the core group.
    pub group: String,
    pub kind: String,
    /// Empty where it has none.
    pub namespace: String,
    pub name: String,
}

/// A field that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// From the root: `spec.interval`, `spec.dependsOn[infra].namespace`, `spec.values["a.b"]`.
    pub path: String,
    /// `None`: it was not there. A masked value is the string `***`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub old: Option<serde_json::Value>,
    /// `None`: it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub new: Option<serde_json::Value>,
    /// The values are secret and are not in this report; that they differ is all it says.
    #[serde(default)]
    pub masked: bool,
    /// Line by line, where both values are texts of several lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<TextLine>,
}

/// A line of an inner diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextLine {
    pub tag: TextTag,
    /// The line without its break; for [`TextTag::Skipped`] empty.
    pub text: String,
    /// How many equal lines are left out here; 0 for the other tags.
    #[serde(default)]
    pub skipped: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextTag {
    Equal,
    Removed,
    Added,
    /// Equal lines left out.
    Skipped,
}

/// Something that the controllers will do, or will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's kebab-case name: `kustomization-deleted-prunes`.
    pub rule: String,
    pub severity: Severity,
    pub outcome: Outcome,
    /// The Flux resource whose controller acts.
    pub resource: Object,
    /// Where it holds, sorted; never empty.
    pub clusters: Vec<String>,
    /// A lower-case fragment without a full stop, names in backticks.
    pub message: String,
    /// What else the reader should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do instead, in the imperative.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
    /// The objects that it happens to.
    pub affected: Affected,
    /// The text of the resource's `acknowledge`, which keeps a destructive finding from being denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<String>,
    /// Whether it makes the run exit 1.
    #[serde(default)]
    pub denied: bool,
    /// It may happen or not: an order that nobody guarantees decides, or what is not known here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
    /// The page that the rule comes from.
    pub docs: String,
    /// The changes that cause it, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// How much a finding matters. The order is from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Notice,
    /// Something that runs is deleted, replaced or uninstalled, or its data may go.
    Destructive,
}

/// What happens to the objects of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Deleted by garbage collection.
    Prune,
    /// A Helm release is uninstalled.
    Uninstall,
    /// Deleted and created again.
    Recreate,
    /// Left running with nobody to look after it.
    Orphan,
    /// An object that is there already comes under another owner.
    Adopt,
    /// Reconciliation stops or waits.
    Stall,
    /// Applied anew, in place.
    Reconcile,
}

/// The objects that a finding is about, as far as the repository tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affected {
    /// Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// Why there may be more that is not known here: a remote base, a generated name, a path that
    /// another repository holds. Empty: `objects` is all there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// A diagnostic of the compiler or of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The kebab-case code: `dangling-source-ref`.
    pub code: String,
    pub level: Level,
    pub message: String,
    /// Which side it is in.
    pub side: Side,
    /// The first place is where the fault is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<LabelledPlace>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
    /// Empty where it holds for the whole project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// A replacement of a range of the text that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Replacement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Error,
    Warning,
    Note,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Base,
    Head,
}

/// A place and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelledPlace {
    #[serde(flatten)]
    pub place: Place,
    /// May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// A range of a text. Lines and columns count from one, columns count characters; the end is exclusive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// With `/`, relative to the repository's root, or to the TOML file's folder where there is none.
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
    /// The text is the one of this side.
    pub side: Side,
}

/// A new text for a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    pub place: Place,
    pub text: String,
}

/// The resources of one or more clusters and what refers to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// The clusters that it holds for, sorted.
    pub clusters: Vec<String>,
    /// Sorted by object; an edge names a node by its index here.
    pub nodes: Vec<GraphNode>,
    /// Sorted.
    pub edges: Vec<GraphEdge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    pub object: Object,
    /// What becomes of it; `None`: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The worst finding about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// It is referred to and is not in the TOML: the user's own YAML or an `external`.
    #[serde(default)]
    pub external: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphEdge {
    /// The resource that refers.
    pub from: usize,
    /// The resource that is meant.
    pub to: usize,
    /// The field that says so: `sourceRef`, `chartRef`, `dependsOn`, `imageRepositoryRef` …
    pub field: String,
    pub state: EdgeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeState {
    Unchanged,
    Added,
    Removed,
}

impl Report {
    /// A report that found nothing yet.
    pub fn new(command: Command, config: impl Into<String>, head: SideSummary) -> Self {
        Self {
            version: VERSION,
            command,
            config: config.into(),
            base: None,
            head,
            totals: Totals::default(),
            clusters: Vec::new(),
            changes: Vec::new(),
            forecast: Vec::new(),
            problems: Vec::new(),
            graphs: Vec::new(),
            deny: None,
        }
    }

    /// Counts everything anew, and says of each finding whether it is denied.
    pub fn count(&mut self) {
        for finding in &mut self.forecast {
            finding.denied = finding.acknowledged.is_none()
                && self.deny.is_some_and(|deny| finding.severity >= deny);
        }
        let mut totals = Totals {
            clusters: self.clusters.len(),
            ..Totals::default()
        };
        for cluster in &self.clusters {
            totals.created += cluster.created;
            totals.changed += cluster.changed;
            totals.deleted += cluster.deleted;
            totals.renamed += cluster.renamed;
            totals.unchanged += cluster.unchanged;
            totals.clusters_changed += usize::from(cluster.is_changed());
        }
        for finding in &self.forecast {
            match finding.severity {
                Severity::Info => totals.info += 1,
                Severity::Notice => totals.notice += 1,
                Severity::Destructive => {
                    totals.destructive += 1;
                    totals.acknowledged += usize::from(finding.acknowledged.is_some());
                }
            }
            totals.denied += usize::from(finding.denied);
        }
        for problem in &self.problems {
            match problem.level {
                Level::Error => totals.errors += 1,
                Level::Warning => totals.warnings += 1,
                Level::Note => totals.notes += 1,
            }
        }
        self.totals = totals;
    }
}

impl SideSummary {
    pub fn new(name: impl Into<String>, state: SideState) -> Self {
        Self {
            name: name.into(),
            commit: None,
            state,
        }
    }
}

impl ClusterSummary {
    pub fn new(name: impl Into<String>, presence: Presence) -> Self {
        Self {
            name: name.into(),
            presence,
            created: 0,
            changed: 0,
            deleted: 0,
            renamed: 0,
            unchanged: 0,
            info: 0,
            notice: 0,
            destructive: 0,
            base_tree: TreeSummary::default(),
            head_tree: TreeSummary::default(),
        }
    }

    /// Whether a resource of it is not what it was.
    pub fn is_changed(&self) -> bool {
        self.created + self.changed + self.deleted + self.renamed > 0
    }
}

impl Object {
    pub fn new(
        group: impl Into<String>,
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl From<&Identity> for Object {
    fn from(identity: &Identity) -> Self {
        Self::new(
            &identity.group,
            &identity.kind,
            &identity.namespace,
            &identity.name,
        )
    }
}

impl std::fmt::Display for Object {
    /// `Kustomization flux-system/apps`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl Affected {
    /// These and no others.
    pub fn known(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut objects: Vec<_> = objects.into_iter().collect();
        objects.sort();
        objects.dedup();
        Self {
            objects,
            unknown: Vec::new(),
        }
    }

    /// Nothing can be told from this repository.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            objects: Vec::new(),
            unknown: vec![reason.into()],
        }
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Notice => "notice",
            Severity::Destructive => "destructive",
        }
    }
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Prune => "prune",
            Outcome::Uninstall => "uninstall",
            Outcome::Recreate => "recreate",
            Outcome::Orphan => "orphan",
            Outcome::Adopt => "adopt",
            Outcome::Stall => "stall",
            Outcome::Reconcile => "reconcile",
        }
    }
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Deleted => "deleted",
            Action::Renamed => "renamed",
            Action::Changed => "changed",
            Action::Created => "created",
        }
    }
}

/// Tells `null` (a value) from a field that is not there.
mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[expect(clippy::ref_option, reason = "serde's `with` decides the signature")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Value>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity) -> Finding {
        Finding {
            rule: "kustomization-deleted-prunes".to_owned(),
            severity,
            outcome: Outcome::Prune,
            resource: Object::new(
                "kustomize.toolkit.fluxcd.io",
                "Kustomization",
                "flux-system",
                "apps",
            ),
            clusters: vec!["prod".to_owned()],
            message: "`apps` is deleted, and with it what it applied".to_owned(),
            notes: Vec::new(),
            help: Vec::new(),
            affected: Affected::unknown("the path is in another repository"),
            acknowledged: None,
            denied: false,
            uncertain: false,
            docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune".to_owned(),
            changes: Vec::new(),
            place: None,
        }
    }

    #[test]
    fn an_acknowledged_finding_is_counted_and_not_denied() {
        let head = SideSummary::new("the working tree", SideState::Compiled);
        let mut report = Report::new(Command::Diff, "fluxgen.toml", head);
        report.deny = Some(Severity::Destructive);
        let mut acknowledged = finding(Severity::Destructive);
        acknowledged.acknowledged = Some("moved to another cluster".to_owned());
        report.forecast = vec![
            finding(Severity::Destructive),
            acknowledged,
            finding(Severity::Notice),
        ];
        report.count();
        assert_eq!(report.totals.destructive, 2);
        assert_eq!(report.totals.acknowledged, 1);
        assert_eq!(report.totals.denied, 1);
        assert!(report.forecast[0].denied && !report.forecast[1].denied);
    }

    #[test]
    fn null_and_absent_stay_apart_through_json() {
        let change = FieldChange {
            path: "spec.values.a".to_owned(),
            old: None,
            new: Some(serde_json::Value::Null),
            masked: false,
            text: Vec::new(),
        };
        let text = serde_json::to_string(&change).expect("serializes");
        assert_eq!(
            text,
            r#"{"path":"spec.values.a","new":null,"masked":false}"#
        );
        let back: FieldChange = serde_json::from_str(&text).expect("reads back");
        assert_eq!(back, change);
    }
}
