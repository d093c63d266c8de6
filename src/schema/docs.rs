//! What there is to say about a field, for `fluxgen explain`.

use std::fmt::{self, Write as _};

use crate::diagnostic::nearest::nearest;

use super::setting_docs::{own_keys, write_keys};
use super::{Additional, FluxMinor, KindSchema, Registry, SchemaNode, Shorthand, Target, Type};

/// A kind or one of its fields, with what is known of it.
#[derive(Debug, Clone)]
pub struct FieldDocs<'a> {
    pub kind: &'a KindSchema,
    /// The path in fluxgen.toml: `helmReleases.dependsOn[].name`.
    pub path: String,
    pub node: &'a SchemaNode,
    /// The minor that added it, its parents taken into account.
    pub since: Option<FluxMinor>,
    pub until: Option<FluxMinor>,
    /// The newest Flux requires it wherever its parent is set.
    pub is_required: bool,
}

/// A path that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPath {
    /// The part that is not known.
    pub part: String,
    /// What was looked into: a path, or nothing for the first part.
    pub within: String,
    /// The nearest name.
    pub nearest: Option<String>,
    /// All names there are.
    pub known: Vec<String>,
}

impl Registry {
    /// Finds a kind or field: `HelmRelease`, `helmReleases.driftDetection.mode`, `sources.git.ref`.
    ///
    /// `[]` after an array may be left out, and `spec.` after a kind may stand there. `images` is two kinds,
    /// so that there can be two answers, in the order of the output.
    pub fn lookup(&self, path: &str) -> Result<Vec<FieldDocs<'_>>, UnknownPath> {
        let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
        let Some((kinds, used)) = self.starting_at(&parts) else {
            let mut known: Vec<String> = self.sections().into_iter().map(str::to_owned).collect();
            known.extend(self.kinds.iter().map(|kind| kind.kind.clone()));
            let start = if parts.first() == Some(&"sources") {
                2
            } else {
                1
            };
            let part = parts.get(..start).unwrap_or(&parts).join(".");
            return Err(UnknownPath::new(part, String::new(), known));
        };
        let mut found = Vec::new();
        let mut missed: Option<UnknownPath> = None;
        for kind in kinds {
            let rest = &parts[used..];
            match FieldDocs::below(kind, rest) {
                Ok(docs) => found.push(docs),
                Err(unknown) => {
                    missed = Some(match missed {
                        Some(earlier) => earlier.or(unknown),
                        None => unknown,
                    });
                }
            }
        }
        match missed {
            Some(unknown) if found.is_empty() => Err(unknown),
            _ => Ok(found),
        }
    }

    /// The kinds that the first parts name, and how many parts that took.
    fn starting_at(&self, parts: &[&str]) -> Option<(Vec<&KindSchema>, usize)> {
        for used in (1..=parts.len().min(2)).rev() {
            let name = parts[..used].join(".");
            let mut kinds: Vec<_> = self.section(&name).collect();
            if kinds.is_empty() {
                kinds = self
                    .kinds
                    .iter()
                    .filter(|kind| kind.kind.eq_ignore_ascii_case(&name))
                    .collect();
            }
            if !kinds.is_empty() {
                return Some((kinds, used));
            }
        }
        None
    }
}

impl<'a> FieldDocs<'a> {
    fn below(kind: &'a KindSchema, parts: &[&str]) -> Result<Self, UnknownPath> {
        let mut docs = Self {
            kind,
            path: kind.place().to_owned(),
            node: kind.root(),
            since: kind.since,
            until: kind.until,
            is_required: false,
        };
        let mut parts = parts.iter().peekable();
        if parts.peek() == Some(&&"spec") && kind.root().property("spec").is_none() {
            parts.next();
        }
        for part in parts {
            let name = part.trim_end_matches("[]");
            if let Some(items) = &docs.node.items {
                docs.path.push_str("[]");
                docs.enter(items);
            }
            let known = || docs.node.properties.keys().cloned().collect();
            if docs.node.is_free() {
                return Ok(docs);
            }
            let Some(child) = docs.node.child(name) else {
                return Err(UnknownPath::new(
                    name.to_owned(),
                    docs.path.clone(),
                    known(),
                ));
            };
            let required = &docs.node.keywords(FluxMinor::NEWEST).required;
            docs.is_required = required.iter().any(|key| key == name);
            docs.path = format!("{}.{name}", docs.path);
            docs.enter(child);
            if part.ends_with("[]")
                && let Some(items) = &docs.node.items
            {
                docs.path.push_str("[]");
                docs.enter(items);
            }
        }
        Ok(docs)
    }

