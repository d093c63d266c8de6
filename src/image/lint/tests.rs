//! Policies as people write them, and what is said about each.

use super::*;
use crate::image::evaluation::evaluate;
use crate::image::policy::PolicyError;

type Written<'a> = Option<(&'a str, &'a str)>;

fn findings(
    policy: Result<Policy, PolicyError>,
    filter: Written<'_>,
    tags: &[&str],
) -> Vec<Finding> {
    let policy = policy.expect("a policy");
    let filter = filter.map(|(pattern, extract)| Filter::new(pattern, extract).expect("a filter"));
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let evaluation = evaluate(&policy, filter.as_ref(), &tags);
    lint(&policy, filter.as_ref(), &evaluation)
}

/// `code: message` of each finding.
fn said(policy: Result<Policy, PolicyError>, filter: Written<'_>, tags: &[&str]) -> Vec<String> {
    let findings = findings(policy, filter, tags);
    findings
        .iter()
        .map(|found| format!("{}: {}", found.diagnostic.code, found.diagnostic.message))
        .collect()
}

#[test]
fn sound_policies_are_left_in_peace() {
    let builds = [
        "main-a1b2c3d-1611906956",
        "main-0000001-1611906999",
        "dev-abc-1711906999",
    ];
    let silent: &[(Result<Policy, PolicyError>, Written<'_>, &[&str])] = &[
        (Policy::semver("5.0.x"), None, &["5.0.0", "5.0.3", "5.1.0"]),
        (
            Policy::semver(">=1.0.0-0"),
            Some((".*-rc.*", "")),
            &["1.0.0-rc.1", "1.0.0"],
        ),
        (
            Policy::semver("^1.x"),
            Some((r"^v?\d+\.\d+\.\d+$", "")),
            &[],
        ),
        (
            Policy::semver(">=1.0.0"),
            Some((r"^(?P<v>\d+\.\d+\.\d+)-alpine$", "$v")),
            &["1.0.0-alpine", "1.0.1"],
        ),
        // A release that the range ignores for being a prerelease is no fault without a filter that wants it.
        (
            Policy::semver("6.x"),
            None,
            &["6.5.0", "7.0.0-rc.1", "6.6.0-rc.1"],
        ),
        (
            Policy::numerical("asc"),
            Some(("^main-[a-fA-F0-9]+-(?P<ts>.*)", "$ts")),
            &builds,
        ),
        (Policy::numerical(""), Some(("^[0-9]+$", "")), &["9", "10"]),
        (Policy::numerical(""), None, &[]),
        (
            Policy::alphabetical("asc"),
            Some((r"^RELEASE\.(?P<t>.*)Z$", "$t")),
            &[
                "RELEASE.2023-01-05T00-00-00Z",
                "RELEASE.2022-11-08T00-00-00Z",
            ],
        ),
        (
            Policy::alphabetical(""),
            Some(("^[0-9]{8}$", "")),
            &["20230105", "20221108"],
        ),
        (
            Policy::alphabetical(""),
            None,
            &["2023-01-22", "2023-01-04"],
        ),
        (Policy::semver("*"), None, &["2024.1.2", "2023.12.1"]),
    ];
    for (policy, filter, tags) in silent {
        assert_eq!(
            said(policy.clone(), *filter, tags),
            Vec::<String>::new(),
            "{policy:?} {filter:?}"
        );
    }
}

#[test]
fn desc_is_told_to_select_the_oldest() {
    assert_eq!(
        said(
            Policy::alphabetical("desc"),
            None,
            &["2023-01-22", "2023-01-04"]
        ),
        ["oldest-tag-selected: order `desc` selects `2023-01-04`, the least of 2 tags"]
    );
    assert_eq!(
        said(Policy::numerical("desc"), Some(("^[0-9]+$", "")), &[]),
        ["oldest-tag-selected: order `desc` selects the least tag, which is the oldest build"]
    );
}

#[test]
fn an_open_filter_is_told_with_the_tag_it_should_not_pass() {
    let filter = Some(("^main-[a-f0-9]+-(?P<ts>[0-9]+)", "$ts"));
    let tags = ["main-a1b2c3d-1611906956", "main-a1b2c3d-1611906999-arm64"];
    assert_eq!(
        said(Policy::numerical("asc"), filter, &tags),
        [
            "unanchored-filter: the filter is open at its end and matches only a part of `main-a1b2c3d-1611906999-arm64`"
        ]
    );
    // A timestamp has one width: nothing shows a fault.
    assert!(said(Policy::numerical("asc"), filter, &[]).is_empty());
    let filter = Some(("^main-[a-f0-9]+-(?P<n>[0-9]+)", "$n"));
    let found = findings(Policy::numerical("asc"), filter, &[]);
    assert_eq!(found[0].field, Field::Pattern);
    assert_eq!(
        found[0].diagnostic.help,
        ["write `^main-[a-f0-9]+-(?P<n>[0-9]+)$`"]
    );
    let found = findings(Policy::alphabetical("asc"), Some(("stable|edge", "")), &[]);
    assert_eq!(found[0].diagnostic.help, ["write `^(?:stable|edge)$`"]);
    // With a semver policy a whole tag is a version or takes no part; only evidence counts.
    assert!(said(Policy::semver("1.x"), Some((r"^v?1\.", "")), &[]).is_empty());
    assert_eq!(
        said(Policy::semver("1.x"), Some((r"^v?1\.", "")), &["v1.0.0"]).len(),
        1
    );
}

#[test]
fn a_prefix_of_tags_of_one_width_is_left_in_peace() {
    let releases = [
        "RELEASE.2024-05-05T00-00-00Z",
        "RELEASE.2024-06-01T00-00-00Z",
    ];
    let cases: &[(Written<'_>, &[&str])] = &[
        (Some((r"^RELEASE\.", "")), &releases),
        (Some((r"^RELEASE\.", "")), &[]),
        (Some((r"^RELEASE\.(?P<ts>.*)Z$", "$ts")), &releases),
        (
            Some((r"^(?P<date>[0-9]{8})", "$date")),
            &["20240101-a1b2", "20240102-c3d4"],
        ),
        (Some((r"^(?P<date>[0-9]{8})", "$date")), &[]),
        (Some((r"^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "$ts")), &[]),
        (
            Some((r"^main-[a-f0-9]+-(?P<n>[0-9]+)$", "$n")),
            &["main-a-1700000001", "main-b-1700000002"],
        ),
        (Some((r"^(?P<n>[0-9]{10})$", "$n")), &[]),
    ];
    for (filter, tags) in cases {
        let said = said(Policy::alphabetical("asc"), *filter, tags);
        assert!(said.is_empty(), "{filter:?} {tags:?}: {said:?}");
    }
}

#[test]
fn help_for_an_open_filter_passes_some_of_its_tags() {
    let found = findings(
        Policy::alphabetical("asc"),
        Some((r"^RELEASE\.", "")),
        &["RELEASE.2024-05-05", "RELEASE.2024-06-01-fips"],
    );
    assert_eq!(found[0].diagnostic.code, "unanchored-filter");
    assert_eq!(
        found[0].diagnostic.help,
        [r"write `^RELEASE\..*` if whatever follows is meant"]
    );
}

#[test]
fn numerical_order_over_hashes_is_told() {
    let filter = Some(("^sha-(?P<h>[a-f0-9]+)$", "$h"));
    assert_eq!(
        said(Policy::numerical("asc"), filter, &["sha-beef", "sha-42"]),
        [
            "numerical-order-over-text: `beef` is no number, which fails the numerical policy as a whole"
        ]
    );
    assert_eq!(
        said(Policy::numerical("asc"), filter, &["sha-1e3", "sha-42"]),
        ["numerical-order-over-text: `1e3` counts as a number by accident"]
    );
    assert_eq!(
        said(Policy::numerical("asc"), filter, &[]),
        ["numerical-order-over-text: numerical order over `$h`, which may hold letters"]
    );
}

#[test]
fn alphabetical_order_over_numbers_of_different_width_is_told() {
    assert_eq!(
        said(
            Policy::alphabetical("asc"),
            None,
            &["build-9", "build-10", "build-11"]
        ),
        ["alphabetical-order-over-numbers: alphabetical order puts `build-9` after `build-10`"]
    );
    assert_eq!(
        said(
            Policy::alphabetical("asc"),
            Some(("^build-(?P<n>[0-9]+)$", "$n")),
            &[]
        ),
        [
            "alphabetical-order-over-numbers: alphabetical order over a number of any width: `9` comes after `10`"
        ]
    );
}

#[test]
fn a_filter_for_prereleases_and_a_range_without_them_is_told() {
    assert_eq!(
        said(
            Policy::semver(">=1.0.0"),
            Some((r"^1\.\d+\.\d+(-rc\.\d+)?$", "")),
            &["1.0.0", "1.1.0-rc.1"]
        ),
        [
            "ignored-prereleases: the range `>=1.0.0` ignores the prereleases that the filter passes: `1.1.0-rc.1`"
        ]
    );
    assert_eq!(
        said(
            Policy::semver(">=1.0.0"),
            Some((r"^v\d+\.\d+\.\d+-beta\d+$", "")),
            &[]
        ),
        [
            "ignored-prereleases: the range `>=1.0.0` ignores the prereleases that the filter passes: such as `1.2.3-beta1`"
        ]
    );
}

#[test]
fn a_prerelease_right_before_the_range_is_told_too() {
    assert_eq!(
        said(
            Policy::semver("^1.0.0"),
            Some((r"^1\.\d+\.\d+.*$", "")),
            &["1.0.0-rc.1", "1.0.0"]
        ),
        [
            "ignored-prereleases: the range `^1.0.0` ignores the prereleases that the filter passes: `1.0.0-rc.1`"
        ]
    );
    assert!(
        said(
            Policy::semver("^2.0.0"),
            Some((r"^\d+\.\d+\.\d+.*$", "")),
            &["1.0.0-rc.1", "2.0.0"]
        )
        .is_empty()
    );
}

#[test]
fn a_filter_without_extract_under_numerical_order_is_told() {
    let found = findings(
        Policy::numerical("asc"),
        Some(("^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "")),
        &[],
    );
    let codes: Vec<&str> = found.iter().map(|found| found.diagnostic.code).collect();
    assert_eq!(codes, ["numerical-order-without-extract"]);
    assert_eq!(found[0].diagnostic.help, ["add `extract = \"$ts\"`"]);
}

#[test]
fn a_policy_that_selects_none_of_its_tags_is_told_why() {
    let found = findings(
        Policy::semver("3.x"),
        Some((r"^v", "")),
        &["v1.0.0", "v2", "latest", "v3.1.0-rc.1"],
    );
    let none = found
        .iter()
        .find(|found| found.diagnostic.code == "policy-selects-no-tag")
        .expect("a finding");
    assert_eq!(
        none.diagnostic.message,
        "the policy selects none of its tags: 1 not matched by the filter, 1 not a version, 1 outside the range, 1 a prerelease that the range ignores"
    );
    assert_eq!(
        none.diagnostic.notes,
        ["the controller would say: unable to determine latest version from provided list"]
    );
    assert!(said(Policy::semver("3.x"), None, &[]).is_empty());
}

#[test]
fn a_policy_that_flaps_between_equal_keys_is_told() {
    let found = findings(
        Policy::numerical("asc"),
        Some((r"-(?P<n>[0-9]+)$", "$n")),
        &["a-5", "b-5"],
    );
    let unstable = found
        .iter()
        .find(|found| found.diagnostic.code == "unstable-policy")
        .expect("a finding");
    assert_eq!(
        unstable.diagnostic.message,
        "the policy is unstable: it may select any of `a-5` and `b-5`"
    );
    assert_eq!(
        unstable.diagnostic.notes,
        ["the filter extracts one value from them"]
    );
}

#[test]
fn an_extract_of_no_group_is_told_with_the_nearest() {
    for (pattern, extract, help) in [
        ("^(?P<ts>[0-9]+)$", "$tx", "did you mean `$ts`?"),
        (
            "^(?P<ts>[0-9]+)$",
            "$ts0",
            "write `${ts}0`: the longest name counts",
        ),
        (
            "^([0-9]+)$",
            "$1x",
            "write `${1}x`: the longest name counts",
        ),
        (
            "^([0-9]+)$",
            "$ts",
            "name a group of the pattern: `(?P<ts>…)`",
        ),
    ] {
        let found = findings(Policy::numerical("asc"), Some((pattern, extract)), &[]);
        let unknown = found
            .iter()
            .find(|found| found.diagnostic.code == "unknown-filter-group")
            .expect(extract);
        assert_eq!(unknown.diagnostic.help, [help]);
    }
}

#[test]
fn a_downgrade_to_a_calendar_version_after_a_wider_range_is_told() {
    let tags = ["6.4.0", "6.5.0", "2017.3.14"];
    assert!(said(Policy::semver("6.x"), None, &tags).is_empty());
    assert_eq!(
        said(Policy::semver(">=6.0.0"), None, &tags),
        [
            "calendar-version-selected: the range `>=6.0.0` selects `2017.3.14`, a calendar version, over `6.5.0`"
        ]
    );
}

#[test]
fn every_lint_has_a_page_and_the_list_is_in_order() {
    let codes: Vec<&str> = LINTS.iter().map(|lint| lint.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    for lint in LINTS {
        assert!(
            lint.page.contains("https://fluxcd.io/") && lint.page.ends_with('\n'),
            "{}",
            lint.code
        );
        assert!(!lint.summary.ends_with('.'), "{}", lint.code);
    }
}
