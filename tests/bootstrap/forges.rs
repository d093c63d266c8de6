//! The forges: repository, deploy key, pull request, and what goes wrong with them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fluxgen::bootstrap::{
    CredentialKind, ForgeKind, KeyAlgorithm, Outcome, PullRequest, Team, Visibility,
};
use serde_json::{Value, json};

use crate::forge::{Fault, Forge, KINDS, readable, said};
use crate::resume::check_points;
use crate::scene::{Scene, TOKEN};

/// A scene with a forge that does not have the repository yet.
fn scene_of(kind: ForgeKind) -> (Scene, Forge) {
    let mut scene = Scene::on_cluster();
    fs_err::remove_dir_all(scene.remote()).expect("removed");
    let forge = Forge::new(kind, &scene.remote());
    scene.target.provider = Some(forge.provider());
    scene
        .vars
        .insert(kind.token_variable().to_owned(), TOKEN.to_owned());
    (scene, forge)
}

/// The same with the repository there, the user's first commit in it.
fn scene_with_repository(kind: ForgeKind) -> (Scene, Forge) {
    let (scene, forge) = scene_of(kind);
    scene.make_remote();
    forge.state().exists = true;
    let remote = scene.remote().display().to_string();
    scene.git(&["push", "--quiet", &remote, "main"]);
    (scene, forge)
}

fn fault(method: &'static str, path: &'static str, status: u16, body: Value) -> Fault {
    Fault {
        method,
        path,
        status,
        headers: Vec::new(),
        body,
        takes_effect: false,
    }
}

/// The end of the path that creates the repository, and of the one that adds a key.
fn paths(kind: ForgeKind) -> (&'static str, &'static str) {
    match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => ("/orgs/acme/repos", "/keys"),
        ForgeKind::GitLab => ("/projects", "/deploy_keys"),
        ForgeKind::BitbucketServer => ("/projects/acme/repos", "/ssh"),
    }
}

/// The end of the path that reads the repository.
fn own_path(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => "/repos/acme/fleet",
        ForgeKind::GitLab => "/projects/acme%2Ffleet",
        ForgeKind::BitbucketServer => "/api/1.0/projects/acme/repos/fleet",
    }
}

#[test]
fn a_repository_is_created_and_the_clusters_key_registered() {
    for kind in KINDS {
        let (mut scene, forge) = scene_of(kind);
        let provider = scene.target.provider.as_mut().expect("a provider");
        provider.description = Some("The fleet".to_owned());
        let report = scene.complete();
        let plan = report.plan.to_string();
        let place = "to do: create `git.acme.example/acme/fleet`, private";
        assert!(plan.contains(place), "{kind:?}\n{plan}");
        assert!(
            plan.contains("repository rights: not checked, it does not exist yet"),
            "{plan}"
        );
        assert!(
            plan.contains("to do: register it as a deploy key, read-only"),
            "{plan}"
        );
        assert!(plan.contains("\nneeds\n  a token with the "), "{plan}");
        let state = forge.state();
        assert_eq!(state.visibility, "private");
        assert_eq!(state.description, "The fleet");
        let [key] = state.keys.as_slice() else {
            panic!("{kind:?}: one key");
        };
        assert!(
            key.title.starts_with(&format!(
                "flux clusters/staging {} ",
                scene.target.namespace
            )),
            "{}",
            key.title
        );
        assert!(key.read_only);
        let public = scene
            .cluster
            .secret("flux-system", "identity.pub")
            .expect("stored");
        assert_eq!(key.key, public.trim());
        assert!(
            !scene.said().contains("public key of the cluster"),
            "nobody has to add it by hand"
        );
    }
}

