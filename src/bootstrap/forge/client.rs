//! HTTP to a forge: one request with its token, bounded retries, and errors a user can act on.

use std::time::Duration;

use serde_json::Value;
use ureq::http;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::secret::Secret;
use crate::bootstrap::target::{ForgeKind, Provider};

/// The HTTP methods the forges are called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// How often and how long a request is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tries in all, at least one.
    pub tries: u32,
    /// The pause before the second try; doubled for each one after.
    pub pause: Duration,
    /// The longest wait for a rate limit to end; beyond it the run stops and says when.
    pub rate_limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 4,
            pause: Duration::from_millis(500),
            rate_limit: Duration::from_secs(60),
        }
    }
}

pub(super) struct Client {
    /// The first trusts the authority of `repo.caFile`, if there is one; the last what the machine trusts.
    agents: Vec<ureq::Agent>,
    base: String,
    kind: ForgeKind,
    host: String,
    token: Secret,
    patience: Patience,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

/// What a request is for: the words of its errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// "create the repository"
    pub(super) doing: &'static str,
    /// The scope or right it takes, in the forge's words.
    pub(super) needs: &'static str,
}

/// Why a request brought nothing: the server's answer, or none.
pub(super) enum Fault {
    /// The server said that it failed; a POST may have taken effect all the same.
    Server(Error),
    /// 409, 422 or GitLab's 400: what was to be made may be there already.
    Conflict(Error),
    NotFound(Error),
    Other(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Server(error)
            | Fault::Conflict(error)
            | Fault::NotFound(error)
            | Fault::Other(error) => error,
        }
    }
}

impl Client {
    pub(super) fn new(
        provider: &Provider,
        ca: Option<&str>,
        token: Secret,
        patience: Patience,
    ) -> Result<Self> {
        let base = match &provider.api_url {
            Some(url) => checked_api_url(url)?,
            None => default_api_url(provider.kind, &provider.host),
        };
        let mut roots = Vec::new();
        if let Some(ca) = ca {
            roots.push(certificates(ca)?);
        }
        roots.push(RootCerts::PlatformVerifier);
        Ok(Self {
            agents: roots.into_iter().map(agent).collect(),
            base,
            kind: provider.kind,
            host: provider.host.clone(),
            token,
            patience,
        })
    }

    pub(super) fn get(&self, purpose: Purpose, path: &str) -> std::result::Result<Reply, Fault> {
        self.send(purpose, Method::Get, path, None)
    }

