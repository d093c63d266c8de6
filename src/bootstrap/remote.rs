//! The address of a git repository, taken apart.

use std::fmt;

use super::error::{Error, Result};

/// A remote as git takes it: a URL, git's `user@host:path`, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    text: String,
    pub scheme: Scheme,
    pub user: Option<String>,
    /// Empty for a folder.
    pub host: String,
    pub port: Option<u16>,
    /// Without the slash in front and without `.git` at the end.
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Https,
    Http,
    Ssh,
    File,
}

impl Remote {
    /// Reads an address the way git does.
    ///
    /// A password in it is refused: the address ends up in files, in argument lists and in output.
    ///
    /// Source: <https://git-scm.com/docs/git-clone#_git_urls>
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(format!(
                "`{}` is not the address of a git repository: {why}",
                hidden(text)
            ))
            .help("write `ssh://git@HOST/OWNER/REPOSITORY` or `https://HOST/OWNER/REPOSITORY`")
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.starts_with('-') || text.contains(|c: char| c.is_control() || c == ' ') {
            return Err(wrong(
                "it holds a space, a control character or a leading `-`",
            ));
        }
        // `ext::command` would have git run the command.
        if text.contains("::") && !text.contains('[') {
            return Err(wrong("remote helpers are not run"));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("ssh", rest)) => (Scheme::Ssh, rest),
            Some(("file", rest)) => return Ok(Self::folder(text, rest)),
            Some((other, _)) => return Err(wrong(&format!("`{other}` is not https, ssh or file"))),
            None => {
                return match text.split_once(':') {
                    Some((host, path)) if !host.contains('/') && !host.is_empty() => {
                        Self::of_scp(text, host, path)
                    }
                    _ => Ok(Self::folder(text, text)),
                };
            }
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(Error::new(format!("`{}` holds a password", hidden(text)))
                .note("the address is written to files and shown in output")
                .help("take it out and give the token in the environment"));
        }
        let (host, port) = split_port(host_port).ok_or_else(|| wrong("its port is no number"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        if path.trim_matches('/').is_empty() {
            return Err(wrong("it names no repository"));
        }
        Ok(Self {
            text: text.to_owned(),
            scheme,
            user: user.filter(|user| !user.is_empty()).map(str::to_owned),
            host: host.to_ascii_lowercase(),
            port,
            path: bare(path),
        })
    }

    fn of_scp(text: &str, host: &str, path: &str) -> Result<Self> {
        let (user, host) = match host.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, host),
        };
        Ok(Self {
            text: text.to_owned(),
            scheme: Scheme::Ssh,
            user,
            host: host.to_ascii_lowercase(),
            port: None,
            path: bare(path),
        })
    }

    fn folder(text: &str, path: &str) -> Self {
        Self {
            text: text.to_owned(),
            scheme: Scheme::File,
            user: None,
            host: String::new(),
            port: None,
            path: path.to_owned(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `host`, or `[host]:port` as a known_hosts file names another port than 22.
    ///
    /// Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT
    pub(crate) fn known_hosts_name(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.host),
            _ => self.host.clone(),
        }
    }

    /// Everything before the last slash, and what follows it.
    pub fn owner_and_name(&self) -> Option<(&str, &str)> {
        let (owner, name) = self.path.rsplit_once('/')?;
        (!owner.is_empty() && !name.is_empty()).then_some((owner, name))
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

fn bare(path: &str) -> String {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

/// The address with what stands before the `@` taken out.
fn hidden(text: &str) -> String {
    match (text.split_once("://"), text.rfind('@')) {
        (Some((scheme, rest)), Some(_)) if rest.contains(':') => {
            let after = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
            format!("{scheme}://***@{after}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_as_git_does() {
        for (text, scheme, host, port, path) in [
            (
                "https://github.com/acme/fleet.git",
                Scheme::Https,
                "github.com",
                None,
                "acme/fleet",
            ),
            (
                "ssh://git@GitHub.com/acme/fleet",
                Scheme::Ssh,
                "github.com",
                None,
                "acme/fleet",
            ),
            (
                "ssh://git@h:2222/a/b/c",
                Scheme::Ssh,
                "h",
                Some(2222),
                "a/b/c",
            ),
            (
                "git@github.com:acme/fleet.git",
                Scheme::Ssh,
                "github.com",
                None,
                "acme/fleet",
            ),
            (
                "https://[::1]:8443/a/b",
                Scheme::Https,
                "::1",
                Some(8443),
                "a/b",
            ),
            (
                "/srv/git/fleet.git",
                Scheme::File,
                "",
                None,
                "/srv/git/fleet.git",
            ),
            ("file:///srv/fleet", Scheme::File, "", None, "/srv/fleet"),
        ] {
            let remote = Remote::parse(text).unwrap();
            assert_eq!(
                (
                    remote.scheme,
                    remote.host.as_str(),
                    remote.port,
                    remote.path.as_str()
                ),
                (scheme, host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_without_being_repeated() {
        let error = Remote::parse("https://me:hunter22@github.com/acme/fleet").unwrap_err();
        assert_eq!(
            error.message,
            "`https://***@github.com/acme/fleet` holds a password"
        );
    }

    #[test]
    fn what_git_could_take_for_an_option_or_a_helper_is_refused() {
        for text in [
            "",
            "--upload-pack=x",
            "ext::sh",
            "gopher://x/y",
            "https://",
            "https://h",
            "ssh://h:x/a",
            "https://h/a\nb",
        ] {
            assert!(Remote::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_port_is_named_as_known_hosts_names_it() {
        let remote = Remote::parse("ssh://git@h:2222/a/b").unwrap();
        assert_eq!(remote.known_hosts_name(), "[h]:2222");
    }
}
