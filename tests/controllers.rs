//! What Flux's controllers refuse beyond their CRDs, and what they accept: resources as a user writes them, and
//! what `fluxgen check` says of each.
//!
//! Each group names the code that decides; read at source-controller 1.9.3, kustomize-controller 1.9.4,
//! helm-controller 1.6.3, notification-controller 1.9.3, image-reflector-controller 1.2.4,
//! image-automation-controller 1.2.4.

use std::fs;
use std::process::Command;

use fluxgen::go::cel::{self, Scope, Type};
use fluxgen::go::template;

/// All controllers, and what the resources refer to.
const HEAD: &str = r#"
[repo]
url = "https://git.example/fleet"
[flux]
install = "none"
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller", "source-watcher"]
[clusters.c1]
[sources.git.src]
url = "https://git.example/src"
ref.branch = "main"
[sources.helm.hr]
url = "https://charts.example.com/a"
[kustomizations.base]
path = "./base"
"#;

/// What is expected of one resource.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// Exit code 0 and nothing about it.
    Silent,
    /// An error with these words.
    Error(&'static str),
    /// Exit code 0 and a warning with these words.
    Warning(&'static str),
}

use Expect::{Error, Silent, Warning};

/// `check` on a project of the head and one resource: whether it passes, and all it says in one line.
fn check(toml: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for path in ["base", "apps"] {
        fs::create_dir_all(folder.path().join(path)).expect("a folder");
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n\
                    data: {a: b}\n";
        fs::write(folder.path().join(path).join("cm.yaml"), text).expect("a file");
    }
    fs::write(
        folder.path().join("fluxgen.toml"),
        format!("{HEAD}{toml}\n"),
    )
    .expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .args(["check"])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "400")
        .output()
        .expect("fluxgen runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).replace(['\n', '|'], " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    (output.status.success(), words.join(" "))
}

/// Codes of the findings that these tables are about.
const CODES: &[&str] = &[
    "wrong-value",
    "refused-combination",
    "cannot-work",
    "wrong-label",
    "image-selector",
    "missing-component",
    "unknown-key",
    "not-checked",
];

fn holds(table: &[(String, Expect)]) {
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = table
            .chunks(table.len().div_ceil(4).max(1))
            .map(|part| {
                scope.spawn(move || {
                    let fits = |(toml, expect): &(String, Expect)| {
                        let (passes, text) = check(toml);
                        let is_right = match expect {
                            Silent => {
                                passes
                                    && !CODES.iter().any(|code| text.contains(&format!("[{code}]")))
                            }
                            Error(words) => {
                                !passes
                                    && text.contains(words)
                                    && (text.contains("help:") || text.contains("[wrong-label]"))
                            }
                            Warning(words) => {
                                passes && text.contains("warning[") && text.contains(words)
                            }
                        };
                        (!is_right).then(|| format!("{toml}\n  expected {expect:?}\n  {text}\n"))
                    };
                    part.iter().filter_map(fits).collect::<Vec<_>>()
                })
            })
            .collect();
        for run in runs {
            wrong.extend(run.join().expect("no panic"));
        }
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}

/// Each value put into a template in place of `§`.
fn values(template: &str, values: &[(&str, Expect)]) -> Vec<(String, Expect)> {
    let with = |(value, expect): &(&str, Expect)| (template.replace('§', value), *expect);
    values.iter().map(with).collect()
}

fn tomls(cases: &[(&str, Expect)]) -> Vec<(String, Expect)> {
    cases
        .iter()
        .map(|(toml, expect)| ((*toml).to_owned(), *expect))
        .collect()
}

/// image-reflector-controller internal/registry/helper.go, go-containerregistry pkg/name.
#[test]
fn images_are_names_without_scheme_tag_and_digest() {
    holds(&values(
        "[images.t]\nimage = \"§\"\npolicy.semver.range = \"1.x\"",
        &[
            ("ghcr.io/acme/app", Silent),
            ("docker.io/library/nginx", Silent),
            ("nginx", Silent),
            ("acme/app", Silent),
            ("localhost:5000/acme/app", Silent),
            ("registry.example.com:443/a/b/c_d-e.f", Silent),
            ("GHCR.io/acme/app", Silent),
            ("${REGISTRY}/acme/app", Silent),
            ("10.0.0.1:5000/app", Silent),
            ("ghcr.io/acme/app:latest", Error("write `ghcr.io/acme/app`")),
            ("nginx:1.25", Error("write `nginx`")),
            (
                "localhost:5000/acme/app:1.0",
                Error("write `localhost:5000/acme/app`"),
            ),
            (
                "https://ghcr.io/acme/app",
                Error("write `ghcr.io/acme/app`"),
            ),
            (
                "oci://ghcr.io/acme/app:1.0",
                Error("write `ghcr.io/acme/app`"),
            ),
            ("docker://acme/app", Error("write `acme/app`")),
            ("ghcr.io/Acme/App", Error("write `ghcr.io/acme/app`")),
            ("Acme/app", Error("write `acme/app`")),
            (
                "ghcr.io/acme/my app",
                Error("is not a repository of a registry"),
            ),
            ("", Error("the image is empty")),
            ("ghcr.io/acme/${APP}", Silent),
            ("ghcr.io", Warning("names a repository of Docker Hub")),
            ("ghcr.io/x", Warning("a repository of one character")),
        ],
    ));
    let digest =
        "ghcr.io/acme/app@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let table = [
        format!("[images.t]\nimage = \"{digest}\"\npolicy.semver.range = \"1.x\""),
        format!(
            "[images.t]\nimage = \"{}\"\npolicy.semver.range = \"1.x\"",
            digest.replace('@', ":1.0@")
        ),
    ];
    holds(&table.map(|toml| (toml, Error("write `ghcr.io/acme/app`"))));
}

