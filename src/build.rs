//! The pipeline: the seven stages in their order.

use std::sync::Arc;

use crate::check::{Checked, check};
use crate::diagnostic::Diagnostics;
use crate::emit::{Surroundings, Tree, emit};
use crate::expand::{Includes, expand};
use crate::link::{Foreign, Graph, link};
use crate::load::Document;
use crate::resolve::{Resolved, resolve};
use crate::rules::Facts;
use crate::validate::validate;

/// What a run made of a project, as far as it came.
#[derive(Debug)]
pub struct Built {
    pub resolved: Arc<Resolved>,
    /// Only where no stage found an error.
    pub checked: Option<Arc<Checked>>,
    /// The graph where there were errors: good to look at, never to write.
    pub refused: Option<Box<Graph>>,
    pub tree: Option<Tree>,
}

impl Built {
    /// Of a project that is too large: what the stages made so far is not all of it.
    fn nothing(resolved: Resolved) -> Self {
        Self {
            resolved: Arc::new(resolved),
            checked: None,
            refused: None,
            tree: None,
        }
    }

    /// What names what, whether or not there were errors.
    pub fn graph(&self) -> Option<&Graph> {
        let checked = self.checked.as_deref().map(Checked::graph);
        checked.or(self.refused.as_deref())
    }
}

/// Runs all stages after `load`; every stage goes on after the errors of those before.
pub fn build(
    document: &Document,
    includes: &Includes,
    foreign: &Foreign,
    around: &Surroundings,
    facts: &Facts<'_>,
    diagnostics: &mut Diagnostics,
) -> Built {
    let resolved = resolve(document, diagnostics);
    let expanded = expand(&resolved, includes, diagnostics);
    if resolved.settings.budget.exceeded().is_some() {
        return Built::nothing(resolved);
    }
    let validated = validate(expanded, diagnostics);
    let graph = link(validated, foreign, diagnostics);
    let (checked, refused) = match check(graph, facts, diagnostics) {
        Ok(checked) => (Some(Arc::new(checked)), None),
        Err(graph) => (None, Some(graph)),
    };
    let tree = checked
        .as_ref()
        .map(|checked| emit(checked, around, diagnostics))
        .filter(|_| !diagnostics.has_errors());
    Built {
        resolved: Arc::new(resolved),
        checked,
        refused,
        tree,
    }
}

/// What a run that needs no other answers than one without errors makes around other trees: nothing but `emit`
/// looks at these.
pub(crate) fn build_around(
    checked: &Arc<Checked>,
    resolved: &Arc<Resolved>,
    around: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Built {
    let tree = emit(checked, around, diagnostics);
    Built {
        resolved: Arc::clone(resolved),
        checked: Some(Arc::clone(checked)),
        refused: None,
        tree: (!diagnostics.has_errors()).then_some(tree),
    }
}
