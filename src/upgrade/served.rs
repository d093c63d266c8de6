//! The repository's own YAML with API versions that an upgrade takes away.

use std::collections::BTreeMap;

use rayon::prelude::*;
use regex::Regex;
use semver::Version;

use super::LARGEST;
use super::releases::entered;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::HEADER;
use crate::files::{Files, Found};
use crate::source::{Sources, Span};

/// Places that are pointed at, of one API version; the rest is named.
const SHOWN: usize = 3;
/// Places that are named.
const NAMED: usize = 12;

/// Finds the lines that write such a version. Files of clusters that do not rise are none of ours,
/// nor are those that the next build writes anew.
///
/// Lines are read, not documents: a template of a chart is no YAML and is found all the same.
pub(super) fn check(
    files: &dyn Files,
    folders_passed_over: &[String],
    from: &Version,
    to: &Version,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) {
    let gone: Vec<(u64, String)> = entered(from, to)
        .flat_map(|minor| {
            let of_minor = minor.removed().into_iter();
            of_minor.map(|(group, version)| (minor.minor, format!("{group}/{version}")))
        })
        .collect();
    let is_passed_over = |path: &str| {
        folders_passed_over.iter().any(|folder| {
            path.strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let paths: Vec<Found> =
        crate::image::scan::yaml_files(files, "", None, &BTreeMap::new(), |_| true)
            .into_iter()
            .filter(|found| !is_passed_over(&found.path))
            .collect();
    let line =
        Regex::new(r#"(?m)^[ \t]*(?:-[ \t]+)?apiVersion:[ \t]*["']?([a-z0-9.]+/v[a-z0-9]+)"#)
            .expect("a pattern");
    type Lines = Vec<(String, std::ops::Range<usize>)>;
    let read = |file: &Found| -> Option<(String, String, Lines)> {
        let bytes = files.open(file, LARGEST).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        if text.starts_with(HEADER) || !text.contains(".toolkit.fluxcd.io/v") {
            return None;
        }
        let found: Lines = line
            .captures_iter(text)
            .filter_map(|captures| captures.get(1))
            .filter(|version| gone.iter().any(|(_, gone)| gone == version.as_str()))
            .map(|version| (version.as_str().to_owned(), version.range()))
            .collect();
        (!found.is_empty()).then(|| (file.path.clone(), text.to_owned(), found))
    };
    let read: Vec<(String, String, Lines)> = paths.par_iter().filter_map(read).collect();
    for (minor, version) in &gone {
        let mut places: Vec<Span> = Vec::new();
        for (path, text, found) in &read {
            let mut of_version = found
                .iter()
                .filter(|(found, _)| found == version)
                .peekable();
            if of_version.peek().is_none() {
                continue;
            }
            let file = sources.add(path.as_str(), text.as_str());
            places.extend(of_version.map(|(_, range)| Span::new(file, range.clone())));
        }
        if places.is_empty() {
            continue;
        }
        let mut diagnostic = Diagnostic::error(
            "api-version-removed",
            format!("Flux 2.{minor} does not serve `{version}` any more"),
        );
        for place in places.iter().take(SHOWN) {
            diagnostic = diagnostic.at(*place, "");
        }
        let rest = &places[places.len().min(SHOWN)..];
        if !rest.is_empty() {
            let mut named: Vec<String> = rest
                .iter()
                .take(NAMED)
                .map(|place| sources.locate(*place))
                .collect();
            if rest.len() > NAMED {
                named.push(format!("{} places more", rest.len() - NAMED));
            }
            diagnostic = diagnostic.with_note(format!("also {}", named.join(", ")));
        }
        diagnostics.push(diagnostic.with_help(
            "write the version that is served; `flux migrate -f .` does so for all files",
        ));
    }
}