/// source-controller ocirepository_controller.go `parseRepository`.
#[test]
fn oci_urls_are_repositories() {
    holds(&values(
        "[sources.oci.t]\nurl = \"§\"",
        &[
            ("oci://ghcr.io/acme/app", Silent),
            ("oci://localhost:5000/acme/app", Silent),
            ("oci://registry.example.com/a/b/c", Silent),
            ("oci://ghcr.io/acme/${APP}", Silent),
            (
                "oci://ghcr.io/acme/app:1.0",
                Error("write `oci://ghcr.io/acme/app`"),
            ),
            (
                "oci://localhost:5000/acme/app:1.0",
                Error("write `oci://localhost:5000/acme/app`"),
            ),
            (
                "oci://ghcr.io/Acme/App",
                Error("write `oci://ghcr.io/acme/app`"),
            ),
            (
                "https://ghcr.io/acme/app",
                Error("write `oci://ghcr.io/acme/app`"),
            ),
            ("ghcr.io/acme/app", Error("write `oci://ghcr.io/acme/app`")),
            (
                "ghcr.io/acme/app:1.0",
                Error("write `oci://ghcr.io/acme/app`"),
            ),
            (
                "docker://ghcr.io/acme/app",
                Error("write `oci://ghcr.io/acme/app`"),
            ),
            ("oci://", Error("names no repository")),
            ("oci://ghcr.io/", Error("names no repository")),
            ("oci://ghcr.io/acme/my app", Error("white space")),
            ("oci://ghcr.io", Warning("names a repository of Docker Hub")),
        ],
    ));
    holds(&tomls(&[
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app@sha256:00\"",
            Error("the digest belongs in `ref.digest`"),
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app:1@sha256:00\"",
            Error("write `oci://ghcr.io/acme/app`"),
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app\"\nref.digest = \"sha256:zz\"",
            Warning("is not a digest"),
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app\"\nref.tag = \"a b\"",
            Warning("is not a tag"),
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app\"\nref.tag = \"v1.0_x\"",
            Silent,
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app\"\nverify.provider = \"notation\"",
            Error("verify.secretRef"),
        ),
        (
            "[sources.oci.t]\nurl = \"oci://ghcr.io/acme/app\"\nverify.provider = \"cosign\"",
            Silent,
        ),
    ]));
}

/// fluxcd/pkg/auth `ParseArtifactRepository` of aws, gcp and azure.
#[test]
fn a_cloud_provider_fits_its_registries() {
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app";
    for template in [
        "[sources.oci.t]\nurl = \"oci://§\"\nprovider = \"%\"",
        "[images.t]\nimage = \"§\"\npolicy.semver.range = \"1.x\"\nprovider = \"%\"",
        "[sources.helm.t]\ntype = \"oci\"\nurl = \"oci://§\"\nprovider = \"%\"",
    ] {
        let of = |provider: &str| template.replace('%', provider);
        holds(&values(
            &of("aws"),
            &[
                (ecr, Silent),
                (
                    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app",
                    Silent,
                ),
                (
                    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app",
                    Silent,
                ),
                ("public.ecr.aws/acme/app", Silent),
                ("ghcr.io/acme/app", Error("works only with Amazon ECR")),
                ("acme.azurecr.io/app", Error("works only with Amazon ECR")),
            ],
        ));
        holds(&values(
            &of("gcp"),
            &[
                ("gcr.io/acme/app", Silent),
                ("eu.gcr.io/acme/app", Silent),
                ("europe-west1-docker.pkg.dev/acme/repo/app", Silent),
                (
                    "ghcr.io/acme/app",
                    Error("works only with Google Artifact Registry"),
                ),
                (
                    "docker.pkg.dev/acme/app",
                    Error("works only with Google Artifact Registry"),
                ),
            ],
        ));
        holds(&values(
            &of("azure"),
            &[
                ("acme.azurecr.io/app", Silent),
                ("acme.azurecr.cn/app", Silent),
                (
                    "ghcr.io/acme/app",
                    Warning("works only with Azure Container Registry"),
                ),
            ],
        ));
        holds(&values(
            &of("generic"),
            &[("ghcr.io/acme/app", Silent), (ecr, Silent)],
        ));
    }
    holds(&tomls(&[
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nprovider = \"github\"",
            Error("needs a `secretRef`"),
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nprovider = \"github\"\nsecretRef.name = \"s\"",
            Silent,
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nprovider = \"aws\"",
            Error("AWS CodeCommit"),
        ),
        (
            "[sources.git.t]\nurl = \"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x\"\nprovider = \"aws\"",
            Silent,
        ),
        (
            "[sources.git.t]\nurl = \"https://dev.azure.com/acme/x/_git/x\"\nprovider = \"azure\"",
            Silent,
        ),
        // An index over HTTPS has no provider to authenticate with.
        (
            "[sources.helm.t]\nurl = \"https://charts.example.com\"\nprovider = \"aws\"",
            Silent,
        ),
    ]));
}

