//! Flux's own folder: what makes it sync, what installs it, and the version that is installed.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;

use super::trees::{Committed, Edited};
use crate::compare::report::{Affected, Finding, Object, Outcome, Severity};
use crate::compare::{Comparison, Entry, Side, SideBuilder};
use crate::files::Bytes;
use crate::install::folder::{COMPONENTS_FILE, INSTANCE_FILE, KUSTOMIZATION_FILE, SYNC_FILE};
use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};
use crate::settings::{Cluster, Install};
use crate::tree::{Existing, File, resources};

/// What the comparison itself reports, beside the rules of the controllers.
pub(crate) struct Rule {
    pub name: &'static str,
    pub summary: &'static str,
    pub docs: &'static str,
}

const INSTALLATION: &str = "https://fluxcd.io/flux/installation/";

pub(crate) static VERSION: Rule = Rule {
    name: "flux-version-changed",
    summary: "the controllers of another version of Flux are installed",
    docs: "https://fluxcd.io/flux/installation/upgrade/",
};
pub(crate) static PATH: Rule = Rule {
    name: "sync-path-changed",
    summary: "the root Kustomization applies another folder and deletes what is not in it",
    docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
};
pub(crate) static NOT_UNDERSTOOD: Rule = Rule {
    name: "file-not-understood",
    summary: "a file that Flux applies changed, and what becomes of it is not known",
    docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file",
};
pub(crate) static EDITED: Rule = Rule {
    name: "generated-file-edited",
    summary: "Flux applies a change by hand of a generated file until the next build takes it back",
    docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
};
pub(crate) static CONTROLLERS: Rule = Rule {
    name: "flux-controllers-changed",
    summary: "the controllers of Flux run with other images, arguments or patches",
    docs: INSTALLATION,
};
pub(crate) static NOT_HELD: Rule = Rule {
    name: "install-manifest-not-held",
    summary: "the committed install manifest is not what the lock says",
    docs: INSTALLATION,
};
pub(crate) static LOCK: Rule = Rule {
    name: "lock-changed",
    summary: "the releases of Flux that may be installed are others",
    docs: INSTALLATION,
};

pub(crate) static RULES: [&Rule; 7] = [
    &VERSION,
    &PATH,
    &NOT_UNDERSTOOD,
    &EDITED,
    &CONTROLLERS,
    &NOT_HELD,
    &LOCK,
];

/// What a side without a TOML file has, or with one.
#[derive(Clone, Copy)]
pub(super) enum Before<'a> {
    Compiled(Committed<'a>),
    /// The folders as they are.
    Yaml(&'a BTreeMap<String, Existing>),
}

impl<'a> Before<'a> {
    pub(super) fn existing(self, cluster: &str) -> Option<&'a Existing> {
        match self {
            Before::Compiled(side) => side.project.existing.get(cluster),
            Before::Yaml(folders) => folders.get(cluster),
        }
    }

    fn cluster(self, name: &str) -> Option<&'a Cluster> {
        match self {
            Before::Compiled(side) => side.graph.settings().cluster(name),
            Before::Yaml(_) => None,
        }
    }

    /// A file of Flux's own folder: as the TOML file gives it, else as it is committed.
    fn file(self, cluster: &str, path: &str) -> Option<Bytes> {
        let given = match self {
            Before::Compiled(side) => side.of(cluster).and_then(|tree| tree.files.get(path)),
            Before::Yaml(_) => None,
        };
        match given {
            Some(text) => Some(Bytes::from(text.as_bytes())),
            None => stored(self.existing(cluster)?, path),
        }
    }
}

fn stored(existing: &Existing, path: &str) -> Option<Bytes> {
    match existing.files.get(path)? {
        File::Ours(bytes) | File::Foreign(Some(bytes)) => Some(bytes.clone()),
        File::Foreign(None) | File::Link | File::Temporary => None,
    }
}

