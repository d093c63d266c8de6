//! Findings that differ only in the name of their cluster are one finding.

use std::collections::HashMap;

use super::Diagnostic;

/// The placeholder for a cluster's own name.
const CLUSTER: &str = "<cluster>";

/// Joins findings of one cluster each that are equal once `<cluster>` replaces the cluster's name.
///
/// A finding without a counterpart keeps its words, and so does one whose place differs.
pub(super) fn folded(all: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut joined: Vec<Joined> = Vec::with_capacity(all.len());
    let mut known: HashMap<String, usize> = HashMap::new();
    for diagnostic in all {
        let general = match diagnostic.clusters.as_slice() {
            [cluster] => generalised(&diagnostic, cluster),
            _ => None,
        };
        let Some(general) = general else {
            joined.push(Joined {
                diagnostic,
                general: None,
            });
            continue;
        };
        match known.entry(format!("{general:?}")) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(joined.len());
                joined.push(Joined {
                    diagnostic,
                    general: Some(general),
                });
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                joined[*entry.get()].add(diagnostic.clusters);
            }
        }
    }
    joined.into_iter().map(|it| it.diagnostic).collect()
}

struct Joined {
    diagnostic: Diagnostic,
    /// Until a second cluster has it, the finding is told in its own words.
    general: Option<Diagnostic>,
}

impl Joined {
    fn add(&mut self, clusters: Vec<String>) {
        if let Some(mut general) = self.general.take() {
            general.clusters = std::mem::take(&mut self.diagnostic.clusters);
            self.diagnostic = general;
        }
        self.diagnostic.clusters.extend(clusters);
    }
}

/// The finding without clusters and without the name of its one; `None` where the name is not in it.
fn generalised(diagnostic: &Diagnostic, cluster: &str) -> Option<Diagnostic> {
    let mut general = diagnostic.clone();
    let mut is_named = false;
    let texts = [&mut general.message]
        .into_iter()
        .chain(&mut general.notes)
        .chain(&mut general.help)
        .chain(general.labels.iter_mut().map(|label| &mut label.message));
    for text in texts {
        if let Some(replaced) = replaced(text, cluster) {
            *text = replaced;
            is_named = true;
        }
    }
    general.clusters.clear();
    is_named.then_some(general)
}

/// The text with `<cluster>` for the name, where it is a word of its own: `prod` is not in `product`.
pub(crate) fn replaced(text: &str, cluster: &str) -> Option<String> {
    if cluster.is_empty() || !text.contains(cluster) {
        return None;
    }
    let is_word = |letter: Option<char>| letter.is_some_and(|it| it.is_alphanumeric() || it == '-');
    let mut done = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find(cluster) {
        let (before, after) = (&rest[..at], &rest[at + cluster.len()..]);
        let left = before.chars().next_back().or(done.chars().next_back());
        done.push_str(before);
        if is_word(left) || is_word(after.chars().next()) {
            done.push_str(cluster);
        } else {
            done.push_str(CLUSTER);
            found = true;
        }
        rest = after;
    }
    done.push_str(rest);
    found.then_some(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cluster: &str, message: &str) -> Diagnostic {
        Diagnostic::warning("x", message).in_cluster(cluster)
    }

    #[test]
    fn findings_that_differ_in_the_name_of_their_cluster_are_one() {
        let found = folded(vec![
            of("dev", "no folder `./apps/dev`"),
            of("prod", "no folder `./apps/prod`"),
            of("test", "no folder `./apps/test`").with_help("add it"),
            of("dev", "no folder `./infra/dev`"),
            of("prod", "no folder `./apps/product`"),
        ]);
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.message.as_str(), it.clusters.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                ("no folder `./apps/<cluster>`", "dev prod".to_owned()),
                // What to do differs.
                ("no folder `./apps/test`", "test".to_owned()),
                ("no folder `./infra/dev`", "dev".to_owned()),
                ("no folder `./apps/product`", "prod".to_owned()),
            ]
        );
    }

    #[test]
    fn a_name_is_replaced_where_it_is_a_word_of_its_own() {
        for (text, expected) in [
            ("clusters/prod/a", Some("clusters/<cluster>/a")),
            ("prod", Some("<cluster>")),
            ("product and prod-eu", None),
            ("non-prod", None),
            ("", None),
        ] {
            assert_eq!(replaced(text, "prod").as_deref(), expected, "{text}");
        }
    }
}
