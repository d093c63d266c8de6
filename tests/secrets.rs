//! No output shows a secret: sixty kinds of them in one project, and every command that prints something of it.

mod git;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use git::{Repository, Run};

const HEAD: &str = r#"
[repo]
url = "https://github.com/acme/fleet"
[flux]
version = "2.9.4"
[clusters.prod]
[sources.helm.app]
url = "https://charts.example.org"
[helmReleases."web/app"]
chart.spec = { chart = "app", version = "1.x", source = "helm.app" }
"#;

/// Tables of Helm values, one a kind; `@` is the secret.
const VALUES: &[&str] = &[
    // by the field's name
    r#"password = "@""#,
    r#"DB_PASSWORD = "@""#,
    r#"rootPassword = "@""#,
    r#"passwd = "@""#,
    r#"passphrase = "@""#,
    r#"pass = "@""#,
    r#"pat = "@""#,
    r#"auth = "@""#,
    r#"bearer = "@""#,
    r#"psk = "@""#,
    r#"license = "@""#,
    r#"licenseKey = "@""#,
    r#"id_rsa = "@""#,
    r#"privateKey = "@""#,
    r#"apiKey = "@""#,
    r#"api-token = "@""#,
    r#"clientSecret = "@""#,
    r#"AWS_SECRET_ACCESS_KEY = "@""#,
    r#"connectionString = "@""#,
    r#"password_hash = "@""#,
    r#"credentials = "@""#,
    r#"webhookUrl = "@""#,
    // below and beside the name of a secret
    r#"password = { value = "@" }"#,
    r#"passwords = { admin = "@" }"#,
    r#"tokens = ["@"]"#,
    r#"license = { key = "@" }"#,
    r#"env = [{ name = "DB_PASSWORD", value = "@" }]"#,
    r#"parameters = [{ key = "db.password", value = "@" }]"#,
    // addresses
    r#"url = "https://@@git.example/a""#,
    r#"url = "https://me:@@git.example/a""#,
    r#"url = "postgres://me:@@db/a""#,
    r#"url = "https://a.example/x?token=@&b=1""#,
    r#"url = "https://a.example/x?private_token=@""#,
    r#"url = "https://a.example/x?sv=1&sig=@""#,
    r#"url = "https://hooks.slack.com/services/T0/B0/@""#,
    r#"url = "https://discord.com/api/webhooks/1/@""#,
    r#"url = "https://acme.webhook.office.com/webhookb2/@""#,
    // command lines and headers
    r#"args = ["--password=@"]"#,
    r#"args = ["--token", "@"]"#,
    r#"args = ["login", "-p", "@"]"#,
    r#"command = "app --db-password @ -v""#,
    r#"command = "mysql -u root -p @""#,
    r#"command = "curl -u me:@ https://a.example""#,
    r#"header = "Authorization: Bearer @""#,
    r#"headers = ["X-Api-Key: @"]"#,
    r#"opts = "-Dspring.datasource.password=@""#,
    // texts
    r#"dsn = "host=a user=b password=@ dbname=c""#,
    r#"json = '{"a": {"clientSecret": "@"}}'"#,
    r#"docker = '{"auths":{"r.example":{"auth":"@"}}}'"#,
    r#"xml = "<a><password>@</password></a>""#,
    r#"properties = "user=me\ndb.password=@\n""#,
    r#"yaml = "db:\n  auth:\n    adminPass: @\n""#,
    r#"netrc = "machine a.example login b password @""#,
    r#"pem = "-----BEGIN RSA PRIVATE KEY-----\n@\n-----END RSA PRIVATE KEY-----\n""#,
    r#"yaml = "kind: Secret\nstringData:\n  a: |\n    @\n""#,
    // by their shape
    r#"a = "ghp_@""#,
    r#"a = "glpat-@""#,
    r#"a = "xoxb-@""#,
    r#"a = "hvs.@""#,
    r#"a = "sk_live_@""#,
    r#"a = "eyJ@.eyJ@.@""#,
];

