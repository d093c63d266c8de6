//! How the cluster reads the repository: a deploy key of its own, or a token.
//!
//! The key pair goes to the cluster first and its public half is registered from there. So a
//! run that is cut off between the two loses nothing, and the private half is never kept here.

use serde_json::Value;

use super::{Applied, CLUSTER_ADMIN, Step};
use crate::bootstrap::credentials::{
    KeyPair, deploy_key_prefix, deploy_key_title, entry, fingerprint, ssh_secret, token_secret,
};
use crate::bootstrap::environment::Answer;
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::forge::{DeployKey, is_same_key};
use crate::bootstrap::known_hosts::{self, Origin};
use crate::bootstrap::plan::Finding;
use crate::bootstrap::remote::Scheme;
use crate::bootstrap::session::Session;
use crate::bootstrap::target::{CredentialKind, KeyAlgorithm};

pub(super) struct CredentialsStep;

impl Step for CredentialsStep {
    fn name(&self) -> &'static str {
        "credentials"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        match session.target.credentials.kind {
            CredentialKind::None => Ok(Finding::default().present("none are needed")),
            CredentialKind::Existing => inspect_existing(session),
            CredentialKind::Token => inspect_token(session),
            CredentialKind::DeployKey(algorithm) => inspect_key(session, algorithm),
        }
    }

    /// A passphrase and host keys: without them the run would end with everything else done.
    fn prepare(&self, session: &Session<'_>) -> Result<()> {
        if matches!(
            session.target.credentials.kind,
            CredentialKind::DeployKey(_)
        ) && kept_public(session)?.is_none()
        {
            session.own_keys()?;
            session.host_keys()?;
        }
        Ok(())
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        match session.target.credentials.kind {
            CredentialKind::None | CredentialKind::Existing => {}
            CredentialKind::Token => store_token(session)?,
            CredentialKind::DeployKey(algorithm) => {
                let public = store_key(session, algorithm)?;
                register(session, &public)?;
            }
        }
        Ok(Applied::Done)
    }
}

fn stored(session: &Session<'_>) -> Result<Option<Value>> {
    let target = session.target;
    session.kubectl.get(
        "secrets",
        Some(&target.namespace),
        &target.credentials.secret,
    )
}

/// A Secret that this tool cannot make.
fn inspect_existing(session: &Session<'_>) -> Result<Finding> {
    let name = &session.target.credentials.secret;
    if stored(session)?.is_some() {
        return Ok(Finding::default().present(format!("Secret `{name}`, made by other means")));
    }
    Err(Error::new(format!(
        "Secret `{name}` is not in namespace `{}`",
        session.target.namespace
    ))
    .note("`flux.sync.provider` wants credentials that cannot be made here")
    .help(
        "make it, with `flux create secret githubapp` for a GitHub App, and run the same command",
    ))
}

fn inspect_token(session: &Session<'_>) -> Result<Finding> {
    let name = &session.target.credentials.secret;
    let finding = Finding::default();
    let has = |secret: &Value| {
        let both = ["username", "password"].map(|key| entry(secret, key).is_some());
        both == [true, true] || entry(secret, "bearerToken").is_some()
    };
    Ok(match stored(session)? {
        Some(secret) if has(&secret) && !session.options.rotate => finding
            .present(format!("a token in Secret `{name}`"))
            .note("kept: `--rotate` replaces it"),
        _ => finding
            .todo(format!("store the token in Secret `{name}`"))
            .needs(CLUSTER_ADMIN),
    })
}

fn store_token(session: &Session<'_>) -> Result<()> {
    let target = session.target;
    let login = session
        .login
        .as_ref()
        .ok_or_else(|| Error::new("there is no token to store"))?;
    let secret = token_secret(target, &login.username, &login.password);
    session
        .kubectl
        .apply(secret.to_string().as_bytes(), "the Secret of the token")?;
    session.reached("credentials.stored")
}

