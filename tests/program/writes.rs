//! What is written goes nowhere else, and what is cut off leaves nothing.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{command, files, fluxgen, project, read, succeeds, told, write};

fn fleet(interval: &str) -> String {
    let mut text = format!(
        "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[clusters.prod]\n[defaults.kustomizations]\ninterval = \"{interval}\"\n"
    );
    for name in 0..40 {
        text.push_str(&format!("[kustomizations.k{name}]\npath = \"./k{name}\"\n"));
    }
    text
}

/// Names of files that are only there while something is written.
fn leftovers(folder: &Path) -> Vec<String> {
    let all = files(folder).into_keys();
    all.filter(|path| path.contains(".fluxgen-")).collect()
}

#[test]
fn a_folder_that_becomes_a_link_during_a_build_leads_nothing_outside() {
    let outside = tempfile::tempdir().expect("a folder");
    let folder = project(&fleet("10m"));
    succeeds(folder.path(), &["build"]);
    let (cluster, aside) = (
        folder.path().join("clusters/prod"),
        folder.path().join("aside"),
    );
    let real = cluster.join("kustomizations");
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut swaps = 0;
            while !ends.load(Ordering::Relaxed) {
                if std::fs::rename(&real, &aside).is_ok() && symlink(outside.path(), &real).is_ok()
                {
                    swaps += 1;
                    std::thread::sleep(Duration::from_micros(300));
                    let _ = std::fs::remove_file(&real);
                }
                // A build may have made the folder meanwhile.
                let _ = std::fs::remove_dir_all(&real);
                let _ = std::fs::rename(&aside, &real);
                std::thread::sleep(Duration::from_micros(700));
            }
            swaps
        });
        for turn in 0..50 {
            write(
                folder.path(),
                "fluxgen.toml",
                fleet(&format!("{}m", 11 + turn)),
            );
            // It may fail; it may not follow.
            let run = fluxgen(folder.path(), &["build"]);
            assert!(!told(&run).contains("panicked"), "{}", told(&run));
        }
        ends.store(true, Ordering::Relaxed);
        let swaps = swaps.join().expect("it ends");
        assert!(swaps > 40, "only {swaps} swaps");
    });
    assert!(
        files(outside.path()).is_empty(),
        "{:?}",
        files(outside.path())
    );
    let _ = std::fs::remove_file(&real);
    succeeds(folder.path(), &["build"]);
    assert_eq!(leftovers(&folder.path().join("clusters")), [""; 0]);
}

/// Runs and kills at moments spread over as long as a run takes; `prepare` is before each.
fn killed(folder: &Path, args: &[&str], moments: u32, prepare: impl Fn(u32), look: impl Fn(u32)) {
    prepare(0);
    let started = Instant::now();
    fluxgen(folder, args);
    let whole = started.elapsed();
    for moment in 0..moments {
        prepare(moment);
        let mut run = command(folder)
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        // What is written comes last.
        std::thread::sleep(whole * (moments / 2 + moment) / (moments * 3 / 2));
        run.kill().expect("killed");
        run.wait().expect("it ends");
        look(moment);
    }
}

