//! One run's hold on the world: git, the forge, the cluster, the journal, somebody to talk to.

use std::cell::{OnceCell, RefCell};
use std::time::{Duration, Instant};

use super::credentials::KeyPair;
use super::environment::{Environment, Ui};
use super::error::{Error, Result};
use super::forge::{self, Forge, Patience, Repository};
use super::git::{Commit, Git, Login, stored_login};
use super::journal::Journal;
use super::key::{OwnKey, passphrase_of};
use super::known_hosts::{self, Origin};
use super::kubectl::Kubectl;
use super::manifests::Install;
use super::remote::{Remote, Scheme};
use super::secret::{Redactor, Secret};
use super::target::{CredentialKind, Options, Target};

/// What a run is given besides its target and options.
pub struct World<'a> {
    pub env: &'a Environment,
    pub ui: &'a dyn Ui,
    pub patience: Patience,
    /// Puts the generated files into the work tree. Called once they are pushed, where the
    /// checked-out branch follows, so that the work tree does not lack what its branch holds.
    pub write_tree: Option<&'a dyn Fn() -> Result<()>>,
    /// Called with a name after everything that changed something; a false ends the run there,
    /// as a kill would.
    pub checkpoint: Option<&'a dyn Fn(&str) -> bool>,
}

pub(crate) struct Session<'a> {
    pub(crate) target: &'a Target,
    pub(crate) options: &'a Options,
    pub(crate) env: &'a Environment,
    pub(crate) ui: &'a dyn Ui,
    pub(crate) forge: Option<Box<dyn Forge>>,
    pub(crate) login: Option<Login>,
    pub(crate) git: Git<'a>,
    pub(crate) kubectl: Kubectl<'a>,
    pub(crate) install: Install,
    pub(crate) journal: RefCell<Journal>,
    pub(crate) redactor: &'a Redactor,
    pub(crate) write_tree: Option<&'a dyn Fn() -> Result<()>>,
    /// The private key that is given instead of one made here.
    pub(crate) own_key: Option<OwnKey>,
    own_keys: OnceCell<KeyPair>,
    host_keys: OnceCell<Vec<String>>,
    repository: RefCell<Option<Repository>>,
    checkpoint: Option<&'a dyn Fn(&str) -> bool>,
}

impl<'a> Session<'a> {
    pub(crate) fn open(
        target: &'a Target,
        options: &'a Options,
        world: &World<'a>,
        redactor: &'a Redactor,
    ) -> Result<Self> {
        target.check()?;
        let env = world.env;
        for program in ["git", "kubectl"] {
            if env.find_program(program).is_none() {
                return Err(super::program::missing(program));
            }
        }
        let mut login = find_login(target, env)?;
        if let Some(login) = &login {
            redactor.learn_login(&login.username, &login.password);
        }
        if let Some((username, password)) = target
            .image_pull
            .as_ref()
            .and_then(|pull| pull.login.as_ref())
        {
            redactor.learn_login(username, password);
        }
        let own_key = match &target.credentials.private_key {
            Some(file) => Some(OwnKey::read(file)?),
            None => None,
        };
        let forge = match (&target.provider, &login) {
            (Some(provider), Some(login)) => Some(forge::open(
                provider,
                target.credentials.ca.as_deref(),
                login.password.clone(),
                world.patience,
            )?),
            (Some(_), None) | (None, _) => None,
        };
        // The token is for the forge's own host, and never in the clear.
        let host = target
            .provider
            .as_ref()
            .map(|provider| provider.host.as_str());
        let is_own = host.is_none_or(|host| host.eq_ignore_ascii_case(&target.remote.host));
        let is_loopback = target.remote.host == "127.0.0.1";
        let takes_login = target.remote.scheme == Scheme::Https
            || (target.remote.scheme == Scheme::Http && is_loopback);
        if let (Some(forge), Some(login)) = (&forge, &mut login)
            && takes_login
            && login.username == UNNAMED
            && needs_own_name(forge.kind())
        {
            login.username = forge.identity()?.login;
            redactor.learn_login(&login.username, &login.password);
        }
        let git_login = login.clone().filter(|_| is_own && takes_login);
        let git = Git::open(
            env,
            &target.remote,
            git_login,
            target.credentials.ca.as_deref(),
        )?;
        let kubectl = Kubectl::open(
            env,
            options.kubeconfig.as_ref(),
            options.context.as_deref(),
            &target.cluster,
            target.context.as_deref(),
        )?;
        let state = env.state_dir()?;
        let journal = Journal::open(&state, target.remote.as_str(), &target.cluster)?;
        let session = Self {
            target,
            options,
            env,
            ui: world.ui,
            forge,
            login,
            git,
            kubectl,
            install: Install::read(env, target)?,
            journal: RefCell::new(journal),
            redactor,
            write_tree: world.write_tree,
            own_key,
            own_keys: OnceCell::new(),
            host_keys: OnceCell::new(),
            repository: RefCell::new(None),
            checkpoint: world.checkpoint,
        };
        // A wrong one is said before anything else is looked at.
        if let Some(passphrase) = passphrase_of(env) {
            redactor.learn(&passphrase);
            session.own_keys()?;
        }
        Ok(session)
    }

    /// The given key with its passphrase, which is asked for once; `None` where none is given.
    pub(crate) fn own_keys(&self) -> Result<Option<&KeyPair>> {
        let Some(own) = &self.own_key else {
            return Ok(None);
        };
        if let Some(keys) = self.own_keys.get() {
            return Ok(Some(keys));
        }
        let keys = own.unlock(self.env, self.ui)?;
        Ok(Some(self.own_keys.get_or_init(|| keys)))
    }

