//! `${{ … }}`: compile-time expressions, in minijinja's language with strict undefined.
//!
//! `${var}` is Flux's and `{{ … }}` is Go's or Helm's: both pass untouched.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, ErrorKind, Value as Jinja};

use crate::budget::{self, Budget, Exceeded};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, Node, OrderedMap, Table, Value};
use crate::source::{FileId, Span};

/// Steps an expression may take: far more than any name or number needs, far less than a second.
const FUEL: u64 = 100_000;

/// Steps that nearly all expressions stay below. What fails within them has cost no more, whatever the engine says.
const FIRST_FUEL: u64 = 2_000;

/// Steps that evaluating an expression costs beside its own.
const BASE: u64 = 20;

/// The longest expression, in bytes: its parts nest in each other, and a stack ends.
const LONGEST: usize = 2048;

/// The longest text that an expression may make, in bytes, and the most items, whatever they are in.
const LARGEST: usize = 1 << 20;

/// The most bytes that the texts of one value have together.
const LARGEST_TEXTS: usize = 8 << 20;

/// The variable of a compiled expression that its value is assigned to.
const RESULT: &str = "result_of_the_expression";

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
    /// The missing variable, dotted, where that is the fault.
    pub unknown: Option<String>,
    /// The limit of the project that is exceeded, where that is the fault.
    pub exceeded: Option<Exceeded>,
}

impl Fault {
    /// The finding; `place` is what the expression stands in, such as `kustomizations.apps`.
    pub(crate) fn told(self, place: &str, cluster: &str) -> Diagnostic {
        if let Some(exceeded) = self.exceeded {
            return exceeded.diagnostic().at(self.span, format!("in `{place}`"));
        }
        let code = match self.unknown {
            Some(_) => "unknown-variable",
            None => "expression",
        };
        let diagnostic = Diagnostic::error(code, self.message)
            .at(self.span, format!("in `{place}`"))
            .in_cluster(cluster);
        match self.help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }
}

/// A text with expressions, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Expression(String),
}

/// Compiles each expression of a run once.
pub(crate) struct Expressions {
    environment: Environment<'static>,
    texts: HashMap<String, Arc<Result<Vec<Piece>, String>>>,
    compiled: HashMap<String, Result<Arc<[String]>, String>>,
    /// `[vars]` without expressions, as many clusters share them, by their address.
    plain: HashMap<usize, Plain>,
    budget: Arc<Budget>,
    /// Bytes counted for values that are part of nothing yet.
    pending: u64,
    /// The only file whose values are expanded, if there are others.
    own: Option<FileId>,
}

/// Variables that are values already, and the root that they make.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    /// Keeps the address from being used again.
    _table: Arc<Table>,
    node: Arc<Node>,
    jinja: Jinja,
}

/// The names an expression can use: `cluster`, `vars`, `repo`, `flux`, `inputs`, `name`, `namespace`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    roots: Vec<(&'static str, Arc<Node>)>,
    jinja: Vec<(&'static str, Jinja)>,
}

/// Whether a text has an expression in it.
pub(crate) fn has_expression(text: &str) -> bool {
    text.contains("${{")
}

/// Whether a key or its value has one anywhere.
pub(crate) fn has_expression_in(key: &str, node: &Node) -> bool {
    has_expression(key)
        || match &node.value {
            Value::String(text) => has_expression(text),
            Value::Array(items) => items.iter().any(|item| has_expression_in("", item)),
            Value::Table(table) => table_has_expression(table),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => false,
        }
}

/// Whether any key or value of a table has one.
pub(crate) fn table_has_expression(table: &Table) -> bool {
    table
        .iter()
        .any(|(key, entry)| has_expression_in(key, &entry.node))
}

/// The variable that a text is, and nothing else: `vars.tag` of `${{ vars.tag }}`.
pub(crate) fn only_variable(text: &str) -> Option<&str> {
    let path = text.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    path.split('.').all(is_name).then_some(path)
}

impl Context {
    pub(crate) fn set(&mut self, root: &'static str, node: Node) {
        let jinja = to_jinja(&node.value);
        self.put(root, Arc::new(node), jinja);
    }

    fn put(&mut self, root: &'static str, node: Arc<Node>, jinja: Jinja) {
        self.roots.retain(|(name, _)| *name != root);
        self.jinja.retain(|(name, _)| *name != root);
        self.roots.push((root, node));
        self.jinja.push((root, jinja));
    }