#[test]
fn a_report_is_the_old_or_the_new_one_whenever_the_program_is_killed() {
    let folder = project(&fleet("10m"));
    write(
        folder.path(),
        "k1/kustomization.yaml",
        "resources: [nowhere.yaml]\n",
    );
    let report = folder.path().join("out/report.json");
    let format = format!("json={}", report.display());
    let args = ["check", "--format", format.as_str()];
    write(folder.path(), "out/.fluxgen-0123456789abcdef.tmp", "half");
    killed(
        folder.path(),
        &args,
        60,
        |_| write(folder.path(), "out/report.json", "\"old\""),
        |moment| {
            let text = read(folder.path(), "out/report.json");
            let json = serde_json::from_str::<serde_json::Value>(&text);
            assert!(json.is_ok(), "moment {moment}: {text}");
        },
    );
    fluxgen(folder.path(), &args);
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn an_edit_of_the_toml_file_is_whole_whenever_the_program_is_killed() {
    let text = fleet("10m").replace(
        "[clusters.prod]",
        "[flux]\nversion = \"2.9.4\"\ncomponentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\n[clusters.prod]",
    ) + "[images.podinfo]\nimage = \"ghcr.io/stefanprodan/podinfo\"\npolicy.semver.range = \"6.x\"\n\
         [kustomizations.web]\npath = \"./web\"\nimages = [{ name = \"podinfo\", newTag = { imagePolicy = \"podinfo:tag\", initial = \"6.5.0\" } }]\n";
    let folder = project(&text);
    let root = folder.path();
    succeeds(root, &["build"]);
    let tree = "clusters/prod/kustomizations/web.yaml";
    write(root, tree, read(root, tree).replace("6.5.0", "6.6.1"));
    succeeds(root, &["image", "adopt"]);
    let adopted = read(root, "fluxgen.toml");
    assert_eq!(adopted, text.replace("6.5.0", "6.6.1"));
    killed(
        root,
        &["image", "adopt"],
        40,
        |_| write(root, "fluxgen.toml", &text),
        |moment| {
            let now = read(root, "fluxgen.toml");
            assert!(now == text || now == adopted, "moment {moment}: {now}");
        },
    );
    write(root, ".fluxgen-0123456789abcdef.tmp", "half");
    write(root, "fluxgen.toml", &text);
    succeeds(root, &["image", "adopt"]);
    assert_eq!(leftovers(root), [""; 0]);
}

#[test]
fn a_planned_rename_is_whole_whenever_the_program_is_killed() {
    let text = fleet("10m");
    let folder = project(&text);
    let root = folder.path();
    succeeds(root, &["build"]);
    let git = |args: &[&str]| {
        let run = std::process::Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=n@x.example"])
            .args(args)
            .current_dir(root)
            .output();
        assert!(run.is_ok_and(|run| run.status.success()), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "base"]);
    let renamed = text.replace(
        "[kustomizations.k7]",
        "[kustomizations.seven]\nrenamedFrom = \"k7\"",
    );
    let patch = "fluxgen.rename-2.patch";
    write(root, "fluxgen.toml", &renamed);
    succeeds(root, &["plan-rename", "--write"]);
    let (first, second) = (read(root, "fluxgen.toml"), read(root, patch));
    assert!(
        first != renamed && second.starts_with("---"),
        "{first}{second}"
    );
    killed(
        root,
        &["plan-rename", "--write"],
        40,
        |_| {
            write(root, "fluxgen.toml", &renamed);
            write(root, patch, "old");
        },
        |moment| {
            let now = (read(root, "fluxgen.toml"), read(root, patch));
            assert!(
                now.0 == renamed || now.0 == first,
                "moment {moment}: {}",
                now.0
            );
            assert!(
                now.1 == "old" || now.1 == second,
                "moment {moment}: {}",
                now.1
            );
        },
    );
    write(root, "fluxgen.toml", &renamed);
    succeeds(root, &["plan-rename", "--write"]);
    assert_eq!(leftovers(root), [""; 0]);
}

#[test]
fn a_report_is_not_written_through_a_link() {
    let folder = project(&fleet("10m"));
    write(folder.path(), "victim", "mine");
    symlink("victim", folder.path().join("report.json")).expect("a link");
    let path = folder.path().join("report.json");
    fluxgen(
        folder.path(),
        &["check", "--format", &format!("json={}", path.display())],
    );
    assert_eq!(read(folder.path(), "victim"), "mine");
    assert!(!path.is_symlink() && read(folder.path(), "report.json").starts_with('{'));
    // Devices and pipes are what their name says.
    let run = fluxgen(folder.path(), &["check", "--format", "json=/dev/stdout"]);
    assert!(
        String::from_utf8_lossy(&run.stdout).contains('{'),
        "{}",
        told(&run)
    );
}

#[test]
fn a_lock_and_an_included_file_that_were_cut_off_are_cleaned_up_by_the_next_build() {
    let folder = project(
        &format!(
            "{}spec = 1\n",
            fleet("10m").replace(
                "[kustomizations.k0]\n",
                "[kustomizations.k0]\nlabels = { file = \"values/l.yaml\" }\n"
            )
        )
        .replace("spec = 1\n", ""),
    );
    write(folder.path(), "values/l.yaml", "a: b\n");
    for left in [
        ".fluxgen-0123456789abcdef.tmp",
        "values/.fluxgen-0123456789abcdef-1.tmp",
    ] {
        write(folder.path(), left, "half");
    }
    succeeds(folder.path(), &["build"]);
    assert_eq!(leftovers(folder.path()), [""; 0]);
}
