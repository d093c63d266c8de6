//! What the cluster is given to get in: tokens, keys, host keys, and the Secrets beside them.

use std::os::unix::fs::PermissionsExt;

use fluxgen::bootstrap::{
    AgeKey, Answer, CredentialKind, ForgeKind, ImagePull, Outcome, PullRequest, Remote, Secret,
};
use serde_json::json;

use crate::forge::Forge;
use crate::scene::{HOST_KEY, Scene, TOKEN};

#[test]
fn a_password_is_given_to_git_when_it_asks_and_to_the_cluster() {
    let mut scene = Scene::served(None, "robot");
    scene
        .vars
        .insert("GIT_USERNAME".to_owned(), "robot".to_owned());
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), TOKEN.to_owned());
    let report = scene.complete();
    let plan = report.plan.to_string();
    assert!(
        plan.contains("to do: store the token in Secret `flux-system`"),
        "{plan}"
    );
    assert_eq!(
        scene.cluster.secret("flux-system", "username").as_deref(),
        Some("robot")
    );
    assert_eq!(
        scene.cluster.secret("flux-system", "password").as_deref(),
        Some(TOKEN)
    );
    // Another token is stored only when it is to be rotated.
    scene.options.rotate = true;
    let report = scene.run().expect("a run");
    assert_eq!(report.outcome, Outcome::Done);
}

#[test]
fn a_wrong_password_is_said_without_being_repeated() {
    let mut scene = Scene::served(None, "git");
    let wrong = "wr0ng-5ecret-0123456789";
    scene.secrets.push(wrong.to_owned());
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), wrong.to_owned());
    let error = scene.run().expect_err("refused");
    assert!(error.message.ends_with("git is not let in"), "{error}");
    assert!(error.help.concat().contains("credential helper"), "{error}");
    scene.vars.remove("GIT_PASSWORD");
    let error = scene.run().expect_err("no password");
    assert_eq!(error.message, "there is no password for `127.0.0.1`");
    assert!(
        error.help.concat().contains("set `GIT_PASSWORD`"),
        "{error}"
    );
}

#[test]
fn forges_that_want_a_name_beside_the_token_get_its_owners() {
    for (kind, user) in [
        (ForgeKind::GitHub, "git"),
        (ForgeKind::GitLab, "git"),
        (ForgeKind::Gitea, "ada"),
        (ForgeKind::BitbucketServer, "ada"),
    ] {
        let mut scene = Scene::served(None, user);
        let forge = Forge::new(kind, &scene.remote());
        forge.state().exists = true;
        let mut provider = forge.provider();
        provider.host = "127.0.0.1".to_owned();
        scene.target.provider = Some(provider);
        scene
            .vars
            .insert(kind.token_variable().to_owned(), TOKEN.to_owned());
        scene.complete();
        assert_eq!(
            scene.cluster.secret("flux-system", "username").as_deref(),
            Some(user),
            "{kind:?}"
        );
        assert!(forge.state().keys.is_empty(), "a token needs no deploy key");
    }
}

#[test]
fn a_token_is_not_given_to_another_host_than_the_forges() {
    let mut scene = Scene::served(None, "git");
    let forge = Forge::new(ForgeKind::GitHub, &scene.remote());
    forge.state().exists = true;
    scene.target.provider = Some(forge.provider());
    scene
        .vars
        .insert("GITHUB_TOKEN".to_owned(), TOKEN.to_owned());
    let error = scene.run().expect_err("git is not given it");
    assert!(error.message.ends_with("git is not let in"), "{error}");
}

#[test]
fn a_certificate_authority_goes_into_the_secret() {
    let mut scene = Scene::served(None, "git");
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), TOKEN.to_owned());
    scene.target.credentials.ca = Some("-----BEGIN CERTIFICATE-----\n".to_owned());
    scene.complete();
    assert_eq!(
        scene.cluster.secret("flux-system", "ca.crt").as_deref(),
        Some("-----BEGIN CERTIFICATE-----\n")
    );
}

