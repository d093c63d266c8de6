//! What can go wrong while bootstrapping, in the words the user is told.

use std::fmt;

/// One fault: what is wrong, why it matters, and what to do about it.
///
/// Every message is a lower-case fragment with the user's own word in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub message: String,
    pub notes: Vec<String>,
    pub help: Vec<String>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        let note = note.into();
        if !note.trim().is_empty() {
            self.notes.push(note.trim_end().to_owned());
        }
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Puts what was being done in front of the message.
    pub(crate) fn during(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Rewrites every text of the error, as hiding secrets does.
    pub(crate) fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            message: change(&self.message),
            notes: self.notes.iter().map(|text| change(text)).collect(),
            help: self.help.iter().map(|text| change(text)).collect(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for (word, texts) in [("note", &self.notes), ("help", &self.help)] {
            for text in texts {
                write!(f, "\n  {word}: ")?;
                for (at, line) in text.lines().enumerate() {
                    if at > 0 {
                        write!(f, "\n        ")?;
                    }
                    write!(f, "{line}")?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_help_stand_below_the_message_with_their_lines_aligned() {
        let error = Error::new("no such thing as `x`")
            .note("first\nsecond")
            .note("  ")
            .help("type `y`");
        assert_eq!(
            error.to_string(),
            "no such thing as `x`\n  note: first\n        second\n  help: type `y`"
        );
    }
}