    fn enter(&mut self, node: &'a SchemaNode) {
        self.node = node;
        self.since = node.since.or(self.since);
        self.until = node.until.or(self.until);
    }

    /// Everything in plain lines, as `fluxgen explain` prints it.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string");
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let node = self.node;
        let version = self.kind.api_version(FluxMinor::NEWEST).unwrap_or_default();
        let is_kind = self.path == self.kind.place();
        writeln!(out, "{} ({}, {version})", self.path, self.kind.kind)?;
        let description = if is_kind {
            &self.kind.description
        } else {
            &node.description
        };
        if !description.is_empty() {
            writeln!(out, "\n{description}")?;
        }
        writeln!(out)?;
        if node.is_deprecated {
            line(out, "deprecated", "yes")?;
        }
        line(out, "type", &type_of(node))?;
        if !node.values.is_empty() {
            let values: Vec<String> = node
                .values
                .iter()
                .map(|value| match value.since {
                    Some(since) => format!("{} (since Flux {since})", value.value),
                    None => value.value.clone(),
                })
                .chain(
                    node.operator_values
                        .iter()
                        .map(|value| format!("{value} (with the Flux Operator)")),
                )
                .collect();
            line(out, "values", &values.join(", "))?;
        }
        if self.is_required {
            let filled = node.fill.is_some() || node.fills_repository;
            line(
                out,
                "required",
                if filled {
                    "yes, filled in by fluxgen"
                } else {
                    "yes"
                },
            )?;
        }
        if let Some(default) = &node.default {
            line(out, "default", &plain(default))?;
        }
        if let Some(fill) = &node.fill {
            line(
                out,
                "fluxgen",
                &format!("writes {} when unset", plain(fill)),
            )?;
        }
        if node.fills_repository {
            line(out, "fluxgen", "writes the repository itself when unset")?;
        }
        let item = node.items.as_deref().unwrap_or(node);
        match item.shorthand {
            Some(Shorthand::Source) => line(out, "shorthand", "source = \"git.name\" beside it")?,
            Some(Shorthand::Name) => line(out, "shorthand", "\"name\" or \"namespace/name\"")?,
            None => {}
        }
        if let Some(reference) = &item.reference {
            let target = match &reference.target {
                Target::Kind(kind) => kind.clone(),
                Target::KindField(field) if reference.kinds.is_empty() => {
                    format!("the kind in `{field}`")
                }
                Target::KindField(_) => reference.kinds.join(", "),
            };
            line(out, "refers to", &target)?;
        }
        if let Some(format) = item.format {
            line(out, "format", format.as_str())?;
        }
        let newest = node.keywords(self.newest());
        if let Some(pattern) = &newest.pattern {
            line(out, "pattern", pattern.as_str())?;
        }
        if let Some(bounds) = bounds(newest.min_length, newest.max_length, "character") {
            line(out, "length", &bounds)?;
        }
        if let Some(bounds) = bounds(newest.min_items, newest.max_items, "item") {
            line(out, "items", &bounds)?;
        }
        match (self.since, self.until) {
            (None, None) => {}
            (Some(since), None) => line(out, "flux", &format!("since {since}"))?,
            (None, Some(until)) => line(out, "flux", &format!("before {until}"))?,
            (Some(since), Some(until)) => {
                line(out, "flux", &format!("since {since}, before {until}"))?
            }
        }
        if is_kind && !self.kind.component.is_empty() {
            line(out, "controller", &self.kind.component)?;
        }
        line(out, "docs", &self.kind.docs)?;
        for condition in &node.conditions {
            if condition.until.is_none() {
                line(out, "rule", &condition.message)?;
            }
        }
        self.write_fields(out)?;
        if is_kind {
            writeln!(out, "\nkeys of fluxgen's own:")?;
            write_keys(out, &own_keys(&self.kind.section))?;
        }
        Ok(())
    }

    fn write_fields(&self, out: &mut String) -> fmt::Result {
        let holder = self.node.items.as_deref().unwrap_or(self.node);
        if holder.properties.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nfields:")?;
        let width = holder.properties.keys().map(String::len).max().unwrap_or(0);
        for (key, child) in &holder.properties {
            let since = match child.since {
                Some(since) => format!(" (since Flux {since})"),
                None => String::new(),
            };
            writeln!(out, "  {key:width$}  {}{since}", child.description)?;
        }
        Ok(())
    }

    /// The newest minor that has the field.
    fn newest(&self) -> FluxMinor {
        let there = |minor: &FluxMinor| minor.is_within(self.since, self.until);
        FluxMinor::ALL
            .into_iter()
            .rev()
            .find(there)
            .unwrap_or(FluxMinor::NEWEST)
    }
}

