//! Parts of a text that are not shown.

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;

/// Ranges in their order, none touching another.
pub(super) fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut all: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

/// `text` without what is in the ranges, which are merged. It has as many lines as before.
pub(super) fn without<'t>(text: &'t str, ranges: &[Range<usize>]) -> Cow<'t, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        shown.push_str(&text[at..range.start]);
        let hidden = &text[range.clone()];
        for (number, line) in hidden.split('\n').enumerate() {
            if number > 0 {
                shown.push('\n');
            }
            if !line.is_empty() {
                shown.push_str(MASK);
            }
        }
        at = range.end;
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}
