//! GitHub and GitHub Enterprise Server.
//!
//! Source of paths, bodies and replies: <https://docs.github.com/en/rest>, API version 2022-11-28.

use serde_json::{Value, json};

use super::client::{Client, Fault, Method, Purpose, Reply, encoded, text};
use super::{DeployKey, Forge, Identity, Proposal, Protection, PullRequest, Repository, Settings};
use crate::bootstrap::error::Result;
use crate::bootstrap::target::{ForgeKind, Provider, Team, Visibility};

pub(super) struct GitHub {
    pub(super) client: Client,
    pub(super) provider: Provider,
}

const READ: &str = "the scope `repo` (classic), or `Contents` and `Metadata: read` (fine-grained)";
const ADMIN: &str = "the scope `repo` (classic), or `Administration: write` (fine-grained)";
const PULLS: &str = "the scope `repo` (classic), or `Pull requests: write` (fine-grained)";
const ORG: &str = "the scopes `repo` and `admin:org` (classic), or `Members: read` and \
                   `Administration: write` (fine-grained)";
/// The largest page the API gives.
const PAGE: usize = 100;

impl GitHub {
    fn path(&self, rest: &str) -> String {
        let Provider {
            owner, repository, ..
        } = &self.provider;
        format!("/repos/{}/{}{rest}", encoded(owner), encoded(repository))
    }

    fn team_path(&self, team: &Team) -> String {
        let Provider {
            owner, repository, ..
        } = &self.provider;
        let (owner, repository) = (encoded(owner), encoded(repository));
        format!(
            "/orgs/{owner}/teams/{}/repos/{owner}/{repository}",
            encoded(&team.name)
        )
    }

    fn find_key(&self, key: &str) -> Result<Option<DeployKey>> {
        let keys = self.all_keys()?;
        Ok(keys
            .into_iter()
            .find(|found| super::is_same_key(&found.key, key)))
    }