#[test]
fn a_public_repository_needs_none() {
    let mut scene = Scene::on_cluster();
    scene.target.credentials.kind = CredentialKind::None;
    let report = scene.complete();
    assert!(
        report
            .plan
            .to_string()
            .contains("is there: none are needed")
    );
    assert_eq!(
        scene.cluster.get("secrets", "flux-system", "flux-system"),
        None
    );
}

#[test]
fn credentials_that_cannot_be_made_have_to_be_there() {
    let mut scene = Scene::on_cluster();
    scene.target.credentials.kind = CredentialKind::Existing;
    let error = scene.run().expect_err("it is not there");
    assert_eq!(
        error.message,
        format!(
            "Secret `flux-system` is not in namespace `{}`",
            scene.target.namespace
        )
    );
    assert!(
        error.help.concat().contains("flux create secret githubapp"),
        "{error}"
    );
    assert_eq!(scene.head("main"), None);
    for object in [
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "flux-system", "namespace": "flux-system" },
            "data": { "githubAppID": "NQ==" } }),
    ] {
        scene.cluster.put(object);
    }
    scene.complete();
}

#[test]
fn a_key_of_the_users_own_is_taken_and_an_unfit_one_refused() {
    let mut scene = Scene::on_cluster();
    // Outside of what is searched for it.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("key");
    let locked = elsewhere.path().join("locked");
    for (file, passphrase) in [(&file, ""), (&locked, "hunter22")] {
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-C", "mine", "-N", passphrase, "-f"])
            .arg(file)
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no ssh-keygen");
            return;
        }
    }
    let path = |file: &std::path::Path| file.display().to_string().into();
    let plain = elsewhere.path().join("key.pub");
    scene.target.credentials.private_key = Some(path(&plain));
    let error = scene.run().expect_err("unfit");
    assert!(
        error.message.ends_with("it is no OpenSSH private key"),
        "{error}"
    );
    let made = std::process::Command::new("ssh-keygen")
        .args([
            "-q",
            "-p",
            "-Z",
            "chacha20-poly1305@openssh.com",
            "-P",
            "hunter22",
            "-N",
            "hunter22",
            "-f",
        ])
        .arg(&locked)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    scene.target.credentials.private_key = Some(path(&locked));
    let error = scene.run().expect_err("unfit");
    assert!(
        error
            .message
            .ends_with("Flux cannot decrypt `chacha20-poly1305@openssh.com`"),
        "{error}"
    );
    assert!(error.help.concat().contains("-Z aes256-ctr"), "{error}");
    scene.target.credentials.private_key = Some(path(&file));
    scene.complete();
    let public = fs_err::read_to_string(elsewhere.path().join("key.pub")).expect("read");
    let stored = scene
        .cluster
        .secret("flux-system", "identity.pub")
        .expect("stored");
    assert_eq!(format!("{} mine", stored.trim()), public.trim());
    let private = fs_err::read_to_string(&file).expect("read");
    assert_eq!(
        scene.cluster.secret("flux-system", "identity"),
        Some(private)
    );
    // Another one takes its place without being told to rotate.
    let other = elsewhere.path().join("other");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ecdsa", "-N", "", "-f"])
        .arg(&other)
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    scene.target.credentials.private_key = Some(path(&other));
    scene.run().expect("a run");
    scene.expect_unchanged();
    let stored = scene.cluster.secret("flux-system", "identity.pub");
    assert!(stored.expect("stored").starts_with("ecdsa-"));
}

#[test]
fn a_bearer_token_of_the_users_own_is_kept() {
    let mut scene = Scene::served(None, "git");
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), TOKEN.to_owned());
    for object in [
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "flux-system", "namespace": "flux-system" },
            "data": { "bearerToken": "eA==" } }),
    ] {
        scene.cluster.put(object);
    }
    scene.complete();
    assert_eq!(scene.cluster.secret("flux-system", "password"), None);
}

#[test]
fn the_user_of_the_address_goes_with_the_token() {
    let mut scene = Scene::served(None, "robot");
    let url = scene
        .target
        .remote
        .as_str()
        .replace("http://", "http://robot@");
    scene.target.remote = Remote::parse(&url).expect("an address");
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), TOKEN.to_owned());
    scene.complete();
    let user = scene.cluster.secret("flux-system", "username");
    assert_eq!(user.as_deref(), Some("robot"));
}

