//! Fetches a release: https only, redirects too, with a limit of time and size.

use std::fmt;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

use crate::install::InstallError;
use crate::redirect::join;

/// How to fetch. Proxies come from the environment: `ALL_PROXY`, `HTTPS_PROXY`, `NO_PROXY`.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// For the whole of a download, redirects included.
    pub time_limit: Duration,
    /// The most bytes that are taken.
    pub size_limit: u64,
    /// Lets this machine itself serve without a certificate, and redirect to itself.
    pub loopback_http: bool,
    /// Who is told how it goes.
    pub watch: Option<Arc<dyn Watch>>,
}

/// Is told how a download goes, by the thread that does it.
pub trait Watch: fmt::Debug + Send + Sync {
    fn begin(&self, url: &str);
    /// How many bytes are there, and how many there will be if the server says so.
    fn received(&self, bytes: u64, of: Option<u64>);
    /// Whether it succeeded or failed.
    fn end(&self);
}

/// Ends what was begun, on every way out.
struct Watched<'a>(Option<&'a dyn Watch>);

impl<'a> Watched<'a> {
    fn begin(watch: Option<&'a dyn Watch>, url: &str) -> Self {
        if let Some(watch) = watch {
            watch.begin(url);
        }
        Self(watch)
    }

    fn received(&self, bytes: u64, of: Option<u64>) {
        if let Some(watch) = self.0 {
            watch.received(bytes, of);
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.0 {
            watch.end();
        }
    }
}

/// As much is read before the watcher is told.
const PIECE: usize = 16 * 1024;

const REDIRECTS: usize = 5;

impl Default for Fetch {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(120),
            size_limit: super::LIMITS.packed,
            loopback_http: false,
            watch: None,
        }
    }
}

impl Fetch {
    /// The bytes at an address.
    pub fn get(&self, url: &str) -> Result<Vec<u8>, InstallError> {
        let failed = |reason: String| InstallError::Download {
            url: url.to_owned(),
            reason,
        };
        let mut target: Uri = url.parse().map_err(|error| failed(format!("{error}")))?;
        if !self.allows(&target) {
            return Err(InstallError::NotHttps {
                url: url.to_owned(),
            });
        }
        let begin = std::time::Instant::now();
        let watched = Watched::begin(self.watch.as_deref(), url);
        for _ in 0..=REDIRECTS {
            let left = self.time_limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(failed(format!(
                    "it takes more than {} s",
                    self.time_limit.as_secs()
                )));
            }
            let mut response = self
                .agent(&target, left)
                .get(target.clone())
                .call()
                .map_err(|error| failed(self.wording(&error)))?;
            let status = response.status();
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                let location = response
                    .headers()
                    .get("location")
                    .and_then(|value| value.to_str().ok());
                let location =
                    location.ok_or_else(|| failed("a redirect without a target".to_owned()))?;
                let next = join(&target, location)
                    .ok_or_else(|| failed(format!("a redirect to `{location}`")))?;
                if !self.allows(&next) {
                    return Err(InstallError::InsecureRedirect {
                        url: url.to_owned(),
                        target: next.to_string(),
                    });
                }
                target = next;
                continue;
            }
            if !status.is_success() {
                return Err(InstallError::Status {
                    url: url.to_owned(),
                    status: status.as_u16(),
                });
            }
            let announced = response.body().content_length();
            let too_large = || InstallError::DownloadTooLarge {
                url: url.to_owned(),
                limit: self.size_limit,
            };
            if announced.is_some_and(|size| size > self.size_limit) {
                return Err(too_large());
            }
            let mut bytes = Vec::new();
            let mut piece = [0; PIECE];
            let mut body = response.body_mut().as_reader().take(self.size_limit + 1);
            watched.received(0, announced);
            loop {
                let read = body
                    .read(&mut piece)
                    .map_err(|error| failed(error.to_string()))?;
                if read == 0 {
                    break;
                }
                bytes.extend_from_slice(&piece[..read]);
                watched.received(bytes.len() as u64, announced);
            }
            if bytes.len() as u64 > self.size_limit {
                return Err(too_large());
            }
            if announced.is_some_and(|size| size != bytes.len() as u64) {
                return Err(failed("it ends too early".to_owned()));
            }
            return Ok(bytes);
        }
        Err(InstallError::TooManyRedirects {
            url: url.to_owned(),
            limit: REDIRECTS,
        })
    }

    fn agent(&self, target: &Uri, time_left: Duration) -> ureq::Agent {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent("fluxgen")
            .timeout_global(Some(time_left))
            .timeout_connect(Some(time_left.min(Duration::from_secs(20))));
        if is_loopback(target) {
            config = config.proxy(None);
        }
        config.build().new_agent()
    }

    fn allows(&self, target: &Uri) -> bool {
        match target.scheme_str() {
            Some("https") => true,
            Some("http") => self.loopback_http && is_loopback(target),
            _ => false,
        }
    }

    fn wording(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => {
                format!("it takes more than {} s", self.time_limit.as_secs())
            }
            other => other.to_string(),
        }
    }
}

/// Whether an address is http on this machine: a mirror through a tunnel, say.
pub(crate) fn is_loopback_http(url: &str) -> bool {
    let target: Option<Uri> = url.parse().ok();
    target.is_some_and(|target| target.scheme_str() == Some("http") && is_loopback(&target))
}

fn is_loopback(target: &Uri) -> bool {
    let host = target.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_fetched_unless_a_test_serves_on_this_machine() {
        let allows = |fetch: &Fetch, url: &str| fetch.allows(&url.parse().unwrap());
        let strict = Fetch::default();
        let local = Fetch {
            loopback_http: true,
            ..Fetch::default()
        };
        assert!(allows(&strict, "https://x.example/"));
        for url in [
            "http://x.example/",
            "http://127.0.0.1:1/",
            "ftp://x.example/",
            "/x",
        ] {
            assert!(!allows(&strict, url), "{url}");
        }
        assert!(allows(&local, "http://127.0.0.1:1/") && allows(&local, "http://[::1]:1/"));
        assert!(!allows(&local, "http://127.0.0.1.x.example/"));
        assert!(matches!(
            strict.get("http://127.0.0.1:1/"),
            Err(InstallError::NotHttps { .. })
        ));
    }
}
