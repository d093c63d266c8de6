//! Every enum, pattern and bound of the kinds, through the compiler: a value that passes and one that is
//! refused, in each Flux version where the answer differs.
//!
//! The table is written by hand from what Flux documents; `every_limit_of_the_schemas_is_in_the_table`
//! holds it against the schemas, and `tests/conformance.rs` holds those against upstream's CRDs.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8Path;
use fluxgen::files::{MemoryFiles, Snapshot};
use fluxgen::project::Project;
use fluxgen::schema::{FluxMinor, Registry, SchemaNode};

/// A kind, the Flux version, a field, what it takes and what it refuses; TOML values.
struct Limit {
    kind: &'static str,
    versions: &'static [&'static str],
    field: &'static str,
    good: Vec<String>,
    bad: Vec<String>,
}

const ALL: &[&str] = &["2.6.4", "2.7.5", "2.8.8", "2.9.4"];
const SINCE_2_7: &[&str] = &["2.7.5", "2.8.8", "2.9.4"];
const SINCE_2_8: &[&str] = &["2.8.8", "2.9.4"];
const SINCE_2_9: &[&str] = &["2.9.4"];

/// `"a" "b" | "c"`: good ones before the bar, bad ones after it.
fn split(values: &str) -> (Vec<String>, Vec<String>) {
    let (good, bad) = values.split_once(" | ").expect("good | bad");
    let all = |text: &str| text.split("  ").map(str::trim).map(str::to_owned).collect();
    (all(good), all(bad))
}

fn long(length: usize) -> String {
    format!("\"{}\"", "a".repeat(length))
}

fn many(length: usize, item: &str) -> String {
    format!("[{}]", vec![item; length].join(", "))
}

const DURATION: &str =
    r#""10m"  "1h30m"  "1.5h"  "100ms"  "0s" | ""  "5"  "-1m"  "1d"  "1us"  "5 m"  "1m ""#;
const MINUTES: &str = r#""90s"  "1.5m"  "100ms" | ""  "1h"  "5"  "-1m"  "1m1h""#;

