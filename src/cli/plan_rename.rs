//! `fluxgen plan-rename`

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use camino::Utf8PathBuf;

use super::edit::write;
use super::output::style;
use super::unified::FileDiff;
use super::{Place, Status, print, tell, unreadable};
use crate::diagnostic::{Diagnostic, Severity};
use crate::files::writer;
use crate::files::{Overlay, Snapshot, folder_of};
use crate::forecast::{Plan, PlanError, Rename, Step, plan_rename, release};
use crate::mask::Secrets;
use crate::project::{self, Project};
use crate::repository::Repository;
use crate::resource::Identity;
use crate::review::{Renamed, outcome, renames};

/// Plan the rename of a Kustomization or HelmRelease in two steps that delete nothing
///
/// Rename it in the TOML file first, with `renamedFrom = "old"` where fluxgen would not recognise it. The
/// first step makes the old resource leave what it applied; the second renames it, and the new one adopts
/// that and prunes again. Each step is merged and applied before the next. Both steps are compiled and
/// forecast, and a plan that would delete something or change other resources is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen plan-rename                  show both steps
  fluxgen plan-rename --write          write the first, keep the second
  fluxgen plan-rename --against main   when the rename is committed already")]
pub(super) struct Args {
    /// What is applied now: a commit, branch or tag
    #[arg(long, value_name = "REF", default_value = "HEAD")]
    against: String,
    /// Write the first step to the TOML file, and the second beside it as a patch for `git apply`
    #[arg(long)]
    write: bool,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let config = project::find(&place.directory, place.config.as_deref())?;
    let repository = Repository::around(&folder_of(&config)).map_err(unreadable)?;
    let base = repository.revision(&args.against).map_err(unreadable)?;
    let base = Project::read(repository.at(&base), &config, &[], None, &[])?;
    let on_disk = Snapshot::on_disk(&folder_of(&config));
    let head = Project::read(on_disk, &config, &[], None, &[])?;
    let (Some(mut base), Some(mut head)) = (base, head) else {
        bail!(
            "`{}` has no `{}`: nothing was renamed",
            args.against,
            config.file_name().unwrap_or_default()
        );
    };
    for (project, name) in [
        (&mut head, "the working tree"),
        (&mut base, args.against.as_str()),
    ] {
        if project.diagnostics.has_errors() {
            let found = std::mem::take(&mut project.diagnostics).into_sorted();
            tell(&found, &project.sources);
            super::say(&format!("{name} does not compile: nothing can be planned"));
            return Ok(Status::of_errors(&found));
        }
    }
    let renamed = renames(&base, &head);
    if renamed.is_empty() {
        print(&format!(
            "nothing is renamed: no Kustomization or HelmRelease has another name than in {}\n",
            args.against
        ))?;
        return Ok(Status::Done);
    }
    let plan = plan(&base, &head, &renamed)?;
    let Some((last, first)) = plan.steps.split_last() else {
        return Ok(Status::Done);
    };
    check([&base, &head], &renamed, &plan, &config)?;
    let name = head.snapshot.from_root(&head.config);
    let secrets = Secrets::of_all([&base.sources, &head.sources]);
    let now = text_of(&base);
    if first.is_empty() {
        let old: Vec<String> = renamed
            .iter()
            .map(|it| format!("`{}`", it.old.identity.name))
            .collect();
        let verb = if old.len() == 1 { "leaves" } else { "leave" };
        let mut out = format!(
            "one step is enough: {} {verb} what was applied\n",
            old.join(", ")
        );
        let wanted = text_of(&head);
        if last.toml != wanted {
            let _ = writeln!(out, "\n{}\n  {}\n", last.title, last.explanation);
            diff(&name, &wanted, &last.toml, &secrets, &mut out);
            if args.write {
                write(&config, &last.toml)?;
                let _ = writeln!(out, "\nwrote {config}");
            }
        }
        print(&out)?;
        return Ok(Status::Done);
    }
    let mut out = String::new();
    let mut before = now;
    for (number, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(
            out,
            "step {}: {}\n  {}\n",
            number + 1,
            step.title,
            step.explanation
        );
        diff(&name, &before, &step.toml, &secrets, &mut out);
        out.push('\n');
        before.clone_from(&step.toml);
    }
    if args.write {
        let patch = config.with_file_name(format!(
            "{}.rename-2.patch",
            config.file_stem().unwrap_or("fluxgen")
        ));
        let mut text = String::new();
        let change = FileDiff {
            name: &name,
            old: &plan.steps[0].toml,
            new: &last.toml,
        };
        change.patch(&mut text);
        writer::write_typed(&patch, text.as_bytes())?;
        write(&config, &plan.steps[0].toml)?;
        let _ = writeln!(
            out,
            "wrote {config} and {patch}\nnow `fluxgen build`, commit and merge; when it is applied, `git apply {patch}`, build and merge again"
        );
    } else {
        out.push_str("`fluxgen plan-rename --write` makes step 1 and keeps step 2 as a patch\n");
    }
    print(&out)?;
    Ok(Status::Done)
}

