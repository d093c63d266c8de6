//! `--format FORMAT[=FILE]`: where reports go, and how.

use std::io::IsTerminal;

use anyhow::{Context as _, bail};

use super::print;
use crate::compare::report::{Command, Report};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::{self, Style};
use crate::files::writer;
use crate::pages;
use crate::report::{
    Format, Input, Request, RulePage, check_requests, human_changes, human_summary, render,
};
use crate::source::Sources;

/// The outputs that a run was asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Output {
    /// Also FORMAT=FILE; may be repeated: human, json, markdown, sarif, junit, github, gitlab, html
    #[arg(long, value_name = "FORMAT")]
    format: Vec<Request>,
}

impl Output {
    /// Refuses what cannot be written before anything is done.
    pub(super) fn check(&self, command: Command) -> anyhow::Result<()> {
        // The findings of a check go to stderr for people, beside what is on stdout.
        let is_apart = |request: &&Request| command == Command::Check && is_told(request);
        let requests: Vec<Request> = self
            .format
            .iter()
            .filter(|request| !is_apart(request))
            .cloned()
            .collect();
        Ok(check_requests(&requests)?)
    }

    /// Refuses formats where there is no report.
    pub(super) fn check_without_report(&self) -> anyhow::Result<()> {
        match self.format.iter().find(|request| !is_told(request)) {
            Some(request) => bail!(
                "`--format {}` is for the report of `--against`\n  help: add `--against REF`; without it, `fluxgen diff` is a unified diff",
                request.format
            ),
            None => Ok(()),
        }
    }

    pub(super) fn has(&self, format: Format) -> bool {
        self.format.iter().any(|request| request.format == format)
    }

    /// Whether people are told: they are, unless something else is on stdout or in a file for them.
    pub(super) fn tells_people(&self) -> bool {
        let is_elsewhere = self
            .format
            .iter()
            .any(|request| request.file.is_none() || request.format == Format::Human);
        !is_elsewhere || self.format.iter().any(is_told)
    }

    /// Writes all of it: findings for people to stderr, what is data to stdout or a file.
    pub(super) fn write(
        &self,
        report: &Report,
        found: &[Diagnostic],
        sources: &Sources,
        is_short: bool,
    ) -> anyhow::Result<()> {
        if self.tells_people() {
            eprint!(
                "{}",
                render::human(found, sources, &style(&std::io::stderr()))
            );
            let input = Input {
                style: style(&std::io::stdout()),
                ..input(report, found, sources)
            };
            print(&match is_short {
                true => human_summary(&input),
                false => human_changes(&input),
            })?;
        }
        for request in &self.format {
            let input = input(report, found, sources);
            match &request.file {
                None if request.format == Format::Human => {}
                None => print(&render(&input, request.format))?,
                Some(file) => writer::write_typed(file, render(&input, request.format).as_bytes())
                    .with_context(|| {
                        format!("cannot write the format `{}` to `{}`", request.format, file)
                    })?,
            }
        }
        Ok(())
    }
}

fn is_told(request: &Request) -> bool {
    request.format == Format::Human && request.file.is_none()
}

fn input<'a>(report: &'a Report, found: &'a [Diagnostic], sources: &'a Sources) -> Input<'a> {
    Input {
        report,
        found: Some((found, sources)),
        pages: &page,
        style: Style::PLAIN,
    }
}

fn page(code: &str) -> Option<RulePage> {
    let page = pages::page(code)?;
    Some(RulePage {
        summary: page.summary.to_owned(),
        text: page.text.to_owned(),
        url: Some(page.docs.to_owned()).filter(|docs| !docs.is_empty()),
    })
}

/// How text for people looks where it goes: coloured on a terminal that has colours, unless NO_COLOR is set.
pub(super) fn style(stream: &impl IsTerminal) -> Style {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Style {
        color: stream.is_terminal() && !is_unwanted && !is_dumb,
        ..Style::PLAIN
    }
}
