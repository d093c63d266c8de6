//! The forges that host repositories, behind one trait: GitHub, GitLab, Gitea and Forgejo,
//! Bitbucket Server.
//!
//! A forge answers what is there and changes one thing at a time; what ought to be there is
//! decided by the steps. Each call names the scope or right it needs in its error.

mod bitbucket;
mod client;
mod gitea;
mod github;
mod gitlab;

pub use client::Patience;

use super::error::Result;
use super::secret::Secret;
use super::target::{ForgeKind, Provider, Team, Visibility};

/// Whose token it is and what it may do, as far as the forge tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub login: String,
    /// `None` where the forge does not tell a token's scopes.
    pub scopes: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What later calls need to name it: a number in GitLab, else empty.
    pub id: String,
    pub web_url: String,
    pub visibility: Visibility,
    pub description: String,
    /// Whether this token may push; `None` where the forge does not tell.
    pub can_push: Option<bool>,
    /// Whether this token may add deploy keys and change settings.
    pub can_admin: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployKey {
    pub id: String,
    pub title: String,
    /// `ssh-ed25519 AAAA…`, perhaps with a comment.
    pub key: String,
    pub read_only: bool,
}

/// Whether a push to a branch would be turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Pushes of this token are accepted, or the branch does not exist.
    Open,
    /// Only pull requests get in.
    PullRequestOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub url: String,
}

/// What is asked of a forge about one repository.
pub trait Forge {
    fn kind(&self) -> ForgeKind;

    /// The scopes of which the token needs one, for what bootstrap does: `["repo"]`.
    fn needed_scopes(&self) -> &'static [&'static str];

    /// The rights in the forge's own words, for the plan.
    fn needed_rights(&self) -> &'static str;

    fn identity(&self) -> Result<Identity>;

    fn repository(&self) -> Result<Option<Repository>>;

    /// Creates it empty: the first commit is the caller's.
    fn create(&self, branch: &str) -> Result<Repository>;

    fn change(&self, repository: &Repository, to: &Settings) -> Result<()>;

    /// What the forge calls the permission of a team without one of its own.
    fn default_permission(&self) -> &'static str;

    /// The permission the team has now, `None` for no access.
    fn team(&self, repository: &Repository, team: &Team) -> Result<Option<String>>;

    fn let_in(&self, repository: &Repository, team: &Team) -> Result<()>;

    fn deploy_keys(&self, repository: &Repository) -> Result<Vec<DeployKey>>;

    fn add_deploy_key(
        &self,
        repository: &Repository,
        title: &str,
        key: &str,
        read_only: bool,
    ) -> Result<DeployKey>;

    fn remove_deploy_key(&self, repository: &Repository, id: &str) -> Result<()>;

    fn protection(&self, repository: &Repository, branch: &str) -> Result<Protection>;

    /// The open pull request from one branch to the other.
    fn pull_request(
        &self,
        repository: &Repository,
        from: &str,
        to: &str,
    ) -> Result<Option<PullRequest>>;

    fn open_pull_request(
        &self,
        repository: &Repository,
        proposal: &Proposal,
    ) -> Result<PullRequest>;
}

/// The settings that `--reconcile` brings to what the TOML says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub visibility: Visibility,
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub from: String,
    pub to: String,
    pub title: String,
    pub body: String,
}

/// The forge of a provider. `ca` are PEM certificates that are trusted beside the machine's own.
pub fn open(
    provider: &Provider,
    ca: Option<&str>,
    token: Secret,
    patience: Patience,
) -> Result<Box<dyn Forge>> {
    let client = client::Client::new(provider, ca, token, patience)?;
    let provider = provider.clone();
    Ok(match provider.kind {
        ForgeKind::GitHub => Box::new(github::GitHub { client, provider }),
        ForgeKind::GitLab => Box::new(gitlab::GitLab { client, provider }),
        ForgeKind::Gitea => Box::new(gitea::Gitea { client, provider }),
        ForgeKind::BitbucketServer => Box::new(bitbucket::Bitbucket { client, provider }),
    })
}

/// Two public keys are the same when their kind and their bytes are: comments are dropped by
/// some forges.
pub(crate) fn is_same_key(a: &str, b: &str) -> bool {
    let bare = |key: &str| {
        let mut words = key.split_whitespace();
        (
            words.next().map(str::to_owned),
            words.next().map(str::to_owned),
        )
    };
    bare(a) == bare(b)
}
