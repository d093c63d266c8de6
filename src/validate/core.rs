//! Objects of Kubernetes' built-in kinds, held to `schemas/core-kinds.json` wherever they come from: fluxgen.toml or a YAML file.
//!
//! What the API server prunes or ignores passes: nulls and `status`. What another tool fills in before the server sees it passes,
//! too: `${VARIABLE}` for Flux, `ENC[…]` for SOPS.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::join;
use crate::diagnostic::{Diagnostic, Label};
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::schema::core::{
    CoreType, Judged, KubernetesMinor, Lifetime, Misfit, Shape, core_type, judge,
};
use crate::settings::fields::{list, unknown_key, wrong_type};
use crate::source::{Span, Spanned};

/// Where an object is, and which Kubernetes it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CorePlace<'a> {
    /// What messages call the object: `manifests.settings`, `ConfigMap web/settings`.
    pub(crate) name: &'a str,
    /// Where faults without a better place are shown.
    pub(crate) span: Span,
    pub(crate) cluster: &'a str,
    /// The Kubernetes of that cluster; without it everything passes that any known minor has.
    pub(crate) kubernetes: Option<Spanned<KubernetesMinor>>,
    /// Keys at the top that are not the object's, for suggestions.
    pub(crate) own_keys: &'a [&'a str],
}

/// Holds an object to its kind, if that is a built-in one or was meant to be.
pub(crate) fn validate(resource: &Resource, place: CorePlace<'_>) -> Vec<Diagnostic> {
    let mut walk = Walk {
        place,
        minor: place.kubernetes.map(|minor| minor.value),
        found: Vec::new(),
    };
    match judge(&resource.api_version, &resource.identity.kind, walk.minor) {
        Judged::Foreign => {}
        Judged::Wrong(misfit) => walk.misfit(resource, misfit),
        Judged::Known(kind) => {
            let name = kind.of_type.as_deref().expect("known kinds have a type");
            walk.object(&resource.node, core_type(name));
        }
    }
    walk.found
}

/// Whether nothing is known here about objects of this kind.
pub(crate) fn is_foreign(resource: &Resource) -> bool {
    matches!(
        judge(&resource.api_version, &resource.identity.kind, None),
        Judged::Foreign
    )
}

/// Parts of an object that are judged for all kinds alike.
const OF_ALL_KINDS: &[&str] = &["annotations", "labels", "name", "namespace"];

