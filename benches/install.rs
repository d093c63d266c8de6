//! `cargo bench --bench install`: what the install manifests of a fleet cost.
//!
//! Times are medians in milliseconds on the machine that runs it, beside the budget. The release is Flux's own
//! where it lies beside the repository, else the small one of the tests, which is said.

use std::path::Path;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use fluxgen::install::{Manifests, Mode, Options, Releases, build};
use semver::Version;

const CLUSTERS: usize = 100;
const RUNS: usize = 21;
/// Per transformation.
const BUDGET: f64 = 20.0;

const OWN: [(&str, &str); 7] = [
    ("rbac.yaml", include_str!("../tests/install/rbac.yaml")),
    (
        "policies.yaml",
        include_str!("../tests/install/policies.yaml"),
    ),
    (
        "source-controller.yaml",
        include_str!("../tests/install/source-controller.yaml"),
    ),
    (
        "kustomize-controller.yaml",
        include_str!("../tests/install/kustomize-controller.yaml"),
    ),
    (
        "helm-controller.yaml",
        include_str!("../tests/install/helm-controller.yaml"),
    ),
    (
        "notification-controller.yaml",
        include_str!("../tests/install/notification-controller.yaml"),
    ),
    (
        "source-watcher.yaml",
        include_str!("../tests/install/source-watcher.yaml"),
    ),
];

/// The release's folder: the real one where it is, else one that is written here.
fn release(scratch: &Utf8Path) -> (Utf8PathBuf, bool) {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/flux/v2.9.4/manifests");
    if let (true, Ok(real)) = (real.is_dir(), Utf8PathBuf::from_path_buf(real)) {
        return (real, true);
    }
    let folder = scratch.join("flux");
    std::fs::create_dir(&folder).expect("made");
    for (name, text) in OWN {
        std::fs::write(folder.join(name), text).expect("written");
    }
    (folder, false)
}

/// The options of each cluster, of which `distinct` differ.
fn fleet(distinct: usize, is_real: bool) -> Vec<Options> {
    (0..CLUSTERS)
        .map(|at| {
            let mut options = Options::new(Version::new(2, 9, 4));
            options.components_extra = vec!["source-watcher".to_owned()];
            if is_real {
                options.components_extra.extend(
                    ["image-reflector-controller", "image-automation-controller"]
                        .map(str::to_owned),
                );
            }
            options.cluster_domain = format!("c{}.acme.example", at % distinct);
            options
        })
        .collect()
}

/// The median of what `run` takes, in milliseconds, and what it gave.
fn median<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut last = run();
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            last = run();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], last)
}

fn main() {
    let scratch = tempfile::tempdir().expect("a folder");
    let scratch = Utf8Path::from_path(scratch.path()).expect("UTF-8");
    let (folder, is_real) = release(scratch);
    let config = scratch.join("fluxgen.toml");
    let size: u64 = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .and_then(|entry| entry.metadata())
                .map_or(0, |metadata| metadata.len())
        })
        .sum();
    let which = match is_real {
        true => "Flux 2.9.4, all components",
        false => "the tests' own small release (Flux's own is not beside the repository)",
    };
    println!("release: {which}, {} kB", size / 1000);

    let read = || {
        Manifests::new(std::fs::read_dir(&folder).expect("a folder").map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read_to_string(&path).expect("UTF-8"))
        }))
    };
    let options = &fleet(1, is_real)[0];
    let (first, text) = median(|| build(&read(), options).expect("builds").text());
    let manifests = read();
    let (next, _) = median(|| build(&manifests, options).expect("builds").text());
    println!(
        "one transformation: {first:.1} ms with the release read, {next:.1} ms after it, {} kB (budget {BUDGET} ms)",
        text.len() / 1000
    );

    for distinct in [1, 10, CLUSTERS] {
        let fleet = fleet(distinct, is_real);
        let (time, made) = median(|| {
            let mut releases = Releases::open(&config, Mode::Offline, false).expect("opened");
            for options in &fleet {
                let text = releases.text(Some(folder.as_str()), options, std::iter::empty());
                text.expect("a manifest");
            }
            releases.transformations()
        });
        assert_eq!(made, distinct, "one transformation for each set of options");
        println!(
            "{CLUSTERS} clusters with {distinct} sets of options: {made} transformations, {time:.1} ms, {:.1} ms each (budget {BUDGET} ms)",
            time / made as f64
        );
    }
}
