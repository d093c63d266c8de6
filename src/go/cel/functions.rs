//! The functions and types that Flux's CEL environment declares.
//!
//! Standard library, optional types and the extensions `strings`, `sets` and `encoders` of cel-go.

use super::Type;

/// Macros that declare a variable in their first argument, with the counts of their arguments.
pub(super) const SCOPING: &[(&str, &[usize])] = &[
    ("all", &[2]),
    ("exists", &[2]),
    ("exists_one", &[2]),
    ("existsOne", &[2]),
    ("filter", &[2]),
    ("map", &[2, 3]),
    ("optMap", &[2]),
    ("optFlatMap", &[2]),
];

const FUNCTIONS: &[&str] = &[
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "first",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "join",
    "last",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "optional.unwrap",
    "or",
    "orValue",
    "replace",
    "reverse",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "size",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "unwrapOpt",
    "upperAscii",
    "value",
];

const NAMESPACES: &[&str] = &["base64", "optional", "sets", "strings"];

const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "dyn",
    "google",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Whether functions may be called below this name, as in `sets.contains(a, b)`.
pub(super) fn is_namespace(name: &str) -> bool {
    NAMESPACES.contains(&name)
}

pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// The type of what a function returns, where it is the same for all overloads.
pub(super) fn result_of(name: &str) -> Type {
    match name {
        "has" | "all" | "exists" | "exists_one" | "existsOne" | "bool" | "contains"
        | "startsWith" | "endsWith" | "matches" | "hasValue" | "sets.contains"
        | "sets.equivalent" | "sets.intersects" => Type::Bool,
        "string" | "charAt" | "join" | "lowerAscii" | "upperAscii" | "substring" | "trim"
        | "replace" | "format" | "strings.quote" | "base64.encode" => Type::String,
        "int" | "size" | "indexOf" | "lastIndexOf" | "getFullYear" | "getMonth" | "getHours"
        | "getMinutes" | "getSeconds" | "getDate" | "getDayOfMonth" | "getDayOfWeek"
        | "getDayOfYear" | "getMilliseconds" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "bytes" | "base64.decode" => Type::Bytes,
        "split" | "filter" | "map" => Type::List,
        _ => Type::Unknown,
    }
}
