//! Follows a folder's kustomization files to the objects under it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::artifact::Patterns;
use super::document::{self, Documents, identity};
use super::generate::{absorb, hash};
use super::item::{Id, Item};
use super::kustomization::{self, FILE_NAMES, Kustomization};
use super::patch::{self, Patch, Text};
use super::reference::{NameReference, configured, update};
use super::substitute::{Values, is_disabled, substitute};
use super::{
    Artifact, Build, Built, Contents, Fault, FaultKind, Unset, keeps_from_pruning, transform,
};
use crate::files::path::{from_root, is_remote, join};
use crate::files::{Bytes, EntryKind, Files, FolderEntry};
use crate::go::envsubst;
use crate::node::Value;
use crate::schema::Scope;
use crate::source::{FileId, Span};

/// Kustomizations within kustomizations: far more than anybody has, far fewer than a stack holds.
const DEPTH: usize = 50;
/// The largest file that is read, in bytes: manifests are far smaller.
const LARGEST: u64 = 8 * 1024 * 1024;
/// Objects and files of one build.
const COUNT: usize = 50_000;

/// Builds folders of one state of a repository. Each file is read and parsed once.
pub struct Resolver<'files> {
    files: &'files dyn Files,
    texts: RefCell<Vec<(Arc<str>, Arc<str>)>>,
    documents: RefCell<HashMap<String, Rc<Documents>>>,
    built: RefCell<HashMap<Build, Arc<Contents>>>,
    /// Files that were read before.
    known: RefCell<HashMap<String, Bytes>>,
    /// What the `.sourceignore` files of folders exclude.
    ignored: RefCell<HashMap<String, Rc<Patterns>>>,
    defaults: Patterns,
}

/// One build: what it met on its way.
struct Run<'b> {
    artifact: &'b Artifact,
    /// Without a kustomization file, only these files count.
    only: Option<&'b BTreeSet<String>>,
    unknown: BTreeSet<String>,
    references: Vec<NameReference>,
    folders: Vec<String>,
    count: usize,
}

impl<'files> Resolver<'files> {
    pub fn new(files: &'files dyn Files) -> Self {
        Self {
            files,
            texts: RefCell::default(),
            documents: RefCell::default(),
            built: RefCell::default(),
            known: RefCell::default(),
            ignored: RefCell::default(),
            defaults: Patterns::defaults(),
        }
    }

    /// Path and text of a file that a span of a built object is in.
    pub fn source(&self, file: FileId) -> Option<(Arc<str>, Arc<str>)> {
        let texts = self.texts.borrow();
        texts.get(file.of_repository()?).cloned()
    }

    /// A file; one that is too large or cannot be read is not known here.
    fn read(&self, path: &str) -> Option<Bytes> {
        if let Some(known) = self.known.borrow().get(path) {
            return Some(Bytes::clone(known));
        }
        self.files.read(path, LARGEST).ok().flatten()
    }

    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>> {
        self.files.list(folder).ok().flatten()
    }

    /// Whether an artifact has a path. The last pattern that matches decides: of the source itself, then of the
    /// `.sourceignore` files from the folder of the path upwards, then those of every source.
    fn holds(&self, artifact: &Artifact, path: &str, is_folder: bool) -> bool {
        if !artifact.is_checked_out(path) {
            return false;
        }
        let own = artifact.ignore.as_deref().map(Patterns::read);
        let mut said = own.and_then(|own| own.excludes(path, is_folder));
        let mut folder = path;
        while said.is_none() && !folder.is_empty() {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            let below = path[folder.len()..].trim_start_matches('/');
            said = self.ignored(folder).excludes(below, is_folder);
        }
        let said = said.or_else(|| self.defaults.excludes(path, is_folder));
        said != Some(true)
    }

    fn ignored(&self, folder: &str) -> Rc<Patterns> {
        if let Some(known) = self.ignored.borrow().get(folder) {
            return Rc::clone(known);
        }
        let path = join(folder, ".sourceignore").unwrap_or_default();
        let text = self.read(&path);
        let patterns = text.map(|text| Patterns::read(&String::from_utf8_lossy(&text)));
        let patterns = Rc::new(patterns.unwrap_or_default());
        self.ignored
            .borrow_mut()
            .insert(folder.to_owned(), Rc::clone(&patterns));
        patterns
    }

