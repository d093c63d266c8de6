//! Bitbucket Server and Data Center. The owner is a project's key, or `~user` for a user's own.
//!
//! Source of paths, bodies and replies: <https://developer.atlassian.com/server/bitbucket/rest/>.

use serde_json::{Value, json};

use super::client::{Client, Fault, Method, Purpose, Reply, encoded, text};
use super::{DeployKey, Forge, Identity, Proposal, Protection, PullRequest, Repository, Settings};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::target::{ForgeKind, Provider, Team, Visibility};

pub(super) struct Bitbucket {
    pub(super) client: Client,
    pub(super) provider: Provider,
}

const READ: &str = "the permission Repository read";
const ADMIN: &str = "the permission Repository admin";
const CREATE: &str = "the permission Project admin";

/// The permissions by the names `teams` may say.
const PERMISSIONS: [(&str, &str); 3] = [
    ("pull", "REPO_READ"),
    ("push", "REPO_WRITE"),
    ("admin", "REPO_ADMIN"),
];

impl Bitbucket {
    fn project_key(&self) -> String {
        let Provider {
            owner, personal, ..
        } = &self.provider;
        if *personal && !owner.starts_with('~') {
            format!("~{owner}")
        } else {
            owner.clone()
        }
    }

    fn place(&self, rest: &str) -> String {
        let slug = encoded(&self.provider.repository);
        format!(
            "/projects/{}/repos/{slug}{rest}",
            encoded(&self.project_key())
        )
    }

    fn api(&self, rest: &str) -> String {
        format!("/api/1.0{}", self.place(rest))
    }

    fn keys(&self, rest: &str) -> String {
        format!("/keys/1.0{}", self.place(&format!("/ssh{rest}")))
    }

    /// Every value of a paged list.
    fn list(&self, purpose: Purpose, path: &str) -> Result<Vec<Value>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut values, mut start) = (Vec::new(), 0);
        loop {
            let path = format!("{path}{separator}limit=100&start={start}");
            let reply = self.client.get(purpose, &path)?;
            values.extend(reply.body["values"].as_array().cloned().unwrap_or_default());
            match reply.body["nextPageStart"].as_u64() {
                Some(next) if reply.body["isLastPage"] == false && next > start => start = next,
                _ => return Ok(values),
            }
        }
    }
}

fn permission(name: &str) -> Result<&'static str> {
    let found = PERMISSIONS
        .iter()
        .find(|(short, long)| *short == name || *long == name);
    found.map(|(_, long)| *long).ok_or_else(|| {
        Error::new(format!("`{name}` is no permission of Bitbucket Server"))
            .help("use one of `pull`, `push`, `admin`")
    })
}

impl Forge for Bitbucket {
    fn kind(&self) -> ForgeKind {
        ForgeKind::BitbucketServer
    }

