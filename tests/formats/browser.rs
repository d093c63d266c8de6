//! The page in a real browser: opened, filtered and clicked in headless Chromium.
//!
//! Chromium is spoken to over its debugging pipe, so that nothing else need be installed. Without
//! it (`CHROMIUM`, or a usual name on the path) the tests say that they were skipped.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fluxgen::compare::report::Report;
use fluxgen::report::{Format, Input, render};
use serde_json::{Value, json};

use crate::fixture;

const PATIENCE: Duration = Duration::from_secs(60);

struct Browser {
    process: Child,
    commands: File,
    answers: Receiver<Value>,
    last_id: u64,
    session: String,
    /// What the page complained about: exceptions, blocked loads, dialogs.
    complaints: Vec<String>,
    _folder: tempfile::TempDir,
}

fn chromium() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let usual = ["chromium", "chromium-browser", "google-chrome"];
    named
        .into_iter()
        .chain(usual.map(str::to_owned))
        .find(|program| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
}

/// Opens the page of `report`; `None`, said aloud, where there is no browser.
fn open(report: &Report, width: u32) -> Option<Browser> {
    let Some(program) = chromium() else {
        eprintln!("skipped: no Chromium is installed, so the page was not opened");
        return None;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = Input {
        pages: &fixture::pages,
        ..Input::new(report)
    };
    let page = folder.path().join("page.html");
    fs_err::write(&page, render(&input, Format::Html)).expect("the page is written");
    let pipes = ["to", "from"].map(|name| folder.path().join(name));
    let made = Command::new("mkfifo").args(&pipes).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let process = Command::new("sh")
        .arg("-c")
        .arg("exec \"$0\" --headless=new --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage --user-data-dir=\"$3\" --window-size=\"$4\",900 --remote-debugging-pipe about:blank 3<\"$1\" 4>\"$2\"")
        .arg(program)
        .args(&pipes)
        .arg(folder.path().join("profile"))
        .arg(width.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    let commands = File::options()
        .write(true)
        .open(&pipes[0])
        .expect("a pipe to it");
    let answers = BufReader::new(File::open(&pipes[1]).expect("a pipe from it"));
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in answers.split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else {
                break;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    let mut browser = Browser {
        process,
        commands,
        answers: receiver,
        last_id: 0,
        session: String::new(),
        complaints: Vec::new(),
        _folder: folder,
    };
    let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
    let attached = browser.call(
        "Target.attachToTarget",
        json!({ "targetId": target["targetId"], "flatten": true }),
    );
    browser.session = attached["sessionId"]
        .as_str()
        .expect("a session")
        .to_owned();
    for domain in ["Page", "Runtime", "Log"] {
        browser.call(&format!("{domain}.enable"), json!({}));
    }
    browser.call(
        "Page.navigate",
        json!({ "url": format!("file://{}", page.display()) }),
    );
    browser.wait_for("document.readyState === 'complete' && !!document.getElementById('sets')");
    Some(browser)
}

impl Browser {
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("the browser listens");
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self
                .answers
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
            if answer["id"] == json!(self.last_id) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            let event = answer["method"].as_str().unwrap_or_default();
            let is_complaint = matches!(
                event,
                "Runtime.exceptionThrown" | "Page.javascriptDialogOpening"
            ) || (event == "Log.entryAdded"
                && answer["params"]["entry"]["level"] == "error");
            if is_complaint {
                self.complaints.push(answer["params"].to_string());
            }
        }
    }

    fn eval(&mut self, script: &str) -> Value {
        let result = self.call(
            "Runtime.evaluate",
            json!({ "expression": script, "returnByValue": true }),
        );
        assert!(result["exceptionDetails"].is_null(), "{script}: {result}");
        result["result"]["value"].clone()
    }

    fn wait_for(&mut self, condition: &str) {
        let until = Instant::now() + PATIENCE;
        while self.eval(condition) != json!(true) {
            assert!(Instant::now() < until, "waited for {condition}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks in the middle of what `element` evaluates to, as a hand would.
    fn click(&mut self, element: &str) {
        let place = self.eval(&format!(
            "(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); return [r.x + Math.min(r.width / 2, 40), r.y + r.height / 2]; }})()"
        ));
        for event in ["mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                json!({ "type": event, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 }),
            );
        }
    }

    fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// The first lines of the changes that are to be seen.
    fn changes(&mut self) -> Vec<String> {
        let all = self.eval(
            "[...document.querySelectorAll('#changes details')].filter((e) => e.checkVisibility()).map((e) => e.querySelector('.name').textContent)",
        );
        serde_json::from_value(all).expect("texts")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_filter_narrows_by_words_and_by_cluster_and_forgets() {
    let Some(mut browser) = open(&fixture::denied_diff().report, 1280) else {
        return;
    };
    assert_eq!(browser.changes().len(), 4);
    browser.click("document.getElementById('filter')");
    browser.write("podinfo interval");
    assert_eq!(browser.changes(), ["HelmRelease web/podinfo"]);
    let dimmed = browser.eval(
        "[...document.querySelectorAll('svg [data-node].dim')].length + ' of ' + document.querySelectorAll('svg [data-node]').length",
    );
    assert_eq!(dimmed, "7 of 7", "no node is about `interval`");
    browser.click("document.getElementById('clear')");
    assert_eq!(browser.changes().len(), 4);

    browser.click("document.querySelector('button[data-cluster=staging]')");
    assert_eq!(
        browser.eval("document.getElementById('filter').value"),
        "cluster:staging"
    );
    assert_eq!(
        browser.changes(),
        [
            "Kustomization flux-system/applications",
            "OCIRepository flux-system/charts"
        ]
    );
    let count = browser.eval("document.getElementById('count').textContent");
    assert!(
        count
            .as_str()
            .is_some_and(|count| count.ends_with(" of 13")),
        "{count}"
    );
    browser.click("document.querySelector('button[data-cluster=staging]')");
    assert_eq!(browser.eval("document.getElementById('filter').value"), "");
    assert_eq!(browser.changes().len(), 4);
    assert_eq!(browser.complaints, [] as [String; 0]);
}

#[test]
fn an_entry_unfolds_when_it_is_clicked() {
    let Some(mut browser) = open(&fixture::denied_diff().report, 1280) else {
        return;
    };
    let entry = "document.querySelectorAll('#changes details')[2]";
    assert_eq!(browser.eval(&format!("{entry}.open")), json!(false));
    browser.click(&format!("{entry}.querySelector('summary')"));
    assert_eq!(browser.eval(&format!("{entry}.open")), json!(true));
    let cells = browser.eval(&format!("{entry}.querySelector('td.new').textContent"));
    assert_eq!(cells, "30m");
    // what is denied is open from the start
    let first = browser.eval("document.querySelector('#forecast details').open");
    assert_eq!(first, json!(true));
    assert_eq!(browser.complaints, [] as [String; 0]);
}

#[test]
fn the_page_follows_the_colour_scheme_and_fits_a_narrow_window() {
    let Some(mut browser) = open(&fixture::denied_diff().report, 1280) else {
        return;
    };
    let mut ground = |scheme: &str| {
        browser.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
        browser.eval("getComputedStyle(document.body).backgroundColor")
    };
    assert_ne!(ground("dark"), ground("light"));
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false }),
    );
    browser.eval("document.querySelectorAll('details').forEach((e) => { e.open = true; })");
    let width = browser.eval("document.documentElement.scrollWidth");
    assert!(width.as_u64().is_some_and(|width| width <= 360), "{width}");
}

#[test]
fn texts_of_others_do_nothing_in_a_browser() {
    let Some(mut browser) = open(&fixture::hostile(16), 1280) else {
        return;
    };
    assert_eq!(browser.eval("document.scripts.length"), json!(2));
    assert_eq!(browser.eval("document.images.length"), json!(0));
    browser.click("document.getElementById('filter')");
    browser.write("</script>");
    assert!(!browser.changes().is_empty());
    browser.eval("document.querySelectorAll('details').forEach((e) => { e.open = true; })");
    assert_eq!(browser.complaints, [] as [String; 0]);
}
