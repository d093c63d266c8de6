//! A Kustomization that applies something else than before: what it no longer applies is pruned.

use super::found::{Found, Told};
use super::kustomization::everything;
use super::kustomization_spec::KustomizationSpec;
use super::objects::lost;
use super::owners;
use super::rule::{Rule, told_elsewhere};
use super::view::{KUSTOMIZE, Time, View, text};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};

const PRUNE: &str = "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune";

pub(super) static PATH: Rule = Rule::new(
    "kustomization-path-changed",
    "what is not under the new `path` is pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
    check,
);
pub(super) static SOURCE: Rule = Rule::new(
    "kustomization-source-changed",
    "what the new source does not hold is pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference",
    told_elsewhere,
);
pub(super) static NAMESPACE: Rule = Rule::new(
    "kustomization-target-namespace-changed",
    "objects in another namespace are other objects: the old ones are pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#target-namespace",
    told_elsewhere,
);
pub(super) static NAMES: Rule = Rule::new(
    "kustomization-names-changed",
    "objects with another prefix or suffix are other objects: the old ones are pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#name-prefix",
    told_elsewhere,
);
pub(super) static FOLDER: Rule = Rule::new(
    "kustomization-objects-removed",
    "what left a Kustomization's folder is pruned",
    PRUNE,
    told_elsewhere,
);
pub(super) static APPLIES_MORE: Rule = Rule::new(
    "kustomization-applies-more",
    "what came into a Kustomization's folder is applied",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
    told_elsewhere,
);
pub(super) static NOT_PRUNED: Rule = Rule::new(
    "kustomization-objects-orphaned",
    "without `prune`, what is no longer applied stays without an owner",
    PRUNE,
    told_elsewhere,
);
pub(super) static BROKEN: Rule = Rule::new(
    "kustomization-cannot-be-built",
    "a folder that cannot be built stops its Kustomization; nothing is applied or pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
    told_elsewhere,
);

/// What of the spec decides which objects there are.
struct Cause {
    rule: &'static Rule,
    /// `its `path` goes from `./a` to `./b``; empty: the folder itself changed.
    text: String,
    /// The objects are the same and are called otherwise.
    recreates: bool,
}

fn check(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.kept(KUSTOMIZE, "Kustomization") {
        let (before, after) = (
            KustomizationSpec::of(&old.resource),
            KustomizationSpec::of(&new.resource),
        );
        // What is suspended applies nothing; what applies elsewhere is another rule's.
        if after.suspend || before.has_kube_config() != after.has_kube_config() {
            continue;
        }
        compare(view, found, (old, &before), (new, &after));
    }
}

