//! The program itself: what it reads off the project, prints and exits with.

use fluxgen::bootstrap::ForgeKind;

use crate::forge::Forge;
use crate::scene::{Scene, TOKEN};
use crate::terminal;

const RUN: [&str; 3] = ["bootstrap", "--cluster", "staging"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RUN.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn a_project_is_built_pushed_and_synced() {
    let scene = Scene::new();
    scene.write_project("");
    let (out, err) = scene.expect(1, &with(&["--dry-run"]));
    assert!(
        out.starts_with("bootstrap of cluster `staging`"),
        "the plan is data: {out}"
    );
    assert!(out.contains("to do: commit 5 files"), "{out}");
    assert_eq!(err, "");
    assert_eq!(
        scene.git(&["status", "--porcelain"]),
        "",
        "a dry run writes nothing"
    );

    let (out, err) = scene.expect(0, &with(&["--yes"]));
    assert!(
        out.ends_with("cluster `staging` syncs `ssh://git@git.acme.example/acme/fleet`\n"),
        "{out}"
    );
    assert!(
        err.contains("public key of the cluster:\necdsa-sha2-nistp384 "),
        "{err}"
    );
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    let files = scene.git_in(&scene.remote(), &["diff", "--name-only", "main^", "main"]);
    assert_eq!(
        files,
        "clusters/staging/flux-system/gotk-components.yaml\nclusters/staging/flux-system/gotk-sync.yaml\n\
         clusters/staging/flux-system/kustomization.yaml\nclusters/staging/kustomizations/apps.yaml\n\
         fluxgen.lock"
    );
    scene.expect(0, &["diff"]);

    let (out, _) = scene.expect(0, &RUN);
    assert!(out.ends_with("nothing to do\n"), "{out}");
    let (out, _) = scene.expect(0, &with(&["--dry-run"]));
    assert!(out.ends_with("nothing to do\n"), "{out}");
}

#[test]
fn without_a_terminal_nobody_is_asked_and_the_key_waits_for_a_yes() {
    let scene = Scene::new();
    scene.write_project("");
    let (_, err) = scene.expect(2, &RUN);
    assert!(
        err.contains("error: the cluster's public key is not let in yet\n  note: ecdsa"),
        "{err}"
    );
    assert!(
        err.contains("then run the same command with `--yes`"),
        "{err}"
    );
    let (out, _) = scene.expect(0, &with(&["--yes"]));
    assert!(out.contains("is there: key SHA256:"), "{out}");
}

#[test]
fn what_cannot_be_bootstrapped_is_said_with_what_to_do() {
    let scene = Scene::new();
    scene.write_project("[clusters.hand]\nflux.install = \"none\"\n");
    for (args, code, words) in [
        (
            vec!["bootstrap", "--cluster", "stagin"],
            2,
            "no cluster is named `stagin`; did you mean `staging`?",
        ),
        (
            vec!["bootstrap", "--cluster", "hand"],
            2,
            "cluster `hand` has Flux installed by other means",
        ),
        (
            vec!["bootstrap", "--uninstall"],
            2,
            "help: remove Flux and leave what it applied: `flux uninstall",
        ),
        (
            with(&["--uninstall"]),
            2,
            "`fluxgen bootstrap --uninstall` is not offered",
        ),
        (
            with(&["--timeout", "5"]),
            2,
            "write a duration such as `90s`, `5m` or `1h30m`",
        ),
        (
            with(&["--context", "other"]),
            2,
            "`--context` is `other`, but cluster `staging` is reached by `kind-staging`",
        ),
        (with(&["--wait-merge"]), 2, "--pull-request"),
        (vec!["bootstrap"], 2, "--cluster <NAME>"),
    ] {
        let (_, err) = scene.expect(code, &args);
        assert!(err.contains(words), "{args:?}: {err}");
    }
    assert_eq!(scene.head("main"), None);
}

#[test]
fn a_fault_in_the_toml_file_stops_before_anything_is_looked_at() {
    let scene = Scene::new();
    scene.write_project("[kustomizations.web]\npath = \"./web\"\ndependsOn = [\"nowhere\"]\n");
    let (_, err) = scene.expect(1, &RUN);
    assert!(err.contains("nowhere"), "{err}");
    assert!(scene.cluster.state().calls.is_empty());
}

#[test]
fn a_toml_file_that_is_not_committed_is_noted() {
    let scene = Scene::new();
    scene.write_project("");
    scene.write(
        "fluxgen.toml",
        &(fs_err::read_to_string(scene.project().join("fluxgen.toml")).expect("read") + "\n"),
    );
    let (_, err) = scene.expect(1, &with(&["--dry-run"]));
    assert!(
        err.starts_with("note: `fluxgen.toml` is not committed as it stands"),
        "{err}"
    );
}

#[test]
fn an_automation_that_pushes_makes_the_key_a_writing_one() {
    let scene = Scene::new();
    scene.write_project(
        "[imageUpdates.main]\ngit.commit.author.email = \"bot@acme.example\"\nupdate.path = \"./clusters/staging\"\n\
         git.push.branch = \"main\"\n[flux2]\n",
    );
    // The key is refused, so that what is written above is held to the schema.
    let (_, err) = scene.expect(1, &RUN);
    assert!(err.contains("flux2"), "{err}");
    let text = fs_err::read_to_string(scene.project().join("fluxgen.toml")).expect("read");
    let text = text.replace("[flux2]\n", "").replace(
        "distribution =",
        "componentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\ndistribution =",
    );
    scene.write("fluxgen.toml", &text);
    let (out, _) = scene.expect(1, &with(&["--dry-run"]));
    assert!(
        out.contains("for you to let it in, with write access"),
        "{out}"
    );
    scene.write(
        "fluxgen.toml",
        &text.replace(
            "distribution =",
            "sync.readWriteKey = false\ndistribution =",
        ),
    );
    let (out, _) = scene.expect(1, &with(&["--dry-run"]));
    assert!(out.contains("for you to let it in, read-only"), "{out}");
}

#[test]
fn a_project_in_a_folder_of_its_repository_says_where_its_tree_is() {
    let scene = Scene::new();
    scene.write_project("");
    let infra = scene.project().join("infra");
    fs_err::create_dir(&infra).expect("made");
    for name in ["fluxgen.toml", "install.yaml"] {
        fs_err::rename(scene.project().join(name), infra.join(name)).expect("moved");
    }
    let args = |more: &[&'static str]| {
        let mut args = vec!["-C", "infra"];
        args.extend(with(more));
        args
    };
    let text = fs_err::read_to_string(infra.join("fluxgen.toml")).expect("read");
    let path = "sync.path = \"clusters/staging\"\ndistribution =";
    let wrong = text.replace("distribution =", path);
    fs_err::write(infra.join("fluxgen.toml"), wrong).expect("written");
    let (_, err) = scene.expect(1, &args(&["--dry-run"]));
    assert!(
        err.contains("its files are in `infra/clusters/staging`"),
        "{err}"
    );
    fs_err::write(infra.join("fluxgen.toml"), text).expect("written");
    scene.git(&["add", "--all"]);
    scene.git(&["commit", "--quiet", "--message=infra"]);
    scene.expect(0, &args(&["--yes"]));
    assert!(
        scene
            .show("main", "infra/clusters/staging/kustomizations/apps.yaml")
            .contains("./apps")
    );
    scene.expect(0, &args(&["--dry-run"]));
}

/// All flags of the five commands in v2.9.4, the global ones of kubectl apart.
const FLUX_FLAGS: &str = "version components components-extra registry registry-creds image-pull-secret branch \
    recurse-submodules sparse-checkout watch-all-namespaces network-policy token-auth log-level cluster-domain \
    toleration-keys secret-name ssh-key-algorithm ssh-rsa-bits ssh-hostkey-algos ssh-ecdsa-curve ssh-hostname ca-file \
    private-key-file author-name author-email gpg-key-ring gpg-passphrase gpg-key-id ssh-signing-key-file \
    ssh-signing-password ssh-signing-reuse-private-key commit-message-appendix force manifests namespace timeout context \
    kubeconfig verbose url interval path username password silent allow-insecure-http with-bearer-token owner repository \
    team personal private hostname read-write-key reconcile visibility deploy-token-auth group";

const README: &str = include_str!("../../README.md");

#[test]
fn every_flag_of_flux_bootstrap_has_its_place_in_the_readme() {
    let (_, table) = README
        .split_once("### From `flux bootstrap`")
        .expect("the table");
    for flag in FLUX_FLAGS.split_whitespace() {
        let mut rows = table.lines().filter(|line| line.starts_with('|'));
        assert!(
            rows.any(|row| row.contains(&format!("`--{flag}`"))),
            "--{flag}"
        );
    }
}

#[test]
fn the_example_of_the_readme_is_a_project() {
    let (_, section) = README
        .split_once("## From nothing to a running Flux")
        .expect("the section");
    let (_, toml) = section.split_once("```toml\n").expect("an example");
    let (toml, _) = toml.split_once("```").expect("its end");
    let scene = Scene::new();
    scene.write_project("");
    let local = "install = \"release\"\ndistribution = \"install.yaml\"";
    scene.write(
        "fluxgen.toml",
        &toml.replace("install = \"release\"", local),
    );
    let (_, err) = scene.expect(0, &["build"]);
    assert_eq!(err, "");
    let (_, err) = scene.expect(2, &RUN);
    assert!(
        err.contains("there is no token for `github.com`\n  help: set `GITHUB_TOKEN`"),
        "{err}"
    );
}

#[test]
fn a_program_that_is_killed_after_any_change_is_gone_on_with() {
    let finish = |scene: &Scene| {
        let (out, _) = scene.expect(0, &with(&["--yes"]));
        assert!(
            out.contains("syncs") || out.ends_with("nothing to do\n"),
            "{out}"
        );
        let (out, _) = scene.expect(0, &RUN);
        assert!(out.ends_with("nothing to do\n"), "{out}");
        // The user's own `git pull` finds nothing in its way.
        let remote = scene.remote().display().to_string();
        scene.git(&["pull", "--quiet", "--ff-only", &remote, "main"]);
        let commits = scene.git(&["rev-list", "--count", "HEAD"]);
        assert_eq!(commits, "3", "two of the user's, one of the run's");
    };
    for command in ["commit-tree", "push", "update-ref"] {
        let scene = Scene::new();
        scene.write_project("");
        fs_err::write(scene.path("kill"), command).expect("written");
        let (code, ..) = scene.program(&with(&["--yes"]));
        assert_eq!(code, None, "killed after {command}");
        finish(&scene);
    }
    for call in 0.. {
        let scene = Scene::new();
        scene.write_project("");
        scene.cluster.state().kill_in = Some(call);
        let (code, ..) = scene.program(&with(&["--yes"]));
        if code.is_some() {
            assert!(call > 3, "namespace, components, key and sync are changes");
            break;
        }
        finish(&scene);
    }
}

#[test]
fn a_project_on_a_forge_is_proposed_and_synced_after_the_merge() {
    let mut scene = Scene::new();
    let forge = Forge::new(ForgeKind::GitHub, &scene.remote());
    forge.state().exists = true;
    forge.state().protected = true;
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    let api = forge.provider().api_url.expect("an address");
    scene.write_project(&format!(
        "[repo.provider]\nkind = \"github\"\nhost = \"git.acme.example\"\napiUrl = \"{api}\"\n\
         description = \"The fleet\"\nteams = [\"ops:push\"]\n"
    ));
    scene
        .vars
        .insert("GITHUB_TOKEN".to_owned(), TOKEN.to_owned());
    let (_, err) = scene.expect(2, &RUN);
    assert!(
        err.contains("error: branch `main` takes pull requests only"),
        "{err}"
    );
    let (out, err) = scene.expect(0, &with(&["--pull-request"]));
    assert!(
        out.contains("ok      token: of `ada`, scopes repo, read:org"),
        "{out}"
    );
    assert!(
        err.contains("opened https://git.acme.example/acme/fleet/pull/1\n"),
        "{err}"
    );
    assert!(err.contains("run the same command after it"), "{err}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    scene.git_in(
        &scene.remote(),
        &[
            "update-ref",
            "refs/heads/main",
            "refs/heads/fluxgen/bootstrap-staging",
        ],
    );
    forge.state().pulls.clear();
    let (out, err) = scene.expect(0, &RUN);
    assert!(
        out.contains("note: set its description to `The fleet`: with `--reconcile`"),
        "{out}"
    );
    assert!(
        err.contains("registered deploy key `flux clusters/staging flux-system "),
        "{err}"
    );
    let (out, _) = scene.expect(0, &with(&["--reconcile"]));
    assert!(out.contains("to do: let team `ops` in as `push`"), "{out}");
    assert_eq!(forge.state().teams, [("ops".to_owned(), "push".to_owned())]);
    let (out, _) = scene.expect(0, &with(&["--reconcile"]));
    assert!(out.ends_with("nothing to do\n"), "{out}");
}

#[test]
fn a_passphrase_is_asked_for_on_a_terminal_and_not_shown_there() {
    const PASSPHRASE: &str = "typed-by-nobody";
    let elsewhere = tempfile::tempdir().expect("a folder");
    let key = elsewhere.path().join("key").display().to_string();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", &key])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    let mut scene = Scene::new();
    scene.secrets.push(PASSPHRASE.to_owned());
    scene.write_project("");
    let args = with(&["--private-key", &key]);
    let (_, err) = scene.expect(2, &args);
    assert!(
        err.contains(&format!(
            "error: there is no passphrase for `{key}`\n  help: set `FLUXGEN_KEY_PASSPHRASE`"
        )),
        "{err}"
    );
    let (child, mut screen) = terminal::start(&mut scene.command(&args));
    screen.wait_for("carry it out? [y/N]", "y\n");
    screen.wait_for("passphrase of", "wrong-one\n");
    let shown = screen.rest();
    assert_eq!(
        child.wait_with_output().expect("it ends").status.code(),
        Some(2)
    );
    assert!(
        shown.contains("error: the passphrase does not open"),
        "{shown}"
    );
    assert!(!shown.contains("wrong-one"), "{shown}");
    let (child, mut screen) = terminal::start(&mut scene.command(&args));
    screen.wait_for("carry it out? [y/N]", "y\n");
    screen.wait_for("passphrase of", &format!("{PASSPHRASE}\n"));
    screen.wait_for("is it there now? [y/N]", "y\n");
    let shown = screen.rest();
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{shown}");
    assert!(!shown.contains(PASSPHRASE), "{shown}");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("its passphrase beside it"), "{out}");
    let stored = scene.cluster.secret("flux-system", "password");
    assert_eq!(stored.as_deref(), Some(PASSPHRASE));
}
