//! What stops a run, in the words the user reads, and with nothing changed by then.

use fluxgen::bootstrap::{Error, Outcome, PullRequest, Remote};
use serde_json::json;

use crate::scene::Scene;

/// Expects an error; gives it with all its notes and help as one text.
fn refused(scene: &Scene, message: &str) -> String {
    let error: Error = scene.run().expect_err(message);
    assert_eq!(error.message, message, "{error}");
    error.to_string()
}

fn nothing_was_applied(scene: &Scene) {
    assert_eq!(
        scene.cluster.count("apply") + scene.cluster.count("annotate"),
        0
    );
}

#[test]
fn a_repository_that_is_not_empty_and_not_ours_is_left_alone() {
    let scene = Scene::new();
    scene.push_as_somebody("main", "README.md", "theirs\n");
    let head = scene.head("main");
    let text = refused(
        &scene,
        "`ssh://git@git.acme.example/acme/fleet` is not empty and not of this project",
    );
    assert!(
        text.contains("has no `fluxgen.toml` and no commit in common"),
        "{text}"
    );
    assert!(text.contains("help: correct `repo.url`"), "{text}");
    assert_eq!(scene.head("main"), head);
    nothing_was_applied(&scene);
}

#[test]
fn a_diverged_branch_and_one_that_is_behind_are_told_apart() {
    let scene = Scene::new();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    scene.push_as_somebody("main", "theirs.txt", "x\n");
    let text = refused(
        &scene,
        "the local branch `main` is behind `main` of `ssh://git@git.acme.example/acme/fleet`",
    );
    assert!(text.contains("git pull --ff-only"), "{text}");
    scene.git(&["commit", "--quiet", "--allow-empty", "--message=mine"]);
    let text = refused(
        &scene,
        "the local branch `main` has diverged from `main` of `ssh://git@git.acme.example/acme/fleet`",
    );
    assert!(text.contains("git pull --rebase"), "{text}");
    nothing_was_applied(&scene);
    scene.git(&["pull", "--quiet", "--rebase", &remote, "main"]);
    scene.complete();
}

#[test]
fn a_branch_that_somebody_moves_during_the_run_is_not_overwritten() {
    let scene = Scene::new();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    let error = scene
        .run_while(&|point| {
            if point == "commit.begun" {
                // Between the last look and the push: a hook of the server's would see the same.
                let hook = scene.remote().join("hooks/pre-receive");
                fs_err::write(
                    &hook,
                    "#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n",
                )
                .expect("written");
                use std::os::unix::fs::PermissionsExt as _;
                fs_err::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))
                    .expect("set");
            }
            true
        })
        .expect_err("refused");
    assert_eq!(
        error.message,
        "`ssh://git@git.acme.example/acme/fleet` refuses the push to `main`"
    );
    let text = error.to_string();
    assert!(
        text.contains("GH006: Protected branch update failed"),
        "{text}"
    );
    assert!(
        text.contains("help: use `--pull-request` where the branch is protected"),
        "{text}"
    );
    // The local branch stays where it was.
    assert_eq!(Some(scene.git(&["rev-parse", "HEAD"])), scene.head("main"));
}

#[test]
fn a_file_of_somebody_elses_is_not_replaced() {
    let scene = Scene::new();
    let path = "clusters/staging/flux-system/gotk-sync.yaml";
    scene.write(path, "# by flux bootstrap\n");
    scene.git(&["add", path]);
    scene.git(&["commit", "--quiet", "--message=flux"]);
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    let text = refused(
        &scene,
        &format!("`{path}` in the repository is not generated"),
    );
    assert!(
        text.contains(&format!("fluxgen build --adopt {path}")),
        "{text}"
    );
}

#[test]
fn a_missing_branch_is_said_with_those_that_are_there() {
    let mut scene = Scene::new();
    scene.push_as_somebody("master", "fluxgen.toml", "");
    let text = refused(
        &scene,
        "`ssh://git@git.acme.example/acme/fleet` has no branch `main`",
    );
    assert!(text.contains("it has `master`"), "{text}");
    scene.target.branch = "--upload-pack=x".to_owned();
    refused(&scene, "`--upload-pack=x` is no name of a branch");
}

