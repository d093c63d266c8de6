//! The real kubectl: against the stand-in behind an HTTP API, and against a real cluster where
//! `FLUXGEN_TEST_KUBECONFIG` names one.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use fluxgen::bootstrap::Outcome;

use crate::api;
use crate::resume::check_points;
use crate::scene::Scene;

fn real_kubectl() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("kubectl"))
        .find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: there is no kubectl");
    }
    found
}

/// Puts the real program in the stub's place; its arguments and environment are written down.
fn use_real(scene: &mut Scene, kubectl: &std::path::Path, kubeconfig: PathBuf) {
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{log}'\nenv >>'{log}'\nexec '{kubectl}' \"$@\"\n",
        log = scene.path("kubectl.log").display(),
        kubectl = kubectl.display()
    );
    let file = scene.path("bin/kubectl");
    fs_err::remove_file(&file).expect("removed");
    fs_err::write(&file, script).expect("written");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
    scene.options.kubeconfig = Some(kubeconfig.display().to_string().into());
}

/// A scene with the real kubectl and the stand-in behind an API.
fn scene() -> Option<Scene> {
    let kubectl = real_kubectl()?;
    let mut scene = Scene::new();
    let port = api::start(&scene.cluster);
    let config = scene.path("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: kind-staging\n\
         clusters:\n- name: c\n  cluster: {{ server: \"http://127.0.0.1:{port}\" }}\n\
         users:\n- name: u\n  user: {{}}\n\
         contexts:\n- name: kind-staging\n  context: {{ cluster: c, user: u }}\n"
    );
    fs_err::write(&config, text).expect("written");
    use_real(&mut scene, &kubectl, config);
    Some(scene)
}

#[test]
fn the_real_kubectl_brings_a_cluster_to_sync() {
    let Some(scene) = scene() else { return };
    let report = scene.run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.outcome, Outcome::Done);
    let plan = report.plan.to_string();
    assert!(
        plan.contains("ok      cluster: context `kind-staging`, Kubernetes 1.34"),
        "{plan}"
    );
    assert!(
        plan.contains("ok      cluster rights: everything is allowed"),
        "{plan}"
    );
    let again = scene.run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.outcome, Outcome::Unchanged, "{}", again.plan);
    assert!(scene.cluster.secret("flux-system", "identity").is_some());
}

#[test]
fn a_run_of_the_real_kubectl_that_was_cut_off_is_gone_on_with() {
    if real_kubectl().is_none() {
        return;
    }
    check_points(
        &|| scene().expect("there is a kubectl"),
        |point| point == "components.applied",
        &[],
    );
}

#[test]
fn what_the_real_kubectl_says_is_understood() {
    let Some(mut scene) = scene() else { return };
    scene
        .cluster
        .break_with(|faults| faults.denied = vec!["create secrets".to_owned()]);
    let error = scene.run().expect_err("no rights");
    assert_eq!(
        error.message,
        "context `kind-staging` has not the rights to install Flux"
    );
    assert!(
        error.notes.concat().contains("missing: create secrets"),
        "{error}"
    );
    scene.cluster.mend();
    scene
        .cluster
        .break_with(|faults| faults.unreachable = Some("away".to_owned()));
    let error = scene.run().expect_err("not let in");
    assert_eq!(
        error.message,
        "cannot reach the cluster: the cluster does not accept the credentials"
    );
    scene.cluster.mend();
    scene.options.context = Some("kind-stagin".to_owned());
    scene.target.context = None;
    let error = scene.run().expect_err("no such context");
    assert!(
        error
            .message
            .contains("kubectl knows no context `kind-stagin`"),
        "{error}"
    );
    scene.options.context = None;
    let config = scene.path("kubeconfig");
    let text = fs_err::read_to_string(&config).expect("read");
    let (before, _) = text.split_once("http://127.0.0.1:").expect("an address");
    let (_, after) = text.split_once("\" }\nusers").expect("users");
    fs_err::write(
        &config,
        format!("{before}http://127.0.0.1:1\" }}\nusers{after}"),
    )
    .expect("written");
    let error = scene.run().expect_err("nobody listens there");
    assert!(
        error.message.ends_with("the cluster cannot be reached"),
        "{error}"
    );
}

/// A real cluster cannot fetch the repository of a test, so that the run ends before the sync. It
/// makes CRDs, a namespace and controllers that never run, and takes the namespace away again.
#[test]
fn a_real_cluster_takes_all_up_to_the_sync() {
    let Some(kubeconfig) = std::env::var_os("FLUXGEN_TEST_KUBECONFIG") else {
        eprintln!("skipped: FLUXGEN_TEST_KUBECONFIG names no cluster");
        return;
    };
    let Some(kubectl) = real_kubectl() else {
        return;
    };
    let mut scene = Scene::new();
    use_real(&mut scene, &kubectl, kubeconfig.clone().into());
    scene.target.context = None;
    scene.options.timeout = std::time::Duration::from_secs(1);
    let namespace = format!("fluxgen-test-{}", std::process::id());
    for file in scene
        .target
        .files
        .iter_mut()
        .chain(&mut scene.target.install)
    {
        let text = String::from_utf8(file.bytes.clone()).expect("UTF-8");
        file.bytes = text
            .replace(": flux-system", &format!(": {namespace}"))
            .into_bytes();
    }
    scene.target.namespace.clone_from(&namespace);
    scene.target.sync_name.clone_from(&namespace);
    let error = scene.run().expect_err("its controllers are no programs");
    let text = error.to_string();
    let again = scene
        .run()
        .expect_err("its controllers are no programs")
        .to_string();
    let delete = std::process::Command::new(&kubectl)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["delete", "namespace", &namespace, "--wait=false"])
        .status();
    assert!(delete.is_ok_and(|status| status.success()));
    for text in [text, again] {
        assert!(
            text.starts_with("the controllers were not ready within 1 seconds"),
            "{text}"
        );
        assert!(
            text.contains("Deployment `source-controller`: Available is False"),
            "{text}"
        );
    }
}
