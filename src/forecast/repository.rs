//! This repository on both sides of the change, beside the objects that its folders build.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::view::Time;
use crate::files::path::join;
use crate::files::{EntryKind, Files};

/// Manifests and charts are far smaller.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Answers each question once for all clusters.
pub(super) struct Repository<'a> {
    base: Option<&'a dyn Files>,
    head: Option<&'a dyn Files>,
    charts: RefCell<BTreeMap<(bool, String), Option<Chart>>>,
    changed: RefCell<BTreeMap<String, bool>>,
}

/// What a `Chart.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Chart {
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: String,
}

impl<'a> Repository<'a> {
    pub(super) fn new(base: Option<&'a dyn Files>, head: Option<&'a dyn Files>) -> Self {
        Self {
            base,
            head,
            charts: RefCell::default(),
            changed: RefCell::default(),
        }
    }

    /// The chart in a folder; `None` where there is none that can be read.
    pub(super) fn chart(&self, time: Time, folder: &str) -> Option<Chart> {
        let key = (time == Time::After, folder.to_owned());
        if let Some(known) = self.charts.borrow().get(&key) {
            return known.clone();
        }
        let files = match time {
            Time::Before => self.base,
            Time::After => self.head,
        };
        let read = || {
            let path = join(folder, "Chart.yaml")?;
            let bytes = files?.read(&path, LARGEST).ok().flatten()?;
            serde_yaml::from_slice(&bytes).ok()
        };
        let chart = read();
        self.charts.borrow_mut().insert(key, chart.clone());
        chart
    }

    /// Whether a folder has other files than before. What cannot be read is taken for changed.
    pub(super) fn is_changed(&self, folder: &str) -> bool {
        if let Some(known) = self.changed.borrow().get(folder) {
            return *known;
        }
        let is_changed = match (self.base, self.head) {
            (Some(base), Some(head)) => differs(base, head, folder),
            _ => false,
        };
        self.changed
            .borrow_mut()
            .insert(folder.to_owned(), is_changed);
        is_changed
    }

    pub(super) fn has_folder(&self, folder: &str) -> bool {
        let files = [self.base, self.head].into_iter().flatten();
        files
            .into_iter()
            .any(|files| matches!(files.kind(folder), Ok(Some(EntryKind::Folder))))
    }
}

fn differs(base: &dyn Files, head: &dyn Files, folder: &str) -> bool {
    let (Ok(before), Ok(after)) = (base.list(folder), head.list(folder)) else {
        return true;
    };
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before != after {
        return true;
    }
    before.iter().any(|entry| {
        let Some(path) = join(folder, &entry.name) else {
            return true;
        };
        match entry.kind {
            EntryKind::Folder => differs(base, head, &path),
            EntryKind::File => match (base.read(&path, LARGEST), head.read(&path, LARGEST)) {
                (Ok(before), Ok(after)) => before != after,
                _ => true,
            },
            EntryKind::Link => base.link(&path).ok() != head.link(&path).ok(),
            EntryKind::Other => false,
        }
    })
}
