//! Resources and sides from short YAML, for the tests of the comparison and the forecast.

use std::sync::Arc;

use fluxgen::compare::{Remarks, Side, SideBuilder};
use fluxgen::node::{Marked, Node, Table, Value};
use fluxgen::resource::Resource;
use fluxgen::source::Span;
use serde::Deserialize;
use serde_yaml::Value as Yaml;

/// The resources of a text with one or more documents. A string `!marked policy value` is a value
/// that image automation owns.
pub fn resources(text: &str) -> Vec<Arc<Resource>> {
    serde_yaml::Deserializer::from_str(text)
        .map(|part| Yaml::deserialize(part).expect("a test's YAML is right"))
        .filter(|yaml| !yaml.is_null())
        .map(|yaml| {
            Arc::new(Resource::from_node(node(&yaml)).expect("a test's resource has a name"))
        })
        .collect()
}

/// A side of one cluster.
pub fn side(cluster: &str, text: &str) -> Side {
    sides(&[(cluster, text)])
}

pub fn sides(clusters: &[(&str, &str)]) -> Side {
    let mut builder = SideBuilder::new();
    for (cluster, text) in clusters {
        builder.cluster(cluster);
        for resource in resources(text) {
            builder.add(cluster, Arc::clone(&resource), remarks(&resource));
        }
    }
    builder.finish()
}

/// In these tests annotations stand for what the TOML says beside the resource.
fn remarks(resource: &Resource) -> Option<Arc<Remarks>> {
    let text = |key: &str| {
        resource
            .get(&["metadata", "annotations", key])
            .and_then(Node::as_str)
            .map(str::to_owned)
    };
    let remarks = Remarks {
        acknowledge: text("test/acknowledge"),
        renamed_from: text("test/renamedFrom"),
        place: None,
    };
    (remarks != Remarks::default()).then(|| Arc::new(remarks))
}

fn node(yaml: &Yaml) -> Node {
    let value = match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Number(number) => match number.as_i64() {
            Some(value) => Value::Integer(value.into()),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Yaml::String(text) => match text.strip_prefix("!marked ") {
            Some(mark) => {
                let (policy, value) = mark.split_once(' ').expect("a policy and a value");
                Value::Marked(Box::new(Marked {
                    policy: policy.to_owned(),
                    value: Value::from(value),
                    bare: None,
                }))
            }
            None => Value::from(text.as_str()),
        },
        Yaml::Sequence(items) => Value::Array(items.iter().map(node).collect()),
        Yaml::Mapping(entries) => {
            let mut table = Table::new();
            for (key, value) in entries {
                table.set(key.as_str().expect("keys are strings"), node(value));
            }
            Value::Table(table)
        }
        Yaml::Tagged(_) => panic!("no tags in tests"),
    };
    Node::new(value, Span::BUILT_IN)
}
