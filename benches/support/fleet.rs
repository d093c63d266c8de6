//! A fleet as a platform team would keep it, of any size: every section, groups, variables and sets.
//!
//! A tenth of a cluster's resources differ by cluster, through expressions or overrides; a few more
//! differ by group.

use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::Path;

/// How many resources a stack has, of which one differs by cluster.
const STACK: usize = 10;

pub struct Fleet {
    pub clusters: usize,
    /// In each cluster; a multiple of ten.
    pub resources: usize,
}

impl Fleet {
    /// Writes `fluxgen.toml` and what it includes into a folder.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        fs::create_dir_all(root.join("values"))?;
        fs::write(root.join("values/monitoring.yaml"), VALUES)?;
        fs::write(root.join("fluxgen.toml"), self.toml().expect("text"))
    }

    fn toml(&self) -> Result<String, fmt::Error> {
        assert!(self.clusters > 0 && self.resources > 0 && self.resources.is_multiple_of(STACK));
        let stacks = self.resources / STACK;
        let mut toml = HEAD.to_owned();
        let names: Vec<String> = (0..self.clusters).map(cluster).collect();
        for (group, settings) in GROUPS {
            if names.iter().any(|name| name.starts_with(group)) {
                write!(
                    toml,
                    "\n[groups.{group}]\nclusters = [\"{group}-*\"]\n{settings}"
                )?;
            }
        }
        for name in &names {
            write!(
                toml,
                "\n[clusters.{name}]\nvars.domain = \"{name}.acme.example\"\n"
            )?;
            for stack in (0..stacks).filter(|stack| variation(*stack) == Variation::Override) {
                write!(
                    toml,
                    "[clusters.{name}.kustomizations.stack-{stack:02}-base]\nserviceAccountName = \"{name}\"\n"
                )?;
            }
        }
        for at in 0..stacks {
            stack(&mut toml, at)?;
        }
        if stacks > 1 {
            toml.push_str("\n[sets.service]\ninputs = [\n");
            for at in 1..stacks {
                writeln!(
                    toml,
                    "    {{ name = \"service-{at:02}\", port = {} }},",
                    8000 + at
                )?;
            }
            toml.push_str(SERVICE);
        }
        Ok(toml)
    }
}

/// Six in ten clusters are in production, three at the edge, one is for staging.
fn cluster(at: usize) -> String {
    let group = match at % 10 {
        9 => "staging",
        6..9 => "edge",
        _ => "prod",
    };
    format!("{group}-{at:04}")
}

/// What makes a stack's one resource differ by cluster.
#[derive(PartialEq, Eq)]
enum Variation {
    /// The cluster's name in the path of the image automation.
    Automation,
    /// The cluster's name in a path.
    Name,
    /// A variable of the cluster in the values of a Helm release.
    Variable,
    /// A table of the cluster itself.
    Override,
}

fn variation(stack: usize) -> Variation {
    match stack {
        0 => Variation::Automation,
        _ if stack % 3 == 1 => Variation::Name,
        _ if stack % 3 == 2 => Variation::Variable,
        _ => Variation::Override,
    }
}