#[test]
fn a_run_with_a_forge_that_was_cut_off_anywhere_is_gone_on_with() {
    for kind in KINDS {
        let made = std::cell::RefCell::new(Vec::new());
        let make = || {
            let (mut scene, forge) = scene_of(kind);
            scene.target.provider.as_mut().expect("a provider").teams = vec![team_of(kind, None)];
            made.borrow_mut().push(forge);
            scene
        };
        // What does not touch the forge is cut off elsewhere, what is the same for all with one.
        check_points(
            &make,
            |point| {
                let of_forges = [
                    "repository.created",
                    "repository.team",
                    "credentials.registered",
                ];
                let others = [
                    "repository",
                    "repository.begun",
                    "credentials",
                    "credentials.begun",
                    "credentials.stored",
                ];
                of_forges.contains(&point) || (kind == ForgeKind::GitHub && others.contains(&point))
            },
            &[
                "repository.created",
                "repository.team",
                "repository",
                "credentials.stored",
                "credentials.registered",
            ],
        );
        for forge in made.borrow().iter() {
            let state = forge.state();
            assert_eq!((state.keys.len(), state.teams.len()), (1, 1), "{kind:?}");
        }
    }
}

fn team_of(kind: ForgeKind, permission: Option<&str>) -> Team {
    Team {
        name: if kind == ForgeKind::GitLab {
            "acme/ops"
        } else {
            "ops"
        }
        .to_owned(),
        permission: permission.map(str::to_owned),
    }
}

#[test]
fn a_writing_key_and_another_algorithm_are_taken_where_they_are_wanted() {
    for kind in KINDS {
        let (mut scene, forge) = scene_of(kind);
        scene.target.credentials.writes = true;
        scene.target.credentials.kind = CredentialKind::DeployKey(KeyAlgorithm::Ed25519);
        scene.complete();
        {
            let state = forge.state();
            assert!(!state.keys[0].read_only, "{kind:?}");
            assert!(
                state.keys[0].key.starts_with("ssh-ed25519 "),
                "{}",
                state.keys[0].key
            );
        }
        // The automation is gone: the same key, read-only.
        scene.target.credentials.writes = false;
        let report = scene.run().expect("a run");
        assert!(
            report
                .plan
                .to_string()
                .contains("to do: register deploy key `flux clusters/staging"),
            "{}",
            report.plan
        );
        scene.expect_unchanged();
        let state = forge.state();
        assert_eq!(state.keys.len(), 1);
        assert!(state.keys[0].read_only);
    }
}

#[test]
fn a_rotated_key_takes_the_old_ones_place() {
    for kind in KINDS {
        let (mut scene, forge) = scene_of(kind);
        scene.complete();
        let old = forge.state().keys[0].key.clone();
        scene.options.rotate = true;
        let report = scene.run().expect("a run");
        assert_eq!(report.outcome, Outcome::Done);
        scene.options.rotate = false;
        scene.expect_unchanged();
        let state = forge.state();
        assert_eq!(state.keys.len(), 1, "{kind:?}");
        assert_ne!(state.keys[0].key, old);
    }
}

#[test]
fn a_protected_branch_takes_a_pull_request_and_the_run_goes_on_after_its_merge() {
    for kind in KINDS {
        let (mut scene, forge) = scene_with_repository(kind);
        forge.state().protected = true;
        let error = scene.run().expect_err("protected");
        assert_eq!(error.message, "branch `main` takes pull requests only");
        assert_eq!(error.help, ["pass `--pull-request`"]);
        scene.options.pull_request = Some(PullRequest {
            branch: None,
            wait: false,
        });
        let report = scene
            .run()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let Outcome::Waiting(what) = &report.outcome else {
            panic!("{:?}", report.outcome);
        };
        assert!(
            what.starts_with("the merge of https://git.acme.example/"),
            "{what}"
        );
        assert!(
            scene.said().contains("opened https://git.acme.example/"),
            "{}",
            scene.said()
        );
        assert_eq!(
            scene.cluster.count("apply"),
            0,
            "the cluster is left alone until the merge"
        );
        // A second run opens no second one.
        let report = scene.run().expect("a run");
        assert!(
            report.plan.to_string().contains("is open"),
            "{}",
            report.plan
        );
        assert_eq!(
            forge.state().pulls,
            [("fluxgen/bootstrap-staging".to_owned(), "main".to_owned())]
        );
        // The files change before the merge: the same request gets them.
        scene.target.files[1].bytes.extend_from_slice(b"# more\n");
        scene.run().expect("a run");
        assert_eq!(forge.state().pulls.len(), 1);
        assert!(
            scene
                .show(
                    "fluxgen/bootstrap-staging",
                    "clusters/staging/flux-system/gotk-sync.yaml"
                )
                .contains("# more")
        );
        merge(&scene, &forge);
        scene.complete();
    }
}

