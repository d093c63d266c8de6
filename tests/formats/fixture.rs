//! One failing run that has something of everything, and texts that try to break out.

use camino::Utf8Path;
use fluxgen::compare::report::{
    Action, Affected, Change, ClusterSummary, Command, EdgeState, FieldChange, Finding, Graph,
    GraphEdge, GraphNode, Object, Outcome, Place, Presence, Report, Severity, Side, SideState,
    SideSummary, TextLine, TextTag,
};
use fluxgen::diagnostic::Diagnostic;
use fluxgen::report::RulePage;
use fluxgen::source::{Sources, Span};
use serde_json::json;

pub const TOML: &str = r#"[repo]
url = "ssh://git@github.com/acme/fleet"

[clusters.prod-eu]
[clusters.prod-us]
[clusters.staging]

[kustomizations.apps]
path   = "./apps"
source = { name = "flux-sytem" }
interval = "5"

[helmReleases."web/podinfo"]
interval = "30m"
"#;

/// What a run found: the diagnostics, their texts and the report made of them.
pub struct Run {
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
    pub report: Report,
}

pub fn pages(code: &str) -> Option<RulePage> {
    (code == "dangling-source-ref").then(|| RulePage {
        summary: "a reference to a source that is not defined".to_owned(),
        text: "Every `sourceRef` must meet a source of the same cluster.".to_owned(),
        url: Some(
            "https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference"
                .to_owned(),
        ),
    })
}

/// A check of a project with an error, a warning and a note.
pub fn failing_check() -> Run {
    let mut sources = Sources::default();
    let file = sources.add("fluxgen.toml", TOML);
    let find = |word: &str| {
        let start = TOML.find(word).expect("the word stands in the text");
        Span::new(file, start..start + word.len())
    };
    let diagnostics = vec![
        Diagnostic::error(
            "dangling-source-ref",
            "no GitRepository `flux-sytem` is defined in namespace `flux-system`",
        )
        .at(find("flux-sytem"), "referenced here")
        .at(find("[kustomizations.apps]"), "by this Kustomization")
        .in_cluster("prod-eu")
        .in_cluster("staging")
        .with_help("a GitRepository named `flux-system` exists in this namespace")
        .with_fix(find("flux-sytem"), "flux-system"),
        Diagnostic::warning(
            "unused-group",
            "group `50%, <b>@acme|#1</b>: x` holds no cluster",
        )
        .at(find("[repo]"), "")
        .with_note("two\nlines"),
        Diagnostic::note(
            "kind-not-checked",
            "ConfigMap `web/settings` was not checked: fluxgen has no schema for its kind",
        ),
    ];
    let head = SideSummary::new("the working tree", SideState::Broken);
    let mut report = Report::new(Command::Check, "fluxgen.toml", head);
    report.clusters = ["prod-eu", "prod-us", "staging"]
        .map(|name| ClusterSummary::new(name, Presence::Both))
        .into();
    report.problems =
        fluxgen::report::problems(&diagnostics, &sources, Side::Head, Utf8Path::new(""));
    report.count();
    Run {
        diagnostics,
        sources,
        report,
    }
}

/// A check that found nothing.
pub fn clean_check() -> Report {
    let head = SideSummary::new("the working tree", SideState::Compiled);
    let mut report = Report::new(Command::Check, "fluxgen.toml", head);
    report.clusters = vec![ClusterSummary::new("staging", Presence::Both)];
    report.count();
    report
}

fn kustomization(name: &str) -> Object {
    Object::new(
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        "flux-system",
        name,
    )
}

fn place(line: u32, side: Side) -> Place {
    Place {
        file: "fluxgen.toml".to_owned(),
        line,
        column: 1,
        end_line: line,
        end_column: 22,
        side,
    }
}

fn changed(
    path: &str,
    old: Option<serde_json::Value>,
    new: Option<serde_json::Value>,
) -> FieldChange {
    FieldChange {
        path: path.to_owned(),
        old,
        new,
        masked: false,
        text: Vec::new(),
    }
}

fn change(id: &str, action: Action, resource: Object, clusters: &[&str]) -> Change {
    Change {
        id: id.to_owned(),
        action,
        resource,
        renamed_from: None,
        clusters: clusters.iter().map(ToString::to_string).collect(),
        by_cluster: false,
        fields: Vec::new(),
        document: None,
        place: None,
    }
}

