//! Which of a list of tags a policy selects, and why each other loses.
//!
//! The result is the controller's, its errors included. Where the controller's depends on the order of
//! a Go map or of the registry's list, every tag that may come out is named.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::go::float::parse_float;
use crate::go::semver::{Version, VersionError};

use super::policy::{Filter, Order, Policy};

/// What a policy makes of a list of tags.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub outcome: Outcome,
    /// One for each tag, in the order of the list, each tag once.
    pub tags: Vec<Judged>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Latest(String),
    /// Any of these, in the order of the list; it may change from one reconciliation to the next.
    Unstable {
        tags: Vec<String>,
        cause: Cause,
    },
    /// The controller's message; where it names one of several values, the others it may name.
    Error {
        message: String,
        or: Vec<String>,
    },
}

/// Why a result is not stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Two extracted values, or two tags, are equal in the policy's order.
    EqualKeys,
    /// The filter extracts one value from several tags.
    OneValue,
    /// `NaN` is neither greater nor less than any number.
    NotANumber,
}

/// A tag and its fate.
#[derive(Debug, Clone)]
pub struct Judged {
    pub tag: String,
    /// What the filter extracts, or the tag itself; none where the filter does not match.
    pub extracted: Option<String>,
    pub key: Option<Key>,
    /// 1 for the latest; equals share a place. None for a tag that does not take part.
    pub place: Option<usize>,
    pub verdict: Verdict,
}

/// What is compared.
#[derive(Debug, Clone)]
pub enum Key {
    Version(Version),
    Text(String),
    Number(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Wins,
    /// One of several that may win.
    MayWin,
    Loses(Reason),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The filter's pattern does not match.
    Filtered,
    NotAVersion(VersionError),
    /// A prerelease, and the range would hold it if it asked for prereleases.
    IgnoredPrerelease,
    OutsideRange,
    /// One such value fails the whole policy.
    NotANumber,
    /// Another value fails the policy.
    PolicyFails,
    /// It comes after this tag.
    Behind(String),
}

impl Outcome {
    /// The tags that may be selected.
    pub fn candidates(&self) -> &[String] {
        match self {
            Self::Latest(tag) => std::slice::from_ref(tag),
            Self::Unstable { tags, .. } => tags,
            Self::Error { .. } => &[],
        }
    }
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Version(left), Self::Version(right)) => left.precedence(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            // NaN has been settled before; -0 and 0 are equal.
            (Self::Number(left), Self::Number(right)) => {
                left.partial_cmp(right).unwrap_or(Ordering::Equal)
            }
            _ => unreachable!("a policy makes keys of one sort"),
        }
    }
}

/// Evaluates a policy over the tags of a repository.
///
/// Source: `internal/policy` of <https://github.com/fluxcd/image-reflector-controller>.
pub fn evaluate(policy: &Policy, filter: Option<&Filter>, tags: &[String]) -> Evaluation {
    let mut judged = Vec::with_capacity(tags.len());
    let mut seen = HashSet::with_capacity(tags.len());
    for tag in tags {
        if seen.insert(tag.as_str()) {
            judged.push(judge(policy, filter, tag));
        }
    }
    let outcome = decide(policy, &mut judged);
    Evaluation {
        outcome,
        tags: judged,
    }
}

/// Looks at a tag alone; what takes part loses to nobody yet.
fn judge(policy: &Policy, filter: Option<&Filter>, tag: &str) -> Judged {
    let extracted = match filter {
        Some(filter) => filter.apply(tag),
        None => Some(tag.to_owned()),
    };
    let (key, verdict) = match &extracted {
        None => (None, Verdict::Loses(Reason::Filtered)),
        Some(value) => match key(policy, value) {
            (key, None) => (key, Verdict::MayWin),
            (key, Some(reason)) => (key, Verdict::Loses(reason)),
        },
    };
    Judged {
        tag: tag.to_owned(),
        extracted,
        key,
        place: None,
        verdict,
    }
}

