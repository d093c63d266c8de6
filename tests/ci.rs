//! What the GitHub action and the GitLab job run, against repositories and a forge made here.

mod git;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use git::{PROJECT, Repository, git as run_git};
use serde_json::{Value, json};

const MARKER: &str = "<!-- fluxgen -->";

/// A forge on loopback that keeps comments, a hundred to a page.
struct Forge {
    host: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    comments: Vec<Value>,
    /// Method, path and token of each call.
    calls: Vec<String>,
    /// The status that every call gets instead.
    refuses: Option<u16>,
}

impl Forge {
    /// With comments of others, so many that a page does not hold them.
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let comments = (0..130)
            .map(|id| json!({"id": id, "body": format!("looks good\n{MARKER}")}))
            .collect();
        let state = Arc::new(Mutex::new(State {
            comments,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Self { host, state }
    }

    fn own(&self) -> Vec<String> {
        let state = self.state.lock().expect("the state");
        let bodies = state.comments.iter().filter_map(|one| one["body"].as_str());
        let own = bodies.filter(|body| body.starts_with(MARKER));
        own.map(str::to_owned).collect()
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().expect("the state").calls)
    }

    fn refuse(&self, status: u16) {
        self.state.lock().expect("the state").refuses = Some(status);
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (
        words.next().expect("a method"),
        words.next().expect("a path"),
    );
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a number"),
            "authorization" | "private-token" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let mut state = state.lock().expect("the state");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    state.calls.push(format!("{method} {path} {token}"));
    let (status, answer) = match (state.refuses, method.as_str()) {
        (Some(status), _) => (
            status,
            json!({"message": "Resource not accessible by integration"}),
        ),
        (None, "GET") => {
            let page: usize = query
                .rsplit_once("page=")
                .expect("a page")
                .1
                .parse()
                .expect("a number");
            let comments = state.comments.iter().skip((page - 1) * 100).take(100);
            (200, comments.cloned().collect())
        }
        (None, "POST") => {
            let mut comment: Value = serde_json::from_slice(&body).expect("JSON");
            comment["id"] = json!(1000 + state.comments.len());
            state.comments.push(comment.clone());
            (201, comment)
        }
        (None, _) => {
            let id: u64 = path
                .rsplit('/')
                .next()
                .and_then(|id| id.parse().ok())
                .expect("an id");
            let comment: Value = serde_json::from_slice(&body).expect("JSON");
            let mut all = state.comments.iter_mut();
            let found = all.find(|one| one["id"] == id).expect("a comment");
            found["body"] = comment["body"].clone();
            (200, found.clone())
        }
    };
    let answer = answer.to_string();
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(text.as_bytes()).ok();
}

/// A forge's repository with a pull request, and a clone of it as a job has it.
struct Job {
    origin: Repository,
    folder: tempfile::TempDir,
    forge: Forge,
}

/// What a script said and left behind.
struct Ran {
    code: Option<i32>,
    said: String,
}

impl Job {
    /// The project on `main`, and on `topic` with other settings, built.
    fn new(topic: &str) -> Self {
        let origin = Repository::new();
        origin.write("fluxgen.toml", PROJECT);
        origin.build_and_commit();
        origin.git(&["checkout", "--quiet", "-b", "topic"]);
        origin.write("fluxgen.toml", topic);
        origin.build_and_commit();
        Self {
            origin,
            folder: tempfile::tempdir().expect("a folder"),
            forge: Forge::new(),
        }
    }

    /// What GitHub merges for a trial while the base goes on.
    fn trial_merge(&self) {
        let origin = &self.origin;
        origin.git(&["checkout", "--quiet", "main"]);
        origin.commit(&[("README.md", "on main meanwhile\n")]);
        origin.git(&["checkout", "--quiet", "--detach"]);
        origin.git(&["merge", "--quiet", "--no-ff", "--no-edit", "topic"]);
        origin.git(&["update-ref", "refs/pull/7/merge", "HEAD"]);
        origin.git(&["checkout", "--quiet", "main"]);
        // Of no concern to what was merged.
        origin.commit(&[("fluxgen.toml", &PROJECT.replace("apps", "later"))]);
    }

    fn clone(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    /// Checks out as actions/checkout and the GitLab runner do: a commit without a branch.
    fn check_out(&self, reference: &str, depth: &str) {
        let clone = self.clone();
        let name = clone.display().to_string();
        run_git(self.folder.path(), &["init", "--quiet", &name]);
        let url = format!("file://{}", self.origin.path().display());
        run_git(&clone, &["remote", "add", "origin", &url]);
        run_git(
            &clone,
            &["fetch", "--quiet", "--no-tags", depth, "origin", reference],
        );
        run_git(&clone, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("ci").join(name))
            .current_dir(self.clone())
            .env_clear()
            .env("PATH", path)
            .env("NO_PROXY", "127.0.0.1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.folder.path())
            .env("FLUXGEN", env!("CARGO_BIN_EXE_fluxgen"));
        command
    }

    /// GitHub's variables for an event.
    fn github(&self, event: &str, payload: &Value) -> Command {
        let mut command = self.script("github.sh");
        let file = |name: &str| self.folder.path().join(name);
        std::fs::write(file("event.json"), payload.to_string()).expect("written");
        std::fs::create_dir_all(file("runner")).expect("made");
        command
            .env("FLUXGEN_TOKEN", "t0ken")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", file("event.json"))
            .env("GITHUB_REPOSITORY", "acme/fleet")
            .env("GITHUB_API_URL", format!("http://{}", self.forge.host))
            .env("GITHUB_OUTPUT", file("output"))
            .env("GITHUB_STEP_SUMMARY", file("summary"))
            .env("RUNNER_TEMP", file("runner"));
        command
    }

    fn pull_request(&self) -> Command {
        let head = self.origin.git(&["rev-parse", "topic"]);
        let payload = json!({"pull_request": {"number": 7, "head": {"sha": head}}});
        let mut command = self.github("pull_request", &payload);
        command.env("GITHUB_BASE_REF", "main");
        command
    }

    fn merge_request(&self, base: &str) -> Command {
        let mut command = self.script("gitlab.sh");
        command
            .env("FLUXGEN_TOKEN", "t0ken")
            .env(
                "CI_API_V4_URL",
                format!("http://{}/api/v4", self.forge.host),
            )
            .env("CI_PROJECT_ID", "42")
            .env("CI_MERGE_REQUEST_IID", "7")
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base);
        command
    }

    /// An output of the step.
    fn output(&self, name: &str) -> String {
        let all = std::fs::read_to_string(self.folder.path().join("output")).expect("outputs");
        let values = all.lines().filter_map(|line| line.split_once('='));
        let mut own = values
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        own.next_back().expect(name).to_owned()
    }
}

fn run(command: &mut Command) -> Ran {
    let output: Output = command.output().expect("bash runs");
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    Ran {
        code: output.status.code(),
        said: String::from_utf8_lossy(&all).into_owned(),
    }
}

/// Whether the programs that the scripts need are here; said aloud where they are not.
fn can_run() -> bool {
    let missing: Vec<&str> = ["bash", "jq", "curl", "sha256sum"]
        .into_iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .collect();
    if !missing.is_empty() {
        eprintln!(
            "skipped: {} not installed, so the scripts were not run",
            missing.join(", ")
        );
    }
    missing.is_empty()
}

fn changed() -> String {
    PROJECT.replace("./apps", "./applications")
}

/// Without `web`, which prunes what it applied.
fn destructive() -> String {
    PROJECT
        .split("[kustomizations.web]")
        .next()
        .expect("a start")
        .to_owned()
}

#[test]
fn a_pull_request_has_one_comment_that_every_run_replaces() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.trial_merge();
    job.check_out("refs/pull/7/merge", "--depth=1");
    let ran = run(&mut job.pull_request());
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let own = job.forge.own();
    assert_eq!(own.len(), 1);
    assert!(own[0].contains("applications"), "{}", own[0]);
    assert!(
        !own[0].contains("later"),
        "the base is what was merged: {}",
        own[0]
    );
    let list = "GET /repos/acme/fleet/issues/7/comments Bearer t0ken";
    let post = "POST /repos/acme/fleet/issues/7/comments Bearer t0ken";
    assert_eq!(job.forge.calls(), [list, list, post]);
    assert!(!ran.said.contains("t0ken"));

    let again = run(&mut job.pull_request());
    assert_eq!(again.code, Some(0), "{}", again.said);
    let own = job.forge.own();
    assert_eq!(own.len(), 1);
    let patch = "PATCH /repos/acme/fleet/issues/comments/1130 Bearer t0ken";
    assert_eq!(job.forge.calls(), [list, list, patch]);

    let summary = std::fs::read_to_string(job.folder.path().join("summary")).expect("a summary");
    assert_eq!(summary.matches(MARKER).count(), 2);
    let merged = job.origin.git(&["rev-parse", "refs/pull/7/merge^1"]);
    assert_eq!(job.output("base"), merged);
    assert_eq!(job.output("differences"), "true");
    assert_eq!(job.output("errors"), "0");
    for kind in ["sarif", "json"] {
        let text = std::fs::read_to_string(job.output(kind)).expect(kind);
        serde_json::from_str::<Value>(&text).expect(kind);
    }
}

#[test]
fn denied_changes_and_trees_that_are_not_built_fail_the_check() {
    if !can_run() {
        return;
    }
    let job = Job::new(&destructive());
    job.check_out("refs/heads/topic", "--depth=1");
    let allowed = run(&mut job.pull_request());
    assert_eq!(allowed.code, Some(0), "{}", allowed.said);
    let denied = run(job.pull_request().env("FLUXGEN_DENY", "destructive"));
    assert_eq!(denied.code, Some(1), "{}", denied.said);
    assert!(
        denied.said.contains("failed: 1 change denied by `deny`"),
        "{}",
        denied.said
    );
    assert_eq!(job.forge.own().len(), 1, "the comment tells why");
    assert_eq!(job.output("destructive"), "1");

    std::fs::write(job.clone().join("fluxgen.toml"), changed()).expect("written");
    let stale = run(&mut job.pull_request());
    assert_eq!(stale.code, Some(1), "{}", stale.said);
    assert!(
        stale
            .said
            .contains("failed: the tree of `staging` is not what the TOML file gives"),
        "{}",
        stale.said
    );
    std::fs::write(
        job.clone().join("fluxgen.toml"),
        "[clusters.a]\nintervall = 1\n",
    )
    .expect("written");
    let broken = run(&mut job.pull_request());
    assert_eq!(broken.code, Some(1), "{}", broken.said);
    assert!(broken.said.contains("failed: 1 error"), "{}", broken.said);
    assert!(
        broken.said.contains("::error "),
        "the annotation: {}",
        broken.said
    );
}

#[test]
fn a_branch_of_a_shallow_clone_is_compared_with_where_it_left_the_base() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    let left = job.origin.git(&["rev-parse", "main"]);
    for number in 0..5 {
        job.origin.commit(&[("notes.md", &format!("{number}\n"))]);
    }
    job.origin.git(&["checkout", "--quiet", "main"]);
    job.origin
        .write("fluxgen.toml", &PROJECT.replace("apps", "later"));
    job.origin.build_and_commit();
    job.check_out("refs/heads/topic", "--depth=1");
    let ran = run(job.pull_request().env("FLUXGEN_COMMENT", "false"));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(job.output("base"), left);
    assert_eq!(job.forge.calls(), Vec::<String>::new());

    // A base by name is what it is now.
    let ran = run(job.pull_request().env("FLUXGEN_BASE", "main"));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(job.output("base"), job.origin.git(&["rev-parse", "main"]));
    let ran = run(job.pull_request().env("FLUXGEN_BASE", "mian"));
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    assert!(
        ran.said.contains("named `mian`") && ran.said.contains("fetch-depth: 0"),
        "{}",
        ran.said
    );
    let ran = run(job.pull_request().env("GITHUB_BASE_REF", "gone"));
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    assert!(
        ran.said
            .contains("the base branch `gone` cannot be fetched"),
        "{}",
        ran.said
    );
}

#[test]
fn a_comment_that_may_not_be_posted_fails_nothing() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    job.forge.refuse(403);
    let ran = run(&mut job.pull_request());
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert!(
        ran.said.contains("warning: the comment could not be posted (status 403, Resource not accessible by integration)"),
        "{}",
        ran.said
    );
    assert!(ran.said.contains("pull-requests: write"), "{}", ran.said);
}

