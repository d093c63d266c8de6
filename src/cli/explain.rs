//! `fluxgen explain`

use anyhow::bail;

use super::{Place, Status, print};
use crate::rules::RULES;
use crate::schema::Registry;

/// Explain a kind, a field or a diagnostic code
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen explain helmReleases.driftDetection.mode
  fluxgen explain Kustomization
  fluxgen explain dangling-reference")]
pub(super) struct Args {
    /// A kind, a section, a field's path, or a code
    #[arg(value_name = "WHAT")]
    what: String,
}

pub(super) fn run(_place: &Place, args: &Args) -> anyhow::Result<Status> {
    if let Some(rule) = RULES.iter().find(|rule| rule.code == args.what) {
        print(&format!(
            "{}: {}\n\n{}\n",
            rule.code, rule.summary, rule.page
        ))?;
        return Ok(Status::Done);
    }
    match Registry::get().lookup(&args.what) {
        Ok(found) => {
            let texts: Vec<String> = found.iter().map(|docs| docs.describe()).collect();
            print(&texts.join("\n"))?;
            Ok(Status::Done)
        }
        Err(unknown) => bail!("{unknown}"),
    }
}
