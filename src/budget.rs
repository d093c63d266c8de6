//! What a project may cost as a whole: one count for all its clusters and stages, kept while values are made.
//!
//! A few lines of TOML can ask for years of work and terabytes of values. Each limit here is far above any fleet, and
//! low enough that a run ends within seconds and in less than two gigabytes of memory. README lists the limits.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::diagnostic::Diagnostic;
use crate::node::{Node, Table, Value};

/// The code of the one finding that is reported when a limit is exceeded.
pub(crate) const CODE: &str = "project-too-large";

/// Bytes of all values and files that are made, as they are estimated to be in memory.
const MEMORY: u64 = 640 << 20;

/// Steps of all expressions and templates. An expression takes ten to a hundred.
const STEPS: u64 = 200_000_000;

/// Resources, counted in every cluster that has them.
const RESOURCES: u64 = 2_000_000;

/// What is used up so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    memory: AtomicU64,
    steps: AtomicU64,
    resources: AtomicU64,
}

/// The limit that is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Memory,
    Steps,
    Resources,
}

impl Budget {
    /// Counts `bytes` of memory.
    pub(crate) fn memory(&self, bytes: u64) -> Result<(), Exceeded> {
        count(&self.memory, bytes, MEMORY, Exceeded::Memory)
    }

    /// Gives back `bytes` that were counted and are no longer in memory.
    pub(crate) fn release(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether `bytes` more would fit, without counting them.
    pub(crate) fn fits(&self, bytes: u64) -> Result<(), Exceeded> {
        let used = self.memory.load(Ordering::Relaxed);
        match used.saturating_add(bytes) > MEMORY {
            true => Err(Exceeded::Memory),
            false => Ok(()),
        }
    }

    /// Counts the steps of an expression or a template.
    pub(crate) fn steps(&self, steps: u64) -> Result<(), Exceeded> {
        count(&self.steps, steps, STEPS, Exceeded::Steps)
    }

    /// Counts resources in clusters.
    pub(crate) fn resources(&self, resources: u64) -> Result<(), Exceeded> {
        count(&self.resources, resources, RESOURCES, Exceeded::Resources)
    }

    /// The limit that is exceeded already, if one is.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        let is_over = |counter: &AtomicU64, limit| counter.load(Ordering::Relaxed) > limit;
        if is_over(&self.memory, MEMORY) {
            Some(Exceeded::Memory)
        } else if is_over(&self.steps, STEPS) {
            Some(Exceeded::Steps)
        } else if is_over(&self.resources, RESOURCES) {
            Some(Exceeded::Resources)
        } else {
            None
        }
    }
}

fn count(counter: &AtomicU64, amount: u64, limit: u64, exceeded: Exceeded) -> Result<(), Exceeded> {
    let before = counter.fetch_add(amount.min(limit), Ordering::Relaxed);
    match before.saturating_add(amount) > limit {
        true => Err(exceeded),
        false => Ok(()),
    }
}

impl Exceeded {
    pub(crate) fn message(self) -> String {
        match self {
            Exceeded::Memory => format!(
                "the values and files of the project take more than {} MiB",
                MEMORY >> 20
            ),
            Exceeded::Steps => {
                format!("the expressions and templates of the project take more than {STEPS} steps")
            }
            Exceeded::Resources => {
                format!("the project has more than {RESOURCES} resources, counted in every cluster")
            }
        }
    }

    /// The finding, which the caller gives the place where the limit was reached.
    pub(crate) fn diagnostic(self) -> Diagnostic {
        let help = match self {
            Exceeded::Memory => "make the value smaller, or use it in fewer resources and clusters",
            Exceeded::Steps => "write the value out, or use simpler expressions",
            Exceeded::Resources => "divide the fleet into several projects",
        };
        Diagnostic::error(CODE, self.message())
            .with_note("the limit is one for all clusters together; nothing beyond it was checked")
            .with_help(help)
    }
}

/// The memory of a string beside its bytes.
const TEXT: u64 = 24;
/// The memory of a value in a list.
const ITEM: u64 = 96;
/// The memory of a key and its value in a table.
const FIELD: u64 = 192;

/// An estimate of the memory that a value takes.
pub(crate) fn weight(node: &Node) -> u64 {
    ITEM + weight_of_value(&node.value)
}

/// The same of a value, less what holds it.
pub(crate) fn weight_of_value(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => 0,
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Table(table) => weight_of_table(table),
        Value::Marked(marked) => {
            let text = match &marked.value {
                Value::String(text) => text.len() as u64,
                _ => 0,
            };
            ITEM + marked.policy.len() as u64 + text
        }
    }
}

/// The same of a table.
pub(crate) fn weight_of_table(table: &Table) -> u64 {
    table
        .iter()
        .map(|(key, entry)| FIELD + TEXT + key.len() as u64 + weight(&entry.node))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn a_limit_holds_for_the_sum() {
        let budget = Budget::default();
        assert_eq!(budget.memory(MEMORY / 2), Ok(()));
        assert_eq!(budget.fits(MEMORY), Err(Exceeded::Memory));
        assert_eq!(budget.memory(MEMORY / 2), Ok(()));
        assert_eq!(budget.exceeded(), None);
        assert_eq!(budget.memory(1), Err(Exceeded::Memory));
        assert_eq!(budget.exceeded(), Some(Exceeded::Memory));
        budget.release(1);
        assert_eq!(budget.exceeded(), None);
    }

    #[test]
    fn huge_amounts_do_not_wrap_around() {
        let budget = Budget::default();
        for _ in 0..4 {
            assert_eq!(budget.steps(u64::MAX), Err(Exceeded::Steps));
        }
        assert_eq!(budget.resources(RESOURCES), Ok(()));
        assert_eq!(budget.resources(1), Err(Exceeded::Resources));
    }

    #[test]
    fn a_value_weighs_more_than_its_text() {
        let text = Node::new("a".repeat(1000), Span::BUILT_IN);
        assert!(weight(&text) > 1000);
        let list = Node::new(vec![text.clone(), text.clone()], Span::BUILT_IN);
        assert!(weight(&list) > 2 * weight(&text));
    }
}