#[test]
fn an_age_key_is_stored_before_the_controllers_come() {
    let mut scene = Scene::on_cluster();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("age.agekey");
    let key = "AGE-SECRET-KEY-1QQPQYSQG9QYPQYSQG9QYPQYSQG9QYPQYSQG9QYPQYSQG9QYPQYSQ";
    scene.secrets.push(key.to_owned());
    scene.target.age_key = Some(AgeKey {
        secret: "sops-age".to_owned(),
        file: file.display().to_string().into(),
    });
    let error = scene.run().expect_err("no file");
    assert!(
        error.message.starts_with("the age key cannot be read"),
        "{error}"
    );
    assert!(error.help.concat().contains("age-keygen"), "{error}");
    fs_err::write(&file, "age1publickeyonly\n").expect("written");
    let error = scene.run().expect_err("no key");
    assert!(
        error.message.ends_with("holds no private age key"),
        "{error}"
    );
    fs_err::write(&file, format!("# created: 2026\n{key}\n")).expect("written");
    scene
        .run_while(&|point| point != "age-key.stored")
        .expect_err("cut off");
    assert!(
        scene
            .cluster
            .get("deployments.apps", "flux-system", "kustomize-controller")
            .is_none()
    );
    assert!(
        scene
            .cluster
            .secret("sops-age", "age.agekey")
            .expect("stored")
            .contains(key)
    );
    scene.complete();
}

#[test]
fn the_login_of_the_registry_is_stored_and_has_to_come_from_somewhere() {
    let mut scene = Scene::on_cluster();
    let password = "r3gistry-5ecret-987";
    scene.secrets.push(password.to_owned());
    scene.secrets.push(format!("puller:{password}"));
    scene.target.image_pull = Some(ImagePull {
        secret: "regcred".to_owned(),
        registry: "registry.acme.example".to_owned(),
        login: None,
    });
    let error = scene.run().expect_err("no login");
    assert_eq!(
        error.message,
        "there is no login to `registry.acme.example` for Secret `regcred`"
    );
    assert!(
        error.help.concat().contains("FLUXGEN_REGISTRY_PASSWORD"),
        "{error}"
    );
    let login = ("puller".to_owned(), Secret::new(password));
    scene.target.image_pull.as_mut().expect("one").login = Some(login);
    scene.complete();
    let config = scene
        .cluster
        .secret("regcred", ".dockerconfigjson")
        .expect("stored");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(
        config["auths"]["registry.acme.example"]["username"],
        "puller"
    );
    // The next run does without.
    scene.target.image_pull.as_mut().expect("one").login = None;
    scene.expect_unchanged();
}

