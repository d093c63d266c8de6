//! What a run found and what it is going to do, as plain data and as text.

use std::fmt;

use super::error::Error;

/// A step's look at the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// What is there already.
    pub present: Vec<String>,
    /// What the step will do; empty when there is nothing to do.
    pub todo: Vec<String>,
    /// Rights, scopes and tools that doing it takes.
    pub needs: Vec<String>,
    /// What is worth knowing and not going to be changed.
    pub notes: Vec<String>,
}

impl Finding {
    pub(crate) fn present(mut self, text: impl Into<String>) -> Self {
        self.present.push(text.into());
        self
    }

    pub(crate) fn todo(mut self, text: impl Into<String>) -> Self {
        self.todo.push(text.into());
        self
    }

    pub(crate) fn needs(mut self, text: impl Into<String>) -> Self {
        self.needs.push(text.into());
        self
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub fn is_done(&self) -> bool {
        self.todo.is_empty()
    }
}

/// A permission or tool that was tried without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub what: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed(String),
    Failed(Error),
    /// It cannot be tried without writing, or is not told; and why.
    NotChecked(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub heading: String,
    pub checks: Vec<Check>,
    pub steps: Vec<(&'static str, Finding)>,
    /// The step that could not be looked at, and why; those after it were not.
    pub broken: Option<(&'static str, String)>,
}

impl Plan {
    /// Nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.broken.is_none() && self.steps.iter().all(|(_, finding)| finding.is_done())
    }

    pub fn failures(&self) -> impl Iterator<Item = &Error> {
        self.checks.iter().filter_map(|check| match &check.verdict {
            Verdict::Failed(error) => Some(error),
            Verdict::Passed(_) | Verdict::NotChecked(_) => None,
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.heading)?;
        writeln!(f, "checked")?;
        for Check { what, verdict } in &self.checks {
            match verdict {
                Verdict::Passed(how) => writeln!(f, "  ok      {what}: {how}")?,
                Verdict::NotChecked(why) => writeln!(f, "  unknown {what}: not checked, {why}")?,
                Verdict::Failed(error) => writeln!(f, "  failed  {what}: {}", error.message)?,
            }
        }
        if self.steps.is_empty() && self.broken.is_none() {
            return Ok(());
        }
        writeln!(f, "steps")?;
        for (name, finding) in &self.steps {
            let sign = if finding.is_done() { '=' } else { '+' };
            let present = finding
                .present
                .iter()
                .map(|text| format!("is there: {text}"));
            let todo = finding.todo.iter().map(|text| format!("to do: {text}"));
            let notes = finding.notes.iter().map(|text| format!("note: {text}"));
            for (at, line) in present.chain(todo).chain(notes).enumerate() {
                let (sign, name) = if at == 0 { (sign, *name) } else { (' ', "") };
                writeln!(f, "  {sign} {name:<18} {line}")?;
            }
        }
        if let Some((name, why)) = &self.broken {
            return writeln!(f, "  ! {name:<18} failed: {why}");
        }
        if self.is_empty() {
            return writeln!(f, "nothing to do");
        }
        // Most steps need the same; said once, it is read.
        let mut needs: Vec<&str> = Vec::new();
        let todo = self.steps.iter().filter(|(_, finding)| !finding.is_done());
        for need in todo.flat_map(|(_, finding)| &finding.needs) {
            if !needs.contains(&need.as_str()) {
                needs.push(need);
            }
        }
        if !needs.is_empty() {
            writeln!(f, "needs")?;
        }
        for need in needs {
            writeln!(f, "  {need}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_is_there_what_is_to_do_and_what_it_needs() {
        let plan = Plan {
            heading: "plan".to_owned(),
            checks: vec![Check {
                what: "git".to_owned(),
                verdict: Verdict::NotChecked("no reason".to_owned()),
            }],
            steps: vec![
                ("repository", Finding::default().present("x").needs("y")),
                (
                    "commit",
                    Finding::default().todo("push").needs("z").note("n"),
                ),
            ],
            broken: None,
        };
        assert!(!plan.is_empty());
        let mut broken = plan.clone();
        broken.steps.pop();
        broken.broken = Some(("commit", "no branch".to_owned()));
        assert!(!broken.is_empty(), "what was not looked at may be to do");
        assert!(
            broken
                .to_string()
                .ends_with("is there: x\n  ! commit             failed: no branch\n")
        );
        assert_eq!(
            plan.to_string(),
            "plan\nchecked\n  unknown git: not checked, no reason\nsteps\n  \
             = repository         is there: x\n  \
             + commit             to do: push\n                       note: n\n\
             needs\n  z\n"
        );
    }
}
