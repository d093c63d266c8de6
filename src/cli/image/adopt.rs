//! `fluxgen image adopt`

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::edit::{replaced, write};
use super::super::{Place, Status, print};
use super::values;
use crate::expand::expression::{Expressions, has_expression, only_variable};
use crate::image::owned::{Owned, initial_of, shown};
use crate::load;
use crate::node::{Node, Table, Value};
use crate::project::{LARGEST_INCLUDE, Project};
use crate::source::{Source, Sources, Span};

/// Write what stands in the trees back to `initial` in the TOML file
///
/// Comments and layout of the file are kept; a value that is marked in an included file is written there.
/// Where `initial` is `${{ inputs.NAME }}` or `${{ vars.NAME }}` and nothing else uses it, the input or
/// variable is set. Where clusters that share one value hold different ones, `--cluster` says whose is taken.
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
    let mut tables = Tables::default();
    let mut spots: BTreeMap<Span, (Spot, Vec<&Owned<'_>>)> = BTreeMap::new();
    for owned in &owned {
        let Some(source) = project.sources.get(owned.place.file) else {
            continue;
        };
        let spot = match source.path().extension() {
            // In a YAML file the value itself is marked.
            Some("yaml" | "yml") => Spot::Yaml,
            _ => Spot::of(owned, tables.of(source)?, &project),
        };
        let place = match &spot {
            Spot::Variable { value, .. } => *value,
            Spot::Yaml | Spot::Initial(_) | Spot::None | Spot::Computed(_) => owned.place,
        };
        let (_, of_place) = spots.entry(place).or_insert((spot, Vec::new()));
        of_place.push(owned);
    }
    let mut edits: BTreeMap<Utf8PathBuf, Vec<Edit>> = BTreeMap::new();
    let mut out = String::new();
    let mut is_whole = true;
    for (span, (spot, of_place)) in spots {
        let Some(source) = project.sources.get(span.file) else {
            continue;
        };
        let at = project.sources.locate(span);
        let value = match wanted(&of_place) {
            Ok(Some(value)) => value,
            Ok(None) => continue,
            Err(reason) => {
                is_whole = false;
                crate::cli::say(&format!("warning: {at}: {reason}"));
                continue;
            }
        };
        let first = of_place[0];
        let line = |span: &Span| {
            let file = project
                .sources
                .get(span.file)
                .map_or("", |file| file.path().as_str());
            let line = project.sources.position(*span).map_or(0, |at| at.line);
            format!("{file}:{line}")
        };
        let to = shown(value);
        let edit = match &spot {
            Spot::Yaml => source
                .text()
                .get(span.range())
                .map(|old| (span, yaml_literal(old, value)))
                .ok_or_else(|| "set the value there by hand".to_owned()),
            Spot::Initial(initial) => Ok((*initial, literal(value))),
            Spot::None => {
                Err("the value has no `initial` of its own there; set it by hand".to_owned())
            }
            Spot::Computed(used) => {
                let lines: Vec<String> = used.iter().map(line).collect();
                let of = match lines.is_empty() {
                    true => String::new(),
                    false => format!(" at {}", lines.join(" and ")),
                };
                Err(format!(
                    "`initial` is an expression; set by hand{of} what it stands for, `{to}` for {} in {}",
                    first.resource, first.cluster
                ))
            }
            Spot::Variable {
                name,
                value: place,
                others,
            } => {
                let of_others = others.iter().filter(|other| {
                    let stands_at = |owned: &&Owned<'_>| owned.place == **other;
                    !of_place.iter().any(stands_at)
                });
                match of_others.map(line).next() {
                    None => Ok((*place, literal(value))),
                    Some(other) => Err(format!(
                        "`{name}` is used at {other}, too; set it by hand, to `{to}` for {} in {}",
                        first.resource, first.cluster
                    )),
                }
            }
        };
        match edit {
            Ok(edit) => {
                let (policy, from) = (first.policy(), shown(first.initial));
                out.push_str(&format!("{at}: {policy} from {from} to {to}\n"));
                let file = edits.entry(source.path().to_owned()).or_default();
                file.push(edit);
            }
            Err(reason) => {
                is_whole = false;
                crate::cli::say(&format!("warning: {at}: {reason}"));
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
        let text = project.snapshot.read_own(path.as_str(), LARGEST_INCLUDE)?;
        let text = text.with_context(|| format!("there is no file `{path}`"))?;
        let text = replaced(std::str::from_utf8(&text)?, edits);
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
    print(&crate::cli::readable(&out))?;
    Ok(if is_whole {
        Status::Done
    } else {
        Status::Found
    })
}

/// Where a value is to be written.
enum Spot {
    /// The marked value itself, in a YAML file.
    Yaml,
    /// The literal after `initial`.
    Initial(Span),
    /// There is no `initial`.
    None,
    /// `initial` is one `inputs.NAME` or `vars.NAME`, whose literal this is.
    Variable {
        name: String,
        value: Span,
        /// Whatever else uses it: the place, or of a marked value that of its `imagePolicy`.
        others: Vec<Span>,
    },
    /// `initial` is another expression, made of the values at these places.
    Computed(Vec<Span>),
}

impl Spot {
    fn of(owned: &Owned<'_>, root: &Table, project: &Project) -> Self {
        let Some(initial) = initial_of(root, owned.place) else {
            return Self::None;
        };
        // The table was read by itself.
        let here = |span: Span| Span::new(owned.place.file, span.range());
        let text = initial.as_str().unwrap_or_default();
        if !has_expression(text) {
            return Self::Initial(here(initial.span));
        }
        let settings = project.built.as_ref().map(|built| &built.resolved.settings);
        let cluster = settings.and_then(|settings| settings.cluster(owned.cluster));
        let set = owned.input.and_then(|input| set_of(root, input));
        let value_of = |path: &str| -> Option<&Node> {
            let (root, name) = path.split_once('.')?;
            let name = name.split('.').next()?;
            match root {
                "vars" => cluster?.vars.get(name),
                "inputs" => set?.1.get(name),
                _ => None,
            }
        };
        let is_literal = |node: &&Node| node.as_str().is_some_and(|text| !has_expression(text));
        let only = only_variable(text).filter(|path| path.split('.').count() == 2);
        if let Some(path) = only
            && let Some(value) = value_of(path).filter(is_literal)
        {
            let mut users = Users {
                path,
                expressions: Expressions::new(&Arc::default()),
                found: Vec::new(),
            };
            match set.filter(|_| path.starts_with("inputs.")) {
                Some((set, _)) => users.table(set),
                None => users.table(root),
            }
            return Self::Variable {
                name: path.to_owned(),
                value: here(value.span),
                others: users.found.into_iter().map(here).collect(),
            };
        }
        let mut used = Vec::new();
        Expressions::new(&Arc::default()).uses_in_text(text, &mut used);
        let mut places: Vec<Span> = used
            .iter()
            .filter_map(|path| Some(here(value_of(path)?.span)))
            .collect();
        places.sort();
        places.dedup();
        Self::Computed(places)
    }
}

/// The set that has an entry of `inputs` at a place, and that entry.
fn set_of(root: &Table, input: Span) -> Option<(&Table, &Node)> {
    let sets = root.get("sets")?.as_table()?;
    sets.iter().find_map(|(_, set)| {
        let set = set.node.as_table()?;
        let mut inputs = set.get("inputs")?.as_array()?.iter();
        let entry = inputs.find(|entry| entry.span.range() == input.range())?;
        Some((set, entry))
    })
}

/// Looks for what uses a variable.
struct Users<'a> {
    path: &'a str,
    expressions: Expressions,
    found: Vec<Span>,
}

impl Users<'_> {
    fn table(&mut self, table: &Table) {
        let policy = table.get("imagePolicy").map(|policy| policy.span);
        for (key, entry) in table.iter() {
            self.text(key, entry.key);
            match (policy, entry.node.as_str()) {
                (Some(policy), Some(text)) if key == "initial" => self.text(text, policy),
                _ => self.node(&entry.node),
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::String(text) => self.text(text, node.span),
            Value::Array(items) => items.iter().for_each(|item| self.node(item)),
            Value::Table(table) => self.table(table),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => {}
        }
    }

    fn text(&mut self, text: &str, place: Span) {
        let mut used = Vec::new();
        self.expressions.uses_in_text(text, &mut used);
        let root = self.path.split('.').next().unwrap_or_default();
        let is_it = |used: &String| {
            let below = used.strip_prefix(self.path);
            used == root || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if used.iter().any(is_it) {
            self.found.push(place);
        }
    }
}

/// The tables of the TOML files that the project was made of.
#[derive(Default)]
struct Tables {
    of_file: BTreeMap<Utf8PathBuf, Table>,
}

impl Tables {
    fn of(&mut self, source: &Source) -> anyhow::Result<&Table> {
        Ok(match self.of_file.entry(source.path().to_owned()) {
            Entry::Occupied(table) => table.into_mut(),
            Entry::Vacant(vacant) => {
                vacant.insert(load::again(source).context("a TOML file cannot be read again")?)
            }
        })
    }
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
        "one value stands for {}; {help}",
        list.join(" and ")
    ))
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
