//! Every output format from one failing run, read as prose, and the rules that formats must keep.

use fluxgen::diagnostic::render::Style;
use fluxgen::report::{Format, Input, render};

#[cfg(unix)]
mod browser;
mod comment;
mod fixture;
mod page;
mod rules;

fn of_check(format: Format) -> String {
    let run = fixture::failing_check();
    let input = Input {
        found: Some((&run.diagnostics, &run.sources)),
        pages: &fixture::pages,
        style: Style::PLAIN,
        ..Input::new(&run.report)
    };
    render(&input, format)
}

fn of_diff(format: Format) -> String {
    let run = fixture::denied_diff();
    let input = Input {
        pages: &fixture::pages,
        style: Style::PLAIN,
        ..Input::new(&run.report)
    };
    render(&input, format)
}

macro_rules! snapshots {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $text);
        }
    )*};
}

snapshots! {
    a_failing_check_for_people: of_check(Format::Human);
    a_failing_check_as_json: of_check(Format::Json);
    a_failing_check_as_markdown: of_check(Format::Markdown);
    a_failing_check_as_sarif: without_version(&of_check(Format::Sarif));
    a_failing_check_as_junit: of_check(Format::Junit);
    a_failing_check_as_github_annotations: of_check(Format::Github);
    a_failing_check_as_gitlab_code_quality: of_check(Format::Gitlab);
    a_denied_diff_for_people: of_diff(Format::Human);
    a_denied_diff_as_markdown: of_diff(Format::Markdown);
    a_denied_diff_as_github_annotations: of_diff(Format::Github);
    a_denied_diff_as_junit: of_diff(Format::Junit);
    a_denied_diff_as_gitlab_code_quality: of_diff(Format::Gitlab);
    a_denied_diff_as_sarif: without_version(&of_diff(Format::Sarif));
}

/// A release changes no snapshot.
fn without_version(sarif: &str) -> String {
    sarif.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}
