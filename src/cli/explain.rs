//! `fluxgen explain`

use std::fmt::Write as _;

use anyhow::bail;

use super::{Place, Status, print, tell};
use crate::diagnostic::nearest::nearest;
use crate::origin::{self, Decided, Said};
use crate::pages;
use crate::project::{Project, check_names};
use crate::resource::Identity;
use crate::schema::Registry;
use crate::source::{Sources, Span};

/// Explain a kind, a field, a diagnostic code, or where a value comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen explain helmReleases.driftDetection.mode       a field: type, values, default, since
  fluxgen explain Kustomization                          a kind and its fields
  fluxgen explain dangling-reference                     a diagnostic
  fluxgen explain staging kustomizations.apps interval   who decides a value, and what it overrides
  fluxgen explain staging HelmRelease/web/podinfo        the same for all of a resource's values")]
pub(super) struct Args {
    /// A kind, a section, a field's path, or a code; before RESOURCE, a cluster
    #[arg(value_name = "WHAT|CLUSTER")]
    what: String,
    /// A resource: `kustomizations.apps`, `helmReleases.web/podinfo` or `Kustomization/apps`
    resource: Option<String>,
    /// A field of it, as in the TOML file; without it, all
    field: Option<String>,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    match &args.resource {
        Some(resource) => origin(place, &args.what, resource, args.field.as_deref()),
        None => documented(&args.what),
    }
}

fn documented(what: &str) -> anyhow::Result<Status> {
    if let Some(page) = pages::page(what) {
        print(&page.to_string())?;
        return Ok(Status::Done);
    }
    match Registry::get().lookup(what) {
        Ok(found) => {
            let texts: Vec<String> = found.iter().map(|docs| docs.describe()).collect();
            print(&texts.join("\n"))?;
            Ok(Status::Done)
        }
        Err(unknown) => match nearest(what, pages::codes()) {
            Some(code) if !what.contains('.') && unknown.nearest.is_none() => {
                bail!("there is no kind, section or code `{what}`; did you mean `{code}`?")
            }
            _ => bail!("{unknown}"),
        },
    }
}

fn origin(
    place: &Place,
    cluster: &str,
    resource: &str,
    field: Option<&str>,
) -> anyhow::Result<Status> {
    let mut project = place.open(&[])?;
    let diagnostics = std::mem::take(&mut project.diagnostics);
    let Project { built, sources, .. } = &project;
    let resolved = built.as_ref().map(|built| &built.resolved);
    let checked = built.as_ref().and_then(|built| built.checked.as_ref());
    let (Some(resolved), Some(checked)) = (resolved, checked) else {
        tell(&diagnostics.into_sorted(), sources);
        bail!("values have no origin before the errors above are mended");
    };
    let clusters = &resolved.settings.clusters;
    let names: Vec<String> = clusters
        .iter()
        .map(|known| known.name.value.clone())
        .collect();
    check_names(&[cluster.to_owned()], &names)?;
    let at = names
        .iter()
        .position(|name| name == cluster)
        .unwrap_or_default();
    let found = origin::origins(resolved, checked.graph(), at, resource, field)?;
    print(&describe(&found, sources))?;
    Ok(Status::Done)
}

fn describe(found: &[Decided], sources: &Sources) -> String {
    let mut out = String::new();
    let mut told: Option<&Identity> = None;
    for decided in found {
        if told != Some(&decided.resource) {
            let gap = if told.is_some() { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{}", decided.resource);
            told = Some(&decided.resource);
        }
        let _ = writeln!(out, "  {}", decided.path);
        let mut above: Option<Span> = None;
        for said in &decided.values {
            out.push_str("    ");
            out.push_str(&line(said, above, sources));
            out.push('\n');
            above = Some(said.span);
        }
    }
    out
}

/// `10m: fluxgen.toml:14, defaults.kustomizations, overridden at :41`.
fn line(said: &Said, above: Option<Span>, sources: &Sources) -> String {
    let value = said.value.as_deref().unwrap_or("unset");
    let place = match place(said.span, None, sources) {
        Some(place) => format!("{place}, {}", said.by),
        None => said.by.clone(),
    };
    let above = above.and_then(|above| self::place(above, Some(said.span), sources));
    match above {
        Some(above) => format!("{value}: {place}, overridden at {above}"),
        None => format!("{value}: {place}"),
    }
}

/// `fluxgen.toml:14`, or `:14` beside a place of the same file.
fn place(span: Span, beside: Option<Span>, sources: &Sources) -> Option<String> {
    let line = sources.position(span)?.line;
    match beside {
        Some(beside) if beside.file == span.file => Some(format!(":{line}")),
        _ => Some(format!("{}:{line}", sources.get(span.file)?.path())),
    }
}
