//! Follows a folder's kustomization files to the objects under it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::document::{self, Document, Documents, Place};
use super::kustomization::{self, FILE_NAMES, Generated, Kustomization, Patch};
use super::substitute::{Substituted, substitute};
use super::transform::{set_name, set_namespace};
use super::{Build, Built, Contents, InlinePatch, Unset, keeps_from_pruning, patch};
use crate::files::path::{from_root, is_remote, join};
use crate::files::{Bytes, EntryKind, Files, FolderEntry};
use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};

/// Kustomizations within kustomizations: far more than anybody has, far fewer than a stack holds.
const DEPTH: usize = 50;
/// The largest file that is read, in bytes: manifests are far smaller.
const LARGEST: u64 = 8 * 1024 * 1024;
/// Objects and files of one build.
const COUNT: usize = 50_000;

/// Left out of every artifact by source-controller, wherever they stand.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#default-exclusions>
const IGNORED_FILES: [&str; 10] = [
    ".goreleaser.yml",
    ".sops.yaml",
    ".flux.yaml",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
];
const IGNORED_FOLDERS: [&str; 3] = [".git", ".github", ".circleci"];

/// Builds folders of one state of a repository. Each file is read once.
pub struct Resolver<'files> {
    files: &'files dyn Files,
    documents: RefCell<HashMap<String, Rc<Documents>>>,
    built: RefCell<HashMap<Build, Arc<Contents>>>,
}

#[derive(Clone)]
struct Item {
    document: Document,
    file: String,
}

/// One build: what it met on its way.
#[derive(Default)]
struct Run {
    unknown: BTreeSet<String>,
    folders: Vec<String>,
    count: usize,
    /// Generated ConfigMaps, one item for each text that they are made of.
    generated: Vec<Item>,
}

impl<'files> Resolver<'files> {
    pub fn new(files: &'files dyn Files) -> Self {
        Self {
            files,
            documents: RefCell::default(),
            built: RefCell::default(),
        }
    }

    /// A file; one that is too large or cannot be read is not known here.
    fn read(&self, path: &str) -> Option<Bytes> {
        self.files.read(path, LARGEST).ok().flatten()
    }

    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>> {
        self.files.list(folder).ok().flatten()
    }

    /// The objects that this build gives.
    pub fn contents(&self, build: &Build) -> Arc<Contents> {
        if let Some(known) = self.built.borrow().get(build) {
            return Arc::clone(known);
        }
        let contents = Arc::new(self.build(build));
        self.built
            .borrow_mut()
            .insert(build.clone(), Arc::clone(&contents));
        contents
    }

    fn build(&self, build: &Build) -> Contents {
        let mut run = Run::default();
        let folder = from_root(&build.path);
        let items = match self.root(&folder, build, &mut run) {
            Ok(items) => items,
            Err(broken) => {
                return Contents {
                    broken: Some(broken),
                    unknown: run.unknown,
                    ..Contents::default()
                };
            }
        };
        let mut contents = Contents::default();
        for item in items {
            unset(&item, build, &mut contents);
            finish(item, build, &mut contents, &mut run.unknown);
        }
        for item in &run.generated {
            unset(item, build, &mut contents);
        }
        contents.unknown = run.unknown;
        contents
    }

    /// The folder of the build itself: it may lack a kustomization file, and Flux adds to it.
    fn root(&self, folder: &str, build: &Build, run: &mut Run) -> Result<Vec<Item>, String> {
        if self.list(folder).is_none() {
            return Err(format!("there is no folder `{}`", shown(folder)));
        }
        for ignore in [
            ".sourceignore".to_owned(),
            format!("{folder}/.sourceignore"),
        ] {
            if self.read(ignore.trim_start_matches('/')).is_some() {
                run.unknown.insert(format!(
                    "`{}` is not followed",
                    ignore.trim_start_matches('/')
                ));
            }
        }
        let mut kustomization = match self.kustomization(folder)? {
            Some(kustomization) => kustomization,
            None => Kustomization {
                resources: self.scan(folder, run)?,
                ..Kustomization::default()
            },
        };
        if build.target_namespace.is_some() {
            kustomization.namespace.clone_from(&build.target_namespace);
        }
        if build.name_prefix.is_some() {
            kustomization.name_prefix.clone_from(&build.name_prefix);
        }
        if build.name_suffix.is_some() {
            kustomization.name_suffix.clone_from(&build.name_suffix);
        }
        kustomization.has_images |= build.has_images;
        let patches = build.patches.iter().cloned().map(Patch::Inline);
        kustomization.patches.extend(patches);
        for component in &build.components {
            let exists = join(folder, component).is_some_and(|path| self.list(&path).is_some());
            if exists || !build.ignore_missing_components {
                kustomization.components.push(component.clone());
            }
        }
        self.kustomize(folder, kustomization, Vec::new(), run)
    }