/// A diff that is denied: something is pruned, recreated, renamed, created and changed.
pub fn denied_diff() -> Run {
    let Run { sources, .. } = failing_check();
    let mut head = SideSummary::new("the working tree", SideState::Compiled);
    head.commit = None;
    let mut report = Report::new(Command::Diff, "fluxgen.toml", head);
    let mut base = SideSummary::new("main", SideState::Compiled);
    base.commit = Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".to_owned());
    report.base = Some(base);
    report.deny = Some(Severity::Destructive);

    let podinfo = Object::new("helm.toolkit.fluxcd.io", "HelmRelease", "web", "podinfo");
    let mut deleted = change(
        "00000000000000d1",
        Action::Deleted,
        kustomization("legacy"),
        &["prod-eu", "prod-us"],
    );
    deleted.document = Some(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "legacy", "namespace": "flux-system" },
        "spec": { "interval": "10m", "path": "./legacy", "prune": true },
    }));
    deleted.place = Some(place(12, Side::Base));
    let mut renamed = change(
        "00000000000000a2",
        Action::Renamed,
        kustomization("applications"),
        &["staging"],
    );
    renamed.renamed_from = Some(kustomization("apps"));
    renamed.place = Some(place(8, Side::Head));
    let mut updated = change(
        "00000000000000c3",
        Action::Changed,
        podinfo.clone(),
        &["prod-eu", "prod-us"],
    );
    updated.place = Some(place(13, Side::Head));
    updated.fields = vec![
        changed("spec.interval", Some(json!("10m")), Some(json!("30m"))),
        changed(
            "spec.chart.spec.version",
            Some(json!("6.5.0")),
            Some(json!("7.x")),
        ),
        changed("spec.suspend", None, Some(json!(true))),
        changed("spec.values.extra", Some(json!(null)), None),
        changed(
            "spec.values.ingress",
            None,
            Some(json!({ "enabled": true, "hosts": [{ "host": "a.example", "paths": ["/"] }] })),
        ),
        FieldChange {
            masked: true,
            ..changed(
                "spec.values.password",
                Some(json!("***")),
                Some(json!("***")),
            )
        },
        FieldChange {
            text: vec![
                TextLine {
                    tag: TextTag::Skipped,
                    text: String::new(),
                    skipped: 3,
                },
                TextLine {
                    tag: TextTag::Equal,
                    text: "[server]".to_owned(),
                    skipped: 0,
                },
                TextLine {
                    tag: TextTag::Removed,
                    text: "port = 80".to_owned(),
                    skipped: 0,
                },
                TextLine {
                    tag: TextTag::Added,
                    text: "port = 8080 # ``` <b>".to_owned(),
                    skipped: 0,
                },
            ],
            ..changed(
                "spec.values.config",
                Some(json!("a\nb")),
                Some(json!("a\nc")),
            )
        },
    ];
    let mut created = change(
        "00000000000000e4",
        Action::Created,
        Object::new(
            "source.toolkit.fluxcd.io",
            "OCIRepository",
            "flux-system",
            "charts",
        ),
        &["prod-eu", "prod-us", "staging"],
    );
    created.document = Some(json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "OCIRepository",
        "metadata": { "name": "charts", "namespace": "flux-system" },
        "spec": { "interval": "10m", "url": "oci://ghcr.io/acme/charts", "insecure": false },
    }));
    report.changes = vec![deleted, renamed, updated, created];

    report.forecast = vec![
        Finding {
            rule: "kustomization-deleted-prunes".to_owned(),
            severity: Severity::Destructive,
            outcome: Outcome::Prune,
            resource: kustomization("legacy"),
            clusters: vec!["prod-eu".to_owned(), "prod-us".to_owned()],
            message: "`legacy` is deleted, and with it everything it applied".to_owned(),
            notes: vec!["its `prune` is true and its `deletionPolicy` is `MirrorPrune`".to_owned()],
            help: vec![
                "set `prune = false`, merge, and delete it after that to keep the objects"
                    .to_owned(),
            ],
            affected: Affected {
                objects: vec![
                    Object::new("apps", "Deployment", "web", "legacy"),
                    Object::new("", "Service", "web", "legacy"),
                ],
                unknown: vec!["`./legacy` takes in a remote base".to_owned()],
            },
            acknowledged: None,
            denied: false,
            uncertain: false,
            docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune".to_owned(),
            changes: vec!["00000000000000d1".to_owned()],
            place: Some(place(12, Side::Base)),
        },
        Finding {
            rule: "kustomization-renamed".to_owned(),
            severity: Severity::Destructive,
            outcome: Outcome::Recreate,
            resource: kustomization("applications"),
            clusters: vec!["staging".to_owned()],
            message: "`apps` is renamed to `applications`: its objects are deleted and made anew"
                .to_owned(),
            notes: Vec::new(),
            help: Vec::new(),
            affected: Affected::default(),
            acknowledged: Some("staging may be down for a minute".to_owned()),
            denied: false,
            uncertain: false,
            docs: "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune".to_owned(),
            changes: vec!["00000000000000a2".to_owned()],
            place: Some(place(8, Side::Head)),
        },
        Finding {
            rule: "suspended".to_owned(),
            severity: Severity::Notice,
            outcome: Outcome::Stall,
            resource: podinfo.clone(),
            clusters: vec!["prod-eu".to_owned(), "prod-us".to_owned()],
            message: "`web/podinfo` is suspended: nothing of it is reconciled until it is resumed"
                .to_owned(),
            notes: Vec::new(),
            help: Vec::new(),
            affected: Affected::default(),
            acknowledged: None,
            denied: false,
            uncertain: false,
            docs: "https://fluxcd.io/flux/components/helm/helmreleases/#suspend".to_owned(),
            changes: vec!["00000000000000c3".to_owned()],
            place: Some(place(13, Side::Head)),
        },
    ];

    let mut summaries = ["prod-eu", "prod-us", "staging", "test"]
        .map(|name| ClusterSummary::new(name, Presence::Both));
    for summary in &mut summaries[..2] {
        summary.created = 1;
        summary.changed = 1;
        summary.deleted = 1;
        summary.destructive = 1;
        summary.notice = 1;
        summary.unchanged = 7;
    }
    summaries[2].created = 1;
    summaries[2].renamed = 1;
    summaries[2].destructive = 1;
    summaries[2].unchanged = 8;
    summaries[2].head_tree.stale = vec![
        "clusters/staging/kustomizations/apps.yaml".to_owned(),
        "clusters/staging/kustomizations/infra.yaml".to_owned(),
    ];
    summaries[3].unchanged = 9;
    summaries[3].head_tree.hand_edited = vec!["clusters/test/sources/git-app.yaml".to_owned()];
    report.clusters = summaries.into();
    report.graphs = vec![graph()];
    report.count();
    Run {
        diagnostics: Vec::new(),
        sources,
        report,
    }
}

