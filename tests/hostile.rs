//! Hostile input through the real program: a clear error or it works, in bounded time and memory, and
//! with nothing written where it is refused.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const HEAD: &str = "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[clusters.staging]\n";

/// Seconds of processor time and KiB of address space that a run may take: a debug build on a busy
/// machine stays far below, what grows without end does not.
const LIMITS: &str = "ulimit -t 60; ulimit -v 4000000";

fn run(folder: &Path, command: &str) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{LIMITS}; exec \"$0\" -C \"$1\" {command}"))
        .arg(env!("CARGO_BIN_EXE_fluxgen"))
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .expect("sh runs")
}

fn project(text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), text).expect("written");
    folder
}

/// What `build` says of a TOML file that it refuses.
fn refused(what: &str, text: impl AsRef<[u8]>) -> String {
    let folder = project(text);
    let output = run(folder.path(), "build");
    let said = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert_eq!(output.status.code(), Some(1), "{what}: {said:.2000}");
    assert!(said.contains("error["), "{what}: {said:.2000}");
    assert!(!said.contains("panicked"), "{what}: {said:.2000}");
    assert!(
        said.len() < 200_000,
        "{what}: {} bytes of messages",
        said.len()
    );
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["fluxgen.toml"], "{what}");
    said
}

/// What `build` makes of a TOML file that it takes.
fn built(what: &str, text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = project(text);
    let output = run(folder.path(), "build");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{what}: {said:.2000}");
    folder
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let with = |bytes: &[u8]| [HEAD.as_bytes(), bytes].concat();
    let said = refused("not UTF-8", with(b"[vars]\na = \"\xff\"\n"));
    assert!(said.contains("is not UTF-8"), "{said}");
    let said = refused("UTF-16", b"\xff\xfe[\0r\0e\0p\0o\0]\0");
    assert!(said.contains("is not UTF-8"), "{said}");
    let said = refused("NUL", with(b"[vars]\na = \"\0\"\n"));
    assert!(said.contains("NUL"), "{said}");
    let said = refused(
        "an escaped NUL in a name",
        with(b"[kustomizations.\"a\\u0000\"]\npath = \"./apps\"\n"),
    );
    assert!(said.contains("is no name"), "{said}");
    refused("control characters", with(b"[vars]\na = \"\x1b[31m\"\n"));
    refused("nothing", b"");
    refused("only bytes", (0..=255).collect::<Vec<u8>>());
}

#[test]
fn a_byte_order_mark_and_crlf_make_the_same_tree() {
    let text = format!("{HEAD}[kustomizations.apps]\npath = \"./apps\"\n");
    let plain = built("plain", &text);
    let odd = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let odd = built("a BOM and CRLF", odd);
    let path = "clusters/staging/kustomizations/apps.yaml";
    let read = |folder: &Path| std::fs::read(folder.join(path)).expect("written");
    assert_eq!(read(plain.path()), read(odd.path()));
}

#[test]
fn large_files_are_refused_by_their_size() {
    let line = "# a line of fifty characters, to fill a large file\n";
    let said = refused("50 MB", line.repeat(1_000_000));
    assert!(said.contains("more than the"), "{said}");
    // Just below the limit it works.
    built("15 MB", format!("{HEAD}{}", line.repeat(300_000)));
}

