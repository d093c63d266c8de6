//! The same cluster behind Kubernetes' HTTP API, as far as kubectl needs it, for the real kubectl.
//!
//! Source of paths and bodies: <https://kubernetes.io/docs/reference/using-api/api-concepts/>.

use serde_json::{Value, json};

use crate::cluster::{Cluster, State, full};
use crate::http::{Reply, Request, serve};
use crate::kubectl::{documents, list};

/// Serves until the test program ends; gives the port.
pub fn start(cluster: &Cluster) -> u16 {
    let cluster = cluster.clone();
    serve(move |request| {
        let mut state = cluster.state();
        if state.faults.unreachable.is_some() {
            return failure(401, "Unauthorized", "Unauthorized");
        }
        answer(&mut state, &request)
    })
}

fn failure(code: u16, reason: &str, message: &str) -> Reply {
    Reply::json(
        code,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": reason, "message": message, "code": code,
        }),
    )
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["version"] => {
            return Reply::json(
                200,
                &json!({ "major": "1", "minor": state.minor, "gitVersion": format!("v1.{}.0", state.minor) }),
            );
        }
        ["api"] => {
            return Reply::json(200, &json!({ "kind": "APIVersions", "versions": ["v1"] }));
        }
        ["apis"] => return groups(state),
        [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ] => return review(state, request),
        _ => {}
    }
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => {
            return failure(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        }
    };
    let is_known = |state: &State| {
        let known = state.known();
        known
            .iter()
            .any(|(of, at, ..)| of == group && at == version)
    };
    if rest.is_empty() && is_known(state) {
        return resources(state, group, version);
    }
    let (namespace, plural, name) = match rest {
        ["namespaces", name] => ("", "namespaces", Some(*name)),
        ["namespaces", namespace, plural] => (*namespace, *plural, None),
        ["namespaces", namespace, plural, name]
        | ["namespaces", namespace, plural, name, "status"] => (*namespace, *plural, Some(*name)),
        [plural] => ("", *plural, None),
        [plural, name] => ("", *plural, Some(*name)),
        _ => {
            return failure(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        }
    };
    let resource = full(plural, group);
    if !state.has_resource(&resource) {
        return failure(
            404,
            "NotFound",
            "the server could not find the requested resource",
        );
    }
    match (request.method.as_str(), name) {
        ("GET", Some(name)) => match state.look(&resource, namespace, name) {
            Some(object) => Reply::json(200, &object),
            None => failure(404, "NotFound", &format!("{resource} \"{name}\" not found")),
        },
        ("GET", None) => {
            let field = request.query("fieldSelector");
            let items = list(state, &resource, namespace, field.as_deref());
            Reply::json(
                200,
                &json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items }),
            )
        }
        ("PATCH", Some(name)) => patch(state, request, (&resource, namespace, name)),
        ("DELETE", Some(name)) => {
            let mut is_gone = false;
            state.objects.retain(|(of, home, own), _| {
                let is_it =
                    (of.as_str(), home.as_str(), own.as_str()) == (&resource, namespace, name);
                is_gone |= is_it;
                let is_inside = resource == "namespaces" && home == name;
                !is_it && !is_inside
            });
            match is_gone {
                true => Reply::json(
                    200,
                    &json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }),
                ),
                false => failure(404, "NotFound", &format!("{resource} \"{name}\" not found")),
            }
        }
        _ => failure(405, "MethodNotAllowed", "not here"),
    }
}

fn groups(state: &State) -> Reply {
    let mut groups: Vec<(String, String)> = state
        .known()
        .into_iter()
        .filter(|(group, ..)| !group.is_empty())
        .map(|(group, version, ..)| (group, version))
        .chain([("authorization.k8s.io".to_owned(), "v1".to_owned())])
        .collect();
    groups.sort();
    groups.dedup();
    let groups: Vec<Value> = groups
        .iter()
        .map(|(group, version)| {
            let version =
                json!({ "groupVersion": format!("{group}/{version}"), "version": version });
            json!({ "name": group, "versions": [version], "preferredVersion": version })
        })
        .collect();
    Reply::json(
        200,
        &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
    )
}

fn resources(state: &State, group: &str, version: &str) -> Reply {
    let known = state.known();
    let of = known
        .iter()
        .filter(|(of, at, ..)| of == group && at == version);
    let resources: Vec<Value> = of
        .map(|(_, _, kind, plural, is_namespaced)| {
            json!({
                "name": plural, "singularName": kind.to_ascii_lowercase(), "namespaced": is_namespaced,
                "kind": kind, "verbs": ["get", "list", "patch", "create", "update", "delete", "watch"],
            })
        })
        .collect();
    let name = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Reply::json(
        200,
        &json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources }),
    )
}

/// kubectl asks in protobuf and takes JSON for an answer.
fn review(state: &State, request: &Request) -> Reply {
    let message = request.body.strip_prefix(b"k8s\0").expect("protobuf");
    // Unknown.raw, SelfSubjectAccessReview.spec, its resourceAttributes.
    let asked = [2, 2, 1]
        .iter()
        .fold(message, |message, number| field(message, *number));
    let text = |number: u8| String::from_utf8_lossy(field(asked, number)).into_owned();
    let (verb, group, resource) = (text(2), text(3), text(5));
    let resource = match group.as_str() {
        "*" => resource,
        group => full(&resource, group),
    };
    let asked = format!("{verb} {resource}");
    let denied = &state.faults.denied;
    let is_denied = denied.contains(&asked) || (!denied.is_empty() && asked == "* *");
    Reply::json(
        201,
        &json!({
            "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "status": { "allowed": !is_denied },
        }),
    )
}

/// A length-delimited field of a protobuf message; empty where it is not there. All lengths here
/// fit in a byte.
///
/// Source: <https://protobuf.dev/programming-guides/encoding/>
fn field(message: &[u8], number: u8) -> &[u8] {
    let mut rest = message;
    while let [tag, length, after @ ..] = rest {
        if tag & 7 != 2 {
            rest = after;
            continue;
        }
        let (value, next) = after.split_at(usize::from(*length));
        if tag >> 3 == number {
            return value;
        }
        rest = next;
    }
    &[]
}

fn patch(
    state: &mut State,
    request: &Request,
    (resource, namespace, name): (&str, &str, &str),
) -> Reply {
    let kind = request.headers["content-type"].as_str();
    if kind == "application/apply-patch+yaml" {
        assert_eq!(request.query("fieldManager").as_deref(), Some("kubectl"));
        assert_eq!(request.query("force").as_deref(), Some("true"));
        let text = std::str::from_utf8(&request.body).expect("UTF-8");
        let Some(object) = documents(text).pop() else {
            return failure(400, "BadRequest", "no document");
        };
        return match state.apply(object) {
            Ok((resource, namespace, name)) => {
                let key = (resource, namespace, name);
                Reply::json(200, &state.objects[&key])
            }
            Err(error) if error.contains("NotFound") => {
                let message = error.rsplit("): ").next().unwrap_or(&error);
                failure(404, "NotFound", message)
            }
            Err(error) => failure(400, "BadRequest", &error),
        };
    }
    let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
    let Some(object) = state.objects.get_mut(&key) else {
        return failure(404, "NotFound", &format!("{resource} \"{name}\" not found"));
    };
    let body = request.json();
    if request.path.ends_with("/status") {
        object["status"] = body["status"].clone();
        return Reply::json(200, object);
    }
    for (key, value) in body["metadata"]["annotations"]
        .as_object()
        .expect("annotations")
    {
        object["metadata"]["annotations"][key] = value.clone();
    }
    Reply::json(200, object)
}
