//! GitHub, GitLab, Gitea and Bitbucket Server on loopback, with the paths, bodies and replies that
//! their documentation gives, for one repository `acme/fleet` that is a real one beside them.
//!
//! Sources: <https://docs.github.com/en/rest>, <https://docs.gitlab.com/api/>,
//! <https://docs.gitea.com/api/>, <https://developer.atlassian.com/server/bitbucket/rest/>.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use fluxgen::bootstrap::{ForgeKind, Provider, Visibility};
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::http::{Reply, Request, decoded, serve_with};
use crate::scene::{TOKEN, make_bare};

pub struct Key {
    pub id: u64,
    pub title: String,
    pub key: String,
    pub read_only: bool,
}

pub struct State {
    kind: ForgeKind,
    repository: PathBuf,
    pub exists: bool,
    pub visibility: String,
    pub description: String,
    pub keys: Vec<Key>,
    pub teams: Vec<(String, String)>,
    /// The branch from and to, and its number.
    pub pulls: Vec<(String, String)>,
    pub protected: bool,
    /// What the token may do, where the forge tells.
    pub scopes: String,
    pub can_admin: bool,
    pub requests: Vec<Asked>,
    pub script: Vec<Fault>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
}

/// An answer that is given once in place of the true one.
pub struct Fault {
    pub method: &'static str,
    /// The end of the path.
    pub path: &'static str,
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
    /// The request is carried out all the same.
    pub takes_effect: bool,
}

#[derive(Clone)]
pub struct Forge {
    state: Arc<Mutex<State>>,
    scheme: &'static str,
    port: u16,
}

pub const KINDS: [ForgeKind; 4] = [
    ForgeKind::GitHub,
    ForgeKind::GitLab,
    ForgeKind::Gitea,
    ForgeKind::BitbucketServer,
];

impl Forge {
    pub fn new(kind: ForgeKind, repository: &Path) -> Self {
        Self::with(None, kind, repository)
    }

    /// The same behind TLS.
    pub fn with(tls: Option<Arc<ServerConfig>>, kind: ForgeKind, repository: &Path) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(Mutex::new(State {
            kind,
            repository: repository.to_owned(),
            exists: false,
            visibility: "private".to_owned(),
            description: String::new(),
            keys: Vec::new(),
            teams: Vec::new(),
            pulls: Vec::new(),
            protected: false,
            scopes: match kind {
                ForgeKind::GitLab => "api".to_owned(),
                _ => "repo, read:org".to_owned(),
            },
            can_admin: true,
            requests: Vec::new(),
            script: Vec::new(),
        }));
        let own = state.clone();
        let port = serve_with(tls, move |request| {
            let mut state = own.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            answer(&mut state, &request)
        });
        Self {
            state,
            scheme,
            port,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn provider(&self) -> Provider {
        let kind = self.state().kind;
        Provider {
            kind,
            host: "git.acme.example".to_owned(),
            owner: "acme".to_owned(),
            repository: "fleet".to_owned(),
            personal: false,
            visibility: Visibility::Private,
            description: None,
            teams: Vec::new(),
            api_url: Some(format!(
                "{}://127.0.0.1:{}{}",
                self.scheme,
                self.port,
                prefix(kind)
            )),
            username: None,
        }
    }

    pub fn fail(&self, fault: Fault) {
        self.state().script.push(fault);
    }

    /// The requests of a method.
    pub fn asked(&self, method: &str) -> Vec<Asked> {
        let state = self.state();
        let of = |asked: &&Asked| asked.method == method;
        state.requests.iter().filter(of).cloned().collect()
    }
}

fn prefix(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::GitHub => "",
        ForgeKind::GitLab => "/api/v4",
        ForgeKind::Gitea => "/api/v1",
        ForgeKind::BitbucketServer => "/rest",
    }
}