/// source-controller gitrepository_controller.go; Go's net/url.
#[test]
fn git_urls_are_urls() {
    holds(
        &values(
            "[sources.git.t]\nurl = \"§\"\nsecretRef.name = \"s\"",
            &[
                ("https://github.com/acme/fleet", Silent),
                ("https://github.com:8443/acme/fleet.git", Silent),
                ("ssh://git&github.com/acme/fleet", Silent),
                ("ssh://git&[::1]:22/acme/fleet", Silent),
                ("http://gitea.local:3000/acme/fleet", Silent),
                ("https://${HOST}/acme/fleet", Silent),
            ],
        )
        .into_iter()
        .map(|(toml, expect)| (toml.replace('&', "@"), expect))
        .collect::<Vec<_>>(),
    );
    let refused = [
        (
            "git@github.com:acme/fleet.git",
            "write `ssh://git@github.com/acme/fleet.git`",
        ),
        (
            "git@gitlab.example.com:group/sub/fleet",
            "write `ssh://git@gitlab.example.com/group/sub/fleet`",
        ),
        (
            "deploy@host:/srv/git/fleet",
            "write `ssh://deploy@host/srv/git/fleet`",
        ),
        (
            "github.com:acme/fleet",
            "write `ssh://git@github.com/acme/fleet`",
        ),
        (
            "ssh://git@github.com:acme/fleet",
            "write `ssh://git@github.com/acme/fleet`",
        ),
        (
            "https://github.com:acme/fleet",
            "write `https://github.com/acme/fleet`",
        ),
        (
            "github.com/acme/fleet",
            "write `https://github.com/acme/fleet`",
        ),
        (
            "git://github.com/acme/fleet",
            "write `https://github.com/acme/fleet`",
        ),
        (
            "git+ssh://git@github.com/acme/fleet",
            "write `ssh://git@github.com/acme/fleet`",
        ),
        (
            "HTTPS://github.com/acme/fleet",
            "write `https://github.com/acme/fleet`",
        ),
        (
            "file:///srv/fleet",
            "starts with `https://`, `http://` or `ssh://`",
        ),
        ("./fleet", "has no scheme"),
        ("https:///acme/fleet", "has no host"),
    ];
    let table = refused.map(|(url, words)| {
        (
            format!("[sources.git.t]\nurl = \"{url}\"\nsecretRef.name = \"s\""),
            Error(words),
        )
    });
    holds(&table);
    holds(&tomls(&[
        (
            "[sources.git.t]\nurl = \"ssh://git@github.com/acme/x\"",
            Warning("needs an SSH key"),
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nref.commit = \"abc123\"",
            Warning("full commit hash"),
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nref.commit = \"0123456789abcdef0123456789abcdef01234567\"",
            Silent,
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nverify = { mode = \"Tag\", secretRef.name = \"s\" }\nref.branch = \"main\"",
            Error("the verification mode `Tag` needs a tag"),
        ),
        (
            "[sources.git.t]\nurl = \"https://github.com/acme/x\"\nverify = { mode = \"Tag\", secretRef.name = \"s\" }\nref.semver = \"1.x\"",
            Silent,
        ),
    ]));
}

/// What is committed can be read by all; what is printed, by all who read a log.
#[test]
fn passwords_in_urls_are_not_shown() {
    for toml in [
        "[sources.git.t]\nurl = \"https://user:hunter2@github.com/acme/x\"",
        "[sources.git.t]\nurl = \"https://user:hunter2@github.com:acme/x\"",
        "[sources.git.t]\nurl = \"ftp://user:hunter2@github.com/acme/x\"",
        "[sources.oci.t]\nurl = \"oci://user:hunter2@ghcr.io/acme/x:1\"",
        "[sources.helm.t]\nurl = \"oci://user:hunter2@ghcr.io/acme/x\"",
        "[images.t]\nimage = \"https://user:hunter2@ghcr.io/acme/x:1\"\npolicy.semver.range = \"1.x\"",
    ] {
        let (passes, text) = check(toml);
        let messages = text.replace(toml.lines().nth(1).expect("a line"), "");
        assert!(!passes && !messages.contains("hunter2"), "{text}");
    }
}

/// source-controller helmrepository_controller.go, helmchart_controller.go, internal/helm/chart/builder.go.
#[test]
fn helm_repositories_and_their_charts() {
    holds(&tomls(&[
        (
            "[sources.helm.t]\nurl = \"oci://ghcr.io/acme/charts\"",
            Error("needs `type = \"oci\"`"),
        ),
        (
            "[sources.helm.t]\nurl = \"oci://ghcr.io/acme/charts\"\ntype = \"default\"",
            Error("needs `type = \"oci\"`"),
        ),
        (
            "[sources.helm.t]\nurl = \"oci://ghcr.io/acme/charts\"\ntype = \"oci\"",
            Silent,
        ),
        (
            "[sources.helm.t]\nurl = \"oci://registry.example.com\"\ntype = \"oci\"",
            Silent,
        ),
        (
            "[sources.helm.t]\nurl = \"oci://ghcr.io/acme/charts:1.0\"\ntype = \"oci\"",
            Error("write `oci://ghcr.io/acme/charts`"),
        ),
        (
            "[sources.helm.t]\nurl = \"oci://ghcr.io/Acme/charts\"\ntype = \"oci\"",
            Error("write `oci://ghcr.io/acme/charts`"),
        ),
        (
            "[sources.helm.t]\nurl = \"https://charts.example.com\"\ntype = \"oci\"",
            Warning("not in a container registry"),
        ),
        (
            "[sources.helm.t]\nurl = \"https://Charts.example.com/Stable\"",
            Silent,
        ),
        (
            "[sources.helm.t]\nurl = \"charts.example.com/stable\"",
            Error("write `https://charts.example.com/stable`"),
        ),
        (
            "[sources.helm.t]\nurl = \"ftp://charts.example.com\"",
            Error("has a scheme that Flux does not know"),
        ),
        (
            "[sources.helm.t]\nurl = \"HTTPS://charts.example.com\"",
            Error("write `https://charts.example.com`"),
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"podinfo\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }",
            Silent,
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"a/b.c\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }",
            Silent,
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"./charts/a\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }",
            Error("not the name of a chart"),
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"Podinfo\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }",
            Error("write `podinfo`"),
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"./charts/A\", sourceRef = { kind = \"GitRepository\", name = \"src\" } }",
            Silent,
        ),
        (
            "[sources.chart.t]\nchart = \"a_b\"\nsourceRef = { kind = \"HelmRepository\", name = \"hr\" }",
            Error("not the name of a chart"),
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"./c\", sourceRef = { kind = \"GitRepository\", name = \"src\" }, verify.provider = \"cosign\" }",
            Error("only for charts from a HelmRepository"),
        ),
    ]));
    holds(&values(
        "[helmReleases.t]\nchart.spec = { chart = \"c\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }\nreleaseName = \"§\"",
        &[
            ("podinfo", Silent),
            ("a.b-c1", Silent),
            ("1a", Silent),
            ("${NAME}", Silent),
            ("Ab", Error("write `ab`")),
            ("PodInfo.X", Error("write `podinfo.x`")),
            ("a_b", Error("is not a release name")),
            ("-a", Error("is not a release name")),
            ("a-", Error("is not a release name")),
            ("a..b", Error("is not a release name")),
            ("a b", Error("is not a release name")),
        ],
    ));
}

/// source-controller internal/bucket; minio-go `CheckValidBucketName` and `getEndpointURL`.
#[test]
fn buckets_have_hosts_and_names() {
    let bucket = |name: &str, endpoint: &str, rest: &str| {
        format!("[sources.bucket.t]\nbucketName = \"{name}\"\nendpoint = \"{endpoint}\"\n{rest}")
    };
    holds(&[
        (bucket("fleet", "minio.example.com:9000", ""), Silent),
        (
            bucket("my.bucket_1", "s3.amazonaws.com", "provider = \"aws\""),
            Silent,
        ),
        (
            bucket(
                "fleet",
                "https://acme.blob.core.windows.net",
                "provider = \"azure\"",
            ),
            Silent,
        ),
        (
            bucket(
                "$web",
                "https://acme.blob.core.windows.net",
                "provider = \"azure\"",
            ),
            Silent,
        ),
        (
            bucket("fleet", "storage.googleapis.com", "provider = \"gcp\""),
            Silent,
        ),
        (bucket("fleet", "minio.minio", "insecure = true"), Silent),
        (
            bucket("fleet", "https://minio.example.com", ""),
            Error("write `minio.example.com`"),
        ),
        (
            bucket("fleet", "http://minio.example.com:9000", "insecure = true"),
            Error("write `minio.example.com:9000`"),
        ),
        (
            bucket("fleet", "minio.example.com/fleet", ""),
            Error("write `minio.example.com`"),
        ),
        (
            bucket(
                "fleet",
                "acme.blob.core.windows.net",
                "provider = \"azure\"",
            ),
            Error("write `https://acme.blob.core.windows.net`"),
        ),
        (
            bucket("s3://fleet", "s3.amazonaws.com", "provider = \"aws\""),
            Error("write `fleet`"),
        ),
        (
            bucket("fleet/clusters", "minio.example.com", ""),
            Error("write `fleet`"),
        ),
        (
            bucket("my bucket", "minio.example.com", ""),
            Error("is not the name of a bucket"),
        ),
        (
            bucket("a..b", "minio.example.com", ""),
            Error("two dots in a row"),
        ),
        (
            bucket("-ab", "minio.example.com", ""),
            Error("is not the name of a bucket"),
        ),
        (
            bucket("ab", "minio.example.com", ""),
            Warning("3 to 63 characters"),
        ),
        (bucket("${BUCKET}", "${ENDPOINT}", ""), Silent),
    ]);
}

/// fluxcd/pkg/kustomize kustomize_varsub.go.
#[test]
fn substitutes_have_names_of_variables() {
    holds(&values(
        "[kustomizations.t]\npath = \"./apps\"\npostBuild.substitute = { § = \"x\" }",
        &[
            ("cluster_env", Silent),
            ("_X1", Silent),
            ("a", Silent),
            ("resource-group", Error("write `resource_group`")),
            ("\"a.b\"", Error("`a.b` cannot name a variable")),
            ("1a", Error("`1a` cannot name a variable")),
            ("\"a b\"", Error("cannot name a variable")),
            ("\"ä\"", Error("cannot name a variable")),
            ("\"\"", Error("cannot name a variable")),
        ],
    ));
}

/// kustomize's PatchTransformer.
#[test]
fn patches_are_patches() {
    let template = "[kustomizations.t]\npath = \"./apps\"\npatches = [{ patch = '''§''', target.kind = \"ConfigMap\" }]";
    holds(&values(
        template,
        &[
            ("- op: remove\n  path: /data/a\n", Silent),
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {b: c}\n",
                Silent,
            ),
            ("[{\"op\": \"remove\", \"path\": \"/data\"}]", Silent),
            ("${PATCH}", Silent),
            ("}{", Error("the patch is not YAML")),
            ("", Error("the patch is empty")),
            ("data: {b: c}", Error("has no `kind`")),
            ("- op: delete\n  path: /a\n", Error("unknown `op` `delete`")),
            ("- op: remove\n", Error("has no `path`")),
            ("text", Error("neither a mapping nor a list")),
            ("[{op: remove, path: /a}]", Error("is not JSON")),
        ],
    ));
    holds(&tomls(&[
        (
            "[kustomizations.t]\npath = \"./apps\"\npatches = [{ patch = \"- op: remove\\n  path: /data/a\\n\" }]",
            Error("needs a `target`"),
        ),
        (
            "[helmReleases.t]\nchart.spec = { chart = \"c\", sourceRef = { kind = \"HelmRepository\", name = \"hr\" } }\npostRenderers = [{ kustomize.patches = [{ patch = \"}{\" }] }]",
            Error("the patch is not YAML"),
        ),
    ]));
}