/// The key of an extracted value, and why it does not take part if it does not.
fn key(policy: &Policy, value: &str) -> (Option<Key>, Option<Reason>) {
    match policy {
        Policy::SemVer { constraint, .. } => match Version::parse_flux(value) {
            Err(error) => (None, Some(Reason::NotAVersion(error))),
            Ok(version) => {
                let reason = if constraint.check(&version) {
                    None
                } else if constraint.check_with_prereleases(&version) {
                    Some(Reason::IgnoredPrerelease)
                } else {
                    Some(Reason::OutsideRange)
                };
                (Some(Key::Version(version)), reason)
            }
        },
        Policy::Alphabetical { .. } => (Some(Key::Text(value.to_owned())), None),
        Policy::Numerical { .. } => match parse_float(value) {
            Some(number) => (Some(Key::Number(number)), None),
            None => (None, Some(Reason::NotANumber)),
        },
    }
}

fn decide(policy: &Policy, judged: &mut [Judged]) -> Outcome {
    let error = |message: &str| Outcome::Error {
        message: message.to_owned(),
        or: Vec::new(),
    };
    if judged.iter().all(|tag| tag.extracted.is_none()) {
        return error("version list argument cannot be empty");
    }
    let unreadable = unreadable_values(judged);
    if !unreadable.is_empty() {
        for tag in judged
            .iter_mut()
            .filter(|tag| tag.verdict == Verdict::MayWin)
        {
            tag.verdict = Verdict::Loses(Reason::PolicyFails);
        }
        let mut messages = unreadable
            .iter()
            .map(|value| format!("failed to parse invalid numeric value '{value}'"));
        let message = messages.next().unwrap_or_default();
        return Outcome::Error {
            message,
            or: messages.collect(),
        };
    }
    let mut taking_part: Vec<usize> = Vec::new();
    for (at, tag) in judged.iter().enumerate() {
        if tag.verdict == Verdict::MayWin {
            taking_part.push(at);
        }
    }
    if taking_part.is_empty() {
        return error("unable to determine latest version from provided list");
    }
    let tags = |places: &[usize], judged: &[Judged]| {
        places.iter().map(|at| judged[*at].tag.clone()).collect()
    };
    let is_nan = |tag: &Judged| matches!(tag.key, Some(Key::Number(number)) if number.is_nan());
    if taking_part.len() > 1 && taking_part.iter().any(|at| is_nan(&judged[*at])) {
        return Outcome::Unstable {
            tags: tags(&taking_part, judged),
            cause: Cause::NotANumber,
        };
    }
    let leaders = rank(policy, judged, &mut taking_part);
    let Some(latest) = leaders.first().map(|at| judged[*at].tag.clone()) else {
        return error("unable to determine latest version from provided list");
    };
    for at in taking_part {
        judged[at].verdict = match (judged[at].place, leaders.len()) {
            (Some(1), 1) => Verdict::Wins,
            (Some(1), _) => Verdict::MayWin,
            _ => Verdict::Loses(Reason::Behind(latest.clone())),
        };
    }
    if leaders.len() == 1 {
        return Outcome::Latest(latest);
    }
    let values: HashSet<&Option<String>> =
        leaders.iter().map(|at| &judged[*at].extracted).collect();
    let cause = if values.len() > 1 {
        Cause::EqualKeys
    } else {
        Cause::OneValue
    };
    Outcome::Unstable {
        tags: tags(&leaders, judged),
        cause,
    }
}

/// The extracted values that are no numbers where numbers are wanted, each once, in the list's order.
fn unreadable_values(judged: &[Judged]) -> Vec<String> {
    let mut seen = HashSet::new();
    let unreadable = judged
        .iter()
        .filter(|tag| tag.verdict == Verdict::Loses(Reason::NotANumber));
    let values = unreadable.filter_map(|tag| tag.extracted.as_ref());
    values
        .filter(|value| seen.insert(value.as_str()))
        .cloned()
        .collect()
}

