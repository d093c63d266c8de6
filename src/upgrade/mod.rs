//! `fluxgen upgrade`: what a newer Flux breaks or does differently, before its version is pinned.
//!
//! What the API refuses comes from compiling the project at both versions; what the controllers do
//! differently from the small table in `facts`. What neither knows is said.

mod facts;
mod news;
pub(crate) mod pins;
pub(crate) mod releases;
mod served;

use std::collections::BTreeSet;

use camino::Utf8Path;
use semver::Version;

pub use facts::{FACTS, Fact};

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use crate::install::Source;
use crate::kustomize::Resolver;
use crate::link::Graph;
use crate::project::Project;
use crate::schema::FluxMinor;
use crate::settings::{Cluster, Install, Settings};
use crate::source::{Sources, Span};
use pins::Pin;
use releases::{entered, minor_of};

/// The largest file that is looked into, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Places of one fact that are pointed at; the rest is named.
const SHOWN: usize = 6;
/// Places of one fact that are named.
const NAMED: usize = 12;

/// What an upgrade would bring.
pub(crate) struct Judgement {
    pub found: Vec<Diagnostic>,
    /// API versions that change and what is new, for people.
    pub news: String,
    /// Errors that the project has at either version.
    pub errors_before: usize,
}

/// The version that a cluster has now.
pub(crate) fn version_of(cluster: &Cluster) -> Version {
    Version::parse(&cluster.flux.version.value).unwrap_or(Version::new(0, 0, 0))
}

/// Says for each of the targets that is newer than `to` why it cannot be lowered.
pub(crate) fn downgrades(
    settings: &Settings,
    targets: &[usize],
    to: &Version,
    diagnostics: &mut Diagnostics,
) {
    let newer = |cluster: &&Cluster| version_of(cluster) > *to;
    let of = |at: &usize| &settings.clusters[*at];
    let older: Vec<&str> = targets
        .iter()
        .map(of)
        .filter(|cluster| version_of(cluster) < *to)
        .map(|cluster| cluster.name.value.as_str())
        .collect();
    for cluster in targets.iter().map(of).filter(newer) {
        let found = &cluster.flux.version;
        let mut diagnostic = Diagnostic::error(
            "flux-downgrade",
            format!("Flux {to} is older than the {} that is pinned", found.value),
        )
        .at(found.span, "")
        .in_cluster(cluster.name.value.as_str())
        .with_note(
            "the API server refuses CRDs without the versions that its objects are stored in",
        );
        if !older.is_empty() {
            let named: Vec<String> = older
                .iter()
                .map(|name| format!("--cluster {name}"))
                .collect();
            diagnostic = diagnostic.with_help(format!(
                "name the clusters that are older: {}",
                named.join(" ")
            ));
        }
        diagnostics.push(diagnostic.with_help(
            "to go back to what ran before, set `flux.version` by hand or revert the commit",
        ));
    }
}

/// Compares the project as it is, `before`, with the one that has the newer pins, `after`.
///
/// Labels of what is found are places of `after`, whose sources get the files that are shown.
pub(crate) fn judge(
    before: &mut Project,
    after: &mut Project,
    pins: &[Pin],
    to: &Version,
) -> Judgement {
    let old = std::mem::take(&mut before.diagnostics);
    let new = std::mem::take(&mut after.diagnostics);
    let versions: Vec<String> = pins
        .iter()
        .map(|pin| pin.from.clone())
        .chain([to.to_string()])
        .collect();
    let told: BTreeSet<Told> = old
        .iter()
        .map(|one| Told::of(one, &before.sources, &versions))
        .collect();
    let mut found = Diagnostics::default();
    let mut errors_before = 0;
    for diagnostic in new.into_sorted() {
        if diagnostic.is_not_checked() {
            // What has no schema at the newer version was refused by name.
            continue;
        }
        if !told.contains(&Told::of(&diagnostic, &after.sources, &versions)) {
            found.push(diagnostic);
        } else if diagnostic.severity == Severity::Error {
            errors_before += 1;
        }
    }
    let mut news = String::new();
    let Project {
        snapshot,
        sources,
        built,
        ..
    } = after;
    if let Some(built) = built {
        let settings = &built.resolved.settings;
        let rising = rising(settings, pins);
        steps(settings, &rising, to, &mut found);
        let files = &**snapshot.files();
        if let Some(graph) = built.graph() {
            let read = |path: &str| {
                let bytes = files.read(path, LARGEST).ok()??;
                Some(std::str::from_utf8(&bytes).ok()?.to_owned())
            };
            let resolver = Resolver::new(files);
            facts(graph, &rising, to, &resolver, &read, sources, &mut found);
            news = news::told(graph, &minors(&rising), minor(to));
        }
        let passed_over: Vec<String> = (0..settings.clusters.len())
            .filter(|at| !rising.iter().any(|(rising, _)| rising == at))
            .map(|at| snapshot.from_root(&settings.clusters[at].folder))
            .collect();
        if let Some(from) = rising.iter().map(|(_, from)| from).min() {
            served::check(files, &passed_over, from, to, sources, &mut found);
        }
        unknown(settings, &rising, to, &mut found);
    }
    // In the order of the text; what is said of the run itself comes last.
    let mut found = found.into_sorted();
    found.sort_by_key(|found| found.severity == Severity::Note && found.primary().is_none());
    Judgement {
        found,
        news,
        errors_before,
    }
}