/// fluxcd/pkg/runtime/cel `NewExpression`.
#[test]
fn cel_is_parsed_and_its_names_are_known() {
    holds(&values(
        "[kustomizations.t]\npath = \"./apps\"\nhealthCheckExprs = [{ apiVersion = \"v1\", kind = \"A\", current = '''§''' }]",
        &[
            ("status.ready == true", Silent),
            (
                "has(status.conditions) && status.conditions.exists(c, c.type == 'Ready')",
                Silent,
            ),
            ("data.?a.orValue('') == 'b'", Silent),
            ("1 +", Error("the expression ends too early")),
            ("status.ready = true", Error("write `==`")),
            ("a and b", Error("unexpected `and`")),
            (
                "status.conditions.filter(e, e.type == 'Ready'",
                Error("add `)`"),
            ),
            ("'a", Error("the string does not end")),
            ("", Error("the expression is empty")),
            ("has(a)", Error("`has` takes a field")),
        ],
    ));
    holds(&values(
        "[kustomizations.t]\npath = \"./apps\"\ndependsOn = [{ name = \"base\", readyExpr = '''§''' }]",
        &[
            ("dep.status.observedGeneration >= 0", Silent),
            (
                "self.metadata.labels['v'] == dep.metadata.labels['v']",
                Silent,
            ),
            ("true", Silent),
            ("dep.status. ==", Error("unexpected `==`")),
            ("status.ready == true", Error("`status` is not declared")),
            ("dep.status.ready", Error("compare it")),
            ("dep.metadata.name", Error("is of type dyn")),
            (
                "dep.metadata.name.startwith('a')",
                Error("unknown function `startwith`"),
            ),
            ("'ready'", Error("of type string, not bool")),
        ],
    ));
    holds(&values(
        "[receivers.t]\ntype = \"generic\"\nsecretRef.name = \"s\"\nresources = [{ kind = \"GitRepository\", name = \"src\" }]\nresourceFilter = '''§'''",
        &[
            ("res.metadata.annotations['a'] == req.body.name", Silent),
            ("req.tag.split('/').size() > 1", Silent),
            ("res.metadata.name == ", Error("ends too early")),
            ("request.name == 'a'", Error("`request` is not declared")),
        ],
    ));
    holds(&values(
        "[providers.t]\ntype = \"github\"\naddress = \"https://github.com/acme/x\"\nsecretRef.name = \"s\"\ncommitStatusExpr = '''§'''",
        &[
            (
                "event.involvedObject.kind + '/' + event.involvedObject.name",
                Silent,
            ),
            ("(event.metadata.a + '/x').lowerAscii()", Silent),
            ("event.metadata.a == 'x'", Error("of type bool, not string")),
            ("event.metadata.a +", Error("ends too early")),
        ],
    ));
}

