//! Templates of Go's text/template, parsed as Go parses them.
//!
//! Reports what `Parse` refuses: syntax, unknown functions, undeclared variables. What only a run shows is
//! not looked for, but for fields of the data that the caller knows.
//!
//! Source: <https://pkg.go.dev/text/template>.

mod functions;
mod lexer;
mod parser;

use std::fmt;

/// Why a template is refused, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    pub at: usize,
    pub message: String,
    pub help: Option<String>,
}

impl TemplateError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: None,
        }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A field of the data that a template reads, at its byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootField {
    pub at: usize,
    pub name: String,
}

/// Parses a template and returns the fields of its data that it reads.
pub fn check(text: &str) -> Result<Vec<RootField>, TemplateError> {
    parser::Parser::new(lexer::items(text)?).whole()
}
