//! The text around a resource: built-in templates, or a user's of the same name.
//!
//! `{{ x | yaml }}` is the only way for a value to get into a file. What a template renders is read
//! back and must equal the resource it was rendered from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Captured, Environment, Error, ErrorKind, Value as Jinja};

use super::difference::difference;
use super::form::form;
use super::path::{reason, steps};
use super::template_lines;
use crate::budget::Budget;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::nearest::nearest;
use crate::expand::expression::too_long;
use crate::expand::{engine, guard};
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::resource::Resource;
use crate::schema::Registry;
use crate::source::Span;
use crate::yaml;

mod files {
    include!(concat!(env!("OUT_DIR"), "/templates.rs"));
}

/// The name of the template for kinds that have none of their own.
const RESOURCE: &str = "resource.yaml";

/// The steps a template may take for one resource.
const FUEL: u64 = 200_000;

/// A user's templates, by file name, as they stand in `[templates] dir`.
pub type TemplateFiles = BTreeMap<String, String>;

/// Renders documents.
pub(crate) struct Renderer {
    environment: Environment<'static>,
    /// The forms whose text was read back. Nothing is known of what a user's template makes of another resource, so
    /// there it is every text.
    proved: Option<Mutex<HashSet<String>>>,
    budget: Arc<Budget>,
}

impl Renderer {
    /// `own` replaces built-in templates by name; `<Kind>.yaml` is for one kind alone.
    pub(crate) fn new(own: &TemplateFiles, budget: &Arc<Budget>) -> Result<Self, Diagnostic> {
        let mut environment = engine::environment();
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|out, _state, value| match value.is_safe() {
            true => out
                .write_str(value.as_str().unwrap_or_default())
                .map_err(Error::from),
            false => Err(Error::new(
                ErrorKind::InvalidOperation,
                "a value gets into a file only through `| yaml`",
            )),
        });
        environment.add_filter("yaml", to_yaml);
        let built_in = files::TEMPLATES
            .iter()
            .filter(|(name, _)| !own.contains_key(*name))
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let is_built_in = own.is_empty();
        let guarded = own
            .iter()
            .map(|(name, text)| (name.clone(), guard::template(text)));
        for (name, text) in built_in.chain(guarded) {
            if let Some(length) = own.get(&name).and_then(|text| too_long(text)) {
                return Err(Diagnostic::error(
                    "template",
                    format!("the template `{name}` has an expression of {length} bytes"),
                )
                .with_help("divide it: `{% set part = … %}`"));
            }
            environment
                .add_template_owned(name.clone(), text)
                .map_err(|error| refused(&name, &error))?;
        }
        Ok(Self {
            environment,
            proved: is_built_in.then(Mutex::default),
            budget: Arc::clone(budget),
        })
    }

    /// Warnings for templates that no resource is rendered by, most often for their names.
    pub(crate) fn unused(&self, own: &TemplateFiles, graph: &Graph) -> Vec<Diagnostic> {
        if own.is_empty() {
            return Vec::new();
        }
        let variants = &graph.validated.expanded.variants;
        let kinds: BTreeSet<&str> = variants
            .iter()
            .flat_map(|variant| &variant.resources)
            .map(|resource| resource.identity.kind.as_str())
            .chain(Registry::get().kinds().map(|kind| kind.kind.as_str()))
            .collect();
        let known: Vec<String> = std::iter::once(RESOURCE.to_owned())
            .chain(kinds.into_iter().map(|kind| format!("{kind}.yaml")))
            .collect();
        let is_included = |name: &str| {
            let quoted = [format!("\"{name}\""), format!("'{name}'")];
            own.values()
                .any(|text| quoted.iter().any(|quoted| text.contains(quoted)))
        };
        own.keys()
            .filter(|name| !known.contains(name) && !is_included(name))
            .map(|name| {
                let diagnostic = Diagnostic::warning(
                    "template",
                    format!("no resource is rendered by the template `{name}`"),
                );
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                    None => diagnostic.with_help(format!(
                        "call it `{RESOURCE}` for all kinds, or by one kind: `HelmRelease.yaml`"
                    )),
                }
            })
            .collect()
    }

    /// Renders one document and proves that it is the resource, once for each form of resources.
    pub(crate) fn render(&self, resource: &Resource) -> Result<String, Diagnostic> {
        let own = format!("{}.yaml", resource.identity.kind);
        let name = match self.environment.get_template(&own) {
            Ok(_) => own.as_str(),
            Err(_) => RESOURCE,
        };
        let template = self
            .environment
            .get_template(name)
            .map_err(|error| refused(name, &error))?;
        let rendered = template.render_captured(context(resource));
        self.budget
            .steps(steps(&rendered, FUEL))
            .map_err(|exceeded| {
                let diagnostic = exceeded.diagnostic();
                diagnostic.with_note(format!(
                    "the template `{name}` renders {}",
                    resource.identity
                ))
            })?;
        let mut text = rendered
            .map(Captured::into_output)
            .map_err(|error| refused(name, &error))?;
        // A template's last line break is not rendered.
        if !text.ends_with('\n') || ends_in_blank_lines(&resource.node) {
            text.push('\n');
        }
        let form = self
            .proved
            .as_ref()
            .map(|proved| (proved, form(&resource.node)));
        let is_proved = form.as_ref().is_some_and(|(proved, form)| {
            let proved = proved.lock().unwrap_or_else(PoisonError::into_inner);
            proved.contains(form)
        });
        if is_proved {
            return Ok(text);
        }
        match fault(&text, resource) {
            None => {
                if let Some((proved, form)) = form {
                    let mut proved = proved.lock().unwrap_or_else(PoisonError::into_inner);
                    proved.insert(form);
                }
                Ok(text)
            }
            Some((line, what)) => {
                let line = self.origin(name, resource, line);
                Err(Diagnostic::error(
                    "template",
                    format!("the template `{name}` line {line} changes the resource: {what}"),
                )
                .with_help(
                    "let every value go through `{{ … | yaml }}`, and add only comments around it",
                ))
            }
        }
    }

    /// The line of a template that a line of its text comes from.
    fn origin(&self, name: &str, resource: &Resource, line: usize) -> usize {
        let Ok(template) = self.environment.get_template(name) else {
            return line;
        };
        let numbered = template_lines::numbered(template.source());
        let rendered = self
            .environment
            .template_from_named_str(name, &numbered)
            .and_then(|template| template.render(context(resource)));
        rendered.map_or(line, |rendered| template_lines::origin(&rendered, line))
    }
}

