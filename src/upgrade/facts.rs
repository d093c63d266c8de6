//! What other behaviour a newer Flux has, though the same YAML is applied: one row a fact.
//!
//! What the API refuses is no fact of this table: the schemas know it, and so does a build.

use semver::Version;

use crate::diagnostic::Severity;
use crate::forecast::build_of;
use crate::image::scan::removed_field;
use crate::kustomize::{Resolver, unset_variables};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;
use crate::settings::{Cluster, Install};
use crate::source::Span;

/// One thing that changes.
pub struct Fact {
    /// The code of its finding.
    pub code: &'static str,
    /// The release that it comes with.
    pub since: Version,
    pub severity: Severity,
    /// What changes, as the finding's message.
    pub message: &'static str,
    pub help: &'static str,
    /// For `fluxgen explain CODE`.
    pub page: &'static str,
    /// Where it is said.
    pub docs: &'static str,
    hits: fn(&Seen<'_>) -> Vec<Hit>,
}

/// What a fact is held against: one cluster.
pub(super) struct Seen<'a> {
    pub graph: &'a Graph,
    /// An index into the settings' clusters.
    pub at: usize,
    /// The repository as it is on disk.
    pub files: &'a Resolver<'a>,
    /// Reads a file of it.
    pub read: &'a dyn Fn(&str) -> Option<String>,
}

/// A place where a fact matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub span: Span,
    pub label: String,
    pub notes: Vec<String>,
}

const fn version(minor: u64, patch: u64) -> Version {
    Version::new(2, minor, patch)
}