/// Puts an `ssh-keyscan` on the PATH that prints this.
fn scan(scene: &Scene, text: &str) {
    let file = scene.path("bin/ssh-keyscan");
    fs_err::write(&file, format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n")).expect("written");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn an_unknown_hosts_key_is_asked_about_and_never_taken_for_granted() {
    const FINGERPRINT: &str = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
    let mut scene = Scene::on_cluster();
    scene.target.credentials.known_hosts = None;
    scene.options.yes = true;
    scene.ui.answer.set(Answer::Nobody);
    scan(&scene, HOST_KEY);
    let error = scene.run().expect_err("nobody can look at it");
    assert_eq!(scene.head("main"), None, "nothing is changed by then");
    assert_eq!(scene.cluster.count("apply"), 0);
    assert_eq!(
        error.message,
        "nobody can confirm the host keys of `git.acme.example`"
    );
    assert!(error.notes.concat().contains(FINGERPRINT), "{error}");
    assert!(error.help.concat().contains("`--host-key`"), "{error}");
    scene.ui.answer.set(Answer::No);
    let error = scene.run().expect_err("it was not confirmed");
    assert_eq!(
        error.message,
        "the host keys of `git.acme.example` were not confirmed"
    );
    // A fingerprint of another key is no yes to this one.
    scene.ui.answer.set(Answer::Nobody);
    scene.options.host_keys = vec!["SHA256:AAAA".to_owned()];
    scene.run().expect_err("another key");
    assert!(
        scene
            .cluster
            .get("secrets", "flux-system", "flux-system")
            .is_none()
    );
    scene.options.host_keys.push(FINGERPRINT.to_owned());
    scene.complete();
    assert_eq!(
        scene
            .cluster
            .secret("flux-system", "known_hosts")
            .expect("stored")
            .trim(),
        HOST_KEY
    );
}

#[test]
fn a_pull_request_is_opened_without_asking_about_host_keys() {
    let mut scene = Scene::on_cluster();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    scene.target.credentials.known_hosts = None;
    scene.ui.answer.set(Answer::Nobody);
    scene.options.pull_request = Some(PullRequest {
        branch: None,
        wait: false,
    });
    let report = scene.run().expect("a run");
    assert!(matches!(report.outcome, Outcome::Waiting(_)), "{report:?}");
    assert!(scene.head("fluxgen/bootstrap-staging").is_some());
}

#[test]
fn a_host_that_gives_no_key_is_named() {
    let mut scene = Scene::on_cluster();
    scene.target.credentials.known_hosts = None;
    scan(&scene, "# nothing");
    let error = scene.run().expect_err("no key");
    assert_eq!(
        error.message,
        "no host key of `git.acme.example` could be had"
    );
}

#[test]
fn the_operators_way_leaves_the_controllers_to_it() {
    let mut scene = Scene::new();
    let instance = "# Generated by fluxgen from fluxgen.toml. Do not edit.\n---\napiVersion: fluxcd.controlplane.io/v1\n\
        kind: FluxInstance\nmetadata:\n  name: flux\n  namespace: flux-system\nspec:\n  sync:\n    kind: GitRepository\n    \
        url: ssh://git@git.acme.example/acme/fleet\n    ref: refs/heads/main\n    path: clusters/staging\n";
    let file = |base: &str| fluxgen::bootstrap::File {
        path: format!("{base}flux-instance.yaml").into(),
        bytes: instance.as_bytes().to_vec(),
    };
    scene.target.files = vec![file("clusters/staging/flux-system/")];
    scene.target.install = vec![file("")];
    let error = scene.run().expect_err("no operator");
    assert_eq!(
        error.message,
        "the Flux Operator is not installed in the cluster"
    );
    assert!(
        error.help.concat().contains("helm install flux-operator"),
        "{error}"
    );
    for (plural, kind, group) in [
        ("fluxinstances", "FluxInstance", "fluxcd.controlplane.io"),
        (
            "gitrepositories",
            "GitRepository",
            "source.toolkit.fluxcd.io",
        ),
        (
            "kustomizations",
            "Kustomization",
            "kustomize.toolkit.fluxcd.io",
        ),
    ] {
        scene.cluster.put(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.{group}") },
            "spec": { "group": group, "names": { "kind": kind, "plural": plural }, "versions": [{ "name": "v1" }] },
        }));
    }
    let report = scene.complete();
    let plan = report.plan.to_string();
    assert!(plan.contains("to do: apply FluxInstance `flux`"), "{plan}");
}

/// A key of ssh-keygen's making, outside of what is searched for secrets.
fn key_file(folder: &std::path::Path, args: &[&str]) -> Option<camino::Utf8PathBuf> {
    let file = folder.join("key");
    fs_err::remove_file(&file).ok();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-C", ""])
        .args(args)
        .arg("-f")
        .arg(&file)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no ssh-keygen");
        return None;
    }
    camino::Utf8PathBuf::from_path_buf(file).ok()
}

