//! What `fluxgen image test` prints of an evaluation: a table for people, JSON for machines.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnostic::render::printable_line as printable;

use super::evaluation::{Cause, Evaluation, Judged, Key, Outcome, Reason, Verdict};

/// One row for each tag, the best place first, then those that take no part in the list's order; then the result.
pub fn table(evaluation: &Evaluation) -> String {
    let mut order: Vec<&Judged> = evaluation.tags.iter().collect();
    // The sort is stable.
    order.sort_by_key(|judged| judged.place.unwrap_or(usize::MAX));
    let header = ["PLACE", "TAG", "EXTRACTED", "KEY", "RESULT"].map(Cow::Borrowed);
    let mut rows = Vec::with_capacity(order.len() + 1);
    rows.push(header);
    rows.extend(order.into_iter().map(row));
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(cell));
        }
    }
    let line = widths.iter().sum::<usize>() + 2 * widths.len();
    let mut text = String::with_capacity(line * rows.len());
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(cell);
            let padding = width - width_of(cell) + 2;
            text.extend(std::iter::repeat_n(' ', padding));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    writeln!(text, "\n{}", summary(evaluation)).expect("a string takes all that is written");
    text
}

fn row(judged: &Judged) -> [Cow<'_, str>; 5] {
    let dash = || Cow::Borrowed("-");
    [
        judged
            .place
            .map_or_else(dash, |place| place.to_string().into()),
        printable(&judged.tag),
        judged.extracted.as_deref().map_or_else(dash, printable),
        match &judged.key {
            None => dash(),
            Some(Key::Text(text)) => printable(text),
            // Neither has a character of another's making.
            Some(key @ (Key::Version(_) | Key::Number(_))) => shown_key(key).into(),
        },
        printable(&shown_verdict(&judged.verdict))
            .into_owned()
            .into(),
    ]
}

fn width_of(cell: &str) -> usize {
    match cell.is_ascii() {
        true => cell.len(),
        false => cell.chars().count(),
    }
}

/// The result in one line.
pub fn summary(evaluation: &Evaluation) -> String {
    match &evaluation.outcome {
        Outcome::Latest(tag) => format!("latest: {}", printable(tag)),
        Outcome::Unstable { tags, cause } => {
            let tags: Vec<Cow<'_, str>> = tags.iter().map(|tag| printable(tag)).collect();
            let cause = match cause {
                Cause::EqualKeys => "they are equal in the policy's order",
                Cause::OneValue => "the filter extracts one value from them",
                Cause::NotANumber => "NaN is neither greater nor less than a number",
            };
            format!("unstable: any of {} ({cause})", tags.join(", "))
        }
        Outcome::Error { message, or } if or.is_empty() => format!("error: {}", printable(message)),
        Outcome::Error { message, or } => {
            format!(
                "error: {} (or of {} other values)",
                printable(message),
                or.len()
            )
        }
    }
}

/// The evaluation as data, the tags in the order of the list.
///
/// `outcome` is `latest`, `unstable` or `error`; `candidates` are the tags that may be selected. A tag's
/// `verdict` is `wins`, `mayWin` or `loses`, with a `reason` in kebab-case where it loses.
pub fn to_json(evaluation: &Evaluation) -> Value {
    let outcome = match &evaluation.outcome {
        Outcome::Latest(tag) => json!({ "outcome": "latest", "latest": tag }),
        Outcome::Unstable { cause, .. } => json!({
            "outcome": "unstable",
            "cause": match cause {
                Cause::EqualKeys => "equal-keys",
                Cause::OneValue => "one-value",
                Cause::NotANumber => "not-a-number",
            },
        }),
        Outcome::Error { message, or } => {
            json!({ "outcome": "error", "error": message, "otherErrors": or })
        }
    };
    let mut whole = outcome;
    whole["candidates"] = json!(evaluation.outcome.candidates());
    whole["tags"] = evaluation.tags.iter().map(tag_json).collect();
    whole
}

fn tag_json(judged: &Judged) -> Value {
    let mut tag = json!({
        "tag": judged.tag,
        "passes": judged.extracted.is_some(),
        "extracted": judged.extracted,
        "key": judged.key.as_ref().map(shown_key),
        "place": judged.place,
    });
    match &judged.verdict {
        Verdict::Wins => tag["verdict"] = json!("wins"),
        Verdict::MayWin => tag["verdict"] = json!("mayWin"),
        Verdict::Loses(reason) => {
            tag["verdict"] = json!("loses");
            tag["reason"] = json!(match reason {
                Reason::Filtered => "filtered",
                Reason::NotAVersion(_) => "not-a-version",
                Reason::IgnoredPrerelease => "ignored-prerelease",
                Reason::OutsideRange => "outside-range",
                Reason::NotANumber => "not-a-number",
                Reason::PolicyFails => "policy-fails",
                Reason::Behind(_) => "behind",
            });
            if let Reason::Behind(other) = reason {
                tag["behind"] = json!(other);
            }
            tag["message"] = json!(shown_verdict(&judged.verdict));
        }
    }
    tag
}