/// All that is known, in the order of the releases.
pub static FACTS: &[Fact] = &[
    Fact {
        code: "proxy-field-deprecated",
        since: version(7, 0),
        severity: Severity::Warning,
        message: "`proxy` of a Provider is deprecated since Flux 2.7",
        help: "move the address to a Secret and name it with `proxySecretRef`",
        page: "\
Flux 2.7 added `proxySecretRef`, a Secret with the proxy's address and credentials, to the Provider and
deprecated `proxy`, which still works. What stands in Git can be read by all who can read Git, so a proxy
with a password belongs into the Secret in any case.",
        docs: "https://fluxcd.io/flux/components/notification/providers/#https-proxy",
        hits: |seen| fields(seen, "Provider", &["spec", "proxy"]),
    },
    Fact {
        code: "commit-template-fields-removed",
        since: version(7, 0),
        severity: Severity::Error,
        message: "the commit message template uses what Flux 2.7 removed",
        help: "use `.Changed.Changes`, which lists each change with `.OldValue` and `.NewValue`",
        page: "\
image-automation-controller 1.0, which comes with Flux 2.7, has `.Updated` and `.Changed.ImageResult` no
more. A template with them fails every commit. `.Changed.Changes` lists each change with `.OldValue`,
`.NewValue` and `.Setter`, `.Changed.Objects` the same by object, `.Changed.FileChanges` by file.",
        docs: "https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template",
        hits: |seen| {
            let path = ["spec", "git", "commit", "messageTemplate"];
            let found = of_kind(seen, "ImageUpdateAutomation").filter_map(|(resource, place)| {
                let template = resource.get(&path)?;
                let field = removed_field(template.as_str()?)?;
                let label = format!("`{field}` is gone");
                Some(Hit::at(span_of(template, place), label))
            });
            found.collect()
        },
    },
    Fact {
        code: "helm-server-side-apply",
        since: version(8, 0),
        severity: Severity::Warning,
        message: "Flux 2.8 installs new Helm releases with server-side apply",
        help: "set `install.serverSideApply = false` after the upgrade to install as before, or let it be",
        page: "\
helm-controller 1.5, which comes with Flux 2.8, is built on Helm 4. A release that it installs is applied
on the server's side, where the API server settles conflicts of field managers: a chart that sets a field
twice, or a field that another controller owns, can fail where it did not. A release that is there already
goes on as it was installed, until `upgrade.serverSideApply` says otherwise.

`install.serverSideApply = false` keeps the old way for a release, the feature gate `UseHelm3Defaults` of
helm-controller for all, by a patch in `flux.patches`.",
        docs: "https://github.com/fluxcd/flux2/releases/tag/v2.8.0",
        hits: |seen| without(seen, "HelmRelease", &["spec", "install", "serverSideApply"]),
    },
    Fact {
        code: "helm-health-checks",
        since: version(8, 0),
        severity: Severity::Warning,
        message: "Flux 2.8 judges the health of Helm releases by kstatus",
        help: "set `waitStrategy.name = \"legacy\"` after the upgrade to wait as before",
        page: "\
Before Flux 2.8 helm-controller waited for a release as Helm 3 did: for the kinds that Helm knows. Now it
waits for every object of the release by its status, custom resources among them. A release whose objects
never become ready was called ready and is now called failed, with the remediation that it asks for.

`waitStrategy.name = \"legacy\"` keeps the old way for a release, the feature gate `UseHelm3Defaults` of
helm-controller for all. `healthCheckExprs` teaches helm-controller the status of a kind.",
        docs: "https://github.com/fluxcd/flux2/releases/tag/v2.8.0",
        hits: |seen| without(seen, "HelmRelease", &["spec", "waitStrategy"]),
    },
    Fact {
        code: "cosign-3",
        since: version(8, 0),
        severity: Severity::Note,
        message: "Flux 2.8 verifies with Cosign 3; whether these signatures pass is not known here",
        help: "verify one of them with the program `cosign` 3 before the upgrade",
        page: "\
source-controller 1.8, which comes with Flux 2.8, verifies OCI artifacts and charts with the library of
Cosign 3. Signatures live in the registry, so nothing is known of them here.",
        docs: "https://github.com/fluxcd/flux2/releases/tag/v2.8.0",
        hits: |seen| {
            let paths: [(&str, &[&str]); 3] = [
                ("OCIRepository", &["spec", "verify"]),
                ("HelmChart", &["spec", "verify"]),
                ("HelmRelease", &["spec", "chart", "spec", "verify"]),
            ];
            let mut found = Vec::new();
            for (kind, path) in paths {
                found.extend(of_kind(seen, kind).filter_map(|(resource, place)| {
                    let verify = resource.get(path)?;
                    let provider = verify.get("provider").and_then(Node::as_str);
                    let is_cosign = provider.is_none_or(|provider| provider == "cosign");
                    is_cosign.then(|| Hit::at(span_of(verify, place), name(resource)))
                }));
            }
            found
        },
    },
    Fact {
        code: "helm-repository-oci",
        since: version(8, 0),
        severity: Severity::Note,
        message: "HelmRepositories of type `oci` are in maintenance since Flux 2.8",
        help: "define `[sources.oci.NAME]` and name it with `chartRef`",
        page: "\
A HelmRepository with `type: oci` works as before and gets no new features. An OCIRepository that a
HelmRelease names with `chartRef` takes its place: it can pin a digest, and is verified on its own.",
        docs: "https://fluxcd.io/flux/components/source/helmrepositories/#helm-oci-repository",
        hits: |seen| {
            let found = of_kind(seen, "HelmRepository").filter_map(|(resource, place)| {
                let kind = resource.get(&["spec", "type"])?;
                (kind.as_str() == Some("oci")).then(|| Hit::at(span_of(kind, place), String::new()))
            });
            found.collect()
        },
    },
    Fact {
        code: "strict-substitution",
        since: version(9, 0),
        severity: Severity::Warning,
        message: "from Flux 2.9 on, a `${var}` without a value or a default fails its Kustomization; not all are known here",
        help: "give each variable a default, `${var:=…}`, or a value in `postBuild.substitute`; write `$${var}` where Flux should leave it alone",
        page: "\
kustomize-controller 1.9, which comes with Flux 2.9, has the feature gate `StrictPostBuildSubstitutions` on.
Before, a variable that nothing defines became an empty string, with no word said. Now the Kustomization
fails. A default in the manifest (`${var:=…}`, also an empty one), a value in `postBuild.substitute` or a
key of a ConfigMap or Secret in `substituteFrom` is enough. Objects with the annotation or label
`kustomize.toolkit.fluxcd.io/substitute: disabled` are passed over.

`--feature-gates=StrictPostBuildSubstitutions=false` brings the old way back, by a patch of
kustomize-controller in `flux.patches`.

Folders of this repository are looked into, and what has no value there is told as `unset-variable`;
what other sources hold, and what `substituteFrom` brings, is not known here.",
        docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution",
        hits: strict_substitution,
    },
    Fact {
        code: "post-render-order",
        since: version(9, 0),
        severity: Severity::Warning,
        message: "from Flux 2.9 on, post-renderers see the hooks of a chart too",
        help: "set `postRenderStrategy = \"nohooks\"` after the upgrade to render as before",
        page: "\
`postRenderStrategy` of a HelmRelease is new in Flux 2.9, and its default `combined` is not what older
versions did: templates and hooks are rendered in one go. `nohooks` is the old way, in which hooks are not
post-rendered; `separate` renders them on their own. A patch without a narrow target may now change Jobs
that are hooks.",
        docs: "https://fluxcd.io/flux/components/helm/helmreleases/#post-renderers",
        hits: |seen| {
            let found = of_kind(seen, "HelmRelease").filter_map(|(resource, place)| {
                let renderers = resource.get(&["spec", "postRenderers"])?;
                let is_empty = renderers.as_array().is_some_and(<[Node]>::is_empty);
                let is_said = resource.get(&["spec", "postRenderStrategy"]).is_some();
                (!is_empty && !is_said).then(|| Hit::at(span_of(renderers, place), name(resource)))
            });
            found.collect()
        },
    },
    Fact {
        code: "gcr-receiver-secret",
        since: version(9, 0),
        severity: Severity::Warning,
        message: "from Flux 2.9 on, the Secret of a `gcr` Receiver needs `email` and `audience`",
        help: "add both keys to the Secret in the cluster before the upgrade",
        page: "\
A Receiver of type `gcr` takes messages of Google Pub/Sub. From Flux 2.9 on notification-controller wants
to know whose token it accepts: the Secret that `secretRef` names must hold `email`, the service account
of the subscription, and `audience`, its audience. Without them each message is refused. Secrets are not
in this repository's reach, so whether they have the keys is not known here.",
        docs: "https://fluxcd.io/flux/components/notification/receivers/#gcr",
        hits: |seen| {
            let found = of_kind(seen, "Receiver").filter_map(|(resource, place)| {
                let kind = resource.get(&["spec", "type"])?;
                let secret = resource.get(&["spec", "secretRef", "name"])?.as_str()?;
                let label = format!("its Secret is `{}/{secret}`", resource.identity.namespace);
                (kind.as_str() == Some("gcr")).then(|| Hit::at(span_of(kind, place), label))
            });
            found.collect()
        },
    },
    Fact {
        code: "webhook-network-policy",
        since: version(9, 4),
        severity: Severity::Note,
        message: "from Flux 2.9.4 on, the NetworkPolicy `allow-webhooks` lets in TCP 9292 alone",
        help: "add a NetworkPolicy of your own if anything reaches notification-controller at another port",
        page: "\
The NetworkPolicy `allow-webhooks` let anyone reach notification-controller at any port. From Flux 2.9.4 on
it is limited to 9292, where Receivers listen. Metrics have a policy of their own.",
        docs: "https://github.com/fluxcd/flux2/releases/tag/v2.9.4",
        hits: |seen| {
            let flux = &seen.cluster().flux;
            let is_ours = flux.install != Install::None;
            let has_policy = flux.network_policy && flux.has_component("notification-controller");
            match is_ours && has_policy {
                true => vec![Hit::at(flux.version.span, String::new())],
                false => Vec::new(),
            }
        },
    },
];

