//! One `[images.NAME]` table: an ImageRepository, and an ImagePolicy or several.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Entry, Node, Table, Value};
use crate::resolve::merge::{self, is_unset};
use crate::resource::Identity;
use crate::schema::Registry;
use crate::settings::fields::{Fields, unknown_key, wrong_type};
use crate::source::{Span, Spanned};

use super::shorthand::split_key;

/// Keys of an image's table that go to its policy.
const POLICY_KEYS: &[&str] = &["policy", "filterTags", "digestReflectionPolicy"];

/// What a policy inherits from its image.
const INHERITED: &[&str] = &["labels", "annotations"];

/// The tags by which a policy is tested, and what it should pick of them.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyTest {
    pub policy: Identity,
    pub tags: Vec<Spanned<String>>,
    pub expect: Option<Spanned<String>>,
    pub span: Span,
}

/// The specs that an image's table stands for.
#[derive(Debug, Default)]
pub(super) struct Split {
    pub repository: Option<Table>,
    /// Namespace, name and spec of each policy.
    pub policies: Vec<(String, String, Table)>,
    pub tests: Vec<PolicyTest>,
}

/// Sorts an image's keys by the kind they belong to. `is_set_here` tells a key of the image itself from one of
/// its defaults.
pub(super) fn split(
    namespace: &str,
    name: &str,
    table: Table,
    span: Span,
    is_set_here: impl Fn(&str) -> bool,
    diagnostics: &mut Diagnostics,
) -> Split {
    let path = format!("images.{name}");
    let registry = Registry::get();
    let fields = |kind: &str| -> Vec<&str> {
        registry
            .kind(kind)
            .map(|kind| kind.root().properties.keys().map(String::as_str).collect())
            .unwrap_or_default()
    };
    let repository_fields = fields("ImageRepository");
    let mut split = Split::default();
    let mut repository = Table::new();
    let mut policy = Table::new();
    let mut table = table;
    let policies = table.remove("policies");
    let mut table = without_unset(table, &[]);
    let test = test_keys(&mut table);
    let repository_ref = table.remove("imageRepositoryRef");
    for (key, entry) in table {
        if repository_fields.contains(&key.as_str()) {
            repository.insert(key, entry);
        } else if POLICY_KEYS.contains(&key.as_str()) {
            policy.insert(key, entry);
        } else {
            let known = repository_fields.iter().chain(POLICY_KEYS).copied().chain([
                "policies",
                "tags",
                "expect",
                "imageRepositoryRef",
            ]);
            diagnostics.push(unknown_key(&path, &key, entry.key, known));
        }
    }
    let has_policy = !policy.is_empty() || repository_ref.is_some() || !test.is_empty();
    match &repository_ref {
        Some(entry) if repository.contains("image") => {
            diagnostics.push(
                Diagnostic::error(
                    "source-twice",
                    format!("`{path}` has both `image` and `imageRepositoryRef`"),
                )
                .at(entry.key, "")
                .with_help("`image` makes the ImageRepository here; remove one of them"),
            );
        }
        Some(_) => {
            let policy_fields = fields("ImagePolicy");
            let without_place = repository
                .iter()
                .filter(|(key, _)| !policy_fields.contains(key) && is_set_here(key));
            for (key, entry) in without_place {
                diagnostics.push(
                    Diagnostic::error(
                        "unknown-key",
                        format!(
                            "`{key}` belongs to the ImageRepository, which `{path}` only refers to"
                        ),
                    )
                    .at(entry.key, "")
                    .with_help("set it where the ImageRepository is defined"),
                );
            }
            for key in ["interval", "suspend"] {
                if let Some(entry) = repository.entry(key).filter(|_| is_set_here(key)) {
                    policy.insert(key, entry.clone());
                }
            }
        }
        None => split.repository = Some(repository.clone()),
    }
    if has_policy {
        // Reflecting digests needs an interval of its own; the image's is what a reader expects.
        if let Some(interval) = repository.entry("interval")
            && policy
                .get("digestReflectionPolicy")
                .and_then(Node::as_str)
                .is_some_and(|value| value == "Always")
        {
            policy.insert("interval", interval.clone());
        }
        match repository_ref {
            Some(entry) => {
                policy.insert("imageRepositoryRef", entry);
            }
            None => policy.set(
                "imageRepositoryRef",
                reference(namespace, name, namespace, span),
            ),
        }
        push_policy(
            &mut split,
            namespace,
            name,
            policy,
            test,
            &path,
            span,
            diagnostics,
        );
    }
    let Some(policies) = policies.filter(|policies| !is_unset(&policies.node)) else {
        return split;
    };
    let Value::Table(policies) = policies.node.value else {
        diagnostics.push(wrong_type(
            &format!("{path}.policies"),
            &policies.node,
            "a table",
        ));
        return split;
    };
    for (key, entry) in policies {
        let path = format!("{path}.policies.{key}");
        let span = entry.key;
        if is_unset(&entry.node) {
            continue;
        }
        let Value::Table(spec) = entry.node.value else {
            diagnostics.push(wrong_type(&path, &entry.node, "a table"));
            continue;
        };
        let mut spec = without_unset(spec, INHERITED);
        let (own, policy) = split_key(&key);
        let own = own.unwrap_or(namespace);
        let test = test_keys(&mut spec);
        if !spec.contains("imageRepositoryRef") {
            spec.set("imageRepositoryRef", reference(namespace, name, own, span));
        }
        push_policy(
            &mut split,
            own,
            policy,
            spec,
            test,
            &path,
            span,
            diagnostics,
        );
    }
    split
}