fn shown_key(key: &Key) -> String {
    match key {
        Key::Version(version) => version.to_string(),
        Key::Text(text) => text.clone(),
        Key::Number(number) => number.to_string(),
    }
}

fn shown_verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Wins => "latest".into(),
        Verdict::MayWin => "may be latest".into(),
        Verdict::Loses(reason) => match reason {
            Reason::Filtered => "not matched by the filter".into(),
            Reason::NotAVersion(error) => format!("no version: {error}"),
            Reason::IgnoredPrerelease => "a prerelease, which the range ignores".into(),
            Reason::OutsideRange => "outside the range".into(),
            Reason::NotANumber => "no number, which fails the policy".into(),
            Reason::PolicyFails => "not compared: another value is no number".into(),
            Reason::Behind(other) => format!("behind {}", printable(other)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::evaluation::evaluate;
    use crate::image::policy::{Filter, Policy};

    fn evaluation() -> Evaluation {
        let filter = Filter::new(r"^(?P<v>.*)-alpine$", "$v").expect("a filter");
        let tags = [
            "0.9.0-alpine",
            "1.2.0-alpine",
            "1.3.0",
            "2.0.0-rc.1-alpine",
            "1.1.0-alpine",
            "edge-alpine",
        ];
        evaluate(
            &Policy::semver(">=1.0.0").expect("a policy"),
            Some(&filter),
            &tags.map(str::to_owned),
        )
    }

    #[test]
    fn the_table_shows_the_best_first_and_why_the_others_lose() {
        let expected = "\
PLACE  TAG                EXTRACTED   KEY         RESULT
1      1.2.0-alpine       1.2.0       1.2.0       latest
2      1.1.0-alpine       1.1.0       1.1.0       behind 1.2.0-alpine
-      0.9.0-alpine       0.9.0       0.9.0       outside the range
-      1.3.0              -           -           not matched by the filter
-      2.0.0-rc.1-alpine  2.0.0-rc.1  2.0.0-rc.1  a prerelease, which the range ignores
-      edge-alpine        edge        -           no version: a version has three parts: `1.2.3`

latest: 1.2.0-alpine
";
        assert_eq!(table(&evaluation()), expected);
    }

    #[test]
    fn the_json_keeps_the_order_of_the_list_and_names_the_reason() {
        let json = to_json(&evaluation());
        assert_eq!(
            (&json["outcome"], &json["latest"]),
            (&json!("latest"), &json!("1.2.0-alpine"))
        );
        assert_eq!(json["candidates"], json!(["1.2.0-alpine"]));
        let expected = json!({
            "tag": "1.1.0-alpine", "passes": true, "extracted": "1.1.0", "key": "1.1.0", "place": 2,
            "verdict": "loses", "reason": "behind", "behind": "1.2.0-alpine", "message": "behind 1.2.0-alpine",
        });
        assert_eq!(json["tags"][4], expected);
        assert_eq!(json["tags"][2]["reason"], "filtered");
    }

    #[test]
    fn an_unstable_result_names_every_tag_that_may_come_out() {
        let policy = Policy::numerical("asc").expect("a policy");
        let evaluation = evaluate(&policy, None, &["7", "007", "1"].map(str::to_owned));
        assert_eq!(
            summary(&evaluation),
            "unstable: any of 7, 007 (they are equal in the policy's order)"
        );
        assert_eq!(to_json(&evaluation)["candidates"], json!(["7", "007"]));
    }

    #[test]
    fn an_error_is_the_controllers_and_a_hostile_tag_cannot_steer_the_terminal() {
        let policy = Policy::numerical("asc").expect("a policy");
        let evaluation = evaluate(&policy, None, &["\u{1b}[2J".to_owned(), "x".to_owned()]);
        assert_eq!(
            summary(&evaluation),
            "error: failed to parse invalid numeric value '␛[2J' (or of 1 other values)"
        );
        assert!(!table(&evaluation).contains('\u{1b}'));
    }
}