/// The body of an error in the forge's own form.
pub fn said(kind: ForgeKind, message: &str) -> Value {
    match kind {
        ForgeKind::GitHub => {
            json!({ "message": message, "documentation_url": "https://docs.github.com/rest" })
        }
        ForgeKind::GitLab => json!({ "message": message }),
        ForgeKind::Gitea => {
            json!({ "message": message, "url": "https://git.acme.example/api/swagger" })
        }
        ForgeKind::BitbucketServer => json!({ "errors": [
            { "context": null, "message": message, "exceptionName": "com.atlassian.bitbucket.Exception" }
        ] }),
    }
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let kind = state.kind;
    let refuse = |status: u16, message: &str| Reply::json(status, &said(kind, message));
    let (header, value) = match kind {
        ForgeKind::GitHub | ForgeKind::BitbucketServer => {
            ("authorization", format!("Bearer {TOKEN}"))
        }
        ForgeKind::GitLab => ("private-token", TOKEN.to_owned()),
        ForgeKind::Gitea => ("authorization", format!("token {TOKEN}")),
    };
    let Some(path) = request.path.strip_prefix(prefix(kind)) else {
        return refuse(404, "Not Found");
    };
    state.requests.push(Asked {
        method: request.method.clone(),
        path: path.to_owned(),
    });
    let scripted = state
        .script
        .iter()
        .position(|fault| fault.method == request.method && path.ends_with(fault.path));
    if let Some(at) = scripted {
        let fault = state.script.remove(at);
        if fault.takes_effect {
            route(state, request, path);
        }
        let mut reply = Reply::json(fault.status, &fault.body);
        for (name, value) in &fault.headers {
            reply = reply.header(name, value);
        }
        return reply;
    }
    if request.headers.get(header) != Some(&value) {
        return refuse(401, "Bad credentials");
    }
    if request.method != "GET" && !request.body.is_empty() {
        let kind = request.headers.get("content-type").map(String::as_str);
        assert_eq!(kind, Some("application/json"));
    }
    match route(state, request, path) {
        Some(reply) if kind == ForgeKind::BitbucketServer => reply.header("X-AUSERNAME", "ada"),
        Some(reply) => reply,
        None => refuse(404, "Not Found"),
    }
}

fn route(state: &mut State, request: &Request, path: &str) -> Option<Reply> {
    match state.kind {
        ForgeKind::GitHub => github(state, request, path),
        ForgeKind::GitLab => gitlab(state, request, path),
        ForgeKind::Gitea => gitea(state, request, path),
        ForgeKind::BitbucketServer => bitbucket(state, request, path),
    }
}

impl State {
    fn create(&mut self, visibility: &str, description: &Value) -> bool {
        if self.exists {
            return false;
        }
        make_bare(&self.repository);
        self.exists = true;
        self.visibility = visibility.to_owned();
        self.description = description.as_str().unwrap_or_default().to_owned();
        true
    }

    fn has_branch(&self, branch: &str) -> bool {
        self.exists && crate::cluster::head(&self.repository, branch).is_some()
    }

    /// Adds a key, unless one of the same bytes is there.
    fn add_key(&mut self, title: &Value, key: &Value, read_only: bool) -> Option<u64> {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let (title, key) = (text(title), text(key));
        assert!(
            key.starts_with("ecdsa-") || key.starts_with("ssh-"),
            "{key}"
        );
        if self.keys.iter().any(|known| known.key == key) {
            return None;
        }
        let id = self.keys.len() as u64 + 101;
        self.keys.push(Key {
            id,
            title,
            key,
            read_only,
        });
        Some(id)
    }

    fn remove_key(&mut self, id: &str) -> Option<Reply> {
        let before = self.keys.len();
        self.keys.retain(|key| key.id.to_string() != id);
        (self.keys.len() < before).then(|| Reply::json(204, &Value::Null))
    }

    fn let_in(&mut self, team: &str, permission: &str) {
        self.teams.retain(|(name, _)| name != team);
        self.teams.push((team.to_owned(), permission.to_owned()));
    }

    fn open(&mut self, from: &Value, to: &Value) -> Option<usize> {
        let text = |value: &Value| {
            value
                .as_str()
                .expect("a string")
                .trim_start_matches("refs/heads/")
                .to_owned()
        };
        let pull = (text(from), text(to));
        assert!(
            self.has_branch(&pull.0) && self.has_branch(&pull.1),
            "{pull:?}"
        );
        if self.pulls.contains(&pull) {
            return None;
        }
        self.pulls.push(pull);
        Some(self.pulls.len())
    }
}

