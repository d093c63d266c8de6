//! What a cluster's folder holds beside what fluxgen makes, as far as Flux applies it.
//!
//! Objects are compared as objects. A file that is not understood is compared as a file: that it changed is all
//! that can be said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8Path;
use rayon::prelude::*;

use super::trees::Committed;
use crate::beside;
use crate::compare::report::{Affected, Finding, Object, Outcome, Side as Which};
use crate::compare::{Entry, Remarks};
use crate::files::{Bytes, Snapshot};
use crate::image::marker;
use crate::install::folder::{COMPONENTS_FILE, INSTANCE_FILE, SYNC_FILE};
use crate::node::{Node, Value};
use crate::report::place;
use crate::resource::Resource;
use crate::source::{Sources, Span};
use crate::tree::{Existing, File, LARGEST_FOREIGN};

/// The user's own part of one cluster's folder.
#[derive(Debug, Default)]
pub(super) struct Own {
    objects: Vec<(String, Entry)>,
    /// Files that are not understood, and what is in them; `None` where that cannot be read.
    unread: BTreeMap<String, Option<Bytes>>,
}

/// By cluster.
pub(super) type Owns = BTreeMap<String, Own>;

/// Whose the files are that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Users,
    /// There is no TOML file that would make the others.
    Everybodys,
}

impl Own {
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.objects.iter().map(|(_, entry)| entry.clone())
    }
}

/// What the folders of a side hold.
pub(super) fn of(
    snapshot: &Snapshot,
    existing: &BTreeMap<String, Existing>,
    which: Which,
    whose: Whose,
) -> Owns {
    let owns = existing.par_iter().filter_map(|(name, existing)| {
        let is_asked = |file: &File| match file {
            File::Foreign(_) => true,
            File::Ours(_) => whose == Whose::Everybodys,
            File::Link | File::Temporary => false,
        };
        existing.files.values().any(is_asked).then(|| {
            let read = Reading {
                snapshot,
                existing,
                which,
                whose,
            };
            (name.clone(), read.own())
        })
    });
    owns.collect::<Vec<_>>().into_iter().collect()
}

struct Reading<'a> {
    snapshot: &'a Snapshot,
    existing: &'a Existing,
    which: Which,
    whose: Whose,
}

impl Reading<'_> {
    fn own(&self) -> Own {
        let mut own = Own::default();
        let applied = beside::applied(self.existing);
        for path in applied.as_written.difference(&applied.built) {
            let Some(bytes) = self.bytes(path).filter(|_| !is_flux_itself(path)) else {
                continue;
            };
            let shown = self
                .snapshot
                .from_root(&format!("{}/{path}", self.existing.folder));
            match bytes
                .as_ref()
                .and_then(|bytes| objects(bytes, &shown, self.which))
            {
                Some(entries) => {
                    let entries = entries.into_iter();
                    own.objects
                        .extend(entries.map(|entry| ((*path).to_owned(), entry)));
                }
                None => {
                    own.unread.insert((*path).to_owned(), bytes);
                }
            }
        }
        for path in applied.built {
            if let Some(bytes) = self.bytes(path).filter(|_| !is_flux_itself(path)) {
                own.unread.insert(path.to_owned(), bytes);
            }
        }
        own
    }

    /// What a file holds, if it is one that is looked at; of what no reader of trees reads, too.
    fn bytes(&self, path: &str) -> Option<Option<Bytes>> {
        match self.existing.files.get(path)? {
            File::Foreign(Some(bytes)) => Some(Some(bytes.clone())),
            File::Foreign(None) => {
                let path = format!("{}/{path}", self.existing.folder);
                let read = self.snapshot.read_own(&path, LARGEST_FOREIGN);
                Some(read.ok().flatten())
            }
            File::Ours(bytes) if self.whose == Whose::Everybodys => Some(Some(bytes.clone())),
            File::Ours(_) | File::Link | File::Temporary => None,
        }
    }
}

