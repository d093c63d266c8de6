//! Folders and the objects that Flux builds from them, compared with `kubectl kustomize` where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use fluxgen::files::MemoryFiles;
use fluxgen::kustomize::{Build, Contents, InlinePatch, Resolver, Target};
use fluxgen::node::{Node, Value};
use fluxgen::resource::Resource;
use fluxgen::source::Span;
use fluxgen::yaml::read_all;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: other}\n";
const ALL: &str = concat!(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n---\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
);

fn files(files: &[(&str, &str)]) -> MemoryFiles {
    files.iter().map(|(path, text)| (*path, *text)).collect()
}

fn build(path: &str) -> Build {
    Build {
        path: path.to_owned(),
        ..Build::default()
    }
}

fn names(contents: &Contents) -> Vec<String> {
    contents.objects.keys().map(ToString::to_string).collect()
}

#[test]
fn a_folder_without_a_kustomization_file_gives_every_yaml_file_below_it() {
    let files = files(&[
        ("apps/a/web.yaml", DEPLOYMENT),
        ("apps/notes.txt", "no"),
        ("apps/.sops.yaml", "creation_rules: []"),
        (
            "apps/own/kustomization.yaml",
            "namePrefix: own-\nresources: [c.yml]",
        ),
        ("apps/own/c.yml", CONFIG),
        ("apps/own/not-listed.yaml", NAMESPACE),
    ]);
    let contents = Resolver::new(&files).contents(&build("./apps"));
    assert_eq!(contents.broken, None);
    assert_eq!(
        names(&contents),
        ["ConfigMap other/own-settings", "Deployment web"]
    );
    assert!(contents.unknown.is_empty());
}

#[test]
fn what_flux_adds_wins_over_the_kustomization_file() {
    let files = files(&[
        (
            "apps/kustomization.yaml",
            "namespace: a\nnamePrefix: a-\nresources: [all.yaml]",
        ),
        (
            "apps/all.yaml",
            &format!("{DEPLOYMENT}---\n{NAMESPACE}---\n{CONFIG}"),
        ),
    ]);
    let contents = Resolver::new(&files).contents(&Build {
        target_namespace: Some("b".to_owned()),
        name_suffix: Some("-z".to_owned()),
        ..build("apps/")
    });
    // The namespace transformer renames a Namespace: https://github.com/fluxcd/flux2/issues/3949
    assert_eq!(
        names(&contents),
        [
            "ConfigMap b/a-settings-z",
            "Namespace b",
            "Deployment b/a-web-z"
        ]
    );
}

#[test]
fn what_is_elsewhere_is_said_to_be_unknown() {
    let files = files(&[(
        "apps/kustomization.yaml",
        "resources: ['https://token@example.com/a.yaml', github.com/acme/base//web?ref=v1]\n\
         configMapGenerator: [{name: hashed, literals: [a=b]}, {name: plain, literals: [a=b], options: {disableNameSuffixHash: true}}]\n\
         transformers: [x.yaml]\n",
    )]);
    let contents = Resolver::new(&files).contents(&build("apps"));
    // The hash is that of kustomize itself.
    assert_eq!(
        names(&contents),
        ["ConfigMap hashed-4h2mbtbbt6", "ConfigMap plain"]
    );
    let unknown: Vec<_> = contents.unknown.iter().map(String::as_str).collect();
    assert_eq!(
        unknown,
        [
            "`apps`: `transformers` is not followed",
            "the remote base `github.com/acme/base//web?ref=v1`",
            "the remote base `https://example.com/a.yaml`",
        ]
    );
}

#[test]
fn hostile_folders_are_broken_and_never_loop() {
    let mut bomb: Vec<(String, String)> = (0..40)
        .map(|level| {
            (
                format!("bomb/{level}/kustomization.yaml"),
                format!("resources: [../{n}, ../{n}]", n = level + 1),
            )
        })
        .collect();
    bomb.push((
        "bomb/40/kustomization.yaml".to_owned(),
        "namespace: a".to_owned(),
    ));
    let mut all: MemoryFiles = bomb.into_iter().collect();
    for (path, text) in [
        ("loop/kustomization.yaml", "resources: [../back]"),
        ("back/kustomization.yaml", "resources: [../loop]"),
        ("out/kustomization.yaml", "resources: [../../etc/passwd]"),
        ("bare/kustomization.yaml", "resources: [sub]"),
        ("bare/sub/a.yaml", DEPLOYMENT),
        ("twice/a.yaml", DEPLOYMENT),
        ("twice/b.yaml", DEPLOYMENT),
        ("bad/a.yaml", "a: [\n"),
    ] {
        all.insert(path, text);
    }
    all.insert("bytes/a.yaml", vec![0xff, 0x00]);
    let resolver = Resolver::new(&all);
    for path in [
        "loop", "out", "bare", "twice", "bad", "bytes", "bomb/0", "nowhere",
    ] {
        let contents = resolver.contents(&build(path));
        assert!(contents.broken.is_some(), "{path}: {contents:?}");
        assert!(contents.objects.is_empty(), "{path}");
    }
}