#[test]
fn a_repository_that_is_not_there_is_said_with_what_would_make_it() {
    let scene = Scene::new();
    fs_err::remove_dir_all(scene.remote()).expect("removed");
    let error = scene.run().expect_err("no repository");
    assert!(
        error.message.contains("cannot list the branches of `ssh://git@git.acme.example/acme/fleet`: there is no such repository"),
        "{error}"
    );
    assert!(error.help.concat().contains("`[repo.provider]`"), "{error}");
}

#[test]
fn a_path_that_another_kustomization_syncs_is_not_taken_over() {
    let scene = Scene::new();
    scene.complete();
    let key = (
        "kustomizations.kustomize.toolkit.fluxcd.io".to_owned(),
        "flux-system".to_owned(),
        "flux-system".to_owned(),
    );
    let applied = scene.cluster.count("apply");
    scene.cluster.state().objects.get_mut(&key).expect("there")["spec"]["path"] =
        json!("./clusters/prod");
    let text = refused(
        &scene,
        "the cluster's Kustomization `flux-system/flux-system` syncs `./clusters/prod`, not `./clusters/staging`",
    );
    assert!(
        text.contains("two trees cannot be synced by one Kustomization"),
        "{text}"
    );
    assert!(
        text.contains("check `--context` (now `kind-staging`)"),
        "{text}"
    );
    assert_eq!(scene.cluster.count("apply"), applied);
}

#[test]
fn a_flux_that_helm_or_the_operator_keeps_is_not_installed_over() {
    let scene = Scene::new();
    scene.cluster.put(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" }
    }));
    scene.cluster.put(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "source-controller", "namespace": "flux-system",
            "labels": { "app.kubernetes.io/managed-by": "Helm" } },
        "spec": {},
    }));
    let text = refused(&scene, "Flux in namespace `flux-system` is kept by Helm");
    assert!(text.contains("`flux.install`"), "{text}");
    assert_eq!(scene.head("main"), None);
}

#[test]
fn the_context_has_to_be_the_clusters_own() {
    let mut scene = Scene::new();
    scene.options.context = Some("other".to_owned());
    let text = refused(
        &scene,
        "`--context` is `other`, but cluster `staging` is reached by `kind-staging`",
    );
    assert!(
        text.contains("`context` of `[clusters.staging]` says so"),
        "{text}"
    );
    scene.options.context = None;
    scene.target.context = Some("kind-prod".to_owned());
    let text = refused(
        &scene,
        "kubectl's context is `kind-staging`, but cluster `staging` is reached by `kind-prod`",
    );
    assert!(text.contains("pass `--context kind-prod`"), "{text}");
    scene.options.context = Some("kind-prod".to_owned());
    let error = scene.run().expect_err("there is no such context");
    assert!(
        error
            .message
            .contains("kubectl knows no context `kind-prod`"),
        "{error}"
    );
    nothing_was_applied(&scene);
}

#[test]
fn every_call_names_the_context_it_was_started_with() {
    let scene = Scene::new();
    scene.complete();
    let state = scene.cluster.state();
    for call in &state.calls {
        let is_word = |word: &str| call.args.iter().any(|arg| arg == word);
        let is_local = ["config", "kustomize", "version"].into_iter().any(is_word);
        let names = call.args.contains(&"--context=kind-staging".to_owned());
        assert!(is_local || names, "{:?}", call.args);
    }
}

#[test]
fn a_kubernetes_that_the_pinned_flux_does_not_take_is_named_with_the_flux_that_does() {
    let mut scene = Scene::new();
    for (minor, flux, message, help) in [
        (
            "32",
            "2.9",
            "Flux 2.9 takes Kubernetes 1.33 or newer, and the cluster of context `kind-staging` has 1.32",
            "upgrade the cluster, or set `flux.version` to a release of 2.7, the newest that takes 1.32",
        ),
        (
            "30+",
            "2.6",
            "Flux 2.6 takes Kubernetes 1.31 or newer, and the cluster of context `kind-staging` has 1.30",
            "upgrade the cluster to 1.31 or newer",
        ),
    ] {
        scene.cluster.state().minor = minor;
        scene.target.flux = flux.parse().ok();
        let text = refused(&scene, message);
        assert!(text.ends_with(&format!("help: {help}")), "{text}");
    }
    nothing_was_applied(&scene);
    scene.cluster.state().minor = "31-gke";
    let report = scene.complete();
    let plan = report.plan.to_string();
    assert!(
        plan.contains("ok      Kubernetes version: Flux 2.6 takes 1.31 or newer"),
        "{plan}"
    );
    // The operator chooses the release, or it is newer than all that are known.
    scene.target.flux = None;
    let plan = scene.run().expect("a plan").plan.to_string();
    assert!(
        plan.contains("unknown Kubernetes version: not checked"),
        "{plan}"
    );
}

