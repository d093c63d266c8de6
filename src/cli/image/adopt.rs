//! `fluxgen image adopt`

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::edit::{replaced, write};
use super::super::{Place, Status, print};
use super::values;
use crate::diagnostic::Diagnostics;
use crate::image::owned::{Owned, initial_of, shown};
use crate::load;
use crate::node::{Node, Table, Value};
use crate::source::{Source, Sources, Span};

/// Write what stands in the trees back to `initial` in the TOML file
///
/// Comments and layout of the file are kept; a value that is marked in an included file is written there. Where clusters that share one `initial` hold different values,
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

/// An edit of a file: the place that goes, and what comes for it.
type Edit = (Span, String);

pub(in crate::cli) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let project = super::open(place, &args.cluster)?;
    let owned = values(&project, args.name.as_deref(), &args.cluster)?;
    let mut places: BTreeMap<Span, Vec<&Owned<'_>>> = BTreeMap::new();
    for owned in &owned {
        places.entry(owned.place).or_default().push(owned);
    }
    let mut edits: BTreeMap<Utf8PathBuf, Vec<Edit>> = BTreeMap::new();
    let mut tables: BTreeMap<Utf8PathBuf, Table> = BTreeMap::new();
    let mut out = String::new();
    let mut is_whole = true;
    for (span, of_place) in places {
        let Some(source) = project.sources.get(span.file) else {
            continue;
        };
        let at = project.sources.locate(span);
        let value = match wanted(&of_place) {
            Ok(Some(value)) => value,
            Ok(None) => continue,
            Err(reason) => {
                is_whole = false;
                eprintln!("warning: {at}: {reason}");
                continue;
            }
        };
        let edit = match source.path().extension() {
            // In a YAML file the value itself is marked.
            Some("yaml" | "yml") => source
                .text()
                .get(span.range())
                .map(|old| (span, yaml_literal(old, value)))
                .ok_or_else(|| "set the value there by hand".to_owned()),
            _ => {
                let table = match tables.entry(source.path().to_owned()) {
                    Entry::Occupied(table) => table.into_mut(),
                    Entry::Vacant(vacant) => vacant.insert(parsed(source)?),
                };
                edit(initial_of(table, span), value, &of_place)
            }
        };
        match edit {
            Ok(edit) => {
                let first = of_place[0];
                let (policy, from, to) = (first.policy(), shown(first.initial), shown(value));
                out.push_str(&format!("{at}: {policy} from {from} to {to}\n"));
                let file = edits.entry(source.path().to_owned()).or_default();
                file.push(edit);
            }
            Err(reason) => {
                is_whole = false;
                eprintln!("warning: {at}: {reason}");
            }
        }
    }
    if edits.is_empty() && is_whole {
        out.push_str("every `initial` is what stands in the trees\n");
    }
    // All files are known to be right before the first is written.
    let mut edited = Vec::new();
    for (path, edits) in edits {
        let file = project.root.join(&path);
        let text = replaced(&fs_err::read_to_string(&file)?, edits);
        is_sound(&path, &text).with_context(|| {
            format!("the edited `{path}` could not be read; nothing is written")
        })?;
        edited.push((file, text));
    }
    if !args.dry_run {
        for (file, text) in edited {
            write(&file, &text)?;
        }
    }
    print(&out)?;
    Ok(if is_whole {
        Status::Done
    } else {
        Status::Found
    })
}

/// The table of a TOML file that the project was made of.
fn parsed(source: &Source) -> anyhow::Result<Table> {
    let mut diagnostics = Diagnostics::default();
    let text = source.text().as_bytes();
    let document = load::load(
        source.path(),
        text,
        &mut Sources::default(),
        &mut diagnostics,
    );
    Ok(document.context("a TOML file cannot be read again")?.root)
}

fn is_sound(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    match path.extension() {
        Some("yaml" | "yml") => {
            let file = Sources::default().add(path, "");
            crate::yaml::read_all(text, file)?;
        }
        _ => {
            text.parse::<toml_edit::DocumentMut>()?;
        }
    }
    Ok(())
}

/// The value that the trees agree on; none where `initial` is that already.
fn wanted<'a>(of_place: &[&'a Owned<'_>]) -> Result<Option<&'a Value>, String> {
    let standing = || {
        of_place
            .iter()
            .filter_map(|owned| Some((owned.current.as_ref()?, owned)))
    };
    let Some((value, _)) = standing().next() else {
        return Ok(None);
    };
    if standing().all(|(other, _)| other.same(value)) {
        let is_there = of_place.iter().all(|owned| value.same(owned.initial));
        return Ok((!is_there).then_some(value));
    }
    if standing().all(|(value, owned)| value.same(owned.initial)) {
        return Ok(None);
    }
    // One cluster with several values: a set's resources, or an `initial` for several of them.
    let is_shared = standing().any(|(value, owned)| {
        standing().any(|(other, another)| another.cluster == owned.cluster && !other.same(value))
    });
    let mut values: Vec<(&Value, Vec<String>)> = Vec::new();
    for (value, owned) in standing() {
        let at = match is_shared {
            true => format!("{} of {}", owned.resource, owned.cluster),
            false => owned.cluster.to_owned(),
        };
        match values.iter_mut().find(|(known, _)| known.same(value)) {
            Some((_, places)) if places.contains(&at) => {}
            Some((_, places)) => places.push(at),
            None => values.push((value, vec![at])),
        }
    }
    let list: Vec<String> = values
        .iter()
        .map(|(value, places)| format!("`{}` in {}", shown(value), places.join(", ")))
        .collect();
    let help = match is_shared {
        true => "give each its own, as `initial = \"${{ inputs.tag }}\"` in a set does",
        false => "choose with `--cluster`, or override it per cluster",
    };
    Err(format!(
        "one `initial` stands for {}; {help}",
        list.join(" and ")
    ))
}

/// The new value of an `initial` in a TOML file.
fn edit(initial: Option<&Node>, value: &Value, of_place: &[&Owned<'_>]) -> Result<Edit, String> {
    match initial {
        None => Err("the value has no `initial` of its own there; set it by hand".to_owned()),
        Some(node) if node.as_str().is_some_and(|text| text.contains("${{")) => {
            let owned = of_place[0];
            Err(format!(
                "`initial` is an expression; set by hand what it stands for, `{}` for {} in {}",
                shown(value),
                owned.resource,
                owned.cluster
            ))
        }
        Some(node) => Ok((node.span, literal(value))),
    }
}

/// A scalar as YAML in the quotes that the old one has, as Flux's setter writes it.
fn yaml_literal(old: &str, value: &Value) -> String {
    let text = shown(value);
    let is_text = matches!(value.scalar(), Value::String(_));
    let written = crate::yaml::write_scalar(&Value::String(text.clone())).unwrap_or_default();
    let is_simple = written.trim_matches('"') == text;
    match old.chars().next() {
        Some('\'') => format!("'{}'", text.replace('\'', "''")),
        Some('"') if is_simple => format!("\"{text}\""),
        Some('"') => written,
        _ if is_text => written,
        _ => text,
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
