//! `fluxgen explain`

use std::fmt::Write as _;

use anyhow::bail;

use super::{Place, Status, print, tell};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::render::printable_line;
use crate::mask::Secrets;
use crate::origin::{self, Decided, Said};
use crate::pages;
use crate::project::{Project, check_names};
use crate::resource::Identity;
use crate::schema::{self, FieldDocs, Registry, UnknownPath};
use crate::source::{Sources, Span};

/// Explain a kind, a field, a diagnostic code, or where a value comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen explain helmReleases.driftDetection.mode       type, values, since
  fluxgen explain Kustomization                          a kind, its fields
  fluxgen explain flux.version                           a key of fluxgen's own
  fluxgen explain dangling-reference                     the code of a message
  fluxgen explain staging kustomizations.apps interval   who decides the value
  fluxgen explain staging HelmRelease/web/podinfo        the same of all values")]
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
        // `layout` is a key and a code.
        if let Ok(setting) = schema::setting(what) {
            print(&format!("{}\n", setting.describe()))?;
        }
        print(&page.to_string())?;
        return Ok(Status::Done);
    }
    let field = match lookup(what) {
        Ok(found) => {
            let texts: Vec<String> = found.iter().map(|docs| docs.describe()).collect();
            print(&texts.join("\n"))?;
            return Ok(Status::Done);
        }
        Err(unknown) => unknown,
    };
    let setting = match schema::setting(what) {
        Ok(found) => {
            print(&found.describe())?;
            return Ok(Status::Done);
        }
        Err(unknown) => unknown,
    };
    bail!("{}", missed(what, &field, &setting))
}

/// A kind or a field; `source` is told with what it is short for.
fn lookup(what: &str) -> Result<Vec<FieldDocs<'static>>, UnknownPath> {
    let registry = Registry::get();
    let shorthand = what.strip_suffix(".source").and_then(|parent| {
        let long = ["sourceRef", "chartRef"].into_iter();
        long.map(|long| registry.lookup(&format!("{parent}.{long}")))
            .find_map(Result::ok)
    });
    shorthand.map_or_else(|| registry.lookup(what), Ok)
}

/// What was asked for and is not there, with the nearest that is.
fn missed(what: &str, field: &UnknownPath, setting: &UnknownPath) -> String {
    let near = |near: &str| format!("; did you mean `{near}`?");
    if field.within.is_empty() && setting.within.is_empty() {
        let first = what.split('.').next().unwrap_or(what);
        let mut known: Vec<&str> = field.known.iter().map(String::as_str).collect();
        let own: Vec<&str> = schema::setting_names();
        let codes: Vec<&str> = pages::codes().collect();
        known.extend_from_slice(&own);
        known.extend_from_slice(&codes);
        let field = Registry::get()
            .kinds()
            .find(|kind| kind.root().property(what).is_some())
            .map(|kind| format!("{}.{what}", kind.section));
        if let Some(field) = field {
            return format!(
                "there is no kind, section, key or code `{what}`{}",
                near(&field)
            );
        }
        let help = nearest(what, known.iter().copied())
            .or_else(|| nearest(first, known.iter().copied()))
            .map_or(
                "; `fluxgen explain --help` shows what can be asked for".to_owned(),
                near,
            );
        return format!("there is no kind, section, key or code `{what}`{help}");
    }
    let unknown = match field.within.is_empty() {
        true => setting,
        false => field,
    };
    let help = [field, setting]
        .into_iter()
        .filter(|unknown| !unknown.within.is_empty())
        .find_map(|unknown| unknown.nearest.as_deref())
        .map_or(
            format!("; `fluxgen explain {}` lists its keys", unknown.within),
            near,
        );
    format!("`{}` has no field `{}`{help}", unknown.within, unknown.part)
}

fn origin(
    place: &Place,
    cluster: &str,
    resource: &str,
    field: Option<&str>,
) -> anyhow::Result<Status> {
    let mut project = place.open(&[])?;
    let diagnostics = std::mem::take(&mut project.diagnostics);
    let Project { built, sources, .. } = &*project;
    let resolved = built.as_ref().map(|built| &*built.resolved);
    let checked = built.as_ref().and_then(|built| built.checked.as_deref());
    let (Some(resolved), Some(checked)) = (resolved, checked) else {
        tell(&diagnostics.into_sorted(), sources);
        bail!("values have no origin before the errors above are mended");
    };
    let clusters = &resolved.settings.clusters;
    let names: Vec<String> = clusters
        .iter()
        .map(|known| known.name.value.clone())
        .collect();
    check_names(&[cluster.to_owned()], names.iter().map(String::as_str))?;
    let at = names
        .iter()
        .position(|name| name == cluster)
        .unwrap_or_default();
    let found = origin::origins(resolved, checked.graph(), at, resource, field)?;
    print(&describe(&found, sources, &Secrets::of(sources)))?;
    Ok(Status::Done)
}

fn describe(found: &[Decided], sources: &Sources, secrets: &Secrets) -> String {
    let mut out = String::new();
    let mut told: Option<&Identity> = None;
    for decided in found {
        if told != Some(&decided.resource) {
            let gap = if told.is_some() { "\n" } else { "" };
            let _ = writeln!(
                out,
                "{gap}{}",
                printable_line(&decided.resource.to_string())
            );
            told = Some(&decided.resource);
        }
        let _ = writeln!(out, "  {}", printable_line(&secrets.hide(&decided.path)));
        let mut above: Option<Span> = None;
        for said in &decided.values {
            out.push_str("    ");
            let line = line(said, above, sources);
            out.push_str(&printable_line(&secrets.hide(&line)));
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