#[test]
fn deep_nesting_is_refused() {
    for (what, value) in [
        (
            "arrays",
            format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        (
            "tables",
            format!("a = {}1{}", "{a=".repeat(10_000), "}".repeat(10_000)),
        ),
        ("dots", format!("{} = 1", vec!["a"; 10_000].join("."))),
        ("a header", format!("[x.{}]", vec!["a"; 10_000].join("."))),
        ("open arrays", format!("a = {}", "[".repeat(100_000))),
    ] {
        refused(what, format!("{HEAD}[vars]\n{value}\n"));
    }
    for (what, expression) in [
        (
            "brackets",
            format!("${{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000)),
        ),
        (
            "lists",
            format!("${{{{ {}1{} }}}}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        (
            "operators",
            format!("${{{{ {}1 }}}}", "not ".repeat(10_000)),
        ),
        ("minus", format!("${{{{ {}1 }}}}", "-".repeat(10_000))),
        ("sums", format!("${{{{ 1{} }}}}", " + 1".repeat(50_000))),
    ] {
        let text = format!("{HEAD}[kustomizations.a]\npath = \"{expression}\"\n");
        refused(what, text);
    }
}

#[test]
fn deeply_nested_files_are_refused() {
    for (name, text) in [
        (
            "deep.yaml",
            format!("a: {}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        (
            "deep.json",
            format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        ),
        (
            "deep.toml",
            format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        ("bomb.yaml", bomb()),
        ("large.yaml", format!("a: {}", "x".repeat(9 << 20))),
        ("nul.yaml", "a: \"\0\"".to_owned()),
    ] {
        let folder = project(format!(
            "{HEAD}[sources.helm.h]\nurl = \"https://example.com\"\n[helmReleases.a]\n\
             chart.spec = {{ chart = \"a\", source = \"helm.h\" }}\nvalues = {{ file = \"{name}\" }}\n"
        ));
        std::fs::write(folder.path().join(name), text).expect("written");
        let output = run(folder.path(), "build");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said:.2000}");
        assert!(said.contains("error[include]"), "{name}: {said:.2000}");
        assert!(!folder.path().join("clusters").exists(), "{name}");
    }
}

/// YAML whose aliases stand for more values than fit in memory.
fn bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 1..12 {
        let below = vec![format!("*a{}", at - 1); 10].join(",");
        text.push_str(&format!("a{at}: &a{at} [{below}]\n"));
    }
    text
}

#[test]
fn what_loops_or_grows_without_end_is_stopped() {
    for (what, text) in [
        (
            "a power of texts",
            "path = \"${{ ('x' * 1000) * 1000 * 1000 }}\"".to_owned(),
        ),
        (
            "a range",
            "path = \"${{ range(1000000000) | list | join }}\"".to_owned(),
        ),
        (
            "a filter",
            "path = \"${{ range(100000) | map('string') | join('x') * 1000 }}\"".to_owned(),
        ),
        (
            "a list",
            "components = \"${{ range(100000) | map('string') | list * 1000 }}\"".to_owned(),
        ),
        (
            "indent",
            "path = \"${{ 'x' | indent(1000000000) }}\"".to_owned(),
        ),
        (
            "center",
            "path = \"${{ '%1000000000d' | format(1) }}\"".to_owned(),
        ),
    ] {
        refused(what, format!("{HEAD}[kustomizations.a]\n{text}\n"));
    }
    let layout = "[layout]\npath = \"{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}.yaml\"\n";
    let said = refused(
        "a layout",
        format!("{HEAD}{layout}[kustomizations.a]\npath = \"./a\"\n"),
    );
    assert!(said.contains("layout"), "{said}");
    let sum = format!(
        "[layout]\npath = \"{{{{ 1{} }}}}.yaml\"\n",
        " + 1".repeat(50_000)
    );
    let said = refused(
        "a long layout",
        format!("{HEAD}{sum}[kustomizations.a]\npath = \"./a\"\n"),
    );
    assert!(said.contains("bytes"), "{said:.500}");
    let vars: String = (0..1000)
        .map(|at| format!("v{at} = \"${{{{ vars.v{} }}}}\"\n", (at + 1) % 1000))
        .collect();
    refused("variables in a ring", format!("{HEAD}[vars]\n{vars}"));
    let doubling: String = (1..60)
        .map(|at| {
            format!(
                "v{at} = \"${{{{ vars.v{0} }}}}${{{{ vars.v{0} }}}}\"\n",
                at - 1
            )
        })
        .collect();
    refused(
        "variables that double",
        format!("{HEAD}[vars]\nv0 = \"0123456789\"\n{doubling}"),
    );
}

#[test]
fn a_users_template_that_loops_is_stopped() {
    let folder = project(format!(
        "{HEAD}[templates]\ndir = \"templates\"\n[kustomizations.a]\npath = \"./a\"\n"
    ));
    std::fs::create_dir(folder.path().join("templates")).expect("made");
    for text in [
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include \"resource.yaml\" %}",
        &format!("{{{{ 1{} }}}}", " + 1".repeat(50_000)),
    ] {
        std::fs::write(folder.path().join("templates/resource.yaml"), text).expect("written");
        let output = run(folder.path(), "build");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}: {said:.2000}");
        assert!(said.contains("error[template]"), "{text}: {said:.2000}");
        assert!(!folder.path().join("clusters").exists(), "{text}");
    }
}

#[test]
fn names_never_lead_out_of_the_folder() {
    for name in [
        "../../etc/x",
        "..",
        ".",
        "a/../../b",
        "/etc/passwd",
        "a\\\\..\\\\b",
        "",
        "a\\u0000b",
        "~",
        "C:x",
        "-",
    ] {
        let said = refused(
            name,
            format!("{HEAD}[kustomizations.\"{name}\"]\npath = \"./a\"\n"),
        );
        assert!(said.contains("wrong-name"), "{name}: {said}");
        let said = refused(name, format!("{HEAD}[clusters.\"{name}\"]\n"));
        assert!(said.contains("cluster-name"), "{name}: {said}");
    }
    // A manifest's name is wider: the file's name is not.
    let folder = built(
        "a colon",
        format!(
            "{HEAD}[manifests.\"/system:a..b\"]\napiVersion = \"rbac.authorization.k8s.io/v1\"\nkind = \"ClusterRole\"\n"
        ),
    );
    let path = "clusters/staging/manifests/clusterrole-system-a..b.yaml";
    assert!(folder.path().join(path).is_file());
    for path in [
        "../x.yaml",
        "/x.yaml",
        "a/../../x.yaml",
        "{{ name }}/../../../x.yaml",
        "flux-system/x.yaml",
    ] {
        let layout = format!("[layout]\npath = \"{path}\"\n");
        refused(
            path,
            format!("{HEAD}{layout}[kustomizations.a]\npath = \"./a\"\n"),
        );
    }
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    refused("clusters", format!("{HEAD}[clusters.Staging]\n"));
    let manifests = "[manifests.\"/a\"]\napiVersion = \"example.org/v1\"\nkind = \"ClusterThing\"\n[manifests.\"/A\"]\napiVersion = \"example.org/v1\"\nkind = \"ClusterThing\"\n";
    let said = refused("files", format!("{HEAD}{manifests}"));
    assert!(said.contains("differ only in case"), "{said}");
}

#[test]
fn huge_arrays_and_long_strings_are_bounded() {
    let items: Vec<String> = (0..100_000).map(|at| format!("\"c{at}\"")).collect();
    built(
        "100,000 components",
        format!(
            "{HEAD}[kustomizations.a]\npath = \"./a\"\ncomponents = [{}]\n",
            items.join(", ")
        ),
    );
    let said = refused(
        "100,000 wrong items",
        format!(
            "{HEAD}[kustomizations.a]\npath = \"./a\"\ncomponents = [{}]\n",
            vec!["1"; 100_000].join(", ")
        ),
    );
    assert!(said.len() < 200_000);
    built(
        "a string of 4 MB",
        format!(
            "{HEAD}[kustomizations.a]\npath = \"./a\"\npostBuild.substitute.a = \"{}\"\n",
            "x ".repeat(2 << 20)
        ),
    );
    refused(
        "a name of 1 MB",
        format!(
            "{HEAD}[kustomizations.{}]\npath = \"./a\"\n",
            "a".repeat(1 << 20)
        ),
    );
    refused(
        "a key of 1 MB",
        format!(
            "{HEAD}[kustomizations.a]\npath = \"./a\"\n{} = 1\n",
            "a".repeat(1 << 20)
        ),
    );
    refused(
        "a range of 1 MB",
        format!(
            "{HEAD}[sources.git.a]\nurl = \"https://a\"\nref.semver = \"{}\"\n",
            ">1.0.0 ".repeat(1 << 17) + "x.y"
        ),
    );
    let many: String = (0..5_000)
        .map(|at| format!("[kustomizations.k{at}]\npath = \"./a\"\ndependsOn = [\"x{at}\"]\n"))
        .collect();
    let said = refused("5,000 faults", format!("{HEAD}{many}"));
    assert!(said.len() < 200_000);
}

#[test]
fn a_link_as_the_toml_file_or_a_folder_in_its_place_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("fluxgen.toml")).expect("made");
    let output = run(folder.path(), "build");
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = run(folder.path(), "build --config nothing.toml");
    assert_eq!(output.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn a_link_never_leads_an_include_out_of_the_project() {
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("secret.yaml"), "password: hunter2\n").expect("written");
    let folder = project(format!(
        "{HEAD}[sources.helm.h]\nurl = \"https://example.com\"\n[helmReleases.a]\n\
         chart.spec = {{ chart = \"a\", source = \"helm.h\" }}\nvalues = {{ file = \"link.yaml\" }}\n\
         [helmReleases.b]\nchart.spec = {{ chart = \"a\", source = \"helm.h\" }}\nvalues = {{ file = \"folder/secret.yaml\" }}\n"
    ));
    std::os::unix::fs::symlink(
        outside.path().join("secret.yaml"),
        folder.path().join("link.yaml"),
    )
    .expect("a link");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).expect("a link");
    let output = run(folder.path(), "build");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("error[include]").count(), 2, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Seconds that a debug build on a busy machine may take for what a release build does in a small part of them.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A project whose sum is too large, though no part of it is: one error, which names `place`.
fn too_large(what: &str, text: &str, place: &str) {
    assert!(text.len() < 1_000_000, "{what}");
    let begin = std::time::Instant::now();
    let said = refused(what, text);
    assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
    assert_eq!(
        said.matches("error[project-too-large]").count(),
        1,
        "{what}: {said:.2000}"
    );
    assert!(said.contains(place), "{what}: {said:.2000}");
}

/// As [`built`] or [`refused`], and how long it took, which `--nocapture` shows.
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begin = std::time::Instant::now();
    let result = run();
    eprintln!("{what}: {:.2?}", begin.elapsed());
    assert!(begin.elapsed() < PATIENCE, "{what}: {:?}", begin.elapsed());
    result
}