#[test]
fn a_server_that_tells_no_version_is_no_cluster() {
    let scene = Scene::new();
    scene.cluster.state().minor = "";
    let text = refused(&scene, "the cluster does not tell its version");
    assert!(text.contains("context `kind-staging`"), "{text}");
}

#[test]
fn missing_rights_are_all_named_before_anything_is_written() {
    let scene = Scene::new();
    scene.cluster.break_with(|faults| {
        faults.denied = vec![
            "create clusterroles.rbac.authorization.k8s.io".to_owned(),
            "create secrets".to_owned(),
        ];
    });
    let text = refused(
        &scene,
        "context `kind-staging` has not the rights to install Flux",
    );
    assert!(
        text.contains("missing: create clusterroles.rbac.authorization.k8s.io, create secrets"),
        "{text}"
    );
    assert!(
        scene.ui.plans.borrow()[0].contains("  failed  cluster rights"),
        "the plan is shown"
    );
    assert_eq!(scene.head("main"), None);
    scene.cluster.mend();
    scene.complete();
}

#[test]
fn all_that_cannot_be_reached_is_told_at_once() {
    let scene = Scene::new();
    fs_err::remove_dir_all(scene.remote()).expect("removed");
    scene.cluster.break_with(|faults| {
        faults.unreachable = Some(
            "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?".to_owned(),
        );
    });
    let error = scene.run().expect_err("nothing is there");
    let text = error.to_string();
    assert!(text.contains("there is no such repository"), "{text}");
    assert!(
        text.contains("also: cannot reach the cluster: the cluster cannot be reached"),
        "{text}"
    );
    assert_eq!(text.matches("  help: ").count(), 2, "{text}");
    assert!(
        text.contains("help: try `kubectl --context kind-staging get namespaces`"),
        "{text}"
    );
}

#[test]
fn credentials_that_the_cluster_does_not_take_are_told_from_a_cluster_that_is_away() {
    let scene = Scene::new();
    for (said, words) in [
        (
            "error: You must be logged in to the server (Unauthorized)",
            "the cluster does not accept the credentials",
        ),
        (
            "Unable to connect to the server: dial tcp: lookup x: no such host",
            "the cluster cannot be reached",
        ),
        (
            "Unable to connect to the server: net/http: TLS handshake timeout",
            "the cluster cannot be reached",
        ),
        (
            "Error from server (Forbidden): forbidden",
            "the cluster does not allow it",
        ),
        ("something else", "kubectl failed"),
    ] {
        scene
            .cluster
            .break_with(|faults| faults.unreachable = Some(said.to_owned()));
        let error = scene.run().expect_err(said);
        assert_eq!(
            error.message,
            format!("cannot reach the cluster: {words}"),
            "{said}"
        );
        assert!(error.notes.concat().contains(said), "{error}");
    }
}

#[test]
fn a_host_that_does_not_answer_is_named() {
    let mut scene = Scene::new();
    scene.target.remote = Remote::parse("http://127.0.0.1:1/acme/fleet.git").expect("an address");
    let error = scene.run().expect_err("nobody listens there");
    assert!(
        error.message.ends_with("`127.0.0.1` cannot be reached"),
        "{error}"
    );
    assert!(error.help.concat().contains("proxy"), "{error}");
}

#[test]
fn a_missing_program_is_named_with_where_to_get_it() {
    let mut scene = Scene::new();
    let only = scene.path("only");
    fs_err::create_dir(&only).expect("made");
    scene
        .vars
        .insert("PATH".to_owned(), only.display().to_string());
    let text = refused(&scene, "`git` is not on the PATH");
    assert!(
        text.contains("help: install it: https://git-scm.com"),
        "{text}"
    );
    fs_err::copy(scene.path("bin/git"), only.join("git")).expect("copied");
    let text = refused(&scene, "`kubectl` is not on the PATH");
    assert!(
        text.contains("help: install it: https://kubernetes.io"),
        "{text}"
    );
}

