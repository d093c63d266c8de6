//! The type expressions of `schemas/core-kinds.json`.

use serde_json::Value;

/// The expression of a property's schema; types keep their full name.
pub(crate) fn of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return reference(name.trim_start_matches("#/definitions/"));
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => format!("{}{}", list(schema), of(&schema["items"])),
        (Some("object"), _) => match &schema["additionalProperties"] {
            Value::Object(_) => format!("{{}}{}", of(&schema["additionalProperties"])),
            _ => "table".into(),
        },
        (Some("string"), Some(format @ ("byte" | "int-or-string"))) => format.into(),
        (Some("integer"), Some("int32")) => "int32".into(),
        (Some(scalar), _) => scalar.into(),
        (None, _) => "any".into(),
    }
}

/// Types whose JSON is not a table of their properties.
fn reference(name: &str) -> String {
    let (_, last) = name.rsplit_once('.').unwrap_or(("", name));
    match last {
        "IntOrString" => "int-or-string".into(),
        "Quantity" => "quantity".into(),
        "Time" | "MicroTime" => "string".into(),
        "JSON" | "FieldsV1" | "RawExtension" | "Patch" | "CustomResourceSubresourceStatus" => {
            "any".into()
        }
        "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrStringArray" => {
            format!("?#{}JSONSchemaProps", &name[..name.len() - last.len()])
        }
        _ => format!("#{name}"),
    }
}

fn list(schema: &Value) -> String {
    let keys = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten();
    let keys: Vec<&str> = keys
        .filter_map(Value::as_str)
        // The only key of such a list that has a default, in all of Kubernetes.
        .map(|key| {
            if key == "protocol" {
                "protocol=TCP"
            } else {
                key
            }
        })
        .collect();
    format!("[{}]", keys.join(","))
}

/// The name of a type without what all have in common.
pub(crate) fn short(name: &str) -> String {
    const COMMON: [&str; 5] = [
        "io.k8s.kube-aggregator.pkg.apis.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.apimachinery.pkg.",
        "io.k8s.api.",
    ];
    let prefix = COMMON.iter().find(|prefix| name.starts_with(**prefix));
    name[prefix.map_or(0, |prefix| prefix.len())..].to_owned()
}

/// An expression with the short name of its type.
pub(crate) fn shortened(expression: &str) -> String {
    match expression.split_once('#') {
        Some((before, name)) => format!("{before}#{}", short(name)),
        None => expression.to_owned(),
    }
}