fn clusters(count: usize) -> String {
    (0..count).map(|at| format!("[clusters.c{at}]\n")).collect()
}

fn kustomizations(count: usize, fields: &str) -> String {
    (0..count)
        .map(|at| format!("[kustomizations.k{at}]\npath = \"./apps\"\n{fields}\n"))
        .collect()
}

#[test]
fn one_value_that_is_too_large_is_refused_at_its_place() {
    for expression in [
        "[[[1]*500]*500]*500",
        "[[[[1]*900]*900]*900]*900",
        "['a' * 100000] * 1000",
        "{'a': [['b' * 50000] * 900]}",
        "range(100000) | list * 100000",
    ] {
        for field in ["path", "components"] {
            let text = format!(
                "{HEAD}[kustomizations.a]\npath = \"./apps\"\n{field} = \"${{{{ {expression} }}}}\"\n"
            )
            .replace("path = \"./apps\"\npath", "path");
            let said = refused(expression, &text);
            assert!(
                said.contains("kustomizations.a"),
                "{expression}: {said:.2000}"
            );
        }
    }
}

#[test]
fn what_looks_into_nested_lists_pays_for_them() {
    // The second is short enough for the engine to evaluate it while it compiles.
    for nested in [
        "[[[[1]*900]*900]*900]*900",
        "[[[[[[[[1]*30]*30]*30]*30]*30]*30]*30]*30",
    ] {
        for expression in [
            "X == X",
            "1 if X < X else 2",
            "X not in [X]",
            "X in 'text'",
            "'' ~ X",
            "X is eq X",
            "[X]|select('eq', X)|list|length",
            "[X, X]|unique|length",
            "[X, X]|sort|length",
            "X|string|length",
            "X|join(',')|length",
            "'a'|replace('a', X)",
            "(X + X) == (X + X)",
            "{'a': X} == {'a': X}",
            "{X: 1}|length",
            "debug(X)|length",
        ] {
            let expression = expression.replace('X', nested);
            let text = format!("{HEAD}[kustomizations.a]\npath = \"./${{{{ {expression} }}}}\"\n");
            let said = refused(&expression, text);
            assert!(
                said.contains("kustomizations.a"),
                "{expression}: {said:.2000}"
            );
        }
    }
}

