//! Whether values are equal, without keeping them: each is read once, however many clusters share it.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use crate::node::Node;

/// Equal values have equal ones, and others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

/// The fingerprints of values that stay where they are.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    by_address: HashMap<usize, Fingerprint>,
}

struct Hasher(Sha256);

impl fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

impl Fingerprints {
    pub(super) fn of_all<'n>(
        &mut self,
        nodes: impl Iterator<Item = Option<&'n Node>>,
    ) -> Fingerprint {
        let mut hash = Sha256::new();
        for node in nodes {
            match node {
                Some(node) => hash.update(self.of(node).0),
                None => hash.update([0]),
            }
        }
        Fingerprint(hash.finalize().into())
    }

    fn of(&mut self, node: &Node) -> Fingerprint {
        let address = std::ptr::from_ref(node).addr();
        *self.by_address.entry(address).or_insert_with(|| {
            let mut hasher = Hasher(Sha256::new());
            // Places and types are part of it, as two clusters may write one value in two places.
            write!(hasher, "{:?}", node.value).expect("a hash takes everything");
            Fingerprint(hasher.0.finalize().into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Value;
    use crate::source::Span;

    #[test]
    fn equal_values_and_only_these_are_equal() {
        let text = Node::new("1", Span::BUILT_IN);
        let same = Node::new("1", Span::BUILT_IN);
        let number = Node::new(Value::Integer(1), Span::BUILT_IN);
        let of = |nodes: &[Option<&Node>]| Fingerprints::default().of_all(nodes.iter().copied());
        assert_eq!(of(&[Some(&text)]), of(&[Some(&same)]));
        assert_ne!(of(&[Some(&text)]), of(&[Some(&number)]));
        assert_ne!(of(&[Some(&text)]), of(&[None]));
        assert_ne!(of(&[Some(&text), None]), of(&[None, Some(&text)]));
    }
}