/// The same as tables of their own; `#` is the kind's number.
const TABLES: &[&str] = &[
    "[manifests.\"web/list#\"]\napiVersion = \"v1\"\nkind = \"List\"\nitems = [{ apiVersion = \"v1\", kind = \"Secret\", metadata = { name = \"z#\", namespace = \"web\" }, stringData = { foo = \"@\" } }]\n",
    "[manifests.\"web/made#\"]\napiVersion = \"acme.example/v1\"\nkind = \"Made\"\nspec.template = { apiVersion = \"v1\", kind = \"Secret\", stringData = { foo = \"@\" } }\n",
    "[manifests.\"web/map#\"]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\ndata.\"m.yaml\" = '''\napiVersion: v1\nkind: Secret\nstringData:\n  foo: @\n'''\n",
    "[kustomizations.a#]\npath = \"./a\"\npatches = [{ patch = '''\napiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  foo: @\n''' }]\n",
    "[kustomizations.b#]\npath = \"./a\"\npatches = [{ target = { kind = \"Secret\" }, patch = '[{\"op\": \"add\", \"path\": \"/data/foo\", \"value\": \"@\"}]' }]\n",
    "[kustomizations.c#]\npath = \"./a\"\npostBuild.substitute = { admin_password = \"@\" }\n",
    "[providers.d#]\ntype = \"generic\"\naddress = \"https://hooks.example.org/a/@\"\n",
    "[providers.e#]\ntype = \"generic\"\naddress = \"https://a.example.org\"\nproxy = \"http://proxy.example.org:8080/@\"\n",
    // by value: the field's name says nothing
    "[clusters.prod.vars]\nadminPassword = \"@\"\n[kustomizations.f#]\npath = \"./a\"\npostBuild.substitute = { greeting = \"x-${{ vars.adminPassword }}-y\" }\n",
    "[groups.all]\nclusters = [\"*\"]\nvars.colour = \"@\"\n[kustomizations.g#]\npath = \"./a\"\npostBuild.substitute = { db_password = \"${{ vars.colour }}\", tint = \"${{ vars.colour }}\" }\n",
];

/// A secret that nothing else looks like.
fn secret(number: usize, side: u64) -> String {
    let number = u64::try_from(number).expect("small") + 1;
    let mut value = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(side.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let mut text = String::from("Zq");
    for _ in 0..20 {
        let letter =
            b"ghjkmnpqrstvwxyzGHJKMNPQRSTVWXYZ"[usize::try_from(value >> 59).expect("small")];
        text.push(char::from(letter));
        value = value
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
    }
    text
}

/// The project with the secrets of one side.
fn project(side: u64) -> (String, Vec<String>) {
    let mut text = HEAD.to_owned();
    let mut secrets = Vec::new();
    let mut next = |template: &str, number: usize| {
        let secret = secret(secrets.len(), side);
        let text = template
            .replace("@@", "@\u{0}")
            .replace('#', &number.to_string());
        let text = text.replace('@', &secret).replace('\u{0}', "@");
        secrets.push(secret);
        text
    };
    for (number, template) in VALUES.iter().enumerate() {
        let line = next(template, number);
        let _ = writeln!(text, "[helmReleases.\"web/app\".values.k{number}]\n{line}");
    }
    for (number, template) in TABLES.iter().enumerate() {
        text.push_str(&next(template, number));
    }
    (text, secrets)
}

/// The kinds of which eight letters in a row are in an output.
fn shown<'s>(output: &str, secrets: &'s [String]) -> Vec<&'s str> {
    let is_shown = |secret: &&String| {
        let letters = secret.as_bytes();
        letters
            .windows(8)
            .any(|window| output.contains(std::str::from_utf8(window).expect("ASCII")))
    };
    secrets
        .iter()
        .filter(is_shown)
        .map(String::as_str)
        .collect()
}

