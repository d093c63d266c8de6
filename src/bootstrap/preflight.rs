//! Every permission that can be tried without writing, tried before anything is written.

use std::cell::Cell;

use super::error::{Error, Result};
use super::git::{Git, OLDEST_GIT};
use super::kubectl::{Kubectl, OLDEST_KUBECTL};
use super::plan::{Check, Verdict};
use super::session::Session;
use crate::schema::FluxMinor;

pub(crate) fn run(session: &Session<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let is_told = Cell::new(true);
    let mut add = |what: &str, look: &dyn Fn() -> Result<Verdict>| {
        session.ui.progress(&format!("checking {what}"));
        checks.push(Check {
            what: what.to_owned(),
            verdict: look().unwrap_or_else(Verdict::Failed),
        });
    };
    add("git", &|| {
        new_enough("git", Git::version(session.env)?, OLDEST_GIT)
    });
    add("kubectl", &|| {
        let found = Kubectl::client_version(session.env)?;
        new_enough("kubectl", found, OLDEST_KUBECTL)
    });
    if session.forge.is_some() {
        add("token", &|| token(session));
        add("repository rights", &|| {
            let verdict = repository(session);
            is_told.set(verdict.is_ok() || session.repository().is_some());
            verdict
        });
    }
    add("push", &|| {
        if is_told.get() {
            return push(session);
        }
        Ok(Verdict::NotChecked("the repository is not told".to_owned()))
    });
    let server = Cell::new(None);
    add("cluster", &|| {
        let version = session.kubectl.server_version()?;
        server.set(Some(version));
        let context = session.kubectl.context();
        Ok(Verdict::Passed(format!(
            "context `{context}`, Kubernetes {}",
            shown(version)
        )))
    });
    if let Some(version) = server.get() {
        add("Kubernetes version", &|| kubernetes(session, version));
        add("cluster rights", &|| rights(session));
    }
    checks
}

fn shown((major, minor): (u64, u64)) -> String {
    format!("{major}.{minor}")
}

/// What `flux check --pre` asks: whether the pinned Flux supports the cluster's Kubernetes.
fn kubernetes(session: &Session<'_>, found: (u64, u64)) -> Result<Verdict> {
    let Some(flux) = session.target.flux else {
        return Ok(Verdict::NotChecked(
            "what the release of Flux takes is not known here".to_owned(),
        ));
    };
    let oldest = flux.oldest_kubernetes();
    if found >= oldest {
        return Ok(Verdict::Passed(format!(
            "Flux {flux} takes {} or newer",
            shown(oldest)
        )));
    }
    let mut minors = FluxMinor::ALL.into_iter().rev();
    let fitting = minors.find(|flux| found >= flux.oldest_kubernetes());
    let help = match fitting {
        Some(fitting) => format!(
            "upgrade the cluster, or set `flux.version` to a release of {fitting}, the newest that takes {}",
            shown(found)
        ),
        None => format!("upgrade the cluster to {} or newer", shown(oldest)),
    };
    Err(Error::new(format!(
        "Flux {flux} takes Kubernetes {} or newer, and the cluster of context `{}` has {}",
        shown(oldest),
        session.kubectl.context(),
        shown(found)
    ))
    .note("`flux check --pre` asks for the same")
    .help(help))
}

fn new_enough(name: &str, found: (u64, u64), oldest: (u64, u64)) -> Result<Verdict> {
    let version = format!("{}.{}", found.0, found.1);
    if found >= oldest {
        return Ok(Verdict::Passed(version));
    }
    Err(Error::new(format!("{name} {version} is too old"))
        .help(format!("install {name} {}.{} or newer", oldest.0, oldest.1)))
}

