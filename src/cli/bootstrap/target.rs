//! What to bootstrap, put together from the compiled project, the command line and the environment.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};

use super::{Args, absolute};
use crate::bootstrap::{
    AgeKey, CredentialKind, Credentials, Environment, File, ForgeKind, ImagePull, KeyAlgorithm,
    Provider, REGISTRY_PASSWORD, Remote, Scheme, Secret, Target, Team, Visibility,
};
use crate::emit::HEADER;
use crate::files::open::discover;
use crate::install::{Local, Releases};
use crate::link::Graph;
use crate::node::Node;
use crate::project::Project;
use crate::resource::Resource;
use crate::schema::{FluxMinor, Pinned};
use crate::settings::{self, Cluster, DEFAULT_NAMESPACE, Install, Settings};
use crate::tree::{self, LARGEST_FOREIGN, Plan};

/// A target, and what somebody should know about it beforehand.
pub(super) struct Found {
    pub(super) target: Target,
    pub(super) note: Option<String>,
    /// The Secrets that Kustomizations of the cluster decrypt with.
    decryption: BTreeSet<String>,
}

/// The Secret of the age key where no Kustomization names one.
///
/// Source: <https://fluxcd.io/flux/guides/mozilla-sops/>
const AGE_SECRET: &str = "sops-age";

const REGISTRY_USERNAME: &str = "FLUXGEN_REGISTRY_USERNAME";

/// The host of `flux.registry` where it is not set.
const REGISTRY: &str = "ghcr.io";