fn github(state: &mut State, request: &Request, path: &str) -> Option<Reply> {
    assert_eq!(request.headers["accept"], "application/vnd.github+json");
    assert_eq!(request.headers["x-github-api-version"], "2022-11-28");
    let body = request.json();
    let invalid = |errors: Value| {
        Reply::json(
            422,
            &json!({ "message": "Validation Failed", "errors": errors }),
        )
    };
    let repository = |state: &State| {
        json!({
            "html_url": "https://git.acme.example/acme/fleet", "private": state.visibility != "public",
            "visibility": state.visibility, "description": state.description,
            "permissions": { "admin": state.can_admin, "push": true, "pull": true },
        })
    };
    let key = |key: &Key| json!({ "id": key.id, "title": key.title, "key": key.key, "read_only": key.read_only });
    let pull = |number: usize| json!({ "number": number, "html_url": format!("https://git.acme.example/acme/fleet/pull/{number}") });
    match (request.method.as_str(), path) {
        ("GET", "/user") => {
            return Some(
                Reply::json(200, &json!({ "login": "ada" }))
                    .header("X-OAuth-Scopes", &state.scopes),
            );
        }
        ("POST", "/orgs/acme/repos" | "/user/repos") => {
            assert_eq!(
                (&body["name"], &body["auto_init"]),
                (&json!("fleet"), &json!(false))
            );
            let visibility = body["visibility"]
                .as_str()
                .unwrap_or(match body["private"] == true {
                    true => "private",
                    false => "public",
                });
            let made = state.create(visibility, &body["description"]);
            return Some(match made {
                true => Reply::json(201, &repository(state)),
                false => invalid(
                    json!([{ "resource": "Repository", "code": "custom", "field": "name",
                    "message": "name already exists on this account" }]),
                ),
            });
        }
        _ if !state.exists => return None,
        _ => {}
    }
    if let Some(team) = path.strip_prefix("/orgs/acme/teams/") {
        let team = team.strip_suffix("/repos/acme/fleet")?;
        if team == "nobody" {
            return None;
        }
        state.let_in(team, body["permission"].as_str().expect("a permission"));
        return Some(Reply::json(204, &Value::Null));
    }
    let rest = path.strip_prefix("/repos/acme/fleet")?;
    Some(match (request.method.as_str(), rest) {
        ("GET", "") => Reply::json(200, &repository(state)),
        ("PATCH", "") => {
            if let Some(visibility) = body["visibility"].as_str() {
                state.visibility = visibility.to_owned();
            }
            if let Some(description) = body["description"].as_str() {
                state.description = description.to_owned();
            }
            Reply::json(200, &repository(state))
        }
        ("GET", "/teams") => {
            let teams = state.teams.iter();
            let teams: Vec<Value> = teams
                .map(|(slug, permission)| json!({ "slug": slug, "permission": permission }))
                .collect();
            Reply::json(200, &json!(teams))
        }
        ("GET", "/keys") => page(request, "per_page", state.keys.iter().map(key).collect()),
        ("POST", "/keys") => {
            match state.add_key(&body["title"], &body["key"], body["read_only"] == true) {
                Some(_) => Reply::json(201, &state.keys.last().map(key).expect("a key")),
                None => invalid(
                    json!([{ "resource": "PublicKey", "code": "custom", "field": "key", "message": "key is already in use" }]),
                ),
            }
        }
        ("DELETE", rest) => state.remove_key(rest.strip_prefix("/keys/")?)?,
        ("GET", "/rules/branches/main") if state.protected => {
            Reply::json(200, &json!([{ "type": "pull_request" }]))
        }
        ("GET", "/rules/branches/main") => Reply::json(200, &json!([])),
        ("GET", "/branches/main") if state.has_branch("main") => Reply::json(
            200,
            &json!({ "name": "main", "protected": state.protected }),
        ),
        ("GET", "/pulls") => {
            let head = request.query("head").expect("a head");
            let from = head.strip_prefix("acme:").expect("an owner");
            let to = request.query("base").expect("a base");
            assert_eq!(request.query("state").as_deref(), Some("open"));
            let found = state
                .pulls
                .iter()
                .position(|pull| *pull == (from.to_owned(), to.clone()));
            Reply::json(
                200,
                &json!(found.map(|at| pull(at + 1)).into_iter().collect::<Vec<_>>()),
            )
        }
        ("POST", "/pulls") => match state.open(&body["head"], &body["base"]) {
            Some(number) => Reply::json(201, &pull(number)),
            None => invalid(json!([{ "resource": "PullRequest", "code": "custom",
                "message": "A pull request already exists for acme:fluxgen/bootstrap-staging." }])),
        },
        _ => return None,
    })
}

/// A page of a list, numbered from one.
fn page(request: &Request, size: &str, list: Vec<Value>) -> Reply {
    let number = |key: &str| {
        request
            .query(key)
            .expect(key)
            .parse::<usize>()
            .expect("a number")
    };
    let (size, page) = (number(size), number("page"));
    let list: Vec<Value> = list
        .into_iter()
        .skip(size * (page - 1))
        .take(size)
        .collect();
    Reply::json(200, &json!(list))
}

