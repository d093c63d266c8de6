//! The secrets of a run, by which they are found again wherever a text quotes them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::MASK;
use super::file::Hidden;
use super::name::is_secret;
use super::ranges::{merged, without};
use super::text::{is_reference, is_switch, shapes};
use crate::source::{FileId, Source, Sources, Span};

/// Shorter values would hide ordinary words.
const SHORTEST: usize = 6;
/// A value is looked for line by line up to here, which no secret is longer than.
const LONGEST: usize = 64 * 1024;

/// Secrets of one place that are looked for however short they are.
const MOST_AT_A_PLACE: usize = 32;

/// The secrets that the texts of a run hold, and where.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    values: BTreeSet<String>,
    finder: Option<AhoCorasick>,
    places: BTreeMap<FileId, Vec<Range<usize>>>,
}

impl Secrets {
    /// The secrets of a run's texts.
    pub(crate) fn of(sources: &Sources) -> Self {
        Self::of_all([sources])
    }

    /// The same of the sides of a comparison; places are those of the last.
    pub(crate) fn of_all<'s>(sides: impl IntoIterator<Item = &'s Sources>) -> Self {
        let mut secrets = Self::default();
        let mut last = None;
        for sources in sides {
            secrets.places.clear();
            for (file, source) in sources.iter() {
                let hidden = Hidden::of(source.path().as_str(), source.text(), file);
                secrets.learn(hidden.values);
                secrets.places.insert(file, hidden.ranges);
            }
            last = Some(sources);
        }
        let mut secrets = secrets.ready();
        secrets.find_in(last);
        secrets
    }

    /// Notes where else the texts hold a secret: of a key that is there twice, a table keeps one value.
    fn find_in(&mut self, sources: Option<&Sources>) {
        let Some(finder) = &self.finder else { return };
        for (file, source) in sources.into_iter().flat_map(Sources::iter) {
            let text = source.text();
            let found = finder.find_iter(text).map(|it| it.range());
            let found: Vec<_> = found.filter(|range| stands_alone(text, range)).collect();
            let places = self.places.entry(file).or_default();
            *places = merged(std::mem::take(places).into_iter().chain(found).collect());
        }
    }

    /// These and the secrets of other files, of YAML.
    pub(crate) fn and_yaml<'t>(mut self, texts: impl IntoIterator<Item = &'t str>) -> Self {
        for text in texts {
            self.learn(Hidden::yaml(text).values);
        }
        self.ready()
    }

    fn learn(&mut self, values: Vec<String>) {
        for value in values {
            if !can_be_found(&value) {
                continue;
            }
            // The data of a Secret is in base64, and so are the headers of logins.
            let decoded = STANDARD
                .decode(&value)
                .ok()
                .and_then(|it| String::from_utf8(it).ok());
            let plain = decoded.filter(|it| can_be_found(it) && !it.chars().any(char::is_control));
            self.values.extend(plain);
            self.values.insert(STANDARD.encode(&value));
            self.values.insert(value);
        }
    }

    fn ready(mut self) -> Self {
        self.finder = (!self.values.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    .build(&self.values)
                    .ok()
            })
            .flatten();
        self
    }

    /// `text` without the secrets of the run and without what is one by its shape.
    pub(crate) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = shapes(text);
        if let Some(finder) = &self.finder {
            let all = finder.find_iter(text).map(|it| it.range());
            found.extend(all.filter(|range| stands_alone(text, range)));
        }
        without(text, &merged(found))
    }

    /// The same in place; whether anything was hidden.
    pub(crate) fn hide_text(&self, text: &mut String) -> bool {
        match self.hide(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(shown) => {
                *text = shown;
                true
            }
        }
    }

    /// The same of every text in a value.
    pub(crate) fn hide_in(&self, value: &mut Json) -> bool {
        match value {
            Json::String(text) => self.hide_text(text),
            Json::Array(items) => items
                .iter_mut()
                .fold(false, |found, item| self.hide_in(item) | found),
            Json::Object(fields) => fields
                .values_mut()
                .fold(false, |found, field| self.hide_in(field) | found),
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }

    /// What of a file is not shown, in order.
    pub(crate) fn places(&self, file: FileId) -> &[Range<usize>] {
        self.places.get(&file).map_or(&[], Vec::as_slice)
    }

    /// The secrets that the place of a finding is in, as the file spells them.
    pub(crate) fn at<'t>(
        &'t self,
        span: Span,
        source: &'t Source,
    ) -> impl Iterator<Item = &'t str> {
        let at = span.range();
        let all = self.places(span.file);
        let first = all.partition_point(|range| range.end < at.start);
        all[first..]
            .iter()
            .take_while(move |range| range.start <= at.end)
            // A finding about a whole table quotes none of its values.
            .take(MOST_AT_A_PLACE)
            .filter_map(|range| source.text().get(range.clone()))
            .filter(|secret| secret.len() < LONGEST)
    }

    /// `text`, which is about a place that holds `secrets`: whatever it quotes of them is not shown, however
    /// short.
    pub(crate) fn hide_quotes(text: &str, secrets: &[&str]) -> String {
        if secrets.is_empty() {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        for (number, part) in text.split('`').enumerate() {
            if number > 0 {
                shown.push('`');
            }
            let plain = part.trim_end_matches('…').trim_matches(['"', '\'']);
            let is_part =
                |secret: &&str| plain.len() > 2 && secret.contains(plain) || plain == *secret;
            match number % 2 == 1 && !plain.is_empty() && secrets.iter().any(is_part) {
                true => shown.push_str(MASK),
                false => shown.push_str(part),
            }
        }
        secrets
            .iter()
            .filter(|secret| secret.len() > 3)
            .fold(shown, |shown, secret| shown.replace(*secret, MASK))
    }
}

fn can_be_found(value: &str) -> bool {
    value.len() >= SHORTEST
        && value.len() <= LONGEST
        && !is_reference(value)
        && !is_switch(value)
        && !is_secret(value)
        && value != MASK
        && !value.contains("${{")
        && value.chars().any(char::is_alphanumeric)
}

/// A secret that is an ordinary word hides that word alone, not what it is a part of.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let found = &text[range.clone()];
    let is_word = found
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        || found.bytes().all(|byte| byte.is_ascii_digit());
    let joins = |letter: Option<char>| {
        letter.is_some_and(|it| it.is_alphanumeric() || matches!(it, '-' | '_'))
    };
    !is_word
        || (!joins(text[..range.start].chars().next_back())
            && !joins(text[range.end..].chars().next()))
}
