//! `Graph` -> `Checked`: the rules, one file each.

use crate::diagnostic::Diagnostics;
use crate::link::Graph;
use crate::rules::{Facts, RULES};
use crate::survey::survey;

/// A graph in which no rule found an error, nor any stage before. Only this can be written.
#[derive(Debug, Clone)]
pub struct Checked {
    graph: Graph,
}

/// Runs every rule; gives the graph back where this or an earlier stage found an error.
pub fn check(
    graph: Graph,
    facts: &Facts<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Checked, Box<Graph>> {
    let survey = facts
        .repository
        .map(|repository| survey(&graph, repository, facts.trees));
    let facts = Facts {
        survey: survey.as_ref(),
        ..*facts
    };
    for rule in RULES {
        (rule.check)(&graph, &facts, diagnostics);
    }
    if let Some(survey) = &survey {
        diagnostics.add_texts(|spans, texts| survey.add_sources(spans, texts));
    }
    drop(survey);
    diagnostics.judge(false);
    if diagnostics.has_errors() {
        return Err(Box::new(graph));
    }
    Ok(Checked { graph })
}

impl Checked {
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}