fn merge(scene: &Scene, forge: &Forge) {
    scene.git_in(
        &scene.remote(),
        &[
            "update-ref",
            "refs/heads/main",
            "refs/heads/fluxgen/bootstrap-staging",
        ],
    );
    forge.state().pulls.clear();
}

#[test]
fn a_merge_can_be_waited_for() {
    let (mut scene, forge) = scene_with_repository(ForgeKind::GitHub);
    forge.state().protected = true;
    scene.options.pull_request = Some(PullRequest {
        branch: Some("flux".to_owned()),
        wait: true,
    });
    scene.options.timeout = Duration::from_millis(30);
    let error = scene.run().expect_err("nobody merges");
    assert!(
        error
            .message
            .starts_with("the merge of https://git.acme.example/acme/fleet/pull/1 did not come"),
        "{error}"
    );
    scene.options.timeout = Duration::from_secs(20);
    let report = scene
        .run_while(&|point| {
            if point == "commit.begun" {
                scene.git_in(
                    &scene.remote(),
                    &["update-ref", "refs/heads/main", "refs/heads/flux"],
                );
                forge.state().pulls.clear();
            }
            true
        })
        .expect("a run");
    assert_eq!(report.outcome, Outcome::Done);
    scene.expect_unchanged();
}

#[test]
fn settings_are_noted_and_changed_only_when_asked() {
    for kind in KINDS {
        let (mut scene, forge) = scene_with_repository(kind);
        let provider = scene.target.provider.as_mut().expect("a provider");
        provider.visibility = Visibility::Public;
        provider.description = Some("The fleet".to_owned());
        provider.teams = vec![team_of(kind, None)];
        let report = scene.complete();
        let note = "note: make it public instead of private: with `--reconcile`";
        assert!(
            report.plan.to_string().contains(note),
            "{kind:?}\n{}",
            report.plan
        );
        assert_eq!(forge.state().visibility, "private");
        scene.options.reconcile = true;
        let report = scene
            .run()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let plan = report.plan.to_string();
        assert!(
            plan.contains("to do: set its description to `The fleet`"),
            "{plan}"
        );
        assert!(
            plan.contains("in as `") || kind == ForgeKind::Gitea,
            "{plan}"
        );
        {
            let state = forge.state();
            assert_eq!(
                (state.visibility.as_str(), state.description.as_str()),
                ("public", "The fleet")
            );
            let permission = match kind {
                ForgeKind::GitHub => "maintain",
                ForgeKind::GitLab => "40",
                ForgeKind::Gitea => "",
                ForgeKind::BitbucketServer => "REPO_WRITE",
            };
            let name = team_of(kind, None).name;
            assert_eq!(state.teams, [(name, permission.to_owned())], "{kind:?}");
        }
        scene.expect_unchanged();
    }
}

#[test]
fn a_teams_permission_is_changed_with_reconcile() {
    for (kind, permission, found) in [
        (ForgeKind::GitHub, "admin", "admin"),
        (ForgeKind::GitLab, "developer", "30"),
        (ForgeKind::BitbucketServer, "admin", "REPO_ADMIN"),
    ] {
        let (mut scene, forge) = scene_of(kind);
        scene.target.provider.as_mut().expect("a provider").teams = vec![team_of(kind, None)];
        scene.complete();
        scene.target.provider.as_mut().expect("a provider").teams =
            vec![team_of(kind, Some(permission))];
        scene.expect_unchanged();
        scene.options.reconcile = true;
        scene
            .run()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(forge.state().teams[0].1, found, "{kind:?}");
        scene.expect_unchanged();
    }
}

