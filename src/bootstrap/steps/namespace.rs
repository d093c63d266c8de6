//! The namespace of Flux, made before the Secrets that go into it.

use serde_json::json;

use super::{Applied, CLUSTER_ADMIN, Step};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::manifests::stream;
use crate::bootstrap::plan::Finding;
use crate::bootstrap::session::Session;

pub(super) struct NamespaceStep;

impl Step for NamespaceStep {
    fn name(&self) -> &'static str {
        "namespace"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let name = &session.target.namespace;
        let Some(found) = session.kubectl.get("namespaces", None, name)? else {
            return Ok(Finding::default()
                .todo(format!("create `{name}`"))
                .needs(CLUSTER_ADMIN));
        };
        if found["status"]["phase"] == "Terminating" {
            return Err(Error::new(format!("namespace `{name}` is being deleted"))
                .help("wait for its end, then run the same command"));
        }
        Ok(Finding::default().present(format!("`{name}`")))
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        let name = &session.target.namespace;
        let manifest = match session.install.find("", "Namespace", name) {
            Some(document) => stream(std::slice::from_ref(document)),
            None => {
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
                    .to_string()
                    .into_bytes()
            }
        };
        session
            .kubectl
            .apply(&manifest, &format!("namespace `{name}`"))?;
        session.reached("namespace.applied")?;
        Ok(Applied::Done)
    }
}
