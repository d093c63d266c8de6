//! The cluster through the user's kubectl: their kubeconfig, their credentials, their plugins.
//!
//! Every call names its context, so that a switch in another terminal in the middle of a run
//! changes nothing.

use camino::Utf8PathBuf;
use serde_json::Value;

use super::environment::Environment;
use super::error::{Error, Result};
use super::program::{Output, Program};

/// The owner of the fields that are applied before Flux runs.
///
/// kustomize-controller takes over what an owner of this name holds, so that a field dropped
/// from the repository later is dropped from the cluster too.
/// Source: kustomize-controller, `takeOwnershipFrom` (managers that begin with `kubectl`).
const MANAGER: &str = "kubectl";

pub(crate) struct Kubectl<'a> {
    env: &'a Environment,
    kubeconfig: Option<Utf8PathBuf>,
    context: Option<String>,
}

/// The oldest kubectl whose server-side apply is stable.
///
/// Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>
pub(crate) const OLDEST_KUBECTL: (u64, u64) = (1, 22);

impl<'a> Kubectl<'a> {
    /// Chooses the context and checks it against the one the TOML names.
    pub(crate) fn open(
        env: &'a Environment,
        kubeconfig: Option<&Utf8PathBuf>,
        context: Option<&str>,
        cluster: &str,
        declared: Option<&str>,
    ) -> Result<Self> {
        let mut kubectl = Self {
            env,
            kubeconfig: kubeconfig.cloned(),
            context: None,
        };
        let chosen = match context {
            Some(context) => context.to_owned(),
            None => kubectl.current_context(declared)?,
        };
        if chosen.starts_with('-') {
            return Err(Error::new(format!("`{chosen}` is no name of a context")));
        }
        if let Some(declared) = declared.filter(|declared| *declared != chosen) {
            let whose = if context.is_some() {
                "`--context`"
            } else {
                "kubectl's context"
            };
            return Err(Error::new(format!(
                "{whose} is `{chosen}`, but cluster `{cluster}` is reached by `{declared}`"
            ))
            .note(format!("`context` of `[clusters.{cluster}]` says so"))
            .help(format!(
                "pass `--context {declared}`, or correct `context` in the TOML"
            )));
        }
        kubectl.context = Some(chosen);
        Ok(kubectl)
    }

    pub(crate) fn context(&self) -> &str {
        self.context.as_deref().unwrap_or_default()
    }

    fn current_context(&self, declared: Option<&str>) -> Result<String> {
        let output = self.call(["config", "current-context"]).run()?;
        if output.is_success() && !output.text().is_empty() {
            return Ok(output.text());
        }
        let help = match declared {
            Some(declared) => format!("pass `--context {declared}`"),
            None => "pass `--context`, or run `kubectl config use-context NAME`".to_owned(),
        };
        Err(Error::new("kubectl has no current context")
            .note(output.stderr)
            .help(help))
    }

    pub(crate) fn client_version(env: &Environment) -> Result<(u64, u64)> {
        let output = Program::new(env, "kubectl")
            .args(["version", "--client", "--output=json"])
            .run()?;
        let version: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let part = |key: &str| number(&version["clientVersion"][key]).unwrap_or(0);
        Ok((part("major"), part("minor")))
    }

    /// The server's version; an error says why it cannot be reached.
    pub(crate) fn server_version(&self) -> Result<(u64, u64)> {
        let output = self.call(["get", "--raw", "/version"]).run()?;
        if !output.is_success() {
            return Err(self.explain(&output, "reach the cluster"));
        }
        let version: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        match (number(&version["major"]), number(&version["minor"])) {
            (Some(major), Some(minor)) => Ok((major, minor)),
            _ => Err(Error::new("the cluster does not tell its version")
                .note(output.text())
                .help(format!(
                    "is context `{}` that of a Kubernetes cluster?",
                    self.context()
                ))),
        }
    }

    /// Whether this user may do it; in all namespaces where none is given.
    pub(crate) fn may(&self, verb: &str, resource: &str, namespace: Option<&str>) -> Result<bool> {
        let mut call = self.call(["auth", "can-i", verb, resource]);
        call = match namespace {
            Some(namespace) => call.arg(format!("--namespace={namespace}")),
            None => call.arg("--all-namespaces"),
        };
        let output = call.run()?;
        match output.text().lines().last().map(str::trim) {
            Some("yes") => Ok(true),
            Some(answer) if answer.starts_with("no") => Ok(false),
            _ => Err(self.explain(&output, "ask for rights")),
        }
    }