#[test]
fn what_looks_into_a_value_that_a_template_doubled_pays_for_it() {
    let doubled = "{% set a = [a, a] %}".repeat(60);
    for used in [
        "{% if a == [a] %}{% endif %}",
        "{% for x in [a] if x in [a ~ ''] recursive %}{% endfor %}",
        "{% for x in [1, 2] %}{% if loop.changed(a) %}{% endif %}{% endfor %}",
        "{% filter replace(a, 'b') %}x{% endfilter %}",
        "{% set b = {a: 1} %}",
        "{{ a }}",
    ] {
        let template = format!("{{% set a = [1] %}}{doubled}{used}{{{{ name }}}}.yaml");
        let text = format!(
            "{HEAD}[layout]\npath = \"{template}\"\n[kustomizations.a]\npath = \"./apps\"\n"
        );
        let said = refused(used, text);
        assert!(said.contains("layout.path"), "{used}: {said:.2000}");
    }
}

#[test]
fn what_is_large_only_together_is_one_error_that_names_the_place() {
    let doubling: String = (1..18)
        .map(|at| {
            format!(
                "a{at} = \"${{{{ vars.a{0} }}}}${{{{ vars.a{0} }}}}\"\n",
                at - 1
            )
        })
        .collect();
    let used = kustomizations(9_000, "postBuild.substitute.x = \"${{ vars.a16 }}\"");
    too_large(
        "variables that double",
        &format!("{HEAD}[vars]\na0 = \"0123456789\"\n{doubling}{used}"),
        "in `kustomizations.k",
    );
    let defaults = format!(
        "[defaults.kustomizations]\npostBuild.substitute.x = \"{}\"\n",
        "y".repeat(300_000)
    );
    too_large(
        "a long default",
        &format!("{HEAD}{defaults}{}", kustomizations(12_000, "")),
        "in `kustomizations.k",
    );
    let own: String = (0..20_000)
        .map(|at| format!("[clusters.c{at}.vars]\nb = 1\n"))
        .collect();
    too_large(
        "a long variable of many clusters that have others",
        &format!(
            "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[vars]\na = \"{}\"\n{own}",
            "x".repeat(100_000)
        ),
        "variables of this cluster",
    );
    let inputs: String = (0..5_000)
        .map(|at| format!("{{ n = \"a{at}\" }},"))
        .collect();
    let set = "[sets.s.kustomizations.\"${{ inputs.n }}\"]\npath = \"./${{ cluster.name }}\"\n";
    too_large(
        "a set for many clusters",
        &format!(
            "{HEAD}{}[sets.s]\ninputs = [{inputs}]\n{set}",
            clusters(1_000)
        ),
        "fluxgen.toml:",
    );
    let groups: String = (0..12_000)
        .map(|at| format!("[groups.g{at}]\nclusters = [\"*\"]\n"))
        .collect();
    too_large(
        "groups of all clusters",
        &format!("{HEAD}{}{groups}", clusters(25_000)),
        "clusters of this group",
    );
}