/// image-automation-controller internal/source/source.go: text/template with sprig's hermetic functions.
#[test]
fn commit_messages_are_templates() {
    let automation = "[imageUpdates.t]\nsource = \"git.src\"\nupdate.path = \"./clusters\"\ngit.checkout.ref.branch = \"main\"\ngit.commit = { author.email = \"b@x.example\", messageTemplate = '''%''' }";
    let table = [
        ("Automated update", Silent),
        (
            "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}",
            Silent,
        ),
        ("{{ .AutomationObject.Name | upper | quote }}", Silent),
        (
            "{{ range $r, $_ := .Changed.Objects }}{{ $r.Kind }}{{ end }}",
            Silent,
        ),
        ("{{- /* c */ -}}{{ index .Values \"a\" }}", Silent),
        ("{{ with .Values }}{{ .anything }}{{ end }}", Silent),
        ("${X}", Silent),
        ("{{ .X", Error("does not end")),
        ("{{ .AutomationObject }", Error("does not end")),
        ("{{ range .Changed.Changes }}", Error("ends too early")),
        ("{{ end }}", Error("without `if`, `range` or `with`")),
        ("{{ uper .Values }}", Error("did you mean `upper`?")),
        ("{{ toYaml .Values }}", Error("unknown function `toYaml`")),
        ("{{ $x }}", Error("undefined variable `$x`")),
        ("{{ .Author }}", Error("has no field `.Author`")),
        ("{{ .Change.Objects }}", Error("did you mean `.Changed`?")),
        ("{{ \"a }}", Error("the string does not end")),
        (
            "{{ if .Values }}a{{ else }}b{{ else }}c{{ end }}",
            Error("twice"),
        ),
    ];
    holds(&table.map(|(template, expect)| (automation.replace('%', template), expect)));
    holds(&tomls(&[(
        "[imageUpdates.t]\nsource = \"git.src\"\nupdate.path = \"./clusters\"",
        Error("needs `git`"),
    )]));
}

