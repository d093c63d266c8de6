//! What the expressions of a cluster can name: `cluster`, `repo`, `vars` and `flux`.
//!
//! The values of `[vars]` and `[flux]` may be expressions themselves and use each other; each is evaluated
//! after those that it uses.

use std::collections::HashMap;

use super::expression::{Context, Expressions, Fault, has_expression, has_expression_in};
use crate::diagnostic::Diagnostics;
use crate::node::{Entry, Node, Table, Value};
use crate::settings::flux::DEFAULT_VERSION;
use crate::settings::{DEFAULT_NAMESPACE, Flux, Repo};
use crate::source::{Span, Spanned};

/// A cluster, as expressions see it.
pub(crate) struct Place<'a> {
    pub name: &'a Spanned<String>,
    /// The cluster's folder, from that of the TOML file.
    pub folder: &'a str,
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
        of_repo.set("name", text(&repo.name));
        of_repo.set("namespace", text(&repo.namespace));
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
        vars: &Table,
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
        vars: &Table,
        flux: &Table,
        expressions: &mut Expressions,
    ) -> Table {
        let mut given = Vec::new();
        for (root, table) in [("vars", vars), ("flux", flux)] {
            for (key, entry) in table.iter() {
                let mut uses = Vec::new();
                expressions.uses_in_text(key, &mut uses);
                expressions.uses(&entry.node, &mut uses);
                self.used.extend(uses.iter().cloned());
                given.push(Given {
                    root,
                    key,
                    entry,
                    uses,
                });
            }
        }
        let mut done = Done::default();
        if given.iter().any(|one| !one.uses.is_empty()) {
            self.publish(&done);
        }
        let uses = used_by_each(&given);
        let mut is_done = vec![false; given.len()];
        let mut has_failed = vec![false; given.len()];
        loop {
            let mut ready: Vec<usize> = (0..given.len())
                .filter(|at| !is_done[*at] && uses[*at].iter().all(|used| is_done[*used]))
                .collect();
            if ready.iter().any(|at| given[*at].root == "vars") {
                // A name that is missing in `[flux]` is compared with all variables that there are.
                ready.retain(|at| given[*at].root == "vars");
            }
            if ready.is_empty() {
                break;
            }
            for at in ready {
                let used_failed = uses[at].iter().any(|used| has_failed[*used]);
                // What is wrong is told at what failed first.
                has_failed[at] = match (given[at].root, used_failed) {
                    ("flux", true) => true,
                    _ => !self.evaluate_one(&given[at], expressions, &mut done),
                };
                is_done[at] = true;
            }
            self.publish(&done);
        }
        if is_done.contains(&false) {
            for at in (0..given.len()).filter(|at| !is_done[*at] && given[*at].root == "vars") {
                done.vars.insert(given[at].key, given[at].entry.clone());
            }
            self.publish(&done);
            self.tell_cycles(&given, &uses, is_done);
        }
        done.flux
    }

    /// Whether it has a value; one of `[flux]` is left out where it has none.
    fn evaluate_one(
        &mut self,
        one: &Given<'_>,
        expressions: &mut Expressions,
        done: &mut Done,
    ) -> bool {
        let table = match one.root {
            "vars" => &mut done.vars,
            _ => &mut done.flux,
        };
        if one.uses.is_empty() && !has_expression_in(one.key, &one.entry.node) {
            table.insert(one.key, one.entry.clone());
            return true;
        }
        let mut alone = Table::new();
        alone.insert(one.key, one.entry.clone());
        let mut faults = Vec::new();
        let evaluated = expressions.expand_table(&alone, &self.context, &mut faults);
        let evaluated = match (one.root, faults.is_empty()) {
            ("flux", false) => without_nothing(&evaluated),
            _ => evaluated,
        };
        for (key, entry) in evaluated {
            table.insert(key, entry);
        }
        let is_whole = faults.is_empty();
        let faults = faults.into_iter().map(|fault| (one.root, fault));
        self.faults.extend(faults);
        is_whole
    }

    /// Makes known what is evaluated so far.
    fn publish(&mut self, done: &Done) {
        let mut flux = Table::new();
        for (key, default) in [
            ("version", DEFAULT_VERSION),
            ("namespace", DEFAULT_NAMESPACE),
        ] {
            let node = done.flux.get(key).cloned();
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
        self.context
            .set("vars", Node::new(done.vars.clone(), self.span));
    }

    /// What waits for itself; what only waits for such a value is not told as well.
    fn tell_cycles(&mut self, given: &[Given<'_>], uses: &[Vec<usize>], mut is_done: Vec<bool>) {
        loop {
            let mut is_used = vec![false; given.len()];
            for at in (0..given.len()).filter(|at| !is_done[*at]) {
                uses[at].iter().for_each(|used| is_used[*used] = true);
            }
            let is_end = |at: &usize| !is_done[*at] && !is_used[*at];
            let ends: Vec<usize> = (0..given.len()).filter(is_end).collect();
            if ends.is_empty() {
                break;
            }
            ends.into_iter().for_each(|at| is_done[at] = true);
        }
        for at in (0..given.len()).filter(|at| !is_done[*at]) {
            let one = &given[at];
            let name = one.name();
            let names_itself = one.uses.iter().any(|path| {
                path.strip_prefix(&name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            let (message, help) = if names_itself {
                (
                    format!("`{name}` is made of itself"),
                    "write its value out".to_owned(),
                )
            } else if one.uses.iter().any(|path| path == one.root) {
                let root = one.root;
                (
                    format!("`{name}` uses all of `{root}`"),
                    format!("name the one that is meant: `{root}.NAME`"),
                )
            } else {
                let by = uses[at].iter().find(|used| !is_done[**used]);
                let by = by.map_or(String::new(), |by| given[*by].name());
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
            };
            self.faults.push((one.root, fault));
        }
    }
}

/// What is evaluated so far.
#[derive(Default)]
struct Done {
    vars: Table,
    flux: Table,
}

/// Per value, the others that it uses.
fn used_by_each(given: &[Given<'_>]) -> Vec<Vec<usize>> {
    let is_usable = |one: &Given<'_>| one.root == "vars" || OF_FLUX.contains(&one.key);
    let by_name: HashMap<(&str, &str), usize> = given
        .iter()
        .enumerate()
        .filter(|(_, one)| is_usable(one))
        .map(|(at, one)| ((one.root, one.key), at))
        .collect();
    let all_of = |root: &str| {
        let of_root =
            |(at, one): (usize, &Given<'_>)| (one.root == root && is_usable(one)).then_some(at);
        given
            .iter()
            .enumerate()
            .filter_map(of_root)
            .collect::<Vec<usize>>()
    };
    let used = |path: &String| {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        match parts.next() {
            Some(key) => by_name.get(&(root, key)).copied().into_iter().collect(),
            None => all_of(root),
        }
    };
    given
        .iter()
        .map(|one| one.uses.iter().flat_map(used).collect())
        .collect()
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
