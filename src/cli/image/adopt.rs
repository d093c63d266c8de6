//! `fluxgen image adopt`

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::super::edit::{replaced, write};
use super::super::{Place, Status, print};
use super::values;
use crate::diagnostic::Diagnostics;
use crate::image::owned::{Owned, initial_of, shown};
use crate::load;
use crate::node::{Node, Value};
use crate::project;
use crate::source::{Sources, Span};

/// Write what stands in the trees back to `initial` in the TOML file
///
/// Comments and layout of the file are kept. Where clusters that share one `initial` hold different values,
/// `--cluster` says whose is taken.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 all is adopted, 1 something could not be, 2 could not do it.

Examples:
  fluxgen image adopt
  fluxgen image adopt podinfo --cluster prod")]
pub(in crate::cli) struct Args {
    /// The policy: NAME or NAMESPACE/NAME; without it, all
    name: Option<String>,
    /// Take the values of this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Say what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(in crate::cli) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let config = project::find(&place.directory, place.config.as_deref())?;
    let project = super::open(place, &args.cluster)?;
    let owned = values(&project, args.name.as_deref(), &args.cluster)?;
    let text = fs_err::read_to_string(&config)?;
    let mut sources = Sources::default();
    let file = project.config.as_str().into();
    let document = load::load(
        file,
        text.as_bytes(),
        &mut sources,
        &mut Diagnostics::default(),
    )
    .context("the TOML file changed while it was read")?;
    let mut places: BTreeMap<Span, Vec<&Owned<'_>>> = BTreeMap::new();
    for owned in &owned {
        places.entry(owned.place).or_default().push(owned);
    }
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut out = String::new();
    let mut is_whole = true;
    for (span, of_place) in places {
        let at = project.sources.locate(span);
        match edit(initial_of(&document.root, span), &of_place) {
            Ok(None) => {}
            Ok(Some((span, value))) => {
                let first = of_place[0];
                let line = format!(
                    "{at}: {} from {} to {}\n",
                    first.policy(),
                    shown(first.initial),
                    shown(&value)
                );
                out.push_str(&line);
                edits.push((span, literal(&value)));
            }
            Err(reason) => {
                is_whole = false;
                eprintln!("warning: {at}: {reason}");
            }
        }
    }
    let edited = replaced(&text, edits);
    if edited != text {
        edited
            .parse::<toml_edit::DocumentMut>()
            .context("the edited TOML file would not be TOML; nothing is written")?;
        if !args.dry_run {
            write(&config, &edited)?;
        }
    } else if is_whole {
        out.push_str("every `initial` is what stands in the trees\n");
    }
    print(&out)?;
    Ok(if is_whole {
        Status::Done
    } else {
        Status::Found
    })
}

/// The new value of an `initial`; none where it is right already.
fn edit(initial: Option<&Node>, of_place: &[&Owned<'_>]) -> Result<Option<(Span, Value)>, String> {
    let mut values: Vec<(&Value, Vec<&str>)> = Vec::new();
    for owned in of_place {
        let Some(current) = &owned.current else {
            continue;
        };
        match values.iter_mut().find(|(value, _)| value.same(current)) {
            Some((_, clusters)) => clusters.push(owned.cluster),
            None => values.push((current, vec![owned.cluster])),
        }
    }
    let value = match values.as_slice() {
        [] => return Ok(None),
        [(value, _)] => *value,
        several => {
            let list: Vec<String> = several
                .iter()
                .map(|(value, clusters)| format!("`{}` in {}", shown(value), clusters.join(", ")))
                .collect();
            return Err(format!(
                "one `initial` stands for {}; choose with `--cluster`, or override it per cluster",
                list.join(" and ")
            ));
        }
    };
    if of_place.iter().all(|owned| value.same(owned.initial)) {
        return Ok(None);
    }
    match initial {
        None => {
            Err("the value is not marked in the TOML file itself; set it there by hand".to_owned())
        }
        Some(node) if node.as_str().is_some_and(|text| text.contains("${{")) => {
            Err("`initial` is an expression; set what it stands for by hand".to_owned())
        }
        Some(node) => Ok(Some((node.span, value.clone()))),
    }
}

/// A scalar as TOML.
fn literal(value: &Value) -> String {
    let value: toml_edit::Value = match value.scalar() {
        Value::Bool(value) => (*value).into(),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => number.to_string().into(),
        },
        Value::Float(number) => (*number).into(),
        other => shown(other).into(),
    };
    value.to_string()
}
