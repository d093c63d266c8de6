//! Laws that hold for every project: over the examples and the real trees.

use std::process::Command;

use fluxgen::source::Span;
use fluxgen::yaml;

use super::{files, fluxgen, printed, projects, succeeds, told};

#[test]
fn building_twice_gives_the_same_bytes_and_then_there_is_no_difference() {
    for (name, folder) in projects() {
        succeeds(folder.path(), &["build"]);
        let first = files(folder.path());
        let clusters = folder.path().join("clusters");
        succeeds(folder.path(), &["build"]);
        assert_eq!(files(folder.path()), first, "{name}");
        std::fs::remove_dir_all(&clusters).expect("removed");
        succeeds(folder.path(), &["build"]);
        assert_eq!(files(folder.path()), first, "{name}");
        let diff = fluxgen(folder.path(), &["diff"]);
        assert_eq!(
            (diff.status.code(), printed(&diff).as_str()),
            (Some(0), ""),
            "{name}"
        );
        let dry = fluxgen(folder.path(), &["build", "--dry-run"]);
        assert_eq!(dry.status.code(), Some(0), "{name}: {}", told(&dry));
    }
}

#[test]
fn the_folder_the_locale_and_the_time_zone_change_nothing() {
    for (name, folder) in projects() {
        let trees: Vec<_> = [
            (folder.path().join("."), "C", "UTC", "1"),
            (
                folder.path().to_owned(),
                "tr_TR.UTF-8",
                "Asia/Kathmandu",
                "8",
            ),
            (std::env::temp_dir(), "de_DE.ISO-8859-1", "", "3"),
        ]
        .into_iter()
        .map(|(from, locale, zone, threads)| {
            let _ = std::fs::remove_dir_all(folder.path().join("clusters"));
            let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
                .current_dir(&from)
                .args(["build", "--config"])
                .arg(folder.path().join("fluxgen.toml"))
                .envs([("LC_ALL", locale), ("LANG", locale), ("TZ", zone)])
                .env("RAYON_NUM_THREADS", threads)
                .output()
                .expect("the program runs");
            assert!(output.status.success(), "{name}: {}", told(&output));
            files(folder.path())
        })
        .collect();
        assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
    }
}

#[test]
fn every_generated_file_is_read_back_and_written_again_as_it_is() {
    let mut read = 0;
    for (name, folder) in projects() {
        succeeds(folder.path(), &["build"]);
        for (path, bytes) in files(&folder.path().join("clusters")) {
            let text = String::from_utf8(bytes).expect("UTF-8");
            let documents = yaml::read_all(&text, Span::BUILT_IN.file).expect("YAML");
            assert!(!documents.is_empty(), "{name}: {path}");
            let written: Vec<String> = documents.iter().map(yaml::write).collect();
            // Comments, our header and the markers of image automation among them, are not read.
            let bare = |text: &str| -> String {
                let lines = text.lines().filter(|line| !line.starts_with('#'));
                let lines = lines.map(|line| match line.split_once(" # {\"$imagepolicy\"") {
                    Some((value, _)) => format!("{value}\n"),
                    None => format!("{line}\n"),
                });
                lines.collect()
            };
            assert_eq!(written.join("---\n"), bare(&text), "{name}: {path}");
            read += documents.len();
        }
    }
    assert!(read > 60, "{read}");
}