/// The public key in the cluster, if it is to stay: not where it is to be rotated, or where another
/// key is given.
fn kept_public(session: &Session<'_>) -> Result<Option<String>> {
    if session.options.rotate {
        return Ok(None);
    }
    let stored = stored(session)?;
    let Some(public) = stored_public(stored.as_ref()) else {
        return Ok(None);
    };
    let Some(own) = &session.own_key else {
        return Ok(Some(public));
    };
    let password = stored.as_ref().and_then(|secret| entry(secret, "password"));
    // The same key under a new passphrase opens with the stored one: the two were stored together.
    let is_opened = match session.known_passphrase() {
        Some(known) => password.as_deref() == Some(known.expose()),
        None => !own.is_locked() || password.is_some(),
    };
    let is_kept = is_opened && is_same_key(own.public(), &public);
    Ok(is_kept.then_some(public))
}

/// The public key in the cluster, if its Secret is whole.
fn stored_public(secret: Option<&Value>) -> Option<String> {
    let secret = secret?;
    entry(secret, "identity")?;
    entry(secret, "known_hosts")?;
    Some(entry(secret, "identity.pub")?.trim().to_owned())
}

fn inspect_key(session: &Session<'_>, algorithm: KeyAlgorithm) -> Result<Finding> {
    let target = session.target;
    let name = &target.credentials.secret;
    let remote = session.cluster_remote()?;
    if remote.scheme != Scheme::Ssh {
        return Err(Error::new(format!(
            "a deploy key needs ssh, but the cluster reads `{remote}`"
        ))
        .help("set `repo.url` to `ssh://git@HOST/OWNER/REPOSITORY`, or use a token"));
    }
    let access = if target.credentials.writes {
        "with write access"
    } else {
        "read-only"
    };
    let mut finding = Finding::default();
    let Some(public) = kept_public(session)? else {
        finding = finding.todo(match (&target.credentials.private_key, &session.own_key) {
            (Some(file), Some(own)) if own.is_locked() => {
                format!("store the key of `{file}` in Secret `{name}`, its passphrase beside it")
            }
            (Some(file), _) => format!("store the key of `{file}` in Secret `{name}`"),
            (None, _) => format!(
                "make a key pair ({}), store it in Secret `{name}`",
                algorithm.as_str()
            ),
        });
        let (origin, _) = known_hosts::known(
            session.env,
            &remote,
            target.credentials.known_hosts.as_deref(),
        )?;
        let host = remote.known_hosts_name();
        finding = match origin {
            Origin::Pinned => finding.note(format!("the host keys of `{host}` are pinned")),
            Origin::Declared => finding.note(format!("the host keys of `{host}` are declared")),
            Origin::UserKnownHosts => finding.note(format!(
                "the host keys of `{host}` are those your ssh trusts"
            )),
            Origin::Unknown => finding.todo(format!("scan the host keys of `{host}` and ask")),
        };
        return Ok(match &session.forge {
            Some(forge) => finding
                .todo(format!("register it as a deploy key, {access}"))
                .needs(format!("a token with {}", forge.needed_rights())),
            None => finding.todo(format!("show it, for you to let it in, {access}")),
        }
        .needs(CLUSTER_ADMIN));
    };
    let finger = fingerprint(&public)?;
    finding = finding.present(format!("key {finger} in Secret `{name}`"));
    let Some(forge) = &session.forge else {
        let confirmed = session.journal.borrow().confirmed_deploy_key() == Some(&finger);
        return Ok(if confirmed || super::sync::is_fetched(session)? {
            finding.present("let in by you")
        } else {
            finding.todo(format!("show it, for you to let it in, {access}"))
        });
    };
    let Some(repository) = session.repository() else {
        return Ok(finding
            .todo(format!("register it as a deploy key, {access}"))
            .needs(format!("a token with {}", forge.needed_rights())));
    };
    let keys = forge.deploy_keys(&repository)?;
    let prefix = format!("{} ", deploy_key_prefix(target));
    for key in &keys {
        if key.title.starts_with(&prefix) && !is_same_key(&key.key, &public) {
            finding = finding.note(format!(
                "deploy key `{}` is of no Secret: `--rotate` removes it",
                key.title
            ));
        }
    }
    let registered = keys.iter().find(|key| is_same_key(&key.key, &public));
    Ok(match registered {
        Some(key) if key.read_only != target.credentials.writes => {
            finding.present(format!("deploy key `{}`, {access}", key.title))
        }
        Some(key) => finding
            .todo(format!(
                "register deploy key `{}` anew, {access}",
                key.title
            ))
            .needs(format!("a token with {}", forge.needed_rights())),
        None => finding
            .todo(format!("register it as a deploy key, {access}"))
            .needs(format!("a token with {}", forge.needed_rights())),
    })
}

