//! The real kubectl, against the stand-in behind an HTTP API.

use std::path::Path;

use fluxgen::bootstrap::Outcome;

use crate::api;
use crate::cluster::Cluster;
use crate::resume::check_points;
use crate::scene::{Scene, real_kubectl};

/// A kubeconfig for a server on this machine.
fn kubeconfig(port: u16, config: &Path) {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: kind-staging\n\
         clusters:\n- name: c\n  cluster: {{ server: \"http://127.0.0.1:{port}\" }}\n\
         users:\n- name: u\n  user: {{}}\n\
         contexts:\n- name: kind-staging\n  context: {{ cluster: c, user: u }}\n"
    );
    fs_err::write(config, text).expect("written");
}

/// A scene with the real kubectl and the stand-in behind an API.
fn scene() -> Option<Scene> {
    let kubectl = real_kubectl()?;
    let mut scene = Scene::new();
    let config = scene.path("kubeconfig");
    kubeconfig(api::start(&scene.cluster), &config);
    scene.use_kubectl(&kubectl, &config);
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

/// What `FLUXGEN_TEST_KUBECONFIG` does with a cluster, tried on an API server without controllers.
#[test]
fn the_scene_of_a_real_cluster_is_brought_to_sync_and_cleans_up() {
    let Some(kubectl) = real_kubectl() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Cluster::new(folder.path());
    server.state().is_without_controllers = true;
    let config = folder.path().join("kubeconfig");
    kubeconfig(api::start(&server), &config);
    let namespace = {
        let scene = Scene::on_real(&kubectl, &config);
        scene
            .run_while(&|point| point != "credentials.stored")
            .expect_err("cut off");
        scene.complete();
        assert!(scene.cluster.secret("flux-system", "identity").is_some());
        scene.cluster.remove("secrets", "flux-system");
        assert!(scene.cluster.secret("flux-system", "identity").is_none());
        scene.run().unwrap_or_else(|error| panic!("{error}"));
        scene.expect_unchanged();
        scene.target.namespace.clone()
    };
    let state = server.state();
    let left: Vec<_> = state
        .objects
        .keys()
        .filter(|(_, of, name)| *of == namespace || *name == namespace)
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