fn limits() -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |kind, versions, field, values: &str| {
        let (good, bad) = split(values);
        limits.push(Limit {
            kind,
            versions,
            field,
            good,
            bad,
        });
    };
    // GitRepository
    add("GitRepository", ALL, "interval", DURATION);
    add("GitRepository", ALL, "timeout", MINUTES);
    add(
        "GitRepository",
        ALL,
        "url",
        r#""https://a"  "http://a/b"  "ssh://git@a/b" | ""  "git@a:b"  "git://a/b"  "file:///a"  "HTTPS://a""#,
    );
    add(
        "GitRepository",
        ALL,
        "provider",
        r#""generic"  "azure"  "github" | ""  "gcp"  "GitHub""#,
    );
    add(
        "GitRepository",
        &["2.6.4", "2.7.5", "2.8.8"],
        "provider",
        r#""azure" | "aws""#,
    );
    add("GitRepository", SINCE_2_9, "provider", r#""aws" | "gcp""#);
    add(
        "GitRepository",
        ALL,
        "verify",
        r#"{ mode = "head", secretRef.name = "a" }  { mode = "HEAD", secretRef.name = "a" }  { mode = "Tag", secretRef.name = "a" }  { mode = "TagAndHEAD", secretRef.name = "a" } | { mode = "tag", secretRef.name = "a" }  { mode = "HEAD" }"#,
    );
    // OCIRepository
    add("OCIRepository", ALL, "interval", DURATION);
    add("OCIRepository", ALL, "timeout", MINUTES);
    add(
        "OCIRepository",
        ALL,
        "url",
        r#""oci://ghcr.io/a/b" | ""  "https://ghcr.io/a"  "ghcr.io/a""#,
    );
    add(
        "OCIRepository",
        ALL,
        "provider",
        r#""generic"  "aws"  "azure"  "gcp" | "github"  "AWS""#,
    );
    add(
        "OCIRepository",
        ALL,
        "layerSelector.operation",
        r#""extract"  "copy" | "unpack"  """#,
    );
    add(
        "OCIRepository",
        ALL,
        "verify.provider",
        r#""cosign"  "notation" | "gpg""#,
    );
    // HelmRepository
    add("HelmRepository", ALL, "interval", DURATION);
    add("HelmRepository", ALL, "timeout", MINUTES);
    add(
        "HelmRepository",
        ALL,
        "url",
        r#""https://a"  "http://a"  "oci://a" | "ftp://a"  "a""#,
    );
    add(
        "HelmRepository",
        ALL,
        "provider",
        r#""generic"  "aws"  "azure"  "gcp" | "github""#,
    );
    add(
        "HelmRepository",
        ALL,
        "type",
        r#""default"  "oci" | "git"  "OCI""#,
    );
    // HelmChart
    add("HelmChart", ALL, "interval", DURATION);
    add(
        "HelmChart",
        ALL,
        "reconcileStrategy",
        r#""ChartVersion"  "Revision" | "Version""#,
    );
    add(
        "HelmChart",
        ALL,
        "sourceRef",
        r#"{ kind = "HelmRepository", name = "h" }  { kind = "GitRepository", name = "flux-system" } | { kind = "OCIRepository", name = "o" }  { kind = "HelmRepository" }"#,
    );
    add(
        "HelmChart",
        ALL,
        "verify.provider",
        r#""cosign"  "notation" | "gpg""#,
    );
    // Bucket
    add("Bucket", ALL, "interval", DURATION);
    add("Bucket", ALL, "timeout", MINUTES);
    add(
        "Bucket",
        ALL,
        "provider",
        r#""generic"  "aws"  "gcp"  "azure" | "github""#,
    );
    add(
        "Bucket",
        ALL,
        "sts",
        r#"{ provider = "ldap", endpoint = "https://a" }  { provider = "ldap", endpoint = "http://a" } | { provider = "oidc", endpoint = "https://a" }  { provider = "ldap", endpoint = "a" }  { provider = "ldap" }  { endpoint = "https://a" }"#,
    );
    // ArtifactGenerator
    add(
        "ArtifactGenerator",
        SINCE_2_7,
        "sources",
        r#"[{ alias = "a", kind = "GitRepository", name = "flux-system" }]  [{ alias = "a", kind = "GitRepository", name = "flux-system", namespace = "flux-system" }] | []  [{ alias = "A", kind = "GitRepository", name = "flux-system" }]  [{ alias = "a", kind = "HelmRepository", name = "h" }]  [{ alias = "a", kind = "GitRepository", name = "a.b" }]  [{ alias = "a", kind = "GitRepository", name = "flux-system", namespace = "A" }]  [{ alias = "a", kind = "GitRepository", name = "flux-system", namespace = "" }]"#,
    );
    add(
        "ArtifactGenerator",
        &["2.7.5"],
        "sources",
        r#"[{ alias = "a", kind = "OCIRepository", name = "o" }] | [{ alias = "a", kind = "HelmChart", name = "c" }]"#,
    );
    add(
        "ArtifactGenerator",
        SINCE_2_8,
        "sources",
        r#"[{ alias = "a", kind = "HelmChart", name = "c" }] | [{ alias = "a", kind = "Kustomization", name = "k" }]"#,
    );
    let artifact = |rest: &str| format!("[{{ name = \"x\", {rest} }}]");
    let copy = |from: &str, to: &str| {
        artifact(&format!("copy = [{{ from = \"{from}\", to = \"{to}\" }}]"))
    };
    let good_copy = copy("@a/**", "@artifact/");
    add(
        "ArtifactGenerator",
        SINCE_2_7,
        "artifacts",
        &format!(
            "{good_copy}  {}  {} | []  {}  {}  {}  {}  {}  {}  {}",
            copy("@a/x", "@artifact/x/y.yaml"),
            artifact(
                r#"revision = "@a", originRevision = "@a", copy = [{ from = "@a/**", to = "@artifact/", exclude = ["*.md"], strategy = "Merge" }]"#
            ),
            artifact("copy = []"),
            copy("a/**", "@artifact/"),
            copy("@A/**", "@artifact/"),
            copy("@a/**", "artifact/"),
            artifact(r#"revision = "a", copy = [{ from = "@a/**", to = "@artifact/" }]"#),
            artifact(r#"originRevision = "@a/x", copy = [{ from = "@a/**", to = "@artifact/" }]"#),
            artifact(r#"copy = [{ from = "@a/**", to = "@artifact/", strategy = "Replace" }]"#),
        ),
    );
    add(
        "ArtifactGenerator",
        &["2.7.5", "2.8.8"],
        "artifacts",
        &format!(
            "{} | {}",
            copy("@a/**", "@artifact/../x"),
            r#"[{ name = "a.b", copy = [{ from = "@a/**", to = "@artifact/" }] }]"#
        ),
    );
    add(
        "ArtifactGenerator",
        SINCE_2_9,
        "artifacts",
        &format!(
            "{} | {}  {}",
            r#"[{ name = "a.b", copy = [{ from = "@a/**", to = "@artifact/" }] }]"#,
            copy("@a/**", "@artifact/../x"),
            r#"[{ name = "", copy = [{ from = "@a/**", to = "@artifact/" }] }]"#
        ),
    );
    add(
        "ArtifactGenerator",
        &["2.7.5"],
        "artifacts",
        &format!(
            "{good_copy} | {}",
            artifact(r#"copy = [{ from = "@a/**", to = "@artifact/", strategy = "Extract" }]"#)
        ),
    );
    add(
        "ArtifactGenerator",
        SINCE_2_8,
        "artifacts",
        &format!(
            "{} | {}",
            artifact(r#"copy = [{ from = "@a/**", to = "@artifact/", strategy = "Extract" }]"#),
            artifact(r#"copy = [{ from = "@a/**", to = "@artifact/", strategy = "extract" }]"#)
        ),
    );
    add(
        "ArtifactGenerator",
        SINCE_2_9,
        "pathPattern",
        &format!(
            r#""@a/charts/*"  "@a/{}" | "charts/*"  "@A/x"  "@a/{}""#,
            "x".repeat(1021),
            "x".repeat(1022)
        ),
    );
    let item = |length: usize, what: &str| match what {
        "from" => copy(&format!("@a/{}", "x".repeat(length - 3)), "@artifact/"),
        "to" => copy("@a/**", &format!("@artifact/{}", "x".repeat(length - 10))),
        "exclude" => artifact(&format!(
            "copy = [{{ from = \"@a/**\", to = \"@artifact/\", exclude = [{}] }}]",
            long(length)
        )),
        "excludes" => artifact(&format!(
            "copy = [{{ from = \"@a/**\", to = \"@artifact/\", exclude = {} }}]",
            many(length, "\"x\"")
        )),
        "name" => format!(
            "[{{ name = {}, copy = [{{ from = \"@a/**\", to = \"@artifact/\" }}] }}]",
            long(length)
        ),
        _ => many(
            length,
            "{ name = \"x\", copy = [{ from = \"@a/**\", to = \"@artifact/\" }] }",
        ),
    };
    for (what, most) in [
        ("from", 1024),
        ("to", 1024),
        ("excludes", 100),
        ("name", 253),
        ("artifacts", 1000),
    ] {
        add(
            "ArtifactGenerator",
            SINCE_2_7,
            "artifacts",
            &format!("{} | {}", item(most, what), item(most + 1, what)),
        );
    }
    add(
        "ArtifactGenerator",
        SINCE_2_9,
        "artifacts",
        &format!("{} | {}", item(1024, "exclude"), item(1025, "exclude")),
    );
    let alias = |length: usize| {
        format!(
            "[{{ alias = {}, kind = \"GitRepository\", name = \"flux-system\" }}]",
            long(length)
        )
    };
    add(
        "ArtifactGenerator",
        SINCE_2_7,
        "sources",
        &format!(
            "[{{ alias = \"a\", kind = \"GitRepository\", name = \"flux-system\" }}] | {}",
            alias(64)
        ),
    );
    // Kustomization
    for field in ["interval", "retryInterval", "timeout"] {
        add("Kustomization", ALL, field, DURATION);
    }
    add(
        "Kustomization",
        ALL,
        "deletionPolicy",
        r#""MirrorPrune"  "Delete"  "WaitForTermination"  "Orphan" | "delete"  """#,
    );
    add(
        "Kustomization",
        ALL,
        "decryption.provider",
        r#""sops" | "age"  """#,
    );
    add(
        "Kustomization",
        ALL,
        "postBuild.substituteFrom",
        r#"[{ kind = "Secret", name = "a" }]  [{ kind = "ConfigMap", name = "a" }] | [{ kind = "Service", name = "a" }]  [{ kind = "Secret", name = "" }]  [{ kind = "Secret" }]"#,
    );
    add(
        "Kustomization",
        SINCE_2_9,
        "postBuild.substituteStrategy",
        r#""WithVariables"  "Always" | "Never""#,
    );
    add(
        "Kustomization",
        SINCE_2_9,
        "buildMetadata",
        r#"["originAnnotations"]  ["transformerAnnotations"] | ["managedByLabel"]"#,
    );
    add(
        "Kustomization",
        &["2.6.4"],
        "sourceRef",
        r#"{ kind = "OCIRepository", name = "o" } | { kind = "ExternalArtifact", name = "e" }"#,
    );
    add(
        "Kustomization",
        SINCE_2_7,
        "sourceRef",
        r#"{ kind = "GitRepository", name = "flux-system" }  { kind = "Bucket", name = "b" }  { kind = "ExternalArtifact", name = "e" } | { kind = "HelmRepository", name = "h" }"#,
    );
    for field in ["namePrefix", "nameSuffix"] {
        add(
            "Kustomization",
            ALL,
            field,
            &format!("\"a\"  {} | \"\"  {}", long(200), long(201)),
        );
    }
    add(
        "Kustomization",
        ALL,
        "targetNamespace",
        &format!("\"a\"  {} | \"\"  {}", long(63), long(64)),
    );
    // HelmRelease
    for field in [
        "interval",
        "timeout",
        "chart.spec.interval",
        "install.timeout",
        "upgrade.timeout",
        "rollback.timeout",
        "test.timeout",
        "uninstall.timeout",
    ] {
        add("HelmRelease", ALL, field, DURATION);
    }
    add(
        "HelmRelease",
        SINCE_2_7,
        "install.strategy",
        r#"{ name = "RetryOnFailure", retryInterval = "1m" }  { name = "RemediateOnFailure" } | { name = "Retry" }  { name = "RetryOnFailure", retryInterval = "1" }"#,
    );
    add(
        "HelmRelease",
        SINCE_2_7,
        "upgrade.strategy",
        r#"{ name = "RetryOnFailure", retryInterval = "1m" }  { name = "RemediateOnFailure" } | { name = "Retry" }  { name = "RetryOnFailure", retryInterval = "1" }"#,
    );
    add(
        "HelmRelease",
        ALL,
        "chart.spec.reconcileStrategy",
        r#""ChartVersion"  "Revision" | "Version""#,
    );
    add(
        "HelmRelease",
        ALL,
        "chart.spec.verify.provider",
        r#""cosign"  "notation" | "gpg""#,
    );
    add(
        "HelmRelease",
        ALL,
        "chart.spec.sourceRef",
        r#"{ kind = "HelmRepository", name = "h" }  { kind = "Bucket", name = "b" }  { kind = "GitRepository", name = "flux-system", namespace = "flux-system" } | { kind = "OCIRepository", name = "o" }  { kind = "HelmRepository", name = "" }  { kind = "HelmRepository", name = "h", namespace = "" }"#,
    );
    add(
        "HelmRelease",
        ALL,
        "chart.spec.chart",
        &format!("\"a\"  {} | \"\"  {}", long(2048), long(2049)),
    );
    add(
        "HelmRelease",
        ALL,
        "driftDetection.mode",
        r#""enabled"  "warn"  "disabled" | "on""#,
    );
    for field in ["install.crds", "upgrade.crds"] {
        add(
            "HelmRelease",
            ALL,
            field,
            r#""Skip"  "Create"  "CreateReplace" | "Replace""#,
        );
    }
    add(
        "HelmRelease",
        SINCE_2_9,
        "postRenderStrategy",
        r#""nohooks"  "combined"  "separate" | "hooks""#,
    );
    for field in ["rollback.serverSideApply", "upgrade.serverSideApply"] {
        add(
            "HelmRelease",
            SINCE_2_8,
            field,
            r#""enabled"  "disabled"  "auto" | "true"  true"#,
        );
    }
    add(
        "HelmRelease",
        ALL,
        "uninstall.deletionPropagation",
        r#""background"  "foreground"  "orphan" | "Orphan""#,
    );
    add(
        "HelmRelease",
        SINCE_2_9,
        "upgrade.chartNameChangeStrategy",
        r#""InPlaceUpdate"  "Reinstall" | "Update""#,
    );
    add(
        "HelmRelease",
        ALL,
        "upgrade.remediation.strategy",
        r#""rollback"  "uninstall" | "none""#,
    );
    add(
        "HelmRelease",
        SINCE_2_8,
        "waitStrategy.name",
        r#""poller"  "legacy" | "none""#,
    );
    let from = |rest: &str| format!("[{{ kind = \"Secret\", name = \"a\"{rest} }}]");
    add(
        "HelmRelease",
        ALL,
        "valuesFrom",
        &format!(
            "{}  {}  {} | [{{ kind = \"Service\", name = \"a\" }}]  [{{ kind = \"Secret\", name = \"\" }}]  {}  {}  {}  {}  {}  {}",
            from(""),
            from(&format!(
                ", valuesKey = {}, targetPath = {}",
                long(253),
                long(250)
            )),
            from(r#", valuesKey = "a-b_c.d", targetPath = "a.b[0].c\\.d/e""#),
            from(r#", valuesKey = "a b""#),
            from(r#", valuesKey = """#),
            from(&format!(", valuesKey = {}", long(254))),
            from(r#", targetPath = "a[x]""#),
            from(r#", targetPath = "a[123456]""#),
            from(&format!(", targetPath = {}", long(251))),
        ),
    );
    add(
        "HelmRelease",
        ALL,
        "releaseName",
        &format!("\"a\"  {} | \"\"  {}", long(53), long(54)),
    );
    for field in ["storageNamespace", "targetNamespace"] {
        add(
            "HelmRelease",
            ALL,
            field,
            &format!("\"a\"  {} | \"\"  {}", long(63), long(64)),
        );
    }
    add(
        "HelmRelease",
        ALL,
        "serviceAccountName",
        &format!("\"a\"  {} | \"\"  {}", long(253), long(254)),
    );
    add(
        "HelmRelease",
        ALL,
        "test.filters",
        &format!(
            "[{{ name = \"a\" }}]  [{{ name = {} }}] | [{{ name = \"\" }}]  [{{ name = {} }}]  [{{ exclude = true }}]",
            long(253),
            long(254)
        ),
    );
    let chart = |name: &str, namespace: &str| {
        format!("{{ kind = \"HelmChart\", name = {name}, namespace = {namespace} }}")
    };
    add(
        "HelmRelease",
        ALL,
        "chartRef",
        &format!(
            "{{ kind = \"OCIRepository\", name = \"o\" }}  {} | {}  {}  {}  {}  {{ kind = \"HelmRepository\", name = \"h\" }}  {{ kind = \"HelmChart\" }}",
            chart("\"c\"", "\"flux-system\""),
            chart("\"\"", "\"flux-system\""),
            chart(&long(254), "\"flux-system\""),
            chart("\"c\"", "\"\""),
            chart("\"c\"", &long(64)),
        ),
    );
    add(
        "HelmRelease",
        &["2.6.4"],
        "chartRef",
        r#"{ kind = "HelmChart", name = "c" } | { kind = "ExternalArtifact", name = "e" }"#,
    );
    add(
        "HelmRelease",
        SINCE_2_7,
        "chartRef",
        r#"{ kind = "ExternalArtifact", name = "e" } | { kind = "Bucket", name = "b" }"#,
    );
    // Images
    add("ImageRepository", ALL, "interval", DURATION);
    add("ImageRepository", ALL, "timeout", MINUTES);
    add(
        "ImageRepository",
        ALL,
        "provider",
        r#""generic"  "aws"  "azure"  "gcp" | "github""#,
    );
    add(
        "ImageRepository",
        ALL,
        "exclusionList",
        &format!("{} | {}", many(25, "\"^a$\""), many(26, "\"^a$\"")),
    );
    add(
        "ImageRepository",
        ALL,
        "serviceAccountName",
        &format!("{} | {}", long(253), long(254)),
    );
    add(
        "ImagePolicy",
        ALL,
        "digestReflectionPolicy",
        r#""IfNotPresent"  "Never" | "Sometimes""#,
    );
    add(
        "ImagePolicy",
        ALL,
        "policy",
        r#"{ alphabetical.order = "asc" }  { alphabetical.order = "desc" }  { numerical.order = "asc" }  { numerical.order = "desc" }  { semver.range = "1.x" } | { alphabetical.order = "up" }  { numerical.order = "ASC" }  { semver = {} }  { semver.range = "a" }"#,
    );
    add("ImagePolicy", ALL, "interval", r#""10m"  "1h" | "5"  "1d""#);
    add("ImageUpdateAutomation", ALL, "interval", DURATION);
    add(
        "ImageUpdateAutomation",
        ALL,
        "sourceRef",
        r#"{ kind = "GitRepository", name = "flux-system" } | { kind = "OCIRepository", name = "o" }"#,
    );
    add(
        "ImageUpdateAutomation",
        ALL,
        "update.strategy",
        r#""Setters" | "Patches""#,
    );
    add(
        "ImageUpdateAutomation",
        SINCE_2_9,
        "git.commit.signingKey",
        r#"{ type = "gpg", secretRef.name = "a" }  { type = "ssh", secretRef.name = "a" } | { type = "x509", secretRef.name = "a" }"#,
    );
    add(
        "ImageUpdateAutomation",
        &["2.6.4", "2.7.5", "2.8.8"],
        "git.push.refspec",
        r#""+a:a"  ":a" | 1"#,
    );
    add(
        "ImageUpdateAutomation",
        SINCE_2_9,
        "git.push.refspec",
        r#""refs/heads/a:refs/heads/a"  "" | "+a:a"  ":a""#,
    );
    // Notifications
    add("Provider", ALL, "interval", DURATION);
    add("Provider", ALL, "timeout", MINUTES);
    add(
        "Provider",
        ALL,
        "proxy",
        &format!(
            "\"http://a\"  \"https://a\"  \"http://{}\" | \"socks5://a\"  \"http://{}\"",
            "a".repeat(2041),
            "a".repeat(2042)
        ),
    );
    for field in ["address", "channel", "username"] {
        add(
            "Provider",
            ALL,
            field,
            &format!("{} | {}", long(2048), long(2049)),
        );
    }
    for kind in [
        "slack",
        "discord",
        "msteams",
        "rocket",
        "generic",
        "generic-hmac",
        "github",
        "gitlab",
        "gitea",
        "bitbucketserver",
        "bitbucket",
        "azuredevops",
        "googlechat",
        "googlepubsub",
        "webex",
        "sentry",
        "azureeventhub",
        "telegram",
        "lark",
        "matrix",
        "opsgenie",
        "alertmanager",
        "grafana",
        "githubdispatch",
        "pagerduty",
        "datadog",
        "nats",
    ] {
        add(
            "Provider",
            ALL,
            "type",
            &format!("\"{kind}\" | \"{kind}x\""),
        );
    }
    for kind in ["zulip", "otel"] {
        add(
            "Provider",
            &["2.6.4"],
            "type",
            &format!("\"slack\" | \"{kind}\""),
        );
        add(
            "Provider",
            SINCE_2_7,
            "type",
            &format!("\"{kind}\" | \"{kind}x\""),
        );
    }
    for kind in [
        "giteapullrequestcomment",
        "githubpullrequestcomment",
        "gitlabmergerequestcomment",
    ] {
        add(
            "Provider",
            &["2.6.4", "2.7.5"],
            "type",
            &format!("\"slack\" | \"{kind}\""),
        );
        add(
            "Provider",
            SINCE_2_8,
            "type",
            &format!("\"{kind}\" | \"{kind}x\""),
        );
    }
    add(
        "Alert",
        ALL,
        "eventSeverity",
        r#""info"  "error" | "warning""#,
    );
    add(
        "Alert",
        ALL,
        "summary",
        &format!("{} | {}", long(255), long(256)),
    );
    add("Receiver", ALL, "interval", DURATION);
    for kind in [
        "generic",
        "generic-hmac",
        "github",
        "gitlab",
        "bitbucket",
        "harbor",
        "dockerhub",
        "quay",
        "gcr",
        "nexus",
        "acr",
        "cdevents",
    ] {
        add(
            "Receiver",
            ALL,
            "type",
            &format!("\"{kind}\" | \"{kind}x\""),
        );
    }
    add(
        "Receiver",
        &["2.6.4", "2.7.5", "2.8.8"],
        "type",
        r#""github" | "generic-oidc""#,
    );
    for (kind, field) in [("Alert", "eventSources"), ("Receiver", "resources")] {
        for of in [
            "Bucket",
            "GitRepository",
            "Kustomization",
            "HelmRelease",
            "HelmChart",
            "HelmRepository",
            "ImageRepository",
            "ImagePolicy",
            "ImageUpdateAutomation",
            "OCIRepository",
        ] {
            add(
                kind,
                ALL,
                field,
                &format!(
                    "[{{ kind = \"{of}\", name = \"*\" }}] | [{{ kind = \"{of}x\", name = \"*\" }}]  [{{ kind = \"{of}\" }}]"
                ),
            );
        }
        for of in ["ArtifactGenerator", "ExternalArtifact"] {
            add(
                kind,
                &["2.6.4", "2.7.5"],
                field,
                &format!(
                    "[{{ kind = \"Bucket\", name = \"*\" }}] | [{{ kind = \"{of}\", name = \"*\" }}]"
                ),
            );
            add(
                kind,
                SINCE_2_8,
                field,
                &format!(
                    "[{{ kind = \"{of}\", name = \"*\" }}] | [{{ kind = \"{of}x\", name = \"*\" }}]"
                ),
            );
        }
        add(
            kind,
            ALL,
            field,
            &format!(
                "[{{ kind = \"Bucket\", name = \"b\", namespace = \"flux-system\" }}] | [{{ kind = \"Bucket\", name = \"\" }}]  [{{ kind = \"Bucket\", name = \"*\", namespace = \"\" }}]  [{{ kind = \"Bucket\", name = {} }}]  [{{ kind = \"Bucket\", name = \"*\", namespace = {} }}]",
                long(254),
                long(254)
            ),
        );
    }
    let oidc = |rest: &str| {
        format!("[{{ {rest}, validations = [{{ expression = \"true\", message = \"m\" }}] }}]")
    };
    add(
        "Receiver",
        SINCE_2_9,
        "oidcProviders",
        &format!(
            "{}  {} | {}  [{{ issuerURL = \"https://a\", validations = [] }}]  [{{ issuerURL = \"https://a\" }}]  []",
            oidc("issuerURL = \"https://a\""),
            oidc("issuerURL = \"http://a\""),
            oidc("issuerURL = \"a\""),
        ),
    );
    limits
}

/// What every kind needs beside the field that is tried; a key that is tried is left out.
fn base(kind: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match kind {
        "GitRepository" => ("sources.git", &[("url", "\"https://a\"")]),
        "OCIRepository" => (
            "sources.oci",
            &[("url", "\"oci://a/b\""), ("verify.provider", "\"cosign\"")],
        ),
        "HelmRepository" => ("sources.helm", &[("url", "\"https://a\"")]),
        "HelmChart" => (
            "sources.chart",
            &[
                ("chart", "\"x\""),
                ("sourceRef", "{ kind = \"HelmRepository\", name = \"h\" }"),
            ],
        ),
        "Bucket" => (
            "sources.bucket",
            &[("bucketName", "\"x\""), ("endpoint", "\"x\"")],
        ),
        "ArtifactGenerator" => (
            "artifactGenerators",
            &[
                (
                    "sources",
                    "[{ alias = \"a\", kind = \"GitRepository\", name = \"flux-system\" }]",
                ),
                (
                    "artifacts",
                    "[{ name = \"x\", copy = [{ from = \"@a/**\", to = \"@artifact/\" }] }]",
                ),
            ],
        ),
        "Kustomization" => ("kustomizations", &[("path", "\"./x\"")]),
        "HelmRelease" => (
            "helmReleases",
            &[
                ("chart.spec.chart", "\"x\""),
                (
                    "chart.spec.sourceRef",
                    "{ kind = \"HelmRepository\", name = \"h\" }",
                ),
            ],
        ),
        "ImageRepository" => ("images", &[("image", "\"a/b\"")]),
        "ImagePolicy" => (
            "images",
            &[
                ("imageRepositoryRef.name", "\"i\""),
                ("policy", "{ semver.range = \"1.x\" }"),
            ],
        ),
        "ImageUpdateAutomation" => ("imageUpdates", &[("git.commit.author.email", "\"a@b\"")]),
        "Provider" => ("providers", &[("type", "\"slack\"")]),
        "Alert" => (
            "alerts",
            &[
                ("providerRef.name", "\"p\""),
                ("eventSources", "[{ kind = \"Bucket\", name = \"*\" }]"),
            ],
        ),
        "Receiver" => (
            "receivers",
            &[
                ("type", "\"github\""),
                ("secretRef.name", "\"s\""),
                ("resources", "[{ kind = \"Bucket\", name = \"*\" }]"),
            ],
        ),
        other => panic!("{other} has no base"),
    }
}

/// What references of the table can meet.
const THERE: &str = "\
[sources.helm.h]
url = \"https://a\"
[sources.oci.o]
url = \"oci://a/b\"
[sources.bucket.b]
bucketName = \"b\"
endpoint = \"b\"
[sources.chart.c]
chart = \"c\"
source = \"helm.h\"
[images.i]
image = \"a/b\"
[providers.p]
type = \"slack\"
";

/// What the compiler says of a field with a value.
fn said(limit: &Limit, version: &str, value: &str) -> Vec<String> {
    let (section, beside) = base(limit.kind);
    let extra = match version {
        "2.6.4" => "",
        _ => ", \"source-watcher\"",
    };
    let mut toml = format!(
        "external = [\"ExternalArtifact/e\", \"ExternalArtifact/flux-system/e\"]\n[repo]\nurl = \"https://a\"\n[clusters.c.flux]\nversion = \"{version}\"\n\
         componentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"{extra}]\n{THERE}\n[{section}.tried]\n"
    );
    // Some values only go with another one.
    let goes_with: &[(&str, &str)] = match (limit.kind, limit.field) {
        ("ImagePolicy", "interval") => &[("digestReflectionPolicy", "\"Always\"")],
        ("Receiver", "oidcProviders") => &[("type", "\"generic-oidc\"")],
        ("HelmChart" | "OCIRepository", "verify.provider") => &[("verify.secretRef.name", "\"s\"")],
        ("ImageUpdateAutomation", "update.strategy") => &[("update.path", "\"./x\"")],
        _ => &[],
    };
    for (key, text) in goes_with {
        toml.push_str(&format!("{key} = {text}\n"));
    }
    for (key, text) in beside {
        let is_said = limit.field == *key || goes_with.iter().any(|(other, _)| other == key);
        let is_oidc = limit.field == "oidcProviders" && *key == "secretRef.name";
        let is_chart = limit.field == "chartRef" && key.starts_with("chart.");
        if !is_said && !is_oidc && !is_chart {
            toml.push_str(&format!("{key} = {text}\n"));
        }
    }
    toml.push_str(&format!("{} = {value}\n", limit.field));
    let mut memory = MemoryFiles::new();
    memory.insert("fluxgen.toml", toml.as_str());
    let snapshot = Snapshot::new(Arc::new(memory), "");
    let project = Project::read(snapshot, Utf8Path::new("fluxgen.toml"), &[], None, &[])
        .expect("read")
        .expect("there");
    project
        .diagnostics
        .iter()
        .filter(|one| one.severity == fluxgen::diagnostic::Severity::Error)
        // Combinations that a controller refuses are in `tests/controllers.rs`.
        .filter(|one| {
            let is_of_api = one
                .notes
                .iter()
                .any(|note| note == "the API server refuses it");
            one.code != "refused-combination" || is_of_api
        })
        .map(|one| format!("{}: {:.200}", one.code, one.message))
        .collect()
}

#[test]
fn each_limit_takes_what_is_good_and_refuses_what_is_bad() {
    let mut wrong = Vec::new();
    for limit in limits() {
        for version in limit.versions {
            let place = format!("{}.{} in {version}", limit.kind, limit.field);
            for value in &limit.good {
                let found = said(&limit, version, value);
                if !found.is_empty() {
                    wrong.push(format!("{place}: {value:.100} is refused: {found:?}"));
                }
            }
            for value in &limit.bad {
                let found = said(&limit, version, value);
                let is_of_it = found.iter().any(|one| {
                    [
                        "wrong-value",
                        "wrong-type",
                        "wrong-name",
                        "flux-version",
                        "missing-field",
                        "refused-combination",
                    ]
                    .iter()
                    .any(|code| one.starts_with(code))
                });
                if !is_of_it {
                    wrong.push(format!("{place}: {value:.100} is taken: {found:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The fields of a schema with an enum, a pattern or a bound.
fn limited(node: &SchemaNode, path: &str, found: &mut BTreeSet<String>) {
    let has_limit = !node.values.is_empty()
        || FluxMinor::ALL.into_iter().any(|minor| {
            let keywords = node.keywords(minor);
            keywords.pattern.is_some()
                || keywords.min_length.is_some()
                || keywords.max_length.is_some()
                || keywords.min_items.is_some()
                || keywords.max_items.is_some()
                || keywords.minimum.is_some()
                || keywords.maximum.is_some()
        });
    if has_limit {
        found.insert(path.to_owned());
    }
    for (key, child) in &node.properties {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        limited(child, &path, found);
    }
    if let Some(items) = &node.items {
        limited(items, path, found);
    }
}

#[test]
fn every_limit_of_the_schemas_is_in_the_table() {
    let limits = limits();
    let mut missing = Vec::new();
    for kind in Registry::get().kinds() {
        let mut found = BTreeSet::new();
        limited(kind.root(), "", &mut found);
        for path in found {
            let is_tried = limits.iter().any(|limit| {
                let last = path.rsplit('.').next().unwrap_or(&path);
                limit.kind == kind.kind
                    && (limit.field == path
                        || path.strip_prefix(limit.field).is_some_and(|rest| {
                            rest.starts_with('.') && limit.bad.iter().any(|bad| bad.contains(last))
                        }))
            });
            if !is_tried {
                missing.push(format!("{}.{path}", kind.kind));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