fn stack(toml: &mut String, at: usize) -> fmt::Result {
    let name = format!("stack-{at:02}");
    let source = if at.is_multiple_of(2) {
        write!(
            toml,
            "\n[sources.git.{name}]\nurl = \"ssh://git@github.com/acme/{name}\"\nref.branch = \"main\"\n\
             secretRef.name = \"deploy-key\"\nignore = \"\"\"\n/*\n!/deploy\n\"\"\"\n"
        )?;
        format!("git.{name}")
    } else {
        write!(
            toml,
            "\n[sources.oci.{name}]\nurl = \"oci://ghcr.io/acme/manifests/{name}\"\nref.semver = \">=1.0.0 <2.0.0\"\n\
             verify = {{ provider = \"cosign\", secretRef.name = \"cosign\" }}\n"
        )?;
        format!("oci.{name}")
    };
    match at % 4 {
        2 => write!(
            toml,
            "\n[sources.bucket.{name}]\nbucketName = \"{name}\"\nendpoint = \"minio.acme.example\"\n\
             secretRef.name = \"bucket\"\ninterval = \"5m\"\n"
        )?,
        3 => write!(
            toml,
            "\n[artifactGenerators.{name}]\nsources = [{{ alias = \"repo\", kind = \"GitRepository\", name = \"flux-system\" }}]\n\
             artifacts = [{{ name = \"{name}\", copy = [{{ from = \"@repo/{name}/**\", to = \"@artifact/\" }}] }}]\n"
        )?,
        _ => write!(
            toml,
            "\n[sources.helm.{name}]\nurl = \"https://charts.acme.example/{name}\"\n"
        )?,
    }
    let helm = format!("helm.stack-{:02}", at - at % 4 / 2 * 2);
    write!(
        toml,
        "\n[kustomizations.{name}-base]\nsource = \"{source}\"\npath = \"./deploy/base\"\nwait = true\ntimeout = \"5m\"\n\
         healthChecks = [{{ apiVersion = \"apps/v1\", kind = \"Deployment\", name = \"web\", namespace = \"{name}\" }}]\n"
    )?;
    let path = match variation(at) {
        Variation::Name => "./deploy/${{ cluster.name }}",
        _ => "./deploy/app",
    };
    write!(
        toml,
        "\n[kustomizations.{name}]\nsource = \"{source}\"\npath = \"{path}\"\ndependsOn = [\"{name}-base\"]\n\
         targetNamespace = \"{name}\"\ndecryption = {{ provider = \"sops\", secretRef.name = \"age\" }}\n\
         postBuild.substitute = {{ team = \"{name}\", level = \"${{{{ vars.logLevel }}}}\" }}\n\
         [[kustomizations.{name}.patches]]\ntarget = {{ kind = \"Deployment\" }}\npatch = \"\"\"\n\
         - op: add\n  path: /spec/template/spec/priorityClassName\n  value: {name}\n\"\"\"\n"
    )?;
    write!(
        toml,
        "\n[helmReleases.\"{name}/web\"]\nchart.spec = {{ chart = \"web\", version = \"{}.x\", source = \"{helm}\" }}\n\
         [helmReleases.\"{name}/web\".values]\nreplicaCount = \"${{{{ vars.replicas }}}}\"\n\
         image = {{ repository = \"ghcr.io/acme/{name}\", tag = {{ imagePolicy = \"{name}:tag\", initial = \"1.4.2\" }} }}\n\
         service = {{ type = \"ClusterIP\", port = 8080 }}\nresources.requests = {{ cpu = \"100m\", memory = \"128Mi\" }}\n\
         resources.limits = {{ memory = \"256Mi\" }}\nenv = [{{ name = \"LOG_LEVEL\", value = \"info\" }}, {{ name = \"TEAM\", value = \"{name}\" }}]\n\
         podAnnotations.\"prometheus.io/scrape\" = \"true\"\n",
        at + 1
    )?;
    let host = match variation(at) {
        Variation::Variable => "${{ vars.domain }}",
        _ => "acme.example",
    };
    write!(
        toml,
        "\n[helmReleases.\"{name}/monitoring\"]\nchart.spec = {{ chart = \"monitoring\", version = \"79.x\", source = \"{helm}\" }}\n\
         values = {{ file = \"values/monitoring.yaml\" }}\ninstall.crds = \"CreateReplace\"\n\
         postRenderers = [{{ kustomize.images = [{{ name = \"monitoring\", newName = \"mirror.{host}/monitoring\" }}] }}]\n"
    )?;
    write!(
        toml,
        "\n[images.{name}]\nimage = \"ghcr.io/acme/{name}\"\nsecretRef.name = \"registry\"\npolicy.semver.range = \"1.x\"\n\
         tags = [\"0.9.0\", \"1.4.2\", \"2.0.0-rc.1\"]\nexpect = \"1.4.2\"\n"
    )?;
    if at % 5 == 4 {
        write!(
            toml,
            "\n[receivers.{name}]\ntype = \"github\"\nevents = [\"ping\", \"push\"]\nsecretRef.name = \"webhook\"\n\
             resources = [{{ kind = \"Kustomization\", name = \"{name}\" }}]\n"
        )?;
    } else {
        write!(
            toml,
            "\n[alerts.{name}]\nproviderRef.name = \"slack\"\neventSeverity = \"error\"\n\
             eventSources = [{{ kind = \"Kustomization\", name = \"{name}\" }}, {{ kind = \"HelmRelease\", name = \"*\", namespace = \"{name}\" }}]\n"
        )?;
    }
    if at == 0 {
        toml.push_str(ONCE);
    } else {
        // Its tenth resource is an instance of the set.
        write!(
            toml,
            "\n[manifests.\"/{name}\"]\napiVersion = \"v1\"\nkind = \"Namespace\"\n\
             labels.\"pod-security.kubernetes.io/enforce\" = \"baseline\"\n"
        )?;
    }
    Ok(())
}

const HEAD: &str = r#"[repo]
url    = "ssh://git@github.com/acme/fleet"
branch = "main"

[flux]
version         = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller", "source-watcher"]

[vars]
logLevel = "info"

[defaults.kustomizations]
interval      = "15m"
retryInterval = "2m"

[defaults.helmReleases]
interval                    = "30m"
install.strategy.name       = "RetryOnFailure"
upgrade.remediation.retries = 3
driftDetection.mode         = "enabled"
"#;

const GROUPS: [(&str, &str); 3] = [
    (
        "edge",
        "flux.version = \"2.8.8\"\nvars.replicas = 1\n[groups.edge.kustomizations.stack-00-base]\ninterval = \"1h\"\n",
    ),
    (
        "prod",
        "vars.replicas = 3\n[groups.prod.helmReleases.\"stack-00/web\"]\nvalues.autoscaling.enabled = true\n",
    ),
    ("staging", "vars.replicas = 2\nvars.logLevel = \"debug\"\n"),
];

/// What a fleet has once, in place of the first stack's namespace and service.
const ONCE: &str = r#"
[imageUpdates.main]
sourceRef   = { kind = "GitRepository", name = "flux-system" }
update.path = "./clusters/${{ cluster.name }}"
git.commit  = { author = { name = "fluxcdbot", email = "flux@${{ vars.domain }}" }, messageTemplate = """
{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}
{{ end }}""" }

[providers.slack]
type      = "slack"
channel   = "fleet"
secretRef = { name = "slack-url" }
"#;

const SERVICE: &str = r#"]
[sets.service.kustomizations."${{ inputs.name }}"]
path = "./services/${{ inputs.name }}"
postBuild.substitute = { port = "${{ inputs.port | string }}" }
"#;

const VALUES: &str = "\
prometheus:
  prometheusSpec:
    retention: 14d
    storageSpec:
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          resources:
            requests:
              storage: 50Gi
    ruleSelectorNilUsesHelmValues: false
grafana:
  enabled: true
  sidecar:
    dashboards:
      searchNamespace: ALL
alertmanager:
  config:
    route:
      group_by: [alertname, namespace]
      receiver: none
    receivers:
    - name: none
";
