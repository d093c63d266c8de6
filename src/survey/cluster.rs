//! One cluster: the tree of those who apply, and what each applies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Survey;
use super::source::{Source, source_of};
use crate::kustomize::{self, Build, Built};
use crate::link::ResourceId;
use crate::node::Node;
use crate::resource::{Identity, Resource};
use crate::source::Span;
use crate::tree::File;

/// Kustomizations of one cluster: more than anybody has.
const MOST: usize = 20_000;

/// What one cluster applies.
#[derive(Debug, Default)]
pub(crate) struct ClusterSurvey {
    /// The root Kustomization first; those after it come after the one that applies them.
    pub(crate) appliers: Vec<Applier>,
}

/// A Kustomization of the cluster.
#[derive(Debug)]
pub(crate) struct Applier {
    /// The Kustomization; the root's own is made by Flux's bootstrap and is not here.
    pub(crate) resource: Option<Arc<Resource>>,
    /// Where it is defined.
    pub(crate) place: Span,
    /// Who applies it, by place in `appliers`; nobody applies the root but itself.
    pub(crate) parent: Option<usize>,
    /// It is of the TOML file.
    pub(crate) id: Option<ResourceId>,
    pub(crate) is_suspended: bool,
    /// It applies to another cluster, by `kubeConfig`.
    pub(crate) is_remote: bool,
    pub(crate) contents: Contents,
}

/// What an applier applies.
#[derive(Debug)]
pub(crate) enum Contents {
    /// The resources of the TOML file, and the user's own YAML in the cluster's folder.
    Root {
        resources: Vec<(ResourceId, Arc<Resource>, Span)>,
        own: Option<Arc<kustomize::Contents>>,
    },
    /// A folder of this repository.
    Folder(Arc<Build>, Arc<kustomize::Contents>),
    /// Something that is not here; the reason is a noun: `what GitRepository … holds`.
    NotKnown(String),
}

/// An object that is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'s> {
    pub(crate) identity: &'s Identity,
    /// The whole object, after kustomize and substitution.
    pub(crate) resource: &'s Arc<Resource>,
    /// The file of the user's own that it is from, from the repository's root; none for the TOML's.
    pub(crate) file: Option<&'s str>,
    /// Where it is defined.
    pub(crate) place: Span,
    /// Who applies it, by place in `appliers`.
    pub(crate) applier: usize,
    /// It is of the TOML file.
    pub(crate) id: Option<ResourceId>,
}

impl ClusterSurvey {
    /// Every object of the cluster that is known. An object that two apply is there twice. What is applied to
    /// another cluster is left out.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        let appliers = self.appliers.iter().enumerate();
        appliers
            .filter(|(_, applier)| !applier.is_remote)
            .flat_map(|(at, applier)| applier.objects(at))
    }

    /// Why there may be more objects than `objects` gives, with the applier that it is about.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (usize, &str)> {
        self.appliers.iter().enumerate().flat_map(|(at, applier)| {
            let reasons: Vec<&str> = match &applier.contents {
                Contents::NotKnown(why) => vec![why],
                Contents::Root { own, .. } => own.iter().flat_map(|own| reasons(own)).collect(),
                Contents::Folder(_, contents) => reasons(contents).collect(),
            };
            reasons.into_iter().map(move |why| (at, why))
        })
    }

    /// The appliers from the root down to one, by place; the last is the applier itself.
    pub(crate) fn chain(&self, applier: usize) -> Vec<usize> {
        let mut chain = vec![applier];
        while let Some(parent) = self.appliers[chain[chain.len() - 1]].parent {
            chain.push(parent);
        }
        chain.reverse();
        chain
    }
}

fn reasons(contents: &kustomize::Contents) -> impl Iterator<Item = &str> {
    let all = contents.unknown.iter().chain(&contents.broken);
    all.map(String::as_str)
}

impl Applier {
    fn objects(&self, at: usize) -> Vec<Object<'_>> {
        match &self.contents {
            Contents::NotKnown(_) => Vec::new(),
            Contents::Folder(_, contents) => of_folder(contents, at),
            Contents::Root { resources, own } => {
                let mut objects: Vec<Object<'_>> = resources
                    .iter()
                    .map(|(id, resource, place)| Object {
                        identity: &resource.identity,
                        resource,
                        file: None,
                        place: *place,
                        applier: at,
                        id: Some(*id),
                    })
                    .collect();
                if let Some(own) = own {
                    let made: BTreeSet<&Identity> =
                        objects.iter().map(|object| object.identity).collect();
                    let more = of_folder(own, at).into_iter();
                    let more: Vec<_> = more
                        .filter(|object| !made.contains(object.identity))
                        .collect();
                    objects.extend(more);
                }
                objects
            }
        }
    }

    /// The name in messages: `flux-system/apps`.
    pub(crate) fn name(&self) -> Option<String> {
        let identity = &self.resource.as_ref()?.identity;
        Some(format!("{}/{}", identity.namespace, identity.name))
    }
}

fn of_folder(contents: &kustomize::Contents, applier: usize) -> Vec<Object<'_>> {
    let objects = contents.objects.iter();
    objects
        .filter_map(|(identity, built)| object(identity, built, applier))
        .collect()
}

fn object<'s>(identity: &'s Identity, built: &'s Built, applier: usize) -> Option<Object<'s>> {
    Some(Object {
        identity,
        resource: built.resource.as_ref()?,
        file: Some(&built.file),
        place: built.place.unwrap_or(Span::BUILT_IN),
        applier,
        id: None,
    })
}

fn is_kustomization(identity: &Identity) -> bool {
    identity.kind == "Kustomization" && identity.group == "kustomize.toolkit.fluxcd.io"
}