    fn needed_scopes(&self) -> &'static [&'static str] {
        &[]
    }

    fn needed_rights(&self) -> &'static str {
        "the permission Repository admin, and Project admin to create the repository"
    }

    /// The name stands in a header of every reply to an accepted token.
    fn identity(&self) -> Result<Identity> {
        let purpose = Purpose {
            doing: "read whose token it is",
            needs: READ,
        };
        let reply = self
            .client
            .get(purpose, "/api/1.0/application-properties")?;
        let login = reply
            .headers
            .get("x-ausername")
            .and_then(|name| name.to_str().ok());
        match login.filter(|login| !login.is_empty()) {
            Some(login) => Ok(Identity {
                login: login.to_owned(),
                scopes: None,
            }),
            None => Err(Error::new("Bitbucket Server does not accept the token")
                .help("set `BITBUCKET_TOKEN` to an HTTP access token of yours")),
        }
    }

    fn repository(&self) -> Result<Option<Repository>> {
        let purpose = Purpose {
            doing: "read the repository",
            needs: READ,
        };
        let Some(reply) = self.client.find(purpose, &self.api(""))? else {
            return Ok(None);
        };
        let mut repository = read_repository(&reply)?;
        // Only an administrator may list the keys.
        repository.can_admin = match self.client.get(purpose, &self.keys("?limit=1")) {
            Ok(_) => Some(true),
            Err(Fault::Server(_)) => None,
            Err(_) => Some(false),
        };
        Ok(Some(repository))
    }

    fn create(&self, branch: &str) -> Result<Repository> {
        let purpose = Purpose {
            doing: "create the repository",
            needs: CREATE,
        };
        let path = format!("/api/1.0/projects/{}/repos", encoded(&self.project_key()));
        let body = json!({
            "name": self.provider.repository,
            "scmId": "git",
            "public": self.provider.visibility == Visibility::Public,
            "description": self.provider.description.as_deref().unwrap_or_default(),
            "defaultBranch": branch,
        });
        self.client
            .make(purpose, &path, &body, read_repository, || self.repository())
    }

    fn change(&self, _repository: &Repository, to: &Settings) -> Result<()> {
        let mut body = json!({ "public": to.visibility == Visibility::Public });
        if let Some(description) = &to.description {
            body["description"] = json!(description);
        }
        let purpose = Purpose {
            doing: "change the repository's settings",
            needs: ADMIN,
        };
        self.client
            .send(purpose, Method::Put, &self.api(""), Some(&body))?;
        Ok(())
    }

    fn default_permission(&self) -> &'static str {
        "push"
    }

    fn team(&self, _repository: &Repository, team: &Team) -> Result<Option<String>> {
        let purpose = Purpose {
            doing: "read a group's permission",
            needs: ADMIN,
        };
        let path = self.api(&format!(
            "/permissions/groups?filter={}",
            encoded(&team.name)
        ));
        let list = self.list(purpose, &path)?;
        let entry = list
            .iter()
            .find(|entry| entry["group"]["name"] == team.name.as_str());
        Ok(entry.and_then(|entry| {
            let given = entry["permission"].as_str()?;
            let named = PERMISSIONS.iter().find(|(_, long)| *long == given);
            Some(named.map_or(given, |(short, _)| short).to_owned())
        }))
    }

    fn let_in(&self, _repository: &Repository, team: &Team) -> Result<()> {
        let purpose = Purpose {
            doing: "let a group into the repository",
            needs: ADMIN,
        };
        let name = permission(
            team.permission
                .as_deref()
                .unwrap_or(self.default_permission()),
        )?;
        let group = encoded(&team.name);
        let path = self.api(&format!(
            "/permissions/groups?name={group}&permission={name}"
        ));
        self.client.send(purpose, Method::Put, &path, None)?;
        Ok(())
    }

    fn deploy_keys(&self, _repository: &Repository) -> Result<Vec<DeployKey>> {
        let purpose = Purpose {
            doing: "list the access keys",
            needs: ADMIN,
        };
        self.list(purpose, &self.keys(""))?
            .iter()
            .map(read_key)
            .collect()
    }

    fn add_deploy_key(
        &self,
        repository: &Repository,
        title: &str,
        key: &str,
        read_only: bool,
    ) -> Result<DeployKey> {
        let purpose = Purpose {
            doing: "add an access key",
            needs: ADMIN,
        };
        let body = json!({
            "key": { "text": key, "label": title },
            "permission": if read_only { "REPO_READ" } else { "REPO_WRITE" },
        });
        let find = || {
            let keys = self.deploy_keys(repository)?;
            Ok(keys
                .into_iter()
                .find(|found| super::is_same_key(&found.key, key)))
        };
        self.client.make(
            purpose,
            &self.keys(""),
            &body,
            |reply| read_key(&reply.body),
            find,
        )
    }

    fn remove_deploy_key(&self, _repository: &Repository, id: &str) -> Result<()> {
        let purpose = Purpose {
            doing: "remove an access key",
            needs: ADMIN,
        };
        let path = self.keys(&format!("/{}", encoded(id)));
        match self.client.send(purpose, Method::Delete, &path, None) {
            Ok(_) | Err(Fault::NotFound(_)) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Restrictions with exceptions for somebody are taken as closed: who is excepted is told
    /// by user names, not by tokens.
    fn protection(&self, _repository: &Repository, branch: &str) -> Result<Protection> {
        let purpose = Purpose {
            doing: "read the branch's restrictions",
            needs: READ,
        };
        let reference = encoded(&format!("refs/heads/{branch}"));
        let rest = format!("/restrictions?matcherType=BRANCH&matcherId={reference}");
        let path = format!("/branch-permissions/2.0{}", self.place(&rest));
        let list = self.list(purpose, &path)?;
        let closed = |entry: &Value| {
            matches!(
                entry["type"].as_str(),
                Some("pull-request-only" | "read-only")
            )
        };
        Ok(if list.iter().any(closed) {
            Protection::PullRequestOnly
        } else {
            Protection::Open
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
            needs: READ,
        };
        let reference = encoded(&format!("refs/heads/{from}"));
        let rest = format!("/pull-requests?state=OPEN&direction=OUTGOING&at={reference}");
        let list = self.list(purpose, &self.api(&rest))?;
        let wanted = format!("refs/heads/{to}");
        let found = list
            .iter()
            .find(|pull| pull["toRef"]["id"] == wanted.as_str());
        found.map(read_pull_request).transpose()
    }

    fn open_pull_request(
        &self,
        repository: &Repository,
        proposal: &Proposal,
    ) -> Result<PullRequest> {
        let purpose = Purpose {
            doing: "open a pull request",
            needs: READ,
        };
        let reference = |branch: &str| {
            json!({
                "id": format!("refs/heads/{branch}"),
                "repository": {
                    "slug": self.provider.repository,
                    "project": { "key": self.project_key() },
                },
            })
        };
        let body = json!({
            "title": proposal.title,
            "description": proposal.body,
            "fromRef": reference(&proposal.from),
            "toRef": reference(&proposal.to),
        });
        self.client.make(
            purpose,
            &self.api("/pull-requests"),
            &body,
            |reply| read_pull_request(&reply.body),
            || self.pull_request(repository, &proposal.from, &proposal.to),
        )
    }
}

/// The address of a page in `links.self`, which a reply has unless the server's base URL is unset.
fn own_link(body: &Value) -> String {
    body["links"]["self"][0]["href"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn read_repository(reply: &Reply) -> Result<Repository> {
    let body = &reply.body;
    Ok(Repository {
        id: text(body, "id")?,
        web_url: own_link(body),
        visibility: if body["public"] == true {
            Visibility::Public
        } else {
            Visibility::Private
        },
        description: body["description"].as_str().unwrap_or_default().to_owned(),
        can_push: None,
        can_admin: None,
    })
}

fn read_key(body: &Value) -> Result<DeployKey> {
    Ok(DeployKey {
        id: text(&body["key"], "id")?,
        title: body["key"]["label"].as_str().unwrap_or_default().to_owned(),
        key: text(&body["key"], "text")?,
        read_only: body["permission"] == "REPO_READ",
    })
}

fn read_pull_request(body: &Value) -> Result<PullRequest> {
    let url = own_link(body);
    Ok(PullRequest {
        url: if url.is_empty() {
            format!("pull request {}", text(body, "id")?)
        } else {
            url
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_said_by_either_name() {
        assert_eq!(permission("push").unwrap(), "REPO_WRITE");
        assert_eq!(permission("REPO_ADMIN").unwrap(), "REPO_ADMIN");
        assert!(permission("maintain").is_err());
    }
}
