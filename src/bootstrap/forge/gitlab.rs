//! GitLab, its own installations and gitlab.com.
//!
//! Source of paths, bodies and replies: <https://docs.gitlab.com/api/projects/> and its
//! neighbours for deploy keys, branches and merge requests.

use serde_json::{Value, json};

use super::client::{Client, Fault, Method, Purpose, Reply, encoded, text};
use super::{DeployKey, Forge, Identity, Proposal, Protection, PullRequest, Repository, Settings};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::target::{ForgeKind, Provider, Team, Visibility};

pub(super) struct GitLab {
    pub(super) client: Client,
    pub(super) provider: Provider,
}

const API: &str = "the scope `api`";
const MAINTAINER: &str = "the scope `api`, and its user the role Maintainer in the project";
const CREATE: &str = "the scope `api`, and its user the right to create projects in the group";
const PAGE: usize = 100;

/// The roles by name, as `teams` may say them.
///
/// Source: <https://docs.gitlab.com/api/members/#roles>
const ROLES: [(&str, u64); 6] = [
    ("guest", 10),
    ("planner", 15),
    ("reporter", 20),
    ("developer", 30),
    ("maintainer", 40),
    ("owner", 50),
];

impl GitLab {
    fn full_path(&self) -> String {
        format!("{}/{}", self.provider.owner, self.provider.repository)
    }

    fn project(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", encoded(&self.full_path()))
    }

    fn group_id(&self, path: &str) -> Result<Value> {
        let purpose = Purpose {
            doing: "read the group",
            needs: API,
        };
        let reply = self
            .client
            .find(purpose, &format!("/groups/{}", encoded(path)))?;
        reply.map(|reply| reply.body["id"].clone()).ok_or_else(|| {
            Error::new(format!("GitLab knows no group `{path}`"))
                .help("set `owner` to the group's full path, or `personal = true`")
        })
    }

    fn all_keys(&self) -> Result<Vec<DeployKey>> {
        let purpose = Purpose {
            doing: "list the deploy keys",
            needs: MAINTAINER,
        };
        let mut keys = Vec::new();
        for page in 1.. {
            let path = self.project(&format!("/deploy_keys?per_page={PAGE}&page={page}"));
            let reply = self.client.get(purpose, &path)?;
            let list = reply.body.as_array().map_or(&[][..], Vec::as_slice);
            for key in list {
                keys.push(read_key(key)?);
            }
            if list.len() < PAGE {
                break;
            }
        }
        Ok(keys)
    }
}

fn role(permission: &str) -> Result<u64> {
    let found = ROLES.iter().find(|(name, _)| *name == permission);
    found.map(|(_, level)| *level).ok_or_else(|| {
        let names: Vec<String> = ROLES.iter().map(|(name, _)| format!("`{name}`")).collect();
        Error::new(format!("`{permission}` is no role of GitLab"))
            .help(format!("use one of {}", names.join(", ")))
    })
}

impl Forge for GitLab {
    fn kind(&self) -> ForgeKind {
        ForgeKind::GitLab
    }