#[test]
fn a_push_is_compared_with_what_was_there_and_a_new_branch_is_checked() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    let before = job.origin.git(&["rev-parse", "main"]);
    let ran = run(&mut job.github("push", &json!({"before": before})));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(job.output("base"), before);
    let ran = run(&mut job.github("push", &json!({"before": "0".repeat(40)})));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(job.output("base"), "");
    assert_eq!(job.output("differences"), "false");
    assert_eq!(job.forge.calls(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    let ran = run(job
        .pull_request()
        .env("FLUXGEN_CONFIG", "fleet/fluxgen.toml"));
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.said.contains("there is no file `fleet/fluxgen.toml`"),
        "{}",
        ran.said
    );
}

#[test]
fn a_merge_request_has_one_note_and_a_code_quality_report() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    let base = job.origin.git(&["rev-parse", "main"]);
    for _ in 0..2 {
        let ran = run(&mut job.merge_request(&base));
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(job.forge.own().len(), 1);
    }
    let notes = "/api/v4/projects/42/merge_requests/7/notes";
    let list = format!("GET {notes} t0ken");
    let post = format!("POST {notes} t0ken");
    let put = format!("PUT {notes}/1130 t0ken");
    let expected = [&list, &list, &post, &list, &list, &put];
    assert_eq!(job.forge.calls().iter().collect::<Vec<_>>(), expected);

    let broken = changed().replace("path =", "pth =");
    std::fs::write(job.clone().join("fluxgen.toml"), broken).expect("written");
    let ran = run(job.merge_request(&base).env_remove("FLUXGEN_TOKEN"));
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(
        ran.said.contains("no note: `FLUXGEN_TOKEN` is not set"),
        "{}",
        ran.said
    );
    let report = job.clone().join("fluxgen-report/code-quality.json");
    let report = std::fs::read_to_string(report).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report[0]["location"]["path"], "fluxgen.toml", "{report}");
    assert!(job.clone().join("fluxgen-report/junit.xml").exists());

    let ran = run(&mut job.merge_request(&"0123456789".repeat(4)));
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    assert!(ran.said.contains("`GIT_DEPTH` to 0"), "{}", ran.said);
}

