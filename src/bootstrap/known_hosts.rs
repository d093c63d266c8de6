//! The ssh host keys a cluster trusts: pinned here, given in the TOML, known to the user's ssh,
//! or scanned and confirmed by somebody.

use ssh_key::{HashAlg, PublicKey};

use super::environment::{Answer, Environment, Ui};
use super::error::{Error, Result};
use super::program::Program;
use super::remote::Remote;

/// Host keys as their owners publish them, which the fingerprints in the tests are compared with.
///
/// Sources: <https://api.github.com/meta>, <https://docs.gitlab.com/user/gitlab_com/#ssh-known_hosts-entries>,
/// <https://bitbucket.org/site/ssh>, <https://docs.codeberg.org/security/ssh-fingerprint/>
const PINNED: [(&str, &str); 11] = [
    (
        "bitbucket.org",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+a2sjSSpBK0iqitSQ+5BM9KhpexuGt20JpTVM7u5BDZngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
    ),
    (
        "bitbucket.org",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    ),
    (
        "bitbucket.org",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDQeJzhupRu0u0cdegZIa8e86EG2qOCsIsD1Xw0xSeiPDlCr7kq97NLmMbpKTX6Esc30NuoqEEHCuc7yWtwp8dI76EEEB1VqY9QJq6vk+aySyboD5QF61I/1WeTwu+deCbgKMGbUijeXhtfbxSxm6JwGrXrhBdofTsbKRUsrN1WoNgUa8uqN1Vx6WAJw1JHPhglEGGHea6QICwJOAr/6mrui/oB7pkaWKHj3z7d1IC4KWLtY47elvjbaTlkN04Kc/5LFEirorGYVbt15kAUlqGM65pk6ZBxtaO3+30LVlORZkxOh+LKL/BvbZ/iRNhItLqNyieoQj/uh/7Iv4uyH/cV/0b4WDSd3DptigWq84lJubb9t/DnZlrJazxyDCulTmKdOR7vs9gMTo+uoIrPSb8ScTtvw65+odKAlBj59dhnVp9zd7QUojOpXlL62Aw56U4oO+FALuevvMjiWeavKhJqlR7i5n9srYcrNV7ttmDw7kf/97P5zauIhxcjX+xHv4M=",
    ),
    (
        "codeberg.org",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBL2pDxWr18SoiDJCGZ5LmxPygTlPu+cCKSkpqkvCyQzl5xmIMeKNdfdBpfbCGDPoZQghePzFZkKJNR/v9Win3Sc=",
    ),
    (
        "codeberg.org",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB",
    ),
    (
        "github.com",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
    ),
    (
        "github.com",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    ),
    (
        "github.com",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aNUkY4Ue1gvwnGLVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/hWCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+5Z8CSSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FNyeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+EjqoTwvqNj4kqx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5hpQs+p1vN1/wsjk=",
    ),
    (
        "gitlab.com",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFSMqzJeV9rUzU4kWitGjeR4PWSa29SPqJ1fVkhtj3Hw9xjLVXVYrU9QlYWrOLXBpQ6KWjbjTDTdDkoohFzgbEY=",
    ),
    (
        "gitlab.com",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    ),
    (
        "gitlab.com",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCsj2bNKTBSpIYDEGk9KxsGh3mySTRgMtXL583qmBpzeQ+jqCMRgBqB98u3z++J1sKlXHWfM9dyhSevkMwSbhoR8XIq/U0tCNyokEi/ueaBMCvbcTHhO7FcwzY92WK4Yt0aGROY5qX2UKSeOvuP4D6TPqKF1onrSzH9bx9XUf2lEdWT/ia1NEKjunUqu1xOB/StKDHMoX4/OKyIzuS0q/T1zOATthvasJFoPrAjkohTyaDUz2LN5JoH839hViyEG82yB+MjcFV5MU3N1l1QL3cVUCh93xSaua1N85qivl+siMkPGbO5xR/En4iEY6K2XPASUEMaieWVNTRCtJ4S8H+9",
    ),
];

/// Where the keys come from, to be said in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Declared,
    Pinned,
    UserKnownHosts,
    /// Has to be scanned, and confirmed by somebody.
    Unknown,
}

/// The keys that are known without asking, one known_hosts line each.
pub(crate) fn known(
    env: &Environment,
    remote: &Remote,
    declared: Option<&str>,
) -> Result<(Origin, Vec<String>)> {
    let name = remote.known_hosts_name();
    if let Some(declared) = declared {
        let lines: Vec<String> = declared
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        for line in &lines {
            if key_of(line).is_none() {
                return Err(
                    Error::new(format!("`{line}` is no line of a known_hosts file"))
                        .help("write `HOST KIND KEY`, as `ssh-keyscan` prints it"),
                );
            }
        }
        return Ok((Origin::Declared, lines));
    }
    let pinned: Vec<String> = PINNED
        .iter()
        .filter(|(host, _)| *host == name)
        .map(|(host, key)| format!("{host} {key}"))
        .collect();
    if !pinned.is_empty() {
        return Ok((Origin::Pinned, pinned));
    }
    let own = user_known_hosts(env, &name)?;
    let origin = if own.is_empty() {
        Origin::Unknown
    } else {
        Origin::UserKnownHosts
    };
    Ok((origin, own))
}

