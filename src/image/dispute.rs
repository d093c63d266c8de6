//! Two values that a merge left for one mark: the policy says which is newer.

use crate::link::Graph;
use crate::node::Value;

use super::evaluation::evaluate;
use super::owned::shown;
use super::spec::{self, Spec};

/// Picks between two values of a mark as the policy of a cluster would; none where the policy is not known here,
/// or does not tell them apart.
pub fn pick(graph: &Graph, cluster: usize, marker: &str, a: &Value, b: &Value) -> Option<Value> {
    let mut parts = marker.split(':');
    let (namespace, name) = (parts.next()?, parts.next()?);
    let part = parts.next().unwrap_or_default();
    let resources = graph.clusters[cluster].resources.iter();
    let policy = resources.map(|id| graph.resource(*id)).find(|resource| {
        let identity = &resource.identity;
        identity.is_kind(spec::GROUP, spec::KIND)
            && identity.namespace == namespace
            && identity.name == name
    })?;
    let Spec { policy, filter } = spec::read(policy)?.ok()?;
    let (a_text, b_text) = (shown(a), shown(b));
    let (a_image, a_tag) = tag_of(&a_text, part)?;
    let (b_image, b_tag) = tag_of(&b_text, part)?;
    if a_image != b_image || a_tag == b_tag {
        return None;
    }
    let tags = [a_tag.to_owned(), b_tag.to_owned()];
    match evaluate(&policy, filter.as_ref(), &tags)
        .outcome
        .candidates()
    {
        [picked] if picked == a_tag => Some(a.clone()),
        [picked] if picked == b_tag => Some(b.clone()),
        _ => None,
    }
}

/// The image and the tag of a marked value.
fn tag_of<'v>(value: &'v str, part: &str) -> Option<(&'v str, &'v str)> {
    match part {
        "tag" => Some(("", value)),
        "" => value.split('@').next()?.rsplit_once(':'),
        _ => None,
    }
}