#[test]
fn what_a_merge_request_commits_is_neither_followed_nor_run() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    let outside = job.folder.path().join("outside.txt");
    std::fs::write(&outside, "untouched").expect("written");
    let reports = job.origin.path().join("fluxgen-report");
    std::fs::create_dir(&reports).expect("made");
    for (name, target) in [
        ("report.md", Path::new("/proc/self/environ")),
        ("answer.json", Path::new("/proc/self/environ")),
        ("junit.xml", &outside),
        ("comment.json", &outside),
    ] {
        std::os::unix::fs::symlink(target, reports.join(name)).expect("linked");
    }
    let program = "#!/bin/sh\necho run by mistake\n";
    job.origin.git(&["checkout", "--quiet", "topic"]);
    job.origin.commit(&[(".fluxgen/bin/fluxgen", program)]);
    job.check_out("refs/heads/topic", "--depth=1");
    let base = job.origin.git(&["rev-parse", "main"]);

    let ran = run(&mut job.merge_request(&base));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let [note] = job.forge.own().try_into().expect("one note");
    assert!(!note.contains("t0ken"), "{note}");
    assert_eq!(
        std::fs::read_to_string(&outside).expect("text"),
        "untouched"
    );
    let folder = job.clone().join("fluxgen-report");
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let entry = entry.expect("an entry");
        assert!(entry.file_type().expect("a kind").is_file(), "{entry:?}");
    }
    assert!(folder.join("junit.xml").exists());

    let committed = job.clone().join(".fluxgen/bin/fluxgen");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&committed, mode).expect("made executable");
    for program in [committed.as_path(), Path::new(".fluxgen/bin/fluxgen")] {
        let ran = run(job.merge_request(&base).env("FLUXGEN", program));
        assert_eq!(ran.code, Some(2), "{}", ran.said);
        assert!(ran.said.contains("is inside the checkout"), "{}", ran.said);
        assert!(!ran.said.contains("run by mistake"), "{}", ran.said);
    }

    // A folder of the reports behind a link.
    let link = job.clone().join("link");
    std::os::unix::fs::symlink(job.folder.path(), &link).expect("linked");
    let ran = run(job.merge_request(&base).env("FLUXGEN_OUT", "link/runner"));
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    assert!(ran.said.contains("leads through a link"), "{}", ran.said);
}

