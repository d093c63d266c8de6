//! The GitRepository and the Kustomization, and the proof: both at the pushed commit.

use serde_json::Value;

use super::components::{
    INSTANCES, KUSTOMIZATIONS, checked_kustomization, conditions, is_instance, last_events,
};
use super::{Applied, CLUSTER_ADMIN, Step};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::git::Commit;
use crate::bootstrap::kubectl::{condition, contains, is_observed};
use crate::bootstrap::manifests::stream;
use crate::bootstrap::plan::Finding;
use crate::bootstrap::session::{Look, Session};

pub(super) struct SyncStep;

const GIT_REPOSITORIES: &str = "gitrepositories.source.toolkit.fluxcd.io";

impl Step for SyncStep {
    fn name(&self) -> &'static str {
        "sync"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let target = session.target;
        let name = format!("{}/{}", target.namespace, target.sync_name);
        let source = source(session)?;
        let kustomization = checked_kustomization(session)?;
        let mut finding = Finding::default();
        let applies = differs(
            session,
            "source.toolkit.fluxcd.io",
            "GitRepository",
            source.as_ref(),
        ) || differs(
            session,
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
            kustomization.as_ref(),
        );
        if applies {
            finding = finding
                .todo(format!("apply GitRepository and Kustomization `{name}`"))
                .needs(CLUSTER_ADMIN);
            if let Some(url) = source
                .as_ref()
                .and_then(|source| source["spec"]["url"].as_str())
            {
                finding = finding.note(format!("GitRepository `{name}` now reads `{url}`"));
            }
        }
        for resource in [&source, &kustomization].into_iter().flatten() {
            if resource["spec"]["suspend"] == true {
                let kind = resource["kind"].as_str().unwrap_or_default();
                let what = if kind == "GitRepository" {
                    "source git"
                } else {
                    "kustomization"
                };
                return Err(
                    Error::new(format!("{kind} `{name}` is suspended")).help(format!(
                        "run `flux resume {what} {} --namespace {}`",
                        target.sync_name, target.namespace
                    )),
                );
            }
        }
        let revision = kustomization
            .as_ref()
            .filter(|kustomization| is_ready(kustomization))
            .and_then(|kustomization| kustomization["status"]["lastAppliedRevision"].as_str());
        let pushed = session.journal.borrow().commit().map(str::to_owned);
        Ok(match revision {
            Some(revision) if !applies && has_seen(session, revision, pushed.as_deref())? => {
                finding.present(format!("`{name}` is ready at {revision}"))
            }
            _ => finding.todo(format!(
                "wait for `{name}` at the head of `{}`",
                target.branch
            )),
        })
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        let target = session.target;
        let existed = source(session)?.is_some();
        if !session.install.sync.is_empty() {
            session
                .kubectl
                .apply(&stream(&session.install.sync), "the sync of the cluster")?;
            session.reached("sync.applied")?;
        }
        if existed {
            let at = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            let (namespace, name) = (&target.namespace, &target.sync_name);
            session.kubectl.request_reconcile(
                GIT_REPOSITORIES,
                namespace,
                name,
                &at.to_string(),
            )?;
        }
        let head = session.remote_head()?.ok_or_else(|| {
            Error::new(format!(
                "`{}` has no branch `{}`",
                target.remote, target.branch
            ))
        })?;
        let revision = wait_for_head(session, head)?;
        session
            .ui
            .say(&format!("cluster `{}` is at {revision}", target.cluster));
        Ok(Applied::Done)
    }
}

fn source(session: &Session<'_>) -> Result<Option<Value>> {
    let target = session.target;
    session
        .kubectl
        .get(GIT_REPOSITORIES, Some(&target.namespace), &target.sync_name)
}

/// Whether the cluster has ever fetched the repository: then its key is let in.
pub(super) fn is_fetched(session: &Session<'_>) -> Result<bool> {
    Ok(source(session)?.is_some_and(|source| is_ready(&source)))
}

fn is_ready(resource: &Value) -> bool {
    is_observed(resource) && matches!(condition(resource, "Ready"), Some(("True", _, _)))
}

/// Whether a resource lacks anything that is to be applied. The server fills in defaults, so
/// what it has more does not count.
fn differs(session: &Session<'_>, group: &str, kind: &str, found: Option<&Value>) -> bool {
    let Some(wanted) = session.install.find(group, kind, &session.target.sync_name) else {
        return false;
    };
    found.is_none_or(|found| !contains(&found["spec"], wanted.whole_spec()))
}

