//! The source lines that a finding points at, bounded and made fit for a terminal.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Origin, Snippet};

use super::printable::{printable_line, seen};
use crate::diagnostic::Label;
use crate::mask::{MASK, Secrets};
use crate::source::{FileId, Position, Source, Sources};

/// Places shown of one finding; a cycle through a whole fleet is told in words.
const MOST_LABELS: usize = 12;
/// Places further apart than this many lines are shown apart.
const MOST_LINES: u32 = 100;
/// A place further right than this is named but not shown: the line was not written by hand.
const LAST_COLUMN: usize = 2_000;
/// The longest path shown in full.
const MOST_PATH: usize = 200;

pub(super) struct Excerpts<'a> {
    pub elements: Vec<Element<'a>>,
    /// Columns that the largest line number takes.
    pub gutter: usize,
    /// What the labels say that could not be shown beside a source line.
    pub untold: Vec<String>,
}

/// A label and where it is.
struct Place<'a> {
    label: &'a Label,
    start: Position,
    is_primary: bool,
}

/// Neighbouring places of one file.
struct Cluster<'a> {
    file: FileId,
    source: &'a Source,
    places: Vec<Place<'a>>,
}

/// The excerpts that show `labels`, the first label's file first.
pub(super) fn of<'a>(
    labels: &'a [Label],
    sources: &'a Sources,
    secrets: &Secrets,
    columns: usize,
) -> Excerpts<'a> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    let mut untold = Vec::new();
    let mut far: Vec<(&Source, Place<'a>)> = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        let Some(source) = sources.get(label.span.file) else {
            continue;
        };
        if number >= MOST_LABELS {
            untold.push(format!("and {} more places", labels.len() - number));
            break;
        }
        let place = Place {
            label,
            start: source.position(label.span.start),
            is_primary: number == 0,
        };
        if place.start.column as usize > LAST_COLUMN {
            far.push((source, place));
            continue;
        }
        let near = clusters.iter_mut().find(|cluster| {
            cluster.file == label.span.file
                && cluster
                    .places
                    .iter()
                    .any(|other| other.start.line.abs_diff(place.start.line) <= MOST_LINES)
        });
        match near {
            Some(cluster) => cluster.places.push(place),
            None => clusters.push(Cluster {
                file: label.span.file,
                source,
                places: vec![place],
            }),
        }
    }
    let last_line = clusters
        .iter()
        .flat_map(|cluster| &cluster.places)
        .map(|place| place.start.line)
        .max();
    let mut elements: Vec<Element<'a>> = Vec::new();
    for (source, place) in far {
        if place.is_primary {
            elements.push(
                Origin::path(path(source))
                    .line(place.start.line as usize)
                    .char_column(place.start.column as usize)
                    .into(),
            );
        }
        untold.push(told_in_words(source, &place));
    }
    elements.extend(
        clusters
            .iter()
            .map(|cluster| snippet(cluster, secrets.places(cluster.file), columns)),
    );
    Excerpts {
        elements,
        gutter: last_line.map_or(1, |line| line.to_string().len()),
        untold,
    }
}

fn told_in_words(source: &Source, place: &Place<'_>) -> String {
    let Position { line, column } = place.start;
    let what = match place.label.message.as_str() {
        "" => "the line is too long to show",
        message => message,
    };
    format!("{}:{line}:{column}: {what}", path(source))
}

/// The lines of a cluster's places; what is `hidden` of the file, in order, is not shown.
fn snippet<'a>(cluster: &Cluster<'a>, hidden: &[Range<usize>], columns: usize) -> Element<'a> {
    let lines = cluster.places.iter().map(|place| place.start.line);
    let first = lines.clone().min().unwrap_or(1);
    let last = lines.max().unwrap_or(first);
    let mut text = String::new();
    let mut annotations = Vec::new();
    for number in first..=last {
        let line_at = text.len();
        let line = cluster.source.line(number).unwrap_or("");
        let places: Vec<_> = cluster
            .places
            .iter()
            .filter(|place| place.start.line == number)
            .collect();
        let mut shown = columns;
        for place in &places {
            let start = place.start.column as usize - 1;
            let letters = label_letters(cluster.source, place, line, columns);
            shown = shown.max(start + letters + columns);
        }
        let mut starts = Vec::new();
        // A line that is not there is not in the text, and has no letters.
        let text_start = cluster.source.text().as_ptr() as usize;
        let line_start = (line.as_ptr() as usize).saturating_sub(text_start);
        let mut last_hidden: Option<usize> = None;
        for (at, letter) in line.char_indices().take(shown) {
            starts.push(text.len());
            let at = line_start + at;
            let next = hidden.partition_point(|range| range.end <= at);
            if hidden.get(next).is_some_and(|range| range.start <= at) {
                if last_hidden != Some(next) {
                    text.push_str(MASK);
                }
                last_hidden = Some(next);
                continue;
            }
            text.push(if letter == '\t' { letter } else { seen(letter) });
        }
        starts.push(text.len());
        if line.chars().nth(shown).is_some() {
            text.push_str("...");
        }
        for place in places {
            let start = place.start.column as usize - 1;
            let letters = label_letters(cluster.source, place, line, columns);
            let offset = |letter: usize| starts.get(letter).or(starts.last()).copied();
            let from = offset(start).unwrap_or(line_at);
            let to = offset(start + letters).unwrap_or(from);
            annotations.push(annotation(place, from..to));
        }
        text.push('\n');
    }
    Snippet::source(text)
        .path(path(cluster.source))
        .line_start(first as usize)
        .annotations(annotations)
        .into()
}

fn annotation<'a>(
    place: &Place<'a>,
    span: std::ops::Range<usize>,
) -> annotate_snippets::Annotation<'a> {
    let kind = if place.is_primary {
        AnnotationKind::Primary
    } else {
        AnnotationKind::Context
    };
    let annotation = kind.span(span);
    if place.label.message.is_empty() {
        annotation
    } else {
        annotation.label(printable_line(&place.label.message))
    }
}

/// The characters of a label on its first line, few enough to underline.
fn label_letters(source: &Source, place: &Place<'_>, line: &str, columns: usize) -> usize {
    let text = source.text();
    let range = place.label.span.range();
    let start = floor(text, range.start);
    let end = floor(text, range.end).max(start);
    let rest = line
        .chars()
        .count()
        .saturating_sub(place.start.column as usize - 1);
    text[start..end]
        .chars()
        .take_while(|letter| *letter != '\n')
        .take(columns * 3 / 4)
        .count()
        .min(rest)
}

/// The last character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn path(source: &Source) -> String {
    let path = printable_line(source.path().as_str());
    match path.char_indices().nth(MOST_PATH) {
        None => path.into_owned(),
        Some((at, _)) => format!("{}...", &path[..at]),
    }
}
