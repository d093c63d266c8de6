//! Paths inside a repository: with `/`, from its root, never out of it.

/// Joins `relative` to `folder` and resolves `.` and `..`. `None` where that leaves the repository.
pub(crate) fn join(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Whether some file system takes a name for `.git`: in other case, with the dots and blanks at the end that Windows
/// drops, by its short name there, or with characters that macOS ignores. git refuses to commit such names.
///
/// Source: <https://github.com/git/git/blob/master/path.c>, `is_ntfs_dotgit`, and `utf8.c`, `is_hfs_dotgit`
pub(crate) fn is_git(name: &str) -> bool {
    let is_seen = |c: &char| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let name: String = name.chars().filter(is_seen).collect();
    // After a colon Windows expects the name of a stream.
    let name = name.split(':').next().unwrap_or_default();
    let name = name.trim_end_matches([' ', '.']);
    name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1")
}

/// A path of a Flux Kustomization: `..` at the root stays at the root, as the controller joins it.
pub(crate) fn from_root(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Whether kustomize would fetch `resource` from elsewhere: a URL, or a repository's short form.
///
/// Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md>
pub(crate) fn is_remote(resource: &str) -> bool {
    resource.contains("://")
        || resource.starts_with("git::")
        || resource.starts_with("git@")
        || resource.contains("?ref=")
        || resource.contains("?version=")
        || ["github.com/", "gitlab.com/", "bitbucket.org/", "gh:"]
            .iter()
            .any(|host| resource.starts_with(host))
        || is_scp_like(resource)
}

/// `host:owner/repository`.
fn is_scp_like(resource: &str) -> bool {
    resource
        .split_once(':')
        .is_some_and(|(host, rest)| host.contains('.') && !host.contains('/') && rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_the_repository() {
        assert_eq!(join("apps/web", "../base").as_deref(), Some("apps/base"));
        assert_eq!(join("apps", "./a//b/.").as_deref(), Some("apps/a/b"));
        assert_eq!(join("apps", "../../etc"), None);
        assert_eq!(from_root("../../etc"), "etc");
        assert_eq!(from_root("./"), "");
    }

    #[test]
    fn no_disguise_of_git_is_overlooked() {
        for git in [
            ".git",
            ".GIT",
            ".Git",
            ".git ",
            ".git.",
            ".git . .",
            "git~1",
            "GIT~1",
            ".git:a",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "\u{feff}.git",
        ] {
            assert!(is_git(git), "{git}");
        }
        for other in [
            "git",
            ".gitignore",
            ".gitmodules",
            ".github",
            "git~2",
            "a.git",
            "..git",
            "",
        ] {
            assert!(!is_git(other), "{other}");
        }
    }

    #[test]
    fn remote_bases_are_told_from_folders() {
        for remote in [
            "https://example.com/a.yaml",
            "github.com/acme/base//web?ref=v1",
            "git@github.com:acme/base",
            "ssh://git@example.com/a",
            "base?ref=main",
            "example.com:acme/base",
        ] {
            assert!(is_remote(remote), "{remote}");
        }
        for local in ["../base", "web.yaml", "./a:b/c", "weird.d/x"] {
            assert!(!is_remote(local), "{local}");
        }
    }
}
