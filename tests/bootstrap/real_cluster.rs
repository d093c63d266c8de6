//! A real API server, and what Flux's controllers would do on it: they cannot read a repository of a
//! test, so that the test reports on the resources in their place. Each has a namespace of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::State;

/// The namespace that the files of a scene name.
pub const NAMED: &str = "flux-system";

/// The kinds that are reported on.
const REPORTED: [&str; 3] = [
    "deployments.apps",
    "gitrepositories.source.toolkit.fluxcd.io",
    "kustomizations.kustomize.toolkit.fluxcd.io",
];

/// Dropped with its namespace and all that is in it.
pub struct RealCluster {
    kubectl: Kubectl,
    pub namespace: String,
    pub context: String,
    /// Where the kubectl of the run writes down its arguments.
    log: PathBuf,
    is_over: Arc<AtomicBool>,
    controllers: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// What it prints, or why it failed.
    fn run(&self, args: &[&str], input: Option<&Value>) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = child.stdin.take().expect("piped");
        if let Some(input) = input {
            serde_json::to_writer(&mut stdin, input).expect("written");
        }
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}

impl RealCluster {
    /// `repository` is what every GitRepository reads.
    pub fn new(kubectl: &Path, kubeconfig: &Path, repository: &Path, log: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let kubectl = Kubectl {
            program: kubectl.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("fluxgen-test-{}-{count}", std::process::id());
        let context = kubectl
            .run(&["config", "current-context"], None)
            .expect("FLUXGEN_TEST_KUBECONFIG has a current context");
        let is_over = Arc::new(AtomicBool::new(false));
        let mut controllers = Controllers {
            kubectl: kubectl.clone(),
            namespace: namespace.clone(),
            state: State::of(repository),
        };
        let over = is_over.clone();
        let controllers = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                controllers.work();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self {
            kubectl,
            namespace,
            context,
            log: log.to_owned(),
            is_over,
            controllers: Some(controllers),
        }
    }

    /// A file of the scene for this cluster: in the namespace, and with no Pod to be started.
    pub fn adapted(&self, text: &str) -> String {
        text.replace(&format!(": {NAMED}"), &format!(": {}", self.namespace))
            .replace("replicas: 1", "replicas: 0")
    }

    fn named<'a>(&'a self, text: &'a str) -> &'a str {
        if text == NAMED { &self.namespace } else { text }
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        // Secrets keep their names; what syncs is named after the namespace.
        let name = if resource == "secrets" {
            name
        } else {
            self.named(name)
        };
        let namespace = format!("--namespace={}", self.named(namespace));
        let found = self
            .kubectl
            .run(&["get", resource, name, &namespace, "--output=json"], None);
        match found {
            Ok(text) => Some(serde_json::from_str(&text).expect("JSON")),
            Err(said) if said.contains("NotFound") || said.contains("a resource type") => None,
            Err(said) => panic!("{resource} {name}: {said}"),
        }
    }

    pub fn put(&self, mut object: Value) {
        if object["kind"] == "Namespace" {
            object["metadata"]["name"] = json!(self.namespace);
        } else {
            object["metadata"]["namespace"] = json!(self.namespace);
        }
        self.kubectl
            .run(
                &[
                    "apply",
                    "--server-side",
                    "--force-conflicts",
                    "--validate=false",
                    "--filename=-",
                ],
                Some(&object),
            )
            .expect("applied");
    }

    pub fn remove(&self, resource: &str, name: &str) {
        let namespace = format!("--namespace={}", self.namespace);
        self.kubectl
            .run(&["delete", resource, name, &namespace], None)
            .expect("deleted");
    }

    pub fn count(&self, word: &str) -> usize {
        let log = fs_err::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| *line == word).count()
    }
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(controllers) = self.controllers.take() {
            let _ = controllers.join();
        }
        let args = [
            "delete",
            "namespace",
            &self.namespace,
            "--wait=false",
            "--ignore-not-found",
        ];
        if let Err(said) = self.kubectl.run(&args, None) {
            eprintln!("namespace {} is still there: {said}", self.namespace);
        }
    }
}

/// What reports on the resources of one namespace.
struct Controllers {
    kubectl: Kubectl,
    namespace: String,
    state: State,
}

impl Controllers {
    fn work(&mut self) {
        let namespace = format!("--namespace={}", self.namespace);
        for resource in REPORTED {
            let args = ["get", resource, &namespace, "--output=json"];
            // Before its CRD is there, there is nothing to report on.
            let Ok(text) = self.kubectl.run(&args, None) else {
                continue;
            };
            let list: Value = serde_json::from_str(&text).expect("JSON");
            for object in list["items"].as_array().into_iter().flatten() {
                self.report(resource, object);
            }
        }
    }

    fn report(&mut self, resource: &str, object: &Value) {
        let (api_version, name) = (&object["apiVersion"], &object["metadata"]["name"]);
        let name = name.as_str().unwrap_or_default();
        let key = (resource.to_owned(), self.namespace.clone(), name.to_owned());
        self.state.objects.insert(key.clone(), object.clone());
        let Some(status) = self.state.status(resource, object) else {
            return;
        };
        self.state.objects.get_mut(&key).expect("put there")["status"] = status.clone();
        let is_said = |said: &Value| {
            let of = |of: &str| said[of] == status[of];
            let ready = |of: &Value| {
                let all = of["conditions"].as_array().cloned().unwrap_or_default();
                all.iter().any(|it| {
                    (it["type"] == "Ready" || it["type"] == "Available") && it["status"] == "True"
                })
            };
            ready(said) && (of("observedGeneration") && of("artifact") && of("lastAppliedRevision"))
        };
        if is_said(&object["status"]) {
            return;
        }
        let mut status = status;
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
            if api_version == "apps/v1" {
                condition["lastUpdateTime"] = json!("2026-01-01T00:00:00Z");
            }
        }
        let patch = json!({ "status": status }).to_string();
        let namespace = format!("--namespace={}", self.namespace);
        // It may be gone, or the API server's own controller may have been there first: the next turn sees.
        let _ = self.kubectl.run(
            &[
                "patch",
                resource,
                name,
                &namespace,
                "--subresource=status",
                "--type=merge",
                "--patch",
                &patch,
            ],
            None,
        );
    }
}