impl Hit {
    fn at(span: Span, label: impl Into<String>) -> Self {
        Self {
            span,
            label: label.into(),
            notes: Vec::new(),
        }
    }
}

impl Fact {
    pub(super) fn hits(&self, seen: &Seen<'_>) -> Vec<Hit> {
        (self.hits)(seen)
    }

    /// Whether an upgrade brings it.
    pub(super) fn is_entered(&self, from: &Version, to: &Version) -> bool {
        *from < self.since && self.since <= *to
    }
}

impl Seen<'_> {
    pub(super) fn cluster(&self) -> &Cluster {
        &self.graph.settings().clusters[self.at]
    }
}

/// The cluster's resources of a kind, and where each is defined.
fn of_kind<'a>(seen: &Seen<'a>, kind: &'a str) -> impl Iterator<Item = (&'a Resource, Span)> {
    let graph = seen.graph;
    graph.clusters[seen.at]
        .resources
        .iter()
        .map(|id| (graph.resource(*id), graph.variant(*id).span))
        .filter(move |(resource, _)| {
            resource.identity.kind == kind && resource.identity.group.ends_with(".fluxcd.io")
        })
}

/// The place of a value, or of its resource where fluxgen filled it in.
fn span_of(node: &Node, place: Span) -> Span {
    match node.span.is_built_in() {
        true => place,
        false => node.span,
    }
}

