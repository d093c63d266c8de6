//! `git http-backend` on loopback, which asks for a user and a password.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use serde_json::Value;

use crate::http::{Reply, Request, serve_with};

/// Serves the bare repositories of a folder, over TLS where there is a certificate; returns the port.
pub fn start(tls: Option<Arc<ServerConfig>>, folder: &Path, user: &str, password: &str) -> u16 {
    let folder = folder.to_owned();
    let login = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let user = user.to_owned();
    serve_with(tls, move |request| {
        if request.headers.get("authorization") != Some(&login) {
            return Reply::json(401, &Value::Null)
                .header("WWW-Authenticate", "Basic realm=\"git\"");
        }
        run(&folder, &user, &request)
    })
}

/// The common gateway interface: the request in variables, the body on standard input.
fn run(folder: &Path, user: &str, request: &Request) -> Reply {
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", user)
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git runs");
    let mut stdin = child.stdin.take().expect("piped");
    let body = request.body.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&body).ok());
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("joined");
    let end = output
        .stdout
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head");
    let mut reply = Reply {
        status: 200,
        headers: Vec::new(),
        body: output.stdout[end + 4..].to_vec(),
    };
    for line in String::from_utf8_lossy(&output.stdout[..end]).lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        if name == "Status" {
            reply.status = value[..3].parse().expect("a number");
        } else {
            reply = reply.header(name, value);
        }
    }
    reply
}
