//! The page: that it stands alone, that nothing in it is more than text, and that it works.

use fluxgen::compare::report::{ClusterSummary, Presence, Report};
use fluxgen::report::{Format, Input, render};

use crate::fixture;

fn page(report: &Report) -> String {
    let input = Input {
        pages: &fixture::pages,
        ..Input::new(report)
    };
    render(&input, Format::Html)
}

/// A diff of many resources in many clusters.
fn large(clusters: usize, changes: usize) -> Report {
    let mut report = fixture::denied_diff().report;
    let names: Vec<String> = (0..clusters).map(|n| format!("cluster-{n:04}")).collect();
    report.clusters = names
        .iter()
        .map(|name| {
            let mut cluster = ClusterSummary::new(name.clone(), Presence::Both);
            cluster.changed = 1;
            cluster
        })
        .collect();
    let change = report.changes[2].clone();
    report.changes = (0..changes)
        .map(|n| {
            let mut change = change.clone();
            change.resource.name = format!("app-{n}");
            change.clusters = names[n % clusters..].iter().take(30).cloned().collect();
            change
        })
        .collect();
    let graph = report.graphs[0].clone();
    let node = graph.nodes[3].clone();
    let mut large = graph;
    large.nodes = (0..changes)
        .map(|n| {
            let mut node = node.clone();
            node.object.name = format!("app-{n}");
            node
        })
        .collect();
    report.graphs = vec![large; 20];
    report.count();
    report
}

#[test]
fn the_page_loads_nothing_and_allows_only_its_own_script() {
    let page = page(&fixture::denied_diff().report);
    for outside in ["src=", "@import", "url(http", "<link", "<iframe", "<object"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    assert_eq!(page.matches("<script").count(), 2);
}

#[test]
fn texts_of_others_stay_text_in_the_page() {
    let page = page(&fixture::hostile(16));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img"));
    assert!(!page.contains("href=\"javascript"));
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_hundred_thousand_resources_make_a_page_that_opens() {
    let page = page(&large(1_000, 100_000));
    assert!(page.len() < 16_000_000, "{} bytes", page.len());
    assert!(page.contains("Left out of this page: 98000 more entries."));
    assert!(page.contains("Left out of this picture: 99840 resources"));
    assert!(page.contains("Left out of this page: 8 more graphs."));
}

/// Where the pages go that a person wants to look at.
#[test]
fn pages_are_written_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("FLUXGEN_PAGES") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let pages = [
        ("diff.html", fixture::denied_diff().report),
        ("check.html", fixture::failing_check().report),
        ("clean.html", fixture::clean_check()),
        ("broken.html", fixture::broken_base()),
        ("hostile.html", fixture::hostile(16)),
        ("large.html", large(1_000, 100_000)),
    ];
    for (name, report) in pages {
        fs_err::write(folder.join(name), page(&report)).expect("the folder can be written");
    }
}