fn gitlab(state: &mut State, request: &Request, path: &str) -> Option<Reply> {
    let body = request.json();
    let taken = |field: &str| {
        Reply::json(
            400,
            &json!({ "message": { field: ["has already been taken"] } }),
        )
    };
    let levels = [("developer", 30), ("maintainer", 40)];
    let project = |state: &State| {
        let shares = state.teams.iter().map(|(name, level)| json!({
            "group_id": 9, "group_full_path": name, "group_access_level": level.parse::<u64>().expect("a level"),
        }));
        json!({
            "id": 5, "web_url": "https://git.acme.example/acme/fleet", "visibility": state.visibility,
            "description": state.description, "shared_with_groups": shares.collect::<Vec<_>>(),
            "permissions": { "project_access": null,
                "group_access": { "access_level": if state.can_admin { levels[1].1 } else { levels[0].1 } } },
        })
    };
    let key = |key: &Key| json!({ "id": key.id, "title": key.title, "key": key.key, "can_push": !key.read_only });
    let request_of = |number: usize| json!({ "iid": number, "web_url": format!("https://git.acme.example/acme/fleet/-/merge_requests/{number}") });
    match (request.method.as_str(), path) {
        ("GET", "/user") => return Some(Reply::json(200, &json!({ "username": "ada" }))),
        ("GET", "/personal_access_tokens/self") => {
            let scopes: Vec<&str> = state.scopes.split(", ").collect();
            return Some(Reply::json(200, &json!({ "id": 1, "scopes": scopes })));
        }
        ("GET", "/groups/acme") => return Some(Reply::json(200, &json!({ "id": 7 }))),
        ("GET", "/groups/acme%2Fops") => return Some(Reply::json(200, &json!({ "id": 9 }))),
        ("POST", "/projects") => {
            assert_eq!(
                (&body["path"], &body["namespace_id"]),
                (&json!("fleet"), &json!(7))
            );
            assert_eq!(body["initialize_with_readme"], false);
            let visibility = body["visibility"]
                .as_str()
                .expect("a visibility")
                .to_owned();
            return Some(match state.create(&visibility, &body["description"]) {
                true => Reply::json(201, &project(state)),
                false => taken("path"),
            });
        }
        _ if !state.exists => return None,
        _ => {}
    }
    let rest = path.strip_prefix("/projects/acme%2Ffleet")?;
    Some(match (request.method.as_str(), rest) {
        ("GET", "") => Reply::json(200, &project(state)),
        ("PUT", "") => {
            state.visibility = body["visibility"]
                .as_str()
                .expect("a visibility")
                .to_owned();
            if let Some(description) = body["description"].as_str() {
                state.description = description.to_owned();
            }
            Reply::json(200, &project(state))
        }
        ("POST", "/share") => {
            assert_eq!(body["group_id"], 9);
            if !state.teams.is_empty() {
                return Some(Reply::json(
                    409,
                    &json!({ "message": "Group already shared" }),
                ));
            }
            state.let_in("acme/ops", &body["group_access"].to_string());
            Reply::json(201, &json!({ "id": 1 }))
        }
        ("DELETE", "/share/9") => {
            state.teams.clear();
            Reply::json(204, &Value::Null)
        }
        ("GET", "/deploy_keys") => page(request, "per_page", state.keys.iter().map(key).collect()),
        ("POST", "/deploy_keys") => {
            match state.add_key(&body["title"], &body["key"], body["can_push"] == false) {
                Some(_) => Reply::json(201, &state.keys.last().map(key).expect("a key")),
                None => taken("deploy_key.fingerprint_sha256"),
            }
        }
        ("DELETE", rest) => state.remove_key(rest.strip_prefix("/deploy_keys/")?)?,
        ("GET", "/repository/branches/main") if state.has_branch("main") => Reply::json(
            200,
            &json!({ "name": "main", "protected": state.protected, "can_push": !state.protected }),
        ),
        ("GET", "/merge_requests") => {
            let wanted = (
                request.query("source_branch")?,
                request.query("target_branch")?,
            );
            assert_eq!(request.query("state").as_deref(), Some("opened"));
            let found = state.pulls.iter().position(|pull| *pull == wanted);
            Reply::json(
                200,
                &json!(
                    found
                        .map(|at| request_of(at + 1))
                        .into_iter()
                        .collect::<Vec<_>>()
                ),
            )
        }
        ("POST", "/merge_requests") => {
            match state.open(&body["source_branch"], &body["target_branch"]) {
                Some(number) => Reply::json(201, &request_of(number)),
                None => Reply::json(
                    409,
                    &json!({ "message": ["Another open merge request already exists for this source branch: !1"] }),
                ),
            }
        }
        _ => return None,
    })
}

