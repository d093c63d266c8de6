//! The order in which values are evaluated: each after those that it uses, at the cost of one visit each.

use std::collections::{HashMap, VecDeque};

use super::{Given, OF_FLUX};

/// Values that wait for others. Two more stand for all of `[vars]` and all of `[flux]`.
pub(super) struct Waiting {
    /// Per value, those that it uses.
    uses: Vec<Vec<usize>>,
    /// Per value, those that use it.
    used_by: Vec<Vec<usize>>,
    /// Per value, how many of those that it uses are not done.
    waits_for: Vec<usize>,
    is_done: Vec<bool>,
    /// Per value, whether one that it uses has failed.
    has_failed: Vec<bool>,
    is_of_flux: Vec<bool>,
    ready_vars: VecDeque<usize>,
    ready_flux: VecDeque<usize>,
}

impl Waiting {
    pub(super) fn of(given: &[Given<'_>]) -> Self {
        let uses = uses(given);
        let count = uses.len();
        let mut used_by = vec![Vec::new(); count];
        for (at, uses) in uses.iter().enumerate() {
            uses.iter().for_each(|used| used_by[*used].push(at));
        }
        let waits_for: Vec<usize> = uses.iter().map(Vec::len).collect();
        let mut waiting = Self {
            used_by,
            is_done: vec![false; count],
            has_failed: vec![false; count],
            is_of_flux: given.iter().map(|one| one.root == "flux").collect(),
            ready_vars: VecDeque::new(),
            ready_flux: VecDeque::new(),
            uses,
            waits_for,
        };
        for at in 0..count {
            if waiting.waits_for[at] == 0 {
                waiting.is_ready(at);
            }
        }
        waiting
    }

    /// The next value that can be evaluated. A name that is missing in `[flux]` is compared with all variables that
    /// there are, so these come first.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready_vars
            .pop_front()
            .or_else(|| self.ready_flux.pop_front())
    }

    /// Whether one that it uses has failed.
    pub(super) fn has_failed(&self, at: usize) -> bool {
        self.has_failed[at]
    }

    /// A value is evaluated.
    pub(super) fn done(&mut self, at: usize, is_whole: bool) {
        self.is_done[at] = true;
        for user in std::mem::take(&mut self.used_by[at]) {
            self.has_failed[user] |= !is_whole;
            self.waits_for[user] -= 1;
            if self.waits_for[user] == 0 {
                self.is_ready(user);
            }
        }
    }

    fn is_ready(&mut self, at: usize) {
        match self.is_of_flux.get(at) {
            Some(true) => self.ready_flux.push_back(at),
            Some(false) => self.ready_vars.push_back(at),
            // All of a root: there is nothing to evaluate.
            None => self.done(at, !self.has_failed[at]),
        }
    }

    /// Whether any value can never be evaluated.
    pub(super) fn is_left(&self) -> bool {
        self.is_done[..self.is_of_flux.len()].contains(&false)
    }

    pub(super) fn is_done(&self, at: usize) -> bool {
        self.is_done[at]
    }

    /// Leaves only what waits for itself: what nothing else waits for goes, and then what only that waited for.
    pub(super) fn drop_ends(&mut self) {
        let mut users = vec![0_usize; self.uses.len()];
        for at in (0..self.uses.len()).filter(|at| !self.is_done[*at]) {
            self.uses[at].iter().for_each(|used| users[*used] += 1);
        }
        let mut ends: Vec<usize> = (0..users.len())
            .filter(|at| !self.is_done[*at] && users[*at] == 0)
            .collect();
        while let Some(end) = ends.pop() {
            self.is_done[end] = true;
            for used in &self.uses[end] {
                users[*used] -= 1;
                if users[*used] == 0 && !self.is_done[*used] {
                    ends.push(*used);
                }
            }
        }
    }

    /// The first value that `at` waits for.
    pub(super) fn first_undone(&self, at: usize) -> Option<usize> {
        let undone = |at: usize| {
            let mut uses = self.uses[at].iter().copied();
            uses.find(|used| !self.is_done[*used])
        };
        let first = undone(at)?;
        match first < self.is_of_flux.len() {
            true => Some(first),
            false => undone(first),
        }
    }
}

/// Per value, the others that it uses; then what makes all of `[vars]`, and all of `[flux]`.
fn uses(given: &[Given<'_>]) -> Vec<Vec<usize>> {
    let is_usable = |one: &Given<'_>| one.root == "vars" || OF_FLUX.contains(&one.key);
    let usable = || given.iter().enumerate().filter(|(_, one)| is_usable(one));
    let by_name: HashMap<(&str, &str), usize> = usable()
        .map(|(at, one)| ((one.root, one.key), at))
        .collect();
    let used = |path: &String| {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        match (root, parts.next()) {
            (root, Some(key)) => by_name.get(&(root, key)).copied(),
            ("vars", None) => Some(given.len()),
            ("flux", None) => Some(given.len() + 1),
            (_, None) => None,
        }
    };
    let all_of = |root: &str| -> Vec<usize> {
        let of_root = usable().filter(|(_, one)| one.root == root);
        of_root.map(|(at, _)| at).collect()
    };
    given
        .iter()
        .map(|one| one.uses.iter().filter_map(used).collect())
        .chain([all_of("vars"), all_of("flux")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Entry, Node};
    use crate::source::Span;

    fn entry() -> Entry {
        Entry {
            key: Span::BUILT_IN,
            node: Node::new("x", Span::BUILT_IN),
        }
    }

    fn given<'a>(
        values: &'a [(&'static str, &'a str, &[&str])],
        entry: &'a Entry,
    ) -> Vec<Given<'a>> {
        let given = values.iter().map(|(root, key, uses)| Given {
            root,
            key,
            entry,
            uses: uses.iter().map(|path| (*path).to_owned()).collect(),
        });
        given.collect()
    }

    fn order(values: &[(&'static str, &str, &[&str])]) -> (Vec<usize>, Vec<usize>) {
        let entry = entry();
        let mut waiting = Waiting::of(&given(values, &entry));
        let mut order = Vec::new();
        while let Some(at) = waiting.next() {
            order.push(at);
            waiting.done(at, true);
        }
        waiting.drop_ends();
        let cyclic = (0..values.len()).filter(|at| !waiting.is_done(*at));
        (order, cyclic.collect())
    }

    #[test]
    fn each_value_comes_after_those_that_it_uses() {
        let values: &[(&str, &str, &[&str])] = &[
            ("vars", "a", &["vars.b", "vars.b.deep"]),
            ("vars", "b", &["vars.c", "repo.name"]),
            ("vars", "c", &["flux.version"]),
            ("flux", "version", &[]),
            ("flux", "namespace", &["vars"]),
        ];
        assert_eq!(order(values), (vec![3, 2, 1, 0, 4], vec![]));
    }

    #[test]
    fn only_what_waits_for_itself_is_left() {
        let values: &[(&str, &str, &[&str])] = &[
            ("vars", "end", &["vars.a"]),
            ("vars", "a", &["vars.b"]),
            ("vars", "b", &["vars.a", "vars.c"]),
            ("vars", "c", &[]),
            ("vars", "after", &["vars.end"]),
        ];
        assert_eq!(order(values), (vec![3], vec![1, 2]));
        assert_eq!(order(&[("vars", "a", &["vars"])]), (vec![], vec![0]));
    }
}
