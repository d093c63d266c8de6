//! `fluxgen schema`

use super::{Status, print};

/// Print the JSON Schema of fluxgen.toml, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen schema > schemas/fluxgen.schema.json")]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> anyhow::Result<Status> {
    print(&crate::schema::editor_schema_text())?;
    Ok(Status::Done)
}
