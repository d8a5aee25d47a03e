//! A real browser, driven over its debugging protocol: the page's script runs as it does for people.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::oneshot};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::eventually;

/// The names under which it may be installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// How long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A headless Chromium with one page. It ends when this is dropped.
pub struct Browser {
    child: Child,
    socket: tokio::sync::Mutex<Wire>,
    _profile: tempfile::TempDir,
}

struct Wire {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    sent: u64,
    session: Option<String>,
    /// What the page complained about: exceptions, and errors in its console.
    complaints: Vec<String>,
}

impl Browser {
    /// Starts one. None is installed: that fails the run under CI, and is said otherwise.
    pub async fn start() -> Option<Self> {
        let Some(program) = NAMES.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
            assert!(std::env::var_os("CI").is_none(), "no browser of {NAMES:?} is installed, and under CI there has to be one");
            eprintln!("SKIPPED: no browser of {NAMES:?} is installed");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--remote-debugging-port=0", "--window-size=1440,900"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, address) = oneshot::channel();
        // Reads to the end, so that the browser can go on talking; on a thread that nobody waits for.
        thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("DevTools listening on ")
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(address.trim().to_owned());
                }
            }
        });
        let address = tokio::time::timeout(PATIENCE, address).await.ok().and_then(Result::ok);
        let address = address.expect("the browser says where it listens");
        let (stream, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let wire = Wire { stream, sent: 0, session: None, complaints: Vec::new() };
        let browser = Self { child, socket: tokio::sync::Mutex::new(wire), _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await["sessionId"].as_str().unwrap().to_owned();
        browser.socket.lock().await.session = Some(session);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await;
        }
        Some(browser)
    }

    /// Opens a page, and waits until its script has run.
    pub async fn open(&self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
        self.until("the page is loaded", "document.readyState === 'complete' && location.href !== 'about:blank'").await;
    }

    /// Runs a script in the page, and gives what it comes to.
    pub async fn run(&self, script: &str) -> Value {
        let asked = json!({"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a script comes to something true.
    pub async fn until(&self, what: &str, script: &str) {
        eventually(what, async || (self.run(&format!("Boolean({script})")).await == true).then_some(())).await;
    }

    /// What the page complained about so far.
    pub async fn complaints(&self) -> Vec<String> {
        self.run("1").await;
        self.socket.lock().await.complaints.clone()
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let mut wire = self.socket.lock().await;
        tokio::time::timeout(PATIENCE, wire.call(method, params)).await.unwrap_or_else(|_| panic!("{method}: no answer"))
    }
}

impl Wire {
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.stream.send(Message::text(message.to_string())).await.unwrap();
        loop {
            let Message::Text(text) = self.stream.next().await.unwrap().unwrap() else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            let is_error = answer["params"]["entry"]["level"] == "error" || answer["params"]["type"] == "error";
            if answer["method"] == "Runtime.exceptionThrown" || is_error {
                self.complaints.push(answer["params"].to_string());
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