/// A table without what it unsets; `kept` are keys by which it unsets what it inherits later.
fn without_unset(table: Table, kept: &[&str]) -> Table {
    let entries = table.into_iter().filter_map(|(key, entry)| {
        if kept.contains(&key.as_str()) {
            return Some((key, entry));
        }
        let node = merge::without_unset(&entry.node);
        let entry = Entry {
            key: entry.key,
            node,
        };
        (!is_unset(&entry.node)).then_some((key, entry))
    });
    entries.collect()
}

/// `tags` and `expect`, taken out of a policy's table.
fn test_keys(table: &mut Table) -> Table {
    let mut test = Table::new();
    for key in ["tags", "expect"] {
        if let Some(entry) = table.remove(key) {
            test.insert(key, entry);
        }
    }
    test
}

#[expect(clippy::too_many_arguments, reason = "a policy's parts, each once")]
fn push_policy(
    split: &mut Split,
    namespace: &str,
    name: &str,
    spec: Table,
    test: Table,
    path: &str,
    span: Span,
    diagnostics: &mut Diagnostics,
) {
    if !test.is_empty() {
        let span = test.entry("tags").map_or(span, |entry| entry.key);
        let mut fields = Fields::new(&test, path, diagnostics);
        let tags = fields.texts("tags");
        let expect = fields.text("expect");
        if let (None, Some(expect)) = (&tags, &expect) {
            diagnostics.push(
                Diagnostic::error("missing-field", "`expect` needs `tags` to pick from")
                    .at(expect.span, "")
                    .with_help("add `tags = [\"1.0.0\", …]`"),
            );
        }
        split.tests.push(PolicyTest {
            policy: Identity {
                group: "image.toolkit.fluxcd.io".to_owned(),
                kind: "ImagePolicy".to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            tags: tags.unwrap_or_default(),
            expect,
            span,
        });
    }
    split
        .policies
        .push((namespace.to_owned(), name.to_owned(), spec));
}

fn reference(namespace: &str, name: &str, own: &str, span: Span) -> Node {
    let mut table = Table::new();
    table.set("name", Node::new(name, span));
    if namespace != own {
        table.insert(
            "namespace",
            Entry {
                key: span,
                node: Node::new(namespace, span),
            },
        );
    }
    Node::new(table, span)
}
