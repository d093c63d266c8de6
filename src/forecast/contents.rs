//! A Kustomization that applies something else than before: what it no longer applies is pruned.

use super::fates::{Builds, Fate};
use super::found::{Found, Told};
use super::kustomization::everything;
use super::kustomization_spec::KustomizationSpec;
use super::objects::{Lost, lost};
use super::owners;
use super::rule::{Rule, told_elsewhere};
use super::sources;
use super::view::{self, KUSTOMIZE, Time, View};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};

const GONE: &str = "they are gone from its folder";
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
        let change = Change {
            view,
            old,
            new,
            builds: Builds::of(view, &before, &after),
            cause: cause(view, &before, &after),
            before,
            after,
        };
        change.tell(found);
    }
}

/// A Kustomization before and after, and what it builds.
struct Change<'c> {
    view: &'c View<'c>,
    old: &'c Entry,
    new: &'c Entry,
    before: KustomizationSpec<'c>,
    after: KustomizationSpec<'c>,
    builds: Builds,
    cause: Option<Cause>,
}

impl Change<'_> {
    fn name(&self) -> &str {
        &self.new.identity().name
    }

    fn tell(&self, found: &mut Found<'_>) {
        let (was, is) = (&self.builds.before, &self.builds.after);
        if let (Some(why), None, false) = (&is.broken, &was.broken, self.after.suspend) {
            let told = Told::new(
                Severity::Notice,
                Outcome::Stall,
                format!("`{}` can no longer be built: {why}", self.name()),
            )
            .affects(everything(&was.objects, &was.unknown))
            .note("what it applied stays as it is; nothing is applied or pruned until it builds");
            self.push(found, &BROKEN, told);
        }
        let mut fates = self.builds.fates();
        // What holds more than is known may lose more than is seen.
        if self.builds.new_acts {
            let fate = match (self.after.prune, &self.cause) {
                (false, _) => Fate::Orphaned,
                (true, Some(_)) => Fate::Deselected,
                (true, None) => Fate::Removed,
            };
            fates.entry(fate).or_default();
        }
        for (fate, objects) in fates {
            let unknown = match fate {
                Fate::Deselected | Fate::Removed | Fate::Orphaned => self.unknown(fate),
                Fate::RemovedBeforeSpec | Fate::RemovedAsPruneComes | Fate::Relocated => Vec::new(),
            };
            let lost = lost(self.view, self.new.identity(), objects, unknown);
            let pair = (Some(self.old), Some(self.new));
            owners::tell_moved(self.view, found, self.new.identity(), pair, &lost);
            if !lost.is_nothing() {
                self.tell_fate(found, fate, &lost);
            }
        }
        self.tell_gained(found);
    }

    /// Why more may go than is seen. The same folder of another repository, under another path or
    /// another name, is not the same unknown.
    fn unknown(&self, fate: Fate) -> Vec<String> {
        let is_of_cause = match fate {
            Fate::Deselected => self.after.prune,
            Fate::Orphaned => !self.after.prune,
            _ => self.cause.is_none(),
        };
        let is_here =
            |time, spec: &KustomizationSpec<'_>| self.view.is_this_repository(time, &spec.source);
        let is_elsewhere =
            !is_here(Time::Before, &self.before) || !is_here(Time::After, &self.after);
        match &self.cause {
            _ if !is_of_cause || !self.builds.new_acts => Vec::new(),
            Some(cause) if is_elsewhere || cause.recreates => {
                self.builds.before.unknown.iter().cloned().collect()
            }
            _ => self.builds.no_longer_unknown(),
        }
    }

    fn tell_fate(&self, found: &mut Found<'_>, fate: Fate, lost: &Lost) {
        let name = self.name();
        let from_spec = || match &self.cause {
            Some(cause) => (cause.rule, cause.text.clone()),
            None => (&FOLDER, GONE.to_owned()),
        };
        let newly_unknown = self.builds.newly_unknown();
        let is_known =
            !lost.deleted.objects.is_empty() && newly_unknown.is_empty() && !self.before.suspend;
        let are = if is_known { "are" } else { "may be" };
        let recreates = self.cause.as_ref().is_some_and(|cause| cause.recreates);
        let in_two_steps = format!(
            "to keep them, merge `prune = false` on `{name}` first; remove them in a later change, when that is applied"
        );
        let is_certain = is_known && matches!(fate, Fate::Deselected | Fate::Removed);
        let (rule, outcome, message, help) = match fate {
            Fate::Orphaned => {
                let (_, because) = from_spec();
                let told = Told::new(
                    Severity::Notice,
                    Outcome::Orphan,
                    format!("objects that `{name}` applied stay in the cluster without an owner: {because}, and its `prune` is off"),
                )
                .affects(lost.deleted.clone());
                self.push(found, &NOT_PRUNED, told);
                return;
            }
            Fate::Deselected => {
                let (rule, because) = from_spec();
                let (outcome, again) = match recreates {
                    true => (Outcome::Recreate, " and created again under another name"),
                    false => (Outcome::Prune, ""),
                };
                (
                    rule,
                    outcome,
                    format!("objects of `{name}` {are} deleted{again}: {because}"),
                    format!(
                        "to keep them, set `prune = false` on `{name}` in this change, and turn it on again in a later one"
                    ),
                )
            }
            Fate::Removed => (
                &FOLDER,
                Outcome::Prune,
                format!("objects of `{name}` {are} deleted: {GONE}"),
                in_two_steps,
            ),
            Fate::RemovedBeforeSpec => (
                &FOLDER,
                Outcome::Prune,
                format!(
                    "objects of `{name}` may be deleted: {GONE}, and it prunes them unless {} reaches it first",
                    self.what_spares()
                ),
                in_two_steps,
            ),
            Fate::RemovedAsPruneComes => (
                &FOLDER,
                Outcome::Prune,
                format!(
                    "objects of `{name}` may be deleted: {GONE}, in the change that turns its `prune` on"
                ),
                "to keep them, turn `prune` on in a later change; to delete them, turn it on first"
                    .to_owned(),
            ),
            Fate::Relocated => {
                let (rule, because) = from_spec();
                (
                    rule,
                    Outcome::Recreate,
                    format!("objects of `{name}` may be deleted and created again: {because}, and they are gone from where it looked before"),
                    "to keep them, leave them in the old place too in this change, and remove them there in a later one".to_owned(),
                )
            }
        };
        // A base that is no longer there may have held nothing; a spec that selects something else
        // does not get the benefit of the doubt.
        let severity = match lost.deleted.objects.is_empty() && self.cause.is_none() {
            true => Severity::Notice,
            false => Severity::Destructive,
        };
        let mut affected = lost.deleted.clone();
        if !affected.objects.is_empty() {
            affected.unknown.extend(newly_unknown);
            affected.unknown.sort();
            affected.unknown.dedup();
        }
        let mut told = Told::new(severity, outcome, message)
            .affects(affected)
            .uncertain_if(!is_certain)
            .help(help);
        told.notes = lost.notes();
        if matches!(fate, Fate::RemovedBeforeSpec | Fate::Relocated) {
            told = told.note(format!(
                "a new revision starts `{name}` and its parent at once; as a rule `{name}` builds the new folder with its old spec before the new one is applied"
            ));
        }
        self.push(found, rule, told);
    }

    /// The part of the new spec that would have kept the objects.
    fn what_spares(&self) -> String {
        if self.after.suspend {
            "`suspend = true`".to_owned()
        } else if !self.after.prune {
            "`prune = false`".to_owned()
        } else {
            "its new spec".to_owned()
        }
    }

    fn tell_gained(&self, found: &mut Found<'_>) {
        let (was, is) = (&self.builds.before, &self.builds.after);
        let gained: Vec<Object> = is
            .objects
            .keys()
            .filter(|identity| !was.objects.contains_key(identity))
            .map(Object::from)
            .collect();
        if gained.is_empty() || was.broken.is_some() || !self.builds.new_acts {
            return;
        }
        let count = match gained.len() {
            1 => "one more object".to_owned(),
            count => format!("{count} more objects"),
        };
        let told = Told::new(
            Severity::Info,
            Outcome::Reconcile,
            format!("`{}` applies {count}", self.name()),
        )
        .affects(Affected::known(gained));
        self.push(found, &APPLIES_MORE, told);
    }

    fn push(&self, found: &mut Found<'_>, rule: &Rule, told: Told) {
        found.push(rule, self.view, Some(self.old), Some(self.new), told);
    }
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
    let parts = before.build().differences(&after.build());
    (!parts.is_empty()).then(|| Cause {
        rule: &FOLDER,
        text: match parts.as_slice() {
            [part] => format!("its `{part}` changed"),
            parts => format!("its `{}` changed", parts.join("` and `")),
        },
        recreates: false,
    })
}

/// A source under another name that fetches the same.
fn is_same_source(
    view: &View<'_>,
    before: &KustomizationSpec<'_>,
    after: &KustomizationSpec<'_>,
) -> bool {
    let is_here = view.is_this_repository(Time::Before, &before.source)
        && view.is_this_repository(Time::After, &after.source);
    if is_here {
        return true;
    }
    let spec = |time, spec: &KustomizationSpec<'_>| {
        let source = &spec.source;
        let side = view.side(time)?;
        side.find(view::SOURCE, source.kind, source.namespace, source.name)
    };
    let (Some(old), Some(new)) = (spec(Time::Before, before), spec(Time::After, after)) else {
        return false;
    };
    let same = |key: &str| match (old.get(&["spec", key]), new.get(&["spec", key])) {
        (None, None) => true,
        (Some(old), Some(new)) => old.value.same(&new.value),
        _ => false,
    };
    before.source.kind == after.source.kind
        && same("ref")
        && sources::PLACES.iter().all(|key| same(key))
}