    /// Shares a root with other contexts.
    pub(super) fn share(&mut self, root: &'static str, plain: Plain) {
        self.put(root, plain.node, plain.jinja);
    }

    /// An empty root that [`Self::add`] adds to, each value at its own cost.
    pub(super) fn grow(&mut self, root: &'static str, span: Span) {
        let jinja = Jinja::from_object(Growing::default());
        self.put(root, Arc::new(Node::new(Table::new(), span)), jinja);
    }

    /// Adds to a root that grows.
    pub(super) fn add(&mut self, root: &'static str, key: &str, entry: Entry) {
        let growing = self.jinja.iter().find(|(name, _)| *name == root);
        if let Some(growing) = growing.and_then(|(_, jinja)| jinja.downcast_object_ref::<Growing>())
        {
            growing.add(key, to_jinja(&entry.node.value));
        }
        let node = self.roots.iter_mut().find(|(name, _)| *name == root);
        if let Some(table) = node.and_then(|(_, node)| Arc::make_mut(node).as_table_mut()) {
            table.insert(key, entry);
        }
    }

    /// The value of a dotted path, or of its longest known part that is no table.
    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        let mut keys = path.split('.');
        let root = keys.next()?;
        let mut node = self
            .roots
            .iter()
            .find(|(name, _)| *name == root)
            .map(|(_, node)| node.as_ref())?;
        for key in keys {
            match node.as_table() {
                Some(table) => node = table.get(key)?,
                None => return Some(node),
            }
        }
        Some(node)
    }

    /// The names that may follow the known part of `path`, for suggestions.
    fn siblings(&self, path: &str) -> (String, Vec<String>) {
        let mut known = String::new();
        let mut names: Vec<String> = self
            .roots
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for key in path.split('.') {
            if !names.iter().any(|name| name == key) {
                break;
            }
            if !known.is_empty() {
                known.push('.');
            }
            known.push_str(key);
            names = match self.get(&known).and_then(Node::as_table) {
                Some(table) => table.keys().map(str::to_owned).collect(),
                None => Vec::new(),
            };
        }
        (known, names)
    }

    fn to_jinja(&self) -> Jinja {
        Jinja::from_pairs(
            self.jinja
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        )
    }
}