    /// Whether an artifact has a folder: not one of which everything is left out.
    fn has_folder(&self, artifact: &Artifact, folder: &str) -> bool {
        let Some(entries) = self.list(folder) else {
            return false;
        };
        folder.is_empty()
            || self.holds(artifact, folder, true)
            || entries.iter().any(|entry| {
                let path = format!("{folder}/{}", entry.name);
                match entry.kind {
                    EntryKind::Folder => self.has_folder(artifact, &path),
                    EntryKind::File | EntryKind::Link | EntryKind::Other => {
                        self.holds(artifact, &path, false)
                    }
                }
            })
    }

    /// A text of an artifact, whose places can be pointed at.
    fn text(&self, artifact: &Artifact, path: &str) -> Result<Option<(Arc<str>, FileId)>, Fault> {
        let Some(bytes) = self
            .read(path)
            .filter(|_| self.holds(artifact, path, false))
        else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Fault::of(FaultKind::Build, format!("`{path}` is not UTF-8")))?;
        let text: Arc<str> = Arc::from(text);
        let mut texts = self.texts.borrow_mut();
        texts.push((Arc::from(path), Arc::clone(&text)));
        Ok(Some((text, FileId::in_repository(texts.len() - 1))))
    }

    /// The objects that this build gives.
    pub fn contents(&self, build: &Build) -> Arc<Contents> {
        if let Some(known) = self.built.borrow().get(build) {
            return Arc::clone(known);
        }
        let contents = Arc::new(self.build(build, None));
        self.built
            .borrow_mut()
            .insert(build.clone(), Arc::clone(&contents));
        contents
    }

    /// The objects of a cluster's folder that the files of the user's own give, which were read already. Other
    /// files there are generated ones, which are not on disk yet as they will be.
    pub(crate) fn own_contents(&self, folder: &str, own: BTreeMap<String, Bytes>) -> Arc<Contents> {
        let files: BTreeSet<String> = own.keys().cloned().collect();
        self.known.borrow_mut().extend(own);
        let build = Build {
            path: folder.to_owned(),
            ..Build::default()
        };
        Arc::new(self.build(&build, Some(&files)))
    }

    /// Variables have to be named as in a shell.
    fn check_names(build: &Build) -> Result<(), Fault> {
        let is_name = |name: &str| {
            let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
            name.as_bytes().first().is_some_and(is_first)
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match build.substitute.keys().find(|name| !is_name(name)) {
            Some(name) => {
                let message = format!(
                    "`{name}` is not a name for a variable: letters, digits and `_`, and no digit first"
                );
                Err(Fault::of(FaultKind::Variable, message))
            }
            None => Ok(()),
        }
    }

    fn build(&self, build: &Build, only: Option<&BTreeSet<String>>) -> Contents {
        let mut run = Run {
            artifact: &build.artifact,
            only,
            unknown: BTreeSet::new(),
            references: Vec::new(),
            folders: Vec::new(),
            count: 0,
        };
        let folder = from_root(&build.path);
        let built = self.root(&folder, build, &mut run).and_then(|items| {
            if !items.is_empty() {
                Self::check_names(build)?;
            }
            finish(self, items, build, &mut run)
        });
        match built {
            Ok(contents) => Contents {
                unknown: run.unknown,
                ..contents
            },
            Err(fault) => Contents {
                broken: Some(fault.message.clone()),
                fault: Some(fault),
                unknown: run.unknown,
                ..Contents::default()
            },
        }
    }

    /// The folder of the build itself: it may lack a kustomization file, and Flux adds to it.
    fn root(&self, folder: &str, build: &Build, run: &mut Run<'_>) -> Result<Vec<Item>, Fault> {
        if run.only.is_none() && !self.has_folder(run.artifact, folder) {
            let message = match self.list(folder) {
                None => format!("there is no folder `{}`", shown(folder)),
                Some(_) => format!("the source leaves out the folder `{folder}`"),
            };
            return Err(Fault::of(FaultKind::NoFolder, message));
        }
        let mut kustomization = match self.kustomization(run.artifact, folder, true)? {
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
        for image in &build.images {
            match kustomization
                .images
                .iter_mut()
                .find(|own| own.name == image.name)
            {
                Some(own) => {
                    if !image.new_name.is_empty() {
                        own.new_name.clone_from(&image.new_name);
                    }
                    if !image.new_tag.is_empty() || !image.digest.is_empty() {
                        own.new_tag.clone_from(&image.new_tag);
                        own.digest.clone_from(&image.digest);
                    }
                }
                None => kustomization.images.push(image.clone()),
            }
        }
        let patches = build.patches.iter().map(|patch| Patch {
            text: Text::Inline(patch.patch.clone(), Span::BUILT_IN),
            target: patch.target.clone(),
            ..Patch::default()
        });
        kustomization.patches.extend(patches);
        for component in &build.components {
            if !is_local(component) {
                let message = format!(
                    "the component `{component}` is not a path below the repository that is relative to the Kustomization's `path`"
                );
                return Err(Fault::of(FaultKind::Component, message));
            }
            let place = join(folder, component);
            let exists = place
                .as_deref()
                .is_some_and(|path| self.has_folder(run.artifact, path));
            if exists {
                kustomization
                    .components
                    .push((component.clone(), Span::BUILT_IN));
            } else if !build.ignore_missing_components {
                let message = match place {
                    Some(place) => format!(
                        "there is no folder `{}` for the component `{component}`",
                        shown(&place)
                    ),
                    None => format!("the component `{component}` is outside of the repository"),
                };
                return Err(Fault::of(FaultKind::Component, message));
            }
        }
        self.kustomize(folder, &kustomization, Vec::new(), run)
    }

    /// The paths, relative to `folder`, that Flux puts into the kustomization file it generates:
    /// every YAML file, and every folder that has a kustomization file of its own.
    fn scan(&self, folder: &str, run: &mut Run<'_>) -> Result<Vec<(String, Span)>, Fault> {
        if let Some(only) = run.only {
            return Ok(scan_only(folder, only));
        }
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
                    EntryKind::Folder => {
                        let inner = join(folder, &path).unwrap_or_default();
                        let is_kustomization = self
                            .list(&inner)
                            .into_iter()
                            .flatten()
                            .filter(|entry| FILE_NAMES.contains(&entry.name.as_str()))
                            .any(|entry| {
                                let file = format!("{inner}/{}", entry.name);
                                self.holds(run.artifact, &file, false)
                            });
                        if is_kustomization {
                            resources.push(path);
                        } else if path.matches('/').count() < DEPTH {
                            pending.push(path);
                        }
                    }
                    EntryKind::File => {
                        let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
                        let place = join(folder, &path).unwrap_or_default();
                        if is_yaml && self.holds(run.artifact, &place, false) {
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
        let resources = resources.into_iter();
        Ok(resources.map(|path| (path, Span::BUILT_IN)).collect())
    }

    /// The kustomization file of a folder.
    fn kustomization(
        &self,
        artifact: &Artifact,
        folder: &str,
        is_root: bool,
    ) -> Result<Option<Kustomization>, Fault> {
        let mut found = None;
        for name in FILE_NAMES {
            let Some(path) = join(folder, name) else {
                continue;
            };
            let Some((text, file)) = self.text(artifact, &path)? else {
                continue;
            };
            if found.is_some() {
                let message = format!("`{}` has several kustomization files", shown(folder));
                return Err(Fault::of(FaultKind::Build, message));
            }
            let read =
                kustomization::read(&text, file, is_root).map_err(|why| why.within(&path))?;
            found = Some(read);
        }
        Ok(found)
    }

    /// Accumulates and transforms, in kustomize's order. `items` are those of the folders that a
    /// component is added to; what it does, it does to them too.
    fn kustomize(
        &self,
        folder: &str,
        kustomization: &Kustomization,
        mut items: Vec<Item>,
        run: &mut Run<'_>,
    ) -> Result<Vec<Item>, Fault> {
        let contains = |inner: &String| {
            inner == folder || folder.is_empty() || inner.starts_with(&format!("{folder}/"))
        };
        if run.folders.iter().any(contains) {
            let message = format!("`{}` is its own base", shown(folder));
            return Err(Fault::of(FaultKind::Build, message));
        }
        if run.folders.len() >= DEPTH {
            let message = format!("bases are nested more than {DEPTH} deep");
            return Err(Fault::of(FaultKind::Limit, message));
        }
        // Bases that are used twice on every level double with each: visits count, not only objects.
        run.count(1)?;
        run.folders.push(folder.to_owned());
        for reason in &kustomization.unknown {
            run.unknown.insert(format!("`{}`: {reason}", shown(folder)));
        }
        for (path, span) in &kustomization.configurations {
            self.configure(folder, path, *span, run)?;
        }
        let mut known: HashSet<Id> = items.iter().map(Item::id).collect();
        for (resource, span) in &kustomization.resources {
            let more = self.resource(folder, resource, *span, run)?;
            run.count(more.len())?;
            append(&mut items, more, &mut known)?;
        }
        self.generate(folder, kustomization, &mut items, run)?;
        for (component, span) in &kustomization.components {
            items = self.component(folder, component, *span, items, run)?;
        }
        self.transform(folder, kustomization, &mut items, run)?;
        run.folders.pop();
        Ok(items)
    }

    /// A file of `configurations`.
    fn configure(
        &self,
        folder: &str,
        path: &str,
        span: Span,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let place = join(folder, path)
            .ok_or_else(|| Fault::at(format!("`{path}` is outside of the repository"), span))?;
        let Some((text, file)) = self.text(run.artifact, &place)? else {
            return Err(Fault::at(format!("there is no file `{place}`"), span));
        };
        let nodes = crate::yaml::read_all(&text, file)
            .map_err(|error| Fault::at(format!("`{place}`: {}", error.message), error.span))?;
        for node in &nodes {
            let (references, other) = configured(node);
            run.references.extend(references);
            run.unknown.extend(other);
        }
        Ok(())
    }

    fn generate(
        &self,
        folder: &str,
        kustomization: &Kustomization,
        items: &mut Vec<Item>,
        run: &Run<'_>,
    ) -> Result<(), Fault> {
        for generator in &kustomization.generators {
            let mut load = |path: &str| {
                let place = join(folder, path)
                    .ok_or_else(|| format!("`{path}` is outside of the repository"))?;
                let bytes = self.read(&place);
                let bytes = bytes.filter(|_| self.holds(run.artifact, &place, false));
                let bytes = bytes.ok_or_else(|| format!("there is no file `{place}`"))?;
                let text = self.text(run.artifact, &place).ok().flatten();
                let span = text.map(|(text, file)| Span::new(file, 0..text.len()));
                Ok((bytes.to_vec(), span))
            };
            let file = match kustomization.span.and_then(|span| self.source(span.file)) {
                Some((path, _)) => path,
                None => Arc::from(folder),
            };
            let made = generator.make(&file, &mut load)?;
            absorb(made, generator.behavior, items)
                .map_err(|why| Fault::at(why, generator.span))?;
        }
        Ok(())
    }

    fn transform(
        &self,
        folder: &str,
        kustomization: &Kustomization,
        items: &mut Vec<Item>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let span = kustomization.span.unwrap_or(Span::BUILT_IN);
        for patch in &kustomization.patches {
            self.patch(folder, patch, items, run)?;
        }
        if let Some(namespace) = &kustomization.namespace {
            transform::namespace(items, namespace, span)?;
        }
        let prefix = kustomization.name_prefix.as_deref().unwrap_or_default();
        let suffix = kustomization.name_suffix.as_deref().unwrap_or_default();
        transform::names(items, prefix, "", span);
        transform::names(items, "", suffix, span);
        for labels in &kustomization.labels {
            transform::labels(items, labels);
        }
        if !kustomization.annotations.is_empty() {
            transform::annotations(items, &kustomization.annotations);
        }
        for patch in &kustomization.late_patches {
            self.patch(folder, patch, items, run)?;
        }
        for (name, count) in &kustomization.replicas {
            transform::replicas(items, name, count)?;
        }
        if !kustomization.images.is_empty() {
            transform::images(items, &kustomization.images);
        }
        for replacement in &kustomization.replacements {
            let fault = |why: String| Fault::at(why, replacement.span);
            let Some(path) = &replacement.path else {
                replacement.apply(items).map_err(fault)?;
                continue;
            };
            let place = join(folder, path)
                .ok_or_else(|| fault(format!("`{path}` is outside of the repository")))?;
            let Some((text, file)) = self.text(run.artifact, &place)? else {
                return Err(fault(format!("there is no file `{place}`")));
            };
            let nodes = crate::yaml::read_all(&text, file)
                .map_err(|error| Fault::at(format!("`{place}`: {}", error.message), error.span))?;
            let nodes = nodes.iter().flat_map(|node| match &node.value {
                Value::Array(items) => items.iter().collect(),
                _ => vec![node],
            });
            for node in nodes {
                super::replacement::read(node).apply(items).map_err(fault)?;
            }
        }
        run.count(items.len())
    }

    /// One of `resources`: a file, a folder, or something elsewhere.
    fn resource(
        &self,
        folder: &str,
        resource: &str,
        span: Span,
        run: &mut Run<'_>,
    ) -> Result<Vec<Item>, Fault> {
        let fault = |message: String| Fault::at(message, span);
        if is_remote(resource) {
            run.unknown
                .insert(format!("the remote base `{}`", without_userinfo(resource)));
            return Ok(Vec::new());
        }
        let path = join(folder, resource)
            .ok_or_else(|| fault(format!("`{resource}` is outside of the repository")))?;
        if self.list(&path).is_some() {
            let Some(kustomization) = self.kustomization(run.artifact, &path, false)? else {
                return Err(fault(format!(
                    "`{}` has no kustomization file",
                    shown(&path)
                )));
            };
            if kustomization.is_component {
                return Err(fault(format!(
                    "`{}` is a component, not a resource",
                    shown(&path)
                )));
            }
            return self.kustomize(&path, &kustomization, Vec::new(), run);
        }
        let documents = self.documents(run.artifact, &path, span)?;
        if let Some(why) = &documents.fault {
            return Err(why.clone().within(&path));
        }
        let file: Arc<str> = Arc::from(path.as_str());
        let objects = documents.objects.iter();
        Ok(objects
            .map(|(object, place)| Item::new(Arc::clone(object), Arc::clone(&file), *place))
            .collect())
    }

    fn component(
        &self,
        folder: &str,
        component: &str,
        span: Span,
        items: Vec<Item>,
        run: &mut Run<'_>,
    ) -> Result<Vec<Item>, Fault> {
        let fault = |message: String| Fault::at(message, span);
        if is_remote(component) {
            run.unknown.insert(format!(
                "the remote component `{}`",
                without_userinfo(component)
            ));
            return Ok(items);
        }
        let path = join(folder, component)
            .ok_or_else(|| fault(format!("`{component}` is outside of the repository")))?;
        let Some(kustomization) = self.kustomization(run.artifact, &path, false)? else {
            let kind = match self.list(&path) {
                Some(_) => format!("`{}` has no kustomization file", shown(&path)),
                None => format!("there is no folder `{}`", shown(&path)),
            };
            return Err(fault(kind));
        };
        if !kustomization.is_component {
            return Err(fault(format!("`{}` is not a component", shown(&path))));
        }
        self.kustomize(&path, &kustomization, items, run)
    }

    fn patch(
        &self,
        folder: &str,
        patch: &Patch,
        items: &mut Vec<Item>,
        run: &Run<'_>,
    ) -> Result<(), Fault> {
        let (change, place) = match &patch.text {
            Text::Inline(text, span) => (patch::read(text, Span::BUILT_IN.file, *span)?, *span),
            Text::Read(node) => (patch::change(vec![node.clone()], node.span)?, node.span),
            Text::File(path, span) => {
                let fault = |message: String| Fault::at(message, *span);
                let place = join(folder, path)
                    .ok_or_else(|| fault(format!("`{path}` is outside of the repository")))?;
                let Some((text, file)) = self.text(run.artifact, &place)? else {
                    return Err(fault(format!("there is no file `{place}`")));
                };
                let change = patch::read(&text, file, Span::new(file, 0..0));
                (change.map_err(|why| why.within(&place))?, *span)
            }
        };
        patch::apply(&change, patch, place, items)
    }

    fn documents(
        &self,
        artifact: &Artifact,
        path: &str,
        span: Span,
    ) -> Result<Rc<Documents>, Fault> {
        let missing = |why: &str| Fault::at(format!("`{path}` {why}"), span);
        let is_left_out = || {
            let is_held = self.holds(artifact, path, false);
            (!is_held).then(|| missing("is left out by the source"))
        };
        if let Some(known) = self.documents.borrow().get(path) {
            return is_left_out().map_or(Ok(Rc::clone(known)), Err);
        }
        let Some((text, file)) = self.text(artifact, path)? else {
            let gone = || missing("does not exist, or is too large");
            return Err(match self.read(path) {
                Some(_) => is_left_out().unwrap_or_else(gone),
                None => gone(),
            });
        };
        let documents = Rc::new(document::read(&text, file));
        self.documents
            .borrow_mut()
            .insert(path.to_owned(), Rc::clone(&documents));
        Ok(documents)
    }
}

impl Run<'_> {
    fn count(&mut self, more: usize) -> Result<(), Fault> {
        self.count += more;
        if self.count > COUNT {
            let message = format!("it has more than {COUNT} objects and files");
            return Err(Fault::of(FaultKind::Limit, message));
        }
        Ok(())
    }
}

/// The same of some files alone: nothing is listed, so that other files decide nothing.
fn scan_only(folder: &str, only: &BTreeSet<String>) -> Vec<(String, Span)> {
    let is_kustomization = |folder: &str| {
        let mut names = FILE_NAMES.iter();
        names.any(|name| only.contains(&format!("{folder}/{name}")))
    };
    let mut resources = BTreeSet::new();
    let start = format!("{folder}/");
    for path in only {
        let Some(relative) = path.strip_prefix(&start) else {
            continue;
        };
        let mut folders = relative.match_indices('/').map(|(at, _)| &relative[..at]);
        let decided = folders.find(|inner| is_kustomization(&format!("{folder}/{inner}")));
        resources.insert(decided.unwrap_or(relative).to_owned());
    }
    let resources = resources.into_iter();
    resources.map(|path| (path, Span::BUILT_IN)).collect()
}

/// Kustomize refuses two resources of one identity.
fn append(items: &mut Vec<Item>, more: Vec<Item>, known: &mut HashSet<Id>) -> Result<(), Fault> {
    for item in more {
        let id = item.id();
        if known.contains(&id) {
            let other = items.iter().find(|other| other.id() == id);
            let other = other.map_or("", |other| &other.file);
            let message = format!("{id} is in `{other}` and in `{}`", item.file);
            return Err(Fault::at(message, item.place));
        }
        known.insert(id);
        items.push(item);
    }
    Ok(())
}

/// What comes after the build: hashes in names, substitution, `commonMetadata`.
fn finish(
    resolver: &Resolver<'_>,
    mut items: Vec<Item>,
    build: &Build,
    run: &mut Run<'_>,
) -> Result<Contents, Fault> {
    let mut contents = Contents::default();
    for item in items.iter_mut().filter(|item| item.has_hash) {
        let name = format!("{}-{}", item.text(&["metadata", "name"]), hash(item.node()));
        item.remember();
        let span = item.place;
        item.set(&["metadata", "name"], name, span);
    }
    update(&mut items, &run.references);
    for item in items {
        if item
            .mark("annotations", "config.kubernetes.io/local-config")
            .as_deref()
            == Some("true")
        {
            continue;
        }
        file(resolver, item, build, &mut contents, run)?;
    }
    Ok(contents)
}

fn set_common_metadata(item: &mut Item, build: &Build) {
    let common = &build.common_metadata;
    for (field, pairs) in [
        ("labels", &common.labels),
        ("annotations", &common.annotations),
    ] {
        for (key, value) in pairs {
            item.set(&["metadata", field, key], value.as_str(), Span::BUILT_IN);
        }
    }
}

/// Substitutes variables, as Flux does after the build, and files the object.
fn file(
    resolver: &Resolver<'_>,
    mut item: Item,
    build: &Build,
    contents: &mut Contents,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    let before = identity(item.node());
    if build.substitutes && !is_disabled(&item) {
        let values = Values {
            known: &build.substitute,
            from_cluster: build.substitutes_from_cluster,
        };
        let outcome = substitute(&mut item, values).map_err(|failure| Fault {
            kind: FaultKind::Substitution,
            ..Fault::at(
                format!("{before} in `{}`: {}", item.file, failure.message),
                failure.span,
            )
        })?;
        let names_unset = [&before.name, &before.namespace]
            .into_iter()
            .any(|text| uses_any(text, &outcome.unset));
        for (variable, span) in outcome.unset {
            // A generator's text is in a file of its own.
            let source = resolver.source(span.file);
            let file = source.map_or_else(|| Arc::clone(&item.file), |(path, _)| path);
            contents.unset.insert(Unset {
                variable,
                object: before.clone(),
                file: file.to_string(),
                span,
            });
        }
        let identity = identity(item.node());
        for part in [&identity.name, &identity.namespace] {
            if part.contains("${") && !outcome.unknown.is_empty() || names_unset {
                let written = match part == &identity.name {
                    true => &before.name,
                    false => &before.namespace,
                };
                let names: Vec<&str> = outcome.unknown.iter().map(String::as_str).collect();
                let why = match names_unset {
                    true => "by a variable without a value".to_owned(),
                    false => format!("by `{}`, whose value is in the cluster", names.join("`, `")),
                };
                run.unknown
                    .insert(format!("{} `{written}` is named {why}", identity.kind));
                return Ok(());
            }
        }
        let retyped = outcome.retyped.into_iter();
        contents
            .retyped
            .extend(retyped.map(|one| (identity.clone(), one)));
    }
    set_common_metadata(&mut item, build);
    let mut identity = identity(item.node());
    if Scope::of(&identity.group, &identity.kind) == Scope::Cluster {
        identity.namespace.clear();
    }
    let prune_disabled = ["labels", "annotations"].iter().any(|field| {
        item.marks(field)
            .any(|(key, value)| keeps_from_pruning(key, &value))
    });
    if !item.uncertain.is_empty() {
        run.unknown.extend(item.uncertain.iter().cloned());
    }
    let mut resource = item.resource;
    if resource.identity != identity {
        let own = Arc::make_mut(&mut resource);
        own.identity = identity.clone();
    }
    contents.objects.insert(
        identity,
        Built {
            file: item.file.to_string(),
            place: (!item.place.is_built_in()).then_some(item.place),
            prune_disabled,
            resource: Some(resource),
        },
    );
    Ok(())
}

fn uses_any(text: &str, unset: &std::collections::BTreeMap<String, Span>) -> bool {
    let Ok(template) = envsubst::Template::parse(text) else {
        return false;
    };
    let uses = template.uses().into_iter();
    uses.filter(|one| !one.has_default)
        .any(|one| unset.contains_key(one.name))
}

/// Whether a component's path is one that the controller accepts.
pub(crate) fn is_local(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_remote = [
        "git::",
        "gh:",
        "ssh://",
        "https://",
        "http://",
        "git@",
        "github.com:",
        "github.com/",
    ]
    .iter()
    .any(|start| lower.len() > start.len() && lower.starts_with(start));
    let path = lower.strip_prefix("file://").unwrap_or(&lower);
    !is_remote && !path.starts_with('/')
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