/// What installs Flux and makes it sync: it is compared apart from what that applies.
fn is_flux_itself(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(_, file)| [COMPONENTS_FILE, SYNC_FILE, INSTANCE_FILE].contains(&file))
}

/// The objects of a file, those of lists too; `None` where something in it is not an object.
fn objects(bytes: &[u8], path: &str, which: Which) -> Option<Vec<Entry>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut sources = Sources::default();
    let id = sources.add(path, text);
    let mut found = Vec::new();
    for node in marker::read_all(text, id).ok()? {
        flatten(node, &mut found)?;
    }
    let entries = found.into_iter().map(|resource| {
        let name = resource.get(&["metadata", "name"]);
        let span = name.map_or(Span::new(id, 0..0), |name| name.span);
        let remarks = Remarks {
            place: place(span, &sources, which, Utf8Path::new("")),
            ..Remarks::default()
        };
        Entry::new(Arc::new(resource), Some(Arc::new(remarks)))
    });
    Some(entries.collect())
}

fn flatten(mut node: Node, found: &mut Vec<Resource>) -> Option<()> {
    if node.value == Value::Null {
        return Some(());
    }
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
    let is_list = kind.ends_with("List") && node.get("items").is_some();
    if !is_list {
        found.push(Resource::from_node(node)?);
        return Some(());
    }
    let items = node.as_table_mut()?.get_mut("items")?;
    let Value::Array(items) = std::mem::replace(&mut items.value, Value::Null) else {
        return None;
    };
    for item in items {
        flatten(item, found)?;
    }
    Some(())
}

/// Leaves out, on both sides, the objects of files that only one side's is understood of: what became of them
/// is not known, and they are not deleted because nobody could read them.
pub(super) fn settle([before, after]: [&mut Owns; 2]) {
    for (name, after) in after {
        let Some(before) = before.get_mut(name) else {
            continue;
        };
        let unread = before.unread.keys().chain(after.unread.keys());
        let unread: BTreeSet<String> = unread.cloned().collect();
        for own in [before, after] {
            own.objects.retain(|(path, _)| !unread.contains(path));
        }
    }
}

/// Files that changed and are not understood.
pub(super) fn findings(before: &Owns, after: &Owns, head: Committed<'_>) -> Vec<(String, Finding)> {
    let nothing = Own::default();
    let mut found = Vec::new();
    let settings = head.graph.settings();
    for cluster in &settings.clusters {
        let name = &cluster.name.value;
        let [old, new] = [before, after].map(|owns| owns.get(name).unwrap_or(&nothing));
        let paths: BTreeSet<&String> = old.unread.keys().chain(new.unread.keys()).collect();
        for path in paths {
            let (was, is) = (old.unread.get(path), new.unread.get(path));
            if was == is {
                continue;
            }
            let shown = head
                .project
                .snapshot
                .from_root(&format!("{}/{path}", cluster.folder));
            let knows = |own: &Own| own.objects.iter().any(|(other, _)| other == path);
            let what = match (was, is) {
                (None, Some(_)) if !knows(old) => "is new",
                (Some(_), None) if !knows(new) => "is gone",
                _ => "changed",
            };
            let bytes = is.or(was).and_then(Option::as_ref);
            let objects = bytes.and_then(|bytes| objects(bytes, &shown, Which::Head));
            let objects = objects.unwrap_or_default();
            let mut affected =
                Affected::known(objects.iter().map(|entry| Object::from(entry.identity())));
            affected.unknown = vec![format!("what Flux makes of `{shown}`")];
            let mut finding = super::system::finding(
                &super::system::NOT_UNDERSTOOD,
                crate::compare::report::Severity::Notice,
                Outcome::Reconcile,
                &cluster.flux.namespace,
                format!("`{shown}` {what}, and is not understood"),
            );
            finding.affected = affected;
            found.push((name.clone(), finding));
        }
    }
    found
}