impl Expressions {
    /// `budget` is the project's.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            environment: super::engine::environment(),
            texts: HashMap::new(),
            compiled: HashMap::new(),
            plain: HashMap::new(),
            budget: Arc::clone(budget),
            pending: 0,
            own: None,
        }
    }

    /// What was made since the last call is part of a value of `bytes` bytes now.
    pub(crate) fn settle(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.budget.release(std::mem::take(&mut self.pending));
        self.budget.memory(bytes)
    }

    /// Values were counted that are part of nothing yet.
    pub(super) fn counted(&mut self, bytes: u64) {
        self.pending += bytes;
    }

    /// Counts what was made; it is given back with the next [`Self::settle`].
    fn made(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.pending += bytes;
        self.budget.memory(bytes)
    }

    /// Variables that need no evaluation, as a root that is made once.
    pub(super) fn plain(&mut self, table: &Arc<Table>, span: Span) -> Result<Plain, Exceeded> {
        let address = Arc::as_ptr(table).addr();
        if let Some(known) = self.plain.get(&address) {
            return Ok(known.clone());
        }
        // As a table, and as the values of the engine.
        self.budget.memory(2 * budget::weight_of_table(table))?;
        let node = Node::new(table.as_ref().clone(), span);
        let plain = Plain {
            _table: Arc::clone(table),
            jinja: to_jinja(&node.value),
            node: Arc::new(node),
        };
        self.plain.insert(address, plain.clone());
        Ok(plain)
    }

    fn pieces(&mut self, text: &str) -> Arc<Result<Vec<Piece>, String>> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let pieces = Arc::new(pieces(text));
        self.texts.insert(text.to_owned(), pieces.clone());
        pieces
    }

    /// The same of a table.
    pub(crate) fn uses_of_table(&mut self, table: &Table, found: &mut Vec<String>) {
        for (key, entry) in table.iter() {
            self.uses_in_text(key, found);
            self.uses(&entry.node, found);
        }
    }

    /// The dotted variables that the expressions below `node` use, keys among them.
    pub(crate) fn uses(&mut self, node: &Node, found: &mut Vec<String>) {
        match &node.value {
            Value::String(text) => self.uses_in_text(text, found),
            Value::Array(items) => items.iter().for_each(|item| self.uses(item, found)),
            Value::Table(table) => self.uses_of_table(table, found),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => {}
        }
    }

    pub(crate) fn uses_in_text(&mut self, text: &str, found: &mut Vec<String>) {
        if !has_expression(text) {
            return;
        }
        if let Ok(pieces) = self.pieces(text).as_ref() {
            for piece in pieces {
                let Piece::Expression(source) = piece else {
                    continue;
                };
                if let Ok(variables) = self.compiled(source) {
                    found.extend(variables.iter().cloned());
                }
            }
        }
    }

    /// A copy of `node` with every expression evaluated; faults are collected, not returned early.
    pub(crate) fn expand(
        &mut self,
        node: &Node,
        context: &Context,
        faults: &mut Vec<Fault>,
    ) -> Node {
        if self.own.is_some_and(|own| node.span.file != own) {
            return node.clone();
        }
        let value = match &node.value {
            Value::String(text) if has_expression(text) => {
                match self.evaluate(text, node.span, context) {
                    Ok(value) => value,
                    Err(fault) => {
                        faults.push(fault);
                        Value::Null
                    }
                }
            }
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.expand(item, context, faults))
                    .collect(),
            ),
            Value::Table(table) => Value::Table(self.expand_table(table, context, faults)),
            other => other.clone(),
        };
        Node::new(value, node.span)
    }

    /// As [`Self::expand_table`], but what was included from another file than `own` stays as it is.
    pub(crate) fn expand_table_of(
        &mut self,
        table: &Table,
        own: FileId,
        context: &Context,
        faults: &mut Vec<Fault>,
    ) -> Table {
        self.own = Some(own);
        let expanded = self.expand_table(table, context, faults);
        self.own = None;
        expanded
    }

    pub(crate) fn expand_table(
        &mut self,
        table: &Table,
        context: &Context,
        faults: &mut Vec<Fault>,
    ) -> Table {
        let mut expanded = Table::new();
        for (key, entry) in table.iter() {
            let node = self.expand(&entry.node, context, faults);
            let key = if has_expression(key) {
                match self.text(key, entry.key, context) {
                    Ok(key) => key,
                    Err(fault) => {
                        faults.push(fault);
                        continue;
                    }
                }
            } else {
                key.to_owned()
            };
            let entry = Entry {
                key: entry.key,
                node,
            };
            if let Some(other) = expanded.insert(key.clone(), entry) {
                faults.push(Fault {
                    span: other.key,
                    message: format!("two keys become `{key}`"),
                    help: Some("make the expressions differ".to_owned()),
                    unknown: None,
                    exceeded: None,
                });
            }
        }
        expanded
    }

    /// Evaluates a text to a string: what a name or a key needs.
    pub(crate) fn text(
        &mut self,
        text: &str,
        span: Span,
        context: &Context,
    ) -> Result<String, Fault> {
        match self.evaluate(text, span, context)? {
            Value::String(text) => Ok(text),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            other => Err(Fault {
                span,
                message: format!(
                    "`{text}` is {}, where a string must stand",
                    other.type_name()
                ),
                help: None,
                unknown: None,
                exceeded: None,
            }),
        }
    }

    /// Evaluates a text; an expression that is the whole text keeps its type.
    pub(crate) fn evaluate(
        &mut self,
        text: &str,
        span: Span,
        context: &Context,
    ) -> Result<Value, Fault> {
        if !has_expression(text) {
            return Ok(Value::String(text.to_owned()));
        }
        let plain = |message: String| Fault {
            span,
            message,
            help: None,
            unknown: None,
            exceeded: None,
        };
        let over = |exceeded: Exceeded| Fault::exceeded(exceeded, span);
        let pieces = self.pieces(text);
        let pieces = match pieces.as_ref() {
            Ok(pieces) => pieces,
            Err(message) => return Err(plain(message.clone())),
        };
        if let [Piece::Expression(source)] = pieces.as_slice() {
            let value = self.run(source, span, context)?;
            return self.value(&value, span);
        }
        let mut result = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => result.push_str(text),
                Piece::Expression(source) => {
                    let value = self.run(source, span, context)?;
                    match self.value(&value, span)? {
                        Value::String(text) => result.push_str(&text),
                        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                            result.push_str(&value.to_string());
                        }
                        other => {
                            return Err(plain(format!(
                                "`{source}` is {}, which cannot stand inside a text",
                                other.type_name()
                            )));
                        }
                    }
                }
            }
            if result.len() > LARGEST {
                return Err(plain(format!(
                    "the text becomes longer than {LARGEST} bytes"
                )));
            }
        }
        self.made(result.len() as u64).map_err(over)?;
        Ok(Value::String(result))
    }

    /// What an expression gave, as a value of ours.
    fn value(&mut self, value: &Jinja, span: Span) -> Result<Value, Fault> {
        let mut making = Making {
            span,
            items: 0,
            bytes: 0,
        };
        let value = making.value(value, 0).map_err(|message| Fault {
            span,
            message,
            help: None,
            unknown: None,
            exceeded: None,
        })?;
        let bytes = budget::weight_of_value(&value);
        self.made(bytes)
            .map_err(|exceeded| Fault::exceeded(exceeded, span))?;
        Ok(value)
    }

    /// The dotted variables of an expression, which is compiled once.
    fn compiled(&mut self, source: &str) -> Result<Arc<[String]>, String> {
        if let Some(known) = self.compiled.get(source) {
            return known.clone();
        }
        let guarded = super::guard::expression(source);
        let compiled = match self.environment.compile_expression(&guarded) {
            Ok(expression) => {
                let mut variables: Vec<String> =
                    expression.undeclared_variables(true).into_iter().collect();
                variables.sort();
                // Only a template gives the steps that it took.
                let template = format!("{{% set {RESULT} = ({guarded}) %}}");
                let added = self
                    .environment
                    .add_template_owned(source.to_owned(), template);
                added.map(|()| variables.into())
            }
            Err(error) => Err(error),
        };
        let compiled = compiled.map_err(|error| detail(&error));
        self.compiled.insert(source.to_owned(), compiled.clone());
        compiled
    }

    fn run(&mut self, source: &str, span: Span, context: &Context) -> Result<Jinja, Fault> {
        let fault = |message: String| Fault {
            span,
            message,
            help: None,
            unknown: None,
            exceeded: None,
        };
        let over = |exceeded: Exceeded| Fault::exceeded(exceeded, span);
        let variables = self
            .compiled(source)
            .map_err(|reason| fault(format!("`{source}` is not an expression: {reason}")))?;
        let mut outcome = self.run_within(source, FIRST_FUEL, context).map_err(over)?;
        let is_long = |error: &minijinja::Error| error.kind() == ErrorKind::OutOfFuel;
        if outcome.as_ref().is_err_and(is_long) {
            outcome = self.run_within(source, FUEL, context).map_err(over)?;
        }
        match outcome {
            Ok(value) if !value.is_undefined() => Ok(value),
            outcome => {
                let is_function = |path: &str| {
                    self.environment
                        .globals()
                        .any(|(name, _)| path.split('.').next() == Some(name))
                };
                let unknown = variables
                    .iter()
                    .find(|path| context.get(path).is_none() && !is_function(path));
                match (unknown, outcome) {
                    (Some(path), _) => Err(unknown_variable(path, span, context)),
                    (None, Err(error)) => Err(fault(format!("`{source}`: {}", detail(&error)))),
                    (None, Ok(_)) => Err(fault(format!("`{source}` has no value"))),
                }
            }
        }
    }

    /// Evaluates a compiled expression in at most `fuel` steps, which the project's budget pays.
    fn run_within(
        &mut self,
        source: &str,
        fuel: u64,
        context: &Context,
    ) -> Result<Result<Jinja, minijinja::Error>, Exceeded> {
        self.environment.set_fuel(Some(fuel));
        let captured = self
            .environment
            .get_template(source)
            .and_then(|template| template.render_captured(context.to_jinja()));
        let steps = match &captured {
            Ok(captured) => captured
                .state()
                .fuel_levels()
                .map_or(fuel, |(used, _)| used),
            Err(_) => fuel,
        };
        let value = captured.map(|captured| {
            let value = captured.state().lookup(RESULT);
            value.unwrap_or(Jinja::UNDEFINED)
        });
        self.budget.steps(BASE + steps)?;
        Ok(value)
    }
}