#[test]
fn patches_delete_objects_and_keep_them_from_being_pruned() {
    let files = files(&[
        (
            "apps/kustomization.yaml",
            "resources: [all.yaml]\npatches: [{path: keep.yaml}]\n",
        ),
        (
            "apps/all.yaml",
            &format!("{DEPLOYMENT}---\n{NAMESPACE}---\n{CONFIG}"),
        ),
        (
            "apps/keep.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}",
        ),
    ]);
    let contents = Resolver::new(&files).contents(&Build {
        patches: vec![InlinePatch {
            patch: "$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}"
                .to_owned(),
            target: Some(Target {
                kind: Some("ConfigMap".to_owned()),
                name: Some("set.*".to_owned()),
                ..Target::default()
            }),
        }],
        ..build("apps")
    });
    let kept: Vec<_> = contents
        .objects
        .iter()
        .map(|(identity, built)| (identity.to_string(), built.prune_disabled))
        .collect();
    assert_eq!(
        kept,
        [
            ("Namespace shop".to_owned(), true),
            ("Deployment web".to_owned(), false)
        ]
    );
}

#[test]
fn names_are_substituted_as_far_as_the_values_are_known() {
    let files = files(&[(
        "apps/a.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: 'shop-${env}'}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: 'web-${tenant}'}\n",
    )]);
    let contents = Resolver::new(&files).contents(&Build {
        substitutes: true,
        substitutes_from_cluster: true,
        substitute: [("env".to_owned(), "prod".to_owned())].into(),
        ..build("apps")
    });
    assert_eq!(names(&contents), ["Namespace shop-prod"]);
    assert_eq!(contents.unknown.len(), 1);
}

/// Kustomize itself, through kubectl, for folders that need nothing of Flux.
#[test]
fn the_names_are_those_of_kubectl_kustomize() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        (
            "namespace, prefix and suffix over two bases",
            &[
                (
                    "top/kustomization.yaml",
                    "namespace: ns\nnamePrefix: p-\nnameSuffix: -s\nresources: [../base, extra.yaml]",
                ),
                ("top/extra.yaml", NAMESPACE),
                (
                    "base/kustomization.yaml",
                    "namePrefix: b-\nresources: [web.yaml, config.yaml, role.yaml, crd.yaml]",
                ),
                ("base/web.yaml", DEPLOYMENT),
                ("base/config.yaml", CONFIG),
                (
                    "base/role.yaml",
                    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n",
                ),
                (
                    "base/crd.yaml",
                    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\nspec: {group: b.c, names: {kind: A, plural: a}}\n",
                ),
            ],
        ),
        (
            "a component transforms what was there before it",
            &[
                (
                    "top/kustomization.yaml",
                    "resources: [web.yaml]\ncomponents: [../component]",
                ),
                ("top/web.yaml", DEPLOYMENT),
                (
                    "component/kustomization.yaml",
                    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamespace: c\nnameSuffix: -c\nresources: [config.yaml]",
                ),
                ("component/config.yaml", CONFIG),
            ],
        ),
        (
            "patches that delete, by target and by name",
            &[
                (
                    "top/kustomization.yaml",
                    "namespace: ns\nresources: [all.yaml]\npatches:\n- patch: |\n    $patch: delete\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n- target: {kind: ConfigMap, name: set.*}\n  patch: |\n    $patch: delete\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: any}\n",
                ),
                ("top/all.yaml", ALL),
            ],
        ),
        (
            "generators without a hash, and a custom resource",
            &[
                (
                    "top/kustomization.yaml",
                    "namespace: ns\nnamePrefix: p-\ngeneratorOptions: {disableNameSuffixHash: true}\nconfigMapGenerator: [{name: made, literals: [a=b]}]\nsecretGenerator: [{name: made, literals: [a=b]}]\nresources: [custom.yaml]",
                ),
                (
                    "top/custom.yaml",
                    "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: one}\n",
                ),
            ],
        ),
    ];
    for (what, entries) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in *entries {
            let place = folder.path().join(path);
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            std::fs::write(place, text).expect("a file");
        }
        let output = match Command::new("kubectl")
            .arg("kustomize")
            .arg(folder.path().join("top"))
            .output()
        {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped: kubectl cannot be run ({error})");
                return;
            }
        };
        assert!(
            output.status.success(),
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let built = String::from_utf8(output.stdout).expect("UTF-8");
        let theirs = files(&[("built.yaml", built.as_str())]);
        let theirs: BTreeSet<_> = names(&Resolver::new(&theirs).contents(&build("")))
            .into_iter()
            .collect();
        let ours = Resolver::new(&files(entries)).contents(&build("top"));
        assert_eq!(ours.broken, None, "{what}");
        assert_eq!(
            names(&ours).into_iter().collect::<BTreeSet<_>>(),
            theirs,
            "{what}"
        );
        assert!(!theirs.is_empty(), "{what}");
    }
}

