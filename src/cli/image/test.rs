//! `fluxgen image test`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde_json::json;

use super::super::{Place, Status, print, tell};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::{printable_json, printable_line};
use crate::image::evaluation::{Evaluation, evaluate};
use crate::image::laboratory::{self, Subject};
use crate::image::lint::lint;
use crate::image::registry::{self, DockerConfig};
use crate::image::report;
use crate::image::spec;
use crate::mask::Secrets;
use crate::project::Project;

/// Say which tag a policy picks, and why each other loses
///
/// Without --tags and --registry, the policy's own `tags` are taken. The result is the controller's, its
/// errors included; where the controller's is not stable, every tag that may come out is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 one tag is picked and it is the expected one, 1 it is not, 2 could not do it.

Examples:
  fluxgen image test                               every policy with `tags`
  fluxgen image test podinfo --tags 6.4.0 6.5.0    these tags
  fluxgen image test podinfo --tags tags.txt       one a line, or a JSON list
  fluxgen image test podinfo --registry            those of the registry
  crane ls ghcr.io/stefanprodan/podinfo | fluxgen image test podinfo --tags -")]
pub(in crate::cli) struct Args {
    /// The policy: NAME or NAMESPACE/NAME; without it, all
    name: Option<String>,
    /// The tags: a file, `-` for stdin, or tags themselves
    #[arg(long, value_name = "FILE|-|TAG", num_args = 1.., conflicts_with = "registry")]
    tags: Vec<String>,
    /// Read the tags from the registry, with the credentials of the docker config file
    #[arg(long)]
    registry: bool,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Where a policy's tags came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Toml,
    Arguments,
    Registry,
}

/// A policy, and what it makes of its tags.
struct Tried<'a> {
    subject: Subject<'a>,
    from: From,
    evaluation: Evaluation,
    findings: Vec<Diagnostic>,
}

pub(in crate::cli) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let given = match args.tags.is_empty() {
        true => None,
        false => Some(read_tags(place, &args.tags)?),
    };
    let mut project = place.open(&[])?;
    let diagnostics = std::mem::take(&mut project.diagnostics);
    let Project { built, sources, .. } = &*project;
    let Some(graph) = built.as_ref().and_then(|built| built.graph()) else {
        tell(&diagnostics.into_sorted(), sources);
        bail!("no policy can be tried before the errors above are mended");
    };
    let subjects = laboratory::subjects(graph, args.name.as_deref())?;
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut tried = Vec::new();
    for subject in subjects {
        let own = subject.test.filter(|test| !test.tags.is_empty());
        let (from, tags) = if args.registry {
            (From::Registry, of_registry(&subject, &mut listed)?)
        } else if let Some(given) = &given {
            (From::Arguments, given.clone())
        } else if let Some(test) = own {
            let tags = test.tags.iter().map(|tag| tag.value.clone()).collect();
            (From::Toml, tags)
        } else if args.name.is_some() {
            bail!(
                "the policy `{}` has no `tags` of its own; give some with `--tags`, or use `--registry`",
                subject.name()
            );
        } else {
            continue;
        };
        let spec = subject.spec.as_ref();
        let spec =
            spec.map_err(|error| anyhow::anyhow!("the policy `{}`: {error}", subject.name()))?;
        let evaluation = evaluate(&spec.policy, spec.filter.as_ref(), &tags);
        let findings = lint(&spec.policy, spec.filter.as_ref(), &evaluation)
            .into_iter()
            .map(|finding| match spec::place(subject.policy, finding.field) {
                Some(span) => finding.diagnostic.at(span, ""),
                None => finding.diagnostic,
            })
            .collect();
        tried.push(Tried {
            subject,
            from,
            evaluation,
            findings,
        });
    }
    if tried.is_empty() {
        bail!("no policy has `tags` to be tried on; give some with `--tags`, or use `--registry`");
    }
    let secrets = Secrets::of(sources);
    match args.format {
        Format::Human => {
            let tables: Vec<String> = tried.iter().map(Tried::human).collect();
            print(&secrets.hide(&tables.join("\n")))?;
            let mut found: Vec<Diagnostic> = Vec::new();
            for finding in tried.iter().flat_map(|tried| &tried.findings) {
                if !found.contains(finding) {
                    found.push(finding.clone());
                }
            }
            tell(&found, sources);
        }
        Format::Json => {
            let policies: Vec<_> = tried.iter().map(|tried| tried.json(&project)).collect();
            let mut whole = json!({ "policies": policies });
            secrets.hide_in(&mut whole);
            print(&printable_json(&format!("{whole:#}\n")))?;
        }
    }
    Ok(match tried.iter().all(Tried::is_sound) {
        true => Status::Done,
        false => Status::Found,
    })
}

