//! The tags of a real repository, by the OCI distribution API. The one place that reads the network.
//!
//! Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags>

mod challenge;
mod credentials;
mod error;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, Uri, header};

use crate::go::regexp::{Regexp, RegexpError};
use crate::redirect::{join, stays};

use super::reference::Repository;
use challenge::Challenge;
pub use credentials::{Credentials, DockerConfig};
pub use error::{RegistryError, RegistryFault};

/// How a registry is asked.
#[derive(Debug, Clone)]
pub struct Access {
    /// Plain HTTP is tried where TLS fails, as ImageRepository's `insecure` says.
    pub insecure: bool,
    /// For the whole listing; ImageRepository's `timeout`, a minute by default.
    pub limit: Duration,
    pub credentials: DockerConfig,
}

/// A listing may be no larger than this; real ones have tens of thousands of tags.
const MAX_TAGS: usize = 1_000_000;
const MAX_PAGES: usize = 10_000;
const MAX_REDIRECTS: usize = 5;
const MAX_BODY: u64 = 16 << 20;
const PAGE_SIZE: usize = 1000;

/// Lists the tags of a repository, in the registry's order.
///
/// The credentials are sent to the repository's host and to the token server that it names, if that
/// is reached by TLS or the registry itself is not; pages on another host are refused.
pub fn list_tags(repository: &Repository, access: &Access) -> Result<Vec<String>, RegistryError> {
    let deadline = Instant::now() + access.limit;
    let may_be_plain = access.insecure || repository.is_local();
    let mut session = Session::new(repository, access, deadline, "https");
    match session.list() {
        Err(RegistryError {
            fault: RegistryFault::Unreachable(_),
            ..
        }) if may_be_plain => Session::new(repository, access, deadline, "http").list(),
        result => result,
    }
}

/// The tags that are left after an ImageRepository's `exclusionList`.
///
/// The patterns are Go's and match anywhere in a tag; without a list Flux excludes `^.*\.sig$`, the
/// signatures of cosign.
pub fn exclude(
    tags: Vec<String>,
    patterns: &[String],
) -> Result<Vec<String>, (String, RegexpError)> {
    let mut compiled = Vec::new();
    for pattern in patterns {
        compiled.push(Regexp::compile(pattern).map_err(|error| (pattern.clone(), error))?);
    }
    let is_kept = |tag: &String| !compiled.iter().any(|regexp| regexp.is_match(tag));
    Ok(tags.into_iter().filter(is_kept).collect())
}

struct Session<'a> {
    repository: &'a Repository,
    access: &'a Access,
    deadline: Instant,
    scheme: &'static str,
    agent: Agent,
    /// The `Authorization` that the registry accepted.
    authorization: Option<String>,
    has_credentials: bool,
}

type Answer = Response<ureq::Body>;

impl<'a> Session<'a> {
    fn new(
        repository: &'a Repository,
        access: &'a Access,
        deadline: Instant,
        scheme: &'static str,
    ) -> Self {
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .user_agent(concat!("fluxgen/", env!("CARGO_PKG_VERSION")));
        // A proxy of the environment is not for this machine's own registry.
        let config = if repository.is_local() {
            config.proxy(None)
        } else {
            config
        };
        Self {
            repository,
            access,
            deadline,
            scheme,
            agent: config.build().new_agent(),
            authorization: None,
            has_credentials: false,
        }
    }

    fn error(&self, fault: RegistryFault) -> RegistryError {
        RegistryError {
            host: self.repository.host.clone(),
            fault,
        }
    }

    fn answer_error(&self, reason: impl Into<String>) -> RegistryError {
        self.error(RegistryFault::Answer(reason.into()))
    }

    /// What is left of the time limit.
    fn remaining(&self) -> Result<Duration, RegistryError> {
        match self.deadline.checked_duration_since(Instant::now()) {
            Some(remaining) if !remaining.is_zero() => Ok(remaining),
            _ => Err(self.error(RegistryFault::TooSlow(self.access.limit))),
        }
    }

    fn transport_error(&self, error: &ureq::Error) -> RegistryError {
        self.error(match error {
            ureq::Error::Timeout(_) => RegistryFault::TooSlow(self.access.limit),
            ureq::Error::BodyExceedsLimit(limit) => {
                RegistryFault::Answer(format!("more than {limit} bytes"))
            }
            ureq::Error::TooManyRedirects | ureq::Error::Protocol(_) => {
                RegistryFault::Answer(error.to_string())
            }
            error => RegistryFault::Unreachable(error.to_string()),
        })
    }