fn name(resource: &Resource) -> String {
    let identity = &resource.identity;
    format!(
        "{} `{}/{}`",
        identity.kind, identity.namespace, identity.name
    )
}

/// Every resource of a kind that sets a field.
fn fields(seen: &Seen<'_>, kind: &str, path: &[&str]) -> Vec<Hit> {
    of_kind(seen, kind)
        .filter_map(|(resource, place)| {
            let node = resource.get(path)?;
            Some(Hit::at(span_of(node, place), String::new()))
        })
        .collect()
}

/// Every resource of a kind that leaves a field to its default.
fn without(seen: &Seen<'_>, kind: &str, path: &[&str]) -> Vec<Hit> {
    of_kind(seen, kind)
        .filter(|(resource, _)| resource.get(path).is_none())
        .map(|(_, place)| Hit::at(place, String::new()))
        .collect()
}

/// Kustomizations with variables of which nobody can say here whether they have a value.
fn strict_substitution(seen: &Seen<'_>) -> Vec<Hit> {
    let repo = &seen.graph.settings().repo;
    let mut hits = Vec::new();
    for (resource, place) in of_kind(seen, "Kustomization") {
        let Some(post_build) = resource.get(&["spec", "postBuild"]) else {
            continue;
        };
        let span = span_of(post_build, place);
        let source = |key: &str| {
            let path = ["spec", "sourceRef", key];
            resource.get(&path).and_then(Node::as_str)
        };
        let namespace = source("namespace").unwrap_or(&resource.identity.namespace);
        let is_here = source("kind") == Some("GitRepository")
            && source("name").is_some_and(|name| repo.is_named(namespace, name));
        if !is_here {
            let label = "what its source holds is not known here";
            hits.push(Hit::at(span, label));
            continue;
        }
        if post_build.get("substituteFrom").is_none() {
            // A rule of the newer version tells what is wrong there.
            continue;
        }
        let build = build_of(resource);
        let contents = seen.files.contents(&build);
        let mut missing = Vec::new();
        let files: std::collections::BTreeSet<&str> = contents
            .objects
            .values()
            .map(|object| object.file.as_str())
            .collect();
        for file in files {
            let Some(text) = (seen.read)(file) else {
                continue;
            };
            for variable in unset_variables(&text, &build.substitute) {
                missing.push(format!("`${{{variable}}}` in {file}"));
            }
        }
        missing.sort();
        missing.dedup();
        let mut notes = Vec::new();
        if let Some(broken) = &contents.broken {
            notes.push(format!("not checked: {broken}"));
        }
        notes.extend(
            contents
                .unknown
                .iter()
                .map(|why| format!("not checked: {why}")),
        );
        if missing.is_empty() && notes.is_empty() {
            continue;
        }
        let label = match missing.is_empty() {
            true => "not all of its folder is known here".to_owned(),
            false => format!(
                "nothing here gives {} a value; `substituteFrom` may",
                missing.join(", ")
            ),
        };
        hits.push(Hit { span, label, notes });
    }
    hits
}
