//! What to bootstrap, and how: all that the settings and the command line say about one cluster.

use std::time::Duration;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::error::{Error, Result};
use super::remote::Remote;
use super::secret::Secret;
use crate::schema::FluxMinor;

/// One cluster to bring under Flux.
#[derive(Debug, Clone)]
pub struct Target {
    /// The cluster's name in the TOML.
    pub cluster: String,
    /// `clusters.<name>.context`: the kubectl context the cluster is reached by.
    pub context: Option<String>,
    pub remote: Remote,
    pub branch: String,
    /// `[repo.provider]`; `None` for a plain git remote.
    pub provider: Option<Provider>,
    /// `clusters/<name>`, relative to the repository's root.
    pub path: Utf8PathBuf,
    /// The namespace of Flux.
    pub namespace: String,
    /// The name of the GitRepository and the Kustomization that sync the cluster.
    pub sync_name: String,
    /// Everything the build made for this cluster, paths relative to the repository's root.
    pub files: Vec<File>,
    /// Generated files that the build no longer makes.
    pub removed: Vec<Utf8PathBuf>,
    /// The folder that Flux is installed from, `<path>/<namespace>`: the generated files and the
    /// user's own, names relative to it. With a `kustomization.yaml` it is built as Flux does.
    pub install: Vec<File>,
    /// A text that every generated file carries. A file in the repository without it is the
    /// user's and is not replaced.
    pub marker: Option<String>,
    /// The TOML file, relative to the repository's root: a repository that has it is ours.
    pub config: Utf8PathBuf,
    pub credentials: Credentials,
    pub image_pull: Option<ImagePull>,
    pub age_key: Option<AgeKey>,
    /// The minor version of Flux that is installed; `None` where the Flux Operator chooses, and for one that
    /// is newer than all that are known.
    pub flux: Option<FluxMinor>,
    /// The commit's subject.
    pub message: String,
}

/// A file by its path and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: Utf8PathBuf,
    pub bytes: Vec<u8>,
}

/// How the cluster reads the repository: `flux.sync.secretRef` and its neighbours.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name of the Secret, `flux-system` as a rule.
    pub secret: String,
    pub kind: CredentialKind,
    /// An automation of this cluster pushes to the repository.
    pub writes: bool,
    /// Own host keys in known_hosts form, for hosts that are not on the pinned list.
    pub known_hosts: Option<String>,
    /// PEM certificates of the authority that signed the git server's certificate.
    pub ca: Option<String>,
    /// A private key in OpenSSH's form to take instead of making one.
    pub private_key: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A key pair made here, the public half registered with the repository.
    DeployKey(KeyAlgorithm),
    /// The token of the environment, as user name and password.
    Token,
    /// A Secret that is made by other means, of a GitHub App, say, and has to be there.
    Existing,
    /// A public repository, or an identity that the cloud gives the cluster.
    None,
}

/// Flux's default is ECDSA on P-384.
///
/// Source: <https://fluxcd.io/flux/cmd/flux_bootstrap_git/#options>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyAlgorithm {
    #[default]
    EcdsaP384,
    Ed25519,
}

/// `flux.imagePullSecret` with the registry's credentials, which come from the environment.
#[derive(Debug, Clone)]
pub struct ImagePull {
    pub secret: String,
    /// The host of the registry: `ghcr.io`.
    pub registry: String,
    /// Without it, the Secret has to be in the cluster.
    pub login: Option<(String, Secret)>,
}