struct Walk<'a> {
    place: CorePlace<'a>,
    minor: Option<KubernetesMinor>,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn misfit(&mut self, resource: &Resource, misfit: Misfit) {
        let span = |key: &str| {
            resource
                .get(&[key])
                .map_or(Span::BUILT_IN, |node| node.span)
        };
        let (api_version, kind) = (&resource.api_version, &resource.identity.kind);
        match misfit {
            Misfit::Kind { near } => {
                let message = format!("unknown kind `{kind}` in `{api_version}`");
                let diagnostic = Diagnostic::error("unknown-kind", message);
                self.push(
                    match near {
                        Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                        None => diagnostic
                            .with_note("only Kubernetes itself defines kinds in this group")
                            .with_help("write the apiVersion of the kind: `kubectl api-resources` lists them"),
                    },
                    span("kind"),
                );
            }
            Misfit::ApiVersion { right, last } => {
                let message = match last {
                    Some(_) => format!("Kubernetes no longer serves {kind} `{api_version}`"),
                    None => format!("Kubernetes does not serve {kind} `{api_version}`"),
                };
                let mut diagnostic = Diagnostic::error("wrong-api-version", message);
                if last.is_some() {
                    let oldest = KubernetesMinor::OLDEST;
                    diagnostic = diagnostic.with_note(format!("no version from {oldest} on does"));
                }
                self.push(helped(diagnostic, right), span("apiVersion"));
            }
            Misfit::Minor { lifetime, right } => {
                let what = format!("{kind} `{api_version}`");
                let diagnostic = helped(self.outside(&what, lifetime), right);
                self.push_with_version(diagnostic, span("apiVersion"));
            }
        }
    }

    /// A whole object. Names, labels and annotations are judged elsewhere.
    fn object(&mut self, node: &Node, kind: &CoreType) {
        let Some(table) = node.as_table() else { return };
        self.fields(
            table,
            kind,
            "",
            &["apiVersion", "kind", "metadata", "status"],
        );
        if let Some(metadata) = table.get("metadata").and_then(Node::as_table)
            && let Some(Shape::Type(name)) = kind.properties.get("metadata").map(|it| &it.shape)
        {
            self.fields(metadata, core_type(name), "metadata", OF_ALL_KINDS);
        }
        self.required(node, table, kind, "");
    }

    fn node(&mut self, node: &Node, shape: &Shape, path: &str) {
        let scalar = node.value.scalar();
        if matches!(scalar, Value::Null) || is_filled_in(scalar) {
            return;
        }
        match (shape, scalar) {
            (Shape::Any, _)
            | (Shape::Text, Value::String(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::Number | Shape::Quantity, Value::Integer(_) | Value::Float(_))
            | (Shape::IntOrText | Shape::Quantity, Value::String(_))
            | (Shape::Free, Value::Table(_)) => {}
            (Shape::Integer { bits }, Value::Integer(number)) => {
                self.integer(node, *number, *bits, path)
            }
            (Shape::IntOrText, Value::Integer(number)) => self.integer(node, *number, 32, path),
            // `1.0` is a whole number for the server.
            (Shape::Integer { .. }, Value::Float(number)) if number.fract() == 0.0 => {}
            (Shape::Bytes, Value::String(text)) => self.bytes(node, text, path),
            (Shape::Type(name), Value::Table(table)) => {
                let of_type = core_type(name);
                self.fields(table, of_type, path, &[]);
                self.required(node, table, of_type, path);
            }
            (Shape::Perhaps(name), Value::Table(table)) => {
                self.fields(table, core_type(name), path, &[]);
            }
            (Shape::Perhaps(_), _) => {}
            (Shape::Map(values), Value::Table(table)) => {
                for (key, entry) in table.iter() {
                    self.node(&entry.node, values, &join(path, key));
                }
            }
            (Shape::List { keys, item }, Value::Array(items)) => {
                for (at, node) in items.iter().enumerate() {
                    self.node(node, item, &format!("{path}[{at}]"));
                }
                self.distinct(items, keys, path);
            }
            _ => self.wrong_type(node, shape, path),
        }
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape, path: &str) {
        let expected = match shape {
            Shape::Any | Shape::Perhaps(_) => return,
            Shape::Text | Shape::Bytes => "a string",
            Shape::Boolean => "a boolean",
            Shape::Number => "a number",
            Shape::Integer { .. } => "an integer",
            Shape::IntOrText => "an integer or a string",
            Shape::Quantity => "a quantity, such as `500m` or `1Gi`",
            Shape::Free | Shape::Map(_) | Shape::Type(_) => "a table",
            Shape::List { .. } => "an array",
        };
        let mut diagnostic = wrong_type(path, node, expected);
        if let (Shape::Boolean | Shape::Integer { .. } | Shape::Number, Value::String(text)) =
            (shape, node.value.scalar())
        {
            let is_meant = match shape {
                Shape::Boolean => matches!(text.as_str(), "true" | "false"),
                _ => text.parse::<f64>().is_ok(),
            };
            if is_meant {
                diagnostic = diagnostic.with_help("remove the quotes");
            }
        }
        if diagnostic.labels.is_empty() {
            diagnostic = diagnostic.at(self.place.span, "");
        }
        self.found.push(diagnostic);
    }

    fn integer(&mut self, node: &Node, number: i128, bits: u32, path: &str) {
        let most = (1i128 << (bits - 1)) - 1;
        if number > most || number < -most - 1 {
            let message = format!("`{number}` does not fit in `{path}`, which has {bits} bits");
            self.push(Diagnostic::error("wrong-value", message), node.span);
        }
    }

    fn bytes(&mut self, node: &Node, text: &str, path: &str) {
        // Go skips line ends, which YAML's block scalars have.
        let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        if STANDARD.decode(&text).is_err() {
            let message = format!("the value of `{path}` is not base64");
            let mut diagnostic = Diagnostic::error("wrong-value", message);
            if path.starts_with("data.") {
                diagnostic = diagnostic
                    .with_help("move it to `stringData`, which takes plain text, or encode it");
            }
            self.push(diagnostic, node.span);
        }
    }

    fn fields(&mut self, table: &Table, of_type: &CoreType, path: &str, not: &[&str]) {
        for (key, entry) in table.iter() {
            if not.contains(&key) || has_variable(key) {
                continue;
            }
            let inside = join(path, key);
            match of_type.properties.get(key) {
                Some(property) if self.is_outside(property.lifetime) => {
                    if !matches!(entry.node.value, Value::Null) {
                        let diagnostic = self.outside(&format!("`{inside}`"), property.lifetime);
                        self.push_with_version(diagnostic, entry.key);
                    }
                }
                Some(property) => self.node(&entry.node, &property.shape, &inside),
                None => {
                    let mut known: Vec<&str> = of_type
                        .properties
                        .iter()
                        .filter(|(_, property)| !self.is_outside(property.lifetime))
                        .map(|(name, _)| name.as_str())
                        .collect();
                    // Of several that are near, the first one is offered: always the same.
                    known.sort_unstable();
                    if path.is_empty() {
                        known.extend(self.place.own_keys);
                    }
                    let place = match path {
                        "" => self.place.name,
                        path => path,
                    };
                    let mut diagnostic = unknown_key(place, key, entry.key, known.into_iter());
                    if diagnostic.labels.is_empty() {
                        diagnostic = diagnostic.at(self.place.span, "");
                    }
                    self.found.push(diagnostic);
                }
            }
        }
    }

    fn required(&mut self, node: &Node, table: &Table, of_type: &CoreType, path: &str) {
        // Keys that Flux fills in could be any.
        if table.keys().any(has_variable) {
            return;
        }
        for field in of_type
            .required
            .iter()
            .filter(|field| !table.contains(field))
        {
            let name = match path {
                "" => self.place.name,
                path => path,
            };
            let diagnostic =
                Diagnostic::error("missing-field", format!("`{name}` needs `{field}`"))
                    .with_help(format!("add `{field}`"));
            let span = match path {
                "" => self.place.span,
                _ => node.span,
            };
            self.push(diagnostic, span);
        }
    }

    /// Items of a list that the API server tells apart by their keys.
    fn distinct(&mut self, items: &[Node], keys: &[(String, Option<String>)], path: &str) {
        if keys.is_empty() {
            return;
        }
        let mut seen: HashMap<Vec<String>, Span> = HashMap::with_capacity(items.len());
        for item in items {
            let values = keys.iter().map(|(key, default)| {
                let value = item.get(key).map(|node| node.value.scalar());
                match value {
                    Some(Value::String(text)) if !has_variable(text) => Some(text.clone()),
                    Some(Value::Integer(number)) => Some(number.to_string()),
                    None | Some(Value::Null) => default.clone(),
                    _ => None,
                }
            });
            let Some(values) = values.collect::<Option<Vec<String>>>() else {
                continue;
            };
            let Some(other) = seen.get(&values).copied() else {
                seen.insert(values, item.span);
                continue;
            };
            let names = list(keys.iter().map(|(key, _)| key.as_str()));
            let message = format!("two items of `{path}` have the same {names}");
            let diagnostic = Diagnostic::error("duplicate-item", message)
                .with_help("change or remove one of them");
            self.push(diagnostic, item.span);
            if !other.is_built_in() {
                let last = self.found.last_mut().expect("pushed just before");
                last.labels.push(Label {
                    span: other,
                    message: "the other one".to_owned(),
                });
            }
        }
    }

    fn is_outside(&self, lifetime: Lifetime) -> bool {
        self.minor.is_some_and(|minor| !lifetime.includes(minor))
    }

    /// Something that the cluster's minor does not have.
    fn outside(&self, what: &str, lifetime: Lifetime) -> Diagnostic {
        let name = self.place.cluster;
        let minor = self.minor.expect("what is outside has a minor");
        let message = match (lifetime.since, lifetime.until) {
            (_, Some(until)) if minor > until => format!(
                "{what} is gone since Kubernetes {}; cluster `{name}` has {minor}",
                until.next()
            ),
            (Some(since), _) => {
                format!("{what} needs Kubernetes {since}; cluster `{name}` has {minor}")
            }
            (None, _) => {
                format!("Kubernetes {minor}, which cluster `{name}` has, does not know {what}")
            }
        };
        Diagnostic::error("kubernetes-version", message)
    }

    fn push_with_version(&mut self, diagnostic: Diagnostic, span: Span) {
        self.push(diagnostic, span);
        if let Some(minor) = self.place.kubernetes {
            let last = self.found.last_mut().expect("pushed just before");
            last.labels.push(Label {
                span: minor.span,
                message: "set here".to_owned(),
            });
        }
    }

    fn push(&mut self, diagnostic: Diagnostic, span: Span) {
        let span = if span.is_built_in() {
            self.place.span
        } else {
            span
        };
        self.found.push(diagnostic.at(span, ""));
    }
}