#[test]
fn the_passphrase_of_a_key_is_asked_for_checked_and_stored_beside_it() {
    const PASSPHRASE: &str = "a p4ss phrase of nobody";
    let elsewhere = tempfile::tempdir().expect("a folder");
    let args = ["-t", "ed25519", "-N", PASSPHRASE];
    let Some(file) = key_file(elsewhere.path(), &args) else {
        return;
    };
    let mut scene = Scene::on_cluster();
    scene.secrets.push(PASSPHRASE.to_owned());
    scene.secrets.push("a wr0ng one of nobody".to_owned());
    scene.target.credentials.private_key = Some(file.clone());
    let error = scene.run().expect_err("nobody can be asked");
    assert_eq!(
        error.message,
        format!("there is no passphrase for `{file}`")
    );
    assert!(
        error.help.concat().contains("set `FLUXGEN_KEY_PASSPHRASE`"),
        "{error}"
    );
    let wrong = format!("the passphrase does not open `{file}`");
    *scene.ui.typed.borrow_mut() = Some(Secret::new("a wr0ng one of nobody"));
    assert_eq!(scene.run().expect_err("typed wrong").message, wrong);
    let variable = "FLUXGEN_KEY_PASSPHRASE".to_owned();
    scene
        .vars
        .insert(variable.clone(), "a wr0ng one of nobody".to_owned());
    assert_eq!(scene.run().expect_err("set wrong").message, wrong);
    assert_eq!(scene.head("main"), None, "nothing is changed by then");
    assert_eq!(scene.cluster.count("apply"), 0);

    assert_eq!(
        scene.ui.plans.borrow().len(),
        2,
        "a plan before each question"
    );

    // A plan needs none, and says what will be stored.
    scene.vars.remove(&variable);
    scene.ui.asked.borrow_mut().clear();
    scene.options.dry_run = true;
    let plan = scene.run().expect("a plan").plan.to_string();
    assert!(plan.contains("its passphrase beside it"), "{plan}");
    assert!(scene.ui.asked.borrow().is_empty());
    scene.options.dry_run = false;

    *scene.ui.typed.borrow_mut() = Some(Secret::new(PASSPHRASE));
    scene.complete();
    let asked = scene.ui.asked.borrow().join("\n");
    assert_eq!(asked.matches("passphrase of").count(), 1, "{asked}");
    let stored = |entry: &str| scene.cluster.secret("flux-system", entry);
    assert_eq!(stored("password").as_deref(), Some(PASSPHRASE));
    let text = fs_err::read_to_string(&file).expect("read");
    assert_eq!(stored("identity"), Some(text));
}

#[test]
fn a_changed_passphrase_in_the_environment_replaces_what_is_stored() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let args = ["-t", "ecdsa", "-N", "first-passphrase"];
    let Some(file) = key_file(elsewhere.path(), &args) else {
        return;
    };
    let mut scene = Scene::on_cluster();
    let variable = "FLUXGEN_KEY_PASSPHRASE".to_owned();
    for passphrase in ["first-passphrase", "second-passphrase"] {
        scene.secrets.push(passphrase.to_owned());
    }
    scene.target.credentials.private_key = Some(file.clone());
    scene
        .vars
        .insert(variable.clone(), "first-passphrase".to_owned());
    scene.complete();
    let changed = std::process::Command::new("ssh-keygen")
        .args([
            "-q",
            "-p",
            "-P",
            "first-passphrase",
            "-N",
            "second-passphrase",
            "-f",
        ])
        .arg(&file)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(changed.is_ok_and(|status| status.success()));
    scene.vars.insert(variable, "second-passphrase".to_owned());
    scene.run().expect("a run");
    let stored = scene.cluster.secret("flux-system", "password");
    assert_eq!(stored.as_deref(), Some("second-passphrase"));
    scene.expect_unchanged();
}

#[test]
fn an_rsa_key_of_the_users_own_is_taken() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let args = ["-t", "rsa", "-b", "2048", "-N", ""];
    let Some(file) = key_file(elsewhere.path(), &args) else {
        return;
    };
    let mut scene = Scene::on_cluster();
    scene.target.credentials.private_key = Some(file);
    scene.complete();
    let public = scene.cluster.secret("flux-system", "identity.pub");
    assert!(public.expect("stored").starts_with("ssh-rsa "));
    assert_eq!(scene.cluster.secret("flux-system", "password"), None);
}