#[test]
fn a_namespace_that_is_being_deleted_is_waited_for_by_the_user() {
    let scene = Scene::new();
    scene.cluster.put(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" },
        "status": { "phase": "Terminating" },
    }));
    refused(&scene, "namespace `flux-system` is being deleted");
}

#[test]
fn a_suspended_kustomization_would_be_waited_for_in_vain() {
    let scene = Scene::new();
    scene.complete();
    let key = (
        "kustomizations.kustomize.toolkit.fluxcd.io".to_owned(),
        "flux-system".to_owned(),
        "flux-system".to_owned(),
    );
    scene.cluster.state().objects.get_mut(&key).expect("there")["spec"]["suspend"] = json!(true);
    let text = refused(
        &scene,
        "Kustomization `flux-system/flux-system` is suspended",
    );
    assert!(
        text.contains("flux resume kustomization flux-system"),
        "{text}"
    );
}

#[test]
fn a_controller_that_does_not_come_up_says_why() {
    let mut scene = Scene::new();
    scene.options.timeout = std::time::Duration::from_millis(50);
    scene
        .cluster
        .break_with(|faults| faults.stuck = Some("source-controller".to_owned()));
    for (name, object) in [
        (
            "a",
            json!({ "type": "Normal", "reason": "ScalingReplicaSet", "message": "Scaled up", "lastTimestamp": "2026-01-01T00:00:01Z" }),
        ),
        (
            "b",
            json!({ "type": "Warning", "reason": "FailedCreate", "message": "exceeded quota", "lastTimestamp": "2026-01-01T00:00:02Z" }),
        ),
    ] {
        scene.cluster.put(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "flux-system" }
        }));
        let mut event = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": "flux-system" },
            "involvedObject": { "name": "source-controller" },
        });
        for (key, value) in object.as_object().expect("a table") {
            event[key] = value.clone();
        }
        scene.cluster.put(event);
    }
    scene.cluster.put(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "source-controller-abc", "namespace": "flux-system" },
        "status": { "containerStatuses": [
            { "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } } }
        ] },
    }));
    let text = refused(&scene, "the controllers were not ready within 0 seconds");
    for words in [
        "Deployment `source-controller`: Available is False (MinimumReplicasUnavailable): Deployment does not have minimum availability.",
        "event Warning FailedCreate: exceeded quota",
        "pod `source-controller-abc` waits: ImagePullBackOff Back-off pulling image",
        "help: run the same command again: it goes on from here; `--timeout` waits longer",
    ] {
        assert!(text.contains(words), "{words}\nin\n{text}");
    }
    assert!(
        !text.contains("`kustomize-controller`"),
        "what is fine is not told: {text}"
    );
    scene.cluster.mend();
    scene.options.timeout = std::time::Duration::from_secs(20);
    scene.complete();
}

#[test]
fn a_source_that_cannot_be_fetched_says_what_the_controller_says() {
    let mut scene = Scene::new();
    scene.options.timeout = std::time::Duration::from_millis(50);
    scene.cluster.break_with(|faults| {
        faults.not_ready = Some((
            "GitRepository".to_owned(),
            "GitOperationFailed".to_owned(),
            "failed to checkout and determine revision: ssh: handshake failed: knownhosts: key mismatch".to_owned(),
        ));
    });
    let error = scene.run().expect_err("not ready");
    let text = error.to_string();
    assert!(
        error
            .message
            .starts_with("`flux-system/flux-system` did not get to "),
        "{text}"
    );
    assert!(
        text.contains("GitRepository: Ready is False (GitOperationFailed): failed to checkout"),
        "{text}"
    );
    assert!(text.contains("knownhosts: key mismatch"), "{text}");
}

#[test]
fn a_source_that_has_given_up_is_not_waited_for() {
    let scene = Scene::new();
    scene.cluster.break_with(|faults| {
        faults.stalled = Some((
            "Kustomization".to_owned(),
            "AccessDenied".to_owned(),
            "can't access 'GitRepository/x'".to_owned(),
        ));
    });
    let text = refused(
        &scene,
        "Kustomization `flux-system/flux-system` has given up",
    );
    assert!(text.contains("AccessDenied: can't access"), "{text}");
}

