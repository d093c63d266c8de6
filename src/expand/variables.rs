//! What the expressions of a cluster can name: `cluster`, `repo`, `vars` and `flux`.
//!
//! The values of `[vars]` and `[flux]` may be expressions themselves and use each other; each is evaluated
//! after those that it uses.

mod waiting;

use std::sync::Arc;

use super::expression::{
    Context, Expressions, Fault, has_expression, has_expression_in, table_has_expression,
};
use crate::budget;
use crate::diagnostic::Diagnostics;
use crate::node::{Entry, Node, Table, Value};
use crate::settings::flux::DEFAULT_VERSION;
use crate::settings::{DEFAULT_NAMESPACE, Flux, Repo};
use crate::source::{Span, Spanned};
use waiting::Waiting;

/// A cluster, as expressions see it.
pub(crate) struct Place<'a> {
    pub name: &'a Spanned<String>,
    /// The cluster's folder, from that of the TOML file.
    pub folder: &'a str,
    /// Where Flux is, as far as that is known.
    pub flux_namespace: &'a str,
    pub context: Option<&'a Spanned<String>>,
    pub groups: Vec<&'a str>,
    pub span: Span,
}

/// The names that the expressions of a cluster can use.
pub(crate) struct Variables {
    pub context: Context,
    /// The dotted variables that `[vars]` and `[flux]` use.
    pub used: Vec<String>,
    /// Each with the place that it is told in: `vars` or `flux`.
    pub faults: Vec<(&'static str, Fault)>,
    cluster: String,
    span: Span,
}

/// The keys of `[flux]` that expressions can use.
const OF_FLUX: &[&str] = &["version", "namespace"];

/// A value of `[vars]` or `[flux]`.
struct Given<'a> {
    /// `vars` or `flux`.
    root: &'static str,
    key: &'a str,
    entry: &'a Entry,
    /// The dotted variables that it uses.
    uses: Vec<String>,
}

impl Given<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.root, self.key)
    }
}

impl Variables {
    pub(crate) fn of(place: Place<'_>, repo: &Repo) -> Self {
        let text = |value: &str| Node::new(value, Span::BUILT_IN);
        let mut context = Context::default();
        let mut own = Table::new();
        let name = place.name;
        own.set("name", Node::new(name.value.as_str(), name.span));
        own.set("path", text(place.folder));
        if let Some(name) = place.context {
            own.set("context", Node::new(name.value.as_str(), name.span));
        }
        let groups: Vec<Node> = place.groups.into_iter().map(text).collect();
        own.set("groups", Node::new(groups, Span::BUILT_IN));
        context.set("cluster", Node::new(own, place.span));
        let mut of_repo = Table::new();
        if let Some(url) = &repo.url {
            of_repo.set("url", text(&url.value));
        }
        of_repo.set("branch", text(&repo.branch));
        let (namespace, own_name) = repo.in_namespace(place.flux_namespace);
        of_repo.set("name", text(own_name));
        of_repo.set("namespace", text(namespace));
        context.set("repo", Node::new(of_repo, repo.span));
        Self {
            context,
            used: Vec::new(),
            faults: Vec::new(),
            cluster: name.value.clone(),
            span: place.span,
        }
    }

    /// Reads the merged `[flux]` of the cluster; faults are told, and leave no others behind.
    pub(crate) fn flux(
        &mut self,
        vars: &Arc<Table>,
        flux: &Table,
        expressions: &mut Expressions,
        diagnostics: &mut Diagnostics,
    ) -> Flux {
        let evaluated = self.evaluate(vars, flux, expressions);
        for (place, fault) in std::mem::take(&mut self.faults) {
            diagnostics.push(fault.told(place, &self.cluster));
        }
        let mut found = Diagnostics::default();
        let mut read = Flux::read(&evaluated, &mut found);
        read.is_known &= flux.contains("version") == evaluated.contains("version");
        for diagnostic in found.iter() {
            let varies = diagnostic
                .labels
                .iter()
                .any(|label| is_evaluated_at(flux, label.span));
            let diagnostic = diagnostic.clone();
            diagnostics.push(match varies {
                true => diagnostic.in_cluster(self.cluster.as_str()),
                false => diagnostic,
            });
        }
        read
    }

    /// Evaluates `[vars]` and `[flux]` of the cluster, and gives the latter without what has faults.
    pub(crate) fn evaluate(
        &mut self,
        vars: &Arc<Table>,
        flux: &Table,
        expressions: &mut Expressions,
    ) -> Table {
        if !table_has_expression(vars) && !table_has_expression(flux) {
            match expressions.plain(vars, self.span) {
                Ok(plain) => self.context.share("vars", plain),
                Err(exceeded) => self
                    .faults
                    .push(("vars", Fault::exceeded(exceeded, self.span))),
            }
            self.publish_flux(flux);
            return flux.clone();
        }
        let given = self.given(vars, flux, expressions);
        let mut waiting = Waiting::of(&given);
        let mut flux = Table::new();
        self.context.grow("vars", self.span);
        self.publish_flux(&flux);
        while let Some(at) = waiting.next() {
            // What is wrong is reported at what failed first.
            let is_whole = match given[at].root {
                "flux" if waiting.has_failed(at) => false,
                _ => self.evaluate_one(&given[at], expressions, &mut flux),
            };
            waiting.done(at, is_whole);
            if self
                .faults
                .last()
                .is_some_and(|(_, fault)| fault.exceeded.is_some())
            {
                return flux;
            }
        }
        if waiting.is_left() {
            for at in (0..given.len()).filter(|at| !waiting.is_done(*at)) {
                let one = &given[at];
                if one.root == "vars" {
                    self.context.add("vars", one.key, one.entry.clone());
                }
            }
            self.report_cycles(&given, waiting);
        }
        self.settle(expressions);
        flux
    }