/// k8s.io/apimachinery `LabelSelectorAsSelector`.
#[test]
fn policy_selectors_are_selectors() {
    let template = "[images.a]\nimage = \"ghcr.io/acme/a\"\npolicy.semver.range = \"1.x\"\nlabels = { team = \"a\" }\n[imageUpdates.t]\nsource = \"git.src\"\nupdate.path = \"./clusters\"\ngit.checkout.ref.branch = \"main\"\ngit.commit.author.email = \"b@x.example\"\npolicySelector = { § }";
    holds(&values(
        template,
        &[
            ("matchLabels.team = \"a\"", Silent),
            (
                "matchExpressions = [{ key = \"team\", operator = \"In\", values = [\"a\", \"b\"] }]",
                Silent,
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"Exists\" }]",
                Silent,
            ),
            (
                "matchExpressions = [{ key = \"other\", operator = \"DoesNotExist\", values = [] }]",
                Silent,
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"Is\" }]",
                Error("write `In`, `NotIn`, `Exists` or `DoesNotExist`"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"in\", values = [\"a\"] }]",
                Error("write `In`"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"notin\", values = [\"a\"] }]",
                Error("write `NotIn`"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"In\" }]",
                Error("needs `values`"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"NotIn\", values = [] }]",
                Error("needs `values`"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"Exists\", values = [\"a\"] }]",
                Error("takes no `values`"),
            ),
            (
                "matchExpressions = [{ key = \"te am\", operator = \"Exists\" }]",
                Error("wrong-label"),
            ),
            (
                "matchExpressions = [{ key = \"team\", operator = \"In\", values = [\"-a\"] }]",
                Error("wrong-label"),
            ),
            ("matchLabels.\"a/b/c\" = \"a\"", Error("wrong-label")),
            (
                "matchLabels.team = \"b\"",
                Warning("selects no ImagePolicy"),
            ),
            (
                "matchExpressions = [{ key = \"other\", operator = \"Exists\" }]",
                Warning("selects no ImagePolicy"),
            ),
        ],
    ));
}

/// image-reflector-controller's CRD and imagepolicy_controller.go.
#[test]
fn intervals_of_policies_go_with_reflected_digests() {
    let other = "[images.own]\nimage = \"ghcr.io/acme/app\"\ninterval = \"5m\"\npolicy.semver.range = \"1.x\"\n";
    let policy = |rest: &str| {
        format!(
            "{other}[images.t]\nimageRepositoryRef.name = \"own\"\npolicy.semver.range = \"2.x\"\n{rest}"
        )
    };
    holds(&[
        (policy(""), Silent),
        (
            policy("digestReflectionPolicy = \"Always\"\ninterval = \"5m\""),
            Silent,
        ),
        (policy("digestReflectionPolicy = \"IfNotPresent\""), Silent),
        (policy("suspend = true"), Silent),
        (
            format!("[defaults.images]\ninterval = \"5m\"\n{}", policy("")),
            Silent,
        ),
        (policy("interval = \"5m\""), Error("digestReflectionPolicy")),
        (
            policy("digestReflectionPolicy = \"Never\"\ninterval = \"5m\""),
            Error("digestReflectionPolicy"),
        ),
        (
            policy("digestReflectionPolicy = \"IfNotPresent\"\ninterval = \"5m\""),
            Error("digestReflectionPolicy"),
        ),
        (
            policy("digestReflectionPolicy = \"Always\""),
            Error("needs an `interval`"),
        ),
        (
            policy("provider = \"aws\""),
            Error("belongs to the ImageRepository"),
        ),
        (
            policy("exclusionList = [\"a\"]"),
            Error("belongs to the ImageRepository"),
        ),
    ]);
}

/// notification-controller internal/server/receiver_handlers.go, and the CRDs that the Flux Operator extends.
#[test]
fn sources_of_events_and_resources_of_receivers() {
    let receiver = "[receivers.t]\ntype = \"generic\"\nsecretRef.name = \"s\"\nresources = [{ kind = \"GitRepository\", § }]";
    holds(&values(
        receiver,
        &[
            ("name = \"src\"", Silent),
            ("name = \"*\", matchLabels.app = \"a\"", Silent),
            ("name = \"*\", matchLabels = {}", Silent),
            ("name = \"*\"", Error("`*` needs `matchLabels`")),
            (
                "name = \"*\", namespace = \"apps\"",
                Error("`*` needs `matchLabels`"),
            ),
        ],
    ));
    let alert = "[providers.p]\ntype = \"alertmanager\"\naddress = \"https://a.example.com\"\n[alerts.t]\nproviderRef.name = \"p\"\neventSources = [{ kind = \"§\", name = \"*\" }]";
    holds(&values(
        alert,
        &[
            ("Kustomization", Silent),
            ("ExternalArtifact", Silent),
            ("FluxInstance", Error("only with the Flux Operator")),
            ("ResourceSet", Error("only with the Flux Operator")),
            (
                "ResourceSetInputProvider",
                Error("only with the Flux Operator"),
            ),
            ("Deployment", Error("is not a valid value for")),
        ],
    ));
}

/// notification-controller internal/notifier: what each type's constructor refuses.
#[test]
fn providers_can_reach_their_service() {
    let url = "address = \"https://hooks.example.com/x\"";
    let repository = "address = \"https://github.com/acme/fleet\"";
    let provider = |kind: &str, rest: &str| format!("[providers.t]\ntype = \"{kind}\"\n{rest}");
    let mut table = vec![
        (
            provider("telegram", "channel = \"-100\"\nsecretRef.name = \"s\""),
            Silent,
        ),
        (
            provider("telegram", "channel = \"-100\""),
            Warning("needs a `secretRef`"),
        ),
        (
            provider("telegram", "secretRef.name = \"s\""),
            Warning("needs a `channel`"),
        ),
        (
            provider(
                "zulip",
                "address = \"https://z.example.com\"\nchannel = \"a/b\"\nsecretRef.name = \"s\"",
            ),
            Silent,
        ),
        (
            provider(
                "zulip",
                "address = \"https://z.example.com\"\nchannel = \"a\"\nsecretRef.name = \"s\"",
            ),
            Warning("has no topic"),
        ),
        (
            provider("nats", "address = \"nats://n:4222\""),
            Warning("needs a `channel`"),
        ),
        (
            provider("github", &format!("{repository}\nsecretRef.name = \"s\"")),
            Silent,
        ),
        (
            provider("github", repository),
            Warning("needs a `secretRef`"),
        ),
        (
            provider(
                "github",
                "address = \"https://github.com/acme\"\nsecretRef.name = \"s\"",
            ),
            Warning("an owner and a name"),
        ),
        (
            provider(
                "gitlab",
                "address = \"https://gitlab.com/a/b/c\"\nsecretRef.name = \"s\"",
            ),
            Silent,
        ),
        (
            provider(
                "azuredevops",
                "address = \"https://dev.azure.com/a/b/_git/c\"",
            ),
            Silent,
        ),
        (
            provider("githubdispatch", repository),
            Warning("needs a `secretRef`"),
        ),
        (
            provider("slack", "address = \"hooks.slack.com/x\""),
            Warning("is a URL"),
        ),
        (provider("slack", "secretRef.name = \"s\""), Silent),
        (
            provider("slack", "channel = \"c\""),
            Warning("needs an `address`"),
        ),
    ];
    for kind in [
        "alertmanager",
        "discord",
        "generic",
        "googlechat",
        "grafana",
        "lark",
        "matrix",
        "msteams",
        "rocket",
        "webex",
    ] {
        table.push((provider(kind, url), Silent));
        table.push((provider(kind, ""), Warning("needs an `address`")));
    }
    holds(&table);
}

/// Kubernetes takes names of 253 characters; file systems take file names of 255 bytes.
#[test]
fn a_name_of_253_characters_is_a_name() {
    let name = "a".repeat(253);
    holds(&[
        (
            format!("[sources.git.{name}]\nurl = \"https://github.com/acme/x\""),
            Silent,
        ),
        (
            format!("[sources.git.{name}a]\nurl = \"https://github.com/acme/x\""),
            Error("wrong-name"),
        ),
    ]);
}

/// Notations of other tools.
#[test]
fn durations_show_what_to_write() {
    holds(&values(
        "[kustomizations.t]\npath = \"./apps\"\ninterval = §",
        &[
            ("\"5m\"", Silent),
            ("\"*/5 * * * *\"", Error("write `5m`")),
            ("\"@daily\"", Error("write `24h`")),
            ("\"1d\"", Error("write `24h`")),
            ("\"5 minutes\"", Error("write `5m`")),
            ("\"300\"", Error("add a unit")),
            ("300", Error("write a unit: `\"300s\"`")),
        ],
    ));
}

/// Kinds of other groups have the same names.
#[test]
fn kinds_of_other_groups_are_left_alone() {
    let automation = "[imageUpdates.main]\nsource = \"git.src\"\nupdate.path = \"./clusters\"\ngit.checkout.ref.branch = \"main\"\ngit.commit.author.email = \"b@x.example\"\n";
    for (group, kind) in [
        ("config.openshift.io/v1alpha1", "ImagePolicy"),
        ("kyverno.example/v1", "ImageRepository"),
        ("serving.example/v1", "Alert"),
        ("other.example/v1", "ArtifactGenerator"),
        ("other.example/v1", "HelmRelease"),
        ("other.example/v1", "GitRepository"),
        ("other.example/v1", "Kustomization"),
    ] {
        let toml = format!(
            "{automation}[manifests.\"other/x\"]\napiVersion = \"{group}\"\nkind = \"{kind}\"\nspec.artifacts = [{{ name = \"a\", copy = [{{ from = \"@b/x\", to = \"@artifact/\" }}] }}]\nspec.dependsOn = [{{ name = \"x\" }}]\nspec.chart = \"c\"\n"
        );
        let (passes, text) = check(&toml);
        assert!(
            passes && !text.contains("cross-namespace") && !text.contains("dangling"),
            "{kind}: {text}"
        );
    }
}

/// Go 1.26 and cel-go 0.26 with the options of fluxcd/pkg/runtime/cel: expression, variables, result, and whether
/// it is accepted. `overloads` marks what only the types of arguments show, which is not judged here.
#[test]
fn cel_is_judged_as_cel_go_does() {
    let rows: Vec<(String, Vec<String>, String, String)> =
        serde_json::from_str(include_str!("facts/cel.json")).expect("rows");
    let mut wrong = Vec::new();
    for (text, variables, result, answer) in rows {
        let scope = Scope {
            variables,
            result: match result.as_str() {
                "bool" => Some(Type::Bool),
                "string" => Some(Type::String),
                _ => None,
            },
        };
        let scope = (!scope.variables.is_empty()).then_some(&scope);
        let found = cel::check(&text, scope);
        if answer != "overloads" && found.is_ok() != (answer == "accepts") {
            wrong.push(format!("{text}: {answer}, {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Go 1.26 text/template with the hermetic functions of sprig 3.3: template, and whether it parses.
#[test]
fn templates_are_parsed_as_go_does() {
    let rows: Vec<(String, bool)> =
        serde_json::from_str(include_str!("facts/go-templates.json")).expect("rows");
    for (text, is_accepted) in rows {
        let found = template::check(&text);
        assert_eq!(found.is_ok(), is_accepted, "{text}: {found:?}");
    }
}
