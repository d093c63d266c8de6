//! Go's answers in ../shared/vectors, held against ours. A lone clone has no such folder and says so.

use std::path::PathBuf;

use fluxgen::go::duration::{Duration, Units, fits_flux_pattern};
use fluxgen::go::regexp::{Regexp, RegexpError};
use fluxgen::go::semver::{Constraint, Version};
use fluxgen::image::evaluation::{Outcome, evaluate};
use fluxgen::image::policy::{Filter, Order, Policy};
use serde_json::Value;

/// The cases of one file, or nothing where the folder is not there.
fn vectors(file: &str) -> Option<Value> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors")).join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the vectors are JSON")),
        Err(error) => {
            eprintln!("skipped: {file}: {error}");
            None
        }
    }
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("`{key}` in {case}"))
}

#[test]
fn durations_are_judged_as_go_and_the_crds_judge_them() {
    let Some(cases) = vectors("duration.json") else {
        return;
    };
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() > 20);
    for case in cases {
        let written = text(case, "text");
        let parsed = Duration::parse(written);
        assert_eq!(
            parsed.is_ok(),
            case["go"] == true,
            "go, {written:?}: {parsed:?}"
        );
        assert_eq!(
            fits_flux_pattern(written, Units::Hours),
            case["flux"] == true,
            "flux, {written:?}"
        );
        assert_eq!(
            Duration::parse_flux(written, Units::Hours).is_ok(),
            case["go"] == true && case["flux"] == true,
            "both, {written:?}"
        );
        if let Ok(duration) = parsed {
            assert_eq!(
                Some(duration.nanoseconds()),
                case["nanoseconds"].as_i64(),
                "{written:?}"
            );
            assert_eq!(duration.to_string(), text(case, "canonical"), "{written:?}");
        }
    }
}

#[test]
fn versions_and_ranges_are_judged_as_masterminds_judges_them() {
    let Some(cases) = vectors("semver.json") else {
        return;
    };
    let versions = cases["versions"].as_object().expect("versions");
    let mut read = Vec::new();
    for (written, valid) in versions {
        let parsed = Version::parse_flux(written);
        assert_eq!(parsed.is_ok(), *valid == true, "{written:?}: {parsed:?}");
        read.extend(parsed);
    }
    let ranges = cases["ranges"].as_array().expect("ranges");
    assert!(ranges.len() > 100 && read.len() > 30);
    for case in ranges {
        let range = text(case, "range");
        let parsed = Constraint::parse(range);
        assert_eq!(
            parsed.is_ok(),
            case["valid"] == true,
            "{range:?}: {parsed:?}"
        );
        let Ok(constraint) = parsed else { continue };
        let expected: Vec<&str> = case["matches"]
            .as_array()
            .expect("matches")
            .iter()
            .map(|v| v.as_str().expect("a version"))
            .collect();
        for version in &read {
            let is_expected = expected.contains(&version.original());
            assert_eq!(
                constraint.check(version),
                is_expected,
                "{range:?} and {version}"
            );
        }
    }
}

#[test]
fn patterns_match_and_extract_as_go_does() {
    let Some(cases) = vectors("regexp.json") else {
        return;
    };
    let cases = cases.as_array().expect("a list");
    let mut not_checked = Vec::new();
    for case in cases {
        let (pattern, template) = (text(case, "pattern"), text(case, "replace"));
        let regexp = match Regexp::compile(pattern) {
            Ok(regexp) => regexp,
            Err(RegexpError::Refused(error)) => {
                assert_eq!(case["valid"], false, "{pattern:?}: {error}");
                continue;
            }
            Err(RegexpError::NotChecked(reason)) => {
                not_checked.push(format!("{pattern:?}: {reason}"));
                continue;
            }
        };
        assert_eq!(case["valid"], true, "{pattern:?}");
        for example in case["cases"].as_array().expect("cases") {
            let written = text(example, "text");
            assert_eq!(
                example["matches"] == true,
                regexp.is_match(written),
                "{pattern:?} on {written:?}"
            );
            if let Some(extracted) = example["extracted"].as_str() {
                let got = regexp.extract(written, &regexp.template(template));
                assert_eq!(
                    got.as_deref(),
                    Some(extracted),
                    "{pattern:?} on {written:?} to {template:?}"
                );
            }
        }
    }
    assert!(cases.len() > 40);
    assert!(
        not_checked.is_empty(),
        "{} of {} not checked: {not_checked:#?}",
        not_checked.len(),
        cases.len()
    );
}

#[test]
fn image_policies_select_what_the_controller_selects() {
    let Some(cases) = vectors("image-policy.json") else {
        return;
    };
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() > 10);
    for case in cases {
        let argument = text(case, "argument");
        // The arguments are the controller's, which has made upper case of `asc` and `desc` before.
        let policy = match text(case, "policy") {
            "semver" => Policy::semver(argument),
            "alphabetical" => Order::parse(argument).map(|order| Policy::Alphabetical { order }),
            "numerical" => Order::parse(argument).map(|order| Policy::Numerical { order }),
            other => panic!("unknown policy {other}"),
        };
        let filter = case.get("filterTags").map(|filter| {
            Filter::new(text(filter, "pattern"), text(filter, "extract")).expect("a filter")
        });
        let tags: Vec<String> = case["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .map(|tag| tag.as_str().expect("a tag").to_owned())
            .collect();
        let got = policy.map(|policy| evaluate(&policy, filter.as_ref(), &tags).outcome);
        match (got, case["latest"].as_str(), case["error"].as_str()) {
            (Ok(Outcome::Latest(tag)), Some(latest), None) => assert_eq!(tag, latest, "{case}"),
            (Ok(Outcome::Unstable { tags, .. }), Some(latest), None) => {
                eprintln!("unstable: any of {tags:?}: {case}");
                assert!(tags.iter().any(|tag| tag == latest), "{tags:?}: {case}");
            }
            (Ok(Outcome::Error { message, or }), None, Some(error)) => {
                assert!(
                    message == error || or.iter().any(|other| other == error),
                    "{message}: {case}"
                );
            }
            (Err(error), None, Some(expected)) => assert_eq!(error.to_string(), expected, "{case}"),
            (got, _, _) => panic!("{got:?}: {case}"),
        }
    }
}
