//! The pull-request check: two states of a project, what changes between them and what Flux will make of it.
//!
//! It joins `compare` and `forecast` to the projects that were read; what they say is decided there.

mod graph;
mod manifests;
mod own;
mod renames;
mod side;
pub(crate) mod system;
mod trees;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use camino::Utf8Path;

use crate::compare::report::{
    Command, Finding, Object, Presence, Report, Severity, Side as Which, SideState, SideSummary,
};
use crate::compare::{ClusterChanges, Side, changes, compare, summaries};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::forecast::{self, Forecast, forecast};
use crate::link::Graph;
use crate::mask::Secrets;
use crate::project::Project;
use crate::report::problems;
use crate::resource::Resource;
use crate::tree::Existing;
use own::{Owns, Whose};
pub use renames::{Outcome, Renamed, declares_renames, outcome, renames, unsafe_renames};
use system::Before;
use trees::{Committed, Edited};

/// One side as it was read.
pub struct State<'a> {
    /// What the user called it: `main`, `the index`, `the working tree`.
    pub name: String,
    /// The full hash, where it is a commit.
    pub commit: Option<String>,
    /// `None` where there is no TOML file.
    pub project: Option<&'a Project>,
    /// What the side is read from: without a TOML file, its YAML is compared.
    pub snapshot: Option<&'a Snapshot>,
}

/// What is compared, and how it is judged.
pub struct Review<'a> {
    pub base: State<'a>,
    pub head: State<'a>,
    /// The clusters that were asked for; empty for all.
    pub only: &'a [String],
    /// Whether files outside of the generated trees differ.
    pub folders_changed: bool,
    /// `--deny`; what the TOML files deny is denied beside it.
    pub deny: Option<Severity>,
    /// Whether somebody looks at the dependency graphs.
    pub wants_graphs: bool,
}

/// The report and the findings that its problems were made from.
pub struct Reviewed {
    pub report: Report,
    /// Of the head, in the order of the text.
    pub found: Vec<Diagnostic>,
    /// Of a base that does not compile.
    pub found_in_base: Vec<Diagnostic>,
}

impl State<'_> {
    fn state(&self) -> SideState {
        match self.project {
            None => SideState::Missing,
            Some(project) if committed(project).is_some() => SideState::Compiled,
            Some(_) => SideState::Broken,
        }
    }

    fn summary(&self) -> SideSummary {
        let mut summary = SideSummary::new(self.name.as_str(), self.state());
        summary.commit.clone_from(&self.commit);
        summary
    }
}

fn committed(project: &Project) -> Option<Committed<'_>> {
    let built = project.built.as_ref()?;
    Some(Committed {
        project,
        graph: built.checked.as_ref()?.graph(),
        tree: built.tree.as_ref()?,
    })
}