/// The private age key that kustomize-controller decrypts SOPS files with.
#[derive(Debug, Clone)]
pub struct AgeKey {
    pub secret: String,
    /// A file as `age-keygen` writes it.
    pub file: Utf8PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind {
    GitHub,
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Server and Data Center, not bitbucket.org.
    BitbucketServer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Private,
    Internal,
    Public,
}

/// `[repo.provider]`: the forge that hosts the repository.
#[derive(Debug, Clone)]
pub struct Provider {
    pub kind: ForgeKind,
    /// The host of the web interface and of git.
    pub host: String,
    /// Organization, group (with its parents), project key, or user.
    pub owner: String,
    pub repository: String,
    /// The owner is the token's own user.
    pub personal: bool,
    pub visibility: Visibility,
    pub description: Option<String>,
    /// Teams or groups to let in, each with a permission in the forge's own word.
    pub teams: Vec<Team>,
    /// The API's address where it is not at the usual place of the host. Plain http is
    /// accepted only for loopback.
    pub api_url: Option<String>,
    /// The user of the token, for git over https; without it, the forge is asked.
    pub username: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub name: String,
    /// `None` takes the forge's default: see `forge`.
    pub permission: Option<String>,
}

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    pub dry_run: bool,
    /// Bring an existing repository's settings and teams to what the TOML says.
    pub reconcile: bool,
    pub pull_request: Option<PullRequest>,
    pub kubeconfig: Option<Utf8PathBuf>,
    /// `--context`; without it kubectl's current one.
    pub context: Option<String>,
    /// The limit of each wait.
    pub timeout: Duration,
    /// The pause between two looks while waiting.
    pub poll: Duration,
    /// Replace the cluster's deploy key or token by a new one.
    pub rotate: bool,
    /// Answer yes to what is asked, except for host keys.
    pub yes: bool,
    /// Fingerprints, `SHA256:…`, of host keys to be trusted without asking.
    pub host_keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The branch to push; `None` takes `fluxgen/bootstrap-<cluster>`.
    pub branch: Option<String>,
    /// Wait until it is merged instead of stopping there.
    pub wait: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            reconcile: false,
            pull_request: None,
            kubeconfig: None,
            context: None,
            timeout: Duration::from_secs(300),
            poll: Duration::from_secs(2),
            rotate: false,
            yes: false,
            host_keys: Vec::new(),
        }
    }
}

impl KeyAlgorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Ed25519 => "Ed25519",
        }
    }
}

impl ForgeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
            Self::BitbucketServer => "Bitbucket Server",
        }
    }

    /// The variable that holds the token, the one `flux bootstrap` reads.
    pub fn token_variable(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_TOKEN",
            Self::GitLab => "GITLAB_TOKEN",
            Self::Gitea => "GITEA_TOKEN",
            Self::BitbucketServer => "BITBUCKET_TOKEN",
        }
    }
}

impl Visibility {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }
}

impl Provider {
    /// The provider with host, owner and repository taken from the repository's address.
    pub fn of_remote(kind: ForgeKind, remote: &Remote) -> Result<Self> {
        let (owner, repository) = remote.owner_and_name().ok_or_else(|| {
            Error::new(format!("`{remote}` names no owner and repository"))
                .help("set `owner` and `repository` in `[repo.provider]`")
        })?;
        // Bitbucket Server puts `scm/` in front of https addresses only.
        let owner = match kind {
            ForgeKind::BitbucketServer => owner.strip_prefix("scm/").unwrap_or(owner),
            ForgeKind::GitHub | ForgeKind::GitLab | ForgeKind::Gitea => owner,
        };
        Ok(Self {
            kind,
            host: remote.host.clone(),
            owner: owner.to_owned(),
            repository: repository.to_owned(),
            personal: false,
            visibility: Visibility::Private,
            description: None,
            teams: Vec::new(),
            api_url: None,
            username: None,
        })
    }
}

impl Provider {
    /// Refuses a visibility that the forge would silently take for another.
    fn check_visibility(&self) -> Result<()> {
        let is_known = match self.kind {
            ForgeKind::GitLab => true,
            ForgeKind::GitHub => !self.personal,
            ForgeKind::Gitea | ForgeKind::BitbucketServer => false,
        };
        if is_known || self.visibility != Visibility::Internal {
            return Ok(());
        }
        let whose = if self.kind == ForgeKind::GitHub {
            " for a user's repository"
        } else {
            ""
        };
        Err(Error::new(format!(
            "{} has no visibility `internal`{whose}",
            self.kind.as_str()
        ))
        .help("set `repo.provider.visibility` to `private` or `public`"))
    }
}