/// The steps of all renames together.
fn plan(base: &Project, head: &Project, renamed: &[Renamed]) -> anyhow::Result<Plan> {
    let (mut first, mut last): (Option<Step>, Option<Step>) = (None, None);
    let (mut before, mut after) = (text_of(base), text_of(head));
    let mut done: HashSet<&[String]> = HashSet::new();
    for renamed in renamed {
        let paths = [&renamed.old_path, &renamed.new_path]
            .map(|path| path.iter().map(String::as_str).collect::<Vec<_>>());
        let planned = plan_rename(&Rename {
            base_toml: &before,
            head_toml: &after,
            base_path: &paths[0],
            head_path: &paths[1],
            old: &renamed.old,
            new: &renamed.new,
        });
        let mut steps = planned.map_err(|error| refusal(&error, renamed))?.steps;
        let step = steps
            .pop()
            .with_context(|| format!("no step renames {}", renamed.new.identity))?;
        // What a set makes has one table.
        if !done.insert(&renamed.new_path) && step.toml != after {
            bail!(
                "the resources of `{}` are not renamed by one value\n  help: set `suspend = true` there and merge that; then rename them, each with the release name that it has, as {} has `{}`, in `releaseName`",
                renamed.new_path.join("."),
                renamed.old.identity,
                release(&renamed.old).name
            );
        }
        after.clone_from(&step.toml);
        join(&mut last, step);
        if let Some(step) = steps.pop() {
            before.clone_from(&step.toml);
            join(&mut first, step);
        }
    }
    Ok(Plan {
        steps: first.into_iter().chain(last).collect(),
    })
}

/// The step does the other's work too.
fn join(known: &mut Option<Step>, step: Step) {
    match known {
        Some(known) => {
            known.title = format!("{}; {}", known.title, step.title);
            known.explanation = format!("{}\n  {}", known.explanation, step.explanation);
            known.toml = step.toml;
        }
        None => *known = Some(step),
    }
}

fn refusal(error: &PlanError, renamed: &Renamed) -> anyhow::Error {
    let old = &renamed.old.identity;
    let help = match error {
        PlanError::NotFound(_) => format!(
            "\n  help: it comes from elsewhere: set `deletionPolicy = \"Orphan\"` (`suspend = true` on a HelmRelease) where it is defined, merge that, then rename {old}"
        ),
        PlanError::Syntax(_) | PlanError::Kind(_) => String::new(),
    };
    anyhow::anyhow!("{error}{help}")
}