/// What the user's ssh trusts already; hashed names are written out.
fn user_known_hosts(env: &Environment, name: &str) -> Result<Vec<String>> {
    if env.find_program("ssh-keygen").is_none() {
        return Ok(Vec::new());
    }
    let output = Program::new(env, "ssh-keygen").args(["-F", name]).run()?;
    Ok(rewritten(&output.text(), name))
}

/// Scans the host and returns its keys once they are confirmed.
pub(crate) fn scan(
    env: &Environment,
    remote: &Remote,
    accepted: &[String],
    ui: &dyn Ui,
) -> Result<Vec<String>> {
    let name = remote.known_hosts_name();
    let port = remote.port.unwrap_or(22).to_string();
    let output = Program::new(env, "ssh-keyscan")
        .args([
            "-T",
            "10",
            "-p",
            &port,
            "-t",
            "ecdsa,ed25519,rsa",
            "--",
            &remote.host,
        ])
        .run()?;
    let lines = rewritten(&output.text(), &name);
    if lines.is_empty() {
        return Err(Error::new(format!("no host key of `{name}` could be had"))
            .note(output.stderr)
            .help("check the host and port in `repo.url`"));
    }
    let fingerprint =
        |line: &String| key_of(line).map(|key| (key.fingerprint(HashAlg::Sha256).to_string(), key));
    let keys: Vec<(String, PublicKey)> = lines.iter().filter_map(fingerprint).collect();
    let trusted: Vec<String> = lines
        .iter()
        .zip(&keys)
        .filter(|(_, (fingerprint, _))| accepted.contains(fingerprint))
        .map(|(line, _)| line.clone())
        .collect();
    if !trusted.is_empty() {
        return Ok(trusted);
    }
    let list: Vec<String> = keys
        .iter()
        .map(|(fingerprint, key)| format!("  {fingerprint} ({})", key.algorithm()))
        .collect();
    let list = list.join("\n");
    match ui.confirm(&format!(
        "the host keys of `{name}` are\n{list}\nare these the right ones?"
    )) {
        Answer::Yes => Ok(lines),
        Answer::No => Err(Error::new(format!(
            "the host keys of `{name}` were not confirmed"
        ))),
        Answer::Nobody => Err(
            Error::new(format!("nobody can confirm the host keys of `{name}`"))
                .note(list)
                .help("compare them with the host's own page and pass one with `--host-key`"),
        ),
    }
}

/// Lines of known_hosts with the name in place of what they have, comments and markers left out.
fn rewritten(text: &str, name: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with(['#', '@']));
    let mut lines: Vec<String> = lines
        .filter(|line| key_of(line).is_some())
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some(format!("{name} {} {}", words.next()?, words.next()?))
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

/// The key of a line `HOST KIND KEY`.
fn key_of(line: &str) -> Option<PublicKey> {
    let (_, key) = line.trim().split_once(' ')?;
    PublicKey::from_openssh(key.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the hosts print on their pages as SHA-256 fingerprints.
    const PUBLISHED: [&str; 11] = [
        "bitbucket.org SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
        "bitbucket.org SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
        "bitbucket.org SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
        "codeberg.org SHA256:T9FYDEHELhVkulEKKwge5aVhVTbqCW0MIRwAfpARs/E",
        "codeberg.org SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
        "github.com SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "github.com SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "github.com SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
        "gitlab.com SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
        "gitlab.com SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "gitlab.com SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
    ];

    #[test]
    fn the_pinned_keys_have_the_published_fingerprints() {
        for ((host, key), published) in PINNED.iter().zip(PUBLISHED) {
            let key = PublicKey::from_openssh(key).unwrap();
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            assert_eq!(format!("{host} {fingerprint}"), published);
        }
    }

    #[test]
    fn a_pinned_host_on_another_port_is_not_pinned() {
        let env = Environment::new(".", [("PATH", "/nowhere")]);
        let known_at = |url: &str| known(&env, &Remote::parse(url).unwrap(), None).unwrap();
        assert_eq!(known_at("git@github.com:a/b").0, Origin::Pinned);
        assert_eq!(known_at("git@github.com:a/b").1.len(), 3);
        assert_eq!(known_at("ssh://git@github.com:2222/a/b").0, Origin::Unknown);
    }

    #[test]
    fn a_declared_line_that_is_none_is_refused() {
        let env = Environment::new(".", [("PATH", "/nowhere")]);
        let remote = Remote::parse("git@h:a/b").unwrap();
        assert!(known(&env, &remote, Some("h ssh-ed25519 nonsense")).is_err());
        let line = format!("h {}", PINNED[1].1);
        let (origin, lines) = known(&env, &remote, Some(&format!("# ours\n{line}\n"))).unwrap();
        assert_eq!((origin, lines), (Origin::Declared, vec![line]));
    }

    #[test]
    fn hashed_names_are_written_out_and_revoked_keys_left_out() {
        let key = PINNED[1].1;
        let text = format!("# Host h found: line 1\n|1|abc=|def= {key}\n@revoked h {key}\n");
        assert_eq!(rewritten(&text, "[h]:22"), [format!("[h]:22 {key}")]);
    }
}