#[test]
fn what_a_forge_refuses_is_said_in_its_words_with_what_to_do() {
    for kind in KINDS {
        let name = kind.as_str();
        let variable = kind.token_variable();
        let (create, key) = paths(kind);
        for (method, path, status, message, help) in [
            (
                "GET",
                own_path(kind),
                403,
                format!("{name} does not allow it"),
                format!("give the token in `{variable}`"),
            ),
            (
                "POST",
                create,
                401,
                format!("{name} does not accept the token"),
                format!("set `{variable}` to a token that is valid for `git.acme.example`"),
            ),
            (
                "POST",
                create,
                403,
                format!("{name} does not allow it"),
                format!("give the token in `{variable}`"),
            ),
            (
                "POST",
                create,
                404,
                format!("{name} knows no such place"),
                "check owner and repository".to_owned(),
            ),
            (
                "POST",
                create,
                409,
                format!("{name} refuses it as it stands (409)"),
                String::new(),
            ),
            (
                "POST",
                create,
                422,
                format!("{name} refuses it as it stands (422)"),
                String::new(),
            ),
            (
                "POST",
                key,
                403,
                format!("{name} does not allow it"),
                format!("give the token in `{variable}`"),
            ),
            (
                "POST",
                key,
                422,
                format!("{name} refuses it as it stands (422)"),
                String::new(),
            ),
            (
                "POST",
                create,
                301,
                format!("{name} says it has moved"),
                "`repo.url` and `[repo.provider]`".to_owned(),
            ),
        ] {
            let (scene, forge) = scene_of(kind);
            let mut fault = fault(
                method,
                path,
                status,
                said(kind, "quota of the moon exceeded"),
            );
            // The token must not go there.
            fault
                .headers
                .push(("Location", "http://127.0.0.1:1/elsewhere".to_owned()));
            forge.fail(fault);
            let error = scene.run().expect_err("refused");
            assert!(
                error.message.contains(&message),
                "{kind:?} {method} {path} {status}: {error}"
            );
            assert!(
                error.help.concat().contains(&help),
                "{kind:?} {status}: {error}"
            );
            assert!(
                error
                    .to_string()
                    .contains("the server said: quota of the moon exceeded"),
                "{error}"
            );
            // The run goes on; once for each forge is enough to see it.
            if status == 301 {
                scene
                    .run()
                    .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            }
        }
    }
}

#[test]
fn a_token_that_is_not_accepted_or_lacks_a_scope_fails_before_anything_is_written() {
    for kind in KINDS {
        let (mut scene, forge) = scene_of(kind);
        scene
            .vars
            .insert(kind.token_variable().to_owned(), "wrong".to_owned());
        let error = scene.run().expect_err("refused");
        assert!(
            error.message.contains("does not accept the token"),
            "{kind:?}: {error}"
        );
        assert!(!forge.state().exists);
    }
    for (kind, scope) in [
        (ForgeKind::GitHub, "public_repo"),
        (ForgeKind::GitLab, "read_api"),
    ] {
        let (scene, forge) = scene_of(kind);
        forge.state().scopes = scope.to_owned();
        let error = scene.run().expect_err("refused");
        let needed = if kind == ForgeKind::GitHub {
            "repo"
        } else {
            "api"
        };
        assert_eq!(
            error.message,
            format!("the token of `ada` has not the scope `{needed}`")
        );
        assert!(
            error.notes.concat().contains(&format!("it has: {scope}")),
            "{error}"
        );
        assert!(!forge.state().exists);
    }
    for kind in KINDS {
        let (scene, forge) = scene_with_repository(kind);
        forge.state().can_admin = false;
        let error = scene.run().expect_err("refused");
        assert!(
            error
                .message
                .starts_with("the token may not add deploy keys to `https://git.acme.example/"),
            "{error}"
        );
        assert_eq!(scene.cluster.count("apply"), 0);
    }
}