impl Tried<'_> {
    /// What the TOML file expects of its own tags.
    fn expected(&self) -> Option<&str> {
        let test = self.subject.test.filter(|_| self.from == From::Toml)?;
        test.expect.as_ref().map(|expect| expect.value.as_str())
    }

    fn is_sound(&self) -> bool {
        let [picked] = self.evaluation.outcome.candidates() else {
            return false;
        };
        self.expected().is_none_or(|expected| expected == picked)
    }

    fn human(&self) -> String {
        let subject = &self.subject;
        let mut text = format!("{} in {}", subject.name(), subject.clusters.join(", "));
        if let Ok(spec) = &subject.spec {
            write!(text, ": {}", spec.policy).expect("a string takes all that is written");
            if let Some(filter) = &spec.filter {
                write!(text, ", filter `{}`", filter.regexp.pattern()).expect("as above");
                if !filter.extract.is_empty() {
                    write!(text, " to `{}`", filter.extract).expect("as above");
                }
            }
        }
        // A pattern may hold anything; a tag is made visible where the table is.
        text = printable_line(&text).into_owned();
        text.push('\n');
        text.push_str(&report::table(&self.evaluation));
        match self.expected() {
            Some(expected) if self.is_sound() => {
                writeln!(text, "expected: {}", printable_line(expected)).expect("as above");
            }
            Some(expected) => writeln!(
                text,
                "expected: {}, which is not picked",
                printable_line(expected)
            )
            .expect("as above"),
            None => {}
        }
        text
    }

    fn json(&self, project: &Project) -> serde_json::Value {
        let subject = &self.subject;
        let filter = subject
            .spec
            .as_ref()
            .ok()
            .and_then(|spec| spec.filter.as_ref());
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|found| {
                json!({
                    "code": found.code,
                    "message": found.message,
                    "help": found.help,
                    "place": found.primary().map(|span| project.sources.locate(span)),
                })
            })
            .collect();
        let mut whole = json!({
            "namespace": subject.policy.identity.namespace,
            "name": subject.policy.identity.name,
            "clusters": subject.clusters,
            "policy": subject.spec.as_ref().ok().map(|spec| spec.policy.to_string()),
            "filter": filter.map(|filter| json!({ "pattern": filter.regexp.pattern(), "extract": filter.extract })),
            "tagsFrom": match self.from { From::Toml => "toml", From::Arguments => "arguments", From::Registry => "registry" },
            "expect": self.expected(),
            "sound": self.is_sound(),
            "findings": findings,
        });
        if let (Some(whole), serde_json::Value::Object(result)) =
            (whole.as_object_mut(), report::to_json(&self.evaluation))
        {
            whole.extend(result);
        }
        whole
    }
}

/// The tags of a policy's repository, less those that it excludes; a repository is asked once.
fn of_registry(
    subject: &Subject<'_>,
    listed: &mut BTreeMap<String, Vec<String>>,
) -> anyhow::Result<Vec<String>> {
    let scan = subject.scan()?;
    let key = format!("{scan:?}");
    if let Some(tags) = listed.get(&key) {
        return Ok(tags.clone());
    }
    let credentials = match DockerConfig::default_path() {
        Some(path) if path.exists() => DockerConfig::read(&path).map_err(anyhow::Error::msg)?,
        _ => DockerConfig::default(),
    };
    let access = registry::Access {
        insecure: scan.insecure,
        limit: scan.limit,
        credentials,
    };
    let tags =
        registry::list_tags(&scan.repository, &access).map_err(|error| match error.help() {
            Some(help) => anyhow::anyhow!("{error}\nhelp: {help}"),
            None => anyhow::anyhow!("{error}"),
        })?;
    let tags = registry::exclude(tags, &scan.exclusions).map_err(|(pattern, error)| {
        anyhow::anyhow!("`exclusionList` holds `{pattern}`: {error}")
    })?;
    listed.insert(key, tags.clone());
    Ok(tags)
}

/// The most that is read of a file or stdin, in bytes.
const LARGEST: u64 = 64 << 20;

fn read_tags(place: &Place, given: &[String]) -> anyhow::Result<Vec<String>> {
    let mut tags = Vec::new();
    for given in given {
        let path = place.directory.join(given);
        let mut text = String::new();
        if given == "-" {
            let stdin = std::io::stdin().lock();
            stdin
                .take(LARGEST)
                .read_to_string(&mut text)
                .context("cannot read stdin")?;
        } else if path.is_file() {
            let file = fs_err::File::open(&path)?;
            file.take(LARGEST)
                .read_to_string(&mut text)
                .with_context(|| format!("cannot read `{path}`"))?;
        } else if given.contains('/') {
            bail!("there is no file `{given}`, and no tag holds a `/`");
        } else {
            tags.push(given.clone());
            continue;
        }
        tags.extend(tags_of(&text).with_context(|| format!("`{given}`"))?);
    }
    Ok(tags)
}

/// One tag a line, or JSON: a list, or an object with a list `tags` as registries and `skopeo` write it.
fn tags_of(text: &str) -> anyhow::Result<Vec<String>> {
    if !text.trim_start().starts_with(['[', '{']) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok(lines.map(str::to_owned).collect());
    }
    let json: serde_json::Value = serde_json::from_str(text)?;
    let list = ["tags", "Tags"]
        .iter()
        .find_map(|key| json.get(key))
        .unwrap_or(&json);
    let list = list.as_array().context("no list of tags is in the JSON")?;
    let tags = list.iter().map(|tag| tag.as_str().map(str::to_owned));
    tags.collect::<Option<_>>()
        .context("a tag in the JSON is not a string")
}

#[cfg(test)]
mod tests {
    use super::tags_of;

    #[test]
    fn tags_stand_one_a_line_or_in_json_as_registries_write_it() {
        for text in [
            "1.0.0\r\n\n 1.1.0 \n",
            r#"["1.0.0", "1.1.0"]"#,
            r#"{"name": "a", "tags": ["1.0.0", "1.1.0"]}"#,
            r#"{"Repository": "a", "Tags": ["1.0.0", "1.1.0"]}"#,
        ] {
            assert_eq!(tags_of(text).expect(text), ["1.0.0", "1.1.0"], "{text}");
        }
        for text in ["{", "{}", "[1]", r#"{"tags": "1.0.0"}"#] {
            assert!(tags_of(text).is_err(), "{text}");
        }
    }
}
