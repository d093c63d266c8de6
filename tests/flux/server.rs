//! A server on this machine that says what a test tells it to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server says for a path: the head's lines after the first, and the body.
#[derive(Clone)]
pub struct Reply {
    pub status: &'static str,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub delay: Duration,
}

pub fn ok(body: Vec<u8>) -> Reply {
    let headers = vec![format!("Content-Length: {}", body.len())];
    Reply {
        status: "200 OK",
        headers,
        body,
        delay: Duration::ZERO,
    }
}

pub fn redirect(target: &str) -> Reply {
    let headers = vec![
        format!("Location: {target}"),
        "Content-Length: 0".to_owned(),
    ];
    Reply {
        status: "302 Found",
        headers,
        body: Vec::new(),
        delay: Duration::ZERO,
    }
}

/// Serves until the test ends.
pub struct Server {
    pub base: String,
    requests: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let replies: Arc<Mutex<BTreeMap<String, Reply>>> = Arc::default();
        let (count, answers) = (requests.clone(), replies.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (count, answers) = (count.clone(), answers.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                    let mut line = String::new();
                    let _ = reader.read_line(&mut line);
                    let first = line.trim_end().to_owned();
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    while line.trim_end() != "" {
                        line.clear();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            break;
                        }
                    }
                    count.lock().expect("no panic").push(first);
                    let reply = answers.lock().expect("no panic").get(&path).cloned();
                    let reply = reply.unwrap_or(Reply {
                        status: "404 Not Found",
                        ..redirect("")
                    });
                    std::thread::sleep(reply.delay);
                    let head = format!(
                        "HTTP/1.1 {}\r\n{}\r\nConnection: close\r\n\r\n",
                        reply.status,
                        reply.headers.join("\r\n")
                    );
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.write_all(&reply.body);
                });
            }
        });
        Self {
            base,
            requests,
            replies,
        }
    }

    pub fn set(&self, path: &str, reply: Reply) {
        self.replies
            .lock()
            .expect("no panic")
            .insert(path.to_owned(), reply);
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.lines().len()
    }

    /// The first line of each request.
    pub fn lines(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}
