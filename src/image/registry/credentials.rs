//! Credentials from docker's config file and its helpers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How to log in to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        username: String,
        password: String,
    },
    /// Exchanged for an access token.
    IdentityToken(String),
    /// Sent as it is.
    RegistryToken(String),
}

/// Docker's `config.json`, or nothing.
#[derive(Debug, Clone, Default)]
pub struct DockerConfig {
    content: Value,
}

/// Without the secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password",
            Self::IdentityToken(_) => "IdentityToken",
            Self::RegistryToken(_) => "RegistryToken",
        })
    }
}

impl DockerConfig {
    /// Where docker looks: `config.json` in `DOCKER_CONFIG`, else in `.docker` of the home directory.
    pub fn default_path() -> Option<PathBuf> {
        let folder = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => std::env::home_dir()?.join(".docker"),
        };
        Some(folder.join("config.json"))
    }

    /// Reads a config file; one that is not there holds nothing.
    pub fn read(path: &Path) -> Result<Self, String> {
        const LARGEST: u64 = 1 << 20;
        let metadata = match fs_err::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error.to_string()),
        };
        if metadata.len() > LARGEST {
            return Err(format!("`{}` is larger than 1 MiB", path.display()));
        }
        let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text).map_err(|error| format!("`{}`: {error}", path.display()))
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let content = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { content })
    }

    /// The credentials for a host: of its own helper, else of the file, else of the file's credential store.
    pub fn find(&self, host: &str, limit: Duration) -> Result<Option<Credentials>, String> {
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let helpers = self.content["credHelpers"]
            .as_object()
            .into_iter()
            .flatten();
        if let Some((key, helper)) = helpers.into_iter().find(|(key, _)| is_of(key, host))
            && let Some(helper) = text(helper)
        {
            return ask_helper(&helper, key, limit);
        }
        let entries = self.content["auths"].as_object().into_iter().flatten();
        for (_, entry) in entries.into_iter().filter(|(key, _)| is_of(key, host)) {
            if let Some(credentials) = of_entry(entry)? {
                return Ok(Some(credentials));
            }
        }
        match text(&self.content["credsStore"]) {
            Some(helper) => ask_helper(&helper, server_name(host), limit),
            None => Ok(None),
        }
    }
}

/// Docker Hub's entry has an address of its own.
fn server_name(host: &str) -> &str {
    match host {
        "index.docker.io" => "https://index.docker.io/v1/",
        host => host,
    }
}

/// Whether an entry's key, a host or an address, is of a host.
fn is_of(key: &str, host: &str) -> bool {
    let key = key
        .strip_prefix("https://")
        .or(key.strip_prefix("http://"))
        .unwrap_or(key);
    let key_host = key.split('/').next().unwrap_or_default();
    key_host == host || key_host == "docker.io" && host == "index.docker.io"
}

fn of_entry(entry: &Value) -> Result<Option<Credentials>, String> {
    let text = |key: &str| {
        entry[key]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credentials::IdentityToken(token)));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Credentials::RegistryToken(token)));
    }
    if let (Some(username), Some(password)) = (text("username"), text("password")) {
        return Ok(Some(Credentials::Password { username, password }));
    }
    let Some(auth) = text("auth") else {
        return Ok(None);
    };
    let decoded = STANDARD
        .decode(auth.trim_end_matches('\0'))
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded
        .as_deref()
        .and_then(|decoded| decoded.trim_end_matches('\0').split_once(':'))
    {
        Some((username, password)) => Ok(Some(Credentials::Password {
            username: username.to_owned(),
            password: password.to_owned(),
        })),
        None => Err("an `auth` of the docker config file is not base64 of `user:password`".into()),
    }
}

/// Asks `docker-credential-NAME`, which docker's own programs install.
///
/// Source: <https://github.com/docker/docker-credential-helpers>
fn ask_helper(name: &str, server: &str, limit: Duration) -> Result<Option<Credentials>, String> {
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Err(format!("`{name}` is no name of a credential helper"));
    }
    let program = format!("docker-credential-{name}");
    let started = Instant::now();
    let failed = |error: std::io::Error| format!("`{program}`: {error}");
    let mut helper = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = helper.stdin.take() {
        // A helper that does not read its input says what is wrong by its status.
        input.write_all(server.as_bytes()).ok();
    }
    let output = helper.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let limited = output.map(|output| std::io::Read::take(output, 1 << 16));
        limited.map(|mut output| std::io::Read::read_to_string(&mut output, &mut text));
        text
    });
    let status = loop {
        if let Some(status) = helper.try_wait().map_err(failed)? {
            break status;
        }
        if started.elapsed() > limit {
            helper.kill().ok();
            helper.wait().ok();
            return Err(format!("`{program}` did not answer in time"));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let answer = reader.join().unwrap_or_default();
    if !status.success() {
        // Helpers say on standard output that they know nothing of the server.
        return match answer.contains("credentials not found") {
            true => Ok(None),
            false => Err(format!("`{program}` failed: {}", answer.trim())),
        };
    }
    let answer: Value =
        serde_json::from_str(&answer).map_err(|error| format!("`{program}`: {error}"))?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    Ok(match (text("Username"), text("Secret")) {
        (_, secret) if secret.is_empty() => None,
        (username, secret) if username == "<token>" => Some(Credentials::IdentityToken(secret)),
        (username, password) => Some(Credentials::Password { username, password }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn find(config: &str, host: &str) -> Result<Option<Credentials>, String> {
        DockerConfig::parse(config)
            .expect("a config")
            .find(host, LIMIT)
    }

    fn password(username: &str, password: &str) -> Credentials {
        Credentials::Password {
            username: username.into(),
            password: password.into(),
        }
    }

    #[test]
    fn credentials_are_found_by_host_however_the_key_is_written() {
        // `bWU6cDp3` is `me:p:w`.
        for (key, host) in [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("https://ghcr.io/v2/", "ghcr.io"),
            ("https://index.docker.io/v1/", "index.docker.io"),
            ("docker.io", "index.docker.io"),
            ("localhost:5000", "localhost:5000"),
        ] {
            let config =
                format!(r#"{{"auths": {{"other.io": {{}}, "{key}": {{"auth": "bWU6cDp3"}}}}}}"#);
            assert_eq!(
                find(&config, host),
                Ok(Some(password("me", "p:w"))),
                "{key}"
            );
        }
        assert_eq!(
            find(r#"{"auths": {"ghcr.io": {"auth": "bWU6cDp3"}}}"#, "quay.io"),
            Ok(None)
        );
        assert_eq!(find("{}", "ghcr.io"), Ok(None));
    }

    #[test]
    fn tokens_and_broken_entries_are_told_apart() {
        let entry = |entry: &str| find(&format!(r#"{{"auths": {{"a.io": {entry}}}}}"#), "a.io");
        assert_eq!(
            entry(r#"{"identitytoken": "t", "auth": "x"}"#),
            Ok(Some(Credentials::IdentityToken("t".into())))
        );
        assert_eq!(
            entry(r#"{"username": "u", "password": "p"}"#),
            Ok(Some(password("u", "p")))
        );
        assert_eq!(entry("{}"), Ok(None));
        assert!(entry(r#"{"auth": "no base64"}"#).is_err());
        assert!(find(r#"{"credHelpers": {"a.io": "../../bin/sh"}}"#, "a.io").is_err());
        assert!(DockerConfig::parse("not json").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", password("u", "secret")), "Password");
    }
}
