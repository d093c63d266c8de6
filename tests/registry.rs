//! Listing tags, against a registry of our own making and against Debian's `docker-registry`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use fluxgen::image::reference::Repository;
use fluxgen::image::registry::{Access, DockerConfig, RegistryError, RegistryFault, list_tags};

/// A registry on loopback: each request's head goes through `answer`, which gives status, headers and body.
fn serve(answer: impl Fn(&str, &str) -> (u16, Vec<String>, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    let own = host.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let Some(head) = read_head(&mut stream) else {
                continue;
            };
            let (status, headers, body) = answer(&head, &own);
            let headers: String = headers
                .iter()
                .map(|header| format!("{header}\r\n"))
                .collect();
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
            );
            stream.write_all(text.as_bytes()).ok();
        }
    });
    host
}

/// The head of a request; none for the hello of TLS, which this server does not speak.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
        if head[0] == 0x16 {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

fn access(limit: Duration, config: &str) -> Access {
    Access {
        insecure: true,
        limit,
        credentials: DockerConfig::parse(config).expect("a config"),
    }
}

fn list(host: &str, config: &str) -> Result<Vec<String>, RegistryError> {
    let repository = Repository::parse(&format!("{host}/acme/app")).expect("a repository");
    list_tags(&repository, &access(Duration::from_secs(20), config))
}

fn ok(body: &str) -> (u16, Vec<String>, String) {
    (200, Vec::new(), body.to_owned())
}

/// `me` with the password `pw`.
fn login(host: &str) -> String {
    format!(r#"{{"auths": {{"{host}": {{"auth": "bWU6cHc="}}}}}}"#)
}

#[test]
fn pages_are_followed_to_the_last() {
    let host = serve(|head, _| {
        if head.contains("last=b") {
            return ok(r#"{"tags": ["c"]}"#);
        }
        let link = r#"Link: </v2/acme/app/tags/list?n=2&last=b>; rel="next""#.to_owned();
        (
            200,
            vec![link],
            r#"{"name": "acme/app", "tags": ["a", "b"]}"#.into(),
        )
    });
    assert_eq!(list(&host, "{}").expect("tags"), ["a", "b", "c"]);
}

#[test]
fn a_repository_without_tags_has_none() {
    let host = serve(|_, _| ok(r#"{"name": "acme/app", "tags": null}"#));
    assert_eq!(list(&host, "{}").expect("tags"), Vec::<String>::new());
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_sent_with_every_page() {
    let answer = |head: &str, own: &str| {
        let lower = head.to_ascii_lowercase();
        if head.starts_with("GET /token?") {
            let is_right = head.contains("service=reg")
                && head.contains("scope=repository%3Aacme%2Fapp%3Apull")
                && lower.contains("authorization: basic bwu6chc=");
            return if is_right {
                ok(r#"{"token": "t0ken"}"#)
            } else {
                (401, Vec::new(), head.to_owned())
            };
        }
        if !head.contains("Bearer t0ken") {
            let challenge = format!(
                r#"WWW-Authenticate: Bearer realm="http://{own}/token",service="reg",scope="repository:acme/app:pull""#
            );
            return (401, vec![challenge], String::new());
        }
        match head.contains("last=a") {
            true => ok(r#"{"tags": ["b"]}"#),
            false => (
                200,
                vec![r#"Link: <?last=a>; rel="next""#.into()],
                r#"{"tags": ["a"]}"#.into(),
            ),
        }
    };
    let host = serve(answer);
    assert_eq!(list(&host, &login(&host)).expect("tags"), ["a", "b"]);
    let error = list(&host, "{}").expect_err("no credentials");
    assert!(
        matches!(
            error.fault,
            RegistryFault::Unauthorized {
                with_credentials: false
            }
        ),
        "{error}"
    );
    assert_eq!(
        error.help(),
        Some(format!("log in with `docker login {host}`"))
    );
}

#[test]
fn basic_credentials_are_sent_only_when_asked_for() {
    let (sender, heads) = mpsc::channel();
    let host = serve(move |head, _| {
        sender.send(head.to_ascii_lowercase()).ok();
        match head
            .to_ascii_lowercase()
            .contains("authorization: basic bwu6chc=")
        {
            true => ok(r#"{"tags": ["a"]}"#),
            false => (
                401,
                vec![r#"WWW-Authenticate: Basic realm="x""#.into()],
                String::new(),
            ),
        }
    });
    assert_eq!(list(&host, &login(&host)).expect("tags"), ["a"]);
    assert!(!heads.recv().expect("a request").contains("authorization"));
}

#[test]
fn a_next_page_on_another_host_is_refused() {
    let host = serve(|_, _| {
        (
            200,
            vec![r#"Link: <http://evil.example/v2/x>; rel="next""#.into()],
            r#"{"tags": ["a"]}"#.into(),
        )
    });
    let error = list(&host, "{}").expect_err("another host");
    assert!(
        error
            .to_string()
            .contains("the next page is on another host: `http://evil.example/v2/x`"),
        "{error}"
    );
}

#[test]
fn a_redirect_is_followed_on_its_host_alone() {
    let host = serve(|head, _| {
        if head.contains("/moved") {
            return ok(r#"{"tags": ["a"]}"#);
        }
        (307, vec!["Location: /v2/moved".into()], String::new())
    });
    assert_eq!(list(&host, "{}").expect("tags"), ["a"]);

    let other = serve(|_, _| ok(r#"{"tags": ["believed"], "token": "believed"}"#));
    let location = format!("Location: http://{other}/v2/acme/app/tags/list");
    let tags = location.clone();
    let host = serve(move |_, _| (302, vec![tags.clone()], String::new()));
    let error = list(&host, "{}").expect_err("another host");
    assert!(
        error.to_string().contains("it redirects to another host"),
        "{error}"
    );

    for config in ["{}".to_owned(), login("HOST")] {
        let location = location.clone();
        let host = serve(move |head, own| {
            if head.starts_with("GET /token") {
                return (308, vec![location.clone()], String::new());
            }
            let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{own}/token\"");
            (401, vec![challenge], String::new())
        });
        let error = list(&host, &config.replace("HOST", &host)).expect_err("another host");
        assert!(
            error.to_string().contains("it redirects to another host"),
            "{error}"
        );
    }

    let host = serve(|_, _| (302, vec!["Location: /again".into()], String::new()));
    let error = list(&host, "{}").expect_err("a loop");
    assert!(
        error.to_string().contains("more than 5 redirects"),
        "{error}"
    );
}

#[test]
fn answers_that_cannot_be_used_are_refused() {
    for (status, body, message) in [
        (200, "<html>", "not JSON"),
        (200, r#"{"tags": [1]}"#, "a tag is not a text"),
        (200, r#"{"tags": "a"}"#, "`tags` is not a list"),
        (404, "{}", "has no image `acme/app`"),
        (429, "", "refuses more requests for now"),
        (500, "", "answered with status 500"),
        (401, "", "wants credentials"),
    ] {
        let host = serve(move |_, _| (status, Vec::new(), body.to_owned()));
        let error = list(&host, "{}").expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
    let host = serve(|_, _| {
        (
            200,
            vec![r#"Link: </v2/acme/app/tags/list?n=1000>; rel="next""#.into()],
            r#"{"tags": ["a"]}"#.into(),
        )
    });
    let error = list(&host, "{}").expect_err("a loop");
    assert!(
        error.to_string().contains("a page links to itself"),
        "{error}"
    );
}

#[test]
fn a_slow_registry_ends_within_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address");
    let repository = Repository::parse(&format!("{host}/acme/app")).expect("a repository");
    let started = Instant::now();
    let error =
        list_tags(&repository, &access(Duration::from_millis(400), "{}")).expect_err("no answer");
    assert!(matches!(error.fault, RegistryFault::TooSlow(_)), "{error}");
    assert_eq!(
        error.to_string(),
        format!("the registry `{host}` did not answer within 0.4 seconds")
    );
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_dead_registry_is_said_to_be_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let error = list(&host, "{}").expect_err("nobody there");
    assert!(
        matches!(error.fault, RegistryFault::Unreachable(_)),
        "{error}"
    );
}

/// Debian's registry, stopped when dropped.
struct Registry {
    process: Child,
    host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Debian's `docker-registry`: the installed one, or that of its package, which is unpacked beside the tests.
fn program() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let runs = |program: &Path| {
            let command = Command::new(program).arg("--version").output();
            command.is_ok_and(|output| output.status.success())
        };
        let installed = PathBuf::from("docker-registry");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docker-registry");
        let unpacked = folder.join("usr/bin/docker-registry");
        if let Some(program) = [installed, unpacked.clone()]
            .into_iter()
            .find(|it| runs(it))
        {
            return Some(program);
        }
        std::fs::create_dir_all(&folder).expect("a folder");
        let script =
            "timeout 120 apt-get download docker-registry && dpkg-deb -x docker-registry_*.deb .";
        let fetched = Command::new("sh")
            .args(["-c", script])
            .current_dir(&folder)
            .output();
        match fetched {
            Ok(output) if output.status.success() && runs(&unpacked) => Some(unpacked),
            _ => {
                eprintln!(
                    "skipped: docker-registry is not installed, and apt-get has none to unpack"
                );
                None
            }
        }
    });
    found.as_deref()
}

impl Registry {
    /// Starts `docker-registry` with the user `me` and the password `correct horse`; none where it is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let host = format!("127.0.0.1:{port}");
        let hash = "$2a$05$IDXEm4TpbK042groRQyx4.KyjRl5cpz1KtGIbKfKGH0hXxDGpmVk6";
        let users = folder.join("htpasswd");
        std::fs::write(&users, format!("me:{hash}\n")).expect("a file");
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\nauth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            folder.join("data").display(),
            users.display()
        );
        std::fs::write(&config, text).expect("a file");
        let process = Command::new(program()?)
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let registry = Self { process, host };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.host).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// Sends a request as `me`, and gives the `Location` of the answer.
    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.host).expect("a connection");
        let path = path
            .strip_prefix(&format!("http://{}", self.host))
            .unwrap_or(path);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic bWU6Y29ycmVjdCBob3JzZQ==\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.host,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{method} {path}: {answer}");
        let location = answer
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        location.unwrap_or_default().trim().to_owned()
    }

    /// Pushes an image of nothing under each tag.
    fn push(&self, repository: &str, tags: &[String]) {
        let blob = b"{}";
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let upload = self.send(
            "POST",
            &format!("/v2/{repository}/blobs/uploads/"),
            "application/octet-stream",
            b"",
        );
        let separator = if upload.contains('?') { '&' } else { '?' };
        self.send(
            "PUT",
            &format!("{upload}{separator}digest={digest}"),
            "application/octet-stream",
            blob,
        );
        let media_type = "application/vnd.docker.distribution.manifest.v2+json";
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"{digest}"}},"layers":[]}}"#
        );
        for tag in tags {
            self.send(
                "PUT",
                &format!("/v2/{repository}/manifests/{tag}"),
                media_type,
                manifest.as_bytes(),
            );
        }
    }
}

#[test]
fn the_tags_of_a_real_registry_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(registry) = Registry::start(folder.path()) else {
        return;
    };
    let tags: Vec<String> = (0..25).map(|number| format!("1.0.{number}")).collect();
    registry.push("acme/app", &tags);
    let host = &registry.host;
    let config =
        format!(r#"{{"auths": {{"{host}": {{"username": "me", "password": "correct horse"}}}}}}"#);
    let mut listed = list(host, &config).expect("tags");
    listed.sort();
    let mut pushed = tags.clone();
    pushed.sort();
    assert_eq!(listed, pushed);
    let error = list(host, "{}").expect_err("no credentials");
    assert!(
        matches!(
            error.fault,
            RegistryFault::Unauthorized {
                with_credentials: false
            }
        ),
        "{error}"
    );
    let wrong = config.replace("horse", "cow");
    let error = list(host, &wrong).expect_err("wrong credentials");
    assert!(
        matches!(
            error.fault,
            RegistryFault::Unauthorized {
                with_credentials: true
            }
        ),
        "{error}"
    );
    let nothing = Repository::parse(&format!("{host}/acme/nothing")).expect("a repository");
    let error =
        list_tags(&nothing, &access(Duration::from_secs(20), &config)).expect_err("no image");
    assert_eq!(
        error.to_string(),
        format!("the registry `{host}` has no image `acme/nothing`")
    );
}

/// Makes a project's image one without `insecure`.
const SECURE: &str = "# TLS alone";

/// `fluxgen image test --registry` of a project whose image is `image`.
fn image_test(
    folder: &Path,
    image: &str,
    more: &str,
    config: &str,
) -> (Option<i32>, String, String) {
    let insecure = more != SECURE;
    let text = format!(
        "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[flux]\nversion = \"2.9.4\"\n\
         componentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\n[clusters.staging]\n\
         [images.app]\nimage = \"{image}\"\ninsecure = {insecure}\npolicy.semver.range = \"1.x\"\n{more}\n"
    );
    std::fs::write(folder.join("fluxgen.toml"), text).expect("written");
    std::fs::create_dir_all(folder.join("docker")).expect("made");
    std::fs::write(folder.join("docker/config.json"), config).expect("written");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .env("DOCKER_CONFIG", folder.join("docker"))
        // Credential helpers of a test's own stand beside the config file.
        .env(
            "PATH",
            format!("{}:{path}", folder.join("docker").display()),
        )
        .arg("-C")
        .arg(folder)
        .args(["image", "test", "app", "--registry"])
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_policy_is_tried_on_the_tags_of_a_real_registry_less_those_it_excludes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(registry) = Registry::start(folder.path()) else {
        return;
    };
    let tags = [
        "1.0.0",
        "1.4.0",
        "1.9.0-broken",
        "1.9.0",
        "2.0.0",
        "sha256-00.sig",
    ];
    registry.push("acme/app", &tags.map(str::to_owned));
    let host = &registry.host;
    let config =
        format!(r#"{{"auths": {{"{host}": {{"username": "me", "password": "correct horse"}}}}}}"#);
    let image = format!("{host}/acme/app");
    let (code, out, errors) = image_test(folder.path(), &image, "", &config);
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        out.contains("latest: 1.9.0\n") && !out.contains(".sig"),
        "{out}"
    );
    let more = "exclusionList = [\"^1[.]9\"]";
    let (code, out, errors) = image_test(folder.path(), &image, more, &config);
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        out.contains("latest: 1.4.0\n") && out.contains("sha256-00.sig"),
        "{out}"
    );
    let (code, _, errors) = image_test(folder.path(), &image, "", "{}");
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("wants credentials") && errors.contains("docker login"),
        "{errors}"
    );
}

/// A program in the folder that `image_test` takes helpers from.
fn helper(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder
        .join("docker")
        .join(format!("docker-credential-{name}"));
    std::fs::create_dir_all(folder.join("docker")).expect("made");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made runnable");
}

#[test]
fn credential_helpers_of_the_docker_config_are_asked_for_the_host() {
    let host = serve(|head, _| {
        match head
            .to_ascii_lowercase()
            .contains("authorization: basic bwu6chc=")
        {
            true => ok(r#"{"tags": ["1.0.0"]}"#),
            false => (
                401,
                vec![r#"WWW-Authenticate: Basic realm="x""#.into()],
                String::new(),
            ),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let image = format!("{host}/acme/app");
    let knows = format!(
        "[ \"$1\" = get ] && [ \"$(cat)\" = {host} ] && echo '{{\"Username\": \"me\", \"Secret\": \"pw\"}}'"
    );
    helper(root, "knows", &knows);
    helper(
        root,
        "empty",
        "cat > /dev/null; echo 'credentials not found in native keychain'; exit 1",
    );
    helper(
        root,
        "broken",
        "cat > /dev/null; echo 'the keychain is locked'; exit 1",
    );
    for config in [
        format!(r#"{{"credHelpers": {{"{host}": "knows"}}, "credsStore": "broken"}}"#),
        r#"{"credsStore": "knows"}"#.to_owned(),
        // What stands in the file itself comes before the store.
        format!(r#"{{"auths": {{"{host}": {{"auth": "bWU6cHc="}}}}, "credsStore": "broken"}}"#),
        // An empty entry says that the store has it.
        format!(r#"{{"auths": {{"{host}": {{}}}}, "credsStore": "knows"}}"#),
    ] {
        let (code, out, errors) = image_test(root, &image, "", &config);
        assert_eq!(code, Some(0), "{config}: {errors}");
        assert!(out.contains("latest: 1.0.0\n"), "{out}");
    }
    for (store, words) in [
        ("empty", "wants credentials"),
        (
            "broken",
            "`docker-credential-broken` failed: the keychain is locked",
        ),
        ("absent", "`docker-credential-absent`"),
    ] {
        let config = format!(r#"{{"credsStore": "{store}"}}"#);
        let (code, _, errors) = image_test(root, &image, "", &config);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(words), "{words}: {errors}");
    }
}

#[test]
fn a_registry_without_tls_is_asked_only_where_it_is_said_to_be_insecure_or_local() {
    let host = serve(|_, _| ok(r#"{"tags": ["1.0.0"]}"#));
    let port = host.rsplit_once(':').expect("a port").1;
    let folder = tempfile::tempdir().expect("a folder");
    // An address of this machine that does not look like one.
    let image = format!("127.1:{port}/acme/app");
    let (code, _, errors) = image_test(folder.path(), &image, "", "{}");
    assert_eq!(code, Some(0), "{errors}");
    let (code, _, errors) = image_test(folder.path(), &image, SECURE, "{}");
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("set `insecure = true`"), "{errors}");
}

#[test]
fn a_dead_and_a_slow_registry_are_clear_errors_within_the_time_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dead = free.local_addr().expect("an address").to_string();
    drop(free);
    let (code, _, errors) = image_test(folder.path(), &format!("{dead}/acme/app"), "", "{}");
    assert_eq!(code, Some(2));
    assert!(
        errors.contains(&format!("cannot reach the registry `{dead}`")),
        "{errors}"
    );
    // It takes connections and never answers.
    let slow = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = slow.local_addr().expect("an address").to_string();
    let start = Instant::now();
    let (code, _, errors) = image_test(
        folder.path(),
        &format!("{host}/acme/app"),
        "timeout = \"1s\"",
        "{}",
    );
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("did not answer within 1 seconds"),
        "{errors}"
    );
    assert!(start.elapsed() < Duration::from_secs(15));
}