    /// A reply, or `None` where the server knows no such thing.
    pub(super) fn find(&self, purpose: Purpose, path: &str) -> Result<Option<Reply>> {
        match self.get(purpose, path) {
            Ok(reply) => Ok(Some(reply)),
            Err(Fault::NotFound(_)) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Sends the request, and again while the server is overloaded or broken.
    ///
    /// Only what is safe to repeat is repeated: everything but POST, and a POST that was
    /// turned away by a rate limit.
    pub(super) fn send(
        &self,
        purpose: Purpose,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> std::result::Result<Reply, Fault> {
        let mut pause = self.patience.pause;
        let mut tries = 1;
        loop {
            let outcome = self.once(method, path, body);
            let last = tries >= self.patience.tries;
            let wait = match &outcome {
                Ok(reply) if rate_limited(reply) => {
                    let wait = rate_limit_wait(reply).unwrap_or(pause);
                    if last || wait > self.patience.rate_limit {
                        return Err(Fault::Other(self.rate_limit_error(purpose, wait)));
                    }
                    Some(wait)
                }
                Ok(reply) if reply.status >= 500 => Some(pause),
                Ok(_) => None,
                Err(error) => is_passing(error).then_some(pause),
            };
            let repeatable = method != Method::Post || outcome.as_ref().is_ok_and(rate_limited);
            match wait {
                Some(wait) if !last && repeatable => std::thread::sleep(wait),
                _ => {
                    return match outcome {
                        Ok(reply) => self.judge(purpose, reply),
                        Err(error) => Err(Fault::Server(self.unreachable(purpose, &error))),
                    };
                }
            }
            tries += 1;
            pause *= 2;
        }
    }

    /// Makes something with a POST and tells "there already" and "failed half-way" from failure
    /// by looking for it.
    pub(super) fn make<T>(
        &self,
        purpose: Purpose,
        path: &str,
        body: &Value,
        read: impl Fn(&Reply) -> Result<T>,
        find: impl Fn() -> Result<Option<T>>,
    ) -> Result<T> {
        let mut pause = self.patience.pause;
        for attempt in 1.. {
            let error = match self.send(purpose, Method::Post, path, Some(body)) {
                Ok(reply) => return read(&reply),
                Err(Fault::Server(error)) => {
                    std::thread::sleep(pause);
                    if let Some(found) = find()? {
                        return Ok(found);
                    }
                    if attempt < self.patience.tries {
                        pause *= 2;
                        continue;
                    }
                    error
                }
                Err(Fault::Conflict(error)) => match find()? {
                    Some(found) => return Ok(found),
                    None => error,
                },
                Err(fault) => fault.into(),
            };
            return Err(error);
        }
        unreachable!("the loop ends by returning")
    }

    fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> std::result::Result<Reply, ureq::Error> {
        let method = match method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let (name, value) = self.authorization();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(name, value)
            .header("Accept", self.accept());
        if self.kind == ForgeKind::GitHub {
            request = request.header("X-GitHub-Api-Version", "2022-11-28");
        }
        if self.kind == ForgeKind::BitbucketServer {
            // Without it a browser-like POST is refused as a forgery.
            request = request.header("X-Atlassian-Token", "no-check");
        }
        let mut response = match body {
            Some(body) => self.run(
                request
                    .header("Content-Type", "application/json")
                    .body(body.to_string())?,
            )?,
            None => self.run(request.body(())?)?,
        };
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    /// Where the first authorities do not vouch for the server, the next are asked; a connection that
    /// is not trusted has carried nothing.
    fn run<B: ureq::AsSendBody + Clone>(
        &self,
        request: http::Request<B>,
    ) -> std::result::Result<http::Response<ureq::Body>, ureq::Error> {
        let mut agents = self.agents.iter().peekable();
        loop {
            let agent = agents.next().expect("there is always the machine's");
            match agent.run(request.clone()) {
                Err(error) if is_untrusted(&error) && agents.peek().is_some() => {}
                outcome => return outcome,
            }
        }
    }

    /// Sources: <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api>,
    /// <https://docs.gitlab.com/api/rest/authentication/>,
    /// <https://docs.gitea.com/development/api-usage>,
    /// <https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html>
    fn authorization(&self) -> (&'static str, String) {
        let token = self.token.expose();
        match self.kind {
            ForgeKind::GitHub | ForgeKind::BitbucketServer => {
                ("Authorization", format!("Bearer {token}"))
            }
            ForgeKind::GitLab => ("PRIVATE-TOKEN", token.to_owned()),
            ForgeKind::Gitea => ("Authorization", format!("token {token}")),
        }
    }

    fn accept(&self) -> &'static str {
        match self.kind {
            ForgeKind::GitHub => "application/vnd.github+json",
            ForgeKind::GitLab | ForgeKind::Gitea | ForgeKind::BitbucketServer => "application/json",
        }
    }

    fn judge(&self, purpose: Purpose, reply: Reply) -> std::result::Result<Reply, Fault> {
        let Purpose { doing, needs } = purpose;
        let (forge, variable) = (self.kind.as_str(), self.kind.token_variable());
        let said = said(&reply.body);
        let error = |message: String| Error::new(message).note(said.clone().unwrap_or_default());
        Err(match reply.status {
            200..=299 => return Ok(reply),
            300..=399 => Fault::Other(
                error(format!("cannot {doing}: {forge} says it has moved"))
                    .help("set `repo.url` and `[repo.provider]` to its new place"),
            ),
            401 => Fault::Other(
                error(format!("cannot {doing}: {forge} does not accept the token")).help(format!(
                    "set `{variable}` to a token that is valid for `{}`",
                    self.host
                )),
            ),
            403 => Fault::Other(
                error(format!("cannot {doing}: {forge} does not allow it"))
                    .help(format!("give the token in `{variable}` {needs}")),
            ),
            404 => Fault::NotFound(
                error(format!("cannot {doing}: {forge} knows no such place"))
                    .note("a forge also answers so about what the token may not see")
                    .help(format!(
                        "check owner and repository, and give the token in `{variable}` {needs}"
                    )),
            ),
            // GitLab says 400 where others say 409 or 422.
            400 if is_taken(said.as_deref()) => {
                Fault::Conflict(error(format!("cannot {doing}: {forge} has one already")))
            }
            409 | 422 => Fault::Conflict(error(format!(
                "cannot {doing}: {forge} refuses it as it stands ({})",
                reply.status
            ))),
            status @ 500.. => Fault::Server(
                error(format!(
                    "cannot {doing}: {forge} failed with status {status}"
                ))
                .help("run it again later: it goes on where it stopped"),
            ),
            status => Fault::Other(error(format!("cannot {doing}: {forge} answered {status}"))),
        })
    }

    fn rate_limit_error(&self, purpose: Purpose, wait: Duration) -> Error {
        Error::new(format!(
            "cannot {}: {} limits the number of requests",
            purpose.doing,
            self.kind.as_str()
        ))
        .help(format!(
            "run it again in {} seconds: it goes on where it stopped",
            wait.as_secs().max(1)
        ))
    }

    fn unreachable(&self, purpose: Purpose, error: &ureq::Error) -> Error {
        if is_untrusted(error) {
            return Error::new(format!(
                "cannot {}: the certificate of `{}` is not trusted",
                purpose.doing, self.host
            ))
            .note(error.to_string())
            .help(
                "name the file of the authority that signed it in `repo.caFile`, or have this machine trust it",
            );
        }
        Error::new(format!(
            "cannot {}: `{}` cannot be reached",
            purpose.doing, self.host
        ))
        .note(error.to_string())
        .help("check the host in `[repo.provider]`, the network and `HTTPS_PROXY`")
    }
}

/// Redirects are answered by the caller: a forge redirects what was renamed, and the token must not
/// follow to another host.
fn agent(roots: RootCerts) -> ureq::Agent {
    ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .timeout_connect(Some(Duration::from_secs(15)))
        .user_agent(concat!("fluxgen/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// All certificates of a PEM text.
fn certificates(pem: &str) -> Result<RootCerts> {
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => {
                return Err(Error::new("a certificate of `repo.caFile` cannot be read")
                    .note(error.to_string()));
            }
        }
    }
    Ok(RootCerts::new_with_certs(&found))
}

/// Whether the server's certificate is of nobody who is trusted. rustls says so in an error of its
/// own or inside of an I/O error.
fn is_untrusted(error: &ureq::Error) -> bool {
    error.to_string().contains("invalid peer certificate")
}

/// The API's place on a host.
///
/// Sources: <https://docs.github.com/en/enterprise-server/rest/overview>,
/// <https://docs.gitlab.com/api/rest/>, <https://docs.gitea.com/development/api-usage>,
/// <https://developer.atlassian.com/server/bitbucket/rest/>
fn default_api_url(kind: ForgeKind, host: &str) -> String {
    match kind {
        ForgeKind::GitHub if host == "github.com" => "https://api.github.com".to_owned(),
        ForgeKind::GitHub => format!("https://{host}/api/v3"),
        ForgeKind::GitLab => format!("https://{host}/api/v4"),
        ForgeKind::Gitea => format!("https://{host}/api/v1"),
        ForgeKind::BitbucketServer => format!("https://{host}/rest"),
    }
}

/// A token is sent over https only; loopback is the exception.
fn checked_api_url(url: &str) -> Result<String> {
    let wrong = || {
        Error::new(format!("`{url}` is not the https address of an API"))
            .help("write `https://HOST/…`; plain http is for 127.0.0.1 only")
    };
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().unwrap_or_default();
    let is_loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => {}
        Some("http") if is_loopback => {}
        _ => return Err(wrong()),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// 429, or GitHub's 403 with nothing left.
///
/// Source: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
fn rate_limited(reply: &Reply) -> bool {
    reply.status == 429
        || (reply.status == 403
            && (header(reply, "retry-after").is_some()
                || header(reply, "x-ratelimit-remaining") == Some("0")))
}

fn is_taken(said: Option<&str>) -> bool {
    said.is_some_and(|said| said.contains("has already been taken"))
}

/// Seconds from `Retry-After`, or until the moment in `X-RateLimit-Reset` (GitHub) or
/// `RateLimit-Reset` (GitLab), both in seconds since 1970.
fn rate_limit_wait(reply: &Reply) -> Option<Duration> {
    if let Some(seconds) = header(reply, "retry-after").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_secs(seconds));
    }
    let reset: u64 = header(reply, "x-ratelimit-reset")
        .or_else(|| header(reply, "ratelimit-reset"))?
        .parse()
        .ok()?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?
        .as_secs();
    Some(Duration::from_secs(reset.saturating_sub(now)))
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.get(name)?.to_str().ok()
}

fn is_passing(error: &ureq::Error) -> bool {
    !is_untrusted(error)
        && matches!(
            error,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::ConnectionFailed
                | ureq::Error::Protocol(_)
        )
}

/// The server's own words: `message` with `errors` (GitHub, Gitea), `message` as a text, list or
/// map, `error_description` or `error` (GitLab), `errors[].message` (Bitbucket).
fn said(body: &Value) -> Option<String> {
    let mut parts = Vec::new();
    for key in ["message", "error_description", "error", "errors"] {
        gather(&body[key], &mut parts);
    }
    parts.dedup();
    (!parts.is_empty()).then(|| {
        let text = parts.join("; ");
        let text: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
        format!("the server said: {text}")
    })
}

fn gather(value: &Value, parts: &mut Vec<String>) {
    match value {
        Value::String(text) => parts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|item| gather(item, parts)),
        Value::Object(map) => match map.get("message") {
            Some(message) => gather(message, parts),
            None => {
                for (key, value) in map {
                    let mut inner = Vec::new();
                    gather(value, &mut inner);
                    parts.extend(inner.into_iter().map(|text| format!("{key} {text}")));
                }
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Writes a text as one segment of a path or one value of a query (RFC 3986, section 2.3).
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The reply's text under a key, for values that a documented reply always has.
pub(super) fn text(value: &Value, key: &str) -> Result<String> {
    match &value[key] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Error::new(format!("the forge's reply has no `{key}`"))
            .help("check `[repo.provider]`: is it the right kind of forge?")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_api_is_where_each_forge_has_it() {
        for (kind, host, url) in [
            (ForgeKind::GitHub, "github.com", "https://api.github.com"),
            (
                ForgeKind::GitHub,
                "ghe.acme.example",
                "https://ghe.acme.example/api/v3",
            ),
            (ForgeKind::GitLab, "gitlab.com", "https://gitlab.com/api/v4"),
            (
                ForgeKind::Gitea,
                "codeberg.org",
                "https://codeberg.org/api/v1",
            ),
            (
                ForgeKind::BitbucketServer,
                "git.acme.example",
                "https://git.acme.example/rest",
            ),
        ] {
            assert_eq!(default_api_url(kind, host), url);
        }
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear_beyond_loopback() {
        for url in [
            "http://github.com",
            "ftp://x",
            "github.com",
            "http://127.0.0.1.evil.example/",
        ] {
            assert!(checked_api_url(url).is_err(), "{url}");
        }
        assert_eq!(
            checked_api_url("http://127.0.0.1:81/").unwrap(),
            "http://127.0.0.1:81"
        );
        assert!(checked_api_url("http://[::1]:81").is_ok());
    }

    #[test]
    fn the_words_of_every_forge_are_found() {
        for (body, words) in [
            (
                json!({"message": "Validation Failed", "errors": [{"message": "key is already in use"}]}),
                "Validation Failed; key is already in use",
            ),
            (
                json!({"message": {"path": ["has already been taken"]}}),
                "path has already been taken",
            ),
            (
                json!({"error": "insufficient_scope", "error_description": "needs api"}),
                "needs api; insufficient_scope",
            ),
            (
                json!({"errors": [{"context": null, "message": "no such project"}]}),
                "no such project",
            ),
        ] {
            assert_eq!(said(&body).unwrap(), format!("the server said: {words}"));
        }
        assert_eq!(said(&Value::Null), None);
    }

    #[test]
    fn a_group_path_is_one_segment() {
        assert_eq!(encoded("acme/infra team/é"), "acme%2Finfra%20team%2F%C3%A9");
    }
}
