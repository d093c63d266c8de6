//! The pull-request comment: always short enough, always saying what it leaves out, never more
//! than text.

use fluxgen::compare::report::{ClusterSummary, FieldChange, Presence, Report};
use fluxgen::report::{Format, Input, MARKDOWN_MARKER, render};
use proptest::prelude::*;
use serde_json::json;

use crate::fixture;

/// GitHub refuses a comment that is longer.
const GITHUB_LIMIT: usize = 65_536;

fn comment(report: &Report) -> String {
    render(&Input::new(report), Format::Markdown)
}

/// A report made of `texts`, each used as name, message and value by turns.
fn made_of(texts: &[String], changes: usize, lines: usize) -> Report {
    let mut report = fixture::denied_diff().report;
    let pick = |n: usize| texts[n % texts.len()].clone();
    let change = report.changes[2].clone();
    let finding = report.forecast[0].clone();
    let problem = fixture::failing_check().report.problems.swap_remove(0);
    report.head.name = pick(0);
    report.changes = (0..changes)
        .map(|n| {
            let mut change = change.clone();
            change.resource.name = pick(n);
            change.clusters = (0..n % 7 + 1).map(|c| pick(n + c)).collect();
            change.fields = (0..lines)
                .map(|line| FieldChange {
                    path: pick(line),
                    old: Some(json!(pick(line + 1))),
                    new: Some(json!({ pick(line): [pick(line + 2)] })),
                    masked: false,
                    text: Vec::new(),
                })
                .collect();
            change
        })
        .collect();
    report.forecast = (0..changes / 2)
        .map(|n| {
            let mut finding = finding.clone();
            finding.message = pick(n);
            finding.notes = (0..lines).map(&pick).collect();
            finding
        })
        .collect();
    report.problems = (0..changes / 3)
        .map(|n| {
            let mut problem = problem.clone();
            problem.message = pick(n);
            problem.help = (0..lines).map(&pick).collect();
            problem
        })
        .collect();
    report.clusters = (0..changes)
        .map(|n| {
            let mut cluster = ClusterSummary::new(pick(n), Presence::Both);
            cluster.changed = n;
            cluster
        })
        .collect();
    report.count();
    report
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_comment_is_never_too_long_and_says_what_it_leaves_out(
        texts in prop::collection::vec(prop_oneof![
            any::<String>(),
            "[@#|<>&`*_\\n]{1,80}",
            "\\PC{0,700}",
        ], 1..8),
        changes in prop_oneof![0usize..20, 200usize..500],
        lines in 0usize..25,
    ) {
        let report = made_of(&texts, changes, lines);
        let text = comment(&report);
        prop_assert!(text.len() < GITHUB_LIMIT, "{} bytes", text.len());
        prop_assert!(text.starts_with(MARKDOWN_MARKER));
        let shown = text.matches("<details>").count();
        let all = report.changes.len() + report.forecast.len() + report.problems.len();
        prop_assert!(shown == all || text.contains("Left out, because"), "{shown} of {all}");
        prop_assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }
}

#[test]
fn a_large_diff_fills_the_comment_before_it_leaves_out() {
    let report = made_of(&["a rather usual name".to_owned()], 3_000, 12);
    let text = comment(&report);
    assert!(text.len() > GITHUB_LIMIT * 9 / 10, "{} bytes", text.len());
    let footer = text.lines().last().expect("a footer");
    assert!(
        footer.starts_with("> Left out, because a comment holds no more: "),
        "{footer}"
    );
    assert!(
        footer.contains("Run <code>fluxgen diff --against main</code>"),
        "{footer}"
    );
}

#[test]
fn every_entry_has_its_line_before_any_has_its_details() {
    // 150 lines fit, 150 blocks of details do not
    let report = made_of(&["name".to_owned()], 150, 30);
    let text = comment(&report);
    let all = report.changes.len() + report.forecast.len() + report.problems.len();
    assert_eq!(text.matches("<details>").count(), all);
    assert!(text.contains("the details of "), "{text}");
}

#[test]
fn hostile_texts_open_no_element_and_notify_nobody() {
    let text = comment(&fixture::hostile(16));
    let known = [
        "details", "summary", "code", "b", "i", "ul", "li", "a", "br", "!--",
    ];
    let mut in_fence = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for tag in line.split('<').skip(1) {
            let name = tag.trim_start_matches('/');
            assert!(
                known.iter().any(|known| name.starts_with(known)),
                "`<{tag}` in {line}"
            );
        }
        let without_code: String = line
            .split("<code>")
            .map(|part| part.split("</code>").last().unwrap_or(""))
            .collect();
        assert!(!without_code.contains("@everyone"), "{line}");
        assert!(!without_code.contains("](javascript"), "{line}");
    }
    assert!(!in_fence);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}
