//! Flux itself: CRDs, rights and controllers, applied once; from then on Flux keeps them.

use serde_json::Value;

use super::{Applied, CLUSTER_ADMIN, Step, count};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::kubectl::{condition, contains, is_observed};
use crate::bootstrap::manifests::{Document, stream};
use crate::bootstrap::plan::Finding;
use crate::bootstrap::session::{Look, Session};

pub(super) struct ComponentsStep;

pub(super) const KUSTOMIZATIONS: &str = "kustomizations.kustomize.toolkit.fluxcd.io";

impl Step for ComponentsStep {
    fn name(&self) -> &'static str {
        "components"
    }

    /// As `flux bootstrap` does, the components are applied by hand only until the Kustomization
    /// has applied a revision; after that the commit brings them.
    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let target = session.target;
        let documents = &session.install.components;
        if documents.is_empty() {
            return Ok(Finding::default().present("installed by other means (`flux.install`)"));
        }
        if let Some(kustomization) = checked_kustomization(session)?
            && let Some(revision) = kustomization["status"]["lastAppliedRevision"].as_str()
        {
            return Ok(Finding::default().present(format!("kept by Flux, at {revision}")));
        }
        check_installer(session)?;
        if let Some(instance) = documents.iter().find(|document| is_instance(document)) {
            let found = session
                .kubectl
                .get(INSTANCES, Some(&target.namespace), &instance.name)?;
            if session.kubectl.get(CRDS, None, INSTANCES)?.is_none() {
                return Err(Error::new("the Flux Operator is not installed in the cluster")
                    .note("`flux.install` is `\"operator\"`, and it makes the controllers")
                    .help(
                        "install it first: `helm install flux-operator --namespace flux-system \
                         --create-namespace oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator`",
                    ));
            }
            if found.is_some_and(|found| contains(&found["spec"], instance.whole_spec())) {
                return Ok(Finding::default().present("the FluxInstance, as it is to be"));
            }
            return Ok(Finding::default()
                .todo(format!("apply FluxInstance `{}`", instance.name))
                .needs(CLUSTER_ADMIN));
        }
        let kind = |kind: &str| {
            documents
                .iter()
                .filter(|document| document.kind == kind)
                .count()
        };
        Ok(Finding::default()
            .todo(format!(
                "apply {}: {} and {} among them",
                count(documents.len(), "resource"),
                count(kind("CustomResourceDefinition"), "CRD"),
                count(kind("Deployment"), "Deployment"),
            ))
            .todo("wait until they are established and available")
            .needs(CLUSTER_ADMIN))
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        let documents = &session.install.components;
        session
            .kubectl
            .apply(&stream(documents), "the components of Flux")?;
        session.reached("components.applied")?;
        let crds = of_kind(documents, "CustomResourceDefinition");
        wait_for(session, &crds, "the CRDs", |crd| {
            matches!(condition(crd, "Established"), Some(("True", _, _)))
        })?;
        let deployments = of_kind(documents, "Deployment");
        wait_for(session, &deployments, "the controllers", |deployment| {
            is_observed(deployment)
                && matches!(condition(deployment, "Available"), Some(("True", _, _)))
        })?;
        // A FluxInstance is ready when it syncs, for which it needs the credentials: a later step.
        Ok(Applied::Done)
    }
}

const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";
pub(super) const INSTANCES: &str = "fluxinstances.fluxcd.controlplane.io";

pub(super) fn is_instance(document: &Document) -> bool {
    document.is("fluxcd.controlplane.io", "FluxInstance")
}

fn of_kind<'d>(documents: &'d [Document], kind: &str) -> Vec<&'d Document> {
    documents
        .iter()
        .filter(|document| document.kind == kind)
        .collect()
}

/// The cluster's Kustomization, unless it syncs something else.
pub(super) fn checked_kustomization(session: &Session<'_>) -> Result<Option<Value>> {
    let target = session.target;
    let (namespace, name) = (target.namespace.as_str(), target.sync_name.as_str());
    let found = session.kubectl.get(KUSTOMIZATIONS, Some(namespace), name)?;
    let Some(kustomization) = found else {
        return Ok(None);
    };
    let path = kustomization["spec"]["path"].as_str().unwrap_or_default();
    if path.trim_matches(['.', '/']) != target.sync_path().trim_matches(['.', '/']) {
        return Err(Error::new(format!(
            "the cluster's Kustomization `{namespace}/{name}` syncs `{path}`, not `{}`",
            target.sync_path()
        ))
        .note("two trees cannot be synced by one Kustomization: the other would be pruned")
        .help(format!(
            "check `--context` (now `{}`); if the cluster is to move, delete that Kustomization \
             with `kubectl delete` after setting its `spec.prune` to false",
            session.kubectl.context()
        )));
    }
    Ok(Some(kustomization))
}

