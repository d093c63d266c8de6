//! `cargo bench --bench image`: what the image checks cost, and how fast the policy laboratory is.
//!
//! Each figure is the median of several runs in this process, as elapsed time and as CPU time of all threads,
//! beside the budget it is held to. What is compared is run by turns, so that other work on the machine slows
//! both alike.

#[path = "support/fleet.rs"]
mod fleet;

use std::fmt;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use fleet::Fleet;
use fluxgen::image::evaluation::evaluate;
use fluxgen::image::policy::{Filter, Policy};
use fluxgen::image::scan::scan;
use fluxgen::image::{lint, report};
use fluxgen::project::Project;

const CLUSTERS: usize = 10;
const RESOURCES: usize = 100;
const RUNS: usize = 21;

/// An automation for the files beside the tree.
const APPS: &str = r#"
[imageUpdates.apps]
sourceRef               = { kind = "GitRepository", name = "flux-system" }
update.path             = "./apps"
git.commit.author.email = "flux@acme.example"
"#;

/// What one run took.
#[derive(Clone, Copy)]
struct Taken {
    wall: Duration,
    /// Of all threads.
    cpu: Duration,
}

/// Displays both in milliseconds.
impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "{:.1} ms ({:.1} ms CPU)",
            milliseconds(self.wall),
            milliseconds(self.cpu)
        )
    }
}

fn cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer lives as long as the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    let seconds = u64::try_from(time.tv_sec).expect("a time");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("a time"))
}

/// The medians of what each of `runs` takes, run by turns.
fn medians<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [Taken; N] {
    let mut taken = [const { Vec::new() }; N];
    for _ in 0..RUNS {
        for (run, taken) in runs.iter_mut().zip(&mut taken) {
            let (start, cpu_start) = (Instant::now(), cpu());
            run();
            taken.push(Taken {
                wall: start.elapsed(),
                cpu: cpu() - cpu_start,
            });
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[RUNS / 2]
    };
    taken.map(|taken| Taken {
        wall: median(taken.iter().map(|taken| taken.wall).collect()),
        cpu: median(taken.iter().map(|taken| taken.cpu).collect()),
    })
}

fn percent_more(with: Duration, without: Duration) -> f64 {
    (with.as_secs_f64() / without.as_secs_f64() - 1.0) * 100.0
}

fn checked(config: &Utf8Path, with_images: bool) {
    let mut project = Project::open(config, &[]).expect("a project");
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    let plan = plan.expect("it compiles");
    assert_eq!(plan.clusters.len(), CLUSTERS);
    if with_images {
        scan(&mut project, &mut diagnostics);
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    }
}

fn build(root: &Utf8Path, config: &Utf8Path) {
    let mut project = Project::open(config, &[]).expect("a project");
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    project
        .plan(&[], &mut diagnostics)
        .expect("it compiles")
        .carry_out(root)
        .expect("written");
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
    let config = root.join("fluxgen.toml");
    let fleet = Fleet {
        clusters: CLUSTERS,
        resources: RESOURCES,
    };
    fleet.write(root.as_std_path()).expect("written");
    build(root, &config);
    let [without, with] = medians([&mut || checked(&config, false), &mut || {
        checked(&config, true);
    }]);
    println!(
        "check, {CLUSTERS} clusters of {RESOURCES} resources: {without}, with the image checks {with}, \
         {:+.1} % ({:+.1} % CPU; budget 10 %)",
        percent_more(with.wall, without.wall),
        percent_more(with.cpu, without.cpu)
    );

    for number in 0..5000 {
        let folder = root.join(format!("apps/{}", number % 50));
        std::fs::create_dir_all(&folder).expect("made");
        let marker = match number % 10 {
            0 => " # {\"$imagepolicy\": \"flux-system:stack-01\"}",
            _ => "",
        };
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\nspec:\n  template:\n    spec:\n      \
             containers:\n      - name: web\n        image: ghcr.io/acme/stack-01:1.4.2{marker}\n"
        );
        std::fs::write(folder.join(format!("{number}.yaml")), text).expect("written");
    }
    let toml = std::fs::read_to_string(&config).expect("read");
    std::fs::write(&config, format!("{toml}{APPS}")).expect("written");
    build(root, &config);
    let [with_files] = medians([&mut || checked(&config, true)]);
    println!(
        "the same with 5000 files beside the tree, 500 of them marked: {with_files} (budget 1000 ms more)"
    );

    let tags: Vec<String> = (0..10_000)
        .map(|number| format!("main-{number:07x}-{}", 1_600_000_000 + number))
        .collect();
    let policy = Policy::numerical("asc").expect("a policy");
    let filter = Filter::new("^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "$ts").expect("a filter");
    let versions: Vec<String> = (0..10_000)
        .map(|number| format!("{}.{}.{}", number / 1000, number / 10 % 100, number % 10))
        .collect();
    let range = Policy::semver(">=1.0.0 <9.0.0").expect("a policy");
    for (name, policy, filter, tags) in [
        ("numerical with a filter", &policy, Some(&filter), &tags),
        ("semver", &range, None, &versions),
    ] {
        let [table] = medians([&mut || {
            let evaluation = evaluate(policy, filter, tags);
            lint::lint(policy, filter, &evaluation);
            assert!(report::table(&evaluation).len() > tags.len());
        }]);
        println!("image test over 10000 tags, {name}: {table} (budget 50 ms)");
    }
}
