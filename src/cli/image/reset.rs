//! `fluxgen image reset`

use super::super::{Place, Status, print, tell};
use super::values;
use crate::image::owned::shown;
use crate::project::{self, Project};

/// Build the trees with a policy's values as `initial` says, whatever stands in them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It writes what `build` writes. Image automation sets the values anew where it runs.

Examples:
  fluxgen image reset podinfo
  fluxgen image reset podinfo --cluster staging --dry-run")]
pub(in crate::cli) struct Args {
    /// The policy: NAME or NAMESPACE/NAME
    name: String,
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Say what would be reset and write nothing; exit 1 if there is something to reset
    #[arg(long)]
    dry_run: bool,
}

pub(in crate::cli) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let _turn = match args.dry_run {
        true => None,
        false => Some(place.turn()?),
    };
    let before = super::open(place, &args.cluster)?;
    let owned = values(&before, Some(&args.name), &args.cluster)?;
    let mut out = String::new();
    let mut policies = Vec::new();
    for owned in &owned {
        let Some(current) = &owned.current else {
            continue;
        };
        if current.same(owned.initial) {
            continue;
        }
        policies.push(owned.policy());
        let (from, to) = (shown(current), shown(owned.initial));
        let (cluster, resource, field) = (owned.cluster, owned.resource, &owned.field);
        out.push_str(&format!(
            "{cluster}: {resource} {field} from {from} to {to}\n"
        ));
    }
    if policies.is_empty() {
        print("every value is what `initial` says\n")?;
        return Ok(Status::Done);
    }
    if args.dry_run {
        print(&crate::cli::readable(&out))?;
        return Ok(Status::Found);
    }
    let config = project::find(&place.directory, place.config.as_deref())?;
    let mut project = Project::open_resetting(&config, &args.cluster, &policies)?;
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    plan.carry_out(&project.root)?;
    print(&crate::cli::readable(&out))?;
    Ok(Status::Done)
}
