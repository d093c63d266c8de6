//! What is likely wrong with an image policy, found from its rule, its filter and the tags it is tried on.

mod alphabetical_order_over_numbers;
mod calendar_version_selected;
mod ignored_prereleases;
mod numerical_order_over_text;
mod numerical_order_without_extract;
mod oldest_tag_selected;
mod policy_selects_no_tag;
#[cfg(test)]
mod tests;
mod unanchored_filter;
mod unknown_filter_group;
mod unstable_policy;

use crate::diagnostic::Diagnostic;

use super::evaluation::{Evaluation, Judged};
use super::policy::{Filter, Policy};

/// A kind of finding, with the page that explains it.
#[derive(Debug)]
pub struct Lint {
    /// States the fault, in kebab-case.
    pub code: &'static str,
    /// One line, as in a list of rules.
    pub summary: &'static str,
    /// The page, in Markdown.
    pub page: &'static str,
    /// The part of the policy that a finding points at.
    pub field: Field,
    check: fn(&Subject<'_>) -> Option<Diagnostic>,
}

/// A part of an image's table. A caller that knows where it stands adds the place to the diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `policy.semver.range`
    Range,
    /// `policy.alphabetical.order` or `policy.numerical.order`
    Order,
    /// `policy` as a whole
    Policy,
    /// `filterTags.pattern`
    Pattern,
    /// `filterTags.extract`, or `filterTags` where it has none
    Extract,
}

#[derive(Debug, Clone)]
pub struct Finding {
    pub field: Field,
    pub diagnostic: Diagnostic,
}

/// What the checks look at.
struct Subject<'a> {
    policy: &'a Policy,
    filter: Option<&'a Filter>,
    evaluation: &'a Evaluation,
}

impl<'a> Subject<'a> {
    /// The tags that the filter passes.
    fn passing(&self) -> impl Iterator<Item = &'a Judged> {
        self.evaluation
            .tags
            .iter()
            .filter(|tag| tag.extracted.is_some())
    }

    /// The group that holds what is ordered, if one does; 0 is the tag as a whole.
    fn ordered_group(&self) -> Option<usize> {
        let filter = self.filter?;
        match filter.extract.is_empty() {
            true => Some(0),
            false => filter.regexp.single_group(&filter.extract),
        }
    }
}

/// Names that people give to the group of a timestamp, whose width does not change.
const TIMES: &[&str] = &[
    "date",
    "datetime",
    "epoch",
    "time",
    "timestamp",
    "ts",
    "unix",
];

impl Subject<'_> {
    /// Whether the part that is ordered has one width, by the pattern or as a timestamp.
    fn is_of_one_width(&self) -> bool {
        let (Some(filter), Some(group)) = (self.filter, self.ordered_group()) else {
            return false;
        };
        let name = filter.regexp.group_names().get(group);
        let is_time = name.is_some_and(|name| TIMES.contains(&name.to_lowercase().as_str()));
        is_time || !filter.regexp.group_varies_in_length(group)
    }
}

/// Every lint, by code.
pub static LINTS: [&Lint; 10] = [
    &alphabetical_order_over_numbers::LINT,
    &calendar_version_selected::LINT,
    &ignored_prereleases::LINT,
    &numerical_order_over_text::LINT,
    &numerical_order_without_extract::LINT,
    &oldest_tag_selected::LINT,
    &policy_selects_no_tag::LINT,
    &unanchored_filter::LINT,
    &unknown_filter_group::LINT,
    &unstable_policy::LINT,
];

/// Looks for likely faults of a policy. The evaluation is of the policy's own tags; it may be of none.
///
/// A diagnostic comes without a place; see [`Field`].
pub fn lint(policy: &Policy, filter: Option<&Filter>, evaluation: &Evaluation) -> Vec<Finding> {
    let subject = Subject {
        policy,
        filter,
        evaluation,
    };
    let mut findings = Vec::new();
    for lint in LINTS {
        if let Some(diagnostic) = (lint.check)(&subject) {
            findings.push(Finding {
                field: lint.field,
                diagnostic,
            });
        }
    }
    findings
}

/// Up to three of a list in backticks, and how many more there are.
fn listed<'t>(tags: impl IntoIterator<Item = &'t str>) -> String {
    let tags: Vec<&str> = tags.into_iter().collect();
    let shown: Vec<String> = tags.iter().take(3).map(|tag| format!("`{tag}`")).collect();
    match (shown.as_slice(), tags.len()) {
        ([], _) => String::new(),
        ([only], 1) => only.clone(),
        ([first, second], 2) => format!("{first} and {second}"),
        (shown, 3) => format!("{} and {}", shown[..2].join(", "), shown[2]),
        (shown, count) => format!("{} and {} more", shown.join(", "), count - shown.len()),
    }
}
