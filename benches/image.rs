//! `cargo bench --bench image`: what the image checks cost, and how fast the policy laboratory is.
//!
//! Times are medians in milliseconds on the machine that runs it, beside the budgets they are held to.

use std::fmt::Write as _;
use std::time::Instant;

use camino::Utf8Path;
use fluxgen::image::evaluation::evaluate;
use fluxgen::image::policy::{Filter, Policy};
use fluxgen::image::scan::scan;
use fluxgen::image::{lint, report};
use fluxgen::project::Project;
use fluxgen::tree;

const CLUSTERS: usize = 10;
const RESOURCES: usize = 100;
const RUNS: usize = 11;

fn fleet() -> String {
    let mut text = String::from(
        "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[flux]\nversion = \"2.9.4\"\n\
         componentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\n",
    );
    for cluster in 0..CLUSTERS {
        writeln!(
            text,
            "[clusters.c{cluster}]\nvars.domain = \"c{cluster}.example\""
        )
        .expect("written");
    }
    for app in 0..RESOURCES {
        writeln!(
            text,
            "[kustomizations.app-{app}]\npath = \"./apps/{app}/${{{{ cluster.name }}}}\"\n\
             images = [{{ name = \"app\", newTag = {{ imagePolicy = \"app:tag\", initial = \"1.2.{app}\" }} }}]"
        )
        .expect("written");
    }
    text.push_str(
        "[images.app]\nimage = \"ghcr.io/acme/app\"\npolicy.semver.range = \"1.x\"\n[imageUpdates.main]\n\
         git.commit.author.email = \"bot@acme.example\"\nupdate.path = \"./\"\n",
    );
    text
}

/// The median of what `run` takes, in milliseconds.
fn median(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn checked(config: &Utf8Path, with_images: bool) {
    let mut project = Project::open(config, &[]).expect("a project");
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let built = project.built.as_ref().and_then(|built| built.tree.as_ref());
    let built = built.expect("it compiles");
    let plan = tree::plan(
        built,
        &project.existing,
        &project.config,
        &[],
        &mut diagnostics,
    );
    assert_eq!(plan.clusters.len(), CLUSTERS);
    if with_images {
        scan(&mut project, &mut diagnostics);
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
    let config = root.join("fluxgen.toml");
    std::fs::write(&config, fleet()).expect("written");
    let mut project = Project::open(&config, &[]).expect("a project");
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let built = project
        .built
        .as_ref()
        .and_then(|built| built.tree.as_ref())
        .expect("it compiles");
    tree::plan(
        built,
        &project.existing,
        &project.config,
        &[],
        &mut diagnostics,
    )
    .carry_out(root)
    .expect("written");

    let without = median(|| checked(&config, false));
    let with = median(|| checked(&config, true));
    println!(
        "check, {CLUSTERS} clusters of {RESOURCES} marked resources: {without:.1} ms, with the image checks {with:.1} ms, \
         {:+.1} % (budget 10 %)",
        (with / without - 1.0) * 100.0
    );

    for number in 0..5000 {
        let folder = root.join(format!("apps/{}", number % 50));
        std::fs::create_dir_all(&folder).expect("made");
        let marker = match number % 10 {
            0 => " # {\"$imagepolicy\": \"flux-system:app\"}",
            _ => "",
        };
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\nspec:\n  template:\n    spec:\n      \
             containers:\n      - name: web\n        image: ghcr.io/acme/app:1.2.3{marker}\n"
        );
        std::fs::write(folder.join(format!("{number}.yaml")), text).expect("written");
    }
    let with_files = median(|| checked(&config, true));
    println!(
        "scan of 5000 files, 500 of them marked: {:.1} ms (budget 1000 ms)",
        with_files - with
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
        let time = median(|| {
            let evaluation = evaluate(policy, filter, tags);
            lint::lint(policy, filter, &evaluation);
            assert!(report::table(&evaluation).len() > tags.len());
        });
        println!("image test over 10000 tags, {name}: {time:.1} ms (budget 50 ms)");
    }
}