    fn needed_scopes(&self) -> &'static [&'static str] {
        &["api"]
    }

    fn needed_rights(&self) -> &'static str {
        MAINTAINER
    }

    /// The scopes are told of personal, group and project tokens, not of OAuth ones.
    fn identity(&self) -> Result<Identity> {
        let purpose = Purpose {
            doing: "read whose token it is",
            needs: API,
        };
        let reply = self.client.get(purpose, "/user")?;
        let token = self.client.find(purpose, "/personal_access_tokens/self");
        let scopes = token.ok().flatten().and_then(|token| {
            let list = token.body["scopes"].as_array()?;
            Some(
                list.iter()
                    .filter_map(|scope| scope.as_str().map(str::to_owned))
                    .collect(),
            )
        });
        Ok(Identity {
            login: text(&reply.body, "username")?,
            scopes,
        })
    }

    fn repository(&self) -> Result<Option<Repository>> {
        let purpose = Purpose {
            doing: "read the project",
            needs: API,
        };
        let reply = self.client.find(purpose, &self.project(""))?;
        reply.map(|reply| read_repository(&reply)).transpose()
    }

    fn create(&self, branch: &str) -> Result<Repository> {
        let Provider {
            owner,
            repository,
            personal,
            visibility,
            description,
            ..
        } = &self.provider;
        let mut body = json!({
            "name": repository,
            "path": repository,
            "visibility": visibility.as_str(),
            "description": description.as_deref().unwrap_or_default(),
            "initialize_with_readme": false,
            "default_branch": branch,
        });
        if !personal {
            body["namespace_id"] = self.group_id(owner)?;
        }
        let purpose = Purpose {
            doing: "create the project",
            needs: CREATE,
        };
        self.client
            .make(purpose, "/projects", &body, read_repository, || {
                self.repository()
            })
    }

    fn change(&self, _repository: &Repository, to: &Settings) -> Result<()> {
        let mut body = json!({ "visibility": to.visibility.as_str() });
        if let Some(description) = &to.description {
            body["description"] = json!(description);
        }
        let purpose = Purpose {
            doing: "change the project's settings",
            needs: MAINTAINER,
        };
        self.client
            .send(purpose, Method::Put, &self.project(""), Some(&body))?;
        Ok(())
    }

    fn default_permission(&self) -> &'static str {
        "maintainer"
    }

    fn team(&self, _repository: &Repository, team: &Team) -> Result<Option<String>> {
        let purpose = Purpose {
            doing: "read the groups of the project",
            needs: API,
        };
        let reply = self.client.get(purpose, &self.project(""))?;
        let groups = reply.body["shared_with_groups"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let group = groups
            .iter()
            .find(|group| group["group_full_path"] == team.name.as_str());
        Ok(group.map(|group| {
            let level = group["group_access_level"].as_u64().unwrap_or(0);
            let named = ROLES.iter().find(|(_, of)| *of == level);
            named.map_or_else(|| level.to_string(), |(name, _)| (*name).to_owned())
        }))
    }

    /// A share cannot be changed, only taken back and given again.
    fn let_in(&self, repository: &Repository, team: &Team) -> Result<()> {
        let purpose = Purpose {
            doing: "share the project with a group",
            needs: MAINTAINER,
        };
        let level = role(
            team.permission
                .as_deref()
                .unwrap_or(self.default_permission()),
        )?;
        let id = self.group_id(&team.name)?;
        if self.team(repository, team)?.is_some() {
            let path = self.project(&format!("/share/{id}"));
            self.client.send(purpose, Method::Delete, &path, None)?;
        }
        let body = json!({ "group_id": id, "group_access": level });
        let find = || Ok(self.team(repository, team)?.map(|_| ()));
        self.client
            .make(purpose, &self.project("/share"), &body, |_| Ok(()), find)
    }

    fn deploy_keys(&self, _repository: &Repository) -> Result<Vec<DeployKey>> {
        self.all_keys()
    }

    fn add_deploy_key(
        &self,
        _repository: &Repository,
        title: &str,
        key: &str,
        read_only: bool,
    ) -> Result<DeployKey> {
        let purpose = Purpose {
            doing: "add a deploy key",
            needs: MAINTAINER,
        };
        let body = json!({ "title": title, "key": key, "can_push": !read_only });
        let find = || {
            let keys = self.all_keys()?;
            Ok(keys
                .into_iter()
                .find(|found| super::is_same_key(&found.key, key)))
        };
        let path = self.project("/deploy_keys");
        self.client
            .make(purpose, &path, &body, |reply| read_key(&reply.body), find)
    }

    fn remove_deploy_key(&self, _repository: &Repository, id: &str) -> Result<()> {
        let purpose = Purpose {
            doing: "remove a deploy key",
            needs: MAINTAINER,
        };
        let path = self.project(&format!("/deploy_keys/{}", encoded(id)));
        match self.client.send(purpose, Method::Delete, &path, None) {
            Ok(_) | Err(Fault::NotFound(_)) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// `can_push` is the answer for this token's user, wildcards and roles included.
    fn protection(&self, _repository: &Repository, branch: &str) -> Result<Protection> {
        let purpose = Purpose {
            doing: "read the branch's protection",
            needs: API,
        };
        let path = self.project(&format!("/repository/branches/{}", encoded(branch)));
        let reply = self.client.find(purpose, &path)?;
        Ok(match reply {
            Some(reply) if reply.body["can_push"] == false => Protection::PullRequestOnly,
            _ => Protection::Open,
        })
    }

    fn pull_request(
        &self,
        _repository: &Repository,
        from: &str,
        to: &str,
    ) -> Result<Option<PullRequest>> {
        let purpose = Purpose {
            doing: "list the merge requests",
            needs: API,
        };
        let path = self.project(&format!(
            "/merge_requests?state=opened&source_branch={}&target_branch={}",
            encoded(from),
            encoded(to)
        ));
        let reply = self.client.get(purpose, &path)?;
        reply.body.get(0).map(read_pull_request).transpose()
    }

    fn open_pull_request(
        &self,
        repository: &Repository,
        proposal: &Proposal,
    ) -> Result<PullRequest> {
        let purpose = Purpose {
            doing: "open a merge request",
            needs: API,
        };
        let body = json!({
            "title": proposal.title,
            "description": proposal.body,
            "source_branch": proposal.from,
            "target_branch": proposal.to,
            "remove_source_branch": true,
        });
        self.client.make(
            purpose,
            &self.project("/merge_requests"),
            &body,
            |reply| read_pull_request(&reply.body),
            || self.pull_request(repository, &proposal.from, &proposal.to),
        )
    }
}

/// The role of the token's user is the higher of the project's and the group's.
fn read_repository(reply: &Reply) -> Result<Repository> {
    let body = &reply.body;
    let level = |key: &str| body["permissions"][key]["access_level"].as_u64();
    let highest = level("project_access").max(level("group_access"));
    Ok(Repository {
        id: text(body, "id")?,
        web_url: text(body, "web_url")?,
        visibility: match body["visibility"].as_str() {
            Some("public") => Visibility::Public,
            Some("internal") => Visibility::Internal,
            _ => Visibility::Private,
        },
        description: body["description"].as_str().unwrap_or_default().to_owned(),
        // An administrator of the installation has no role in the project.
        can_push: highest.map(|level| level >= 30),
        can_admin: highest.map(|level| level >= 40),
    })
}

fn read_key(body: &Value) -> Result<DeployKey> {
    Ok(DeployKey {
        id: text(body, "id")?,
        title: text(body, "title")?,
        key: text(body, "key")?,
        read_only: body["can_push"] != true,
    })
}

fn read_pull_request(body: &Value) -> Result<PullRequest> {
    Ok(PullRequest {
        url: text(body, "web_url")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_said_by_its_name() {
        assert_eq!(role("maintainer").unwrap(), 40);
        assert_eq!(
            role("push").unwrap_err().message,
            "`push` is no role of GitLab"
        );
    }
}