/// The target that the project says, without what the command line adds.
pub(super) fn of(
    project: &Project,
    name: &str,
    plan: &Plan,
    releases: &Releases,
    env: &Environment,
) -> anyhow::Result<Found> {
    let built = project.built.as_ref();
    let tree = built.and_then(|built| built.tree.as_ref());
    let (Some(built), Some(tree)) = (built, tree) else {
        bail!("the project could not be compiled");
    };
    let settings = &built.resolved.settings;
    let (Some(cluster), Some(files)) = (
        settings.cluster(name),
        tree.clusters.iter().find(|cluster| cluster.name == name),
    ) else {
        bail!("no cluster is named `{name}`");
    };
    if cluster.flux.install == Install::None {
        bail!(
            "cluster `{name}` has Flux installed by other means\n  note: its `flux.install` is \"none\"\n  \
             help: set it to \"release\", or to \"operator\" where the Flux Operator runs"
        );
    }
    let Some(url) = &settings.repo.url else {
        bail!(
            "Flux cannot sync without `repo.url`\n  help: add `url = \"ssh://git@HOST/OWNER/REPOSITORY\"` to `[repo]`"
        );
    };
    let remote = Remote::parse(&url.value)?;
    let root = project.root.canonicalize_utf8()?;
    let prefix = prefix(&root);
    let own = prefix.join(&cluster.folder);

    let mut generated: Vec<File> = files
        .files
        .iter()
        .map(|(path, text)| File {
            path: own.join(path.as_ref()),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    if !releases.lock().is_empty() {
        let file = releases.lock_file().file_name().unwrap_or("fluxgen.lock");
        generated.push(File {
            path: prefix.join(file),
            bytes: releases.lock().to_string().into_bytes(),
        });
    }
    let removed = plan
        .clusters
        .iter()
        .filter(|plan| plan.name == name)
        .flat_map(|plan| &plan.remove)
        .map(|path| own.join(path))
        .collect();
    let config = prefix.join(&project.config);
    let resources: Vec<Resource> = resources(project, built.graph(), name);
    let note = uncommitted(&root, &config);
    let target = Target {
        cluster: name.to_owned(),
        context: cluster
            .context
            .as_ref()
            .map(|context| context.value.clone()),
        provider: match &settings.repo.provider {
            Some(provider) => Some(provider_of(provider, &remote)?),
            None => None,
        },
        branch: settings.repo.branch.clone(),
        path: sync_path(cluster, &own)?,
        namespace: cluster.flux.namespace.clone(),
        // Flux names both after its namespace.
        sync_name: cluster.flux.namespace.clone(),
        files: generated,
        removed,
        install: install_folder(project, cluster, files)?,
        marker: Some(HEADER.trim_end().to_owned()),
        config,
        credentials: credentials(&root, settings, cluster, &remote, &resources)?,
        image_pull: image_pull(cluster, env)?,
        age_key: None,
        flux: match FluxMinor::from_version(&cluster.flux.version.value) {
            Ok(Pinned::Known(minor)) if cluster.flux.install == Install::Release => Some(minor),
            Ok(_) | Err(_) => None,
        },
        message: format!("Add Flux v{} to cluster {name}", cluster.flux.version.value),
        remote,
    };
    let decryption = resources
        .iter()
        .filter(|resource| {
            resource.identity.kind == "Kustomization"
                && resource.identity.namespace == cluster.flux.namespace
        })
        .filter_map(|resource| {
            resource
                .get(&["spec", "decryption", "secretRef", "name"])?
                .as_str()
        })
        .map(str::to_owned)
        .collect();
    Ok(Found {
        target,
        note,
        decryption,
    })
}

impl Found {
    /// Adds what the command line says.
    pub(super) fn add(&mut self, args: &Args) -> anyhow::Result<()> {
        let target = &mut self.target;
        if let Some(message) = &args.message {
            target.message.clone_from(message);
        }
        if let Some(file) = &args.private_key {
            if !matches!(target.credentials.kind, CredentialKind::DeployKey(_)) {
                bail!(
                    "`--private-key` needs a repository over ssh, and `repo.url` is `{}`",
                    target.remote
                );
            }
            target.credentials.private_key = Some(absolute(file));
        }
        if let Some(file) = &args.age_key {
            let secret = match (&args.age_secret, self.decryption.len()) {
                (Some(name), _) => name.clone(),
                (None, 0) => AGE_SECRET.to_owned(),
                (None, 1) => self.decryption.iter().cloned().collect(),
                (None, _) => {
                    let names: Vec<String> = self
                        .decryption
                        .iter()
                        .map(|name| format!("`{name}`"))
                        .collect();
                    bail!(
                        "the Kustomizations of `{}` decrypt with several Secrets: {}\n  \
                         help: say with `--age-secret` which of them the key is for",
                        target.cluster,
                        names.join(", ")
                    );
                }
            };
            target.age_key = Some(AgeKey {
                secret,
                file: absolute(file),
            });
        }
        Ok(())
    }
}

/// Where the project lies in its repository; empty at the root, and where there is no repository.
fn prefix(root: &Utf8Path) -> Utf8PathBuf {
    let repository = discover(root).ok();
    let top = repository
        .as_ref()
        .and_then(git2::Repository::workdir)
        .and_then(|top| Utf8Path::from_path(top)?.canonicalize_utf8().ok());
    top.and_then(|top| root.strip_prefix(top).ok().map(Utf8Path::to_owned))
        .unwrap_or_default()
}

/// The folder that the cluster syncs, which has to hold the tree.
fn sync_path(cluster: &Cluster, own: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let name = cluster.name.value.as_str();
    let path = match &cluster.flux.sync.path {
        Some(path) => path
            .value
            .components()
            .filter(|part| matches!(part, camino::Utf8Component::Normal(_)))
            .collect(),
        None => own.to_owned(),
    };
    if own.starts_with(&path) {
        return Ok(path);
    }
    bail!(
        "cluster `{name}` would sync `./{path}`, but its tree is `{own}` of the repository\n  \
         help: set `flux.sync.path = \"{own}\"`"
    );
}

/// The folder of Flux: what was generated, and the user's files that stand beside it.
fn install_folder(
    project: &Project,
    cluster: &Cluster,
    tree: &crate::emit::ClusterTree,
) -> anyhow::Result<Vec<File>> {
    let base = format!("{}/", cluster.flux.namespace);
    let name = &cluster.name.value;
    let mut install: Vec<File> = tree
        .files
        .iter()
        .filter_map(|(path, text)| {
            Some(File {
                path: path.strip_prefix(&base)?.into(),
                bytes: text.as_bytes().to_vec(),
            })
        })
        .collect();
    let standing = project.existing.get(name).map(|standing| &standing.files);
    for (path, file) in standing.into_iter().flatten() {
        let (Some(inner), tree::File::Foreign(_)) = (path.strip_prefix(&base), file) else {
            continue;
        };
        if tree.files.contains_key(path.as_str()) {
            continue;
        }
        let full = format!("{}/{path}", cluster.folder);
        let bytes = project.snapshot.read(&full, LARGEST_FOREIGN)?;
        install.push(File {
            path: inner.into(),
            bytes: bytes
                .with_context(|| format!("cannot read `{full}`"))?
                .to_vec(),
        });
    }
    Ok(install)
}

/// The cluster's resources: generated ones, and the user's own beside them.
fn resources(project: &Project, graph: Option<&Graph>, name: &str) -> Vec<Resource> {
    let mut found = Vec::new();
    if let Some(graph) = graph {
        let clusters = &graph.settings().clusters;
        let at = clusters
            .iter()
            .position(|cluster| cluster.name.value == name);
        let ids = at.and_then(|at| graph.clusters.get(at));
        found.extend(
            ids.into_iter()
                .flat_map(|cluster| &cluster.resources)
                .map(|id| graph.resource(*id).clone()),
        );
    }
    let standing = project.existing.get(name);
    for file in standing.into_iter().flat_map(|known| known.files.values()) {
        if let tree::File::Foreign(Some(bytes)) = file {
            found.extend(tree::resources(bytes));
        }
    }
    found
}

fn provider_of(settings: &settings::Provider, remote: &Remote) -> anyhow::Result<Provider> {
    let kind = match settings.kind.value {
        "gitlab" => ForgeKind::GitLab,
        "gitea" => ForgeKind::Gitea,
        "bitbucket-server" => ForgeKind::BitbucketServer,
        _ => ForgeKind::GitHub,
    };
    let text = |value: &Option<crate::source::Spanned<String>>| {
        value.as_ref().map(|value| value.value.clone())
    };
    let host = match text(&settings.host) {
        Some(host) => host,
        // GitHub's ssh on port 443 has a name of its own.
        None if remote.host == "ssh.github.com" => "github.com".to_owned(),
        None if !remote.host.is_empty() => remote.host.clone(),
        None => bail!("`repo.provider` needs `host`: `repo.url` names none"),
    };
    let named = Provider::of_remote(kind, remote);
    let provider = match (text(&settings.owner), text(&settings.repository), named) {
        (Some(owner), Some(repository), _) => Provider {
            kind,
            owner,
            repository,
            host: String::new(),
            personal: false,
            visibility: Visibility::Private,
            description: None,
            teams: Vec::new(),
            api_url: None,
            username: None,
        },
        (owner, repository, named) => {
            let mut named = named?;
            named.owner = owner.unwrap_or(named.owner);
            named.repository = repository.unwrap_or(named.repository);
            named
        }
    };
    Ok(Provider {
        host,
        personal: settings.personal,
        visibility: match settings.visibility.as_ref().map(|value| value.value) {
            Some("public") => Visibility::Public,
            Some("internal") => Visibility::Internal,
            _ => Visibility::Private,
        },
        description: text(&settings.description),
        teams: settings
            .teams
            .iter()
            .map(|team| match team.value.split_once(':') {
                Some((name, permission)) => Team {
                    name: name.to_owned(),
                    permission: Some(permission.to_owned()),
                },
                None => Team {
                    name: team.value.clone(),
                    permission: None,
                },
            })
            .collect(),
        api_url: text(&settings.api_url),
        username: text(&settings.username),
        ..provider
    })
}

/// The address says how the cluster gets in: a deploy key over ssh, a token over https.
fn credentials(
    root: &Utf8Path,
    settings: &Settings,
    cluster: &Cluster,
    remote: &Remote,
    resources: &[Resource],
) -> anyhow::Result<Credentials> {
    let sync = &cluster.flux.sync;
    let secret = sync.secret.as_ref().map(|secret| secret.value.as_str());
    let provider = sync.provider.as_ref().map(|name| name.value.as_str());
    let kind = match (secret, provider, remote.scheme) {
        (Some(""), _, _) => CredentialKind::None,
        (_, Some("aws" | "azure" | "github"), _) => CredentialKind::Existing,
        (_, _, Scheme::Ssh) => CredentialKind::DeployKey(match sync.key_algorithm {
            "ed25519" => KeyAlgorithm::Ed25519,
            _ => KeyAlgorithm::EcdsaP384,
        }),
        (_, _, Scheme::Https | Scheme::Http | Scheme::File) => CredentialKind::Token,
    };
    let known_hosts: Vec<&str> = settings
        .repo
        .known_hosts
        .iter()
        .map(|line| line.value.as_str())
        .collect();
    let ca = match &settings.repo.ca_file {
        Some(file) => {
            let bytes = Local::on_disk(root).read(file.value.as_str(), LARGEST_FOREIGN);
            let bytes = bytes.context("`repo.caFile` cannot be read")?;
            let text = String::from_utf8(bytes).context("`repo.caFile` cannot be read")?;
            if !text.contains("-----BEGIN CERTIFICATE-----") {
                bail!("`{}` of `repo.caFile` holds no PEM certificate", file.value);
            }
            Some(text)
        }
        None => None,
    };
    let repo = &settings.repo;
    let pushes = |resource: &Resource| {
        let text = |path: &[&str]| resource.get(path).and_then(Node::as_str);
        let namespace =
            text(&["spec", "sourceRef", "namespace"]).unwrap_or(&resource.identity.namespace);
        resource.identity.kind == "ImageUpdateAutomation"
            && text(&["spec", "sourceRef", "name"])
                .is_some_and(|name| (namespace, name) == repo.in_namespace(&cluster.flux.namespace))
    };
    Ok(Credentials {
        secret: match secret {
            Some("") | None => DEFAULT_NAMESPACE.to_owned(),
            Some(name) => name.to_owned(),
        },
        kind,
        writes: match &sync.read_write_key {
            Some(said) => said.value,
            None => resources.iter().any(pushes),
        },
        known_hosts: (!known_hosts.is_empty()).then(|| known_hosts.join("\n")),
        ca,
        private_key: None,
    })
}

fn image_pull(cluster: &Cluster, env: &Environment) -> anyhow::Result<Option<ImagePull>> {
    let username = env.var(REGISTRY_USERNAME);
    let password = env.var(REGISTRY_PASSWORD);
    let Some(secret) = &cluster.flux.image_pull_secret else {
        return Ok(None);
    };
    let registry = cluster
        .flux
        .registry
        .as_ref()
        .map_or(REGISTRY, |registry| registry.value.as_str());
    let login = match (username, password) {
        (Some(username), Some(password)) => {
            Some((username.to_owned(), Secret::new(password.trim())))
        }
        (None, None) => None,
        (Some(_), None) => bail!("`{REGISTRY_USERNAME}` is set without `{REGISTRY_PASSWORD}`"),
        (None, Some(_)) => bail!("`{REGISTRY_PASSWORD}` is set without `{REGISTRY_USERNAME}`"),
    };
    Ok(Some(ImagePull {
        secret: secret.value.clone(),
        registry: registry.split('/').next().unwrap_or(registry).to_owned(),
        login,
    }))
}

/// The commit holds what is generated. Whether its TOML file is in the repository, too, is for the
/// user to see to.
fn uncommitted(root: &Utf8Path, config: &Utf8Path) -> Option<String> {
    let same = || -> Option<bool> {
        let repository = discover(root).ok()?;
        let head = repository.head().ok()?.peel_to_tree().ok()?;
        let entry = head.get_path(config.as_std_path()).ok()?;
        let committed = repository.find_blob(entry.id()).ok()?;
        let standing = fs_err::read(root.join(config.file_name()?)).ok()?;
        Some(committed.content() == standing)
    };
    (same() != Some(true)).then(|| {
        format!("`{config}` is not committed as it stands; the trees made from it will be: commit it, too")
    })
}