/// What makes a finding the same at both versions, wherever in the file it stands.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    code: &'static str,
    message: String,
    line: String,
}

impl Told {
    fn of(diagnostic: &Diagnostic, sources: &Sources, versions: &[String]) -> Self {
        let without = |text: &str| {
            versions.iter().fold(text.to_owned(), |text, version| {
                text.replace(version.as_str(), "X")
            })
        };
        let line = diagnostic.primary().and_then(|span| {
            let source = sources.get(span.file)?;
            source.line(source.position(span.start).line)
        });
        Self {
            code: diagnostic.code,
            message: without(&diagnostic.message),
            line: without(line.unwrap_or_default()),
        }
    }
}

/// The clusters that rise, with the versions they come from.
fn rising(settings: &Settings, pins: &[Pin]) -> Vec<(usize, Version)> {
    let mut rising: Vec<(usize, Version)> = pins
        .iter()
        .filter_map(|pin| Some((pin, Version::parse(&pin.from).ok()?)))
        .flat_map(|(pin, from)| pin.clusters.iter().map(move |at| (*at, from.clone())))
        .filter(|(at, _)| *at < settings.clusters.len())
        .collect();
    rising.sort();
    rising
}

fn minor(version: &Version) -> FluxMinor {
    let known = FluxMinor::from_version(&version.to_string());
    known
        .ok()
        .and_then(|pinned| pinned.minor())
        .unwrap_or(FluxMinor::OLDEST)
}

fn minors(rising: &[(usize, Version)]) -> Vec<(usize, FluxMinor)> {
    rising.iter().map(|(at, from)| (*at, minor(from))).collect()
}

/// What holds for any upgrade of its length: minors in between, stored versions, fixed archives.
fn steps(settings: &Settings, rising: &[(usize, Version)], to: &Version, found: &mut Diagnostics) {
    for (at, from) in rising {
        let cluster = &settings.clusters[*at];
        let flux = &cluster.flux;
        let name = cluster.name.value.as_str();
        let entered: Vec<_> = entered(from, to).collect();
        let skipped: Vec<String> = match from.major == to.major {
            true => (from.minor + 1..to.minor)
                .map(|minor| format!("{}.{minor}", to.major))
                .collect(),
            false => Vec::new(),
        };
        if let Some(next) = skipped.first() {
            let next = match entered.first() {
                Some(known) => known.newest.to_owned(),
                None => format!("{next}.0"),
            };
            let list = skipped.join(" and ");
            found.push(
                Diagnostic::warning(
                    "flux-minor-skipped",
                    format!("the upgrade from {from} to {to} skips Flux {list}"),
                )
                .at(flux.version.span, "")
                .in_cluster(name)
                .with_note("each minor converts what the one before it stored, and drops what is older")
                .with_help(format!(
                    "go one minor at a time: `fluxgen upgrade --to {}`, merge, let the clusters settle, go on",
                    next
                )),
            );
        }
        let removed: Vec<String> = entered
            .iter()
            .flat_map(|minor| minor.removed())
            .map(|(group, version)| {
                format!("{}/{version}", group.split('.').next().unwrap_or(group))
            })
            .collect();
        if !removed.is_empty() && flux.install != Install::Operator {
            found.push(
                Diagnostic::warning(
                    "stored-versions",
                    format!(
                        "the CRDs of Flux {to} come without versions that objects may be stored in"
                    ),
                )
                .at(flux.version.span, "")
                .in_cluster(name)
                .with_note(format!("gone since {from}: {}", removed.join(", ")))
                .with_note(
                    "the API server refuses the new CRDs while one is in `status.storedVersions`",
                )
                .with_help("run `flux migrate` against each cluster before the upgrade is merged"),
            );
        }
        let fixed = flux.distribution.as_ref().filter(|distribution| {
            let is_release = matches!(
                Source::parse(&distribution.value, Utf8Path::new("")),
                Ok(Source::Release { .. })
            );
            flux.install == Install::Release
                && !is_release
                && !distribution.value.contains("{version}")
        });
        if let Some(distribution) = fixed {
            found.push(
                Diagnostic::warning(
                    "distribution-without-version",
                    format!(
                        "`{}` is one release of Flux, whatever `flux.version` says",
                        distribution.value
                    ),
                )
                .at(distribution.span, "")
                .at(flux.version.span, "")
                .in_cluster(name)
                .with_help(format!(
                    "put the release {to} in its place, or write `{{version}}` in the path"
                )),
            );
        }
    }
}

