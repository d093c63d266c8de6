//! Rights in the whole cluster that somebody gets.

use super::found::{Found, Told};
use super::kustomization_spec::items;
use super::rule::Rule;
use super::view::{View, text};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::node::Node;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Whoever reviews the change should see it, whatever else is in it.
///
/// Source: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>
pub(super) static GRANTED: Rule = Rule::new(
    "cluster-wide-rights",
    "somebody gets rights in the whole cluster, or all rights in a namespace",
    "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings",
    granted,
);

fn granted(view: &View<'_>, found: &mut Found<'_>) {
    let changes = view.changes;
    let created = changes.created.iter().map(|new| (None, *new));
    let kept = changes.changed.iter().chain(&changes.renamed);
    let pairs = created.chain(kept.map(|(old, new)| (Some(*old), *new)));
    for (old, new) in pairs {
        if new.identity().group != RBAC {
            continue;
        }
        let Some(message) = told(old, new) else {
            continue;
        };
        let told = Told::new(Severity::Notice, Outcome::Reconcile, message)
            .affects(Affected::known([Object::from(new.identity())]));
        found.push(&GRANTED, view, old, Some(new), told);
    }
}

fn told(old: Option<&Entry>, new: &Entry) -> Option<String> {
    let identity = new.identity();
    let (kind, name) = (identity.kind.as_str(), &identity.name);
    match kind {
        "ClusterRole" => {
            let gains = ["rules", "aggregationRule"]
                .iter()
                .any(|key| gains(old, new, key));
            let verb = old.map_or("defines", |_| "adds");
            gains.then(|| format!("{kind} `{name}` {verb} rights that hold in the whole cluster"))
        }
        "ClusterRoleBinding" => grants(old, new).map(|(subjects, role)| {
            format!("{kind} `{name}` gives {subjects} the rights of {role} in the whole cluster")
        }),
        "RoleBinding" => {
            let is_admin = text(new.get(&["roleRef", "kind"])) == Some("ClusterRole")
                && text(new.get(&["roleRef", "name"])) == Some("cluster-admin");
            let is_everybody = items(new.get(&["subjects"])).iter().any(|subject| {
                text(subject.get("name")).is_some_and(|name| name.starts_with("system:"))
            });
            let (subjects, role) = grants(old, new).filter(|_| is_admin || is_everybody)?;
            let namespace = match identity.namespace.as_str() {
                "" => "its namespace".to_owned(),
                namespace => format!("namespace `{namespace}`"),
            };
            Some(format!(
                "{kind} `{name}` gives {subjects} the rights of {role} in {namespace}"
            ))
        }
        _ => None,
    }
}

/// Who gets what, if somebody gets more than before.
fn grants(old: Option<&Entry>, new: &Entry) -> Option<(String, String)> {
    let role = |entry: &Entry| entry.get(&["roleRef"]).cloned();
    let is_other_role = old.is_none_or(|old| match (role(old), role(new)) {
        (Some(old), Some(new)) => !old.value.same(&new.value),
        (old, new) => old.is_some() != new.is_some(),
    });
    if !is_other_role && !gains(old, new, "subjects") {
        return None;
    }
    let part = |path: &[&str]| text(new.get(path)).unwrap_or("?").to_owned();
    let subjects: Vec<String> = items(new.get(&["subjects"]))
        .iter()
        .map(|subject| {
            let part = |key: &str| text(subject.get(key)).unwrap_or("?");
            let name = match text(subject.get("namespace")) {
                Some(namespace) => format!("{namespace}/{}", part("name")),
                None => part("name").to_owned(),
            };
            format!("{} `{name}`", part("kind"))
        })
        .collect();
    let role = format!(
        "{} `{}`",
        part(&["roleRef", "kind"]),
        part(&["roleRef", "name"])
    );
    (!subjects.is_empty()).then(|| (subjects.join(", "), role))
}

/// Whether a field holds something that it did not hold before.
fn gains(old: Option<&Entry>, new: &Entry, key: &str) -> bool {
    let Some(after) = new.get(&[key]) else {
        return false;
    };
    let before = old.and_then(|old| old.get(&[key]));
    let list = |node: Option<&'_ Node>| node.and_then(Node::as_array).map(<[Node]>::to_vec);
    match (list(before), list(Some(after))) {
        (before, Some(after)) => {
            let before = before.unwrap_or_default();
            after
                .iter()
                .any(|item| !before.iter().any(|old| old.value.same(&item.value)))
        }
        (_, None) => before.is_none_or(|before| !before.value.same(&after.value)),
    }
}