/// Gives places to those that take part, best first, and returns those in the first place in the list's order.
fn rank(policy: &Policy, judged: &mut [Judged], taking_part: &mut [usize]) -> Vec<usize> {
    let compare = |left: usize, right: usize| match (&judged[left].key, &judged[right].key) {
        (Some(left), Some(right)) => match policy.order() {
            Some(Order::Desc) => left.compare(right),
            Some(Order::Asc) | None => right.compare(left),
        },
        _ => Ordering::Equal,
    };
    // The sort is stable, so equals stay in the list's order.
    taking_part.sort_by(|left, right| compare(*left, *right));
    let mut places = Vec::with_capacity(taking_part.len());
    for (at, tag) in taking_part.iter().enumerate() {
        let place = match places.last() {
            Some(place) if compare(taking_part[at - 1], *tag).is_eq() => *place,
            _ => at + 1,
        };
        places.push(place);
    }
    for (tag, place) in taking_part.iter().zip(&places) {
        judged[*tag].place = Some(*place);
    }
    let leaders = taking_part
        .iter()
        .zip(&places)
        .filter(|(_, place)| **place == 1);
    leaders.map(|(tag, _)| *tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::policy::PolicyError;

    fn run(
        policy: Result<Policy, PolicyError>,
        filter: Option<(&str, &str)>,
        tags: &[&str],
    ) -> Evaluation {
        let filter =
            filter.map(|(pattern, extract)| Filter::new(pattern, extract).expect("a filter"));
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        evaluate(&policy.expect("a policy"), filter.as_ref(), &tags)
    }

    fn latest(
        policy: Result<Policy, PolicyError>,
        filter: Option<(&str, &str)>,
        tags: &[&str],
    ) -> String {
        match run(policy, filter, tags).outcome {
            Outcome::Latest(tag) => tag,
            other => panic!("{other:?}"),
        }
    }

    const BUILDS: Option<(&str, &str)> = Some(("^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "$ts"));

    #[test]
    fn desc_selects_the_oldest_image() {
        let tags = ["main-a1-100", "main-b2-300", "main-c3-200"];
        assert_eq!(
            latest(Policy::numerical("asc"), BUILDS, &tags),
            "main-b2-300"
        );
        assert_eq!(
            latest(Policy::numerical("desc"), BUILDS, &tags),
            "main-a1-100"
        );
    }

    #[test]
    fn alphabetically_a_fourth_january_loses_to_a_twenty_second_and_a_ninth_build_wins_over_a_tenth()
     {
        let dates = ["2023-01-22", "2023-01-04"];
        assert_eq!(
            latest(Policy::alphabetical("asc"), None, &dates),
            "2023-01-22"
        );
        // What made `-04` win over `-22`: the order was taken for "newest first".
        assert_eq!(
            latest(Policy::alphabetical("desc"), None, &dates),
            "2023-01-04"
        );
        assert_eq!(
            latest(Policy::alphabetical(""), None, &["build-10", "build-9"]),
            "build-9"
        );
    }

    #[test]
    fn a_numerical_policy_over_commit_hashes_fails_or_selects_what_looks_like_a_number() {
        let evaluation = run(
            Policy::numerical("asc"),
            Some(("^sha-(?P<h>[a-f0-9]+)$", "$h")),
            &["sha-1e3", "sha-42", "sha-beef"],
        );
        let message = "failed to parse invalid numeric value 'beef'".to_owned();
        assert_eq!(
            evaluation.outcome,
            Outcome::Error {
                message,
                or: vec![]
            }
        );
        assert_eq!(
            evaluation.tags[0].verdict,
            Verdict::Loses(Reason::PolicyFails)
        );
        assert_eq!(
            evaluation.tags[2].verdict,
            Verdict::Loses(Reason::NotANumber)
        );
        // 1e3 is a thousand.
        let tags = ["sha-1e3", "sha-42"];
        assert_eq!(
            latest(
                Policy::numerical("asc"),
                Some(("^sha-(?P<h>[a-f0-9]+)$", "$h")),
                &tags
            ),
            "sha-1e3"
        );
    }

    #[test]
    fn a_policy_with_equal_keys_may_select_any_of_them() {
        let evaluation = run(Policy::numerical("asc"), None, &["7", "1.0", "007", "1"]);
        let tags = vec!["7".to_owned(), "007".to_owned()];
        assert_eq!(
            evaluation.outcome,
            Outcome::Unstable {
                tags,
                cause: Cause::EqualKeys
            }
        );
        assert_eq!(
            evaluation
                .tags
                .iter()
                .map(|tag| tag.place)
                .collect::<Vec<_>>(),
            [Some(1), Some(3), Some(1), Some(3)]
        );
        let evaluation = run(Policy::semver("*"), None, &["v1.2.3", "1.2.3", "1.0.0"]);
        assert_eq!(evaluation.outcome.candidates(), ["v1.2.3", "1.2.3"]);
    }

    #[test]
    fn two_tags_of_one_extracted_value_may_each_be_selected() {
        let evaluation = run(
            Policy::numerical("asc"),
            Some(("-(?P<ts>[0-9]+)", "$ts")),
            &["a-5", "b-5", "c-4"],
        );
        let tags = vec!["a-5".to_owned(), "b-5".to_owned()];
        assert_eq!(
            evaluation.outcome,
            Outcome::Unstable {
                tags,
                cause: Cause::OneValue
            }
        );
        assert_eq!(
            evaluation.tags[2].verdict,
            Verdict::Loses(Reason::Behind("a-5".into()))
        );
    }

    #[test]
    fn a_wider_range_selects_an_old_calendar_version() {
        let tags = ["6.4.0", "6.5.0", "2017.3.14"];
        assert_eq!(latest(Policy::semver("6.x"), None, &tags), "6.5.0");
        assert_eq!(latest(Policy::semver(">=6.0.0"), None, &tags), "2017.3.14");
    }

    #[test]
    fn not_a_number_makes_every_number_a_possible_winner() {
        let evaluation = run(Policy::numerical("asc"), None, &["1", "nan", "2"]);
        let Outcome::Unstable {
            tags,
            cause: Cause::NotANumber,
        } = evaluation.outcome
        else {
            panic!("{evaluation:?}")
        };
        assert_eq!(tags, ["1", "nan", "2"]);
    }

    #[test]
    fn each_tag_is_told_why_it_loses() {
        let evaluation = run(
            Policy::semver(">=1.0.0"),
            Some((r"^(?P<v>.*)-alpine$", "$v")),
            &[
                "1.2.0-alpine",
                "1.1.0-alpine",
                "1.3.0",
                "2.0.0-rc.1-alpine",
                "0.9.0-alpine",
                "edge-alpine",
            ],
        );
        assert_eq!(evaluation.outcome, Outcome::Latest("1.2.0-alpine".into()));
        let verdicts: Vec<Verdict> = evaluation.tags.into_iter().map(|tag| tag.verdict).collect();
        let loses = Verdict::Loses;
        assert_eq!(
            verdicts,
            [
                Verdict::Wins,
                loses(Reason::Behind("1.2.0-alpine".into())),
                loses(Reason::Filtered),
                loses(Reason::IgnoredPrerelease),
                loses(Reason::OutsideRange),
                loses(Reason::NotAVersion(VersionError::NotThreeParts)),
            ]
        );
    }

    #[test]
    fn a_list_without_a_tag_that_takes_part_gets_the_controllers_error() {
        for (tags, message) in [
            (&[][..], "version list argument cannot be empty"),
            (
                &["latest"][..],
                "unable to determine latest version from provided list",
            ),
        ] {
            let outcome = run(Policy::semver("*"), None, tags).outcome;
            assert_eq!(
                outcome,
                Outcome::Error {
                    message: message.into(),
                    or: vec![]
                }
            );
        }
        let outcome = run(Policy::semver("*"), Some(("^x$", "")), &["1.0.0"]).outcome;
        assert_eq!(
            outcome,
            Outcome::Error {
                message: "version list argument cannot be empty".into(),
                or: vec![]
            }
        );
    }

    #[test]
    fn a_tag_that_is_listed_twice_counts_once() {
        let evaluation = run(Policy::semver("*"), None, &["1.0.0", "1.0.0"]);
        assert_eq!(evaluation.outcome, Outcome::Latest("1.0.0".into()));
        assert_eq!(evaluation.tags.len(), 1);
    }

    #[test]
    fn an_extract_that_names_no_group_makes_every_key_empty() {
        let outcome = run(Policy::numerical(""), Some(("^([0-9]+)$", "$ts")), &["5"]).outcome;
        assert_eq!(
            outcome,
            Outcome::Error {
                message: "failed to parse invalid numeric value ''".into(),
                or: vec![]
            }
        );
    }
}
