//! `fluxgen graph`: what is drawn, and that Mermaid, Graphviz and the report's schema take it.

mod git;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fluxgen::compare::report::{EdgeState, Graph, GraphEdge, GraphNode, Object};
use fluxgen::graph::{dot, mermaid};
use git::Repository;
use serde_json::Value;

const PROJECT: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[groups.prod]
clusters = ["prod-*"]
[clusters.staging]
[clusters.prod-us]
[clusters.prod-eu]
[kustomizations.infra]
path = "./infra"
[kustomizations.apps]
path = "./apps"
dependsOn = ["infra"]
decryption = { provider = "sops", secretRef.name = "age" }
[providers.slack]
type = "slack"
[alerts.all]
groups = ["prod"]
providerRef.name = "slack"
eventSources = [{ kind = "Kustomization", name = "*" }]
"#;

fn project(text: &str) -> Repository {
    let repository = Repository::new();
    repository.write("fluxgen.toml", text);
    repository
}

fn json(repository: &Repository, args: &[&str]) -> Value {
    let run = repository.fluxgen(&[&["graph", "--format", "json"], args].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// The edges of a graph in words.
fn edges(graph: &Value) -> Vec<String> {
    let name = |at: &Value| {
        let node = &graph["nodes"][usize::try_from(at.as_u64().expect("a number")).expect("small")];
        let object = &node["object"];
        let mark = if node["external"] == true {
            " external"
        } else {
            ""
        };
        format!(
            "{} {}/{}{mark}",
            object["kind"].as_str().expect("a kind"),
            object["namespace"].as_str().expect("a namespace"),
            object["name"].as_str().expect("a name"),
        )
    };
    let all = graph["edges"].as_array().expect("edges").iter();
    all.map(|edge| {
        format!(
            "{} {} {}",
            name(&edge["from"]),
            edge["field"],
            name(&edge["to"])
        )
    })
    .map(|line| line.replace('"', ""))
    .collect()
}

#[test]
fn clusters_with_the_same_graph_share_it_by_name() {
    let repository = project(PROJECT);
    let all = json(&repository, &[]);
    assert_eq!(all["version"], 1);
    let graphs = all["graphs"].as_array().expect("graphs");
    let clusters: Vec<&Value> = graphs.iter().map(|graph| &graph["clusters"]).collect();
    let expected = [
        serde_json::json!(["prod-eu", "prod-us"]),
        serde_json::json!(["staging"]),
    ];
    assert_eq!(clusters, [&expected[0], &expected[1]]);
    assert_eq!(
        edges(&graphs[0]),
        [
            "Kustomization flux-system/apps decryption.secretRef Secret flux-system/age external",
            "Kustomization flux-system/apps dependsOn Kustomization flux-system/infra",
            "Kustomization flux-system/apps sourceRef GitRepository flux-system/flux-system external",
            "Kustomization flux-system/infra sourceRef GitRepository flux-system/flux-system external",
            "Alert flux-system/all eventSources Kustomization flux-system/*",
            "Alert flux-system/all providerRef Provider flux-system/slack",
        ]
    );
    assert_eq!(
        json(&repository, &["--cluster", "staging"])["graphs"],
        serde_json::json!([graphs[1]])
    );
}

#[test]
fn the_json_is_as_the_reports_schema_says() {
    let schema = std::fs::read_to_string("schemas/report.schema.json").expect("the schema");
    let mut schema: Value = serde_json::from_str(&schema).expect("JSON");
    schema["required"] = serde_json::json!(["version", "graphs"]);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let written = json(&project(PROJECT), &[]);
    let faults: Vec<String> = validator
        .iter_errors(&written)
        .map(|it| it.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_project_with_errors_is_drawn_as_far_as_it_is_known() {
    let repository = project(&PROJECT.replace("[\"infra\"]", "[\"infrastructure\"]"));
    let run = repository.fluxgen(&["graph", "--cluster", "staging"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("`infrastructure`"), "{}", run.stderr);
    assert!(
        run.stdout
            .contains("[\"Kustomization<br/>flux-system/infrastructure\"]"),
        "{}",
        run.stdout
    );
    let run = project("[clusters.a").fluxgen(&["graph"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    let run = repository.fluxgen(&["graph", "--cluster", "stagin"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("did you mean `staging`?"),
        "{}",
        run.stderr
    );
}

/// Names that mean something in one of the languages.
const ODD: [&str; 14] = [
    "end",
    "a\"b",
    "a\\",
    "a\\n",
    "#35;",
    "&lt;b&gt;",
    "<b>",
    "`code`",
    "%% no comment",
    "x --> y",
    "{a|b}",
    "$$x$$",
    "*_~",
    "é […] 日本",
];

fn odd() -> Vec<Graph> {
    let node = |name: &str| GraphNode {
        object: Object::new("", "Kind", "", name),
        action: None,
        severity: None,
        external: name.len().is_multiple_of(2),
    };
    vec![
        Graph {
            clusters: ODD.map(str::to_owned).to_vec(),
            nodes: ODD.iter().map(|name| node(name)).collect(),
            edges: (0..ODD.len())
                .map(|at| GraphEdge {
                    from: at,
                    to: (at + 1) % ODD.len(),
                    field: ODD[at].to_owned(),
                    state: EdgeState::Unchanged,
                })
                .collect(),
        },
        Graph {
            clusters: vec!["empty".to_owned()],
            nodes: Vec::new(),
            edges: Vec::new(),
        },
    ]
}

/// A folder with packages of npm; `None`, said aloud, where they cannot be had.
fn packages() -> Option<PathBuf> {
    static FOUND: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let find = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("graph");
        let done = folder.join("node_modules/.package-lock.json");
        std::fs::create_dir_all(&folder).expect("made");
        if !done.exists() {
            let installed = Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder)
                .args(["mermaid@11", "jsdom@26", "@hpcc-js/wasm-graphviz@1"])
                .output();
            if !installed.is_ok_and(|output| output.status.success()) {
                eprintln!(
                    "skipped: Mermaid and Graphviz cannot be installed here, so they read no graph"
                );
                return None;
            }
        }
        Some(folder)
    };
    FOUND.get_or_init(find).clone()
}

/// What a script of Node.js prints for a text.
fn node(folder: &Path, script: &str, text: &str) -> String {
    let mut child = Command::new("node")
        .args(["--input-type=module", "--eval", script])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("node ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const MERMAID: &str = "\
import { JSDOM } from 'jsdom';
import { readFileSync } from 'node:fs';
const { window } = new JSDOM('');
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');
const source = readFileSync(0, 'utf8');
await mermaid.parse(source);
const diagram = await mermaid.mermaidAPI.getDiagramFromText(source);
const data = diagram.db.getData();
const text = (label) => label.replace(/\u{fb02}\u{b0}\u{b0}(\\d+)\u{b6}\u{df}/g, (_, code) => String.fromCodePoint(code));
console.log(JSON.stringify({
  nodes: data.nodes.filter((node) => !node.isGroup).map((node) => text(node.label)),
  groups: data.nodes.filter((node) => node.isGroup).map((node) => text(node.label)),
  dashed: data.nodes.filter((node) => node.cssClasses.includes('external')).length,
  edges: data.edges.map((edge) => text(edge.label)),
}));
";

#[test]
fn mermaid_reads_every_name_as_it_is() {
    let Some(folder) = packages() else { return };
    let read: Value =
        serde_json::from_str(&node(&folder, MERMAID, &mermaid(&odd()))).expect("JSON");
    let nodes: Vec<String> = ODD.iter().map(|name| format!("Kind<br>{name}")).collect();
    assert_eq!(read["nodes"], serde_json::json!(nodes));
    assert_eq!(read["edges"], serde_json::json!(ODD));
    let groups = read["groups"].as_array().expect("groups");
    assert!(groups.contains(&Value::from(ODD.join(", "))), "{groups:?}");
    let dashed = ODD
        .iter()
        .filter(|name| name.len().is_multiple_of(2))
        .count();
    assert_eq!(read["dashed"], serde_json::json!(dashed));
}

const GRAPHVIZ: &str = "\
import { Graphviz } from '@hpcc-js/wasm-graphviz';
import { readFileSync } from 'node:fs';
const graphviz = await Graphviz.load();
console.log(graphviz.layout(readFileSync(0, 'utf8'), 'dot_json', 'dot'));
";

#[test]
fn graphviz_reads_every_name_as_it_is() {
    let Some(folder) = packages() else { return };
    let read: Value = serde_json::from_str(&node(&folder, GRAPHVIZ, &dot(&odd()))).expect("JSON");
    let labels = |of: &str| -> Vec<&str> {
        let all = read[of].as_array().expect(of).iter();
        all.filter_map(|one| one["label"].as_str()).collect()
    };
    // Graphviz keeps the escapes of a label, which it reads when it draws.
    let kept = |name: &&str| name.replace('\\', "\\\\");
    let objects = labels("objects");
    for name in &ODD {
        let label = format!("Kind\\n{}", kept(name));
        assert!(objects.contains(&label.as_str()), "{label}: {objects:?}");
    }
    assert_eq!(labels("edges"), ODD.iter().map(kept).collect::<Vec<_>>());
}

#[test]
fn the_examples_are_drawn_by_both() {
    let Some(folder) = packages() else { return };
    for example in ["quickstart", "fleet"] {
        let place = Path::new("examples").join(example);
        let drawn = |format: &str| {
            let run = git::fluxgen(&place, &["graph", "--format", format]);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert_eq!(
                run.stdout,
                git::fluxgen(&place, &["graph", "--format", format]).stdout
            );
            run.stdout
        };
        let mermaid: Value =
            serde_json::from_str(&node(&folder, MERMAID, &drawn("mermaid"))).expect("JSON");
        let dot: Value =
            serde_json::from_str(&node(&folder, GRAPHVIZ, &drawn("dot"))).expect("JSON");
        let count = |value: &Value| value.as_array().map(Vec::len);
        assert!(count(&mermaid["edges"]).is_some_and(|count| count > 3));
        assert_eq!(count(&mermaid["edges"]), count(&dot["edges"]));
    }
}
