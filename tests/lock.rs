//! `fluxgen lock` and the builds after it, through the real program against a server on this machine.

mod flux;

#[path = "flux/terminal.rs"]
mod terminal;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};

use flux::server::{Reply, Server, ok, redirect};
use flux::{Scene, archive, archive_with};

const COMPONENTS: &str = "clusters/staging/flux-system/gotk-components.yaml";
const PATH: &str = "/v2.9.4/manifests.tar.gz";

/// Two clusters with other options and one that another takes care of.
fn scene(server: &Server) -> Scene {
    server.set(PATH, ok(archive()));
    let scene = Scene::new(&format!(
        r#"[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
install = "release"
version = "2.9.4"
distribution = "{}"
[clusters.staging]
[clusters.prod]
flux.logLevel = "debug"
[clusters.dev]
flux.install = "none"
flux.version = "2.6.4"
[kustomizations.apps]
path = "./apps"
"#,
        server.base
    ));
    fs_err::remove_dir_all(scene.path("flux")).expect("removed");
    scene
}

/// A text without what differs from run to run.
fn shown(text: &str, server: &Server, scene: &Scene) -> String {
    let folder = scene.folder.path().display().to_string();
    text.replace(&server.base, "http://HOST")
        .replace(&folder, ".")
        .lines()
        .map(|line| match line.split_once("sha256 ") {
            Some((before, _)) if !line.contains("was") => format!("{before}sha256 …\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn lock_fetches_once_what_all_clusters_need_and_says_so() {
    let server = Server::start();
    let scene = scene(&server);
    let (out, err) = scene.expect(0, &["lock"]);
    let size = archive().len();
    assert_eq!(
        shown(&out, &server, &scene),
        format!(
            "Flux 2.9.4: locked\n  http://HOST{PATH}\n  {size} bytes, sha256 …\nfluxgen.lock: 1 release, 2 install manifests\n"
        )
    );
    assert_eq!(err, "");
    assert_eq!((server.requests(), scene.cached().len()), (1, 1));
    let text = scene.read("fluxgen.lock");
    assert_eq!(text.matches("[[release]]").count(), 1, "{text}");
    assert_eq!(text.matches("[[install]]").count(), 2, "{text}");
    assert!(text.contains(&format!("size = {size}\n")), "{text}");
    assert!(!scene.exists("clusters"), "lock writes no tree");

    // A second run changes nothing and says so.
    let before = fs_err::metadata(scene.path("fluxgen.lock")).expect("there");
    for args in [&["lock"][..], &["lock", "--offline"], &["lock", "--locked"]] {
        let (out, err) = scene.expect(0, args);
        assert_eq!(
            (out.as_str(), err.as_str()),
            ("fluxgen.lock is up to date\n", "")
        );
    }
    let after = fs_err::metadata(scene.path("fluxgen.lock")).expect("there");
    assert_eq!(
        before.modified().expect("a time"),
        after.modified().expect("a time")
    );
    assert_eq!(server.requests(), 1);

    // And no build after it asks the server or changes the lock.
    scene.expect(0, &["build", "--offline", "--locked"]);
    scene.expect(0, &["check"]);
    assert_eq!(server.requests(), 1);
    assert_eq!(scene.read("fluxgen.lock"), text);
}

#[test]
fn a_committed_tree_needs_neither_cache_nor_network_and_lock_fills_the_cache_again() {
    let server = Server::start();
    let scene = scene(&server);
    scene.expect(0, &["build"]);
    scene.empty_cache();
    scene.expect(0, &["build", "--offline", "--locked"]);
    scene.expect(0, &["check"]);
    scene.expect(0, &["diff"]);
    assert_eq!(server.requests(), 1);
    // Somebody's edit of the committed manifest is not taken for Flux's.
    let text = scene.read(COMPONENTS);
    scene.write(COMPONENTS, &text.replace("replicas: 1", "replicas: 3"));
    let (_, err) = scene.expect(2, &["build", "--offline"]);
    assert!(
        err.contains("is not at hand, and this run may not download it"),
        "{err}"
    );
    let (out, _) = scene.expect(0, &["lock"]);
    assert!(out.starts_with("Flux 2.9.4: fetched again\n"), "{out}");
    assert!(out.ends_with("fluxgen.lock is up to date\n"), "{out}");
    scene.expect(0, &["build", "--offline", "--locked"]);
    assert_eq!(scene.read(COMPONENTS), text);
}

#[test]
fn what_a_mirror_serves_anew_is_refused_until_the_lock_is_updated() {
    let server = Server::start();
    let scene = scene(&server);
    scene.expect(0, &["build"]);
    let (lock, tree) = (scene.read("fluxgen.lock"), scene.read(COMPONENTS));
    scene.empty_cache();
    server.set(PATH, ok(archive_with(&[("x.yaml", "a: 1\n")])));
    let (_, err) = scene.expect(2, &["lock"]);
    assert!(err.contains("the lock says"), "{err}");
    assert!(err.contains("`fluxgen lock --update`"), "{err}");
    assert!(err.ends_with("fluxgen.lock is left as it was\n"), "{err}");
    scene.write(
        "fluxgen.toml",
        &scene.read("fluxgen.toml").replace("\"debug\"", "\"error\""),
    );
    let (_, err) = scene.expect(2, &["build"]);
    assert!(err.contains("the lock says"), "{err}");
    assert_eq!(
        (scene.read("fluxgen.lock"), scene.read(COMPONENTS)),
        (lock.clone(), tree)
    );
    assert!(scene.cached().is_empty(), "nothing is kept of it");
    let (out, _) = scene.expect(0, &["lock", "--update"]);
    assert!(
        out.starts_with("Flux 2.9.4: locked anew, sha256 was "),
        "{out}"
    );
    assert_ne!(scene.read("fluxgen.lock"), lock);
    scene.expect(0, &["build", "--locked"]);
    // Fetched again as it is, the lock stays as it is.
    let (out, _) = scene.expect(0, &["lock", "--update"]);
    assert!(out.ends_with("fluxgen.lock is up to date\n"), "{out}");
}

#[test]
fn locked_and_offline_refuse_what_is_not_there_and_write_nothing() {
    let server = Server::start();
    let scene = scene(&server);
    for (args, said) in [
        (
            &["lock", "--offline"][..],
            "the release of Flux 2.9.4 is not at hand",
        ),
        (
            &["lock", "--locked"],
            "Flux 2.9.4 is not in the lock, and --locked forbids to add it",
        ),
    ] {
        let (out, err) = scene.expect(2, args);
        assert_eq!(out, "");
        assert!(err.contains(said), "{err}");
        assert!(err.contains("fluxgen.toml:"), "{err}");
    }
    let (_, err) = scene.expect(2, &["build", "--locked"]);
    assert!(err.contains("--locked forbids"), "{err}");
    assert_eq!(server.requests(), 0);
    assert!(!scene.exists("fluxgen.lock") && !scene.exists("clusters"));
    // An option set more changes the lock, though the release is there.
    scene.expect(0, &["lock"]);
    let text = scene.read("fluxgen.toml");
    scene.write("fluxgen.toml", &text.replace("\"debug\"", "\"error\""));
    for command in ["lock", "build"] {
        let (_, err) = scene.expect(2, &[command, "--locked"]);
        assert!(
            err.contains("fluxgen.lock` is not up to date and --locked forbids"),
            "{err}"
        );
    }
    assert!(!scene.exists("clusters"));
}

#[test]
fn lock_drops_what_no_cluster_needs_and_build_of_one_cluster_does_not() {
    let server = Server::start();
    let scene = scene(&server);
    server.set("/v2.8.8/manifests.tar.gz", ok(flux::archive_of_2_8()));
    let text = scene.read("fluxgen.toml");
    let two = text.replace(
        "[clusters.prod]",
        "[clusters.prod]\nflux.version = \"2.8.8\"",
    );
    scene.write("fluxgen.toml", &two);
    let (out, _) = scene.expect(0, &["lock"]);
    assert!(
        out.ends_with("fluxgen.lock: 2 releases, 2 install manifests\n"),
        "{out}"
    );
    let lock = scene.read("fluxgen.lock");
    assert!(lock.find("2.8.8") < lock.find("2.9.4"), "{lock}");
    scene.expect(0, &["build", "--cluster", "staging"]);
    assert_eq!(scene.read("fluxgen.lock"), lock);
    scene.write("fluxgen.toml", &text);
    let (out, _) = scene.expect(0, &["lock"]);
    assert!(
        out.contains("Flux 2.8.8: dropped, no cluster needs it\n"),
        "{out}"
    );
    scene.write("fluxgen.toml", &text.replace("\"release\"", "\"none\""));
    let (out, _) = scene.expect(0, &["lock"]);
    assert!(
        out.ends_with("fluxgen.lock: empty, no cluster installs Flux from an archive\n"),
        "{out}"
    );
    let (out, _) = scene.expect(0, &["lock"]);
    assert_eq!(
        out,
        "nothing to lock: no cluster installs Flux from an archive\n"
    );
}

#[test]
fn a_local_archive_is_held_to_the_lock_and_the_tree_stands_for_it() {
    let server = Server::start();
    let scene = scene(&server);
    let text = scene
        .read("fluxgen.toml")
        .replace(&server.base, "vendor/flux-{version}.tar.gz");
    scene.write("fluxgen.toml", &text);
    scene.write("vendor/README", "");
    let path = scene.path("vendor/flux-2.9.4.tar.gz");
    fs_err::write(&path, archive()).expect("written");
    let (out, _) = scene.expect(0, &["lock", "--offline"]);
    assert!(
        out.starts_with("Flux 2.9.4: locked\n  vendor/flux-2.9.4.tar.gz\n"),
        "{out}"
    );
    scene.expect(0, &["build", "--offline", "--locked"]);
    let tree = scene.read(COMPONENTS);
    // Another archive in its place.
    fs_err::write(&path, archive_with(&[("x.yaml", "a: 1\n")])).expect("written");
    scene.write("fluxgen.toml", &text.replace("\"debug\"", "\"error\""));
    let (_, err) = scene.expect(2, &["build"]);
    assert!(err.contains("`vendor/flux-2.9.4.tar.gz` has"), "{err}");
    assert!(err.contains("the lock says"), "{err}");
    assert_eq!(scene.read(COMPONENTS), tree);
    // Without the archive, the tree stands for it.
    scene.write("fluxgen.toml", &text);
    fs_err::remove_file(&path).expect("removed");
    scene.expect(0, &["build", "--offline", "--locked"]);
    assert_eq!((server.requests(), scene.cached().len()), (0, 0));
}

#[test]
fn each_cluster_may_have_its_own_distribution() {
    let server = Server::start();
    let scene = scene(&server);
    let text = scene.read("fluxgen.toml").replace(
        "flux.logLevel = \"debug\"",
        "flux.distribution = \"mine\"\n[clusters.edge]\nflux.distribution = \"mine.tar.gz\"\n\
         [clusters.far]\nflux.distribution = \"gotk.yaml\"",
    );
    for (name, file) in flux::FILES {
        scene.write(
            &format!("mine/{name}"),
            &file.replace("v1.9.0", "v1.9.0-mine"),
        );
    }
    fs_err::write(scene.path("mine.tar.gz"), archive()).expect("written");
    scene.write("fluxgen.toml", &text);
    scene.write(
        "gotk.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n",
    );
    scene.expect(0, &["build"]);
    let of = |name: &str| scene.read(&format!("clusters/{name}/flux-system/gotk-components.yaml"));
    assert!(of("prod").contains("helm-controller:v1.6.0") && of("prod").contains("v1.9.0-mine"));
    assert!(of("staging").contains("source-controller:v1.9.0\n"));
    assert_eq!(of("staging"), of("edge"));
    assert!(of("far").ends_with("  name: flux-system\n"));
    assert_eq!(scene.read("fluxgen.lock").matches("[[release]]").count(), 4);
}

#[test]
fn a_release_that_is_refused_leaves_nothing_behind() {
    let server = Server::start();
    let scene = scene(&server);
    let error = Reply {
        status: "503 Service Unavailable",
        ..ok(b"no".to_vec())
    };
    let mut escaping = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    escaping
        .append_link(&mut header, "rbac.yaml", "/etc/passwd")
        .expect("appended");
    let escaping = escaping
        .into_inner()
        .expect("a tar")
        .finish()
        .expect("a gzip");
    for (reply, said) in [
        (error, "answered 503"),
        (redirect("http://mirror.example/x"), "which is not https"),
        (ok(escaping), "is no file or folder but Symlink"),
        (ok(archive()[..200].to_vec()), "is refused"),
        (ok(b"<html>".to_vec()), "is refused"),
    ] {
        server.set(PATH, reply);
        for command in ["lock", "build"] {
            let (out, err) = scene.expect(2, &[command]);
            assert_eq!(out, "");
            assert!(err.contains(said), "{said}: {err}");
            assert!(
                err.contains("error[flux-release-unavailable]") && err.contains("help:"),
                "{err}"
            );
        }
        assert!(
            !scene.exists("fluxgen.lock") && !scene.exists("clusters"),
            "{said}"
        );
        assert!(scene.cached().is_empty(), "{said}");
    }
}

#[test]
fn many_at_once_on_one_cache_end_with_the_same_whole_files() {
    let server = Server::start();
    let scene = scene(&server);
    let running: Vec<_> = (0..8)
        .map(|at| {
            let command = if at % 2 == 0 { "lock" } else { "build" };
            let mut command = scene.command(&[command]);
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
    }
    let cached = scene.cached();
    assert_eq!(cached.len(), 1, "{cached:?}");
    assert_eq!(fs_err::read(&cached[0]).expect("read"), archive());
    let (out, _) = scene.expect(0, &["lock", "--offline"]);
    assert_eq!(out, "fluxgen.lock is up to date\n");
    scene.expect(0, &["diff"]);
    let left: Vec<String> = fs_err::read_dir(scene.folder.path())
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.contains("tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn proxies_come_from_the_environment() {
    let proxy = Server::start();
    let scene = scene(&proxy);
    let text = scene
        .read("fluxgen.toml")
        .replace(&proxy.base, "https://mirror.example/flux");
    scene.write("fluxgen.toml", &text);
    let output = scene
        .command(&["lock"])
        .env("HTTPS_PROXY", &proxy.base)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        proxy.lines(),
        ["CONNECT mirror.example:443 HTTP/1.1"],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let without = scene
        .command(&["lock"])
        .env("HTTPS_PROXY", &proxy.base)
        .env("NO_PROXY", "mirror.example")
        .output()
        .expect("it runs");
    assert_eq!(without.status.code(), Some(2));
    assert_eq!(proxy.requests(), 1, "NO_PROXY is heeded");
}

#[test]
fn faults_of_the_toml_file_are_told_before_anything_is_fetched() {
    let server = Server::start();
    let scene = scene(&server);
    let text = scene.read("fluxgen.toml");
    scene.write(
        "fluxgen.toml",
        &text.replace("version = \"2.9.4\"\ndist", "version = \"2.9\"\ndist"),
    );
    let (out, err) = scene.expect(1, &["lock"]);
    assert_eq!(out, "");
    assert!(err.contains("`2.9` is no Flux version"), "{err}");
    assert_eq!(server.requests(), 0);
    let (_, err) = scene.expect(2, &["lock", "--update", "--offline"]);
    assert!(err.contains("cannot be used with"), "{err}");
    // A resource's fault does not keep the releases from being locked.
    scene.write(
        "fluxgen.toml",
        &text.replace("path = \"./apps\"", "dependsOn = [\"none\"]"),
    );
    scene.expect(0, &["lock"]);
    scene.write("fluxgen.lock", "version = 9\n");
    let (_, err) = scene.expect(2, &["lock"]);
    assert!(err.contains("its form is 9; this fluxgen reads 1"), "{err}");
}

/// A server that sends half of the release, and the rest when it is told to.
fn slow_server() -> (String, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (go_on, told) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        for line in reader.lines() {
            if line.expect("a line").is_empty() {
                break;
            }
        }
        let body = archive();
        let (first, second) = body.split_at(body.len() / 2);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(first).expect("sent");
        told.recv().ok();
        stream.write_all(second).expect("sent");
    });
    (base, go_on)
}

fn slow_scene() -> (Scene, Sender<()>) {
    let server = Server::start();
    let scene = scene(&server);
    let (base, go_on) = slow_server();
    let text = scene.read("fluxgen.toml").replace(&server.base, &base);
    scene.write("fluxgen.toml", &text);
    (scene, go_on)
}

#[test]
fn a_download_that_takes_a_while_is_shown_on_a_terminal_and_taken_away() {
    for command in ["lock", "build"] {
        let (scene, go_on) = slow_scene();
        let mut command = scene.command(&[command]);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let (child, mut screen) = terminal::start(&mut command);
        screen.wait_for(PATH, "");
        screen.wait_for(" of ", "");
        go_on.send(()).expect("it waits");
        let shown = screen.rest();
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{shown}");
        assert!(shown.contains("[="), "{shown}");
        // The line is taken back: nothing is left after the last return.
        let last = shown.rsplit('\r').next().unwrap_or_default();
        assert_eq!(last.replace("\u{1b}[2K", "").trim(), "", "{shown:?}");
        assert!(!shown.contains("\u{1b}[3"), "no colour: {shown:?}");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(!out.contains("[="), "{out}");
    }
}

#[test]
fn a_download_is_not_shown_where_nobody_can_watch() {
    let wait = std::time::Duration::from_millis(700);
    // A log.
    let (scene, go_on) = slow_scene();
    let teller = std::thread::spawn(move || {
        std::thread::sleep(wait);
        go_on.send(()).ok();
    });
    let (_, err) = scene.expect(0, &["lock"]);
    teller.join().expect("told");
    assert_eq!(err, "");
    // A terminal that cannot take a line back.
    let (scene, go_on) = slow_scene();
    let (child, screen) = terminal::start(scene.command(&["lock"]).env("TERM", "dumb"));
    std::thread::sleep(wait);
    go_on.send(()).expect("it waits");
    assert_eq!(screen.rest(), "");
    assert!(child.wait_with_output().expect("it ends").status.success());
}

#[test]
fn a_download_that_fails_is_no_fault_of_the_toml_file() {
    let server = Server::start();
    let scene = scene(&server);
    let failing = Reply {
        status: "503 Service Unavailable",
        ..ok(Vec::new())
    };
    server.set(PATH, failing);
    for args in [
        &["lock"][..],
        &["build"],
        &["build", "--dry-run"],
        &["build", "--offline"],
        &["check"],
        &["diff"],
        &["graph"],
        &["bootstrap", "--cluster", "staging", "--dry-run"],
    ] {
        let (_, err) = scene.expect(2, args);
        assert!(
            err.contains("error[flux-release-unavailable]"),
            "{args:?}: {err}"
        );
    }
    // What the TOML file says wrong is a finding.
    let text = scene.read("fluxgen.toml").replace(&server.base, "nowhere");
    scene.write("fluxgen.toml", &text);
    for args in [&["lock"][..], &["build"], &["check"]] {
        let (_, err) = scene.expect(1, args);
        assert!(err.contains("error[flux-release]"), "{args:?}: {err}");
    }
    assert!(!scene.exists("fluxgen.lock") && !scene.exists("clusters"));
}
