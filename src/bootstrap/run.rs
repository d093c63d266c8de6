//! The order of a run: look, plan, show, do.

use super::environment::Answer;
use super::error::{Error, Result};
use super::plan::{Finding, Plan};
use super::preflight;
use super::secret::{Redactor, Secret};
use super::session::{Session, World};
use super::steps::{self, Applied};
use super::target::{Options, Target};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `--dry-run`: the plan was shown.
    Planned,
    /// There was nothing to do.
    Unchanged,
    /// The plan was shown, and somebody said no to it.
    Declined,
    /// The cluster syncs the repository.
    Done,
    /// Somebody has to act first, a pull request to be merged, say.
    Waiting(String),
}

/// What a run found and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub plan: Plan,
    pub outcome: Outcome,
}

/// Brings a cluster under Flux, going on from wherever it stands.
///
/// The plan is shown through the world's `Ui` before anything changes. An error leaves
/// everything in a state that the same call goes on from.
pub fn run(target: &Target, options: &Options, world: &World<'_>) -> Result<Report> {
    let redactor = Redactor::default();
    let quiet = Quiet {
        ui: world.ui,
        redactor: &redactor,
    };
    let world = World {
        env: world.env,
        ui: &quiet,
        patience: world.patience,
        write_tree: world.write_tree,
        checkpoint: world.checkpoint,
    };
    attempt(target, options, &world, &redactor)
        .map_err(|error| error.map_text(|text| redactor.hide(text)))
}

fn attempt(
    target: &Target,
    options: &Options,
    world: &World<'_>,
    redactor: &Redactor,
) -> Result<Report> {
    let session = Session::open(target, options, world, redactor)?;
    if let Some(complaint) = &session.journal.borrow().complaint {
        session.ui.say(&format!("note: {complaint}"));
    }
    let mut plan = Plan {
        heading: format!(
            "bootstrap of cluster `{}` (context `{}`) from `{}`, branch `{}`, path `{}`",
            target.cluster,
            session.kubectl.context(),
            target.remote,
            target.branch,
            target.path
        ),
        checks: preflight::run(&session),
        steps: Vec::new(),
        broken: None,
    };
    if let Some(error) = failure_of(&plan) {
        session.ui.plan(plan.to_string().trim_end());
        return Err(error);
    }
    for step in steps::all() {
        match step.inspect(&session) {
            Ok(finding) => plan.steps.push((step.name(), finding)),
            Err(error) => {
                plan.broken = Some((step.name(), error.message.clone()));
                session.ui.plan(plan.to_string().trim_end());
                return Err(error);
            }
        }
    }
    if let Some(step) = session.journal.borrow().interrupted()
        && !plan.is_empty()
    {
        session.ui.say(&format!(
            "an earlier run ended in step `{step}`; going on from there"
        ));
    }
    session.ui.plan(plan.to_string().trim_end());
    if options.dry_run {
        return Ok(Report {
            plan,
            outcome: Outcome::Planned,
        });
    }
    if plan.is_empty() {
        session.journal.borrow_mut().settle()?;
        return Ok(Report {
            plan,
            outcome: Outcome::Unchanged,
        });
    }
    // Without a terminal there is nobody to ask, and a run is meant by being started.
    if !options.yes && session.ui.confirm("carry it out?") == Answer::No {
        return Ok(Report {
            plan,
            outcome: Outcome::Declined,
        });
    }
    // A run that ends with a pull request gets to the cluster only after its merge.
    let proposes = options
        .pull_request
        .as_ref()
        .is_some_and(|request| !request.wait);
    let is_committed = |(name, finding): &(&str, Finding)| *name != "commit" || finding.is_done();
    if !proposes || plan.steps.iter().all(is_committed) {
        for step in steps::all() {
            step.prepare(&session)?;
        }
    }
    let outcome = carry_out(&session)?;
    Ok(Report { plan, outcome })
}

/// Every step looks again before it acts: the ones before it have changed the world.
fn carry_out(session: &Session<'_>) -> Result<Outcome> {
    for step in steps::all() {
        let name = step.name();
        if step.inspect(session)?.is_done() {
            continue;
        }
        session.ui.progress(&format!("step `{name}`"));
        session.journal.borrow_mut().begin(name)?;
        session.reached(&format!("{name}.begun"))?;
        if let Applied::Waiting(what) = step.apply(session)? {
            session.ui.say(&format!("waiting for {what}"));
            return Ok(Outcome::Waiting(what));
        }
        session.journal.borrow_mut().done(name)?;
        session.reached(name)?;
    }
    session.journal.borrow_mut().settle()?;
    Ok(Outcome::Done)
}

/// All failed checks as one error, the first one first.
fn failure_of(plan: &Plan) -> Option<Error> {
    let mut failures = plan.failures().cloned();
    let mut first = failures.next()?;
    for failure in failures {
        first.notes.push(format!("also: {}", failure.message));
        // One cause fails several checks in the same words.
        for note in failure.notes {
            if !first.notes.contains(&note) {
                first.notes.push(note);
            }
        }
        for help in failure.help {
            if !first.help.contains(&help) {
                first.help.push(help);
            }
        }
    }
    Some(first)
}

/// Passes on what is said with the secrets hidden.
struct Quiet<'a> {
    ui: &'a dyn super::environment::Ui,
    redactor: &'a Redactor,
}

impl super::environment::Ui for Quiet<'_> {
    fn plan(&self, text: &str) {
        self.ui.plan(&self.redactor.hide(text));
    }

    fn say(&self, text: &str) {
        self.ui.say(&self.redactor.hide(text));
    }

    fn progress(&self, text: &str) {
        self.ui.progress(&self.redactor.hide(text));
    }

    fn confirm(&self, question: &str) -> Answer {
        self.ui.confirm(&self.redactor.hide(question))
    }

    fn secret(&self, question: &str) -> Option<Secret> {
        let secret = self.ui.secret(&self.redactor.hide(question))?;
        self.redactor.learn(&secret);
        Some(secret)
    }
}
