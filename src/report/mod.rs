//! One report in every form that somebody reads: people, pull requests, code scanning, CI.
//!
//! Every format is a function of [`Input`] and decides nothing: what is an error was decided when
//! the report was made. Formats meant for people are bounded and say what they leave out; formats
//! meant for programs list everything that their readers accept.

mod format;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod junit;
mod markdown;
mod problem;
mod remark;
mod sarif;
mod value;
mod wording;

pub use format::{Format, FormatError, Request, check_requests};
pub use markdown::{LIMIT as MARKDOWN_LIMIT, MARKER as MARKDOWN_MARKER};
pub(crate) use problem::place;
pub use problem::problems;

use crate::compare::report::Report;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::Style;
use crate::source::Sources;

/// What a rule's code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulePage {
    /// One line: what the rule is about.
    pub summary: String,
    /// The page that `fluxgen explain CODE` prints.
    pub text: String,
    /// The page of Flux or Kubernetes that the rule comes from.
    pub url: Option<String>,
}

/// Finds the page of a code.
pub type Pages<'a> = dyn Fn(&str) -> Option<RulePage> + 'a;

/// What the formats are made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub report: &'a Report,
    /// The findings that the report's problems were made from, and their texts: with them the
    /// human format shows source lines. Without, it names the places.
    pub found: Option<(&'a [Diagnostic], &'a Sources)>,
    pub pages: &'a Pages<'a>,
    /// For the human format alone.
    pub style: Style,
}

impl<'a> Input<'a> {
    /// A report without source lines, rule pages and colour.
    pub fn new(report: &'a Report) -> Self {
        Self {
            report,
            found: None,
            pages: &|_| None,
            style: Style::default(),
        }
    }
}

/// The whole text of a report in one format; it ends with a line break where it is not empty.
pub fn render(input: &Input<'_>, format: Format) -> String {
    match format {
        Format::Human => human::render(input),
        Format::Json => json::render(input),
        Format::Markdown => markdown::render(input),
        Format::Sarif => sarif::render(input),
        Format::Junit => junit::render(input),
        Format::Github => github::render(input),
        Format::Gitlab => gitlab::render(input),
        Format::Html => html::render(input),
    }
}

/// The part of the human format that is data: changes, forecast and the counts, without the
/// problems, which belong on stderr.
pub fn human_changes(input: &Input<'_>) -> String {
    human::changes(input)
}

/// The same in a line a cluster: counts alone.
pub fn human_summary(input: &Input<'_>) -> String {
    human::summary(input)
}
