//! The argument `--format FORMAT[=FILE]`.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::diagnostic::nearest::nearest;

/// A form that a report is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For a terminal or a log.
    Human,
    /// The versioned report: `schemas/report.schema.json`.
    Json,
    /// A comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Test results, for CI servers.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// A page that stands alone.
    Html,
}

/// One output of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub format: Format,
    /// Where to write it; `None` is stdout.
    pub file: Option<Utf8PathBuf>,
}

/// Why an argument of `--format` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("there is no format `{word}`{}; formats are {}", suggestion(*.nearest), names())]
    Unknown {
        word: String,
        nearest: Option<Format>,
    },
    #[error("`{0}=` names no file: write `{0}` for stdout or `{0}=FILE`")]
    NoFile(Format),
    #[error(
        "formats `{0}` and `{1}` would both be written to stdout: give one of them a file, as in `{1}=FILE`"
    )]
    TwoOnStdout(Format, Format),
    #[error("formats `{0}` and `{1}` would both be written to `{2}`")]
    TwoInFile(Format, Format, Utf8PathBuf),
}

fn suggestion(nearest: Option<Format>) -> String {
    nearest.map_or_else(String::new, |format| format!(" (did you mean `{format}`?)"))
}

fn names() -> String {
    Format::ALL.map(Format::as_str).join(", ")
}

impl Format {
    pub const ALL: [Format; 8] = [
        Format::Human,
        Format::Json,
        Format::Markdown,
        Format::Sarif,
        Format::Junit,
        Format::Github,
        Format::Gitlab,
        Format::Html,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Json => "json",
            Format::Markdown => "markdown",
            Format::Sarif => "sarif",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
            Format::Html => "html",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        let named = |name: &str| Format::ALL.into_iter().find(|f| f.as_str() == name);
        named(word).ok_or_else(|| FormatError::Unknown {
            word: word.to_owned(),
            nearest: nearest(word, Format::ALL.iter().map(|format| format.as_str()))
                .and_then(named),
        })
    }
}

impl FromStr for Request {
    type Err = FormatError;

    /// Reads `sarif` or `sarif=out.sarif`; `-` is stdout, as elsewhere.
    fn from_str(argument: &str) -> Result<Self, FormatError> {
        let Some((word, file)) = argument.split_once('=') else {
            return Ok(Self {
                format: argument.parse()?,
                file: None,
            });
        };
        let format = word.parse()?;
        match file {
            "" => Err(FormatError::NoFile(format)),
            "-" => Ok(Self { format, file: None }),
            file => Ok(Self {
                format,
                file: Some(Utf8Path::new(file).to_owned()),
            }),
        }
    }
}

/// Refuses two outputs in one place, which would be neither.
pub fn check_requests(requests: &[Request]) -> Result<(), FormatError> {
    for (number, request) in requests.iter().enumerate() {
        let Some(other) = requests[..number]
            .iter()
            .find(|other| other.file == request.file)
        else {
            continue;
        };
        return Err(match &request.file {
            None => FormatError::TwoOnStdout(other.format, request.format),
            Some(file) => FormatError::TwoInFile(other.format, request.format, file.clone()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(argument: &str) -> Result<Request, String> {
        argument
            .parse()
            .map_err(|error: FormatError| error.to_string())
    }

    #[test]
    fn a_format_and_its_file_are_read() {
        let stdout = Request {
            format: Format::Json,
            file: None,
        };
        assert_eq!(parse("json"), Ok(stdout.clone()));
        assert_eq!(parse("json=-"), Ok(stdout));
        let file = Some(Utf8PathBuf::from("a=b.sarif"));
        assert_eq!(
            parse("sarif=a=b.sarif"),
            Ok(Request {
                format: Format::Sarif,
                file
            })
        );
    }

    #[test]
    fn what_is_no_format_is_refused_with_the_nearest() {
        assert_eq!(
            parse("serif=x").unwrap_err(),
            "there is no format `serif` (did you mean `sarif`?); formats are human, json, markdown, sarif, junit, github, gitlab, html"
        );
        assert_eq!(
            parse("html=").unwrap_err(),
            "`html=` names no file: write `html` for stdout or `html=FILE`"
        );
        assert!(parse("").is_err());
        assert!(parse("=x").is_err());
    }

    #[test]
    fn two_outputs_in_one_place_are_refused() {
        let requests = |all: &[&str]| -> Result<(), String> {
            let all: Vec<Request> = all.iter().map(|one| parse(one).unwrap()).collect();
            check_requests(&all).map_err(|error| error.to_string())
        };
        assert_eq!(requests(&["human", "json=a", "json=b", "html=c"]), Ok(()));
        assert_eq!(
            requests(&["human", "json"]).unwrap_err(),
            "formats `human` and `json` would both be written to stdout: give one of them a file, as in `json=FILE`"
        );
        assert_eq!(
            requests(&["human=a", "json=a"]).unwrap_err(),
            "formats `human` and `json` would both be written to `a`"
        );
    }
}