impl Fault {
    pub(super) fn exceeded(exceeded: Exceeded, span: Span) -> Self {
        Self {
            span,
            message: exceeded.message(),
            help: None,
            unknown: None,
            exceeded: Some(exceeded),
        }
    }
}

/// A table of the engine that values are added to while others are evaluated.
#[derive(Debug, Default)]
struct Growing(RwLock<OrderedMap<String, Jinja>>);

impl Growing {
    fn add(&self, key: &str, value: Jinja) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        values.insert(key.to_owned(), value);
    }
}

impl Object for Growing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        values.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Enumerator::Values(values.keys().map(Jinja::from).collect())
    }
}

fn unknown_variable(path: &str, span: Span, context: &Context) -> Fault {
    let (known, names) = context.siblings(path);
    let rest = path
        .strip_prefix(&known)
        .unwrap_or(path)
        .trim_start_matches('.');
    let word = rest.split('.').next().unwrap_or(rest);
    let near = crate::diagnostic::nearest::nearest(word, names.iter().map(String::as_str));
    let dot = if known.is_empty() { "" } else { "." };
    let help = match near {
        Some(near) => format!("did you mean `{known}{dot}{near}`?"),
        None if known == "vars" || path.starts_with("vars") => {
            format!("define `vars.{word}` for every cluster that this goes to")
        }
        None if path.starts_with("inputs") => {
            "only resources of a set have `inputs`; give each of them this key".to_owned()
        }
        None if names.is_empty() => "remove it, or define it".to_owned(),
        None => {
            let mut names = names;
            names.sort();
            format!("known here: `{}`", names.join("`, `"))
        }
    };
    Fault {
        span,
        message: format!("unknown variable `{path}`"),
        help: Some(help),
        unknown: Some(path.to_owned()),
        exceeded: None,
    }
}