#[test]
fn a_token_that_is_nowhere_is_asked_for_by_its_variable() {
    for kind in KINDS {
        let (mut scene, _forge) = scene_of(kind);
        scene.vars.remove(kind.token_variable());
        let error = scene.run().expect_err("no token");
        assert_eq!(error.message, "there is no token for `git.acme.example`");
        assert!(
            error
                .help
                .concat()
                .contains(&format!("set `{}`", kind.token_variable())),
            "{error}"
        );
    }
}

#[test]
fn a_credential_helper_of_git_gives_the_token() {
    let (mut scene, _forge) = scene_of(ForgeKind::GitHub);
    scene.vars.remove("GITHUB_TOKEN");
    // Outside of what is searched for the token.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let helper = elsewhere.path().join("helper");
    let script =
        format!("#!/bin/sh\n[ \"$1\" = get ] && printf 'username=ada\\npassword={TOKEN}\\n'\n");
    fs_err::write(&helper, script).expect("written");
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).expect("set");
    scene.git(&[
        "config",
        "--global",
        "credential.helper",
        &helper.display().to_string(),
    ]);
    scene.complete();
}

#[test]
fn a_server_that_fails_in_the_middle_makes_nothing_twice() {
    for kind in KINDS {
        let (create, key) = paths(kind);
        for path in [create, key] {
            for takes_effect in [true, false] {
                let (scene, forge) = scene_of(kind);
                let mut fault = fault("POST", path, 502, json!("Bad Gateway"));
                fault.takes_effect = takes_effect;
                forge.fail(fault);
                scene.complete();
                let asked = forge.asked("POST");
                let posts = asked
                    .iter()
                    .filter(|asked| asked.path.ends_with(path))
                    .count();
                assert_eq!(posts, if takes_effect { 1 } else { 2 }, "{kind:?} {path}");
                assert_eq!(forge.state().keys.len(), 1);
            }
        }
    }
}

#[test]
fn a_server_that_keeps_failing_ends_the_run_and_the_next_one_goes_on() {
    for kind in KINDS {
        let (_, key) = paths(kind);
        let (scene, forge) = scene_of(kind);
        for _ in 0..3 {
            forge.fail(fault("POST", key, 503, said(kind, "maintenance")));
        }
        let error = scene.run().expect_err("it failed");
        assert!(error.message.contains("failed with status 503"), "{error}");
        assert!(
            error.help.concat().contains("it goes on where it stopped"),
            "{error}"
        );
        scene.run().expect("a run");
        scene.expect_unchanged();
        assert_eq!(forge.state().keys.len(), 1);
    }
}

#[test]
fn a_read_is_tried_again_and_a_made_thing_looked_for() {
    for kind in KINDS {
        let (scene, forge) = scene_of(kind);
        for _ in 0..2 {
            forge.fail(fault("GET", own_path(kind), 500, said(kind, "oops")));
        }
        scene.complete();
    }
}

#[test]
fn a_rate_limit_is_waited_for_if_it_is_short_and_told_if_it_is_long() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    for kind in KINDS {
        let status = if kind == ForgeKind::GitHub { 403 } else { 429 };
        let (create, _) = paths(kind);
        let (scene, forge) = scene_of(kind);
        let mut short = fault(
            "POST",
            create,
            status,
            said(kind, "API rate limit exceeded"),
        );
        short.headers.push(("Retry-After", "0".to_owned()));
        forge.fail(short);
        scene.complete();

        let (scene, forge) = scene_of(kind);
        let mut long = fault(
            "POST",
            create,
            status,
            said(kind, "API rate limit exceeded"),
        );
        let name = if kind == ForgeKind::GitLab {
            "RateLimit-Reset"
        } else {
            "X-RateLimit-Reset"
        };
        long.headers.push((name, (now + 1800).to_string()));
        long.headers.push(("X-RateLimit-Remaining", "0".to_owned()));
        forge.fail(long);
        let error = scene.run().expect_err("half an hour");
        assert!(
            error
                .message
                .ends_with(&format!("{} limits the number of requests", kind.as_str())),
            "{error}"
        );
        let help = error.help.concat();
        assert!(
            help.contains("run it again in 1") && help.contains("seconds"),
            "{help}"
        );
    }
}