/// Whether the last value is a text that ends in line breaks of its own.
fn ends_in_blank_lines(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => {
            let last = table.iter().next_back();
            last.is_some_and(|(_, entry)| ends_in_blank_lines(&entry.node))
        }
        Value::Array(items) => items.last().is_some_and(ends_in_blank_lines),
        Value::String(text) => text.ends_with("\n\n"),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => {
            false
        }
    }
}

fn context(resource: &Resource) -> Jinja {
    minijinja::context! {
        resource => Jinja::from_object(Shared(Arc::new(resource.node.clone()))),
        kind => resource.identity.kind.as_str(),
        name => resource.identity.name.as_str(),
        namespace => resource.identity.namespace.as_str(),
    }
}

/// What is wrong with a rendered document that is read back, and the line of it.
fn fault(text: &str, resource: &Resource) -> Option<(usize, String)> {
    let documents = match yaml::read_all(text, Span::BUILT_IN.file) {
        Ok(documents) => documents,
        Err(error) => return Some((error.line, error.message)),
    };
    match documents.as_slice() {
        [document] => {
            let found = difference(document, &resource.node)?;
            Some((found.line(text), found.what))
        }
        [] => Some((1, "it reads back as nothing".to_owned())),
        documents => {
            let mut starts = text.lines().enumerate().skip(1);
            let second = starts.find(|(_, line)| line.starts_with("---"));
            let line = second.map_or(1, |(at, _)| at + 1);
            Some((
                line,
                format!("it reads back as {} documents", documents.len()),
            ))
        }
    }
}

fn refused(name: &str, error: &Error) -> Diagnostic {
    let line = error
        .line()
        .map_or(String::new(), |line| format!(" line {line}"));
    let detail = reason(error);
    let help = match error.kind() {
        ErrorKind::UnknownFilter | ErrorKind::InvalidOperation => {
            "write values as `{{ resource | yaml }}`, or parts as `{{ resource.spec | yaml }}`"
        }
        _ => {
            "in a template there are `resource`, `kind`, `namespace` and `name`; its language is Jinja's"
        }
    };
    Diagnostic::error("template", format!("the template `{name}`{line}: {detail}")).with_help(help)
}

/// Part of a resource, for templates: fields can be looked up, and `| yaml` writes them.
#[derive(Debug)]
struct Shared(Arc<Node>);

impl Object for Shared {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.0.value {
            Value::Array(_) => ObjectRepr::Seq,
            _ => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        let node = match &self.0.value {
            Value::Table(table) => table.get(key.as_str()?)?,
            Value::Array(items) => items.get(key.as_usize()?)?,
            _ => return None,
        };
        Some(Jinja::from_object(Shared(Arc::new(node.clone()))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.0.value {
            Value::Table(table) => Enumerator::Values(table.keys().map(Jinja::from).collect()),
            Value::Array(items) => Enumerator::Seq(items.len()),
            _ => Enumerator::NonEnumerable,
        }
    }
}

fn to_yaml(value: &Jinja) -> Result<Jinja, Error> {
    let text = match value.downcast_object_ref::<Shared>() {
        Some(shared) => match yaml::write_scalar(&shared.0.value) {
            Some(line) => line,
            None => yaml::write(&shared.0),
        },
        None if value.is_undefined() => {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                "what goes to `yaml` is not in the resource",
            ));
        }
        None => {
            let text = value.as_str().ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidOperation,
                    "`yaml` writes parts of the resource and texts",
                )
            })?;
            yaml::write_scalar(&Value::from(text)).unwrap_or_default()
        }
    };
    // The template ends the line. Further line breaks belong to a text that ends in them.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Jinja::from_safe_string(text.to_owned()))
}

/// A template's place, for findings without one: the start of the TOML file.
pub(crate) fn located(diagnostic: Diagnostic, span: Span) -> Diagnostic {
    diagnostic.at(span, "")
}