#[test]
fn a_plain_remote_takes_a_branch_to_be_merged_by_hand() {
    let mut scene = Scene::new();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    let before = scene.head("main");
    scene.options.pull_request = Some(PullRequest {
        branch: None,
        wait: false,
    });
    let report = scene.run().expect("a branch");
    let Outcome::Waiting(what) = &report.outcome else {
        panic!("{:?}", report.outcome);
    };
    assert!(
        what.starts_with("the merge of `fluxgen/bootstrap-staging` into `main`"),
        "{what}"
    );
    assert_eq!(scene.head("main"), before);
    nothing_was_applied(&scene);
    // The work tree is not touched: the merge will bring the files.
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
    // Again before the merge: the branch stays.
    let branch = scene.head("fluxgen/bootstrap-staging");
    scene.run().expect("a branch");
    assert_eq!(scene.head("fluxgen/bootstrap-staging"), branch);
    // After it the run goes on, with the flag or without.
    scene.git_in(
        &scene.remote(),
        &[
            "update-ref",
            "refs/heads/main",
            "refs/heads/fluxgen/bootstrap-staging",
        ],
    );
    scene.complete();
}

#[test]
fn commits_of_another_branch_are_proposed_and_never_pushed() {
    let mut scene = Scene::new();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    scene.git(&["switch", "--quiet", "--create", "feature"]);
    scene.git(&["commit", "--quiet", "--allow-empty", "--message=feature"]);
    let text = refused(&scene, "the checked-out branch is not `main`");
    assert!(
        text.contains("its 1 commit would be pushed to `main`"),
        "{text}"
    );
    scene.options.pull_request = Some(PullRequest {
        branch: None,
        wait: false,
    });
    let report = scene.run().expect("a branch");
    assert!(
        report
            .plan
            .to_string()
            .contains("to do: push 1 local commit of `HEAD` with it"),
        "{}",
        report.plan
    );
    let log = scene.git_in(
        &scene.remote(),
        &["log", "--format=%s", "main..fluxgen/bootstrap-staging"],
    );
    assert_eq!(log, "Add Flux v2.9.4 to cluster staging\nfeature");
    // A tree that was built from less than the remote has would take back what others did.
    scene.push_as_somebody("main", "theirs.txt", "x\n");
    let text = refused(
        &scene,
        "the checked-out commit has diverged from `main` of `ssh://git@git.acme.example/acme/fleet`",
    );
    assert!(text.contains("git pull --rebase"), "{text}");
}

#[test]
fn a_branch_of_somebody_elses_is_not_replaced_by_a_proposal() {
    let mut scene = Scene::new();
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    scene.push_as_somebody("theirs", "theirs.txt", "x\n");
    let head = scene.head("theirs");
    scene.options.pull_request = Some(PullRequest {
        branch: Some("theirs".to_owned()),
        wait: false,
    });
    let text = refused(
        &scene,
        "branch `theirs` of `ssh://git@git.acme.example/acme/fleet` is there already, with something else",
    );
    assert!(text.contains("`--pull-request-branch`"), "{text}");
    assert_eq!(scene.head("theirs"), head);
    scene.options.pull_request = Some(PullRequest {
        branch: Some("main".to_owned()),
        wait: false,
    });
    refused(&scene, "`main` cannot be proposed to itself");
}

#[test]
fn a_commit_without_an_author_says_what_to_set() {
    let mut scene = Scene::new();
    for name in [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ] {
        scene.vars.remove(name);
    }
    scene.git(&["config", "--global", "user.useConfigOnly", "true"]);
    let text = refused(&scene, "git could not make the commit");
    assert!(text.contains("git config --global user.name"), "{text}");
    assert_eq!(scene.head("main"), None);
}

#[test]
fn a_plan_that_stops_half_way_says_where_and_not_that_there_is_nothing_to_do() {
    let scene = Scene::new();
    scene.complete();
    let key = (
        "namespaces".to_owned(),
        String::new(),
        "flux-system".to_owned(),
    );
    scene.cluster.state().objects.get_mut(&key).expect("there")["status"] =
        json!({ "phase": "Terminating" });
    refused(&scene, "namespace `flux-system` is being deleted");
    let plans = scene.ui.plans.borrow();
    let plan = plans.last().expect("a plan");
    assert!(
        plan.ends_with("  ! namespace          failed: namespace `flux-system` is being deleted"),
        "{plan}"
    );
}