    /// The values, with the variables that each uses.
    fn given<'a>(
        &mut self,
        vars: &'a Table,
        flux: &'a Table,
        expressions: &mut Expressions,
    ) -> Vec<Given<'a>> {
        let mut given = Vec::new();
        for (root, table) in [("vars", vars), ("flux", flux)] {
            for (key, entry) in table.iter() {
                let mut uses = Vec::new();
                expressions.uses_in_text(key, &mut uses);
                expressions.uses(&entry.node, &mut uses);
                uses.sort();
                uses.dedup();
                self.used.extend(uses.iter().cloned());
                given.push(Given {
                    root,
                    key,
                    entry,
                    uses,
                });
            }
        }
        given
    }

    /// From here on the values are all known, and never change again.
    fn settle(&mut self, expressions: &mut Expressions) {
        let whole = self.context.get("vars").cloned();
        let whole = whole.unwrap_or_else(|| Node::new(Table::new(), self.span));
        // As a table, and as the values of the engine.
        match expressions.settle(2 * budget::weight(&whole)) {
            Ok(()) => self.context.set("vars", whole),
            Err(exceeded) => {
                let fault = Fault::exceeded(exceeded, self.span);
                self.faults.push(("vars", fault));
            }
        }
    }

    /// Whether it has a value; one of `[flux]` is left out where it has none.
    fn evaluate_one(
        &mut self,
        one: &Given<'_>,
        expressions: &mut Expressions,
        flux: &mut Table,
    ) -> bool {
        let mut faults = Vec::new();
        let evaluated = match has_expression_in(one.key, &one.entry.node) {
            false => Table::from_iter([(one.key.to_owned(), one.entry.clone())]),
            true => {
                let alone = Table::from_iter([(one.key.to_owned(), one.entry.clone())]);
                expressions.expand_table(&alone, &self.context, &mut faults)
            }
        };
        match one.root {
            "vars" => {
                for (key, entry) in evaluated {
                    self.context.add("vars", &key, entry);
                }
            }
            _ => {
                let evaluated = match faults.is_empty() {
                    true => evaluated,
                    false => without_nothing(&evaluated),
                };
                for (key, entry) in evaluated {
                    flux.insert(key, entry);
                }
                if OF_FLUX.contains(&one.key) {
                    self.publish_flux(flux);
                }
            }
        }
        let is_whole = faults.is_empty();
        let faults = faults.into_iter().map(|fault| (one.root, fault));
        self.faults.extend(faults);
        is_whole
    }

    /// Makes known what of `[flux]` is evaluated so far.
    fn publish_flux(&mut self, done: &Table) {
        let mut flux = Table::new();
        for (key, default) in [
            ("version", DEFAULT_VERSION),
            ("namespace", DEFAULT_NAMESPACE),
        ] {
            let node = done.get(key).cloned();
            let mut node = node.unwrap_or_else(|| Node::new(default, Span::BUILT_IN));
            if let Value::String(text) = &mut node.value
                && key == "version"
                && let Some(bare) = text.strip_prefix('v')
            {
                *text = bare.to_owned();
            }
            flux.set(key, node);
        }
        self.context.set("flux", Node::new(flux, Span::BUILT_IN));
    }

    /// Values that wait for themselves; what only waits for such a value is not reported as well.
    fn report_cycles(&mut self, given: &[Given<'_>], mut waiting: Waiting) {
        waiting.drop_ends();
        for at in (0..given.len()).filter(|at| !waiting.is_done(*at)) {
            let one = &given[at];
            let name = one.name();
            let names_itself = one.uses.iter().any(|path| {
                path.strip_prefix(&name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            let (message, help) = if names_itself {
                (
                    format!("`{name}` refers to itself"),
                    "write its value out".to_owned(),
                )
            } else if one.uses.iter().any(|path| path == one.root) {
                let root = one.root;
                (
                    format!("`{name}` uses all of `{root}`"),
                    format!("name only the one that you need: `{root}.NAME`"),
                )
            } else {
                let by = waiting.first_undone(at);
                let by = by.map_or(String::new(), |by| given[by].name());
                (
                    format!("`{name}` waits for `{by}`, which waits for it"),
                    "give one of them a value without the other".to_owned(),
                )
            };
            let fault = Fault {
                span: one.entry.node.span,
                message,
                help: Some(help),
                unknown: None,
                exceeded: None,
            };
            self.faults.push((one.root, fault));
        }
    }
}

/// A table less what could not be evaluated, wherever in it.
fn without_nothing(table: &Table) -> Table {
    fn is_something(node: &Node) -> bool {
        !matches!(node.value, Value::Null)
    }
    fn of(node: &Node) -> Node {
        let value = match &node.value {
            Value::Table(table) => Value::Table(without_nothing(table)),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .filter(|item| is_something(item))
                    .map(of)
                    .collect(),
            ),
            other => other.clone(),
        };
        Node::new(value, node.span)
    }
    table
        .iter()
        .filter(|(_, entry)| is_something(&entry.node))
        .map(|(key, entry)| {
            let entry = Entry {
                key: entry.key,
                node: of(&entry.node),
            };
            (key.to_owned(), entry)
        })
        .collect()
}

/// Whether the value at `span` is one that an expression made.
fn is_evaluated_at(table: &Table, span: Span) -> bool {
    fn is_at(node: &Node, span: Span) -> bool {
        match &node.value {
            Value::String(text) => node.span == span && has_expression(text),
            Value::Array(items) => items.iter().any(|item| is_at(item, span)),
            Value::Table(table) => is_evaluated_at(table, span),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => false,
        }
    }
    table.iter().any(|(_, entry)| is_at(&entry.node, span))
}