fn compare(
    view: &View<'_>,
    found: &mut Found<'_>,
    (old, before): (&Entry, &KustomizationSpec<'_>),
    (new, after): (&Entry, &KustomizationSpec<'_>),
) {
    let name = &new.identity().name;
    let cause = cause(view, before, after);
    let built = view.contents(Time::After, after);
    let was = view.contents(Time::Before, before);
    if let Some(why) = &built.broken {
        if was.broken.is_none() {
            let told = Told::new(
                Severity::Notice,
                Outcome::Stall,
                format!("`{name}` cannot be built any more: {why}"),
            )
            .affects(everything(&was.objects, &was.unknown))
            .note("what it applied stays as it is; nothing is applied or pruned until it builds");
            found.push(&BROKEN, view, Some(old), Some(new), told);
        }
        return;
    }
    let mut lost = lost(view, new.identity(), &was, Some(&built));
    if let Some(cause) = &cause {
        // The same folder of another repository, under another path, is not the same unknown.
        if !view.is_this_repository(before) || !view.is_this_repository(after) {
            lost.deleted.unknown = was.unknown.iter().cloned().collect();
        }
        if cause.recreates {
            lost.deleted.unknown = was.unknown.iter().cloned().collect();
        }
    }
    owners::tell_moved(view, found, old, Some(new), &lost);
    if !lost.is_nothing() {
        tell(view, found, (old, new), after, cause.as_ref(), &lost);
    }
    let gained: Vec<Object> = built
        .objects
        .keys()
        .filter(|identity| !was.objects.contains_key(identity))
        .map(Object::from)
        .collect();
    if !gained.is_empty() && was.broken.is_none() {
        let count = match gained.len() {
            1 => "one more object".to_owned(),
            count => format!("{count} more objects"),
        };
        let told = Told::new(
            Severity::Info,
            Outcome::Reconcile,
            format!("`{name}` applies {count}"),
        )
        .affects(Affected::known(gained));
        found.push(&APPLIES_MORE, view, Some(old), Some(new), told);
    }
}

fn tell(
    view: &View<'_>,
    found: &mut Found<'_>,
    (old, new): (&Entry, &Entry),
    after: &KustomizationSpec<'_>,
    cause: Option<&Cause>,
    lost: &super::objects::Lost,
) {
    let name = &new.identity().name;
    let because = cause.map_or_else(
        || "they are gone from its folder".to_owned(),
        |cause| cause.text.clone(),
    );
    let certain = !lost.deleted.objects.is_empty();
    if !after.prune {
        let told = Told::new(
            Severity::Notice,
            Outcome::Orphan,
            format!("objects that `{name}` applied stay with nobody to look after them: {because}, and its `prune` is off"),
        )
        .affects(lost.deleted.clone());
        found.push(&NOT_PRUNED, view, Some(old), Some(new), told);
        return;
    }
    let recreates = cause.is_some_and(|cause| cause.recreates);
    let message = match (certain, recreates) {
        (true, true) => format!(
            "objects of `{name}` are deleted and created again under another name: {because}"
        ),
        (true, false) => format!("objects of `{name}` are deleted: {because}"),
        (false, true) => format!(
            "objects of `{name}` may be deleted and created again under another name: {because}"
        ),
        (false, false) => format!("objects of `{name}` may be deleted: {because}"),
    };
    let (rule, outcome) = match cause {
        Some(cause) if cause.recreates => (cause.rule, Outcome::Recreate),
        Some(cause) => (cause.rule, Outcome::Prune),
        None => (&FOLDER, Outcome::Prune),
    };
    // A base that is no longer there may have held nothing; a spec that points elsewhere does not
    // get the benefit of the doubt.
    let severity = if certain || cause.is_some() {
        Severity::Destructive
    } else {
        Severity::Notice
    };
    let mut told = Told::new(severity, outcome, message)
        .affects(lost.deleted.clone())
        .help(format!(
            "to keep them, set `prune = false` on `{name}` in this change and turn it on again later"
        ));
    told.notes = lost.notes();
    found.push(rule, view, Some(old), Some(new), told);
}

fn cause(
    view: &View<'_>,
    before: &KustomizationSpec<'_>,
    after: &KustomizationSpec<'_>,
) -> Option<Cause> {
    let moved = |rule, field: &str, old: Option<&str>, new: Option<&str>, recreates| {
        let text = match (old, new) {
            (Some(old), Some(new)) => format!("its `{field}` goes from `{old}` to `{new}`"),
            (None, Some(new)) => format!("its `{field}` is `{new}` now"),
            (Some(old), None) => format!("its `{field}` is no longer `{old}`"),
            (None, None) => String::new(),
        };
        Some(Cause {
            rule,
            text,
            recreates,
        })
    };
    if before.target_namespace != after.target_namespace {
        let (old, new) = (before.target_namespace, after.target_namespace);
        return moved(&NAMESPACE, "targetNamespace", old, new, true);
    }
    if before.name_prefix != after.name_prefix {
        return moved(
            &NAMES,
            "namePrefix",
            before.name_prefix,
            after.name_prefix,
            true,
        );
    }
    if before.name_suffix != after.name_suffix {
        return moved(
            &NAMES,
            "nameSuffix",
            before.name_suffix,
            after.name_suffix,
            true,
        );
    }
    if before.source != after.source && !is_same_source(view, before, after) {
        let text = format!(
            "its source goes from {} `{}/{}` to {} `{}/{}`",
            before.source.kind,
            before.source.namespace,
            before.source.name,
            after.source.kind,
            after.source.namespace,
            after.source.name
        );
        return Some(Cause {
            rule: &SOURCE,
            text,
            recreates: false,
        });
    }
    let (old, new) = (before.build().path, after.build().path);
    if old != new {
        return moved(&PATH, "path", Some(before.path), Some(after.path), false);
    }
    None
}

/// A source under another name that fetches the same.
fn is_same_source(
    view: &View<'_>,
    before: &KustomizationSpec<'_>,
    after: &KustomizationSpec<'_>,
) -> bool {
    let spec = |time, spec: &KustomizationSpec<'_>| {
        let source = &spec.source;
        view.side(time)?.find(
            super::view::SOURCE,
            source.kind,
            source.namespace,
            source.name,
        )
    };
    let (Some(old), Some(new)) = (spec(Time::Before, before), spec(Time::After, after)) else {
        return false;
    };
    before.source.kind == after.source.kind
        && ["url", "bucketName", "endpoint", "prefix"]
            .iter()
            .all(|key| text(old.get(&["spec", key])) == text(new.get(&["spec", key])))
        && match (old.get(&["spec", "ref"]), new.get(&["spec", "ref"])) {
            (None, None) => true,
            (Some(old), Some(new)) => old.value.same(&new.value),
            _ => false,
        }
}