/// The public half of the cluster's key, made and stored if there is none.
fn store_key(session: &Session<'_>, algorithm: KeyAlgorithm) -> Result<String> {
    let target = session.target;
    if let Some(public) = kept_public(session)? {
        return Ok(public);
    }
    let made;
    let keys = match session.own_keys()? {
        Some(keys) => keys,
        None => {
            made = KeyPair::make(algorithm)?;
            &made
        }
    };
    session.redactor.learn(&keys.private);
    let secret = ssh_secret(target, keys, session.host_keys()?);
    session.kubectl.apply(
        secret.to_string().as_bytes(),
        "the Secret of the deploy key",
    )?;
    session.reached("credentials.stored")?;
    Ok(keys.public.clone())
}

fn register(session: &Session<'_>, public: &str) -> Result<()> {
    let target = session.target;
    let (Some(forge), Some(repository)) = (&session.forge, session.repository()) else {
        return let_in_by_hand(session, public);
    };
    let title = deploy_key_title(target, public)?;
    let keys = forge.deploy_keys(&repository)?;
    let prefix = format!("{} ", deploy_key_prefix(target));
    let is_stale = |key: &&DeployKey| {
        if is_same_key(&key.key, public) {
            key.read_only == target.credentials.writes
        } else {
            session.options.rotate && key.title.starts_with(&prefix)
        }
    };
    for key in keys.iter().filter(is_stale) {
        forge.remove_deploy_key(&repository, &key.id)?;
        session.reached("credentials.removed")?;
    }
    let is_fine = |key: &DeployKey| {
        is_same_key(&key.key, public) && key.read_only != target.credentials.writes
    };
    if !keys.iter().any(is_fine) {
        forge.add_deploy_key(&repository, &title, public, !target.credentials.writes)?;
        session.reached("credentials.registered")?;
        session.ui.say(&format!("registered deploy key `{title}`"));
    }
    Ok(())
}

/// Without a forge's API somebody has to add the key.
fn let_in_by_hand(session: &Session<'_>, public: &str) -> Result<()> {
    let finger = fingerprint(public)?;
    if session.journal.borrow().confirmed_deploy_key() == Some(&finger) {
        return Ok(());
    }
    let access = if session.target.credentials.writes {
        "read and write"
    } else {
        "read"
    };
    session
        .ui
        .say(&format!("public key of the cluster:\n{public}"));
    let remote = session.cluster_remote()?;
    let question =
        format!("add it to `{remote}` as a deploy key that may {access}; is it there now?");
    let answer = if session.options.yes {
        Answer::Yes
    } else {
        session.ui.confirm(&question)
    };
    match answer {
        Answer::Yes => session.journal.borrow_mut().confirm_deploy_key(&finger),
        Answer::No | Answer::Nobody => {
            Err(Error::new("the cluster's public key is not let in yet")
                .note(public)
                .help(format!(
                    "add it to `{remote}` as a deploy key that may {access}, then run the same \
                     command with `--yes`"
                )))
        }
    }
}
