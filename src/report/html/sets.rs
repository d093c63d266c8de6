//! Which clusters an entry holds for, each set of names written once: a thousand entries in a
//! thousand clusters would else be a million names.

use indexmap::IndexSet;
use serde_json::{Value, json};

/// Names in all sets together; beyond them the filter knows no clusters of an entry.
const MOST_NAMES: usize = 400_000;

#[derive(Default)]
pub(super) struct Sets<'a> {
    sets: IndexSet<&'a [String]>,
    names: usize,
}

impl<'a> Sets<'a> {
    /// ` data-set="3"`; empty for what holds everywhere or is too much.
    pub fn number(&mut self, clusters: &'a [String]) -> String {
        if clusters.is_empty() {
            return String::new();
        }
        let is_known = self.sets.contains(clusters);
        if !is_known && self.names + clusters.len() > MOST_NAMES {
            return String::new();
        }
        format!(" data-set=\"{}\"", self.id(clusters))
    }

    /// The number of a set.
    pub fn id(&mut self, clusters: &'a [String]) -> usize {
        let (number, is_new) = self.sets.insert_full(clusters);
        if is_new {
            self.names += clusters.len();
        }
        number
    }

    /// All sets in the order of their numbers.
    pub fn names(&self) -> Value {
        json!(self.sets.iter().collect::<Vec<_>>())
    }
}