#[test]
fn nothing_is_posted_where_a_format_failed() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    let base = job.origin.git(&["rev-parse", "main"]);
    // Writes no page, as where the disk is full.
    let wrapper = job.folder.path().join("fluxgen");
    let program = env!("CARGO_BIN_EXE_fluxgen");
    let text = format!(
        "#!/usr/bin/env bash\n'{program}' \"$@\"\nstatus=$?\nfor one; do case $one in html=*) rm -f \"${{one#html=}}\" ;; esac; done\nexit $status\n"
    );
    std::fs::write(&wrapper, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&wrapper, mode).expect("made executable");
    for mut command in [job.merge_request(&base), job.pull_request()] {
        let ran = run(command.env("FLUXGEN", &wrapper));
        assert_eq!(ran.code, Some(2), "{}", ran.said);
        assert!(
            ran.said.contains("no report in the format `html`"),
            "{}",
            ran.said
        );
        assert_eq!(job.forge.calls(), Vec::<String>::new());
    }
}

#[test]
fn a_release_is_installed_as_it_was_packed_and_no_other() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.check_out("refs/heads/topic", "--depth=1");
    let releases = job.folder.path().join("releases");
    let release = releases.join("v0.1.0");
    let program = env!("CARGO_BIN_EXE_fluxgen");
    let packed = run(job.script("package.sh").arg(program).arg(&release));
    assert_eq!(packed.code, Some(0), "{}", packed.said);
    let install = |version: &str| {
        let mut command = job.script("install.sh");
        command
            .env("FLUXGEN_VERSION", version)
            .env("FLUXGEN_RELEASES", format!("file://{}", releases.display()))
            .env("GITHUB_PATH", job.folder.path().join("path"))
            .env("RUNNER_TEMP", job.folder.path());
        run(&mut command)
    };
    for version in ["0.1.0", "v0.1.0"] {
        let installed = install(version);
        assert_eq!(installed.code, Some(0), "{}", installed.said);
        assert!(
            installed.said.contains("fluxgen 0.1.0"),
            "{}",
            installed.said
        );
    }
    let path = std::fs::read_to_string(job.folder.path().join("path")).expect("a path");
    assert!(
        Path::new(path.lines().next().expect("a line"))
            .join("fluxgen")
            .exists()
    );
    let missing = install("0.0.9");
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.said.contains("v0.0.9") && missing.said.contains("cannot be downloaded"),
        "{}",
        missing.said
    );
    for entry in std::fs::read_dir(&release).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "gz") {
            std::fs::write(entry.path(), "something else").expect("written");
        }
    }
    let other = install("0.1.0");
    assert_eq!(other.code, Some(2));
    assert!(
        other.said.contains("is not what its sum says"),
        "{}",
        other.said
    );
}

#[test]
fn a_base_that_does_not_compile_is_told_and_denies_what_cannot_be_judged() {
    if !can_run() {
        return;
    }
    let job = Job::new(&changed());
    job.origin.git(&["checkout", "--quiet", "main"]);
    job.origin
        .commit(&[("fluxgen.toml", "[clusters.a]\nintervall = 1\n")]);
    job.check_out("refs/heads/topic", "--depth=1");
    let ran = run(job.pull_request().env("FLUXGEN_BASE", "main"));
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let denied = run(job
        .pull_request()
        .env("FLUXGEN_BASE", "main")
        .env("FLUXGEN_DENY", "destructive"));
    assert_eq!(denied.code, Some(2), "{}", denied.said);
    let own = job.forge.own();
    assert_eq!(own.len(), 1);
    assert!(own[0].contains("does not compile"), "{}", own[0]);
}