/// What the Go modules of kustomize-controller build, by `tests/oracle build tests/facts/kustomize.txtar`.
#[derive(serde::Deserialize)]
struct Answer {
    name: String,
    #[serde(default)]
    error: String,
    /// Where variables without a value are refused.
    #[serde(default)]
    strict: String,
    #[serde(default)]
    objects: Vec<serde_json::Value>,
}

/// Repositories in which something is not followed, and is said to be not known.
const NOT_FOLLOWED: &[&str] = &[];

#[test]
fn folders_build_as_in_the_controller() {
    let answers: Vec<Answer> =
        serde_json::from_str(include_str!("facts/kustomize.json")).expect("facts");
    let texts = include_str!("facts/kustomize.txtar");
    let repositories: BTreeMap<&str, &str> = format!("\n{texts}")
        .split("\n=== ")
        .skip(1)
        .map(|part| part.split_once('\n').expect("a name"))
        .map(|(name, body)| (&*name.trim().to_owned().leak(), &*body.to_owned().leak()))
        .collect();
    assert_eq!(answers.len(), repositories.len());
    assert!(answers.len() > 200);
    let mut wrong = Vec::new();
    for answer in &answers {
        let ours = built(repositories[answer.name.as_str()]);
        if let Err(why) = agrees(answer, &ours) {
            wrong.push(format!("{}: {why}", answer.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn built(body: &str) -> Contents {
    let mut files = MemoryFiles::default();
    let mut spec = String::from("{}");
    for part in format!("\n{body}").split("\n-- ").skip(1) {
        let (path, text) = part.split_once(" --\n").unwrap_or((part, ""));
        match path {
            "flux.yaml" => spec = text.to_owned(),
            path => files.insert(path, format!("{text}\n")),
        }
    }
    let text = format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: test, namespace: flux-system}}\nspec:\n  {}\n",
        spec.trim_end().replace('\n', "\n  ")
    );
    let mut nodes = read_all(&text, Span::BUILT_IN.file).expect("a spec");
    let kustomization = Resource::from_node(nodes.remove(0)).expect("a Kustomization");
    Resolver::new(&files)
        .contents(&Build::of(&kustomization))
        .as_ref()
        .clone()
}

fn agrees(answer: &Answer, ours: &Contents) -> Result<(), String> {
    let is_unknown = !ours.unknown.is_empty();
    if is_unknown != NOT_FOLLOWED.contains(&answer.name.as_str()) {
        return Err(format!("not known: {:?}", ours.unknown));
    }
    match (&ours.broken, answer.error.is_empty()) {
        (Some(_), false) => return Ok(()),
        (None, true) => {}
        (ours, _) => return Err(format!("{ours:?}, not {:?}", answer.error)),
    }
    if ours.unset.is_empty() != answer.strict.is_empty() {
        return Err(format!("unset {:?}, not {:?}", ours.unset, answer.strict));
    }
    let key = |object: &serde_json::Value| {
        let text = |pointer: &str| object.pointer(pointer).map(ToString::to_string);
        format!(
            "{:?} {:?} {:?} {:?}",
            text("/apiVersion"),
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name")
        )
    };
    let theirs: BTreeMap<_, _> = answer
        .objects
        .iter()
        .map(|object| (key(object), without_origin(object.clone())))
        .collect();
    let ours: BTreeMap<_, _> = ours
        .objects
        .values()
        .filter_map(|built| built.resource.as_ref())
        .map(|resource| json(&resource.node))
        .map(|object| (key(&object), object))
        .collect();
    if ours.keys().ne(theirs.keys()) {
        let names = |objects: &BTreeMap<String, serde_json::Value>| {
            objects.keys().cloned().collect::<Vec<_>>().join(", ")
        };
        return Err(format!("{}, not {}", names(&ours), names(&theirs)));
    }
    for (key, object) in &ours {
        if *object != theirs[key] {
            return Err(format!("\n  {object}\nnot\n  {}", theirs[key]));
        }
    }
    Ok(())
}

/// A note of where an object is from, which is there if the kustomization file has no `resources`.
fn without_origin(mut object: serde_json::Value) -> serde_json::Value {
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(|it| it.as_object_mut())
    {
        annotations.remove("config.kubernetes.io/origin");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}

fn json(node: &Node) -> serde_json::Value {
    match node.value.scalar() {
        Value::Null | Value::Marked(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => i64::try_from(*value).expect("a small number").into(),
        Value::Float(value) if value.fract() == 0.0 => format!("{value}")
            .parse::<i64>()
            .map_or_else(|_| (*value).into(), Into::into),
        Value::Float(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Table(table) => {
            let entries = table.iter();
            entries
                .map(|(key, entry)| (key.to_owned(), json(&entry.node)))
                .collect()
        }
    }
}