    /// A resource, or `None` where it, its namespace or its kind does not exist.
    pub(crate) fn get(
        &self,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>> {
        let mut call = self.call(["get", kind, name, "--output=json"]);
        if let Some(namespace) = namespace {
            call = call.arg(format!("--namespace={namespace}"));
        }
        let output = call.run()?;
        if output.is_success() {
            return Ok(Some(parsed(&output)?));
        }
        if is_absent(&output.stderr) {
            return Ok(None);
        }
        Err(self.explain(&output, &format!("read {kind} `{name}`")))
    }

    /// The resources of a kind in a namespace; none where the kind does not exist.
    pub(crate) fn list(
        &self,
        kind: &str,
        namespace: Option<&str>,
        field: Option<&str>,
    ) -> Result<Vec<Value>> {
        let mut call = self.call(["get", kind, "--output=json"]);
        if let Some(namespace) = namespace {
            call = call.arg(format!("--namespace={namespace}"));
        }
        if let Some(field) = field {
            call = call.arg(format!("--field-selector={field}"));
        }
        let output = call.run()?;
        if output.is_success() {
            return Ok(parsed(&output)?["items"]
                .as_array()
                .cloned()
                .unwrap_or_default());
        }
        if is_absent(&output.stderr) {
            return Ok(Vec::new());
        }
        Err(self.explain(&output, &format!("list {kind}")))
    }

    /// Applies YAML or JSON from standard input on the server's side, as Flux does: fields that
    /// somebody else owns are taken over.
    pub(crate) fn apply(&self, documents: &[u8], what: &str) -> Result<()> {
        let output = self
            .call([
                "apply",
                "--server-side",
                "--force-conflicts",
                "--validate=false",
            ])
            .args([
                &format!("--field-manager={MANAGER}"),
                "--output=name",
                "--filename=-",
            ])
            .stdin(documents)
            .run()?;
        if output.is_success() {
            return Ok(());
        }
        Err(self.explain(&output, &format!("apply {what}")))
    }

    /// Asks the controller to look at once instead of at the end of its interval.
    ///
    /// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#triggering-a-reconcile>
    pub(crate) fn request_reconcile(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        at: &str,
    ) -> Result<()> {
        let output = self
            .call(["annotate", kind, name, "--overwrite"])
            .arg(format!("--field-manager={MANAGER}"))
            .arg(format!("--namespace={namespace}"))
            .arg(format!("reconcile.fluxcd.io/requestedAt={at}"))
            .run()?;
        if output.is_success() {
            return Ok(());
        }
        Err(self.explain(
            &output,
            &format!("ask for a reconciliation of {kind} `{name}`"),
        ))
    }

    /// Builds a folder with a `kustomization.yaml` as the controller will; nothing is sent.
    pub(crate) fn kustomize(env: &Environment, folder: &camino::Utf8Path) -> Result<Vec<u8>> {
        let output = Program::new(env, "kubectl")
            .args(["kustomize", folder.as_str()])
            .run()?;
        if output.is_success() {
            return Ok(output.stdout);
        }
        // The folder is a temporary one, its name says nothing to the user.
        let said = output.stderr.replace(folder.as_str(), ".");
        Err(Error::new("the `kustomization.yaml` of the Flux folder cannot be built").note(said))
    }

    fn call<const N: usize>(&self, args: [&str; N]) -> Program<'_> {
        let mut call = Program::new(self.env, "kubectl");
        if let Some(kubeconfig) = &self.kubeconfig {
            call = call.arg(format!("--kubeconfig={kubeconfig}"));
        }
        if let Some(context) = &self.context {
            call = call.arg(format!("--context={context}"));
        }
        call.arg("--request-timeout=60s").args(args)
    }

    fn explain(&self, output: &Output, doing: &str) -> Error {
        let said = output.stderr.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let context = self.context();
        let error =
            |why: String| Error::new(format!("cannot {doing}: {why}")).note(output.stderr.clone());
        if has(&["forbidden"]) {
            return error("the cluster does not allow it".to_owned()).help(format!(
                "use a context with the rights of `cluster-admin` (now `{context}`)"
            ));
        }
        if has(&["unauthorized", "must be logged in", "getting credentials"]) {
            return error("the cluster does not accept the credentials".to_owned())
                .help(format!("log in again for context `{context}`"));
        }
        let unreachable = [
            "unable to connect",
            "connection refused",
            "no such host",
            "i/o timeout",
            "was refused",
            "deadline exceeded",
            "tls handshake",
            "x509:",
        ];
        if has(&unreachable) {
            return error("the cluster cannot be reached".to_owned())
                .help(format!("try `kubectl --context {context} get namespaces`"));
        }
        if has(&["does not exist"]) && has(&["context"]) {
            return error(format!("kubectl knows no context `{context}`"))
                .help("run `kubectl config get-contexts` for the names");
        }
        error("kubectl failed".to_owned())
    }
}

/// A part of a version, which vendors put a sign behind: `34+`.
fn number(part: &Value) -> Option<u64> {
    let text = part.as_str()?;
    text.trim_end_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .ok()
}

fn parsed(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::new(format!("kubectl's answer cannot be read: {error}")))
}

fn is_absent(stderr: &str) -> bool {
    stderr.contains("(NotFound)") || stderr.contains("the server doesn't have a resource type")
}

/// The condition of a type, as `(status, reason, message)`.
pub(crate) fn condition<'r>(
    resource: &'r Value,
    kind: &str,
) -> Option<(&'r str, &'r str, &'r str)> {
    let list = resource["status"]["conditions"].as_array()?;
    let found = list.iter().find(|condition| condition["type"] == kind)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    Some((text("status"), text("reason"), text("message")))
}

/// Whether the controller has seen the resource as it stands now.
pub(crate) fn is_observed(resource: &Value) -> bool {
    let generation = resource["metadata"]["generation"].as_i64().unwrap_or(0);
    resource["status"]["observedGeneration"]
        .as_i64()
        .is_none_or(|seen| seen >= generation)
}

/// Whether a resource of the cluster has all that another one says; what it has more, the server's
/// defaults among it, does not count.
pub(crate) fn contains(has: &Value, wants: &Value) -> bool {
    match (has, wants) {
        (Value::Object(has), Value::Object(wants)) => wants
            .iter()
            .all(|(key, wanted)| has.get(key).is_some_and(|value| contains(value, wanted))),
        _ => has == wants,
    }
}
