//! A run that ends anywhere is gone on with.

use std::cell::RefCell;
use std::collections::BTreeSet;

use fluxgen::bootstrap::Outcome;

use crate::scene::Scene;

/// The points that a whole run passes.
fn points(make: &dyn Fn() -> Scene) -> BTreeSet<String> {
    let scene = make();
    let passed = RefCell::new(BTreeSet::new());
    let report = scene.run_while(&|point| {
        passed.borrow_mut().insert(point.to_owned());
        true
    });
    assert_eq!(report.expect("a run").outcome, Outcome::Done);
    passed.into_inner()
}

/// Ends a run at every wanted point in turn; the next one completes it, and the third has nothing
/// to do.
pub fn check_points(make: &dyn Fn() -> Scene, wanted: impl Fn(&str) -> bool, known: &[&str]) {
    let points = points(make);
    for point in known {
        assert!(points.contains(*point), "{point} is not passed: {points:?}");
    }
    for point in points.iter().filter(|point| wanted(point)) {
        let scene = make();
        let error = scene.run_while(&|at| at != point).expect_err(point);
        assert_eq!(error.message, format!("stopped after {point}"));
        scene
            .run()
            .unwrap_or_else(|error| panic!("after {point}: {error}"));
        scene.expect_unchanged();
        let log = scene.git_in(&scene.remote(), &["rev-list", "--count", "main"]);
        let remote = scene.remote().display().to_string();
        scene.git(&["pull", "--quiet", "--ff-only", &remote, "main"]);
        assert_eq!(
            log, "2",
            "after {point}: one commit of the user's, one of the run's"
        );
    }
}

#[test]
fn a_run_that_was_cut_off_anywhere_is_gone_on_with() {
    check_points(
        &Scene::on_cluster,
        |_| true,
        &[
            "commit.begun",
            "commit.pushed",
            "commit.staged",
            "commit.written",
            "commit.followed",
            "commit",
            "namespace.applied",
            "components.applied",
            "components",
            "credentials.stored",
            "credentials",
            "sync.applied",
            "sync",
        ],
    );
}

#[test]
fn the_next_run_says_where_it_goes_on() {
    let scene = Scene::on_cluster();
    scene
        .run_while(&|point| point != "components.applied")
        .expect_err("it was cut off");
    scene.complete();
    assert!(
        scene
            .said()
            .contains("an earlier run ended in step `components`; going on from there"),
        "{}",
        scene.said()
    );
}

#[test]
fn what_somebody_took_away_is_put_back() {
    let scene = Scene::on_cluster();
    scene.complete();
    scene.cluster.remove("secrets", "flux-system");
    let report = scene.run().expect("a run");
    assert_eq!(report.outcome, Outcome::Done);
    scene.expect_unchanged();
}