/// The resources by which Flux is installed and syncs the repository, of both sides, where they differ.
///
/// They are compared apart from the others: what the root Kustomization applies is all the others.
pub(super) fn sides(base: Before<'_>, head: Committed<'_>, edited: &Edited) -> [Side; 2] {
    let mut builders = [SideBuilder::new(), SideBuilder::new()];
    // Most clusters have the same files; each is read once.
    let mut read: BTreeMap<(Bytes, String), Vec<Arc<Resource>>> = BTreeMap::new();
    let after = Before::Compiled(head);
    for new in &head.tree.clusters {
        let name = new.name.as_str();
        let Some(settings) = head.graph.settings().cluster(name) else {
            continue;
        };
        let is_known = match base {
            Before::Compiled(side) => side.of(name).is_some(),
            Before::Yaml(folders) => folders.contains_key(name),
        };
        if !is_known {
            continue;
        }
        for file in [
            SYNC_FILE,
            INSTANCE_FILE,
            KUSTOMIZATION_FILE,
            COMPONENTS_FILE,
        ] {
            let path = format!("{}/{file}", settings.flux.namespace);
            let mut texts = [base.file(name, &path), after.file(name, &path)];
            if let Some(file) = edited.of(name).iter().find(|it| *it.path == *path) {
                texts = [file.before.clone(), file.after.clone()];
            }
            let is_same = texts[0] == texts[1];
            // What was never built is not removed, and a manifest of another release is a matter of its version.
            let is_half = file == COMPONENTS_FILE && texts.iter().any(Option::is_none);
            if is_same || is_half || file == COMPONENTS_FILE && is_upgrade(base, head, settings) {
                continue;
            }
            for (builder, text) in builders.iter_mut().zip(texts) {
                builder.cluster(name);
                let Some(bytes) = text else { continue };
                let found = read
                    .entry((bytes, path.clone()))
                    .or_insert_with_key(|(bytes, path)| objects(bytes, path, file));
                for resource in found {
                    builder.add(name, Arc::clone(resource), None);
                }
            }
        }
    }
    builders.map(SideBuilder::finish)
}

/// The objects of a file; the kustomize file is one of its own, which has no name but its path.
fn objects(bytes: &[u8], path: &str, file: &str) -> Vec<Arc<Resource>> {
    if file != KUSTOMIZATION_FILE {
        return resources(bytes).into_iter().map(Arc::new).collect();
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let nodes = crate::yaml::read_all(text, crate::source::Span::BUILT_IN.file).unwrap_or_default();
    let resources = nodes.into_iter().map(|node| Resource {
        identity: Identity {
            group: "kustomize.config.k8s.io".to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: String::new(),
            name: path.to_owned(),
        },
        api_version: String::new(),
        node,
    });
    resources.map(Arc::new).collect()
}

/// Whether the manifests of both sides are what each side's lock says, of two versions: hundreds of objects differ,
/// and the version says it all.
fn is_upgrade(base: Before<'_>, head: Committed<'_>, cluster: &Cluster) -> bool {
    let Before::Compiled(before) = base else {
        return false;
    };
    let Some(old) = base.cluster(&cluster.name.value) else {
        return false;
    };
    let is_held = |side: Committed<'_>, cluster: &Cluster| {
        let manifests = &side.project.manifests;
        manifests.get(&cluster.name.value) == Some(&crate::install::Held::AsGiven)
    };
    old.flux.version.value != cluster.flux.version.value
        && is_held(before, old)
        && is_held(head, cluster)
}

/// What the controllers make of it, and in which cluster.
pub(super) fn findings(
    base: Before<'_>,
    head: Committed<'_>,
    edited: &Edited,
    comparison: &Comparison<'_>,
) -> Vec<(String, Finding)> {
    let mut found = Vec::new();
    for new in &head.graph.settings().clusters {
        let name = &new.name.value;
        let mut push = |finding| found.push((name.clone(), finding));
        if let Some(old) = base.cluster(name) {
            version(old, new).into_iter().for_each(&mut push);
        }
        super::manifests::held(base, head, new)
            .into_iter()
            .for_each(&mut push);
        if let Before::Compiled(before) = base {
            super::manifests::lock(before, head, new)
                .into_iter()
                .for_each(&mut push);
        }
        for file in edited
            .of(name)
            .iter()
            .filter(|it| !it.path.ends_with(COMPONENTS_FILE))
        {
            let path = format!("{}/{}", new.folder, file.path);
            let path = head.project.snapshot.from_root(&path);
            let message = match &file.after {
                None => format!(
                    "`{path}` was removed by hand: Flux does without it until the next build"
                ),
                Some(after) if **after == *file.given.as_bytes() => {
                    format!("`{path}` is as built again: what was changed by hand is taken back")
                }
                Some(_) => format!(
                    "`{path}` was changed by hand: Flux applies it until the next build takes it back"
                ),
            };
            let namespace = &new.flux.namespace;
            push(finding(
                &EDITED,
                Severity::Notice,
                Outcome::Reconcile,
                namespace,
                message,
            ));
        }
    }
    for (name, changes) in &comparison.clusters {
        for (old, new) in &changes.changed {
            let told = path_changed(old, new)
                .into_iter()
                .chain(controllers(old, new));
            found.extend(told.map(|finding| ((*name).to_owned(), finding)));
        }
    }
    found
}