    /// The paths, relative to `folder`, that Flux puts into the kustomization file it generates:
    /// every YAML file, and every folder that has a kustomization file of its own.
    fn scan(&self, folder: &str, run: &mut Run) -> Result<Vec<String>, String> {
        let mut resources = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(relative) = pending.pop() {
            run.count(1)?;
            let here = join(folder, &relative).unwrap_or_default();
            for entry in self.list(&here).unwrap_or_default() {
                let path = match relative.as_str() {
                    "" => entry.name.clone(),
                    relative => format!("{relative}/{}", entry.name),
                };
                match entry.kind {
                    EntryKind::Folder if IGNORED_FOLDERS.contains(&entry.name.as_str()) => {}
                    EntryKind::Folder => {
                        let inner = join(folder, &path).unwrap_or_default();
                        let is_kustomization = self
                            .list(&inner)
                            .into_iter()
                            .flatten()
                            .any(|entry| FILE_NAMES.contains(&entry.name.as_str()));
                        if is_kustomization {
                            resources.push(path);
                        } else if path.matches('/').count() < DEPTH {
                            pending.push(path);
                        }
                    }
                    EntryKind::File => {
                        let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
                        if is_yaml && !IGNORED_FILES.contains(&entry.name.as_str()) {
                            run.count(1)?;
                            resources.push(path);
                        }
                    }
                    EntryKind::Link | EntryKind::Other => {
                        run.unknown.insert(format!(
                            "`{}` is a symbolic link or a submodule",
                            join(folder, &path).unwrap_or_default()
                        ));
                    }
                }
            }
        }
        resources.sort();
        Ok(resources)
    }