/// Controllers that something else keeps would be changed back and forth.
fn check_installer(session: &Session<'_>) -> Result<()> {
    if session.install.components.iter().any(is_instance) {
        return Ok(());
    }
    let namespace = session.target.namespace.as_str();
    let found = session
        .kubectl
        .get("deployments.apps", Some(namespace), "source-controller")?;
    let Some(found) = found else { return Ok(()) };
    let label = |key: &str| found["metadata"]["labels"][key].as_str();
    let keeper = match (
        label("app.kubernetes.io/managed-by"),
        label("fluxcd.controlplane.io/name"),
    ) {
        (_, Some(_)) => "the Flux Operator",
        (Some("Helm"), _) => "Helm",
        (Some("flux-operator"), _) => "the Flux Operator",
        _ => return Ok(()),
    };
    Err(Error::new(format!(
        "Flux in namespace `{namespace}` is kept by {keeper}"
    ))
    .note("two installers would change the controllers back and forth")
    .help("set `flux.install` to `\"operator\"` or `\"none\"` for this cluster"))
}

/// Waits until all are as wanted; past the limit it says which is not, and why.
fn wait_for(
    session: &Session<'_>,
    documents: &[&Document],
    what: &str,
    is_fine: impl Fn(&Value) -> bool,
) -> Result<()> {
    let Some(first) = documents.first() else {
        return Ok(());
    };
    let group = first
        .api_version
        .split_once('/')
        .map_or("", |(group, _)| group);
    let kind = format!("{}s.{group}", first.kind.to_ascii_lowercase());
    let namespace = first.namespace.as_deref();
    let look = || -> Result<Vec<(String, Option<Value>)>> {
        let found = session.kubectl.list(&kind, namespace, None)?;
        let by_name = |name: &str| {
            found
                .iter()
                .find(|resource| resource["metadata"]["name"] == name)
                .cloned()
        };
        let states = documents
            .iter()
            .map(|document| (document.name.clone(), by_name(&document.name)));
        Ok(states
            .filter(|(_, found)| !found.as_ref().is_some_and(&is_fine))
            .collect())
    };
    let ready = session.wait(what, |_| {
        let missing = look()?;
        if missing.is_empty() {
            return Ok(Look::Ready(()));
        }
        let done = documents.len() - missing.len();
        Ok(Look::NotYet(format!("{done} of {}", documents.len())))
    })?;
    if ready.is_some() {
        return Ok(());
    }
    let seconds = session.options.timeout.as_secs();
    let mut error = Error::new(format!("{what} were not ready within {seconds} seconds"));
    for (name, found) in look()? {
        error = error.note(match &found {
            None => format!("{} `{name}` does not exist", first.kind),
            Some(found) => format!("{} `{name}`: {}", first.kind, conditions(found)),
        });
        error = error.note(last_events(session, namespace, &name)?);
    }
    if first.kind == "Deployment" {
        error = error.note(pod_troubles(session, namespace)?);
    }
    Err(error.help("run the same command again: it goes on from here; `--timeout` waits longer"))
}

/// The conditions that are not true, with their messages.
pub(super) fn conditions(resource: &Value) -> String {
    let list = resource["status"]["conditions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let text = |condition: &Value, key: &str| {
        condition[key]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let told: Vec<String> = list
        .iter()
        .filter(|condition| condition["status"] != "True")
        .map(|condition| {
            let (kind, reason) = (text(condition, "type"), text(condition, "reason"));
            format!(
                "{kind} is {} ({reason}): {}",
                text(condition, "status"),
                text(condition, "message")
            )
        })
        .collect();
    if told.is_empty() {
        "no controller has reported on it".to_owned()
    } else {
        told.join("\n")
    }
}

/// The last five events about a resource.
pub(super) fn last_events(
    session: &Session<'_>,
    namespace: Option<&str>,
    name: &str,
) -> Result<String> {
    let field = format!("involvedObject.name={name}");
    let mut events = session.kubectl.list("events", namespace, Some(&field))?;
    let time = |event: &Value| {
        let keys = ["lastTimestamp", "eventTime", "firstTimestamp"];
        keys.iter()
            .find_map(|key| event[key].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    events.sort_by_key(time);
    let lines: Vec<String> = events
        .iter()
        .rev()
        .take(5)
        .rev()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().trim().to_owned();
            format!(
                "event {} {}: {}",
                text("type"),
                text("reason"),
                text("message")
            )
        })
        .collect();
    Ok(lines.join("\n"))
}

/// Why containers wait: an image that cannot be pulled, a crash.
fn pod_troubles(session: &Session<'_>, namespace: Option<&str>) -> Result<String> {
    let mut lines = Vec::new();
    for pod in session.kubectl.list("pods", namespace, None)? {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for container in pod["status"]["containerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let waiting = &container["state"]["waiting"];
            if let Some(reason) = waiting["reason"].as_str() {
                let message = waiting["message"].as_str().unwrap_or_default();
                lines.push(
                    format!("pod `{name}` waits: {reason} {message}")
                        .trim_end()
                        .to_owned(),
                );
            }
        }
    }
    Ok(lines.join("\n"))
}
