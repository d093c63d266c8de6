//! Gitea and Forgejo.
//!
//! Source of paths, bodies and replies: the API's description at `/swagger.v1.json` of every
//! installation, <https://docs.gitea.com/api/>.

use serde_json::{Value, json};

use super::client::{Client, Fault, Method, Purpose, Reply, encoded, text};
use super::{DeployKey, Forge, Identity, Proposal, Protection, PullRequest, Repository, Settings};
use crate::bootstrap::error::Result;
use crate::bootstrap::target::{ForgeKind, Provider, Team, Visibility};

pub(super) struct Gitea {
    pub(super) client: Client,
    pub(super) provider: Provider,
}

const USER: &str = "the scope `read:user`";
const REPOSITORY: &str = "the scope `write:repository`";
const CREATE_OWN: &str = "the scopes `write:user` and `write:repository`";
const CREATE_ORG: &str = "the scopes `write:organization` and `write:repository`";
/// The largest page an installation gives unless configured otherwise.
const PAGE: usize = 50;

impl Gitea {
    fn path(&self, rest: &str) -> String {
        let Provider {
            owner, repository, ..
        } = &self.provider;
        format!("/repos/{}/{}{rest}", encoded(owner), encoded(repository))
    }

    /// Every entry of a list. An installation may give smaller pages than asked for, so only an
    /// empty one is the last.
    fn list(&self, purpose: Purpose, path: &str) -> Result<Vec<Value>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut entries = Vec::new();
        for page in 1.. {
            let path = format!("{path}{separator}limit={PAGE}&page={page}");
            let reply = self.client.get(purpose, &path)?;
            match reply.body {
                Value::Array(list) if !list.is_empty() => entries.extend(list),
                _ => break,
            }
        }
        Ok(entries)
    }
}

impl Forge for Gitea {
    fn kind(&self) -> ForgeKind {
        ForgeKind::Gitea
    }

    fn needed_scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn needed_rights(&self) -> &'static str {
        "the scope `write:repository`, with `write:organization` or `write:user` to create it"
    }

    /// Scopes of a token are not told.
    fn identity(&self) -> Result<Identity> {
        let purpose = Purpose {
            doing: "read whose token it is",
            needs: USER,
        };
        let reply = self.client.get(purpose, "/user")?;
        Ok(Identity {
            login: text(&reply.body, "login")?,
            scopes: None,
        })
    }

    fn repository(&self) -> Result<Option<Repository>> {
        let purpose = Purpose {
            doing: "read the repository",
            needs: REPOSITORY,
        };
        let reply = self.client.find(purpose, &self.path(""))?;
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
        let body = json!({
            "name": repository,
            "description": description.as_deref().unwrap_or_default(),
            "private": *visibility != Visibility::Public,
            "auto_init": false,
            "default_branch": branch,
        });
        let (path, needs) = if *personal {
            ("/user/repos".to_owned(), CREATE_OWN)
        } else {
            (format!("/orgs/{}/repos", encoded(owner)), CREATE_ORG)
        };
        let purpose = Purpose {
            doing: "create the repository",
            needs,
        };
        self.client
            .make(purpose, &path, &body, read_repository, || self.repository())
    }

    fn change(&self, _repository: &Repository, to: &Settings) -> Result<()> {
        let mut body = json!({ "private": to.visibility != Visibility::Public });
        if let Some(description) = &to.description {
            body["description"] = json!(description);
        }
        let purpose = Purpose {
            doing: "change the repository's settings",
            needs: REPOSITORY,
        };
        self.client
            .send(purpose, Method::Patch, &self.path(""), Some(&body))?;
        Ok(())
    }

    /// A team's permission is the team's own here, the same for all its repositories.
    fn default_permission(&self) -> &'static str {
        ""
    }

    fn team(&self, _repository: &Repository, team: &Team) -> Result<Option<String>> {
        let purpose = Purpose {
            doing: "read a team's access",
            needs: REPOSITORY,
        };
        let path = self.path(&format!("/teams/{}", encoded(&team.name)));
        let reply = self.client.find(purpose, &path)?;
        Ok(reply.map(|_| team.permission.clone().unwrap_or_default()))
    }

    fn let_in(&self, _repository: &Repository, team: &Team) -> Result<()> {
        let purpose = Purpose {
            doing: "let a team into the repository",
            needs: REPOSITORY,
        };
        let path = self.path(&format!("/teams/{}", encoded(&team.name)));
        self.client.send(purpose, Method::Put, &path, None)?;
        Ok(())
    }

    fn deploy_keys(&self, _repository: &Repository) -> Result<Vec<DeployKey>> {
        let purpose = Purpose {
            doing: "list the deploy keys",
            needs: REPOSITORY,
        };
        let list = self.list(purpose, &self.path("/keys"))?;
        list.iter().map(read_key).collect()
    }

    fn add_deploy_key(
        &self,
        repository: &Repository,
        title: &str,
        key: &str,
        read_only: bool,
    ) -> Result<DeployKey> {
        let purpose = Purpose {
            doing: "add a deploy key",
            needs: REPOSITORY,
        };
        let body = json!({ "title": title, "key": key, "read_only": read_only });
        let find = || {
            let keys = self.deploy_keys(repository)?;
            Ok(keys
                .into_iter()
                .find(|found| super::is_same_key(&found.key, key)))
        };
        self.client.make(
            purpose,
            &self.path("/keys"),
            &body,
            |reply| read_key(&reply.body),
            find,
        )
    }

    fn remove_deploy_key(&self, _repository: &Repository, id: &str) -> Result<()> {
        let purpose = Purpose {
            doing: "remove a deploy key",
            needs: REPOSITORY,
        };
        let path = self.path(&format!("/keys/{}", encoded(id)));
        match self.client.send(purpose, Method::Delete, &path, None) {
            Ok(_) | Err(Fault::NotFound(_)) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    fn protection(&self, _repository: &Repository, branch: &str) -> Result<Protection> {
        let purpose = Purpose {
            doing: "read the branch's protection",
            needs: REPOSITORY,
        };
        let path = self.path(&format!("/branches/{}", encoded(branch)));
        let reply = self.client.find(purpose, &path)?;
        Ok(match reply {
            Some(reply) if reply.body["user_can_push"] == false => Protection::PullRequestOnly,
            _ => Protection::Open,
        })
    }

    /// The list cannot be filtered by branch.
    fn pull_request(
        &self,
        _repository: &Repository,
        from: &str,
        to: &str,
    ) -> Result<Option<PullRequest>> {
        let purpose = Purpose {
            doing: "list the pull requests",
            needs: REPOSITORY,
        };
        let list = self.list(purpose, &self.path("/pulls?state=open"))?;
        list.iter()
            .find(|pull| pull["head"]["ref"] == from && pull["base"]["ref"] == to)
            .map(read_pull_request)
            .transpose()
    }

    fn open_pull_request(
        &self,
        repository: &Repository,
        proposal: &Proposal,
    ) -> Result<PullRequest> {
        let purpose = Purpose {
            doing: "open a pull request",
            needs: REPOSITORY,
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
        visibility: match (body["private"].as_bool(), body["internal"].as_bool()) {
            (Some(false), Some(true)) => Visibility::Internal,
            (Some(false), _) => Visibility::Public,
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