/// A revision is `main@sha1:` and the commit.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#artifact>
fn commit_of(revision: &str) -> &str {
    revision
        .rsplit_once(':')
        .map_or(revision, |(_, commit)| commit)
}

/// Whether the revision has what this tool pushed last; later commits of others count too.
fn has_seen(session: &Session<'_>, revision: &str, pushed: Option<&str>) -> Result<bool> {
    let Some(pushed) = pushed else {
        return Ok(true);
    };
    if commit_of(revision) == pushed {
        return Ok(true);
    }
    // Only while the branch still stands at the pushed commit is there something to wait for.
    let head = session.remote_head()?;
    Ok(head.is_none_or(|head| head.as_str() != pushed))
}

/// Waits for both at the branch's head, which others may move meanwhile.
fn wait_for_head(session: &Session<'_>, mut head: Commit) -> Result<String> {
    let target = session.target;
    let namespace = target.namespace.as_str();
    let name = target.sync_name.as_str();
    let what = format!("`{namespace}/{name}` at {}", head.short());
    // The operator makes the other two.
    let mut documents = session.install.components.iter();
    let instance = documents.find(|document| is_instance(document));
    let states = || -> Result<Vec<(&'static str, Option<Value>)>> {
        let get = |kind: &str, name: &str| session.kubectl.get(kind, Some(namespace), name);
        let mut states = Vec::new();
        if let Some(instance) = instance {
            states.push(("FluxInstance", get(INSTANCES, &instance.name)?));
        }
        states.push(("GitRepository", source(session)?));
        states.push(("Kustomization", get(KUSTOMIZATIONS, name)?));
        Ok(states)
    };
    let ready = session.wait(&what, |turn| {
        if turn > 0
            && turn % 10 == 0
            && let Some(now) = session.remote_head()?
        {
            head = now;
        }
        let mut revision = String::new();
        for (kind, found) in &states()? {
            let key = match *kind {
                "GitRepository" => Some("/status/artifact/revision"),
                "Kustomization" => Some("/status/lastAppliedRevision"),
                _ => None,
            };
            let Some(found) = found else {
                return Ok(Look::NotYet(format!("no {kind} yet")));
            };
            if let Some(("True", reason, message)) = condition(found, "Stalled") {
                return Err(
                    Error::new(format!("{kind} `{namespace}/{name}` has given up"))
                        .note(format!("{reason}: {message}"))
                        .note(last_events(session, Some(namespace), name)?),
                );
            }
            let at = key.map(|key| {
                let at = found.pointer(key).and_then(Value::as_str);
                at.unwrap_or_default().to_owned()
            });
            let is_there = at.as_ref().is_none_or(|at| commit_of(at) == head.as_str());
            if !is_ready(found) || !is_there {
                let said = match condition(found, "Ready") {
                    Some((_, reason, message)) => format!("{kind} {reason}: {message}"),
                    None => format!("{kind} is not reported on yet"),
                };
                return Ok(Look::NotYet(said));
            }
            revision = at.unwrap_or_default();
        }
        Ok(Look::Ready(revision))
    })?;
    if let Some(revision) = ready {
        return Ok(revision);
    }
    let seconds = session.options.timeout.as_secs();
    let mut error = Error::new(format!(
        "`{namespace}/{name}` did not get to {} within {seconds} seconds",
        head.short()
    ));
    for (kind, found) in states()? {
        error = match &found {
            None => error.note(format!("{kind} `{name}` does not exist")),
            Some(found) if is_ready(found) => continue,
            Some(found) => error.note(format!("{kind}: {}", conditions(found))),
        };
    }
    error = error.note(last_events(session, Some(namespace), name)?);
    Err(error.help("mend what the controller names, then run the same command"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_fills_in_is_no_difference() {
        let wants = json!({ "url": "x", "ref": { "branch": "main" } });
        assert!(contains(
            &json!({ "url": "x", "ref": { "branch": "main" }, "timeout": "60s" }),
            &wants
        ));
        assert!(!contains(
            &json!({ "url": "y", "ref": { "branch": "main" } }),
            &wants
        ));
        assert!(!contains(&json!({ "url": "x" }), &wants));
    }

    #[test]
    fn the_commit_is_the_end_of_a_revision() {
        assert_eq!(commit_of("main@sha1:abc"), "abc");
        assert_eq!(commit_of("abc"), "abc");
    }
}
