//! The repository on the forge: created when missing, its settings left alone unless asked.

use super::{Applied, Step};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::forge::{Forge, Repository, Settings};
use crate::bootstrap::plan::Finding;
use crate::bootstrap::session::Session;
use crate::bootstrap::target::{Provider, Team};

pub(super) struct RepositoryStep;

impl Step for RepositoryStep {
    fn name(&self) -> &'static str {
        "repository"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let (Some(provider), Some(forge)) = (&session.target.provider, &session.forge) else {
            let remote = &session.target.remote;
            return Ok(
                Finding::default().present(format!("`{remote}`, which is not ours to create"))
            );
        };
        let place = format!(
            "{}/{}/{}",
            provider.host, provider.owner, provider.repository
        );
        let found = forge.repository()?;
        session.set_repository(found.clone());
        let Some(repository) = found else {
            check_owner(provider, forge.as_ref())?;
            let mut finding = Finding::default()
                .todo(format!(
                    "create `{place}`, {}",
                    provider.visibility.as_str()
                ))
                .needs(format!("a token with {}", forge.needed_rights()));
            for team in &provider.teams {
                finding = finding.todo(access_of(team, forge.as_ref()));
            }
            return Ok(finding);
        };
        let mut finding = Finding::default().present(format!("`{}`", repository.web_url));
        for difference in differences(provider, &repository) {
            finding = if session.options.reconcile {
                finding.todo(difference)
            } else {
                finding.note(format!("{difference}: with `--reconcile`"))
            };
        }
        if sets_teams(session) {
            for team in &provider.teams {
                if needs_access(forge.as_ref(), &repository, team)? {
                    finding = finding.todo(access_of(team, forge.as_ref()));
                }
            }
        }
        Ok(finding.needs(format!("a token with {}", forge.needed_rights())))
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        let (Some(provider), Some(forge)) = (&session.target.provider, &session.forge) else {
            return Ok(Applied::Done);
        };
        let repository = match forge.repository()? {
            Some(repository) => {
                if session.options.reconcile && !differences(provider, &repository).is_empty() {
                    forge.change(&repository, &wanted(provider))?;
                    session.reached("repository.changed")?;
                }
                repository
            }
            None => {
                let created = forge.create(&session.target.branch)?;
                session.ui.say(&format!("created {}", created.web_url));
                session.reached("repository.created")?;
                created
            }
        };
        session.set_repository(Some(repository.clone()));
        for team in &provider.teams {
            if needs_access(forge.as_ref(), &repository, team)? {
                forge
                    .let_in(&repository, team)
                    .map_err(|error| on_team(error, team))?;
                session.reached("repository.team")?;
            }
        }
        Ok(Applied::Done)
    }
}

/// A user's repository is made in the name of the token's user, whoever the owner is said to be.
fn check_owner(provider: &Provider, forge: &dyn Forge) -> Result<()> {
    if !provider.personal {
        return Ok(());
    }
    let login = forge.identity()?.login;
    let owner = provider.owner.trim_start_matches('~');
    if owner.eq_ignore_ascii_case(&login) {
        return Ok(());
    }
    Err(Error::new(format!(
        "a repository of `{owner}` cannot be created with the token of `{login}`"
    ))
    .note("`repo.provider.personal` says that the owner is the token's user")
    .help("set the owner in `repo.url`, or leave `personal` out for an organization or group"))
}

/// Teams are let in when the repository is made, and afterwards only with `--reconcile`. A run
/// that was cut off in between goes on.
fn sets_teams(session: &Session<'_>) -> bool {
    session.options.reconcile
        || session.journal.borrow().interrupted() == Some(RepositoryStep.name())
}

fn wanted(provider: &Provider) -> Settings {
    Settings {
        visibility: provider.visibility,
        description: provider.description.clone(),
    }
}

fn differences(provider: &Provider, repository: &Repository) -> Vec<String> {
    let mut list = Vec::new();
    if provider.visibility != repository.visibility {
        let (from, to) = (repository.visibility.as_str(), provider.visibility.as_str());
        list.push(format!("make it {to} instead of {from}"));
    }
    if let Some(description) = &provider.description
        && *description != repository.description
    {
        list.push(format!("set its description to `{description}`"));
    }
    list
}

fn needs_access(forge: &dyn Forge, repository: &Repository, team: &Team) -> Result<bool> {
    let has = forge
        .team(repository, team)
        .map_err(|error| on_team(error, team))?;
    let wanted = team
        .permission
        .as_deref()
        .unwrap_or(forge.default_permission());
    Ok(has.as_deref() != Some(wanted))
}

fn access_of(team: &Team, forge: &dyn Forge) -> String {
    let permission = team
        .permission
        .as_deref()
        .unwrap_or(forge.default_permission());
    if permission.is_empty() {
        return format!("let team `{}` in", team.name);
    }
    format!("let team `{}` in as `{permission}`", team.name)
}

fn on_team(error: Error, team: &Team) -> Error {
    error.during(&format!("team `{}`", team.name))
}
