//! What no output may hold: passwords, tokens, keys, and whatever a Secret has.
//!
//! A value is secret by where it is (`spot`), by the name it is under (`name`), or by its own letters (`text`),
//! in texts inside of texts too (`inside`). What is a secret in one place is one wherever it is met again
//! (`known`). Every output goes through here, and there is no second way.

mod file;
mod inside;
mod known;
mod name;
mod ranges;
mod spot;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::borrow::Cow;

pub(crate) use known::Secrets;
pub(crate) use spot::Spot;
pub use value::masked_document;
pub(crate) use value::{json, masked_field, text};

/// What is shown instead of a secret.
pub(crate) const MASK: &str = "***";

/// A text that is not a value, a message say, without what is a secret by its shape.
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    ranges::without(text, &ranges::merged(text::shapes(text)))
}

/// A file without its secrets, as many lines as it has.
pub(crate) fn hide_file<'t>(path: &str, text: &'t str) -> Cow<'t, str> {
    let nowhere = crate::source::Span::BUILT_IN.file;
    ranges::without(text, &file::Hidden::of(path, text, nowhere).ranges)
}
