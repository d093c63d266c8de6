//! What a comparison tells a reviewer.

mod resources;

use std::sync::Arc;

use fluxgen::compare::report::{Action, Change, TextTag};
use fluxgen::compare::{Side, SideBuilder, changes, compare, summaries};
use resources::{resources, side, sides};

fn told(base: &Side, head: &Side) -> Vec<Change> {
    changes(&compare(base, head))
}

/// `path: old -> new` for each field of the only change.
fn fields(old: &str, new: &str) -> Vec<String> {
    let all = told(&side("c", old), &side("c", new));
    assert!(all.len() <= 1, "{all:?}");
    all.iter()
        .flat_map(|change| &change.fields)
        .map(|field| {
            let shown = |value: &Option<serde_json::Value>| {
                value
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string)
            };
            format!(
                "{}: {} -> {}",
                field.path,
                shown(&field.old),
                shown(&field.new)
            )
        })
        .collect()
}

fn kustomization(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: {name}, namespace: flux-system}}\nspec: {spec}\n---\n"
    )
}

fn release(values: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
         metadata: {{name: web, namespace: web}}\nspec:\n  values: {values}\n---\n"
    )
}

#[test]
fn lists_are_matched_by_their_natural_key_and_order_alone_is_no_change() {
    let cases = [
        (
            "dependsOn by name",
            "{dependsOn: [{name: a}, {name: b}]}",
            "{dependsOn: [{name: b, namespace: x}, {name: a}]}",
            vec![r#"spec.dependsOn[b].namespace: - -> "x""#],
        ),
        (
            "health checks by kind and name",
            "{healthChecks: [{kind: Deployment, name: a}, {kind: StatefulSet, name: a}]}",
            "{healthChecks: [{kind: StatefulSet, name: a, namespace: n}]}",
            vec![
                r#"spec.healthChecks[Deployment/a]: {"kind":"Deployment","name":"a"} -> -"#,
                r#"spec.healthChecks[StatefulSet/a].namespace: - -> "n""#,
            ],
        ),
        (
            "patches by target",
            "{patches: [{target: {kind: A}, patch: x}, {target: {kind: B}, patch: y}]}",
            "{patches: [{target: {kind: A}, patch: x}, {target: {kind: B}, patch: z}]}",
            vec![r#"spec.patches[kind=B].patch: "y" -> "z""#],
        ),
        (
            "scalars by value",
            "{a: [one, two, three]}",
            "{a: [three, one, four]}",
            vec![r#"spec.a[2]: "two" -> "four""#],
        ),
        (
            "order alone",
            "{dependsOn: [{name: a}, {name: b}]}",
            "{dependsOn: [{name: b}, {name: a}]}",
            vec![],
        ),
        ("order of keys", "{a: 1, b: 2}", "{b: 2, a: 1}", vec![]),
    ];
    for (what, old, new, expected) in cases {
        let found = fields(&kustomization("k", old), &kustomization("k", new));
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn an_order_that_decides_which_value_wins_is_shown() {
    let found = fields(
        &kustomization(
            "k",
            "{postBuild: {substituteFrom: [{kind: ConfigMap, name: a}, {kind: ConfigMap, name: b}]}}",
        ),
        &kustomization(
            "k",
            "{postBuild: {substituteFrom: [{kind: ConfigMap, name: b}, {kind: ConfigMap, name: a}]}}",
        ),
    );
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("spec.postBuild.substituteFrom: "),
        "{found:?}"
    );
}

#[test]
fn what_image_automation_writes_is_silent_and_the_loss_of_its_mark_is_not() {
    let marked = |value: &str| release(&format!("{{tag: '!marked flux-system:web:tag {value}'}}"));
    assert!(told(&side("c", &marked("1.0.0")), &side("c", &marked("1.0.1"))).is_empty());
    assert_eq!(
        fields(&marked("1.0.0"), &release("{tag: 1.0.0}")),
        [r#"spec.values.tag: "1.0.0 # {\"$imagepolicy\": \"flux-system:web:tag\"}" -> "1.0.0""#]
    );
}

#[test]
fn secrets_never_get_into_a_change() {
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: n}}\n\
             data: {{a: {value}1}}\nstringData: {{b: {value}2}}\n---\n{}",
            release(&format!(
                "{{db: {{password: {value}3}}, env: [{{name: API_TOKEN, value: {value}4}}], url: 'https://u:{value}5@host/x', \
                 config: \"user: me\\npassword: {value}6\\n\", key: \"-----BEGIN RSA PRIVATE KEY-----\\n{value}7\\n\"}}"
            ))
        )
    };
    let (old, new) = (side("c", &secret("hunter")), side("c", &secret("cat")));
    let none = sides(&[("c", "")]);
    for all in [told(&old, &new), told(&none, &new), told(&old, &none)] {
        assert_eq!(all.len(), 2);
        let text = serde_json::to_string(&all).expect("serializes");
        assert!(!text.contains("hunter") && !text.contains("cat"), "{text}");
        assert!(text.contains("***"));
    }
    let changed = told(&old, &new);
    let count: usize = changed
        .iter()
        .map(|change| change.fields.iter().filter(|field| field.masked).count())
        .sum();
    assert_eq!(count, 7);
}

#[test]
fn a_changed_line_of_a_long_text_is_an_inner_diff() {
    let text = |word: &str| release(&format!("{{script: \"one\\n{word}\\nthree\\n\"}}"));
    let all = told(&side("c", &text("two")), &side("c", &text("zwei")));
    let lines: Vec<_> = all[0].fields[0]
        .text
        .iter()
        .filter(|line| line.tag != TextTag::Equal)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(lines, ["two", "zwei"]);
}

#[test]
fn a_resource_under_another_name_is_renamed_and_one_of_the_same_template_is_not() {
    let spec = |path: &str| {
        format!(
            "{{path: ./{path}, prune: true, interval: 10m, sourceRef: {{kind: GitRepository, name: flux-system}}}}"
        )
    };
    let actions = |old: &str, new: &str| -> Vec<(Action, String)> {
        told(&side("c", old), &side("c", new))
            .iter()
            .map(|change| (change.action, change.resource.name.clone()))
            .collect()
    };
    let same = actions(
        &kustomization("apps", &spec("apps")),
        &kustomization("applications", &spec("apps")),
    );
    assert_eq!(same, [(Action::Renamed, "applications".to_owned())]);
    let nearly = actions(
        &kustomization("apps", &spec("apps")),
        &kustomization("applications", &spec("apps").replace("10m", "30m")),
    );
    assert_eq!(nearly, [(Action::Renamed, "applications".to_owned())]);
    let other = actions(
        &kustomization("cart", &spec("cart")),
        &kustomization("pay", &spec("pay")),
    );
    assert_eq!(
        other,
        [
            (Action::Deleted, "cart".to_owned()),
            (Action::Created, "pay".to_owned())
        ]
    );
}

#[test]
fn renamed_from_decides_where_the_spec_does_not() {
    let old = kustomization("apps", "{path: ./a}");
    let new = kustomization("x, annotations: {test/renamedFrom: apps}", "{path: ./b}");
    let all = told(&side("c", &old), &side("c", &new));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].action, Action::Renamed);
    assert_eq!(
        all[0].renamed_from.as_ref().map(|it| it.name.as_str()),
        Some("apps")
    );
    let paths: Vec<_> = all[0]
        .fields
        .iter()
        .map(|field| field.path.as_str())
        .collect();
    assert_eq!(paths, ["metadata.annotations", "spec.path"]);
}

