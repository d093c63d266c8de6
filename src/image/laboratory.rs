//! The policies of a project as subjects of trials: which there are, where they go, what they read.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::diagnostic::nearest::nearest;
use crate::expand::PolicyTest;
use crate::go;
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;

use super::policy::PolicyError;
use super::reference::Repository;
use super::spec::{self, Spec};

/// One form of a policy: clusters may have different ones under one name.
#[derive(Debug)]
pub struct Subject<'a> {
    pub policy: &'a Resource,
    pub repository: Option<&'a Resource>,
    pub test: Option<&'a PolicyTest>,
    pub spec: Result<Spec, PolicyError>,
    /// The clusters that have it, in their order.
    pub clusters: Vec<&'a str>,
}

/// What an ImageRepository says about how its registry is read.
#[derive(Debug)]
pub struct Scan {
    pub repository: Repository,
    pub insecure: bool,
    /// For the whole listing.
    pub limit: Duration,
    pub exclusions: Vec<String>,
}

/// What ImageRepository leaves out where it says nothing: the signatures of cosign.
const EXCLUDED: &str = r"^.*\.sig$";

/// The time limit of a listing where an ImageRepository has no `timeout`. The controller takes the
/// interval then, for which nobody waits at a terminal.
const LIMIT: Duration = Duration::from_secs(60);

/// The longest that one listing may take.
const LONGEST: Duration = Duration::from_secs(300);

/// The policies of a name, `NAME` or `NAMESPACE/NAME`, or all.
pub fn subjects<'a>(graph: &'a Graph, name: Option<&str>) -> anyhow::Result<Vec<Subject<'a>>> {
    let variants = &graph.validated.expanded.variants;
    let mut clusters: Vec<Vec<&str>> = vec![Vec::new(); variants.len()];
    for (at, of_cluster) in graph.validated.expanded.clusters.iter().enumerate() {
        for variant in of_cluster {
            clusters[*variant as usize].push(&graph.settings().clusters[at].name.value);
        }
    }
    let mut names: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (variant, clusters) in variants.iter().zip(clusters) {
        for policy in &variant.resources {
            if policy.identity.kind != spec::KIND || clusters.is_empty() {
                continue;
            }
            let identity = &policy.identity;
            let whole = format!("{}/{}", identity.namespace, identity.name);
            let is_meant = name.is_none_or(|name| name == whole || name == identity.name);
            names.extend([identity.name.clone(), whole]);
            if !is_meant {
                continue;
            }
            let Some(spec) = spec::read(policy) else {
                continue;
            };
            let wanted = spec::repository_of(policy);
            let repositories = variant
                .resources
                .iter()
                .chain(variants.iter().flat_map(|other| &other.resources))
                .map(AsRef::as_ref);
            found.push(Subject {
                policy,
                repository: repositories
                    .into_iter()
                    .find(|resource| Some(&resource.identity) == wanted.as_ref()),
                test: variant
                    .tests
                    .iter()
                    .find(|test| test.policy == policy.identity),
                spec,
                clusters: clusters.clone(),
            });
        }
    }
    match name {
        Some(name) if found.is_empty() => match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => bail!("no image policy is named `{name}`; did you mean `{near}`?"),
            None => bail!("no image policy is named `{name}`"),
        },
        None if found.is_empty() => bail!("the project has no image policies"),
        _ => Ok(found),
    }
}

impl Subject<'_> {
    /// `namespace/name`.
    pub fn name(&self) -> String {
        format!(
            "{}/{}",
            self.policy.identity.namespace, self.policy.identity.name
        )
    }

    /// How its repository is read.
    pub fn scan(&self) -> anyhow::Result<Scan> {
        let name = self.name();
        let resource = self.repository.with_context(|| {
            format!("the ImageRepository of the policy `{name}` is not defined in the TOML file")
        })?;
        let text = |key: &str| resource.get(&["spec", key]).and_then(Node::as_str);
        let image = text("image").with_context(|| format!("the policy `{name}` has no image"))?;
        let repository = Repository::parse(image)
            .map_err(|error| anyhow::anyhow!("`{image}`: {error}; {}", error.help()))?;
        let limit = text("timeout").and_then(duration);
        let exclusions = match resource
            .get(&["spec", "exclusionList"])
            .and_then(Node::as_array)
        {
            Some(patterns) => patterns
                .iter()
                .filter_map(Node::as_str)
                .map(str::to_owned)
                .collect(),
            None => vec![EXCLUDED.to_owned()],
        };
        let insecure = resource.get(&["spec", "insecure"]).and_then(Node::as_bool);
        Ok(Scan {
            repository,
            insecure: insecure.unwrap_or(false),
            limit: limit.unwrap_or(LIMIT).min(LONGEST),
            exclusions,
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    let nanoseconds = go::duration::Duration::parse(text).ok()?.nanoseconds();
    let nanoseconds = u64::try_from(nanoseconds)
        .ok()
        .filter(|nanoseconds| *nanoseconds > 0)?;
    Some(Duration::from_nanos(nanoseconds))
}