fn gitea(state: &mut State, request: &Request, path: &str) -> Option<Reply> {
    let body = request.json();
    let kind = ForgeKind::Gitea;
    let repository = |state: &State| {
        json!({
            "html_url": "https://git.acme.example/acme/fleet", "private": state.visibility == "private",
            "internal": false, "description": state.description,
            "permissions": { "admin": state.can_admin, "push": true, "pull": true },
        })
    };
    let key = |key: &Key| json!({ "id": key.id, "title": key.title, "key": key.key, "read_only": key.read_only });
    let pull = |number: usize, (from, to): &(String, String)| {
        json!({
            "number": number, "html_url": format!("https://git.acme.example/acme/fleet/pulls/{number}"),
            "head": { "ref": from }, "base": { "ref": to },
        })
    };
    match (request.method.as_str(), path) {
        ("GET", "/user") => return Some(Reply::json(200, &json!({ "login": "ada" }))),
        ("POST", "/orgs/acme/repos" | "/user/repos") => {
            assert_eq!(
                (&body["name"], &body["auto_init"]),
                (&json!("fleet"), &json!(false))
            );
            assert_eq!(body["default_branch"], "main");
            let visibility = if body["private"] == true {
                "private"
            } else {
                "public"
            };
            return Some(match state.create(visibility, &body["description"]) {
                true => Reply::json(201, &repository(state)),
                false => Reply::json(
                    409,
                    &said(kind, "The repository with the same name already exists."),
                ),
            });
        }
        _ if !state.exists => return None,
        _ => {}
    }
    let rest = path.strip_prefix("/repos/acme/fleet")?;
    Some(match (request.method.as_str(), rest) {
        ("GET", "") => Reply::json(200, &repository(state)),
        ("PATCH", "") => {
            state.visibility = if body["private"] == true {
                "private"
            } else {
                "public"
            }
            .to_owned();
            if let Some(description) = body["description"].as_str() {
                state.description = description.to_owned();
            }
            Reply::json(200, &repository(state))
        }
        ("GET", "/teams/ops") if state.teams.is_empty() => return None,
        ("GET", "/teams/ops") => Reply::json(200, &json!({ "name": "ops" })),
        ("PUT", "/teams/ops") => {
            state.let_in("ops", "");
            Reply::json(204, &Value::Null)
        }
        ("GET", "/keys") => page(request, "limit", state.keys.iter().map(key).collect()),
        ("POST", "/keys") => {
            match state.add_key(&body["title"], &body["key"], body["read_only"] == true) {
                Some(_) => Reply::json(201, &state.keys.last().map(key).expect("a key")),
                None => Reply::json(
                    422,
                    &said(kind, "Key content has been used as non-deploy key"),
                ),
            }
        }
        ("DELETE", rest) => state.remove_key(rest.strip_prefix("/keys/")?)?,
        ("GET", "/branches/main") if state.has_branch("main") => Reply::json(
            200,
            &json!({ "name": "main", "protected": state.protected, "user_can_push": !state.protected }),
        ),
        ("GET", "/pulls") => {
            let pulls = state.pulls.iter().enumerate();
            page(
                request,
                "limit",
                pulls.map(|(at, of)| pull(at + 1, of)).collect(),
            )
        }
        ("POST", "/pulls") => match state.open(&body["head"], &body["base"]) {
            Some(number) => Reply::json(201, &pull(number, &state.pulls[number - 1])),
            None => Reply::json(
                409,
                &said(kind, "pull request already exists for these targets"),
            ),
        },
        _ => return None,
    })
}

