//! A cluster's stand-in: objects in memory, and controllers that report on them as Flux's do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::real_cluster::{NAMED, RealCluster};

/// The resource as kubectl names it (`deployments.apps`), the namespace, the name.
pub type Key = (String, String, String);

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<Key, Value>,
    /// The repository that the GitRepository reads, whatever its address says.
    pub repository: PathBuf,
    /// Looks at an object before its controller has done its work.
    pub lag: usize,
    looks: BTreeMap<Key, usize>,
    pub faults: Faults,
    /// What the API server says its minor version is.
    pub minor: &'static str,
    /// The call, counted from now, after which the stub kills the program that called it.
    pub kill_in: Option<usize>,
    pub calls: Vec<Call>,
    /// The API server alone: nobody reports on what is applied.
    pub is_without_controllers: bool,
}

/// What goes wrong.
#[derive(Default, Clone)]
pub struct Faults {
    /// What every call to the server says instead.
    pub unreachable: Option<String>,
    /// Verbs and resources that `auth can-i` denies; `"*"` is everything.
    pub denied: Vec<String>,
    /// A Deployment that never gets available.
    pub stuck: Option<String>,
    /// A kind whose Ready is false, with reason and message.
    pub not_ready: Option<(String, String, String)>,
    /// A kind that has given up, with reason and message.
    pub stalled: Option<(String, String, String)>,
}

/// One call of kubectl, as the stub recorded it.
#[derive(Clone)]
pub struct Call {
    pub args: Vec<String>,
    pub env: Vec<String>,
}

#[derive(Clone)]
pub struct Cluster {
    state: Arc<Mutex<State>>,
    /// The real cluster that this one stands for no more.
    real: Option<Arc<RealCluster>>,
}

/// What an API server knows without any CRD.
const BUILT_IN: [(&str, &str, &str); 12] = [
    ("", "Namespace", "namespaces"),
    ("", "Secret", "secrets"),
    ("", "ServiceAccount", "serviceaccounts"),
    ("", "Service", "services"),
    ("", "Event", "events"),
    ("", "Pod", "pods"),
    ("", "ResourceQuota", "resourcequotas"),
    ("apps", "Deployment", "deployments"),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        "clusterrolebindings",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    ),
];

impl Cluster {
    pub fn new(repository: &Path) -> Self {
        let state = State {
            lag: 1,
            ..State::of(repository)
        };
        let cluster = Self {
            state: Arc::new(Mutex::new(state)),
            real: None,
        };
        cluster.put(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" }
        }));
        cluster
    }

    pub fn of(real: Arc<RealCluster>) -> Self {
        Self {
            state: Arc::default(),
            real: Some(real),
        }
    }

    /// The stand-in itself; tests that look there are not for a real cluster.
    pub fn state(&self) -> MutexGuard<'_, State> {
        assert!(self.real.is_none(), "a real cluster has no such state");
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn break_with(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    pub fn mend(&self) {
        self.state().faults = Faults::default();
    }

    /// Puts an object there, as somebody else would.
    pub fn put(&self, object: Value) {
        if let Some(real) = &self.real {
            return real.put(object);
        }
        let mut state = self.state();
        state.apply(object).expect("a known kind");
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        if let Some(real) = &self.real {
            return real.get(resource, namespace, name);
        }
        self.state().look(resource, namespace, name)
    }

    /// Takes a resource of Flux's namespace away, as somebody else would.
    pub fn remove(&self, resource: &str, name: &str) {
        if let Some(real) = &self.real {
            return real.remove(resource, name);
        }
        let key = (resource.to_owned(), NAMED.to_owned(), name.to_owned());
        self.state().objects.remove(&key).expect("it is there");
    }

    /// What was called, where it was recorded and not written to the scene's folder.
    pub fn calls(&self) -> Vec<Call> {
        match self.real {
            Some(_) => Vec::new(),
            None => self.state().calls.clone(),
        }
    }

    /// A Secret's entry, decoded.
    pub fn secret(&self, name: &str, entry: &str) -> Option<String> {
        use base64::Engine as _;
        let secret = self.get("secrets", "flux-system", name)?;
        let text = secret["data"][entry].as_str()?;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?;
        String::from_utf8(bytes).ok()
    }

    /// How often kubectl was called with a word among its arguments.
    pub fn count(&self, word: &str) -> usize {
        if let Some(real) = &self.real {
            return real.count(word);
        }
        let state = self.state();
        let has = |call: &&Call| call.args.iter().any(|arg| arg == word);
        state.calls.iter().filter(has).count()
    }
}