    fn kustomization(&self, folder: &str) -> Result<Option<Kustomization>, String> {
        let mut found = None;
        for name in FILE_NAMES {
            let Some(path) = join(folder, name) else {
                continue;
            };
            let Some(bytes) = self.read(&path) else {
                continue;
            };
            if found.is_some() {
                return Err(format!(
                    "`{}` has several kustomization files",
                    shown(folder)
                ));
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{path}` is not UTF-8"))?;
            let read = kustomization::read(text).map_err(|why| format!("`{path}`: {why}"))?;
            found = Some(read);
        }
        Ok(found)
    }

    /// Accumulates and transforms, in kustomize's order. `items` are those of the folders that a
    /// component is added to; what it does, it does to them too.
    fn kustomize(
        &self,
        folder: &str,
        kustomization: Kustomization,
        mut items: Vec<Item>,
        run: &mut Run,
    ) -> Result<Vec<Item>, String> {
        if run.folders.iter().any(|known| known == folder) {
            return Err(format!("`{}` is its own base", shown(folder)));
        }
        if run.folders.len() >= DEPTH {
            return Err(format!("bases are nested more than {DEPTH} deep"));
        }
        // Bases that are used twice on every level double with each: visits count, not only objects.
        run.count(1)?;
        run.folders.push(folder.to_owned());
        let before = run.generated.len();
        for reason in &kustomization.unknown {
            run.unknown.insert(format!("`{}`: {reason}", shown(folder)));
        }
        for resource in &kustomization.resources {
            self.resource(folder, resource, &mut items, run)?;
        }
        check_unique(&items)?;
        for component in &kustomization.components {
            items = self.component(folder, component, items, run)?;
        }
        for generated in &kustomization.generated {
            let named = |identity: &Identity| {
                identity.kind == generated.kind && identity.name == generated.name
            };
            self.generated_texts(folder, generated, run);
            if generated.merges {
                continue;
            }
            if generated.has_hash {
                run.unknown.insert(format!(
                    "the name of {} `{}` ends in a hash of its contents",
                    generated.kind, generated.name
                ));
            } else if !items.iter().any(|item| named(&item.document.identity)) {
                items.push(Item {
                    document: Document {
                        identity: Identity {
                            group: String::new(),
                            kind: generated.kind.to_owned(),
                            namespace: generated.namespace.clone(),
                            name: generated.name.clone(),
                        },
                        prune_disabled: false,
                        substitute_disabled: generated.substitute_disabled,
                        variables: Vec::new(),
                        is_patched: false,
                        flux: None,
                    },
                    file: join(folder, FILE_NAMES[0]).unwrap_or_default(),
                });
            }
        }
        for patch in &kustomization.patches {
            self.patch(folder, patch, &mut items, run);
        }
        let disables_substitution = kustomization
            .marks
            .iter()
            .any(|(key, value)| document::disables_substitution(key, value));
        for item in items.iter_mut().chain(&mut run.generated[before..]) {
            item.document.substitute_disabled |= disables_substitution;
            item.document
                .variables
                .retain(|variable| match variable.place {
                    Place::Namespace => kustomization.namespace.is_none(),
                    Place::Image => !kustomization.has_images,
                    Place::Elsewhere => true,
                });
        }
        let keeps = kustomization
            .marks
            .iter()
            .any(|(key, value)| keeps_from_pruning(key, value));
        let prefix = kustomization.name_prefix.as_deref().unwrap_or_default();
        let suffix = kustomization.name_suffix.as_deref().unwrap_or_default();
        for item in &mut items {
            let identity = &mut item.document.identity;
            if let Some(namespace) = &kustomization.namespace {
                set_namespace(identity, namespace);
            }
            set_name(identity, prefix, suffix);
            item.document.prune_disabled |= keeps;
        }
        run.folders.pop();
        Ok(items)
    }

    /// The texts of a generated ConfigMap, which are substituted as its data.
    fn generated_texts(&self, folder: &str, generated: &Generated, run: &mut Run) {
        let files = generated.files.iter().filter_map(|file| {
            let path = join(folder, file)?;
            let text = String::from_utf8(self.read(&path)?.to_vec()).ok()?;
            Some((path, text))
        });
        let own = join(folder, FILE_NAMES[0]).unwrap_or_default();
        let literals = generated
            .literals
            .iter()
            .map(|text| (own.clone(), text.clone()));
        for (file, text) in files.chain(literals) {
            let variables = document::variables(&serde_yaml::Value::String(text));
            if variables.is_empty() {
                continue;
            }
            run.generated.push(Item {
                document: Document {
                    identity: Identity {
                        group: String::new(),
                        kind: generated.kind.to_owned(),
                        namespace: generated.namespace.clone(),
                        name: generated.name.clone(),
                    },
                    prune_disabled: false,
                    substitute_disabled: generated.substitute_disabled,
                    variables,
                    is_patched: false,
                    flux: None,
                },
                file,
            });
        }
    }

    /// One of `resources`: a file, a folder, or something elsewhere.
    fn resource(
        &self,
        folder: &str,
        resource: &str,
        items: &mut Vec<Item>,
        run: &mut Run,
    ) -> Result<(), String> {
        if is_remote(resource) {
            run.unknown
                .insert(format!("the remote base `{}`", without_userinfo(resource)));
            return Ok(());
        }
        let path = join(folder, resource)
            .ok_or_else(|| format!("`{resource}` is outside of the repository"))?;
        if self.list(&path).is_some() {
            let Some(kustomization) = self.kustomization(&path)? else {
                return Err(format!("`{}` has no kustomization file", shown(&path)));
            };
            if kustomization.is_component {
                return Err(format!("`{}` is a component, not a resource", shown(&path)));
            }
            items.extend(self.kustomize(&path, kustomization, Vec::new(), run)?);
            return run.count(items.len());
        }
        let documents = self.documents(&path)?;
        if let Some(fault) = &documents.fault {
            return Err(format!("`{path}`: {fault}"));
        }
        run.count(documents.objects.len())?;
        items.extend(documents.objects.iter().map(|document| Item {
            document: document.clone(),
            file: path.clone(),
        }));
        Ok(())
    }

    fn component(
        &self,
        folder: &str,
        component: &str,
        items: Vec<Item>,
        run: &mut Run,
    ) -> Result<Vec<Item>, String> {
        if is_remote(component) {
            run.unknown.insert(format!(
                "the remote component `{}`",
                without_userinfo(component)
            ));
            return Ok(items);
        }
        let path = join(folder, component)
            .ok_or_else(|| format!("`{component}` is outside of the repository"))?;
        let Some(kustomization) = self.kustomization(&path)? else {
            return Err(format!("`{}` has no kustomization file", shown(&path)));
        };
        if !kustomization.is_component {
            return Err(format!("`{}` is no component", shown(&path)));
        }
        self.kustomize(&path, kustomization, items, run)
    }

    fn patch(&self, folder: &str, patch: &Patch, items: &mut Vec<Item>, run: &mut Run) {
        let read;
        let (text, target) = match patch {
            Patch::Inline(InlinePatch { patch, target }) => (patch.as_str(), target.as_ref()),
            Patch::File { path, target } => {
                let bytes = join(folder, path).and_then(|path| self.read(&path));
                let Some(bytes) = bytes.filter(|bytes| std::str::from_utf8(bytes).is_ok()) else {
                    run.unknown.insert(format!("the patch `{path}`"));
                    return;
                };
                read = bytes;
                let text = std::str::from_utf8(&read).unwrap_or_default();
                (text, target.as_ref())
            }
        };
        let Some(effects) = patch::effects(text, target) else {
            run.unknown
                .insert(format!("a patch of `{}` cannot be read", shown(folder)));
            return;
        };
        for effect in effects {
            if effect.deletes && effect.is_uncertain {
                run.unknown.insert(format!(
                    "a patch of `{}` deletes by label or annotation",
                    shown(folder)
                ));
            } else if effect.deletes {
                items.retain(|item| !effect.is_for(&item.document.identity));
                run.generated
                    .retain(|item| !effect.is_for(&item.document.identity));
            } else {
                for item in items
                    .iter_mut()
                    .chain(&mut run.generated)
                    .filter(|item| effect.is_for(&item.document.identity))
                {
                    let document = &mut item.document;
                    document.is_patched |= !document.variables.is_empty();
                    document.variables.clear();
                    if !effect.is_uncertain {
                        document.variables.extend(effect.variables.iter().cloned());
                        document.substitute_disabled |= effect.disables_substitution;
                    }
                    item.document.prune_disabled |= effect.disables_pruning && !effect.is_uncertain;
                    if !effect.disables_pruning {
                        item.document.flux = None;
                    }
                }
            }
        }
    }

    fn documents(&self, path: &str) -> Result<Rc<Documents>, String> {
        if let Some(known) = self.documents.borrow().get(path) {
            return Ok(Rc::clone(known));
        }
        let bytes = self
            .read(path)
            .ok_or_else(|| format!("there is no file `{path}`, or it is too large"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{path}` is not UTF-8"))?;
        let documents = Rc::new(document::read(text));
        self.documents
            .borrow_mut()
            .insert(path.to_owned(), Rc::clone(&documents));
        Ok(documents)
    }
}

impl Run {
    fn count(&mut self, more: usize) -> Result<(), String> {
        self.count += more;
        if self.count > COUNT {
            return Err(format!("it has more than {COUNT} objects and files"));
        }
        Ok(())
    }
}

/// Kustomize refuses two resources of one identity.
fn check_unique(items: &[Item]) -> Result<(), String> {
    let mut seen: HashMap<&Identity, &str> = HashMap::new();
    for item in items {
        if let Some(other) = seen.insert(&item.document.identity, &item.file) {
            return Err(format!(
                "{} is in `{other}` and in `{}`",
                item.document.identity, item.file
            ));
        }
    }
    Ok(())
}

/// Notes the variables of an object that have no value.
fn unset(item: &Item, build: &Build, contents: &mut Contents) {
    let document = &item.document;
    if document.substitute_disabled {
        return;
    }
    contents.unjudged += usize::from(document.is_patched);
    let variables = document.variables.iter();
    for variable in variables.filter(|one| !build.substitute.contains_key(&one.name)) {
        contents.unset.insert(Unset {
            variable: variable.name.clone(),
            object: document.identity.clone(),
            file: item.file.clone(),
        });
    }
}

/// Substitutes variables, as Flux does after the build, and files the object.
fn finish(item: Item, build: &Build, contents: &mut Contents, unknown: &mut BTreeSet<String>) {
    let Item { document, file } = item;
    let mut identity = document.identity;
    let mut flux = document.flux;
    if build.substitutes && !document.substitute_disabled {
        let from_cluster = build.substitutes_from_cluster;
        for part in [&mut identity.name, &mut identity.namespace] {
            match substitute(part, &build.substitute, from_cluster) {
                Substituted::Known(text) => *part = text,
                Substituted::Unknown(names) => {
                    unknown.insert(format!(
                        "{} `{part}` is named by `{}`, whose value is in the cluster",
                        identity.kind,
                        names.join("`, `")
                    ));
                    return;
                }
            }
        }
        if let Some(resource) = &mut flux {
            substitute_node(&mut resource.node, build);
        }
    }
    let resource = flux.map(|resource| {
        Arc::new(Resource {
            identity: identity.clone(),
            ..resource
        })
    });
    contents.objects.insert(
        identity,
        Built {
            file,
            prune_disabled: document.prune_disabled,
            resource,
        },
    );
}

/// What cannot be substituted stays as it is.
fn substitute_node(node: &mut Node, build: &Build) {
    match &mut node.value {
        Value::String(text) => {
            let from_cluster = build.substitutes_from_cluster;
            if let Substituted::Known(known) = substitute(text, &build.substitute, from_cluster) {
                *text = known;
            }
        }
        Value::Array(items) => {
            for item in items {
                substitute_node(item, build);
            }
        }
        Value::Table(table) => {
            for (_, entry) in table.iter_mut() {
                substitute_node(&mut entry.node, build);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => {}
    }
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

/// A URL fit to be printed.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}