fn all_of(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn no_output_shows_a_secret() {
    let (before, old) = project(1);
    let (after, new) = project(2);
    let secrets: Vec<String> = old.into_iter().chain(new).collect();
    assert!(secrets.len() / 2 >= 60, "{}", secrets.len());
    let repository = Repository::new();
    repository.commit(&[("fluxgen.toml", &before)]);
    let mut outputs: BTreeMap<String, String> = BTreeMap::new();
    let mut run = |name: &str, args: &[&str]| {
        let run = repository.fluxgen(args);
        outputs.insert(name.to_owned(), all_of(&run));
        run.code
    };
    assert_eq!(run("build", &["build"]), Some(0), "{:?}", outputs);
    repository.commit_all();
    repository.write("fluxgen.toml", &after);
    let mut run = |name: String, args: &[&str]| {
        let run = repository.fluxgen(args);
        assert!(run.code.is_some_and(|code| code < 3), "{name}");
        outputs.insert(name, all_of(&run));
    };
    let formats = [
        "human", "json", "markdown", "sarif", "junit", "github", "gitlab", "html",
    ];
    for format in formats {
        run(
            format!("diff --against --format {format}"),
            &["diff", "--against", "HEAD", "--format", format],
        );
        run(
            format!("check --format {format}"),
            &["check", "--format", format],
        );
    }
    run("diff".into(), &["diff"]);
    run("diff --stat".into(), &["diff", "--stat"]);
    run("build --dry-run".into(), &["build", "--dry-run"]);
    run("hook run".into(), &["hook", "run"]);
    run("image status".into(), &["image", "status"]);
    for format in ["mermaid", "dot", "json"] {
        run(format!("graph {format}"), &["graph", "--format", format]);
    }
    run(
        "explain values".into(),
        &["explain", "prod", "helmReleases.web/app"],
    );
    for resource in [
        "providers.d6",
        "providers.e7",
        "kustomizations.f8",
        "kustomizations.g9",
        "kustomizations.a3",
        "manifests.web/list0",
    ] {
        run(
            format!("explain {resource}"),
            &["explain", "prod", resource],
        );
    }
    // Each line of a secret with an error on it: the same key twice.
    let mut twice = String::new();
    for line in after.lines() {
        twice.push_str(line);
        twice.push('\n');
        if line.contains(" = ") && !line.contains("'''") {
            twice.push_str(line);
            twice.push('\n');
        }
    }
    repository.write("fluxgen.toml", &twice);
    run("check of errors".into(), &["check"]);
    run("json of errors".into(), &["check", "--format", "json"]);
    // Values of the wrong type, quoted by the message.
    let wrong = after
        .replace(
            "type = \"generic\"",
            "interval = 5\ntype = \"generic\"\nsuspend = \"x\"",
        )
        .replace("path = \"./a\"", "path = \"./a\"\nnotAField = 1");
    repository.write("fluxgen.toml", &wrong);
    run("check of types".into(), &["check"]);
    // Cut off in the middle.
    repository.write(
        "fluxgen.toml",
        &format!(
            "{after}\n[x]\npassword = \"{}\nfoo = 1\n",
            secrets[secrets.len() - 1]
        ),
    );
    run("check of half a file".into(), &["check"]);
    assert!(outputs.len() >= 14, "{}", outputs.len());
    let mut faults = String::new();
    for (name, output) in &outputs {
        for secret in shown(output, &secrets) {
            let at = secrets
                .iter()
                .position(|it| it == secret)
                .unwrap_or_default()
                % (secrets.len() / 2);
            let kind = VALUES.iter().chain(TABLES).nth(at).unwrap_or(&"");
            let _ = writeln!(faults, "{name}: {kind}");
        }
    }
    assert!(faults.is_empty(), "{faults}");
    let human = &outputs["diff --against --format human"];
    assert!(
        human.contains("spec.values.k0.password: changed (the values are secret)"),
        "{human}"
    );
    assert!(outputs["diff"].contains("***"), "{}", outputs["diff"]);
}