impl State {
    pub fn of(repository: &Path) -> Self {
        Self {
            repository: repository.to_owned(),
            minor: "34",
            ..Self::default()
        }
    }

    /// The resource of a kind: built in, or of a CRD that was applied.
    pub fn resource_of(&self, api_version: &str, kind: &str) -> Option<String> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let built_in = BUILT_IN
            .iter()
            .find(|(of, name, _)| *of == group && *name == kind);
        if let Some((_, _, plural)) = built_in {
            return Some(full(plural, group));
        }
        self.crds().into_iter().find_map(|crd| {
            let spec = &crd["spec"];
            let is_it = spec["group"] == group && spec["names"]["kind"] == kind;
            is_it.then(|| full(spec["names"]["plural"].as_str().unwrap_or_default(), group))
        })
    }

    /// Every known resource: its group, version, kind, plural and whether it lives in a namespace.
    pub fn known(&self) -> Vec<(String, String, String, String, bool)> {
        let global = [
            "Namespace",
            "ClusterRole",
            "ClusterRoleBinding",
            "CustomResourceDefinition",
        ];
        let mut known: Vec<_> = BUILT_IN
            .iter()
            .map(|(group, kind, plural)| {
                let is_namespaced = !global.contains(kind);
                let text = |text: &str| text.to_owned();
                (
                    text(group),
                    "v1".to_owned(),
                    text(kind),
                    text(plural),
                    is_namespaced,
                )
            })
            .collect();
        for crd in self.crds() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let spec = &crd["spec"];
            known.push((
                text(&spec["group"]),
                text(&spec["versions"][0]["name"]),
                text(&spec["names"]["kind"]),
                text(&spec["names"]["plural"]),
                true,
            ));
        }
        known
    }

    fn crds(&self) -> Vec<&Value> {
        let is_crd = |key: &Key| key.0 == "customresourcedefinitions.apiextensions.k8s.io";
        let all = self.objects.iter();
        all.filter(|(key, _)| is_crd(key))
            .map(|(_, crd)| crd)
            .collect()
    }

    pub fn has_resource(&self, resource: &str) -> bool {
        self.known()
            .iter()
            .any(|(group, _, _, plural, _)| full(plural, group) == resource)
    }

    /// Server-side apply: what is given replaces what was there, metadata apart.
    pub fn apply(&mut self, mut object: Value) -> Result<Key, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let Some(resource) = self.resource_of(&api_version, &kind) else {
            return Err(format!(
                "error: resource mapping not found for name: \"{}\" namespace: \"{}\" from \"STDIN\": no matches for \
                 kind \"{kind}\" in version \"{api_version}\"\nensure CRDs are installed first",
                text(&object["metadata"]["name"]),
                text(&object["metadata"]["namespace"]),
            ));
        };
        let namespace = text(&object["metadata"]["namespace"]);
        let home = ("namespaces".to_owned(), String::new(), namespace.clone());
        if !namespace.is_empty() && !self.objects.contains_key(&home) {
            return Err(format!(
                "Error from server (NotFound): namespaces \"{namespace}\" not found"
            ));
        }
        let key = (resource, namespace, text(&object["metadata"]["name"]));
        let before = self.objects.get(&key);
        let generation = before.map_or(1, |before| {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(1);
            generation + i64::from(before["spec"] != object["spec"])
        });
        object["metadata"]["generation"] = json!(generation);
        if let Some(status) = before.map(|before| before["status"].clone()) {
            object["status"] = status;
        }
        self.looks.remove(&key);
        self.objects.insert(key.clone(), object);
        Ok(key)
    }

    /// An object as it stands, its controllers having worked meanwhile.
    pub fn look(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let object = self.objects.get(&key)?.clone();
        let looks = self.looks.entry(key.clone()).or_default();
        *looks += 1;
        let status = if *looks > self.lag {
            self.status(resource, &object)
        } else {
            None
        };
        let object = self.objects.get_mut(&key)?;
        if let Some(status) = status {
            object["status"] = status;
        }
        Some(object.clone())
    }

    /// What the controllers report on an object.
    pub fn status(&mut self, resource: &str, object: &Value) -> Option<Value> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let generation = object["metadata"]["generation"].clone();
        let condition = |kind: &str, status: bool, reason: &str, message: &str| {
            json!({
                "type": kind, "status": if status { "True" } else { "False" },
                "reason": reason, "message": message,
            })
        };
        let of = |fault: &Option<(String, String, String)>| {
            fault.clone().filter(|(of, _, _)| *of == kind)
        };
        if let Some((_, reason, message)) = of(&self.faults.stalled) {
            return Some(json!({ "observedGeneration": generation, "conditions": [
                condition("Stalled", true, &reason, &message),
                condition("Ready", false, &reason, &message),
            ] }));
        }
        if let Some((_, reason, message)) = of(&self.faults.not_ready) {
            return Some(json!({ "observedGeneration": generation, "conditions": [
                condition("Ready", false, &reason, &message),
            ] }));
        }
        if self.is_without_controllers && !resource.starts_with("customresourcedefinitions") {
            return None;
        }
        match resource {
            "customresourcedefinitions.apiextensions.k8s.io" => Some(json!({ "conditions": [
                condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted"),
            ] })),
            "deployments.apps" if self.faults.stuck.as_deref() == Some(name) => {
                Some(json!({ "observedGeneration": generation, "conditions": [
                    condition("Available", false, "MinimumReplicasUnavailable",
                        "Deployment does not have minimum availability."),
                ] }))
            }
            "deployments.apps" => Some(json!({ "observedGeneration": generation, "conditions": [
                condition("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability."),
            ] })),
            "gitrepositories.source.toolkit.fluxcd.io" => {
                let branch = object["spec"]["ref"]["branch"].as_str().unwrap_or_default();
                let head = head(&self.repository, branch)?;
                Some(json!({
                    "observedGeneration": generation,
                    "artifact": { "revision": format!("{branch}@sha1:{head}") },
                    "conditions": [condition("Ready", true, "Succeeded", "stored artifact")],
                }))
            }
            "kustomizations.kustomize.toolkit.fluxcd.io" => {
                let source = (
                    "gitrepositories.source.toolkit.fluxcd.io".to_owned(),
                    object["metadata"]["namespace"].as_str()?.to_owned(),
                    object["spec"]["sourceRef"]["name"].as_str()?.to_owned(),
                );
                let source = self.objects.get(&source)?;
                let revision = source["status"]["artifact"]["revision"].as_str()?;
                Some(json!({
                    "observedGeneration": generation,
                    "lastAppliedRevision": revision,
                    "conditions": [condition("Ready", true, "ReconciliationSucceeded", "applied")],
                }))
            }
            "fluxinstances.fluxcd.controlplane.io" => {
                self.operate(object);
                Some(json!({ "observedGeneration": generation, "conditions": [
                    condition("Ready", true, "ReconciliationSucceeded", "reconciled"),
                ] }))
            }
            _ => None,
        }
    }

    /// What the Flux Operator makes of a FluxInstance, as far as bootstrap looks at it.
    fn operate(&mut self, instance: &Value) {
        let sync = &instance["spec"]["sync"];
        let namespace = &instance["metadata"]["namespace"];
        let metadata = json!({ "name": namespace, "namespace": namespace });
        let branch = sync["ref"].as_str().unwrap_or_default();
        let objects = [
            json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata,
                "spec": { "url": sync["url"], "ref": { "branch": branch.trim_start_matches("refs/heads/") } },
            }),
            json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata,
                "spec": { "path": format!("./{}", sync["path"].as_str().unwrap_or_default()),
                    "sourceRef": { "kind": "GitRepository", "name": namespace } },
            }),
        ];
        for object in objects {
            let key = self.resource_of(
                object["apiVersion"].as_str().unwrap_or_default(),
                object["kind"].as_str().unwrap_or_default(),
            );
            let Some(resource) = key else { continue };
            let name = namespace.as_str().unwrap_or_default().to_owned();
            if !self.objects.contains_key(&(resource, name.clone(), name)) {
                self.apply(object).expect("its CRD is there");
            }
        }
    }
}

pub fn full(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// Where a branch of a bare repository stands.
pub fn head(repository: &Path, branch: &str) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(repository)
        .args([
            "rev-parse",
            "--quiet",
            "--verify",
            &format!("refs/heads/{branch}"),
        ])
        .output()
        .expect("git runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (!text.is_empty()).then(|| text.trim().to_owned())
}