    /// The host keys that the cluster is to trust, which somebody may have to confirm: once.
    pub(crate) fn host_keys(&self) -> Result<&[String]> {
        if let Some(hosts) = self.host_keys.get() {
            return Ok(hosts);
        }
        let remote = self.cluster_remote()?;
        let declared = self.target.credentials.known_hosts.as_deref();
        let (origin, mut hosts) = known_hosts::known(self.env, &remote, declared)?;
        if origin == Origin::Unknown {
            hosts = known_hosts::scan(self.env, &remote, &self.options.host_keys, self.ui)?;
        }
        Ok(self.host_keys.get_or_init(|| hosts))
    }

    /// The given key's passphrase, if it is known by now.
    pub(crate) fn known_passphrase(&self) -> Option<&Secret> {
        self.own_keys.get()?.passphrase.as_ref()
    }

    /// Ends the run here if the caller wants it to.
    pub(crate) fn reached(&self, point: &str) -> Result<()> {
        match self.checkpoint {
            Some(goes_on) if !goes_on(point) => Err(Error::new(format!("stopped after {point}"))),
            _ => Ok(()),
        }
    }

    /// Remembers what the forge said, for the steps after the first.
    pub(crate) fn set_repository(&self, repository: Option<Repository>) {
        *self.repository.borrow_mut() = repository;
    }

    /// The repository as the forge has it; `None` for a plain remote or one yet to be created.
    pub(crate) fn repository(&self) -> Option<Repository> {
        self.repository.borrow().clone()
    }

    /// The forge has no such repository yet.
    pub(crate) fn is_repository_missing(&self) -> bool {
        self.forge.is_some() && self.repository.borrow().is_none()
    }

    /// The address that the cluster reads: of the GitRepository to be applied, else the TOML's.
    pub(crate) fn cluster_remote(&self) -> Result<Remote> {
        let source = self.install.find(
            "source.toolkit.fluxcd.io",
            "GitRepository",
            &self.target.sync_name,
        );
        match source.and_then(|source| source.spec("url").as_str()) {
            Some(url) => Remote::parse(url),
            None => Ok(self.target.remote.clone()),
        }
    }

    /// The branch's commit on the remote.
    pub(crate) fn remote_head(&self) -> Result<Option<Commit>> {
        Ok(self.git.remote_branches()?.remove(&self.target.branch))
    }

    /// Looks again and again until there is an answer; past the limit it returns `None`.
    pub(crate) fn wait<T>(
        &self,
        what: &str,
        mut look: impl FnMut(u32) -> Result<Look<T>>,
    ) -> Result<Option<T>> {
        let started = Instant::now();
        for turn in 0.. {
            let said = match look(turn)? {
                Look::Ready(value) => return Ok(Some(value)),
                Look::NotYet(why) => why,
            };
            let left = self.options.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let seconds = started.elapsed().as_secs();
            self.ui
                .progress(&format!("waiting for {what}: {said} ({seconds} s)"));
            std::thread::sleep(self.options.poll.min(left).max(Duration::from_millis(1)));
        }
        Ok(None)
    }
}

/// What a look while waiting brought.
pub(crate) enum Look<T> {
    Ready(T),
    NotYet(String),
}

/// Flux's own default, which every forge takes that looks at the token alone.
const UNNAMED: &str = "git";

/// Git over https with a token: these two want the token owner's name beside it.
fn needs_own_name(kind: super::target::ForgeKind) -> bool {
    use super::target::ForgeKind::{BitbucketServer, GitHub, GitLab, Gitea};
    match kind {
        Gitea | BitbucketServer => true,
        GitHub | GitLab => false,
    }
}

/// The token from the provider's variable, `GIT_PASSWORD`, or git's credential helpers.
fn find_login(target: &Target, env: &Environment) -> Result<Option<Login>> {
    let declared = target
        .provider
        .as_ref()
        .and_then(|provider| provider.username.as_deref())
        .or(match target.remote.scheme {
            Scheme::Https | Scheme::Http => target.remote.user.as_deref(),
            Scheme::Ssh | Scheme::File => None,
        });
    let of = |variable: &str| {
        env.var(variable).map(|token| Login {
            username: env
                .var("GIT_USERNAME")
                .or(declared)
                .unwrap_or(UNNAMED)
                .to_owned(),
            password: Secret::new(token.trim()),
        })
    };
    let Some(provider) = &target.provider else {
        if let Some(login) = of("GIT_PASSWORD") {
            return Ok(Some(login));
        }
        if target.credentials.kind != CredentialKind::Token {
            return Ok(None);
        }
        let host = &target.remote.host;
        return match stored_login(env, host)? {
            Some(login) => Ok(Some(login)),
            None => Err(Error::new(format!("there is no password for `{host}`"))
                .help("set `GIT_PASSWORD` (and `GIT_USERNAME`), or a credential helper for git")),
        };
    };
    let variable = provider.kind.token_variable();
    if let Some(login) = of(variable) {
        return Ok(Some(login));
    }
    match stored_login(env, &provider.host)? {
        Some(login) => Ok(Some(login)),
        None => Err(
            Error::new(format!("there is no token for `{}`", provider.host)).help(format!(
                "set `{variable}`, or a credential helper that git knows for the host"
            )),
        ),
    }
}