#[test]
fn a_repository_that_somebody_creates_meanwhile_is_taken() {
    for kind in KINDS {
        let (scene, forge) = scene_of(kind);
        let report = scene.run_while(&|point| {
            if point == "repository.begun" {
                scene.make_remote();
                forge.state().exists = true;
            }
            true
        });
        assert_eq!(report.expect("a run").outcome, Outcome::Done, "{kind:?}");
        scene.expect_unchanged();
    }
}

#[test]
fn a_dry_run_only_reads() {
    for kind in KINDS {
        let (mut scene, forge) = scene_of(kind);
        scene.options.dry_run = true;
        scene.run().expect("a plan");
        let state = forge.state();
        assert!(!state.requests.is_empty());
        for asked in &state.requests {
            assert_eq!(asked.method, "GET", "{}", readable(asked));
        }
    }
}

#[test]
fn a_visibility_that_a_forge_does_not_have_is_refused() {
    for (kind, personal, message) in [
        (
            ForgeKind::Gitea,
            false,
            "Gitea has no visibility `internal`",
        ),
        (
            ForgeKind::BitbucketServer,
            false,
            "Bitbucket Server has no visibility `internal`",
        ),
        (
            ForgeKind::GitHub,
            true,
            "GitHub has no visibility `internal` for a user's repository",
        ),
    ] {
        let (mut scene, _forge) = scene_of(kind);
        let provider = scene.target.provider.as_mut().expect("a provider");
        provider.visibility = Visibility::Internal;
        provider.personal = personal;
        assert_eq!(scene.run().expect_err("refused").message, message);
    }
}

#[test]
fn many_keys_are_looked_through_to_the_last_page() {
    for kind in KINDS {
        let (scene, forge) = scene_with_repository(kind);
        for id in 0..130 {
            forge.state().keys.push(crate::forge::Key {
                id,
                title: format!("key {id}"),
                key: format!("ssh-ed25519 AAAA{id}"),
                read_only: true,
            });
        }
        scene.complete();
        assert_eq!(forge.state().keys.len(), 131, "{kind:?}");
    }
}

#[test]
fn what_is_there_by_the_time_it_is_made_is_taken() {
    for kind in KINDS {
        let (create, key) = paths(kind);
        let (status, body) = match kind {
            ForgeKind::GitHub => (422, said(kind, "Validation Failed")),
            ForgeKind::GitLab => (
                400,
                json!({ "message": { "path": ["has already been taken"] } }),
            ),
            ForgeKind::Gitea | ForgeKind::BitbucketServer => (409, said(kind, "already exists")),
        };
        for path in [create, key] {
            let (scene, forge) = scene_of(kind);
            let mut fault = fault("POST", path, status, body.clone());
            fault.takes_effect = true;
            forge.fail(fault);
            scene.complete();
            assert_eq!(forge.state().keys.len(), 1);
        }
    }
}

#[test]
fn a_users_repository_is_made_for_the_user_of_the_token_alone() {
    for kind in [ForgeKind::GitHub, ForgeKind::Gitea] {
        let (mut scene, forge) = scene_of(kind);
        scene.target.provider.as_mut().expect("a provider").personal = true;
        let error = scene.run().expect_err("another user");
        assert_eq!(
            error.message,
            "a repository of `acme` cannot be created with the token of `ada`"
        );
        assert!(forge.asked("POST").is_empty());
    }
}

#[test]
fn one_cause_is_told_once_and_what_it_hides_is_not_guessed() {
    let (mut scene, _forge) = scene_of(ForgeKind::GitHub);
    let provider = scene.target.provider.as_mut().expect("a provider");
    provider.api_url = Some("http://127.0.0.1:1".to_owned());
    let error = scene.run().expect_err("nobody listens there");
    assert_eq!(error.help.len(), 1, "{error}");
    let plans = scene.ui.plans.borrow();
    assert!(
        plans[0].contains("unknown push: not checked, the repository is not told"),
        "{}",
        plans[0]
    );
}
