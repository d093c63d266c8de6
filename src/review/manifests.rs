//! The install manifests of both sides, held to their locks, and the locks themselves.

use super::system::{Before, LOCK, NOT_HELD, finding};
use super::trees::Committed;
use crate::compare::report::{Affected, Finding, Outcome, Severity};
use crate::install::folder::COMPONENTS_FILE;
use crate::install::{Held, Lock};
use crate::settings::{Cluster, Install};

/// An install manifest that changes to what nobody vouches for.
pub(super) fn held(base: Before<'_>, head: Committed<'_>, cluster: &Cluster) -> Option<Finding> {
    let name = &cluster.name.value;
    let path = format!("{}/{COMPONENTS_FILE}", cluster.flux.namespace);
    let after = head.project.existing.get(name)?.files.get(&path);
    let before = base.existing(name).and_then(|it| it.files.get(&path));
    if cluster.flux.install != Install::Release || before == after {
        return None;
    }
    let shown = head
        .project
        .snapshot
        .from_root(&format!("{}/{path}", cluster.folder));
    let namespace = &cluster.flux.namespace;
    let Some(held) = head.project.manifests.get(name).filter(|_| after.is_some()) else {
        let message =
            format!("`{shown}` is gone: Flux cannot build the folder, and applies nothing of it");
        return before.map(|_| {
            finding(
                &NOT_HELD,
                Severity::Notice,
                Outcome::Stall,
                namespace,
                message,
            )
        });
    };
    let (what, unknown) = match held {
        Held::AsGiven => return None,
        Held::Otherwise { by } => (format!("is not what `{by}` says"), None),
        Held::Older => (
            "is of another version or of other options than the TOML file asks for".to_owned(),
            None,
        ),
        Held::NotKnown { why } => (
            "changed, and nothing here vouches for it".to_owned(),
            Some(why),
        ),
    };
    let mut found = finding(
        &NOT_HELD,
        Severity::Destructive,
        Outcome::Reconcile,
        namespace,
        format!("`{shown}` {what}: Flux would run what it holds, with all rights in the cluster"),
    );
    if let Some(why) = unknown {
        found.affected = Affected::unknown(format!("what makes it: {why}"));
    }
    found.help =
        vec!["run `fluxgen build`, which writes the manifest of the release again".to_owned()];
    Some(found)
}

/// A lock that is not what it was.
pub(super) fn lock(base: Committed<'_>, head: Committed<'_>, cluster: &Cluster) -> Option<Finding> {
    if cluster.flux.install != Install::Release {
        return None;
    }
    let (before, after) = (base.project.lock.as_ref()?, head.project.lock.as_ref());
    let namespace = &cluster.flux.namespace;
    let file = camino::Utf8Path::new(&head.project.config).with_extension("lock");
    let file = head.project.snapshot.from_root(file.as_str());
    let told = |severity, message| finding(&LOCK, severity, Outcome::Reconcile, namespace, message);
    let Some(after) = after else {
        let message = format!("`{file}` is gone: nothing vouches for what installs Flux");
        return Some(told(Severity::Notice, message));
    };
    if before == after {
        return None;
    }
    let (Ok(old), Ok(new)) = (Lock::parse(before), Lock::parse(after)) else {
        let message = format!("`{file}` changed, and is not understood");
        return Some(told(Severity::Notice, message));
    };
    if old == new {
        return None;
    }
    let contradictions = old.contradictions(&new);
    Some(match contradictions.is_empty() {
        true => {
            let versions = |lock: &Lock| -> Vec<String> {
                let mut all: Vec<_> = lock.releases().map(|(it, ..)| it.to_string()).collect();
                all.dedup();
                all
            };
            let (from, to) = (versions(&old), versions(&new));
            let what = match from == to {
                true => "what may be installed of Flux".to_owned(),
                false => format!("from Flux {} to {}", from.join(", "), to.join(", ")),
            };
            told(Severity::Notice, format!("`{file}` changes {what}"))
        }
        false => told(
            Severity::Destructive,
            format!(
                "`{file}` has another sum of {} than before, which cannot have changed",
                contradictions.join(", ")
            ),
        ),
    })
}