fn version(old: &Cluster, new: &Cluster) -> Option<Finding> {
    if new.flux.install == Install::None || new.flux.version.value == old.flux.version.value {
        return None;
    }
    let (from, to) = (&old.flux.version.value, &new.flux.version.value);
    let version = |text: &str| Version::parse(text.trim_start_matches('v')).ok();
    let (severity, back) = match version(to) < version(from) {
        true => (Severity::Notice, "back "),
        false => (Severity::Info, ""),
    };
    Some(finding(
        &VERSION,
        severity,
        Outcome::Reconcile,
        &new.flux.namespace,
        format!("Flux goes from {from} {back}to {to}: its controllers and CRDs are applied anew"),
    ))
}

fn path_changed(old: &Entry, new: &Entry) -> Option<Finding> {
    let path = |entry: &Entry| -> Option<String> {
        let identity = entry.identity();
        let path: &[&str] = match (identity.group.as_str(), identity.kind.as_str()) {
            ("fluxcd.controlplane.io", "FluxInstance") => &["spec", "sync", "path"],
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => &["spec", "path"],
            _ => return None,
        };
        Some(crate::kustomize::normalised(entry.get(path)?.as_str()?))
    };
    let (from, to) = (path(old)?, path(new)?);
    if from == to {
        return None;
    }
    let mut finding = finding(
        &PATH,
        Severity::Destructive,
        Outcome::Prune,
        &new.identity().namespace,
        format!(
            "the root Kustomization applies `{to}` instead of `{from}`: what is not in both is deleted"
        ),
    );
    finding.affected = Affected::unknown(format!("what is in `{from}` and not in `{to}`"));
    Some(finding)
}

/// What of a FluxInstance decides which controllers run, and how. Its version has a finding of its own.
const OF_INSTANCE: [&[&str]; 7] = [
    &["spec", "cluster"],
    &["spec", "commonMetadata"],
    &["spec", "components"],
    &["spec", "distribution", "artifact"],
    &["spec", "distribution", "imagePullSecret"],
    &["spec", "distribution", "registry"],
    &["spec", "kustomize"],
];

/// Controllers that run with something else than before.
fn controllers(old: &Entry, new: &Entry) -> Option<Finding> {
    let identity = new.identity();
    let name = &identity.name;
    let message = match (identity.group.as_str(), identity.kind.as_str()) {
        ("apps", "Deployment") => {
            let [before, after] = [old, new].map(images);
            let other: Vec<String> = before
                .iter()
                .zip(&after)
                .filter(|(old, new)| old != new)
                .map(|(old, new)| format!("`{new}` instead of `{old}`"))
                .collect();
            match (other.is_empty(), before.len() == after.len()) {
                (false, true) => format!("Deployment `{name}` of Flux runs {}", other.join(", ")),
                _ => format!("Deployment `{name}` of Flux changes"),
            }
        }
        ("kustomize.config.k8s.io", "Kustomization") => {
            format!("`{name}` changes what is installed of Flux")
        }
        ("fluxcd.controlplane.io", "FluxInstance") => {
            let differs = |path: &&&[&str]| match [old, new].map(|it| it.get(path)) {
                [None, None] => false,
                [Some(old), Some(new)] => !old.value.same(&new.value),
                [_, _] => true,
            };
            let keys: Vec<String> = OF_INSTANCE
                .iter()
                .filter(differs)
                .map(|path| format!("`{}`", path.join(".")))
                .collect();
            if keys.is_empty() {
                return None;
            }
            format!(
                "FluxInstance `{name}` installs other controllers: {} changed",
                keys.join(", ")
            )
        }
        _ => return None,
    };
    let mut finding = finding(
        &CONTROLLERS,
        Severity::Notice,
        Outcome::Reconcile,
        &identity.namespace,
        message,
    );
    finding.resource = Object::from(identity);
    Some(finding)
}

fn images(entry: &Entry) -> Vec<String> {
    let pod = ["spec", "template", "spec"];
    let lists =
        ["initContainers", "containers"].map(|key| entry.get(&[pod[0], pod[1], pod[2], key]));
    let items = lists
        .into_iter()
        .flatten()
        .filter_map(Node::as_array)
        .flatten();
    items
        .filter_map(|container| match &container.get("image")?.value {
            Value::String(image) => Some(image.clone()),
            _ => None,
        })
        .collect()
}

pub(super) fn finding(
    rule: &Rule,
    severity: Severity,
    outcome: Outcome,
    namespace: &str,
    message: String,
) -> Finding {
    Finding {
        rule: rule.name.to_owned(),
        severity,
        outcome,
        resource: Object::new(
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
            namespace,
            namespace,
        ),
        clusters: Vec::new(),
        message,
        notes: Vec::new(),
        help: Vec::new(),
        affected: Affected::default(),
        acknowledged: None,
        denied: false,
        uncertain: false,
        docs: rule.docs.to_owned(),
        changes: Vec::new(),
        place: None,
    }
}