impl Review<'_> {
    /// Compares the sides.
    pub fn run(&self, config: &str) -> std::io::Result<Reviewed> {
        let mut report = Report::new(Command::Diff, config, self.head.summary());
        report.base = Some(self.base.summary());
        report.deny = self.denied();
        let mut diagnostics = Diagnostics::default();
        if let Some(project) = self.head.project {
            diagnostics.extend(project.diagnostics.iter().cloned());
        }
        // A comparison is not where that is looked for.
        diagnostics.retain(|one| !one.is_not_checked());
        let base = self.base.project.and_then(committed);
        let head = self.head.project.and_then(committed);
        if let Some(head) = head
            && self.base.state() != SideState::Broken
        {
            self.compare(base, head, &mut report, &mut diagnostics)?;
        }
        let found = diagnostics.into_sorted();
        let mut found_in_base = Vec::new();
        if let Some(project) = self.head.project {
            report.problems = told(project, &found, Which::Head);
        }
        if let Some(project) = self
            .base
            .project
            .filter(|_| self.base.state() == SideState::Broken)
        {
            let mut errors = project.diagnostics.clone();
            errors.retain(|it| it.severity == crate::diagnostic::Severity::Error);
            found_in_base = errors.into_sorted();
            let told = told(project, &found_in_base, Which::Base);
            report.problems.extend(told);
        }
        self.mask(&mut report);
        report.count();
        Ok(Reviewed {
            report,
            found,
            found_in_base,
        })
    }

    /// Takes out of the report what is a secret elsewhere on either side.
    fn mask(&self, report: &mut Report) {
        if report.changes.is_empty() && report.forecast.is_empty() {
            return;
        }
        let projects = [self.base.project, self.head.project].into_iter().flatten();
        let secrets = Secrets::of_all(projects.map(|project| &project.sources));
        for change in &mut report.changes {
            for field in &mut change.fields {
                let values = [&mut field.old, &mut field.new].into_iter().flatten();
                let is_hidden = values.fold(false, |found, it| secrets.hide_in(it) | found);
                let lines = field.text.iter_mut();
                let in_text =
                    lines.fold(false, |found, it| secrets.hide_text(&mut it.text) | found);
                field.masked |= is_hidden || in_text;
            }
            if let Some(document) = &mut change.document {
                secrets.hide_in(document);
            }
        }
        for finding in &mut report.forecast {
            let texts = std::iter::once(&mut finding.message)
                .chain(&mut finding.notes)
                .chain(&mut finding.help)
                .chain(&mut finding.affected.unknown)
                .chain(&mut finding.acknowledged);
            for text in texts {
                secrets.hide_text(text);
            }
        }
    }

    /// What is denied: the strictest of `--deny` and what either side's TOML file says, so that a change
    /// cannot take the gate away that it would not pass.
    fn denied(&self) -> Option<Severity> {
        let of = |project: &Project| {
            let built = project.built.as_ref()?;
            let deny = built.resolved.settings.deny.iter();
            deny.map(|word| match word.value {
                "notice" => Severity::Notice,
                _ => Severity::Destructive,
            })
            .min()
        };
        let projects = [self.base.project, self.head.project];
        let sides = projects.into_iter().flatten().filter_map(of);
        sides.chain(self.deny).min()
    }

    fn compare(
        &self,
        base: Option<Committed<'_>>,
        head: Committed<'_>,
        report: &mut Report,
        diagnostics: &mut Diagnostics,
    ) -> std::io::Result<()> {
        let folders = match (base, self.base.snapshot) {
            (None, Some(snapshot)) => side::folders(snapshot, head.graph)?,
            (Some(_), _) | (_, None) => BTreeMap::new(),
        };
        let mut owns = self.owns(base, head, &folders);
        let [own_before, own_after] = &mut owns;
        own::settle([own_before, own_after]);
        let edited = base.map_or_else(Edited::default, |base| Edited::find(base, head));
        let [own_before, own_after] = &owns;
        let (mut before, mut after) = rayon::join(
            || match (base, self.base.snapshot) {
                (Some(it), _) => side::side(it.project, it.graph, own_before, &edited, Which::Base),
                (None, Some(snapshot)) => side::side_of_yaml(snapshot, &folders, own_before),
                (None, None) => Side::default(),
            },
            || side::side(head.project, head.graph, own_after, &edited, Which::Head),
        );
        side::look_at_what_stays(&mut before, head.project)?;
        for side in [&mut before, &mut after] {
            side.clusters.retain(|name, _| self.is_asked(name));
        }
        let comparison = compare(&before, &after);
        report.changes = changes(&comparison);
        report.clusters = summaries(&comparison);
        let settings = head.graph.settings();
        let acknowledged: BTreeMap<String, String> = settings
            .acknowledge
            .iter()
            .map(|(name, reason)| (name.clone(), reason.value.clone()))
            .collect();
        let Forecast {
            findings,
            mut unneeded,
        } = forecast(&forecast::Input {
            comparison: &comparison,
            changes: &report.changes,
            base_files: match (base, self.base.snapshot) {
                (Some(base), _) => Some(&**base.project.snapshot.files()),
                (None, snapshot) => snapshot.map(|snapshot| &**snapshot.files()),
            },
            head_files: Some(&**head.project.snapshot.files()),
            folders_changed: self.folders_changed,
            repository: settings.repo.identity(),
            address: settings.repo.address(),
            acknowledged: &acknowledged,
        });
        report.forecast = findings;
        let before = base.map_or(Before::Yaml(&folders), Before::Compiled);
        let mut more = own::findings(own_before, own_after, head);
        more.retain(|(cluster, _)| {
            comparison
                .clusters
                .get(cluster.as_str())
                .is_some_and(is_kept)
        });
        let used = self.flux_itself(before, head, &edited, more, &acknowledged, report);
        unneeded.retain(|unneeded| !used.contains(&unneeded.name));
        // What is needed in a cluster that was not asked for is not unneeded.
        let is_whole = self.only.is_empty();
        for unneeded in unneeded.into_iter().filter(|_| is_whole) {
            let span = match &unneeded.object {
                None => settings.acknowledge.get(&unneeded.name).map(|it| it.span),
                Some(_) => acknowledged_at(head.graph, &unneeded),
            };
            diagnostics.push(
                Diagnostic::warning(
                    "unneeded-acknowledgement",
                    format!("nothing destructive happens to {}", unneeded.name),
                )
                .at(
                    span.unwrap_or(crate::source::Span::BUILT_IN),
                    "acknowledged here",
                )
                .with_note(format!("compared with {}", self.base.name))
                .with_help(
                    "remove the acknowledgement, or it will hide the next destructive change",
                ),
            );
        }
        let (mut of_base, mut of_head) = rayon::join(
            || base.map(|base| trees::states(base, None)),
            || trees::states(head, base),
        );
        let mut by_name: HashMap<&str, [usize; 3]> = HashMap::new();
        for finding in &report.forecast {
            for cluster in &finding.clusters {
                by_name.entry(cluster).or_default()[finding.severity as usize] += 1;
            }
        }
        for cluster in &mut report.clusters {
            let of_base = of_base.as_mut();
            let base_tree = of_base.and_then(|states| states.remove(&cluster.name));
            cluster.base_tree = base_tree.unwrap_or_default();
            cluster.head_tree = of_head.remove(&cluster.name).unwrap_or_default();
            let counts = by_name.get(cluster.name.as_str());
            [cluster.info, cluster.notice, cluster.destructive] =
                counts.copied().unwrap_or_default();
        }
        if self.wants_graphs {
            let sides = [base.map(|base| base.graph), Some(head.graph)];
            report.graphs = graph::graphs(&comparison, sides, &report.forecast);
        }
        Ok(())
    }

    /// What the users have beside in the folders of either side.
    fn owns(
        &self,
        base: Option<Committed<'_>>,
        head: Committed<'_>,
        folders: &BTreeMap<String, Existing>,
    ) -> [Owns; 2] {
        let of = |side: Committed<'_>, which| {
            let project = side.project;
            own::of(&project.snapshot, &project.existing, which, Whose::Users)
        };
        let (before, after) = rayon::join(
            || match (base, self.base.snapshot) {
                (Some(base), _) => of(base, Which::Base),
                (None, Some(snapshot)) => {
                    own::of(snapshot, folders, Which::Base, Whose::Everybodys)
                }
                (None, None) => Owns::new(),
            },
            || of(head, Which::Head),
        );
        [before, after]
    }

    /// Adds what is reported of Flux itself, and `more` findings of one cluster each. Gives the acknowledgements
    /// that it used.
    fn flux_itself(
        &self,
        base: Before<'_>,
        head: Committed<'_>,
        edited: &Edited,
        more: Vec<(String, Finding)>,
        acknowledged: &BTreeMap<String, String>,
        report: &mut Report,
    ) -> BTreeSet<String> {
        let [before, after] = system::sides(base, head, edited);
        let comparison = compare(&before, &after);
        let told = changes(&comparison).into_iter();
        let told = told.filter(|change| self.is_any_asked(&change.clusters));
        report.changes.extend(told);
        for summary in &mut report.clusters {
            let Some(changed) = comparison.clusters.get(summary.name.as_str()) else {
                continue;
            };
            summary.created += changed.created.len();
            summary.changed += changed.changed.len();
            summary.deleted += changed.deleted.len();
            summary.renamed += changed.renamed.len();
        }
        let mut all = system::findings(base, head, edited, &comparison);
        all.extend(more);
        all.retain(|(cluster, _)| self.is_asked(cluster));
        let mut used = BTreeSet::new();
        for mut finding in forecast::folded(all) {
            if finding.severity == Severity::Destructive {
                let Object {
                    kind,
                    namespace,
                    name,
                    ..
                } = &finding.resource;
                let key = format!("{kind}/{namespace}/{name}");
                finding.acknowledged = acknowledged.get(&key).cloned();
                used.insert(key);
            }
            report.forecast.push(finding);
        }
        let worst = |finding: &Finding| std::cmp::Reverse(finding.severity);
        report.forecast.sort_by_key(worst);
        used
    }

    fn is_any_asked(&self, clusters: &[String]) -> bool {
        clusters.iter().any(|cluster| self.is_asked(cluster))
    }

    fn is_asked(&self, cluster: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == cluster)
    }
}

/// Whether a cluster is on both sides.
fn is_kept(changes: &ClusterChanges<'_>) -> bool {
    changes.presence == Presence::Both
}

fn told(
    project: &Project,
    found: &[Diagnostic],
    which: Which,
) -> Vec<crate::compare::report::Problem> {
    let folder = Utf8Path::new(project.snapshot.folder());
    problems(found, &project.sources, which, folder)
}

/// Where the TOML file acknowledges something.
fn acknowledged_at(graph: &Graph, unneeded: &forecast::Unneeded) -> Option<crate::source::Span> {
    let object = unneeded.object.as_ref()?;
    let is_it = |resource: &Arc<Resource>| Object::from(&resource.identity) == *object;
    graph
        .validated
        .expanded
        .variants
        .iter()
        .filter(|variant| variant.resources.iter().any(is_it))
        .find_map(|variant| Some(variant.acknowledge.as_ref()?.span))
}