    fn all_keys(&self) -> Result<Vec<DeployKey>> {
        let purpose = Purpose {
            doing: "list the deploy keys",
            needs: ADMIN,
        };
        let mut keys = Vec::new();
        for page in 1.. {
            let path = self.path(&format!("/keys?per_page={PAGE}&page={page}"));
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

impl Forge for GitHub {
    fn kind(&self) -> ForgeKind {
        ForgeKind::GitHub
    }

    fn needed_scopes(&self) -> &'static [&'static str] {
        &["repo"]
    }

    fn needed_rights(&self) -> &'static str {
        "the scope `repo` (classic), or `Administration`, `Contents` and `Pull requests: write` \
         (fine-grained)"
    }

    /// A token of a GitHub App has no user, and a fine-grained one tells no scopes.
    fn identity(&self) -> Result<Identity> {
        let purpose = Purpose {
            doing: "read whose token it is",
            needs: READ,
        };
        let reply = self.client.get(purpose, "/user")?;
        let scopes = reply
            .headers
            .get("x-oauth-scopes")
            .and_then(|value| value.to_str().ok())
            .map(|list| {
                let scopes = list.split(',').map(str::trim);
                scopes
                    .filter(|scope| !scope.is_empty())
                    .map(str::to_owned)
                    .collect()
            });
        Ok(Identity {
            login: text(&reply.body, "login")?,
            scopes,
        })
    }

    fn repository(&self) -> Result<Option<Repository>> {
        let purpose = Purpose {
            doing: "read the repository",
            needs: READ,
        };
        let reply = self.client.find(purpose, &self.path(""))?;
        reply.map(|reply| read_repository(&reply)).transpose()
    }

    fn create(&self, _branch: &str) -> Result<Repository> {
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
            "description": description.as_deref().unwrap_or_default(),
            "private": *visibility != Visibility::Public,
            "auto_init": false,
        });
        // The path for users knows `private` only.
        let path = if *personal {
            "/user/repos".to_owned()
        } else {
            body["visibility"] = json!(visibility.as_str());
            format!("/orgs/{}/repos", encoded(owner))
        };
        let needs = if *personal { ADMIN } else { ORG };
        let purpose = Purpose {
            doing: "create the repository",
            needs,
        };
        self.client
            .make(purpose, &path, &body, read_repository, || self.repository())
    }

    fn change(&self, _repository: &Repository, to: &Settings) -> Result<()> {
        let mut body = if self.provider.personal {
            json!({ "private": to.visibility != Visibility::Public })
        } else {
            json!({ "visibility": to.visibility.as_str() })
        };
        if let Some(description) = &to.description {
            body["description"] = json!(description);
        }
        let purpose = Purpose {
            doing: "change the repository's settings",
            needs: ADMIN,
        };
        self.client
            .send(purpose, Method::Patch, &self.path(""), Some(&body))?;
        Ok(())
    }

    fn default_permission(&self) -> &'static str {
        "maintain"
    }

    /// With this media type the reply tells the permission, and is 404 for no access.
    fn team(&self, _repository: &Repository, team: &Team) -> Result<Option<String>> {
        let purpose = Purpose {
            doing: "list the teams of the repository",
            needs: ADMIN,
        };
        for page in 1.. {
            let path = self.path(&format!("/teams?per_page={PAGE}&page={page}"));
            let reply = self.client.get(purpose, &path)?;
            let list = reply.body.as_array().map_or(&[][..], Vec::as_slice);
            if let Some(found) = list
                .iter()
                .find(|found| found["slug"] == team.name.as_str())
            {
                return Ok(Some(text(found, "permission")?));
            }
            if list.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }

    fn let_in(&self, _repository: &Repository, team: &Team) -> Result<()> {
        let permission = team
            .permission
            .as_deref()
            .unwrap_or(self.default_permission());
        let purpose = Purpose {
            doing: "let a team into the repository",
            needs: ORG,
        };
        let body = json!({ "permission": permission });
        self.client
            .send(purpose, Method::Put, &self.team_path(team), Some(&body))?;
        Ok(())
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
            needs: ADMIN,
        };
        let body = json!({ "title": title, "key": key, "read_only": read_only });
        let path = self.path("/keys");
        self.client.make(
            purpose,
            &path,
            &body,
            |reply| read_key(&reply.body),
            || self.find_key(key),
        )
    }

    fn remove_deploy_key(&self, _repository: &Repository, id: &str) -> Result<()> {
        let purpose = Purpose {
            doing: "remove a deploy key",
            needs: ADMIN,
        };
        let path = self.path(&format!("/keys/{}", encoded(id)));
        match self.client.send(purpose, Method::Delete, &path, None) {
            Ok(_) | Err(Fault::NotFound(_)) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Branch protection, and the rules of rulesets that hold for the branch. Whether this token
    /// may pass them is not told; GitHub lets administrators past only where it is set so.
    fn protection(&self, _repository: &Repository, branch: &str) -> Result<Protection> {
        let purpose = Purpose {
            doing: "read the branch's protection",
            needs: READ,
        };
        let rules = self.path(&format!("/rules/branches/{}", encoded(branch)));
        if let Some(reply) = self.client.find(purpose, &rules)? {
            let list = reply.body.as_array().map_or(&[][..], Vec::as_slice);
            if list.iter().any(|rule| rule["type"] == "pull_request") {
                return Ok(Protection::PullRequestOnly);
            }
        }
        let path = self.path(&format!("/branches/{}", encoded(branch)));
        let Some(reply) = self.client.find(purpose, &path)? else {
            return Ok(Protection::Open);
        };
        if reply.body["protected"] != true {
            return Ok(Protection::Open);
        }
        // A protected branch need not ask for reviews; only an administrator may look.
        let path = self.path(&format!("/branches/{}/protection", encoded(branch)));
        Ok(match self.client.find(purpose, &path) {
            Ok(Some(reply))
                if reply.body["required_pull_request_reviews"].is_null()
                    && reply.body["restrictions"].is_null() =>
            {
                Protection::Open
            }
            // Protected by a ruleset alone, which was looked at above.
            Ok(None) => Protection::Open,
            Ok(Some(_)) | Err(_) => Protection::PullRequestOnly,
        })
    }

    fn pull_request(
        &self,
        _repository: &Repository,
        from: &str,
        to: &str,
    ) -> Result<Option<PullRequest>> {
        let purpose = Purpose {
            doing: "list the pull requests",
            needs: PULLS,
        };
        let head = encoded(&format!("{}:{from}", self.provider.owner));
        let path = self.path(&format!(
            "/pulls?state=open&head={head}&base={}",
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
            doing: "open a pull request",
            needs: PULLS,
        };
        let body = json!({
            "title": proposal.title,
            "body": proposal.body,
            "head": proposal.from,
            "base": proposal.to,
        });
        self.client.make(
            purpose,
            &self.path("/pulls"),
            &body,
            |reply| read_pull_request(&reply.body),
            || self.pull_request(repository, &proposal.from, &proposal.to),
        )
    }
}

fn read_repository(reply: &Reply) -> Result<Repository> {
    let body = &reply.body;
    Ok(Repository {
        id: String::new(),
        web_url: text(body, "html_url")?,
        visibility: match (body["visibility"].as_str(), body["private"].as_bool()) {
            (Some("internal"), _) => Visibility::Internal,
            (Some("public"), _) | (None, Some(false)) => Visibility::Public,
            _ => Visibility::Private,
        },
        description: body["description"].as_str().unwrap_or_default().to_owned(),
        can_push: body["permissions"]["push"].as_bool(),
        can_admin: body["permissions"]["admin"].as_bool(),
    })
}

fn read_key(body: &Value) -> Result<DeployKey> {
    Ok(DeployKey {
        id: text(body, "id")?,
        title: text(body, "title")?,
        key: text(body, "key")?,
        read_only: body["read_only"].as_bool().unwrap_or(false),
    })
}

fn read_pull_request(body: &Value) -> Result<PullRequest> {
    Ok(PullRequest {
        url: text(body, "html_url")?,
    })
}