fn bitbucket(state: &mut State, request: &Request, path: &str) -> Option<Reply> {
    assert_eq!(request.headers["x-atlassian-token"], "no-check");
    let body = request.json();
    let refuse = |status: u16, message: &str| {
        Reply::json(status, &said(ForgeKind::BitbucketServer, message))
    };
    let list = |values: Vec<Value>| {
        Reply::json(
            200,
            &json!({
                "size": values.len(), "limit": 100, "start": 0, "isLastPage": true, "values": values,
            }),
        )
    };
    let repository = |state: &State| {
        json!({
            "id": 5, "slug": "fleet", "public": state.visibility == "public", "description": state.description,
            "links": { "self": [{ "href": "https://git.acme.example/projects/acme/repos/fleet/browse" }] },
        })
    };
    let key = |key: &Key| {
        json!({
            "key": { "id": key.id, "text": key.key, "label": key.title },
            "permission": if key.read_only { "REPO_READ" } else { "REPO_WRITE" },
        })
    };
    let pull = |number: usize, (_, to): &(String, String)| {
        json!({
            "id": number, "toRef": { "id": format!("refs/heads/{to}") },
            "links": { "self": [{ "href": format!("https://git.acme.example/projects/acme/repos/fleet/pull-requests/{number}") }] },
        })
    };
    match (request.method.as_str(), path) {
        ("GET", "/api/1.0/application-properties") => {
            return Some(Reply::json(200, &json!({ "version": "9.4.0" })));
        }
        ("POST", "/api/1.0/projects/acme/repos") => {
            assert_eq!(
                (&body["name"], &body["scmId"]),
                (&json!("fleet"), &json!("git"))
            );
            let visibility = if body["public"] == true {
                "public"
            } else {
                "private"
            };
            return Some(match state.create(visibility, &body["description"]) {
                true => Reply::json(201, &repository(state)),
                false => refuse(
                    409,
                    "This repository URL is already taken by 'fleet' in 'acme'",
                ),
            });
        }
        _ if !state.exists => return None,
        _ => {}
    }
    let of = |prefix: &str| {
        path.strip_prefix(prefix)?
            .strip_prefix("/projects/acme/repos/fleet")
    };
    if let Some(rest) = of("/keys/1.0") {
        if !state.can_admin {
            return Some(refuse(401, "You are not permitted to access this resource"));
        }
        return Some(match (request.method.as_str(), rest) {
            ("GET", "/ssh") => list(state.keys.iter().map(key).collect()),
            ("POST", "/ssh") => {
                let read_only = body["permission"] == "REPO_READ";
                match state.add_key(&body["key"]["label"], &body["key"]["text"], read_only) {
                    Some(_) => Reply::json(201, &state.keys.last().map(key).expect("a key")),
                    None => refuse(409, "An access key with that key already exists"),
                }
            }
            ("DELETE", rest) => state.remove_key(rest.strip_prefix("/ssh/")?)?,
            _ => return None,
        });
    }
    if of("/branch-permissions/2.0") == Some("/restrictions") {
        assert_eq!(
            request.query("matcherId").as_deref(),
            Some("refs/heads/main")
        );
        let types: Vec<Value> = match state.protected {
            true => vec![json!({ "id": 1, "type": "pull-request-only" })],
            false => vec![json!({ "id": 2, "type": "no-deletes" })],
        };
        return Some(list(types));
    }
    let rest = of("/api/1.0")?;
    Some(match (request.method.as_str(), rest) {
        ("GET", "") => Reply::json(200, &repository(state)),
        ("PUT", "") => {
            state.visibility = if body["public"] == true {
                "public"
            } else {
                "private"
            }
            .to_owned();
            if let Some(description) = body["description"].as_str() {
                state.description = description.to_owned();
            }
            Reply::json(200, &repository(state))
        }
        ("GET", "/permissions/groups") => {
            let teams = state.teams.iter();
            list(teams.map(|(name, permission)| json!({ "group": { "name": name }, "permission": permission })).collect())
        }
        ("PUT", "/permissions/groups") => {
            state.let_in(&request.query("name")?, &request.query("permission")?);
            Reply::json(204, &Value::Null)
        }
        ("GET", "/pull-requests") => {
            assert_eq!(request.query("state").as_deref(), Some("OPEN"));
            let from = request.query("at")?;
            let from = from.strip_prefix("refs/heads/")?;
            let pulls = state.pulls.iter().enumerate();
            list(
                pulls
                    .filter(|(_, of)| of.0 == from)
                    .map(|(at, of)| pull(at + 1, of))
                    .collect(),
            )
        }
        ("POST", "/pull-requests") => {
            match state.open(&body["fromRef"]["id"], &body["toRef"]["id"]) {
                Some(number) => Reply::json(201, &pull(number, &state.pulls[number - 1])),
                None => refuse(
                    409,
                    "Only one pull request may be open for a given source and target branch",
                ),
            }
        }
        _ => return None,
    })
}

/// Paths are compared as they were sent; this is for reading them.
pub fn readable(asked: &Asked) -> String {
    format!("{} {}", asked.method, decoded(&asked.path))
}
