//! Which objects a patch or a replacement is for.

use regex::Regex;

use super::item::{Id, Item};
use crate::node::Node;

/// Which objects a patch is for. Group, version, kind, name and namespace are anchored regular expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    pub group: Option<String>,
    pub version: Option<String>,
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub label_selector: Option<String>,
    pub annotation_selector: Option<String>,
}

impl Target {
    pub(crate) fn of(node: &Node) -> Self {
        let part = |key: &str| {
            let text = node.get(key).and_then(Node::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self {
            group: part("group"),
            version: part("version"),
            kind: part("kind"),
            namespace: part("namespace"),
            name: part("name"),
            label_selector: part("labelSelector"),
            annotation_selector: part("annotationSelector"),
        }
    }
}

/// A target whose expressions are compiled.
pub(super) struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    namespace: Option<Regex>,
    name: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Selector {
    /// The error is the expression that cannot be read.
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let marks = |text: &Option<String>| match text {
            Some(text) => requirements(text).ok_or_else(|| text.clone()),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            group: anchored(target.group.as_deref())?,
            version: anchored(target.version.as_deref())?,
            kind: anchored(target.kind.as_deref())?,
            namespace: anchored(target.namespace.as_deref())?,
            name: anchored(target.name.as_deref())?,
            labels: marks(&target.label_selector)?,
            annotations: marks(&target.annotation_selector)?,
        })
    }

    /// By the first or the current name and namespace, as kustomize selects what patches are for.
    pub(super) fn selects(&self, item: &Item) -> bool {
        let (current, original) = (item.id(), item.original());
        self.has_kind(&current)
            && (fits(&self.namespace, &original.namespace)
                || fits(&self.namespace, &current.namespace))
            && (fits(&self.name, &original.name) || fits(&self.name, &current.name))
            && self.has_marks(item)
    }

    /// By any one identity, as kustomize selects the targets of replacements.
    pub(super) fn has_identity(&self, id: &Id) -> bool {
        self.has_kind(id) && fits(&self.namespace, &id.namespace) && fits(&self.name, &id.name)
    }

    pub(super) fn has_marks(&self, item: &Item) -> bool {
        let all = |requirements: &[Requirement], field: &str| {
            requirements
                .iter()
                .all(|one| one.holds(item.mark(field, &one.key).as_deref()))
        };
        all(&self.labels, "labels") && all(&self.annotations, "annotations")
    }

    /// Whether nothing but labels or annotations is asked for.
    pub(super) fn has_only_marks(&self) -> bool {
        self.group.is_none()
            && self.version.is_none()
            && self.kind.is_none()
            && self.namespace.is_none()
            && self.name.is_none()
    }

    fn has_kind(&self, id: &Id) -> bool {
        fits(&self.group, &id.group)
            && fits(&self.version, &id.version)
            && fits(&self.kind, &id.kind)
    }
}

fn fits(pattern: &Option<Regex>, text: &str) -> bool {
    pattern.as_ref().is_none_or(|it| it.is_match(text))
}

/// Kustomize anchors the patterns of a target at both ends.
fn anchored(pattern: Option<&str>) -> Result<Option<Regex>, String> {
    let Some(pattern) = pattern else {
        return Ok(None);
    };
    Regex::new(&format!("^(?:{pattern})$"))
        .map(Some)
        .map_err(|_| pattern.to_owned())
}

/// One condition of a label selector.
struct Requirement {
    key: String,
    test: Test,
}

enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let is_one = |values: &[String]| value.is_some_and(|it| values.iter().any(|one| one == it));
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(values) => is_one(values),
            Test::NotIn(values) => !is_one(values),
        }
    }
}

/// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`; `None` where it cannot be read.
///
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#list-and-watch-filtering>
fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut depth = 0;
        let end = rest.find(|letter: char| {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            letter == ',' && depth == 0
        });
        let (one, behind) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(requirement(one.trim())?);
        rest = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    }
    Some(found)
}

fn requirement(text: &str) -> Option<Requirement> {
    let is_key = |key: &str| {
        !key.is_empty()
            && key
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
    };
    let made = |key: &str, test: Test| {
        let key = key.trim();
        is_key(key).then(|| Requirement {
            key: key.to_owned(),
            test,
        })
    };
    let values = |list: &str| -> Option<Vec<String>> {
        let inner = list.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|one| one.trim().to_owned()).collect())
    };
    if let Some(key) = text.strip_prefix('!') {
        return made(key, Test::Missing);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return made(key, Test::NotIn(vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(key, Test::In(vec![value.trim().to_owned()]));
    }
    if let Some((key, list)) = text.split_once(" notin ") {
        return made(key, Test::NotIn(values(list)?));
    }
    if let Some((key, list)) = text.split_once(" in ") {
        return made(key, Test::In(values(list)?));
    }
    made(text, Test::Exists)
}
