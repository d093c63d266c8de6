//! A build that is killed leaves whole files, and the next one completes what it began.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{command, files, project, succeeds, write};

/// As many resources as a small team has, in a few clusters; `interval` is in each file.
fn fleet(interval: &str) -> String {
    let mut text = format!(
        "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[defaults.kustomizations]\ninterval = \"{interval}\"\n"
    );
    for cluster in 0..4 {
        text.push_str(&format!("[clusters.c{cluster}]\n"));
    }
    for name in 0..25 {
        text.push_str(&format!("[kustomizations.k{name}]\npath = \"./k{name}\"\n"));
    }
    // What only one side has, so that files come and go.
    text.push_str(&format!(
        "[kustomizations.only-{interval}]\npath = \"./only\"\n"
    ));
    text
}

#[test]
fn a_build_killed_at_two_hundred_moments_leaves_whole_files_and_the_next_one_converges() {
    let sides = ["10m", "20m"].map(fleet);
    let wanted = sides.clone().map(|text| {
        let folder = project(&text);
        succeeds(folder.path(), &["build"]);
        files(&folder.path().join("clusters"))
    });
    let folder = project(&sides[0]);
    let clusters = folder.path().join("clusters");
    // The moments are spread over as long as a build takes here.
    let timed = |side: usize| {
        write(folder.path(), "fluxgen.toml", &sides[side]);
        let started = Instant::now();
        succeeds(folder.path(), &["build"]);
        started.elapsed()
    };
    let whole = timed(0).min(timed(1)).min(timed(0));
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut interrupted = 0;
    for moment in 0..200_usize {
        let side = (moment + 1) % 2;
        write(folder.path(), "fluxgen.toml", &sides[side]);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let share = u32::try_from(random % 1000).expect("small");
        let mut build = command(folder.path())
            .arg("build")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        std::thread::sleep(whole * share / 1000 + Duration::from_micros(u64::from(share)));
        build.kill().expect("killed");
        let status = build.wait().expect("it ends");
        interrupted += usize::from(!status.success());
        for (path, bytes) in files(&clusters) {
            let name = path.rsplit('/').next().unwrap_or(&path);
            if name.starts_with(".fluxgen-") && name.ends_with(".tmp") {
                continue;
            }
            let is_whole = wanted.iter().any(|files| files.get(&path) == Some(&bytes));
            assert!(is_whole, "moment {moment}: {path} is neither old nor new");
        }
        if moment % 10 == 9 {
            succeeds(folder.path(), &["build"]);
            assert_eq!(files(&clusters), wanted[side], "moment {moment}");
        }
    }
    assert!(
        interrupted > 20,
        "only {interrupted} builds were interrupted"
    );
}