fn token(session: &Session<'_>) -> Result<Verdict> {
    let Some(forge) = &session.forge else {
        return Ok(Verdict::NotChecked("there is no forge".to_owned()));
    };
    let identity = forge.identity()?;
    let whose = format!("of `{}`", identity.login);
    let needed = forge.needed_scopes();
    let Some(scopes) = identity.scopes else {
        return Ok(Verdict::Passed(format!(
            "{whose}; its scopes are not told, it needs {}",
            forge.needed_rights()
        )));
    };
    if needed.is_empty()
        || needed
            .iter()
            .any(|scope| scopes.iter().any(|has| has == scope))
    {
        return Ok(Verdict::Passed(format!(
            "{whose}, scopes {}",
            scopes.join(", ")
        )));
    }
    let names: Vec<String> = needed.iter().map(|scope| format!("`{scope}`")).collect();
    Err(Error::new(format!(
        "the token {whose} has not the scope {}",
        names.join(" or ")
    ))
    .note(format!(
        "it has: {}",
        if scopes.is_empty() {
            "none".to_owned()
        } else {
            scopes.join(", ")
        }
    ))
    .help(format!("make a token with {}", forge.needed_rights())))
}

fn repository(session: &Session<'_>) -> Result<Verdict> {
    let Some(forge) = &session.forge else {
        return Ok(Verdict::NotChecked("there is no forge".to_owned()));
    };
    let found = forge.repository()?;
    session.set_repository(found.clone());
    let Some(found) = found else {
        return Ok(Verdict::NotChecked("it does not exist yet".to_owned()));
    };
    for (has, right) in [
        (found.can_push, "push to"),
        (found.can_admin, "add deploy keys to"),
    ] {
        if has == Some(false) {
            return Err(
                Error::new(format!("the token may not {right} `{}`", found.web_url))
                    .help(format!("give it {}", forge.needed_rights())),
            );
        }
    }
    match (found.can_push, found.can_admin) {
        (Some(true), Some(true)) => Ok(Verdict::Passed("push and administration".to_owned())),
        (None, Some(true)) => Ok(Verdict::Passed("administration".to_owned())),
        _ => Ok(Verdict::NotChecked(format!(
            "{} does not tell",
            forge.kind().as_str()
        ))),
    }
}

/// A dry run of a push logs in and is told what may be written; the branch stands where it is.
fn push(session: &Session<'_>) -> Result<Verdict> {
    if session.is_repository_missing() {
        return Ok(Verdict::NotChecked(
            "the repository does not exist yet".to_owned(),
        ));
    }
    let Some(head) = session.remote_head()? else {
        return Ok(Verdict::NotChecked(
            "there is no branch to try it on".to_owned(),
        ));
    };
    session.git.fetch(&session.target.branch, &head)?;
    session.git.try_push(&head, &session.target.branch)?;
    Ok(Verdict::Passed(format!(
        "git is let in to `{}`",
        session.target.remote
    )))
}

/// Flux's own roles hold rights over everything, and nobody may grant more than they have.
///
/// Source: <https://fluxcd.io/flux/installation/#prerequisites>
fn rights(session: &Session<'_>) -> Result<Verdict> {
    let kubectl = &session.kubectl;
    if kubectl.may("*", "*", None)? {
        return Ok(Verdict::Passed("everything is allowed".to_owned()));
    }
    let namespace = Some(session.target.namespace.as_str());
    let mut missing = Vec::new();
    for (verb, resource, namespace) in [
        ("create", "namespaces", None),
        (
            "create",
            "customresourcedefinitions.apiextensions.k8s.io",
            None,
        ),
        ("create", "clusterroles.rbac.authorization.k8s.io", None),
        (
            "create",
            "clusterrolebindings.rbac.authorization.k8s.io",
            None,
        ),
        ("bind", "clusterroles.rbac.authorization.k8s.io", None),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", None),
        ("create", "deployments.apps", namespace),
        ("create", "services", namespace),
        ("create", "serviceaccounts", namespace),
        ("create", "networkpolicies.networking.k8s.io", namespace),
        ("create", "secrets", namespace),
        ("get", "secrets", namespace),
    ] {
        if !kubectl.may(verb, resource, namespace)? {
            missing.push(format!("{verb} {resource}"));
        }
    }
    if missing.is_empty() {
        return Ok(Verdict::Passed("all that installing Flux takes".to_owned()));
    }
    Err(Error::new(format!(
        "context `{}` has not the rights to install Flux",
        kubectl.context()
    ))
    .note(format!("missing: {}", missing.join(", ")))
    .help("use a context that is bound to `cluster-admin`"))
}