/// Compiles and forecasts every step. An override in a group or a cluster may have the last word, a table may
/// make more resources than the renamed ones, and something else may have changed.
fn check(
    [base, head]: [&Project; 2],
    renamed: &[Renamed],
    plan: &Plan,
    config: &Utf8PathBuf,
) -> anyhow::Result<()> {
    let mut before: Option<Project> = None;
    for (number, step) in plan.steps.iter().enumerate() {
        let is_last = number + 1 == plan.steps.len();
        let on = if is_last { head } else { base };
        let path = on.snapshot.from_root(&on.config);
        let files = Overlay::new(Arc::clone(on.snapshot.files()), path, &step.toml);
        let snapshot = Snapshot::new(Arc::new(files), on.snapshot.folder());
        let Some(project) = Project::read(snapshot, config, &[], None, &[])? else {
            bail!("step {} has no TOML file", number + 1);
        };
        let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
        let error = project.diagnostics.iter().find(is_error).cloned();
        if let Some(error) = error {
            bail!("step {} does not compile: {}", number + 1, error.message);
        }
        // The last step differs from what was written by hand in the renamed resources alone, a step
        // before it from what is merged.
        let touched = outcome(on, &project).touched;
        let is_ours = |it: &&Identity| {
            let names = renamed.iter();
            names
                .into_iter()
                .any(|one| **it == one.old.identity || **it == one.new.identity)
        };
        let others: Vec<_> = touched.iter().filter(|it| !is_ours(it)).collect();
        if !others.is_empty() {
            return Err(by_hand(renamed, &others));
        }
        let from = before.as_ref().unwrap_or(base);
        if let Some((clusters, why)) = outcome(from, &project).destructive.first() {
            bail!(
                "step {} would not be safe in {}: {why}\n  help: if a group or a cluster overrides what the step sets, make the step there by hand; commit other changes separately",
                number + 1,
                clusters.join(", "),
            );
        }
        before = Some(project);
    }
    Ok(())
}

/// The steps for one resource of a table that makes others too.
fn by_hand(renamed: &[Renamed], others: &[&Identity]) -> anyhow::Error {
    let others: Vec<String> = others.iter().map(|it| format!("`{}`", it.name)).collect();
    let Some(first) = renamed.first() else {
        return anyhow::anyhow!("the plan would change {}", others.join(", "));
    };
    let (old, new) = (&first.old.identity, &first.new.identity);
    let condition = |path: &[String], identity: &Identity| {
        let key = path.last().map(String::as_str).unwrap_or_default();
        let wanted = match key.contains('/') {
            true => format!("{}/{}", identity.namespace, identity.name),
            false => identity.name.clone(),
        };
        format!("{} == '{wanted}'", as_expression(key))
    };
    let (was, is) = (
        condition(&first.old_path, old),
        condition(&first.new_path, new),
    );
    let wait = |kind: &str| format!("flux get {kind} {} -n {}", old.name, old.namespace);
    let steps = match old.kind.as_str() {
        "HelmRelease" => format!(
            "1. with the old name, set `suspend = \"${{{{ {was} }}}}\"` there and merge that; wait until `{}` shows it suspended\n        2. rename it, remove `suspend`, and set `releaseName = \"${{{{ '{}' if {is} else … }}}}\"`, where the others keep the release names that they have",
            wait("helmreleases"),
            release(&first.old).name,
        ),
        _ => format!(
            "1. with the old name, set `deletionPolicy = \"${{{{ 'Orphan' if {was} else 'MirrorPrune' }}}}\"` there and merge that; wait until `{}` shows this revision\n        2. rename it and remove `deletionPolicy`",
            wait("kustomizations"),
        ),
    };
    anyhow::anyhow!(
        "a plan for `{}` would change {} too: `{}` makes them all\n  help: {steps}",
        old.name,
        others.join(", "),
        first.old_path.join("."),
    )
}

/// The text of a key as one expression: `web/${{ inputs.name }}` is `'web/' ~ inputs.name`.
fn as_expression(key: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((literal, after)) = rest.split_once("${{") {
        let (expression, left) = after.split_once("}}").unwrap_or((after, ""));
        if !literal.is_empty() {
            parts.push(format!("'{literal}'"));
        }
        parts.push(expression.trim().to_owned());
        rest = left;
    }
    if !rest.is_empty() {
        parts.push(format!("'{rest}'"));
    }
    parts.join(" ~ ")
}

/// The TOML file as it was read.
fn text_of(project: &Project) -> String {
    project
        .sources
        .first()
        .map_or_else(String::new, |source| source.text().to_owned())
}

fn diff(name: &str, old: &str, new: &str, secrets: &Secrets, out: &mut String) {
    let color = style(&std::io::stdout()).color;
    FileDiff { name, old, new }.shown(secrets, color, out);
}