/// A Kustomization that was found and is not built yet.
struct Pending {
    resource: Arc<Resource>,
    place: Span,
    parent: usize,
    id: Option<ResourceId>,
}

pub(super) fn survey(survey: &Survey<'_>, at: usize) -> ClusterSurvey {
    let graph = survey.graph;
    let settings = graph.settings();
    let resources = graph.clusters[at].resources.iter().map(|id| {
        let variant = graph.variant(*id);
        let resource = Arc::clone(&variant.resources[id.resource as usize]);
        (*id, resource, variant.span)
    });
    let root = Applier {
        resource: None,
        place: Span::BUILT_IN,
        parent: None,
        id: None,
        is_suspended: false,
        is_remote: false,
        contents: Contents::Root {
            resources: resources.collect(),
            own: own(survey, at),
        },
    };
    let mut surveyed = ClusterSurvey {
        appliers: vec![root],
    };
    let mut seen: BTreeSet<Identity> = BTreeSet::new();
    let mut sources: HashMap<(String, String), Arc<Resource>> = HashMap::new();
    let mut pending: Vec<Pending> = Vec::new();
    let mut missing: Vec<(Pending, String)> = Vec::new();
    let mut next = 0;
    while next < surveyed.appliers.len() && surveyed.appliers.len() < MOST {
        for object in surveyed.appliers[next].objects(next) {
            let identity = object.identity;
            if identity.kind == "GitRepository" && identity.group == "source.toolkit.fluxcd.io" {
                let key = (identity.namespace.clone(), identity.name.clone());
                sources
                    .entry(key)
                    .or_insert_with(|| Arc::clone(object.resource));
            }
            // The root Kustomization applies itself.
            let is_root = settings.repo.is_named(&identity.namespace, &identity.name);
            if is_kustomization(identity) && !is_root && seen.insert(identity.clone()) {
                pending.push(Pending {
                    resource: Arc::clone(object.resource),
                    place: object.place,
                    parent: next,
                    id: object.id,
                });
            }
        }
        next += 1;
        // A source may be found after the Kustomization that builds it.
        let again = std::mem::take(&mut missing).into_iter().map(|(one, _)| one);
        let waiting: Vec<Pending> = again.chain(pending.drain(..)).collect();
        for one in waiting {
            let found = |namespace: &str, name: &str| {
                let key = (namespace.to_owned(), name.to_owned());
                sources.get(&key).map(|resource| &**resource)
            };
            match source_of(&one.resource, settings, at, &found) {
                Source::Missing(label) => missing.push((one, label)),
                source => surveyed.appliers.push(applier(survey, at, one, source)),
            }
        }
        if next == surveyed.appliers.len() {
            for (one, label) in missing.drain(..) {
                surveyed
                    .appliers
                    .push(applier(survey, at, one, Source::Elsewhere(label)));
            }
        }
    }
    surveyed
}

fn applier(survey: &Survey<'_>, at: usize, one: Pending, source: Source) -> Applier {
    let spec = |key: &str| one.resource.get(&["spec", key]);
    Applier {
        is_suspended: spec("suspend").and_then(Node::as_bool) == Some(true),
        is_remote: spec("kubeConfig").is_some(),
        contents: contents(survey, at, &one, source),
        place: one.place,
        parent: Some(one.parent),
        id: one.id,
        resource: Some(one.resource),
    }
}

fn contents(survey: &Survey<'_>, at: usize, one: &Pending, source: Source) -> Contents {
    let artifact = match source {
        Source::Here(artifact) => artifact,
        Source::Elsewhere(label) | Source::Missing(label) => {
            return Contents::NotKnown(format!("what {label} holds"));
        }
    };
    let build = match one.id {
        Some(id) => {
            let mut built = survey.built.borrow_mut();
            let build = built
                .entry(id)
                .or_insert_with(|| Arc::new(Build::of(&one.resource)));
            Arc::clone(build)
        }
        None => Arc::new(Build::of(&one.resource)),
    };
    if build.path.contains("${") {
        return Contents::NotKnown(format!("what is in `{}`", build.path));
    }
    // What this very run makes is not on disk yet.
    if survey.folders.touch(&build.path) {
        let whose = &survey.graph.settings().clusters[at].name.value;
        return Contents::NotKnown(format!("what `{}` holds in cluster `{whose}`", build.path));
    }
    let build = match artifact == build.artifact {
        true => build,
        false => Arc::new(Build {
            artifact,
            ..Build::clone(&build)
        }),
    };
    let contents = survey.resolver.contents(&build);
    Contents::Folder(build, contents)
}

/// The user's own YAML in the cluster's folder, but for what installs Flux.
fn own(survey: &Survey<'_>, at: usize) -> Option<Arc<kustomize::Contents>> {
    let cluster = &survey.graph.settings().clusters[at];
    let name = cluster.name.value.as_str();
    let existing = survey.trees?.get(name)?;
    let system = format!("{}/", cluster.flux.namespace);
    let is_own = |path: &String, file: &File| {
        matches!(file, File::Foreign(Some(_))) && !path.starts_with(&system)
    };
    if !existing.files.iter().any(|(path, file)| is_own(path, file)) {
        return None;
    }
    let folder = survey.repository.from_root(&cluster.folder);
    let mut known = BTreeMap::new();
    for (path, file) in &existing.files {
        if let File::Foreign(Some(bytes)) = file
            && is_own(path, file)
        {
            known.insert(format!("{folder}/{path}"), bytes.clone());
        }
    }
    Some(survey.resolver.own_contents(&folder, known))
}
