//! Releases over the wire and from the disk: the right bytes, or nothing.

use std::io::Read as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::Compression;
use flate2::write::GzEncoder;
use fluxgen::install::{
    Cache, Distribution, Fetch, InstallError, LIMITS, Limits, Local, Lock, Locked, Manifests, Mode,
    Source, unpack,
};
use semver::Version;
use tar::{EntryType, Header};

use crate::flux::server::{Reply, Server, ok, redirect};

const FILES: [(&str, &str); 3] = [
    ("rbac.yaml", include_str!("rbac.yaml")),
    ("policies.yaml", include_str!("policies.yaml")),
    (
        "source-controller.yaml",
        include_str!("source-controller.yaml"),
    ),
];

/// An entry of an archive whose path and kind the tar library would refuse to write.
struct Raw<'a> {
    path: &'a str,
    kind: EntryType,
    link: &'a str,
    data: &'a [u8],
}

fn file<'a>(path: &'a str, data: &'a [u8]) -> Raw<'a> {
    Raw {
        path,
        kind: EntryType::Regular,
        link: "",
        data,
    }
}

fn tarball(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for entry in entries {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(0o644);
        header.set_size(entry.data.len() as u64);
        if !entry.link.is_empty() {
            header.as_mut_bytes()[157..157 + entry.link.len()]
                .copy_from_slice(entry.link.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, entry.data).expect("appended");
    }
    builder
        .into_inner()
        .expect("a tar")
        .finish()
        .expect("a gzip")
}

fn release() -> Vec<u8> {
    tarball(&FILES.map(|(name, text)| file(name, text.as_bytes())))
}

/// A release and one entry more.
fn release_with(entry: Raw<'_>) -> Vec<u8> {
    let mut entries: Vec<_> = FILES
        .iter()
        .map(|(name, text)| file(name, text.as_bytes()))
        .collect();
    entries.push(entry);
    tarball(&entries)
}

fn refused(bytes: &[u8]) -> String {
    match unpack("x.tar.gz", bytes, &LIMITS) {
        Ok(_) => panic!("it was taken"),
        Err(error @ InstallError::Archive { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_archive_holds_the_files_of_a_release() {
    let manifests = unpack("x.tar.gz", &release(), &LIMITS).expect("a release");
    assert_eq!(
        manifests.names().collect::<Vec<_>>(),
        ["policies.yaml", "rbac.yaml", "source-controller.yaml"]
    );
    assert_eq!(manifests.text("rbac.yaml"), Some(FILES[0].1));
    let dotted = FILES.map(|(name, text)| (format!("./{name}"), text));
    let dotted = tarball(
        &dotted
            .each_ref()
            .map(|(name, text)| file(name, text.as_bytes())),
    );
    assert_eq!(
        unpack("x.tar.gz", &dotted, &LIMITS)
            .expect("a release")
            .names()
            .count(),
        3
    );
}

#[test]
fn archives_with_escapes_links_and_devices_are_refused() {
    for path in [
        "../x.yaml",
        "a/../../x.yaml",
        "/etc/x.yaml",
        "a\\..\\x.yaml",
        "C:x.yaml",
    ] {
        assert!(
            refused(&release_with(file(path, b"a: 1\n"))).contains("leads out of the archive"),
            "{path}"
        );
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Fifo,
    ] {
        let entry = Raw {
            path: "x.yaml",
            kind,
            link: "/etc/passwd",
            data: b"",
        };
        assert!(
            refused(&release_with(entry)).contains("is no file or folder"),
            "{kind:?}"
        );
    }
    assert!(refused(&release_with(file("rbac.yaml", b"a: 1\n"))).contains("is there twice"));
    assert!(refused(&release_with(file("x.yaml", b"\xff\xfe"))).contains("UTF-8"));
    assert!(refused(&tarball(&[file("rbac.yaml", b"")])).contains("it has no `policies.yaml`"));
    assert!(refused(b"").contains("is refused"));
    assert!(refused(b"not an archive at all").contains("is refused"));
}

#[test]
fn bombs_are_refused_by_ratio_by_size_and_by_count() {
    let zeros = vec![b' '; 24 << 20];
    assert!(refused(&release_with(file("x.yaml", &zeros))).contains("it unpacks to more than"));
    let small = Limits {
        unpacked: 2000,
        ..LIMITS
    };
    assert!(matches!(
        unpack("x", &release(), &small),
        Err(InstallError::Archive { .. })
    ));
    let few = Limits { files: 2, ..LIMITS };
    assert!(
        unpack("x", &release(), &few)
            .expect_err("three files")
            .to_string()
            .contains("more than 2 files")
    );
    let packed = Limits {
        packed: 10,
        ..LIMITS
    };
    assert!(
        unpack("x", &release(), &packed)
            .expect_err("large")
            .to_string()
            .contains("more than 10 bytes")
    );
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let whole = release();
    for length in 0..whole.len() {
        assert!(
            unpack("x", &whole[..length], &LIMITS).is_err(),
            "{length} of {}",
            whole.len()
        );
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        // A changed byte gives an error or, in the parts of the header that say nothing, the release.
        if let Ok(manifests) = unpack("x", &changed, &LIMITS) {
            assert_eq!(manifests.text("rbac.yaml"), Some(FILES[0].1), "{at}");
        }
    }
}

struct Scene {
    server: Server,
    folder: tempfile::TempDir,
    distribution: Distribution,
}

const PATH: &str = "/v2.9.4/manifests.tar.gz";

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Utf8PathBuf::from_path_buf(folder.path().join("cache")).expect("UTF-8");
    let fetch = Fetch {
        loopback_http: true,
        time_limit: Duration::from_secs(5),
        ..Fetch::default()
    };
    let local = Local::on_disk(Utf8Path::from_path(folder.path()).expect("UTF-8"));
    let server = Server::start();
    server.set(PATH, ok(release()));
    Scene {
        server,
        folder,
        distribution: Distribution {
            cache: Cache::at(cache),
            fetch,
            local,
        },
    }
}

/// `Source::parse` takes https alone.
fn source(server: &Server) -> Source {
    Source::Release {
        base: server.base.clone(),
    }
}

impl Scene {
    fn load(&self, lock: &mut Lock, mode: Mode) -> Result<Manifests, InstallError> {
        self.distribution
            .load(&source(&self.server), &Version::new(2, 9, 4), lock, mode)
    }

    fn cached(&self) -> Vec<std::path::PathBuf> {
        match fs_err::read_dir(self.distribution.cache.folder()) {
            Ok(entries) => entries
                .map(|entry| entry.expect("an entry").path())
                .collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The fault of a load that must leave nothing behind.
    fn fault(&self, lock: &mut Lock, mode: Mode) -> InstallError {
        let before = lock.clone();
        let error = self.load(lock, mode).expect_err("a fault");
        assert_eq!(*lock, before);
        assert_eq!(self.cached(), Vec::<std::path::PathBuf>::new());
        assert!(!error.help().is_empty());
        error
    }
}

#[test]
fn a_release_is_fetched_once_locked_and_kept() {
    let scene = scene();
    let mut lock = Lock::default();
    scene.load(&mut lock, Mode::Online).expect("fetched");
    assert_eq!(scene.server.requests(), 1);
    let (version, url, locked) = lock.releases().next().expect("a release");
    assert_eq!(
        (version.to_string().as_str(), url),
        ("2.9.4", format!("{}{PATH}", scene.server.base).as_str())
    );
    assert_eq!(locked.size, release().len() as u64);
    let before = lock.clone();
    for mode in [Mode::Online, Mode::Offline, Mode::Locked] {
        scene.load(&mut lock, mode).expect("from the cache");
    }
    assert_eq!((scene.server.requests(), &lock), (1, &before));
}

#[test]
fn a_spoilt_cache_is_noticed_and_mended() {
    let scene = scene();
    let mut lock = Lock::default();
    scene.load(&mut lock, Mode::Online).expect("fetched");
    let path = scene.cached().remove(0);
    let mut bytes = fs_err::read(&path).expect("read");
    bytes[20] ^= 1;
    fs_err::write(&path, &bytes).expect("written");
    assert!(matches!(
        scene.load(&mut lock, Mode::Offline),
        Err(InstallError::Offline { .. })
    ));
    scene.load(&mut lock, Mode::Locked).expect("fetched anew");
    assert_eq!(fs_err::read(&path).expect("read"), release());
}

#[test]
fn other_bytes_than_the_lock_says_are_refused() {
    let scene = scene();
    let mut lock = Lock::default();
    let url = format!("{}{PATH}", scene.server.base);
    let size = release().len() as u64;
    lock.add(
        Version::new(2, 9, 4),
        url.as_str(),
        Locked {
            size,
            sha256: "0".repeat(64),
        },
    );
    assert!(matches!(
        scene.fault(&mut lock, Mode::Online),
        InstallError::Digest { .. }
    ));
    lock.add(
        Version::new(2, 9, 4),
        url,
        Locked {
            size: 3,
            sha256: "0".repeat(64),
        },
    );
    assert!(matches!(
        scene.fault(&mut lock, Mode::Locked),
        InstallError::Size { .. }
    ));
}

#[test]
fn offline_and_locked_ask_no_server() {
    let scene = scene();
    let mut lock = Lock::default();
    assert!(matches!(
        scene.fault(&mut lock, Mode::Offline),
        InstallError::Offline { .. }
    ));
    assert!(matches!(
        scene.fault(&mut lock, Mode::Locked),
        InstallError::NotLocked { .. }
    ));
    assert_eq!(scene.server.requests(), 0);
}

#[test]
fn what_a_server_does_wrong_leaves_nothing_behind() {
    let scene = scene();
    let mut lock = Lock::default();
    let mut fault = |reply: Reply| {
        scene.server.set(PATH, reply);
        scene.fault(&mut lock, Mode::Online)
    };
    let error = |status| Reply {
        status,
        ..ok(b"no".to_vec())
    };
    assert!(matches!(
        fault(error("404 Not Found")),
        InstallError::Status { status: 404, .. }
    ));
    assert!(matches!(
        fault(error("500 Internal Server Error")),
        InstallError::Status { status: 500, .. }
    ));
    assert!(matches!(
        fault(redirect("http://example.com/x")),
        InstallError::InsecureRedirect { .. }
    ));
    assert!(matches!(
        fault(redirect("file:///etc/passwd")),
        InstallError::InsecureRedirect { .. } | InstallError::Download { .. }
    ));
    assert!(matches!(
        fault(redirect(PATH)),
        InstallError::TooManyRedirects { .. }
    ));
    let cut = Reply {
        body: release()[..100].to_vec(),
        ..ok(release())
    };
    assert!(matches!(fault(cut), InstallError::Download { .. }));
    let chopped = ok(release()[..release().len() - 9].to_vec());
    assert!(matches!(fault(chopped), InstallError::Archive { .. }));
    let announced = Reply {
        headers: vec!["Content-Length: 99999999999".to_owned()],
        ..ok(Vec::new())
    };
    assert!(matches!(
        fault(announced),
        InstallError::DownloadTooLarge { .. }
    ));
    let endless = Reply {
        headers: Vec::new(),
        ..ok(vec![0; 9 << 20])
    };
    assert!(matches!(
        fault(endless),
        InstallError::DownloadTooLarge { .. }
    ));
    let broken = file("x.yaml", b"a: b: c\n");
    assert!(matches!(
        fault(ok(release_with(broken))),
        InstallError::Yaml { .. }
    ));
    assert!(matches!(
        fault(ok(b"<html>".to_vec())),
        InstallError::Archive { .. }
    ));
}

#[test]
fn a_slow_server_is_given_up_on() {
    let mut scene = scene();
    scene.distribution.fetch.time_limit = Duration::from_millis(300);
    scene.server.set(
        PATH,
        Reply {
            delay: Duration::from_secs(20),
            ..ok(release())
        },
    );
    let begin = std::time::Instant::now();
    assert!(matches!(
        scene.fault(&mut Lock::default(), Mode::Online),
        InstallError::Download { .. }
    ));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn redirects_on_the_way_are_followed() {
    let scene = scene();
    scene.server.set(PATH, redirect("/assets/a.tar.gz?x=1"));
    scene
        .server
        .set("/assets/a.tar.gz?x=1", redirect("b.tar.gz"));
    scene.server.set("/assets/b.tar.gz", ok(release()));
    scene
        .load(&mut Lock::default(), Mode::Locked)
        .expect_err("not in the lock");
    scene
        .load(&mut Lock::default(), Mode::Online)
        .expect("fetched");
    assert_eq!(scene.server.requests(), 3);
}

#[test]
fn local_archives_and_folders_need_no_network_and_are_locked() {
    let scene = scene();
    let base = Utf8Path::from_path(scene.folder.path()).expect("UTF-8");
    fs_err::write(base.join("flux-2.9.4.tar.gz"), release()).expect("written");
    fs_err::create_dir(base.join("flux")).expect("made");
    for (name, text) in FILES {
        fs_err::write(base.join("flux").join(name), text).expect("written");
    }
    fs_err::write(base.join("flux/README.md"), "text").expect("written");
    let load = |text: &str, lock: &mut Lock, mode: Mode| {
        let source = Source::parse(text, base).expect("a source");
        scene
            .distribution
            .load(&source, &Version::new(2, 9, 4), lock, mode)
    };
    let mut lock = Lock::default();
    assert!(matches!(
        load("flux-2.9.4.tar.gz", &mut lock, Mode::Locked),
        Err(InstallError::NotLocked { .. })
    ));
    assert!(matches!(
        load("flux", &mut lock, Mode::Locked),
        Err(InstallError::NotLocked { .. })
    ));
    for text in ["flux-{version}.tar.gz", "flux-2.9.4.tar.gz", "flux"] {
        let found = load(text, &mut lock, Mode::Offline).expect(text);
        assert_eq!(found.names().count(), 3, "{text}");
        load(text, &mut lock, Mode::Locked).expect(text);
    }
    for text in ["none.tar.gz", "none", "flux/README.md", "gotk.yaml"] {
        assert!(
            matches!(
                load(text, &mut lock, Mode::Offline),
                Err(InstallError::Local { .. })
            ),
            "{text}"
        );
    }
    let locked: Vec<_> = lock.releases().map(|(_, url, _)| url).collect();
    assert_eq!(locked, ["flux", "flux-2.9.4.tar.gz"]);
    let other = release_with(file("x.yaml", b"a: 1\n"));
    fs_err::write(base.join("flux-2.9.4.tar.gz"), &other).expect("written");
    let before = lock.clone();
    assert!(matches!(
        load("flux-{version}.tar.gz", &mut lock, Mode::Online),
        Err(InstallError::Size { .. })
    ));
    assert_eq!(lock, before);
    fs_err::remove_file(base.join("flux/rbac.yaml")).expect("removed");
    assert!(
        load("flux", &mut lock, Mode::Offline)
            .expect_err("no rbac")
            .to_string()
            .contains("it has no `rbac.yaml`")
    );
    assert_eq!(scene.server.requests(), 0);
}

#[test]
fn a_reader_of_the_cache_never_sees_a_half() {
    let scene = scene();
    let mut lock = Lock::default();
    scene.load(&mut lock, Mode::Online).expect("fetched");
    assert_eq!(scene.cached().len(), 1, "no temporary file is left");
    let mut bytes = Vec::new();
    fs_err::File::open(&scene.cached()[0])
        .expect("opened")
        .read_to_end(&mut bytes)
        .expect("read");
    assert_eq!(bytes, release());
}
