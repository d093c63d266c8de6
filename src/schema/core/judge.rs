//! What an apiVersion and a kind are, as far as the built-in kinds of Kubernetes know.

use super::KubernetesMinor;
use super::data::{CoreKind, Kinds, Lifetime};
use crate::diagnostic::nearest::nearest;

/// How an apiVersion and a kind relate to the built-in kinds.
#[derive(Debug)]
pub(crate) enum Judged {
    Known(&'static CoreKind),
    /// Nothing like it is built in: a custom resource, as far as is known here.
    Foreign,
    Wrong(Misfit),
}

/// Why no API server serves an object of that apiVersion and kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// No kind of that name; the name that was probably meant, of the same group.
    Kind { near: Option<&'static str> },
    /// The kind has other apiVersions; the one to write. The last minor that had this one.
    ApiVersion {
        right: Option<String>,
        last: Option<KubernetesMinor>,
    },
    /// Only some minors have it, and this is not one of them.
    Minor {
        lifetime: Lifetime,
        right: Option<String>,
    },
}

/// Judges a kind; in all known minors where the cluster's is not known.
pub(crate) fn judge(api_version: &str, kind: &str, minor: Option<KubernetesMinor>) -> Judged {
    let kinds = Kinds::get();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if let Some((_, known)) = kinds.of(group, kind).find(|(name, _)| *name == version) {
        if known.of_type.is_none() {
            let right = right(kind, group, minor);
            return Judged::Wrong(Misfit::ApiVersion {
                right,
                last: known.lifetime.until,
            });
        }
        return match minor {
            Some(minor) if !known.lifetime.includes(minor) => {
                let right = right(kind, group, Some(minor));
                Judged::Wrong(Misfit::Minor {
                    lifetime: known.lifetime,
                    right,
                })
            }
            _ => Judged::Known(known),
        };
    }
    // Nobody but Kubernetes can serve a group without a dot.
    let is_closed = !group.contains('.');
    let is_ours = kinds.in_group(group).next().is_some();
    if is_ours && kinds.of(group, kind).next().is_some() || is_closed && is_built_in(kind) {
        return Judged::Wrong(Misfit::ApiVersion {
            right: right(kind, group, minor),
            last: None,
        });
    }
    if is_list(kind) {
        return Judged::Foreign;
    }
    if is_ours {
        let current = kinds
            .in_group(group)
            .filter(|(_, known)| known.of_type.is_some());
        let near = nearest(kind, current.map(|(name, _)| name));
        // A custom resource can be in one of the other groups.
        return match near {
            Some(near) if is_closed || strsim::osa_distance(near, kind) <= 2 => {
                Judged::Wrong(Misfit::Kind { near: Some(near) })
            }
            _ if is_closed => Judged::Wrong(Misfit::Kind { near: None }),
            _ => Judged::Foreign,
        };
    }
    let groups = kinds.groups();
    let with_kind = groups
        .iter()
        .filter(|group| kinds.of(group, kind).next().is_some());
    match nearest(group, with_kind.copied()) {
        Some(near) if strsim::osa_distance(near, group) <= 2 => {
            let right = right(kind, near, minor);
            Judged::Wrong(Misfit::ApiVersion { right, last: None })
        }
        _ => Judged::Foreign,
    }
}

fn is_built_in(kind: &str) -> bool {
    let kinds = Kinds::get();
    kinds
        .groups()
        .iter()
        .any(|group| kinds.of(group, kind).next().is_some())
}

/// Lists are not applied, but what they hold: nobody here looks into them.
fn is_list(kind: &str) -> bool {
    kind.strip_suffix("List")
        .is_some_and(|item| item.is_empty() || is_built_in(item))
}

/// The best apiVersion of a kind: of its own group if that has one, and as stable as can be had.
fn right(kind: &str, group: &str, minor: Option<KubernetesMinor>) -> Option<String> {
    let kinds = Kinds::get();
    let minor = minor.unwrap_or(KubernetesMinor::NEWEST);
    let best = |group: &str| {
        let served = kinds
            .of(group, kind)
            .filter(|(_, known)| known.of_type.is_some() && known.lifetime.includes(minor));
        served
            .map(|(version, _)| version)
            .max_by_key(|version| stability(version))
    };
    let write = |group: &str| {
        best(group).map(|version| match group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        })
    };
    // An Event of the group `events.k8s.io` is there for the old one of the core group, too.
    write(group).or_else(|| kinds.groups().into_iter().find_map(write))
}