fn detail(error: &minijinja::Error) -> String {
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return format!("it takes more than {FUEL} steps");
    }
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Takes a text apart; quotes and braces inside an expression do not end it.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        if start > 0 {
            pieces.push(Piece::Literal(rest[..start].to_owned()));
        }
        let inside = &rest[start + 3..];
        let end = expression_end(inside).ok_or_else(|| "`${{` without its `}}`".to_owned())?;
        let source = inside[..end].trim();
        if source.is_empty() {
            return Err("an empty expression `${{ }}`".to_owned());
        }
        if source.len() > LONGEST {
            let length = source.len();
            return Err(format!(
                "an expression of {length} bytes, more than {LONGEST}"
            ));
        }
        pieces.push(Piece::Expression(source.to_owned()));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// Where the `}}` that ends an expression starts.
fn expression_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => depth -= 1,
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

/// The length of a tag of a template that is too long to be compiled, if there is one.
pub(crate) fn too_long(template: &str) -> Option<usize> {
    let length = |(start, open): (usize, &str)| {
        let inside = &template[start + open.len()..];
        let close = if open == "{%" { "%}" } else { "}}" };
        inside.find(close).unwrap_or(inside.len())
    };
    let tags = template
        .match_indices("{{")
        .chain(template.match_indices("{%"));
    tags.map(length).find(|length| *length > LONGEST)
}

fn to_jinja(value: &Value) -> Jinja {
    match value.scalar() {
        Value::Null | Value::Marked(_) => Jinja::from(()),
        Value::Bool(value) => Jinja::from(*value),
        Value::Integer(value) => match i64::try_from(*value) {
            Ok(value) => Jinja::from(value),
            Err(_) => Jinja::from(*value),
        },
        Value::Float(value) => Jinja::from(*value),
        Value::String(text) => Jinja::from(text.as_str()),
        Value::Array(items) => items.iter().map(|item| to_jinja(&item.value)).collect(),
        Value::Table(table) => Jinja::from_pairs(
            table
                .iter()
                .map(|(key, entry)| (key, to_jinja(&entry.node.value))),
        ),
    }
}

/// Makes a value of ours of one of the engine's, which may be much larger than the work that it took.
struct Making {
    span: Span,
    items: usize,
    bytes: usize,
}

impl Making {
    fn item(&mut self, item: &Jinja, depth: usize) -> Result<Node, String> {
        self.items += 1;
        if self.items > LARGEST {
            return Err(format!("the value has more than {LARGEST} items"));
        }
        Ok(Node::new(self.value(item, depth + 1)?, self.span))
    }

