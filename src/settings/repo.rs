//! `[repo]`: the Git repository that holds the TOML file and the trees.

use super::DEFAULT_NAMESPACE;
use super::fields::Fields;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Table;
use crate::source::{Span, Spanned};

/// The repository, which is a `GitRepository` in each cluster.
#[derive(Debug, Clone)]
pub struct Repo {
    pub url: Option<Spanned<String>>,
    pub branch: String,
    /// `repo.name`: the namespace, if it has one, and the name.
    written: Option<(Option<String>, String)>,
    /// Namespaces and names of its `GitRepository` (and of the root `Kustomization`), as far as clusters differ.
    identities: Vec<(String, String)>,
    pub provider: Option<Provider>,
    /// Lines of a known_hosts file, for `fluxgen bootstrap`: the host keys that clusters trust.
    pub known_hosts: Vec<Spanned<String>>,
    /// A file of PEM certificates that clusters trust, relative to the TOML file.
    pub ca_file: Option<Spanned<String>>,
    pub span: Span,
}

/// `[repo.provider]`: the Git host, for `fluxgen bootstrap`.
#[derive(Debug, Clone)]
pub struct Provider {
    pub kind: Spanned<&'static str>,
    pub host: Option<Spanned<String>>,
    pub owner: Option<Spanned<String>>,
    /// Without it, the last part of `repo.url`.
    pub repository: Option<Spanned<String>>,
    pub personal: bool,
    pub visibility: Option<Spanned<&'static str>>,
    /// `name` or `name:permission`.
    pub teams: Vec<Spanned<String>>,
    pub description: Option<Spanned<String>>,
    /// Where the API is, if not at the usual place of the host.
    pub api_url: Option<Spanned<String>>,
    /// Bitbucket Server's user of the token.
    pub username: Option<Spanned<String>>,
    pub span: Span,
}

pub(crate) const PROVIDERS: &[&str] = &["github", "gitlab", "gitea", "bitbucket-server"];

impl Repo {
    pub(crate) fn read(table: Option<(&Table, Span)>, diagnostics: &mut Diagnostics) -> Self {
        let mut repo = Self {
            url: None,
            branch: "main".to_owned(),
            written: None,
            identities: vec![(DEFAULT_NAMESPACE.to_owned(), DEFAULT_NAMESPACE.to_owned())],
            provider: None,
            known_hosts: Vec::new(),
            ca_file: None,
            span: Span::BUILT_IN,
        };
        let Some((table, span)) = table else {
            return repo;
        };
        repo.span = span;
        let mut fields = Fields::new(table, "repo", diagnostics);
        repo.url = fields.text("url");
        if let Some(branch) = fields.text("branch") {
            repo.branch = branch.value;
        }
        if let Some(name) = fields.text("name") {
            repo.written = Some(match name.value.split_once('/') {
                Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
                None => (None, name.value),
            });
        }
        if let Some((table, span)) = fields.table("provider") {
            repo.provider = Provider::read(table, span, fields.diagnostics);
        }
        repo.known_hosts = fields.texts("knownHosts").unwrap_or_default();
        repo.ca_file = fields.text("caFile");
        fields.finish([]);
        if let Some(url) = &repo.url {
            check_url(url, diagnostics);
        }
        repo
    }

    /// Namespace and name of the `GitRepository` in a cluster whose Flux is in the namespace `flux`: Flux names both
    /// after that, where `repo.name` does not say otherwise.
    pub(crate) fn in_namespace<'a>(&'a self, flux: &'a str) -> (&'a str, &'a str) {
        match &self.written {
            None => (flux, flux),
            Some((None, name)) => (flux, name),
            Some((Some(namespace), name)) => (namespace, name),
        }
    }

    /// Takes note of the namespaces that Flux has in the clusters.
    pub(crate) fn follow<'a>(&mut self, namespaces: impl Iterator<Item = &'a str>) {
        let mut identities: Vec<(String, String)> = Vec::new();
        for flux in namespaces {
            let (namespace, name) = self.in_namespace(flux);
            let known = |(a, b): &(String, String)| (a.as_str(), b.as_str()) == (namespace, name);
            if !identities.iter().any(known) {
                identities.push((namespace.to_owned(), name.to_owned()));
            }
        }
        if identities.is_empty() {
            let (namespace, name) = self.in_namespace(DEFAULT_NAMESPACE);
            identities.push((namespace.to_owned(), name.to_owned()));
        }
        self.identities = identities;
    }

    /// Whether a `GitRepository` is the repository in one of the clusters.
    pub(crate) fn is_named(&self, namespace: &str, name: &str) -> bool {
        self.identities
            .iter()
            .any(|known| (known.0.as_str(), known.1.as_str()) == (namespace, name))
    }

    /// Namespaces and names that it has in the clusters; never empty.
    pub(crate) fn identities(&self) -> impl Iterator<Item = (&str, &str)> {
        self.identities
            .iter()
            .map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    /// Namespace and name in the first cluster.
    pub(crate) fn identity(&self) -> (&str, &str) {
        self.identities().next().unwrap_or_default()
    }
}

/// The pattern of `GitRepository.spec.url`; a password in it would end up in every cluster's tree.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#url>
fn check_url(url: &Spanned<String>, diagnostics: &mut Diagnostics) {
    let Some((_, rest)) = url
        .value
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https", "ssh"].contains(scheme))
    else {
        diagnostics.push(
            Diagnostic::error("wrong-value", "`repo.url` is no URL that Flux can clone")
                .at(url.span, "")
                .with_help("use `https://…` or `ssh://git@host/owner/repository`"),
        );
        return;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
    {
        diagnostics.push(
            Diagnostic::error("secret-in-url", "`repo.url` holds a password")
                .at(url.span, "")
                .with_help("remove it: the cluster reads credentials from a Secret"),
        );
    }
}

impl Repo {
    /// URL and branch, where the URL is known.
    pub(crate) fn address(&self) -> Option<(&str, &str)> {
        let url = self.url.as_ref()?;
        Some((&url.value, &self.branch))
    }
}

impl Provider {
    fn read(table: &Table, span: Span, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(table, "repo.provider", diagnostics);
        let kind = fields.one_of("kind", PROVIDERS);
        let provider = Self {
            kind: kind.unwrap_or(Spanned::new("github", span)),
            host: fields.text("host"),
            owner: fields.text("owner"),
            repository: fields.text("repository"),
            personal: fields.bool("personal").is_some_and(|value| value.value),
            visibility: fields.one_of("visibility", &["private", "internal", "public"]),
            teams: fields.texts("teams").unwrap_or_default(),
            description: fields.text("description"),
            api_url: fields.text("apiUrl"),
            username: fields.text("username"),
            span,
        };
        fields.finish([]);
        if table.get("kind").is_none() {
            diagnostics.push(
                Diagnostic::error("missing-field", "`repo.provider` needs `kind`")
                    .at(span, "")
                    .with_help("accepted: `github`, `gitlab`, `gitea` and `bitbucket-server`"),
            );
        }
        kind.map(|_| provider)
    }
}

/// Host and path of a repository, however it is reached.
pub(crate) fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let user = host.rfind('@').map_or(0, |at| at + 1);
    let end = rest.len() - path.len() + path.trim_end_matches('/').trim_end_matches(".git").len();
    &rest[user..end]
}