impl Target {
    /// The branch that a pull request is made from.
    pub(crate) fn pull_branch(&self, request: &PullRequest) -> String {
        request
            .branch
            .clone()
            .unwrap_or_else(|| format!("fluxgen/bootstrap-{}", self.cluster))
    }

    /// The Kustomization's `spec.path`: `./clusters/<name>`.
    ///
    /// Source: `flux bootstrap` writes it so (flux2 v2.9.4, pkg/manifestgen/sync).
    pub(crate) fn sync_path(&self) -> String {
        format!("./{}", self.path)
    }

    /// Refuses what could leave the repository or be taken for an option by git or kubectl.
    pub(crate) fn check(&self) -> Result<()> {
        for (what, name) in [
            ("the namespace", &self.namespace),
            ("the sync's name", &self.sync_name),
        ] {
            if !is_dns_name(name) {
                return Err(Error::new(format!("`{name}` cannot be {what}"))
                    .help("use lower-case letters, digits and `-`, at most 63 of them"));
            }
        }
        let others = self.image_pull.iter().map(|pull| &pull.secret);
        let others = others.chain(self.age_key.iter().map(|age| &age.secret));
        for name in others.chain([&self.credentials.secret]) {
            if !name.split('.').all(is_dns_name) || name.len() > 253 {
                return Err(
                    Error::new(format!("`{name}` cannot be the name of a Secret"))
                        .help("use lower-case letters, digits, `-` and `.`"),
                );
            }
        }
        if let Some(provider) = &self.provider {
            provider.check_visibility()?;
        }
        if !is_ref_name(&self.branch) {
            return Err(Error::new(format!(
                "`{}` is no name of a branch",
                self.branch
            )));
        }
        let files = self.files.iter().map(|file| &file.path);
        let root = Utf8Path::new("");
        let paths = files.chain(&self.removed).chain([&self.config]);
        let paths = paths.chain(Some(&self.path).filter(|path| *path != root));
        for path in paths.chain(self.install.iter().map(|file| &file.path)) {
            if !is_inside(path) {
                return Err(Error::new(format!("`{path}` leaves the repository")));
            }
        }
        Ok(())
    }
}

/// A DNS label, as Kubernetes wants the name of a namespace.
///
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>
fn is_dns_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_ref_name(name: &str) -> bool {
    !name.starts_with('-') && git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
}

fn is_inside(path: &Utf8Path) -> bool {
    !path.as_str().is_empty()
        && path
            .components()
            .all(|part| matches!(part, Utf8Component::Normal(name) if name != ".git"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_programs_could_take_for_options_are_refused() {
        assert!(is_dns_name("flux-system") && !is_dns_name("-n") && !is_dns_name("A"));
        assert!(is_ref_name("main") && is_ref_name("a/b"));
        assert!(!is_ref_name("--all") && !is_ref_name("a..b") && !is_ref_name(""));
    }

    #[test]
    fn paths_out_of_the_repository_are_refused() {
        for path in ["", "../x", "/etc/passwd", "a/../../b", ".git/config"] {
            assert!(!is_inside(Utf8Path::new(path)), "{path}");
        }
        assert!(is_inside(Utf8Path::new(
            "clusters/a/flux-system/gotk-sync.yaml"
        )));
    }

    #[test]
    fn a_bitbucket_owner_is_without_the_scm_of_its_https_address() {
        let remote = Remote::parse("https://git.acme.example/scm/OPS/fleet.git").unwrap();
        let provider = Provider::of_remote(ForgeKind::BitbucketServer, &remote).unwrap();
        assert_eq!(
            (provider.owner.as_str(), provider.repository.as_str()),
            ("OPS", "fleet")
        );
    }
}
