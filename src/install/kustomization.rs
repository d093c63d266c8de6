//! `kustomization.yaml` of the flux-system folder: what is applied, and the patches of the controllers.

use crate::node::{Node, Table};
use crate::source::Span;

/// The kustomize file; `resources` are the names of files and folders beside it, written in
/// lexical order, `labels` what all objects get, `patches` kustomize patches as the user wrote them.
///
/// Source: <https://fluxcd.io/flux/installation/configuration/boostrap-customization/>
pub fn kustomization<'a>(
    resources: impl IntoIterator<Item = &'a str>,
    labels: &Table,
    patches: &[Node],
) -> Node {
    let mut resources: Vec<_> = resources.into_iter().collect();
    resources.sort_unstable();
    resources.dedup();
    let node = |text: &str| Node::new(text, Span::BUILT_IN);
    let resources: Vec<_> = resources.into_iter().map(node).collect();
    let mut file = Table::new();
    file.set("apiVersion", node("kustomize.config.k8s.io/v1beta1"));
    file.set("kind", node("Kustomization"));
    file.set("resources", Node::new(resources, Span::BUILT_IN));
    if !labels.is_empty() {
        // Not in selectors: those of a Deployment cannot change.
        let mut pairs = Table::new();
        pairs.set("pairs", Node::new(labels.clone(), Span::BUILT_IN));
        let list = vec![Node::new(pairs, Span::BUILT_IN)];
        file.set("labels", Node::new(list, Span::BUILT_IN));
    }
    if !patches.is_empty() {
        file.set("patches", Node::new(patches.to_vec(), Span::BUILT_IN));
    }
    Node::new(file, Span::BUILT_IN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{read_all, write};

    #[test]
    fn without_patches_it_is_what_bootstrap_writes() {
        assert_eq!(
            write(&kustomization(
                ["gotk-sync.yaml", "gotk-components.yaml"],
                &Table::new(),
                &[]
            )),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- gotk-components.yaml\n- gotk-sync.yaml\n"
        );
    }

    #[test]
    fn patches_are_carried_as_they_are() {
        let text = "target:\n  kind: Deployment\npatch: |\n  - op: add\n    path: /x\n";
        let patch = read_all(text, Span::BUILT_IN.file).unwrap();
        assert_eq!(
            write(&kustomization(
                ["gotk-components.yaml"],
                &Table::new(),
                &patch
            )),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- gotk-components.yaml\npatches:\n- target:\n    kind: Deployment\n  patch: |\n    - op: add\n      path: /x\n"
        );
    }
}