fn graph() -> Graph {
    let source =
        |kind: &str, name: &str| Object::new("source.toolkit.fluxcd.io", kind, "flux-system", name);
    let node = |object: Object, action: Option<Action>, severity: Option<Severity>| GraphNode {
        object,
        action,
        severity,
        external: false,
    };
    let mut repository = node(source("GitRepository", "flux-system"), None, None);
    repository.external = true;
    let edge = |from: usize, to: usize, field: &str, state: EdgeState| GraphEdge {
        from,
        to,
        field: field.to_owned(),
        state,
    };
    Graph {
        clusters: vec!["prod-eu".to_owned(), "prod-us".to_owned()],
        nodes: vec![
            repository,
            node(
                source("OCIRepository", "charts"),
                Some(Action::Created),
                None,
            ),
            node(
                Object::new("helm.toolkit.fluxcd.io", "HelmRelease", "web", "podinfo"),
                Some(Action::Changed),
                Some(Severity::Notice),
            ),
            node(kustomization("infrastructure"), None, None),
            node(kustomization("apps"), None, None),
            node(
                kustomization("legacy"),
                Some(Action::Deleted),
                Some(Severity::Destructive),
            ),
            node(
                kustomization("a-rather-long-name-for-a-kustomization-of-one-team"),
                None,
                None,
            ),
        ],
        edges: vec![
            edge(2, 1, "chartRef", EdgeState::Added),
            edge(3, 0, "sourceRef", EdgeState::Unchanged),
            edge(4, 0, "sourceRef", EdgeState::Unchanged),
            edge(4, 3, "dependsOn", EdgeState::Unchanged),
            edge(5, 0, "sourceRef", EdgeState::Removed),
            edge(5, 4, "dependsOn", EdgeState::Removed),
            edge(6, 4, "dependsOn", EdgeState::Unchanged),
        ],
    }
}