/// Orders versions as Kubernetes does: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`.
fn stability(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let rest = version.trim_start_matches('v');
    if let Some((major, minor)) = rest.split_once("beta") {
        return (1, number(major), number(minor));
    }
    if let Some((major, minor)) = rest.split_once("alpha") {
        return (0, number(major), number(minor));
    }
    (2, number(rest), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(api_version: &str, kind: &str, minor: Option<&str>) -> String {
        let minor = minor.and_then(KubernetesMinor::of);
        match judge(api_version, kind, minor) {
            Judged::Known(_) => "known".into(),
            Judged::Foreign => "foreign".into(),
            Judged::Wrong(Misfit::Kind { near }) => format!("kind {}", near.unwrap_or("?")),
            Judged::Wrong(Misfit::ApiVersion { right, .. }) => {
                format!("write {}", right.as_deref().unwrap_or("?"))
            }
            Judged::Wrong(Misfit::Minor { right, .. }) => {
                format!("minor {}", right.as_deref().unwrap_or("?"))
            }
        }
    }

    #[test]
    fn kinds_are_judged_by_group_version_and_name() {
        for (api_version, kind, expected) in [
            ("v1", "ConfigMap", "known"),
            ("apps/v1", "Deployment", "known"),
            ("apiregistration.k8s.io/v1", "APIService", "known"),
            // misspelt kinds
            ("v1", "ServiceAcount", "kind ServiceAccount"),
            ("v1", "configmap", "kind ConfigMap"),
            ("v1", "Foo", "kind ?"),
            ("apps/v1", "Deploymnet", "kind Deployment"),
            ("batch/v1", "Cronjob", "kind CronJob"),
            (
                "rbac.authorization.k8s.io/v1",
                "RolBinding",
                "kind RoleBinding",
            ),
            ("networking.k8s.io/v1", "NetworkPolcy", "kind NetworkPolicy"),
            // another group or version
            ("v1", "Deployment", "write apps/v1"),
            ("apps/v1", "Service", "write v1"),
            ("v1", "Ingress", "write networking.k8s.io/v1"),
            ("v2", "ConfigMap", "write v1"),
            ("app/v1", "Deployment", "write apps/v1"),
            ("core/v1", "ConfigMap", "write v1"),
            (
                "rbac/v1",
                "ClusterRole",
                "write rbac.authorization.k8s.io/v1",
            ),
            (
                "rbac.authorisation.k8s.io/v1",
                "Role",
                "write rbac.authorization.k8s.io/v1",
            ),
            ("apps/v1", "CronJob", "write batch/v1"),
            ("apps/v1beta1", "Deployment", "write apps/v1"),
            (
                "extensions/v1beta1",
                "Ingress",
                "write networking.k8s.io/v1",
            ),
            ("extensions/v1beta1", "Deployment", "write apps/v1"),
            ("extensions/v1beta1", "PodSecurityPolicy", "write ?"),
            ("policy/v1beta1", "PodDisruptionBudget", "write policy/v1"),
            ("policy/v1beta1", "PodSecurityPolicy", "write ?"),
            ("batch/v1beta1", "CronJob", "write batch/v1"),
            (
                "autoscaling/v2beta2",
                "HorizontalPodAutoscaler",
                "write autoscaling/v2",
            ),
            (
                "apiextensions.k8s.io/v1beta1",
                "CustomResourceDefinition",
                "write apiextensions.k8s.io/v1",
            ),
            // custom resources
            ("cert-manager.io/v1", "Certificate", "foreign"),
            ("config.openshift.io/v1", "Ingress", "foreign"),
            ("serving.knative.dev/v1", "Service", "foreign"),
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "foreign"),
            ("gateway.networking.k8s.io/v1", "HTTPRoute", "foreign"),
            ("snapshot.storage.k8s.io/v1", "VolumeSnapshot", "foreign"),
            ("apps.kruise.io/v1alpha1", "StatefulSet", "foreign"),
            (
                "policy.networking.k8s.io/v1alpha1",
                "AdminNetworkPolicy",
                "foreign",
            ),
            ("metrics.k8s.io/v1beta1", "PodMetrics", "foreign"),
            ("networking.k8s.io/v1", "Sandwich", "foreign"),
            // lists
            ("v1", "List", "foreign"),
            ("v1", "ConfigMapList", "foreign"),
            ("rbac.authorization.k8s.io/v1", "RoleBindingList", "foreign"),
        ] {
            assert_eq!(
                answer(api_version, kind, None),
                expected,
                "{api_version} {kind}"
            );
        }
    }

    #[test]
    fn a_kind_that_only_some_minors_have_is_refused_in_the_others() {
        let policy = "MutatingAdmissionPolicy";
        let beta = "admissionregistration.k8s.io/v1beta1";
        assert_eq!(answer(beta, policy, None), "known");
        assert_eq!(answer(beta, policy, Some("1.34")), "known");
        assert_eq!(
            answer(beta, policy, Some("1.33")),
            "minor admissionregistration.k8s.io/v1alpha1"
        );
        let flow = "flowcontrol.apiserver.k8s.io/v1beta3";
        assert_eq!(answer(flow, "FlowSchema", Some("1.31")), "known");
        assert_eq!(answer(flow, "FlowSchema", None), "known");
        assert_eq!(
            answer(flow, "FlowSchema", Some("1.32")),
            "minor flowcontrol.apiserver.k8s.io/v1"
        );
    }
}