#[test]
fn much_of_one_kind_is_no_more_work_than_its_length() {
    let chain: String = (1..20_000)
        .map(|at| format!("a{at} = \"${{{{ vars.a{} }}}}\"\n", at - 1))
        .collect();
    let used =
        "[kustomizations.k]\npath = \"./apps\"\npostBuild.substitute.x = \"${{ vars.a19999 }}\"\n";
    let text = format!("{HEAD}[vars]\na0 = \"x\"\n{chain}{used}");
    timed("20,000 variables in a chain", || built("a chain", text));
    let cycle = format!("{HEAD}[vars]\na0 = \"${{{{ vars.a19999 }}}}\"\n{chain}{used}");
    timed("20,000 variables in a circle", || {
        refused("a circle", cycle)
    });
    let comments = "# fluxgen: ignore[unused-var]\n".repeat(30_000);
    let text = format!("{HEAD}{comments}");
    timed("30,000 comments for one line", || built("comments", text));
    let comments: String = (0..25_000)
        .map(|at| format!("a{at} = 1 # fluxgen: ignore[unused-var]\n"))
        .collect();
    let text = format!("{HEAD}[vars]\n{comments}");
    timed("25,000 comments that hide", || built("comments", text));
    let dangling: String = (0..6_000)
        .map(|at| format!("[kustomizations.k{at}]\npath = \"./apps\"\ndependsOn = [\"x{at}\"]\n"))
        .collect();
    let text = format!("{HEAD}{dangling}");
    timed("6,000 dangling names", || refused("dangling names", text));
    let patterns: String = (0..5_000)
        .map(|at| format!("g{at} = {{ clusters = [\"c*{}*\"] }}\n", at % 100))
        .collect();
    let text = format!("{HEAD}{}[groups]\n{patterns}", clusters(2_000));
    timed("5,000 patterns for 2,000 clusters", || {
        built("patterns", text)
    });
    let stars: String = (0..5_000)
        .map(|at| {
            format!(
                "g{at} = {{ clusters = [\"{}*x*\"] }}\n",
                "*1".repeat(20 + at % 3)
            )
        })
        .collect();
    let names: String = (0..2_000)
        .map(|at| format!("[clusters.{}c{at}]\n", "1".repeat(60)))
        .collect();
    // Nearly no name fits, which takes the most tries.
    let fits = format!("[clusters.{}x]\n", "1".repeat(60));
    let text = format!("{HEAD}{names}{fits}[groups]\n{stars}");
    timed("5,000 patterns of 20 stars", || built("stars", text));
}

#[test]
fn a_huge_number_of_threads_is_not_taken_literally() {
    let folder = project(HEAD);
    let status = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 4000000; RAYON_NUM_THREADS=100000 \"$0\" -C \"$1\" build",
        ])
        .arg(env!("CARGO_BIN_EXE_fluxgen"))
        .arg(folder.path())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("sh runs");
    assert_eq!(status.code(), Some(0));
}
