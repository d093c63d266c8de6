use insta::assert_snapshot;

use super::*;
use crate::source::Span;

const TOML: &str = "\
[sources.git.podinfo]
url = \"https://github.com/stefanprodan/podinfo\"

[kustomizations.apps]
path   = \"./apps\"
source = { name = \"flux-sytem\" }
interval = \"5\"
";

fn project() -> (Sources, impl Fn(&str) -> Span) {
    let mut sources = Sources::default();
    let file = sources.add("fluxgen.toml", TOML);
    (sources, move |word: &str| {
        let start = TOML.find(word).expect("the word stands in the text");
        Span::new(file, start..start + word.len())
    })
}

#[test]
fn a_finding_shows_message_place_notes_and_help() {
    let (sources, find) = project();
    let finding = Diagnostic::error(
        "dangling-source-ref",
        "no GitRepository `flux-sytem` is defined in namespace `flux-system`",
    )
    .at(find("flux-sytem"), "referenced here")
    .with_note("a Kustomization without its source never becomes ready")
    .with_help("a GitRepository named `flux-system` exists in this namespace");
    assert_snapshot!(human(&[finding], &sources, &Style::PLAIN), @r#"
    error[dangling-source-ref]: no GitRepository `flux-sytem` is defined in namespace `flux-system`
     --> fluxgen.toml:6:20
      |
    6 | source = { name = "flux-sytem" }
      |                    ^^^^^^^^^^ referenced here
      |
      = note: a Kustomization without its source never becomes ready
      = help: a GitRepository named `flux-system` exists in this namespace
    "#);
}

#[test]
fn places_in_several_files_are_shown_together() {
    let (mut sources, find) = project();
    let tree = sources.add(
        "clusters/staging/apps.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n",
    );
    let finding = Diagnostic::warning("duplicate-resource", "two resources are `Namespace/web`")
        .at(find("kustomizations.apps"), "defined here")
        .at(find("sources.git.podinfo"), "and here")
        .at(Span::new(tree, 53..56), "and in the tree");
    assert_snapshot!(human(&[finding], &sources, &Style::PLAIN), @r#"
    warning[duplicate-resource]: two resources are `Namespace/web`
     --> fluxgen.toml:4:2
      |
    1 | [sources.git.podinfo]
      |  ------------------- and here
    ...
    4 | [kustomizations.apps]
      |  ^^^^^^^^^^^^^^^^^^^ defined here
      |
     ::: clusters/staging/apps.yaml:5:1
      |
    5 |
      | - and in the tree
    "#);
}

#[test]
fn a_finding_without_a_place_is_its_message() {
    let finding = Diagnostic::note(
        "kind-not-checked",
        "ConfigMap `web/settings` was not checked",
    )
    .with_help("put its schema into `schemas/`");
    assert_snapshot!(human(&[finding], &Sources::default(), &Style::PLAIN), @r#"
    note[kind-not-checked]: ConfigMap `web/settings` was not checked
     |
     = help: put its schema into `schemas/`
    "#);
}

#[test]
fn a_fix_is_told_where_no_help_says_it() {
    let (sources, find) = project();
    let finding = Diagnostic::error("invalid-duration", "`5` is not a duration")
        .at(find("\"5\""), "a unit is missing")
        .with_fix(find("\"5\""), "\"5m\"");
    assert_snapshot!(human(&[finding], &sources, &Style::PLAIN), @r#"
    error[invalid-duration]: `5` is not a duration
     --> fluxgen.toml:7:12
      |
    7 | interval = "5"
      |            ^^^ a unit is missing
      |
      = help: write `"5m"`
    "#);
}

#[test]
fn many_clusters_are_counted() {
    let names = |count: usize| (0..count).map(|n| format!("c{n}")).collect::<Vec<_>>();
    let cases = [
        (0, None),
        (1, Some("in cluster c0")),
        (2, Some("in clusters c0 and c1")),
        (4, Some("in clusters c0, c1, c2 and c3")),
        (5, Some("in clusters c0, c1, c2 and 2 more")),
        (1000, Some("in clusters c0, c1, c2 and 997 more")),
    ];
    for (count, expected) in cases {
        assert_eq!(in_clusters(&names(count)).as_deref(), expected);
    }
}

#[test]
fn the_summary_counts_by_severity() {
    let error = Diagnostic::error("x", "x");
    let warning = Diagnostic::warning("x", "x");
    let all = [error.clone(), warning, error];
    assert_eq!(summary(&all).as_deref(), Some("2 errors, 1 warning"));
    assert_eq!(summary(&[]), None);
}

#[test]
fn long_help_is_wrapped_to_the_width_and_left_whole_without_one() {
    let (sources, find) = project();
    let finding = Diagnostic::error(
        "missing-component",
        "Kustomization `apps` needs `kustomize-controller`, which is not among the components of the cluster",
    )
    .at(find("apps"), "")
    .with_help("add `kustomize-controller` to `flux.components`, or leave `flux.components` out, which installs it");
    let wrapped = human(std::slice::from_ref(&finding), &sources, &Style::PLAIN);
    assert_snapshot!(wrapped, @r#"
    error[missing-component]: Kustomization `apps` needs `kustomize-controller`, which is not among the components of the cluster
     --> fluxgen.toml:4:17
      |
    4 | [kustomizations.apps]
      |                 ^^^^
      |
      = help: add `kustomize-controller` to `flux.components`, or leave
              `flux.components` out, which installs it
    "#);
    assert!(
        wrapped
            .lines()
            .skip(1)
            .all(|line| line.chars().count() <= 80)
    );
    let whole = human(&[finding], &sources, &Style::default());
    assert_eq!(whole.lines().count(), 8, "{whole}");
}

#[test]
fn escape_sequences_of_a_file_never_reach_the_terminal() {
    let mut sources = Sources::default();
    let text = "a = \"\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\r\"\nb = 1\n";
    let file = sources.add("evil\u{1b}[31m.toml", text);
    let finding = Diagnostic::error("x", "bad \u{1b}[2J value")
        .at(Span::new(file, 4..9), "label \u{1b}[0m\nnext")
        .with_note("note \u{1b}[0m")
        .with_help("help \u{9b}0m");
    let out = human(&[finding], &sources, &Style::PLAIN);
    assert!(
        out.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'),
        "{out:?}"
    );
    assert_snapshot!(out, @r#"
    error[x]: bad ␛[2J value
     --> evil␛[31m.toml:1:5
      |
    1 | a = "␛[2J␛]0;title␇�31m�␍"
      |     ^^^^^ label ␛[0m␤next
      |
      = note: note ␛[0m
      = help: help �0m
    "#);
}

#[test]
fn minified_text_is_bounded() {
    let mut sources = Sources::default();
    let long = format!("{{\"a\":\"{}\",\"b\":1}}", "x".repeat(1 << 20));
    let end = long.len();
    let file = sources.add("values.json", long);
    let near = Diagnostic::error("x", "near").at(Span::new(file, 5..end), "all of it");
    let far = Diagnostic::error("x", "far")
        .at(Span::new(file, end - 2..end - 1), "too large")
        .at(Span::new(file, 1..4), "first key");
    let out = human(&[near, far], &sources, &Style::PLAIN);
    assert_snapshot!(out, @r#"
    error[x]: near
     --> values.json:1:6
      |
    1 | {"a":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ all of it

    error[x]: far
     --> values.json:1:1048589
      |
     ::: values.json:1:2
      |
    1 | {"a":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |  --- first key
      |
      = note: values.json:1:1048589: too large
    "#);
}

#[test]
fn places_at_the_ends_and_inside_characters_are_shown() {
    let mut sources = Sources::default();
    let file = sources.add("fluxgen.toml", "ü = \"世界\"\t# x\r\nlast");
    let length = sources.get(file).map_or(0, |source| source.text().len());
    // every span, also those that cut a character in two or lie beyond the end
    for start in 0..length + 2 {
        for end in start..length + 2 {
            let finding = Diagnostic::error("x", "y").at(Span::new(file, start..end), "z");
            let out = human(&[finding], &sources, &Style::PLAIN);
            assert!(out.contains(" z\n"), "{start}..{end}: {out}");
        }
    }
    let empty = sources.add("empty.toml", "");
    let finding = Diagnostic::error("x", "y").at(Span::new(empty, 0..0), "z");
    assert_snapshot!(human(&[finding], &sources, &Style::PLAIN), @r#"
    error[x]: y
     --> empty.toml:1:1
      |
    1 |
      | ^ z
    "#);
}

#[test]
fn a_place_on_many_lines_is_shown_by_its_first() {
    let mut sources = Sources::default();
    let file = sources.add("fluxgen.toml", "a = \"\"\"\none\ntwo\n\"\"\"\n");
    let finding = Diagnostic::error("x", "y").at(Span::new(file, 4..19), "z");
    assert_snapshot!(human(&[finding], &sources, &Style::PLAIN), @r#"
    error[x]: y
     --> fluxgen.toml:1:5
      |
    1 | a = """
      |     ^^^ z
    "#);
}

#[test]
fn a_thousand_places_are_bounded() {
    let mut sources = Sources::default();
    let file = sources.add("fluxgen.toml", "a\n".repeat(100_000));
    let mut finding = Diagnostic::error("dependency-cycle", "1,000 resources wait in a circle");
    for place in 0..1000 {
        finding = finding.at(Span::new(file, place * 200..place * 200 + 1), "waits");
    }
    let out = human(&[finding], &sources, &Style::PLAIN);
    assert!(out.contains("and 988 more places"), "{out}");
    assert!(out.lines().count() < 100, "{out}");
}

#[test]
fn colour_is_there_only_when_asked_for() {
    let (sources, find) = project();
    let finding = Diagnostic::error("x", "y").at(find("apps"), "z");
    let style = Style {
        color: true,
        ..Style::PLAIN
    };
    assert!(human(std::slice::from_ref(&finding), &sources, &style).contains("\u{1b}["));
    assert!(!human(&[finding], &sources, &Style::PLAIN).contains('\u{1b}'));
}

#[test]
fn an_error_behind_many_warnings_is_shown() {
    let mut diagnostics: Vec<Diagnostic> = (0..2 * SHOWN)
        .map(|at| Diagnostic::warning("unused-group", format!("group {at}")))
        .collect();
    diagnostics.push(Diagnostic::error("project-too-large", "too large"));
    let said = human(&diagnostics, &Sources::default(), &Style::PLAIN);
    assert!(
        said.contains("error[project-too-large]: too large"),
        "{said}"
    );
    let hidden = format!("… and {} warnings that are not shown", SHOWN + 1);
    assert!(said.contains(&hidden), "{said}");
}