    fn value(&mut self, value: &Jinja, depth: usize) -> Result<Value, String> {
        if depth > crate::load::MAX_DEPTH {
            return Err("the value nests too deeply".to_owned());
        }
        Ok(match value.kind() {
            ValueKind::None => Value::Null,
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::Number if value.is_integer() => match i128::try_from(value.clone()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err(format!("`{value}` is too large")),
            },
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(number) if number.is_finite() => Value::Float(number),
                _ => return Err(format!("`{value}` is not a number in JSON")),
            },
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.bytes += text.len();
                if self.bytes > LARGEST_TEXTS {
                    return Err(format!("its texts have more than {LARGEST_TEXTS} bytes"));
                }
                Value::String(text.to_owned())
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let mut items = Vec::new();
                for item in value.try_iter().map_err(|error| detail(&error))? {
                    items.push(self.item(&item, depth)?);
                }
                Value::Array(items)
            }
            ValueKind::Map => {
                let mut table = Table::new();
                for key in value.try_iter().map_err(|error| detail(&error))? {
                    let Some(name) = key.as_str() else {
                        return Err(format!("a key is a {}, not a string", key.kind()));
                    };
                    let item = value.get_item(&key).map_err(|error| detail(&error))?;
                    table.set(name, self.item(&item, depth)?);
                }
                Value::Table(table)
            }
            other => return Err(format!("a value of type {other} cannot be written")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let mut vars = Table::new();
        vars.set("domain", Node::new("acme.example", Span::BUILT_IN));
        vars.set("port", Node::new(8080_i64, Span::BUILT_IN));
        vars.set("ratio", Node::new(Value::Float(1.0), Span::BUILT_IN));
        let list = vec![
            Node::new("a", Span::BUILT_IN),
            Node::new("b", Span::BUILT_IN),
        ];
        vars.set("list", Node::new(list, Span::BUILT_IN));
        let mut context = Context::default();
        context.set("vars", Node::new(vars, Span::BUILT_IN));
        context.set("name", Node::new("apps", Span::BUILT_IN));
        context
    }

    fn evaluate(text: &str) -> Result<Value, String> {
        Expressions::new(&Arc::default())
            .evaluate(text, Span::BUILT_IN, &context())
            .map_err(|fault| format!("{} / {}", fault.message, fault.help.unwrap_or_default()))
    }

    #[test]
    fn an_expression_that_is_the_whole_text_keeps_its_type() {
        assert_eq!(evaluate("${{ vars.port }}"), Ok(Value::Integer(8080)));
        assert_eq!(evaluate("${{ vars.port > 80 }}"), Ok(Value::Bool(true)));
        assert_eq!(evaluate("${{ vars.ratio }}"), Ok(Value::Float(1.0)));
        assert_eq!(evaluate("p-${{ vars.port }}"), Ok("p-8080".into()));
        assert!(
            matches!(evaluate("${{ vars.list }}"), Ok(Value::Array(items)) if items.len() == 2)
        );
    }

    #[test]
    fn what_belongs_to_flux_go_and_helm_passes_untouched() {
        for text in [
            "${domain}",
            "$domain",
            "{{ .Values.x }}",
            "$${x}",
            "${",
            "{{",
            "}}",
            "a ${{'${x}'}} b",
        ] {
            let expected = text.replace("${{'${x}'}}", "${x}");
            assert_eq!(evaluate(text), Ok(Value::String(expected)), "{text}");
        }
    }

    #[test]
    fn quotes_and_braces_inside_do_not_end_an_expression() {
        assert_eq!(evaluate("${{ '}}' }}x"), Ok("}}x".into()));
        assert_eq!(
            evaluate("${{ {'a': {'b': 1}}.a.b }}"),
            Ok(Value::Integer(1))
        );
        assert_eq!(
            evaluate("${{ vars.domain | upper }}"),
            Ok("ACME.EXAMPLE".into())
        );
    }

    #[test]
    fn an_unknown_variable_is_named_with_the_nearest_one() {
        assert_eq!(
            evaluate("${{ vars.domian }}"),
            Err("unknown variable `vars.domian` / did you mean `vars.domain`?".to_owned())
        );
        assert_eq!(
            evaluate("${{ var.domain }}"),
            Err("unknown variable `var.domain` / did you mean `vars`?".to_owned())
        );
    }

    #[test]
    fn broken_and_endless_expressions_are_errors() {
        for text in [
            "${{",
            "${{ }}",
            "${{ vars. }}",
            "a ${{ vars.list }}",
            "${{ 'x' * 99999999999 }}",
            "${{ vars.domain() }}",
            "${{ range(1000000000) }}",
        ] {
            assert!(evaluate(text).is_err(), "{text}: {:?}", evaluate(text));
        }
    }

    #[test]
    fn the_variables_of_a_text_are_known_beforehand() {
        let mut found = Vec::new();
        let node = Node::new("${{ vars.domain }}-${{ cluster.name }}", Span::BUILT_IN);
        Expressions::new(&Arc::default()).uses(&node, &mut found);
        found.sort();
        assert_eq!(found, ["cluster.name", "vars.domain"]);
    }
}
