//! The text around a resource: built-in templates, or a user's of the same name.
//!
//! `{{ x | yaml }}` is the only way for a value to get into a file. What a template renders is read
//! back and must equal the resource it was rendered from.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value as Jinja};

use crate::diagnostic::Diagnostic;
use crate::node::{Node, Value};
use crate::resource::Resource;
use crate::source::{Sources, Span};
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
}

impl Renderer {
    /// `own` replaces built-in templates by name; `<Kind>.yaml` is for one kind alone.
    pub(crate) fn new(own: &TemplateFiles) -> Result<Self, Diagnostic> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
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
        let own = own.iter().map(|(name, text)| (name.clone(), text.clone()));
        for (name, text) in built_in.chain(own) {
            environment
                .add_template_owned(name.clone(), text)
                .map_err(|error| refused(&name, &error))?;
        }
        Ok(Self { environment })
    }

    /// Renders one document and proves that it is the resource.
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
        let node = Arc::new(resource.node.clone());
        let context = minijinja::context! {
            resource => Jinja::from_object(Shared(node)),
            kind => resource.identity.kind.as_str(),
            name => resource.identity.name.as_str(),
            namespace => resource.identity.namespace.as_str(),
        };
        let mut text = template
            .render(context)
            .map_err(|error| refused(name, &error))?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        prove(&text, resource, name)?;
        Ok(text)
    }
}

/// Reads a rendered document back.
fn prove(text: &str, resource: &Resource, name: &str) -> Result<(), Diagnostic> {
    let fault = |line: usize, what: &str| {
        let body = yaml::write(&resource.node);
        let before = text.find(&body).map(|at| text[..at].lines().count());
        // Lines before the resource stand one to one in the template; those after it follow its one.
        let line = match before {
            Some(before) if line > before => {
                let rest = line.saturating_sub(before + body.lines().count());
                if rest == 0 {
                    before + 1
                } else {
                    before + 1 + rest
                }
            }
            _ => line,
        };
        Diagnostic::error(
            "template",
            format!("the template `{name}` does not give back the resource: {what}"),
        )
        .with_note(format!(
            "line {line} of the template, for {}",
            resource.identity
        ))
        .with_help("let every value go through `{{ … | yaml }}`, and add only comments around it")
    };
    let mut sources = Sources::default();
    let file = sources.add(name, "");
    let documents =
        yaml::read_all(text, file).map_err(|error| fault(error.line, &error.message))?;
    match documents.as_slice() {
        [document] if document.value.same(&resource.node.value) => Ok(()),
        [_] => Err(fault(1, "it reads back as another one")),
        documents => Err(fault(
            1,
            &format!("it reads back as {} documents", documents.len()),
        )),
    }
}

fn refused(name: &str, error: &Error) -> Diagnostic {
    let line = error
        .line()
        .map_or(String::new(), |line| format!(" line {line}"));
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    Diagnostic::error("template", format!("the template `{name}`{line}: {detail}"))
        .with_help("write values as `{{ resource | yaml }}`")
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
    Ok(Jinja::from_safe_string(
        text.trim_end_matches('\n').to_owned(),
    ))
}

/// A template's place, for findings without one: the start of the TOML file.
pub(crate) fn located(diagnostic: Diagnostic, span: Span) -> Diagnostic {
    diagnostic.at(span, "")
}