pub(super) fn line(out: &mut String, name: &str, value: &str) -> fmt::Result {
    writeln!(out, "{:12}{value}", format!("{name}:"))
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn bounds(least: Option<u64>, most: Option<u64>, unit: &str) -> Option<String> {
    match (least, most) {
        (None, None) => None,
        (Some(least), None) => Some(format!(
            "at least {least} {unit}{}",
            if least == 1 { "" } else { "s" }
        )),
        (None, Some(most)) => Some(format!("at most {most} {unit}s")),
        (Some(least), Some(most)) => Some(format!("{least} to {most} {unit}s")),
    }
}

fn type_of(node: &SchemaNode) -> String {
    match (node.kind, &node.items, &node.additional) {
        (Type::Array, Some(items), _) => format!("array of {}", type_of(items)),
        (Type::Object, _, Additional::Each(each)) => format!("table of {} by name", type_of(each)),
        (Type::Object, _, Additional::Free) => "table of anything".to_owned(),
        (Type::Object, _, Additional::Closed) => "table".to_owned(),
        (kind, _, _) => kind.as_str().to_owned(),
    }
}

impl UnknownPath {
    pub(super) fn new(part: String, within: String, known: Vec<String>) -> Self {
        Self {
            nearest: nearest(&part, known.iter().map(String::as_str)).map(str::to_owned),
            part,
            within,
            known,
        }
    }

    /// Of two kinds that were both tried, the miss that got further, or the one with a nearer name.
    fn or(self, other: Self) -> Self {
        let depth = |unknown: &Self| unknown.within.matches('.').count();
        let rank = |unknown: &Self| (depth(unknown), unknown.nearest.is_some());
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }
}

impl fmt::Display for UnknownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.within.is_empty() {
            write!(f, "no section or kind is called `{}`", self.part)
        } else {
            write!(f, "`{}` has no field `{}`", self.within, self.part)
        }
    }
}

