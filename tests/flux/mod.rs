//! A small release of Flux, and the real program run on a project.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;

pub const FILES: [(&str, &str); 7] = [
    ("rbac.yaml", include_str!("../install/rbac.yaml")),
    ("policies.yaml", include_str!("../install/policies.yaml")),
    (
        "source-controller.yaml",
        include_str!("../install/source-controller.yaml"),
    ),
    (
        "kustomize-controller.yaml",
        include_str!("../install/kustomize-controller.yaml"),
    ),
    (
        "helm-controller.yaml",
        include_str!("../install/helm-controller.yaml"),
    ),
    (
        "notification-controller.yaml",
        include_str!("../install/notification-controller.yaml"),
    ),
    (
        "source-watcher.yaml",
        include_str!("../install/source-watcher.yaml"),
    ),
];

/// The small release as a `manifests.tar.gz`.
pub fn archive() -> Vec<u8> {
    archive_with(&[])
}

/// The small release and some files more.
pub fn archive_with(more: &[(&str, &str)]) -> Vec<u8> {
    let files = FILES.iter().chain(more);
    packed(files.map(|(name, text)| (*name, (*text).to_owned())))
}

/// The small release with the controllers of Flux 2.8.
pub fn archive_of_2_8() -> Vec<u8> {
    let files = FILES.iter();
    packed(files.map(|(name, text)| (*name, text.replace("v1.9.0", "v1.8.0"))))
}

fn packed<'a>(files: impl Iterator<Item = (&'a str, String)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, text.as_bytes())
            .expect("appended");
    }
    let gzip = builder.into_inner().expect("a tar");
    gzip.finish().expect("a gzip")
}

/// A project in a folder of its own, with a cache of its own.
pub struct Scene {
    pub folder: tempfile::TempDir,
    cache: tempfile::TempDir,
}

impl Scene {
    /// With the small release unpacked in `flux/`.
    pub fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let scene = Self {
            folder,
            cache: tempfile::tempdir().expect("a folder"),
        };
        scene.write("fluxgen.toml", toml);
        for (name, text) in FILES {
            scene.write(&format!("flux/{name}"), text);
        }
        scene
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    /// The program on this project, with its cache and no proxy.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fluxgen"));
        command
            .arg("-C")
            .arg(self.folder.path())
            .args(args)
            .env("XDG_CACHE_HOME", self.cache.path());
        for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command
    }

    /// Runs and expects an exit code; gives stdout and stderr.
    pub fn expect(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        (out, err)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path(path)).expect(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(path, text).expect("written");
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The archives in the cache.
    pub fn cached(&self) -> Vec<PathBuf> {
        match fs_err::read_dir(self.cache.path().join("fluxgen/releases")) {
            Ok(entries) => entries
                .map(|entry| entry.expect("an entry").path())
                .collect(),
            Err(_) => Vec::new(),
        }
    }

    pub fn empty_cache(&self) {
        for path in self.cached() {
            fs_err::remove_file(path).expect("removed");
        }
    }
}

/// Flux's releases beside the repository, if they are there.
pub fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/flux");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: ../shared/flux is not here");
    None
}