/// A diff whose base does not compile.
pub fn broken_base() -> Report {
    let mut report = denied_diff().report;
    if let Some(base) = &mut report.base {
        base.state = SideState::Broken;
    }
    report.changes.clear();
    report.forecast.clear();
    report.graphs.clear();
    report.clusters.clear();
    report.problems = failing_check().report.problems;
    for problem in &mut report.problems {
        problem.side = Side::Base;
        for labelled in &mut problem.places {
            labelled.place.side = Side::Base;
        }
        if let Some(fix) = &mut problem.fix {
            fix.place.side = Side::Base;
        }
    }
    report.count();
    report
}

/// Texts that mean something to somebody who reads them as anything but text.
pub const HOSTILE: [&str; 16] = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "::error::%0Aowned",
    "a\r\n::set-output name=x::y",
    "</details></summary>",
    "```\n# not code\n```",
    "@everyone #1 !2",
    "| a | b |",
    "]]> <!-- --> &amp; &#0;",
    "\u{1b}[2J\u{202e}\u{0}\u{7f}\u{9b}",
    "`unbalanced",
    "[x](javascript:alert(1))",
    "{{ 7*7 }} ${{ github.token }}",
    "世界 👩‍👩‍👧 é",
    "../../etc/passwd",
    "",
];

/// A diff of `size` clusters and changes in which every text is one of [`HOSTILE`].
pub fn hostile(size: usize) -> Report {
    let text = |n: usize| HOSTILE[n % HOSTILE.len()].to_owned();
    let mut report = denied_diff().report;
    let object = |n: usize| Object::new(text(n), text(n + 1), text(n + 2), text(n + 3));
    let clusters: Vec<String> = (0..size).map(|n| format!("{}{n}", text(n))).collect();
    report.config = text(0);
    report.head.name = text(1);
    if let Some(base) = &mut report.base {
        base.name = text(2);
    }
    report.clusters = clusters
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut cluster = ClusterSummary::new(name.clone(), Presence::Added);
            cluster.changed = n;
            cluster.head_tree.stale = vec![text(n)];
            cluster
        })
        .collect();
    report.changes = (0..size)
        .map(|n| {
            let mut change = denied_diff().report.changes.swap_remove(n % 4);
            change.resource = object(n);
            change.renamed_from = Some(object(n + 5));
            change.clusters = clusters.clone();
            change.fields = vec![changed(
                &text(n),
                Some(json!(text(n + 1))),
                Some(json!([text(n)])),
            )];
            change
        })
        .collect();
    report.forecast = (0..size)
        .map(|n| {
            let mut finding = denied_diff().report.forecast.swap_remove(n % 3);
            finding.rule = format!("rule-{}", n % 7);
            finding.message = text(n);
            finding.notes = vec![text(n + 1)];
            finding.help = vec![text(n + 2)];
            finding.docs = "https://example.com/?a=1&b=\"><script>".to_owned();
            finding.affected.objects = vec![object(n)];
            finding.affected.unknown = vec![text(n + 4)];
            finding.acknowledged = (n % 2 == 0).then(|| text(n + 5));
            finding.clusters = clusters.clone();
            finding
        })
        .collect();
    for (n, finding) in report.forecast.iter_mut().enumerate() {
        finding.docs = format!("https://example.com/{n}");
        if finding.message.is_empty() {
            finding.message = "empty".to_owned();
        }
    }
    report.problems = (0..size)
        .flat_map(|n| {
            let mut problem = failing_check().report.problems.swap_remove(n % 2);
            problem.message = format!("{} {n}", text(n));
            problem.notes = vec![text(n + 1)];
            for labelled in &mut problem.places {
                labelled.label = text(n + 3);
                labelled.place.file = format!("a{}", text(n));
            }
            // the same twice: fingerprints must still differ
            [problem.clone(), problem]
        })
        .collect();
    for graph in &mut report.graphs {
        for (n, node) in graph.nodes.iter_mut().enumerate() {
            node.object = object(n);
        }
        for edge in &mut graph.edges {
            edge.field = text(0);
        }
    }
    report.count();
    report
}