impl std::error::Error for UnknownPath {}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str) -> FieldDocs<'static> {
        match Registry::get().lookup(path) {
            Ok(found) => found.into_iter().next().expect("one answer"),
            Err(unknown) => panic!("{unknown}"),
        }
    }

    #[test]
    fn fields_are_found_by_section_kind_and_api_path() {
        for (path, expected) in [
            (
                "helmReleases.driftDetection.mode",
                "helmReleases.driftDetection.mode",
            ),
            (
                "HelmRelease.driftDetection.mode",
                "helmReleases.driftDetection.mode",
            ),
            (
                "helmrelease.spec.driftDetection.mode",
                "helmReleases.driftDetection.mode",
            ),
            (
                "helmReleases.chart.spec.version",
                "helmReleases.chart.spec.version",
            ),
            (
                "helmReleases.driftDetection.ignore[].paths",
                "helmReleases.driftDetection.ignore[].paths",
            ),
            (
                "helmReleases.driftDetection.ignore.paths",
                "helmReleases.driftDetection.ignore[].paths",
            ),
            ("sources.git.ref.semver", "sources.git.ref.semver"),
            (
                "kustomizations.postBuild.substitute.domain",
                "kustomizations.postBuild.substitute.domain",
            ),
            ("helmReleases.values.image.tag", "helmReleases.values"),
            ("kustomizations", "kustomizations"),
        ] {
            assert_eq!(one(path).path, expected, "{path}");
        }
    }

    #[test]
    fn images_are_two_kinds_and_a_field_of_either_is_found() {
        let kinds = |path| {
            let found = Registry::get().lookup(path).expect("a section");
            found
                .into_iter()
                .map(|docs| docs.kind.kind.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds("images"), ["ImageRepository", "ImagePolicy"]);
        assert_eq!(kinds("images.policy.semver"), ["ImagePolicy"]);
        assert_eq!(kinds("images.interval"), ["ImageRepository", "ImagePolicy"]);
    }

    #[test]
    fn a_misspelt_part_gets_the_nearest_name() {
        let unknown = |path| Registry::get().lookup(path).expect_err("unknown");
        let field = unknown("helmReleases.driftDetection.mod");
        assert_eq!(
            field.to_string(),
            "`helmReleases.driftDetection` has no field `mod`"
        );
        assert_eq!(field.nearest.as_deref(), Some("mode"));
        assert_eq!(
            unknown("helmReleasess.interval").nearest.as_deref(),
            Some("helmReleases")
        );
        assert_eq!(
            unknown("sources.gti").nearest.as_deref(),
            Some("sources.git")
        );
        assert_eq!(
            unknown("images.polcy.semver").nearest.as_deref(),
            Some("policy")
        );
        assert_eq!(unknown("").nearest, None);
    }

    #[test]
    fn the_version_of_a_parent_holds_for_its_fields() {
        assert_eq!(
            one("helmReleases.waitStrategy.name")
                .since
                .map(|since| since.to_string())
                .as_deref(),
            Some("2.8")
        );
    }

    #[test]
    fn a_field_is_described_in_full() {
        let text = one("kustomizations.postBuild.substituteStrategy").describe();
        let expected = "\
kustomizations.postBuild.substituteStrategy (Kustomization, kustomize.toolkit.fluxcd.io/v1)

When substitution runs: `WithVariables` only if any variable is given, `Always` even without. `WithVariables` when left out.

type:       string
values:     WithVariables, Always
flux:       since 2.9
docs:       https://fluxcd.io/flux/components/kustomize/kustomizations/
";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_array_is_described_with_the_fields_of_its_items() {
        let text = one("helmReleases.dependsOn").describe();
        let expected = "\
helmReleases.dependsOn (HelmRelease, helm.toolkit.fluxcd.io/v2)

HelmReleases that have to be ready first.

type:       array of table
shorthand:  \"name\" or \"namespace/name\"
refers to:  HelmRelease
docs:       https://fluxcd.io/flux/components/helm/helmreleases/

fields:
  name       Name of the HelmRelease.
  namespace  Namespace of the HelmRelease; this one's own when left out.
  readyExpr  CEL expression which decides whether the dependency is ready, over `self` and `dep`. (since Flux 2.7)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_fluxgen_fills_in_is_told() {
        let text = one("sources.git.interval").describe();
        assert!(
            text.contains("required:   yes, filled in by fluxgen\n"),
            "{text}"
        );
        assert!(
            text.contains("fluxgen:    writes 10m when unset\n"),
            "{text}"
        );
    }
}
