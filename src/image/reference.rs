//! The name of an image repository: a registry's host and a path on it.

use std::fmt;
use std::net::IpAddr;

/// An image without tag or digest, as ImageRepository's `image` holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The host, with a port where it has one; Docker Hub's is `index.docker.io`.
    pub host: String,
    /// The path on the host; Docker Hub's official images are under `library/`.
    pub path: String,
}

/// Why a text names no image repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    Empty,
    Scheme(String),
    Tag(String),
    Digest,
    Host(String),
    Path(String),
}

impl ReferenceError {
    pub fn help(&self) -> String {
        match self {
            Self::Empty | Self::Path(_) | Self::Host(_) => "write `ghcr.io/owner/name`".into(),
            Self::Scheme(scheme) => format!("remove `{scheme}://`"),
            Self::Tag(tag) => format!("remove `:{tag}`: the policy selects the tag"),
            Self::Digest => "remove what follows `@`".into(),
        }
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the image is empty"),
            Self::Scheme(scheme) => write!(f, "the image starts with the scheme `{scheme}://`"),
            Self::Tag(tag) => write!(f, "the image holds the tag `{tag}`"),
            Self::Digest => f.write_str("the image holds a digest"),
            Self::Host(host) => write!(f, "`{host}` is no host of a registry"),
            Self::Path(path) => write!(
                f,
                "`{path}` is no path of an image: lower case, digits, and `.`, `_`, `-`, `/` between them"
            ),
        }
    }
}

impl std::error::Error for ReferenceError {}

const DOCKER_HUB: &str = "index.docker.io";

impl Repository {
    /// Reads an image as the controller does, which refuses a scheme and a tag.
    ///
    /// What stands before the first `/` is a host if it holds a `.` or a `:` or is `localhost`; else the
    /// image is Docker Hub's.
    ///
    /// Source: <https://fluxcd.io/flux/components/image/imagerepositories/#image>
    pub fn parse(image: &str) -> Result<Self, ReferenceError> {
        if image.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some((scheme, _)) = image.split_once("://") {
            return Err(ReferenceError::Scheme(scheme.to_owned()));
        }
        if image.contains('@') {
            return Err(ReferenceError::Digest);
        }
        let (host, path) = match image.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest)
            }
            _ => (DOCKER_HUB, image),
        };
        if let Some((_, tag)) = path.split_once(':') {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        if !is_host(host) {
            return Err(ReferenceError::Host(host.to_owned()));
        }
        if !path.split('/').all(is_component) || path.len() > 255 {
            return Err(ReferenceError::Path(path.to_owned()));
        }
        let host = if host == "docker.io" {
            DOCKER_HUB
        } else {
            host
        };
        let is_official = host == DOCKER_HUB && !path.contains('/');
        Ok(Self {
            host: host.to_owned(),
            path: if is_official {
                format!("library/{path}")
            } else {
                path.to_owned()
            },
        })
    }

    /// Whether the host is this machine's own, or of a private network: such registries often speak plain HTTP.
    pub fn is_local(&self) -> bool {
        let name = self
            .host
            .rsplit_once(':')
            .map_or(self.host.as_str(), |(name, _)| name);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
            Ok(IpAddr::V6(address)) => address.is_loopback(),
            Err(_) => {
                name == "localhost" || name.ends_with(".local") || name.ends_with(".localhost")
            }
        }
    }
}

/// Displays the image with its host in full.
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

fn is_host(host: &str) -> bool {
    let is_in_host =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let has_port = port.is_none_or(|port| port.ends_with(']') || port.parse::<u16>().is_ok());
    !host.is_empty()
        && host.chars().all(is_in_host)
        && has_port
        && !host.starts_with(['.', '-', ':'])
}

/// Lower case and digits, with single `.`, one or two `_` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let starts_and_ends = component.starts_with(is_word) && component.ends_with(is_word);
    let separators = component
        .split(is_word)
        .filter(|separator| !separator.is_empty());
    starts_and_ends
        && separators.into_iter().all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_a_host_or_docker_hub() {
        for (image, whole) in [
            (
                "ghcr.io/stefanprodan/podinfo",
                "ghcr.io/stefanprodan/podinfo",
            ),
            ("alpine", "index.docker.io/library/alpine"),
            ("grafana/loki", "index.docker.io/grafana/loki"),
            ("docker.io/alpine", "index.docker.io/library/alpine"),
            ("localhost/a", "localhost/a"),
            ("localhost:5000/a/b_c/d--e", "localhost:5000/a/b_c/d--e"),
            ("[::1]:5000/a", "[::1]:5000/a"),
        ] {
            assert_eq!(
                Repository::parse(image).map(|r| r.to_string()).as_deref(),
                Ok(whole),
                "{image}"
            );
        }
    }

    #[test]
    fn a_scheme_a_tag_and_what_is_no_name_are_refused() {
        use ReferenceError::*;
        for (image, error) in [
            ("", Empty),
            ("https://ghcr.io/a/b", Scheme("https".into())),
            ("ghcr.io/a/b:1.0", Tag("1.0".into())),
            ("alpine:3", Tag("3".into())),
            ("ghcr.io/a@sha256:00", Digest),
            ("ghcr.io/A/b", Path("A/b".into())),
            ("ghcr.io/a//b", Path("a//b".into())),
            ("ghcr.io/../b", Path("../b".into())),
            ("ghcr.io/a?x=1", Path("a?x=1".into())),
            ("ghcr.io:port/a", Host("ghcr.io:port".into())),
            ("user:pw@ghcr.io/a", Digest),
        ] {
            assert_eq!(Repository::parse(image), Err(error), "{image}");
        }
    }

    #[test]
    fn hosts_of_this_machine_and_of_private_networks_are_local() {
        for (image, is_local) in [
            ("localhost:5000/a", true),
            ("127.0.0.1:5000/a", true),
            ("10.0.0.7/a", true),
            ("[::1]:5000/a", true),
            ("registry.local/a", true),
            ("ghcr.io/a", false),
            ("8.8.8.8/a", false),
        ] {
            assert_eq!(
                Repository::parse(image).expect(image).is_local(),
                is_local,
                "{image}"
            );
        }
    }
}
