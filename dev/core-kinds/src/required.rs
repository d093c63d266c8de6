//! Which of the fields that OpenAPI calls required the API server does insist on.
//!
//! OpenAPI calls a field required where its Go field has no `omitempty`. The server decodes what is left out as the empty value and
//! validates that: an empty `name` is refused, an empty list of rules is not.

/// Strings whose empty value the server accepts or fills in.
const EMPTY_STRINGS: &[&str] = &[
    "apiGroup",
    "description",
    "message",
    "reason",
    "serviceName",
    "status",
    "uid",
    "value",
    "volumeID",
];

/// Other fields whose empty value is refused.
const NEEDED: &[&str] = &[
    "clientConfig",
    "containerPort",
    "containers",
    "jobTemplate",
    "maxReplicas",
    "maxSkew",
    "names",
    "port",
    "roleRef",
    "scaleTargetRef",
    "selector",
    "template",
    "versions",
];

pub(crate) fn is_insisted_on(name: &str, expression: &str) -> bool {
    match expression {
        "string" => !EMPTY_STRINGS.contains(&name),
        _ => NEEDED.contains(&name),
    }
}