    fn list(&mut self) -> Result<Vec<String>, RegistryError> {
        let base = format!("{}://{}", self.scheme, self.repository.host);
        let mut address = format!("{base}/v2/{}/tags/list?n={PAGE_SIZE}", self.repository.path);
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let mut answer = self.get_authorized(&address)?;
            let next = answer
                .headers()
                .get(header::LINK)
                .and_then(|link| link.to_str().ok())
                .and_then(next_page);
            let next = next.map(str::to_owned);
            let page = self.json(&mut answer)?;
            // A repository whose tags were all deleted has null here.
            match &page["tags"] {
                Value::Null => {}
                Value::Array(page) => {
                    for tag in page {
                        let Some(tag) = tag.as_str() else {
                            return Err(self.answer_error("a tag is not a text"));
                        };
                        tags.push(tag.to_owned());
                    }
                }
                _ => return Err(self.answer_error("`tags` is not a list")),
            }
            if tags.len() > MAX_TAGS {
                return Err(self.answer_error(format!("more than {MAX_TAGS} tags")));
            }
            let Some(next) = next else { return Ok(tags) };
            let following = self.resolve(&base, &address, &next)?;
            if following == address {
                return Err(self.answer_error("a page links to itself"));
            }
            address = following;
        }
        Err(self.answer_error(format!("more than {MAX_PAGES} pages")))
    }

    /// The address of the next page, which must be on the same host.
    fn resolve(&self, base: &str, address: &str, link: &str) -> Result<String, RegistryError> {
        let path = match link.strip_prefix(base) {
            Some(path) => path,
            None if link.contains("://") || link.starts_with("//") => {
                return Err(
                    self.answer_error(format!("the next page is on another host: `{link}`"))
                );
            }
            None => link,
        };
        Ok(match path {
            path if path.starts_with('/') => format!("{base}{path}"),
            path if path.starts_with('?') => {
                format!("{}{path}", address.split('?').next().unwrap_or_default())
            }
            path => format!("{base}/v2/{}/tags/{path}", self.repository.path),
        })
    }

    fn get(&self, address: &str, authorization: Option<&str>) -> Result<Answer, RegistryError> {
        self.follow(address, |address, _| {
            let mut request = self
                .agent
                .get(address)
                .header(header::ACCEPT, "application/json")
                .config()
                .timeout_global(Some(self.remaining()?))
                .build();
            if let Some(authorization) = authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            request.call().map_err(|error| self.transport_error(&error))
        })
    }

    /// Sends a request, and again to where it is redirected: on the same host, and never from TLS to plain HTTP.
    /// `send` gets the address, and whether it is one that a redirect names.
    fn follow(
        &self,
        address: &str,
        send: impl Fn(&str, bool) -> Result<Answer, RegistryError>,
    ) -> Result<Answer, RegistryError> {
        let unusable = || self.answer_error(format!("the address `{address}` cannot be used"));
        let mut target: Uri = address.parse().map_err(|_| unusable())?;
        let mut answer = send(address, false)?;
        for _ in 0..MAX_REDIRECTS {
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers().get(header::LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            let Some(location) = location else {
                return Err(self.answer_error("a redirect without a target"));
            };
            let next = join(&target, location).filter(|next| stays(&target, next));
            let Some(next) = next else {
                return Err(self.answer_error(format!(
                    "it redirects to another host or away from TLS: `{location}`"
                )));
            };
            answer = send(&next.to_string(), true)?;
            target = next;
        }
        Err(self.answer_error(format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Gets a page, and answers a challenge for credentials once.
    fn get_authorized(&mut self, address: &str) -> Result<Answer, RegistryError> {
        let answer = self.get(address, self.authorization.as_deref())?;
        if answer.status() != 401 {
            return self.sound(answer);
        }
        let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let challenge = challenges
            .filter_map(|value| value.to_str().ok())
            .find_map(Challenge::parse);
        self.authorization = self.authorize(challenge)?;
        let answer = self.get(address, self.authorization.as_deref())?;
        self.sound(answer)
    }

    fn sound(&self, answer: Answer) -> Result<Answer, RegistryError> {
        let with_credentials = self.has_credentials;
        Err(self.error(match answer.status().as_u16() {
            200 => return Ok(answer),
            401 | 403 => RegistryFault::Unauthorized { with_credentials },
            404 => RegistryFault::NotFound(self.repository.path.clone()),
            429 => RegistryFault::TooManyRequests,
            status => RegistryFault::Status(status),
        }))
    }

    fn authorize(&mut self, challenge: Option<Challenge>) -> Result<Option<String>, RegistryError> {
        let credentials = self
            .access
            .credentials
            .find(&self.repository.host, self.remaining()?);
        let credentials =
            credentials.map_err(|reason| self.error(RegistryFault::Credentials(reason)))?;
        self.has_credentials = credentials.is_some();
        let basic = |username: &str, password: &str| {
            format!(
                "Basic {}",
                STANDARD.encode(format!("{username}:{password}"))
            )
        };
        match (challenge, credentials) {
            (_, Some(Credentials::RegistryToken(token))) => Ok(Some(format!("Bearer {token}"))),
            (Some(Challenge::Basic), Some(Credentials::Password { username, password })) => {
                Ok(Some(basic(&username, &password)))
            }
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope,
                }),
                credentials,
            ) => {
                let is_tls = realm.starts_with("https://");
                let is_plain_as_the_registry =
                    self.scheme == "http" && realm.starts_with("http://");
                if !is_tls && !is_plain_as_the_registry {
                    return Err(self.answer_error(format!(
                        "its token server `{realm}` is not reached by TLS"
                    )));
                }
                let pull = format!("repository:{}:pull", self.repository.path);
                let scope = scope.unwrap_or(pull);
                self.token(&realm, service.as_deref(), &scope, credentials)
                    .map(|token| Some(format!("Bearer {token}")))
            }
            (Some(Challenge::Basic), _) | (None, _) => {
                let with_credentials = self.has_credentials;
                Err(self.error(RegistryFault::Unauthorized { with_credentials }))
            }
        }
    }

    /// Gets an access token from a token server.
    ///
    /// Source: <https://distribution.github.io/distribution/spec/auth/token/>
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        credentials: Option<Credentials>,
    ) -> Result<String, RegistryError> {
        let mut parameters = vec![("scope", scope)];
        parameters.extend(service.map(|service| ("service", service)));
        let answer = match credentials {
            Some(Credentials::IdentityToken(token)) => {
                parameters.extend([
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &token),
                    ("client_id", "fluxgen"),
                ]);
                self.follow(realm, |address, _| {
                    let request = self
                        .agent
                        .post(address)
                        .config()
                        .timeout_global(Some(self.remaining()?))
                        .build();
                    request
                        .send_form(parameters.iter().copied())
                        .map_err(|error| self.transport_error(&error))
                })?
            }
            credentials => self.follow(realm, |address, is_redirected| {
                let mut request = self
                    .agent
                    .get(address)
                    .config()
                    .timeout_global(Some(self.remaining()?))
                    .build();
                // A redirect names them itself.
                for (name, value) in parameters.iter().filter(|_| !is_redirected) {
                    request = request.query(*name, *value);
                }
                if let Some(Credentials::Password { username, password }) = &credentials {
                    let encoded = STANDARD.encode(format!("{username}:{password}"));
                    request = request.header(header::AUTHORIZATION, format!("Basic {encoded}"));
                }
                request.call().map_err(|error| self.transport_error(&error))
            })?,
        };
        let mut answer = match answer.status().as_u16() {
            400 | 404 => {
                let with_credentials = self.has_credentials;
                return Err(self.error(RegistryFault::Unauthorized { with_credentials }));
            }
            _ => self.sound(answer)?,
        };
        let answer = self.json(&mut answer)?;
        let token = ["token", "access_token"]
            .into_iter()
            .find_map(|key| answer[key].as_str());
        match token
            .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            Some(token) => Ok(token.to_owned()),
            None => Err(self.answer_error("its token server gave no token")),
        }
    }

    fn json(&self, answer: &mut Answer) -> Result<Value, RegistryError> {
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_vec();
        let body = body.map_err(|error| self.transport_error(&error))?;
        serde_json::from_slice(&body).map_err(|_| self.answer_error("not JSON"))
    }
}

/// The target of a `Link` header's relation `next`.
fn next_page(link: &str) -> Option<&str> {
    let mut rest = link;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let parameter = parameter.trim();
            let value = parameter
                .strip_prefix("rel=")
                .map(|value| value.trim_matches('"'));
            value.is_some_and(|value| value.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_off_a_link_header() {
        for (link, next) in [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            ("<https://a.io/x>; rel=next", Some("https://a.io/x")),
            (
                r#"</first>; rel="first", </second>; rel="next""#,
                Some("/second"),
            ),
            (r#"</first>; rel="prev""#, None),
            ("</broken; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_page(link), next, "{link}");
        }
    }

    #[test]
    fn excluded_tags_are_left_out_by_gos_patterns() {
        let tags: Vec<String> = ["1.0.0", "sha256-00.sig", "1.0.0-arm"]
            .map(str::to_owned)
            .into();
        let kept = exclude(tags.clone(), &[r"^.*\.sig$".into(), "arm".into()]).expect("patterns");
        assert_eq!(kept, ["1.0.0"]);
        let (pattern, _) = exclude(tags, &["(".into()]).expect_err("no pattern");
        assert_eq!(pattern, "(");
    }
}
