//! Where a server redirects to. Every client here follows redirects itself, by its own rule.

use ureq::http::Uri;

/// A redirect's target: an address, a path on the same host, or a sibling of the path.
pub(crate) fn join(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let names_scheme = location
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.contains(['/', '?']));
    if names_scheme {
        return location.parse().ok();
    }
    let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
    let text = if let Some(rest) = location.strip_prefix("//") {
        format!("{}://{rest}", base.scheme_str()?)
    } else if location.starts_with('/') {
        format!("{origin}{location}")
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{origin}{folder}/{location}")
    };
    text.parse().ok()
}

/// Whether a redirect stays with whom was asked: the same host and port by the same scheme, or the host's TLS.
///
/// Credentials and belief go with it.
pub(crate) fn stays(from: &Uri, to: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    if host(from).is_none() || host(from) != host(to) {
        return false;
    }
    let port = |uri: &Uri| {
        let default = match uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        uri.port_u16().unwrap_or(default)
    };
    match (from.scheme_str(), to.scheme_str()) {
        (Some("http"), Some("https")) => to.port().is_none() || port(from) == port(to),
        (Some(before @ ("http" | "https")), Some(after)) => {
            before == after && port(from) == port(to)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_as_browsers_do() {
        let base: Uri = "https://a.example/x/y?q=1".parse().unwrap();
        for (location, target) in [
            ("https://b.example/z", "https://b.example/z"),
            ("//b.example/z", "https://b.example/z"),
            ("/z", "https://a.example/z"),
            ("z?r#f", "https://a.example/x/z?r"),
            ("http://b.example/", "http://b.example/"),
        ] {
            assert_eq!(join(&base, location).unwrap().to_string(), target);
        }
        assert_eq!(join(&base, "file:///etc/passwd"), None);
    }

    #[test]
    fn a_redirect_stays_on_its_host_and_never_leaves_tls() {
        for (from, to, expected) in [
            ("https://a.example/x", "https://a.example/y", true),
            ("https://a.example/x", "https://A.example:443/y", true),
            ("http://a.example/x", "https://a.example/x", true),
            ("http://127.0.0.1:5000/x", "http://127.0.0.1:5000/y", true),
            ("https://a.example/x", "http://a.example/x", false),
            ("https://a.example/x", "https://b.example/x", false),
            (
                "https://a.example/x",
                "https://a.example.b.example/x",
                false,
            ),
            ("https://a.example/x", "https://a.example:8443/x", false),
            ("http://127.0.0.1:5000/x", "http://127.0.0.1:5001/x", false),
            ("https://a.example/x", "ftp://a.example/x", false),
        ] {
            let uri = |text: &str| text.parse::<Uri>().expect("an address");
            assert_eq!(stays(&uri(from), &uri(to)), expected, "{from} {to}");
        }
    }
}
