//! A rename in two steps that delete nothing: first the old resource gets a spec that leaves what it
//! applied, then it is renamed. Text to text: the caller reads and writes the files.

use std::fmt;

use toml_edit::{DocumentMut, Item, TableLike, value};

use super::helm_spec::HelmReleaseSpec;
use super::kustomization_spec::KustomizationSpec;
use super::view::{HELM, KUSTOMIZE};
use crate::resource::Resource;

/// What is renamed, on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Rename<'a> {
    /// The TOML as it is merged, with the old name.
    pub base_toml: &'a str,
    /// The TOML as it is to be, with the new name.
    pub head_toml: &'a str,
    /// The path of its table: `["kustomizations", "apps"]`, in the base and in the head.
    pub base_path: &'a [&'a str],
    pub head_path: &'a [&'a str],
    /// What it compiles to, on both sides.
    pub old: &'a Resource,
    pub new: &'a Resource,
}

/// The steps, each a TOML to be merged and applied before the next. None: there is nothing to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In the imperative: `keep what apps applied`.
    pub title: String,
    /// Why, and what to wait for before the next step.
    pub explanation: String,
    /// The whole TOML of this step.
    pub toml: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The TOML cannot be edited.
    Syntax(String),
    /// There is no such table: the resource comes from a set or from elsewhere.
    NotFound(String),
    /// Only Kustomizations and HelmReleases delete others.
    Kind(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Syntax(why) => write!(f, "the TOML cannot be edited: {why}"),
            PlanError::NotFound(path) if path.is_empty() => {
                write!(f, "it has no table in the TOML file")
            }
            PlanError::NotFound(path) => write!(f, "there is no table `{path}` to edit"),
            PlanError::Kind(kind) => {
                write!(
                    f,
                    "renaming a {kind} deletes nothing else, so there is nothing to plan"
                )
            }
        }
    }
}

impl std::error::Error for PlanError {}

/// Plans a rename.
///
/// Source: <https://fluxcd.io/flux/faq/#how-can-i-safely-rename-a-flux-kustomization>
pub fn plan_rename(rename: &Rename<'_>) -> Result<Plan, PlanError> {
    match (
        rename.old.identity.group.as_str(),
        rename.old.identity.kind.as_str(),
    ) {
        (KUSTOMIZE, "Kustomization") => kustomization(rename),
        (HELM, "HelmRelease") => helm_release(rename),
        (_, kind) => Err(PlanError::Kind(kind.to_owned())),
    }
}

fn kustomization(rename: &Rename<'_>) -> Result<Plan, PlanError> {
    let (old, new) = (&rename.old.identity.name, &rename.new.identity.name);
    let namespace = &rename.old.identity.namespace;
    let mut steps = Vec::new();
    if KustomizationSpec::of(rename.old).keeps_objects().is_none() {
        steps.push(Step {
            title: format!("let `{old}` leave what it applied"),
            explanation: format!(
                "with `deletionPolicy = \"Orphan\"`, deleting `{old}` deletes nothing else; before the next step, wait until `flux get kustomizations {old} -n {namespace}` shows this revision"
            ),
            toml: edited(rename.base_toml, rename.base_path, |table| {
                table.insert("deletionPolicy", value("Orphan"));
            })?,
        });
    }
    let keeps = KustomizationSpec::of(rename.new).keeps_objects().is_some();
    let was_safe = steps.is_empty();
    steps.push(Step {
        title: format!("rename `{old}` to `{new}`"),
        explanation: format!(
            "`{new}` adopts what `{old}` left and prunes again; remove `renamedFrom` when that is applied"
        ),
        toml: edited(rename.head_toml, rename.head_path, |table| {
            // What made the old one safe would keep the new one from pruning.
            if keeps && was_safe {
                if table.get("deletionPolicy").and_then(Item::as_str) == Some("Orphan") {
                    table.remove("deletionPolicy");
                }
                if table.get("prune").and_then(Item::as_bool) == Some(false) {
                    table.insert("prune", value(true));
                }
                if table.get("suspend").and_then(Item::as_bool) == Some(true) {
                    table.remove("suspend");
                }
            }
        })?,
    });
    Ok(Plan { steps })
}

fn helm_release(rename: &Rename<'_>) -> Result<Plan, PlanError> {
    let (old, new) = (&rename.old.identity.name, &rename.new.identity.name);
    let namespace = &rename.old.identity.namespace;
    let (before, after) = (
        HelmReleaseSpec::of(rename.old),
        HelmReleaseSpec::of(rename.new),
    );
    let (was, is) = (before.release(), after.release());
    let mut steps = Vec::new();
    if !before.suspend {
        steps.push(Step {
            title: format!("suspend `{old}`"),
            explanation: format!(
                "deleting a suspended HelmRelease uninstalls nothing; before the next step, wait until `flux get helmreleases {old} -n {namespace}` shows it suspended"
            ),
            toml: edited(rename.base_toml, rename.base_path, |table| {
                table.insert("suspend", value(true));
            })?,
        });
    }
    steps.push(Step {
        title: format!("rename `{old}` to `{new}` and keep its release"),
        explanation: format!(
            "`{new}` adopts release `{}`, which it finds under its old name and namespaces",
            was.name
        ),
        toml: edited(rename.head_toml, rename.head_path, |table| {
            for (key, old, new) in [
                ("releaseName", &was.name, &is.name),
                ("targetNamespace", &was.namespace, &is.namespace),
                ("storageNamespace", &was.storage, &is.storage),
            ] {
                if old != new {
                    table.insert(key, value(old.as_str()));
                }
            }
            // Without `releaseName` the name of the release would follow the new target namespace.
            if was.namespace != is.namespace {
                table.insert("releaseName", value(was.name.as_str()));
            }
            if after.suspend {
                table.remove("suspend");
            }
        })?,
    });
    Ok(Plan { steps })
}

/// The TOML with one table changed; comments and layout stay.
fn edited(
    toml: &str,
    path: &[&str],
    edit: impl FnOnce(&mut dyn TableLike),
) -> Result<String, PlanError> {
    let mut document: DocumentMut = toml
        .parse()
        .map_err(|error: toml_edit::TomlError| PlanError::Syntax(error.message().to_owned()))?;
    let not_found = || PlanError::NotFound(path.join("."));
    let mut item = document.as_item_mut();
    for key in path {
        item = item
            .as_table_like_mut()
            .and_then(|table| table.get_mut(key))
            .ok_or_else(not_found)?;
    }
    edit(item.as_table_like_mut().ok_or_else(not_found)?);
    Ok(document.to_string())
}