fn facts(
    graph: &Graph,
    rising: &[(usize, Version)],
    to: &Version,
    files: &Resolver<'_>,
    read: &dyn Fn(&str) -> Option<String>,
    sources: &Sources,
    found: &mut Diagnostics,
) {
    for fact in FACTS {
        let mut hits: Vec<facts::Hit> = Vec::new();
        let mut clusters: Vec<String> = Vec::new();
        for (at, _) in rising.iter().filter(|(_, from)| fact.is_entered(from, to)) {
            let seen = facts::Seen {
                graph,
                at: *at,
                files,
                read,
            };
            let of_cluster = fact.hits(&seen);
            if !of_cluster.is_empty() {
                clusters.push(seen.cluster().name.value.clone());
            }
            for hit in of_cluster {
                if !hits.contains(&hit) {
                    hits.push(hit);
                }
            }
        }
        if hits.is_empty() {
            continue;
        }
        hits.sort_by_key(|hit| hit.span);
        let mut notes: Vec<String> = hits.iter().flat_map(|hit| hit.notes.clone()).collect();
        notes.sort();
        notes.dedup();
        let mut diagnostic = match fact.severity {
            Severity::Error => Diagnostic::error(fact.code, fact.message),
            Severity::Warning => Diagnostic::warning(fact.code, fact.message),
            Severity::Note => Diagnostic::note(fact.code, fact.message),
        };
        let labels = hits.iter().filter(|hit| !hit.span.is_built_in());
        diagnostic.labels = labels
            .clone()
            .take(SHOWN)
            .map(|hit| Label {
                span: hit.span,
                message: hit.label.clone(),
            })
            .collect();
        let rest: Vec<Span> = labels.skip(SHOWN).map(|hit| hit.span).collect();
        if !rest.is_empty() {
            let mut named: Vec<String> = rest
                .iter()
                .take(NAMED)
                .map(|span| sources.locate(*span))
                .collect();
            if rest.len() > NAMED {
                named.push(format!("{} places more", rest.len() - NAMED));
            }
            diagnostic = diagnostic.with_note(format!("also {}", named.join(", ")));
        }
        diagnostic.notes.extend(notes);
        diagnostic.clusters = clusters;
        found.push(diagnostic.with_help(fact.help));
    }
}

/// What a run like this cannot see.
fn unknown(
    settings: &Settings,
    rising: &[(usize, Version)],
    to: &Version,
    found: &mut Diagnostics,
) {
    if !rising.iter().any(|(_, from)| minor(from) != minor(to)) && minor_of(to).is_some() {
        return;
    }
    let mut note = Diagnostic::note("upgrade-not-known", "what this run could not look at");
    note = match minor_of(to) {
        Some(known) => note.with_note(format!(
            "the version of Kubernetes in the clusters: Flux 2.{} is tested with {}",
            known.minor, known.kubernetes
        )),
        None => note.with_note(format!(
            "what is new or other after Flux {}: fluxgen knows nothing newer; read the notes of the release",
            FluxMinor::NEWEST
        )),
    };
    note = note
        .with_note("manifests in other repositories, in charts and in images, and objects that are in the clusters alone")
        .with_note("what the controllers check beyond their API");
    let has_patches = |at: usize| !settings.clusters[at].flux.patches.is_empty();
    if rising.iter().any(|(at, _)| has_patches(*at)) {
        note = note.with_note("whether `flux.patches` still fit the controllers' Deployments");
    }
    found.push(note);
}
