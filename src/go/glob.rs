//! Go's `path.Match`, with a `*` that matches slashes, too: the patterns of substitution, and those of ignore
//! files, which are matched part by part.

/// A pattern that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// Removes what the pattern matches at the start, as little or as much as possible.
pub(crate) fn without_prefix(value: &[u8], pattern: &[u8], shortest: bool) -> Vec<u8> {
    let mut found = 0;
    for end in (1..=value.len()).rev() {
        match matches(pattern, &value[..end]) {
            Err(BadPattern) => return value.to_vec(),
            Ok(false) => {}
            Ok(true) => {
                found = end;
                if !shortest {
                    break;
                }
            }
        }
    }
    value[found..].to_vec()
}

/// The same at the end: value and pattern are read backwards, letter by letter.
pub(crate) fn without_suffix(value: &[u8], pattern: &[u8], shortest: bool) -> Vec<u8> {
    reversed(&without_prefix(
        &reversed(value),
        &reversed(pattern),
        shortest,
    ))
}

fn reversed(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.chars().rev().collect::<String>().into_bytes()
}

/// Whether a pattern matches the whole of a name.
pub(crate) fn matches(mut pattern: &[u8], mut name: &[u8]) -> Result<bool, BadPattern> {
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = next_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(true);
        }
        if let Some(left) = match_chunk(chunk, name)?
            && (left.is_empty() || !pattern.is_empty())
        {
            name = left;
            continue;
        }
        if star {
            for start in 1..=name.len() {
                let Some(left) = match_chunk(chunk, &name[start..])? else {
                    continue;
                };
                if pattern.is_empty() && !left.is_empty() {
                    continue;
                }
                name = left;
                continue 'pattern;
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether a star is first, what follows it up to the next star, and the rest.
fn next_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
    let pattern = &pattern[stars..];
    let mut is_in_class = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => is_in_class = true,
            b']' => is_in_class = false,
            b'*' if !is_in_class => break,
            _ => {}
        }
        at += 1;
    }
    (stars > 0, &pattern[..at], &pattern[at..])
}

/// What is left of `text` behind the chunk.
fn match_chunk<'t>(mut chunk: &[u8], mut text: &'t [u8]) -> Result<Option<&'t [u8]>, BadPattern> {
    while let Some((&first, rest)) = chunk.split_first() {
        if text.is_empty() {
            return Ok(None);
        }
        match first {
            b'[' => {
                let letter = letter(text);
                text = &text[letter_width(text)..];
                let (is_in, rest) = class(rest, letter)?;
                chunk = rest;
                if !is_in {
                    return Ok(None);
                }
            }
            b'?' => {
                text = &text[letter_width(text)..];
                chunk = rest;
            }
            _ => {
                let (wanted, rest) = match (first, rest.split_first()) {
                    (b'\\', None) => return Err(BadPattern),
                    (b'\\', Some((escaped, rest))) => (*escaped, rest),
                    _ => (first, rest),
                };
                if text[0] != wanted {
                    return Ok(None);
                }
                text = &text[1..];
                chunk = rest;
            }
        }
    }
    Ok(Some(text))
}

/// Whether a letter is in the class that begins behind `[`, and what is behind the class.
fn class(mut chunk: &[u8], letter: char) -> Result<(bool, &[u8]), BadPattern> {
    let is_negated = chunk.first() == Some(&b'^');
    if is_negated {
        chunk = &chunk[1..];
    }
    let mut is_in = false;
    let mut ranges = 0;
    loop {
        if ranges > 0
            && let Some(rest) = chunk.strip_prefix(b"]")
        {
            return Ok((is_in != is_negated, rest));
        }
        let (low, rest) = bound(chunk)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => bound(rest)?,
            None => (low, rest),
        };
        chunk = rest;
        is_in |= (low..=high).contains(&letter);
        ranges += 1;
    }
}

fn bound(chunk: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    let chunk = match chunk.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => &chunk[1..],
        Some(_) => chunk,
    };
    let width = letter_width(chunk);
    let (first, rest) = chunk.split_at(width);
    let is_letter = std::str::from_utf8(first).is_ok();
    match is_letter && !rest.is_empty() {
        true => Ok((letter(chunk), rest)),
        false => Err(BadPattern),
    }
}

fn letter(text: &[u8]) -> char {
    let first = std::str::from_utf8(&text[..letter_width(text)]).unwrap_or_default();
    first.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// How many bytes the first letter has; one where it is none.
pub(crate) fn letter_width(text: &[u8]) -> usize {
    let width = match text.first() {
        None => return 0,
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        Some(_) => 1,
    };
    match text.get(..width).map(std::str::from_utf8) {
        Some(Ok(_)) => width,
        _ => 1,
    }
}
