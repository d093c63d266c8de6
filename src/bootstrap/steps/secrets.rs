//! The age key that decrypts SOPS files, and the credentials of the image registry: both before
//! the controllers that need them.

use serde_json::Value;

use super::{Applied, CLUSTER_ADMIN, Step};
use crate::bootstrap::credentials::{age_secret, image_pull_secret};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::plan::Finding;
use crate::bootstrap::program::REGISTRY_PASSWORD;
use crate::bootstrap::session::Session;
use crate::bootstrap::target::ImagePull;

pub(super) struct AgeKeyStep;
pub(super) struct ImagePullStep;

impl Step for AgeKeyStep {
    fn name(&self) -> &'static str {
        "age-key"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let Some(age) = &session.target.age_key else {
            return Ok(Finding::default().present("none is declared"));
        };
        let what = format!("the key of `{}` in Secret `{}`", age.file, age.secret);
        inspect(session, &age_secret(session.target, age)?, &what)
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        if let Some(age) = &session.target.age_key {
            apply(session, &age_secret(session.target, age)?, "age-key.stored")?;
        }
        Ok(Applied::Done)
    }
}

impl Step for ImagePullStep {
    fn name(&self) -> &'static str {
        "image-pull-secret"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let Some(pull) = &session.target.image_pull else {
            return Ok(Finding::default().present("none is declared"));
        };
        let what = format!(
            "the login to `{}` in Secret `{}`",
            pull.registry, pull.secret
        );
        let Some(login) = &pull.login else {
            return inspect_kept(session, pull, &what);
        };
        let secret = image_pull_secret(session.target, pull, login);
        inspect(session, &secret, &what)
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        if let Some(pull) = &session.target.image_pull
            && let Some(login) = &pull.login
        {
            let secret = image_pull_secret(session.target, pull, login);
            apply(session, &secret, "image-pull-secret.stored")?;
        }
        Ok(Applied::Done)
    }
}

/// Without a login there is nothing to store: it must be there.
fn inspect_kept(session: &Session<'_>, pull: &ImagePull, what: &str) -> Result<Finding> {
    let namespace = Some(session.target.namespace.as_str());
    if session
        .kubectl
        .get("secrets", namespace, &pull.secret)?
        .is_some()
    {
        return Ok(Finding::default().present(what));
    }
    Err(Error::new(format!(
        "there is no login to `{}` for Secret `{}`",
        pull.registry, pull.secret
    ))
    .note("`flux.imagePullSecret` names it, and the cluster does not have it yet")
    .help(format!(
        "set `FLUXGEN_REGISTRY_USERNAME` and `{REGISTRY_PASSWORD}`, or make the Secret yourself"
    )))
}

fn inspect(session: &Session<'_>, wanted: &Value, what: &str) -> Result<Finding> {
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = Some(session.target.namespace.as_str());
    let found = session.kubectl.get("secrets", namespace, name)?;
    let finding = Finding::default();
    Ok(match found {
        Some(found) if found["data"] == wanted["data"] => finding.present(what),
        Some(_) => finding.todo(format!("replace {what}")).needs(CLUSTER_ADMIN),
        None => finding.todo(format!("store {what}")).needs(CLUSTER_ADMIN),
    })
}

fn apply(session: &Session<'_>, secret: &Value, point: &str) -> Result<()> {
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    session
        .kubectl
        .apply(secret.to_string().as_bytes(), &format!("Secret `{name}`"))?;
    session.reached(point)
}