#[test]
fn an_equal_change_is_told_once_with_the_names_of_its_clusters() {
    let old = kustomization("k", "{interval: 1m}");
    let new = kustomization("k", "{interval: 2m}");
    let odd = kustomization("k", "{interval: 3m}");
    let all = told(
        &sides(&[("a", &old), ("b", &old), ("c", &old), ("d", &old)]),
        &sides(&[("a", &new), ("b", &old), ("c", &new), ("d", &odd)]),
    );
    let groups: Vec<_> = all.iter().map(|change| change.clusters.join(" ")).collect();
    assert_eq!(groups, ["a c", "d"]);
    assert_ne!(all[0].id, all[1].id);
}

#[test]
fn changes_that_differ_in_the_name_of_the_cluster_are_one() {
    let spec =
        |cluster: &str, root: &str| kustomization("k", &format!("{{path: ./{root}/{cluster}}}"));
    let names = ["prod-eu", "prod-us", "product"];
    let at = |root: &str| -> Vec<(&str, String)> {
        names.iter().map(|name| (*name, spec(name, root))).collect()
    };
    let refer = |all: &[(&str, String)]| -> Side {
        sides(
            &all.iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect::<Vec<_>>(),
        )
    };
    let all = told(&refer(&at("infra")), &refer(&at("infrastructure")));
    assert_eq!(all.len(), 1);
    assert!(all[0].by_cluster);
    assert_eq!(all[0].clusters, names);
    assert_eq!(
        all[0].fields[0].new,
        Some(serde_json::Value::from("./infrastructure/<cluster>"))
    );
}

#[test]
fn what_is_shared_is_counted_and_not_compared() {
    let shared: Vec<_> = (0..100)
        .flat_map(|at| resources(&kustomization(&format!("k{at}"), "{interval: 1m}")))
        .collect();
    let build = || {
        let mut builder = SideBuilder::new();
        for cluster in 0..1000 {
            for resource in &shared {
                builder.add(&format!("c{cluster}"), Arc::clone(resource), None);
            }
        }
        builder.finish()
    };
    let (base, head) = (build(), build());
    let comparison = compare(&base, &head);
    assert!(changes(&comparison).is_empty());
    let unchanged: usize = summaries(&comparison).iter().map(|it| it.unchanged).sum();
    assert_eq!(unchanged, 100_000);
}

#[test]
fn a_cluster_that_is_new_or_gone_says_so() {
    use fluxgen::compare::report::Presence;
    let text = kustomization("k", "{interval: 1m}");
    let (base, head) = (
        sides(&[("a", &text), ("b", &text)]),
        sides(&[("b", &text), ("c", &text)]),
    );
    let comparison = compare(&base, &head);
    let presence: Vec<_> = summaries(&comparison)
        .into_iter()
        .map(|it| (it.name, it.presence))
        .collect();
    assert_eq!(
        presence,
        [
            ("a".to_owned(), Presence::Removed),
            ("b".to_owned(), Presence::Both),
            ("c".to_owned(), Presence::Added)
        ]
    );
}