fn helped(diagnostic: Diagnostic, right: Option<String>) -> Diagnostic {
    match right {
        Some(right) => diagnostic.with_help(format!("write `{right}`")),
        None => diagnostic.with_help("remove it: Kubernetes has no such kind any longer"),
    }
}

/// Whether Flux or SOPS makes another value of it before the API server sees it.
fn is_filled_in(value: &Value) -> bool {
    matches!(value, Value::String(text) if has_variable(text) || text.starts_with("ENC["))
}

fn has_variable(text: &str) -> bool {
    text.contains("${")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::source::Sources;

    /// The messages about the documents of a YAML text.
    fn messages(text: &str, kubernetes: Option<&str>) -> Vec<String> {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let nodes = crate::yaml::read_all(text, file).expect("the YAML can be read");
        let resources = nodes.into_iter().filter_map(Resource::from_node);
        let found = resources.flat_map(|resource| {
            let kubernetes = kubernetes.map(|text| KubernetesMinor::of(text).expect("a minor"));
            let place = CorePlace {
                name: &resource.identity.to_string(),
                span: resource.node.span,
                cluster: "prod",
                kubernetes: kubernetes.map(|minor| Spanned::new(minor, Span::BUILT_IN)),
                own_keys: &[],
            };
            validate(&resource, place)
        });
        let line = |diagnostic: Diagnostic| {
            let line = diagnostic
                .primary()
                .and_then(|span| sources.position(span))
                .map_or(0, |at| at.line);
            let help: Vec<String> = diagnostic
                .help
                .iter()
                .map(|help| format!("; {help}"))
                .collect();
            format!("{line}: {}{}", diagnostic.message, help.concat())
        };
        found.map(line).collect()
    }

    /// A Deployment whose Pod template has these lines.
    fn deployment(lines: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, namespace: b, creationTimestamp: null}}\nspec:\n  \
             selector: {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{app: a}}, creationTimestamp: null}}\n    \
             spec:\n{lines}status: {{anything: goes}}\n"
        )
    }

    #[test]
    fn fields_are_refused_where_the_api_server_refuses_them() {
        let mut wrong = Vec::new();
        for (text, expected) in [
            // types
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  port: 8080\n",
                &["5: `data.port` must be a string; put it in quotes"][..],
            ),
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: true, f: 1.5}\nimmutable: \"true\"\n",
                &[
                    "4: `data.a` must be a string; put it in quotes",
                    "4: `data.f` must be a string; put it in quotes",
                    "5: `immutable` must be a boolean; remove the quotes",
                ],
            ),
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [a]\n",
                &["4: `data` must be a table"],
            ),
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: hunter2!}\n",
                &[
                    "4: the value of `data.password` is not base64; move it to `stringData`, which takes plain text, or encode it",
                ],
            ),
            (
                "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  schedule: '@daily'\n  suspend: \"no\"\n  \
              successfulJobsHistoryLimit: 99999999999\n  jobTemplate: {spec: {template: {spec: {containers: [{name: a}]}}}}\n",
                &[
                    "6: `spec.suspend` must be a boolean",
                    "7: `99999999999` does not fit in `spec.successfulJobsHistoryLimit`, which has 32 bits",
                ],
            ),
            // names of fields
            (
                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, lables: {}}\nautomountServiceAcountToken: false\n",
                &[
                    "4: unknown key `automountServiceAcountToken` in `ServiceAccount a`; did you mean `automountServiceAccountToken`?",
                    "3: unknown key `lables` in `metadata`; did you mean `labels`?",
                ],
            ),
            (
                "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\nspec: {finalizer: []}\n",
                &["4: unknown key `finalizer` in `spec`; did you mean `finalizers`?"],
            ),
            (
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  \
              ingress: [{from: [{namespaceSelector: {matchLabel: {a: b}}}]}]\n",
                &[
                    "6: unknown key `matchLabel` in `spec.ingress[0].from[0].namespaceSelector`; did you mean `matchLabels`?",
                ],
            ),
            (
                "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a}\nspec: {hard: {cpu: [1]}}\n",
                &["4: `spec.hard.cpu` must be a quantity, such as `500m` or `1Gi`"],
            ),
            // what has to be there
            (
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nsubjects: [{kind: User}]\n",
                &[
                    "4: `subjects[0]` needs `name`; add `name`",
                    "1: `RoleBinding a` needs `roleRef`; add `roleRef`",
                ],
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
                &["1: `Deployment a` needs `spec`; add `spec`"],
            ),
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{targetPort: http}]}\n",
                &["4: `spec.ports[0]` needs `port`; add `port`"],
            ),
            // items that are the same for the server
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: a, port: 1}, {name: b, port: 1, protocol: TCP}]}\n",
                &[
                    "4: two items of `spec.ports` have the same `port` and `protocol`; change or remove one of them",
                ],
            ),
            (
                &deployment(
                    "      containers:\n      - name: a\n        image: 5\n        env: [{name: A, value: 1}, {name: A}]\n",
                ),
                &[
                    "12: `spec.template.spec.containers[0].env[0].value` must be a string; put it in quotes",
                    "12: two items of `spec.template.spec.containers[0].env` have the same `name`; change or remove one of them",
                    "11: `spec.template.spec.containers[0].image` must be a string; put it in quotes",
                ],
            ),
            (
                &deployment("      containers: []\n      volume: []\n"),
                &["10: unknown key `volume` in `spec.template.spec`; did you mean `volumes`?"],
            ),
        ] {
            let mut found = messages(text, None);
            let mut expected: Vec<String> =
                expected.iter().map(|line| (*line).to_owned()).collect();
            // Whichever order the fields were written in.
            found.sort();
            expected.sort();
            if found != expected {
                wrong.push(format!("{text}\nfound {found:#?}\nexpected {expected:#?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    #[test]
    fn what_is_free_filled_in_or_pruned_passes() {
        for text in [
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {}, managedFields: null}\ndata: {a: null, b: \"1\"}\nbinaryData:\n",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a: ENC[AES256_GCM,data:x]\n  b: ${B}\n  c: |\n    aHVu\n    dGVy\nstringData: {d: \"!\"}\n",
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec: {replicas: '${N:=3}', selector: {matchLabels: {'${K}': v}}}\n",
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec: {replicas: 3.0, selector: '${S}'}\n",
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {resources: {requests: {storage: 1, x: 1Gi, y: 0.5}}}\n",
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 53, protocol: TCP}, {port: 53, protocol: UDP, targetPort: dns}]}\n",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:x'}\naggregationRule: {clusterRoleSelectors: []}\n",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: x}\nrules: null\n",
            "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: x}\n",
            "apiVersion: v1\nkind: LimitRange\nmetadata: {name: x}\nspec: {limits: [{type: Container, default: {cpu: 1}}]}\n",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec:\n  group: x.y\n  scope: Namespaced\n  \
             names: {kind: A, plural: as}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    subresources: {status: {}}\n    \
             schema:\n      openAPIV3Schema:\n        type: object\n        x-kubernetes-preserve-unknown-fields: true\n        \
             properties: {a: {default: {x: [1]}, additionalProperties: false}, b: {additionalProperties: {x-kubernetes-int-or-string: true}}}\n",
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: x}\nwebhooks: []\n",
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: x}\nspec: 5\n",
        ] {
            assert_eq!(messages(text, None), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_the_minor_of_a_cluster_lacks_is_refused() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostnameOverride: x\n  containers: [{name: a}]\n";
        assert_eq!(messages(pod, None), Vec::<String>::new());
        assert_eq!(messages(pod, Some("1.34")), Vec::<String>::new());
        assert_eq!(
            messages(pod, Some("1.33")),
            ["5: `spec.hostnameOverride` needs Kubernetes 1.34; cluster `prod` has 1.33"]
        );
        let flow = "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}\n";
        assert_eq!(
            messages(flow, Some("1.33")),
            [
                "1: FlowSchema `flowcontrol.apiserver.k8s.io/v1beta3` is gone since Kubernetes 1.32; cluster `prod` has 1.33; \
              write `flowcontrol.apiserver.k8s.io/v1`"
            ]
        );
    }

    fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => yaml_files(&path, found),
                Some("yaml" | "yml") => found.push(path),
                _ => {}
            }
        }
    }

    /// `FLUXGEN_CORE_KINDS_YAML=FOLDER` adds a folder: that of `k8s.io/api`'s testdata has every field of every kind.
    #[test]
    fn what_api_servers_accept_passes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        for folder in [
            "examples",
            "tests/trees",
            "../shared/trees",
            "../shared/flux",
        ] {
            yaml_files(&root.join(folder), &mut files);
        }
        if let Some(folder) = std::env::var_os("FLUXGEN_CORE_KINDS_YAML") {
            yaml_files(Path::new(&folder), &mut files);
        }
        let mut faults = Vec::new();
        let mut objects = 0;
        for path in &files {
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            let mut sources = Sources::default();
            let file = sources.add("a.yaml", text.as_str());
            let Ok(nodes) = crate::yaml::read_all(&text, file) else {
                continue;
            };
            for resource in nodes.into_iter().filter_map(Resource::from_node) {
                objects += usize::from(!is_foreign(&resource));
            }
            let found = messages(&text, None);
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| format!("{}:{fault}", path.display())),
            );
        }
        eprintln!("{objects} objects in {} files", files.len());
        assert!(
            faults.is_empty(),
            "{} faults\n{}",
            faults.len(),
            faults.join("\n")
        );
    }
}
