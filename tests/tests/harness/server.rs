//! The server as a process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rialto_store::DatabaseUrl;

use super::{Api, binary};

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. It is killed when this is dropped.
pub struct Server {
    base: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server on `database`, and waits until it is ready.
    pub async fn start(database: &DatabaseUrl, flags: &[&str]) -> Self {
        Self::try_start(database, flags).await.unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts a server; gives its log when it does not come up.
    pub async fn try_start(database: &DatabaseUrl, flags: &[&str]) -> Result<Self, String> {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut child = Command::new(binary())
            .args(flags)
            .args(["--database-url", &database.reveal()])
            .env_clear()
            // Not this folder: the settings of whoever runs the tests must not matter.
            .current_dir(elsewhere.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = read_log(&mut child, Arc::clone(&log));
        let listening = tokio::task::spawn_blocking(move || address.recv_timeout(PATIENCE)).await.unwrap();
        let mut server = Self { base: String::new(), child, log };
        let Ok(base) = listening else {
            server.kill();
            return Err(server.log());
        };
        server.base = base;
        let api = server.api();
        super::eventually("the server is ready", async || (api.get("/ready").await.status == 200).then_some(())).await;
        Ok(server)
    }

    /// A client of this server, without a credential.
    pub fn api(&self) -> Api {
        Api::new(&self.base)
    }

    /// Where it is: `http://` and an address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and checks that it does, with success, unless it was killed before.
    pub async fn stop(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            return;
        }
        let status = self.end(PATIENCE).await;
        assert!(status.is_some_and(|status| status.success()), "the server ended with {status:?}:\n{}", self.log());
    }

    /// Asks it to end, and waits for that.
    pub async fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let child = Mutex::new(&mut self.child);
        let ended = super::eventually("the server ends", async || child.lock().unwrap().try_wait().unwrap());
        tokio::time::timeout(patience, ended).await.ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log.lock().unwrap();
            let last: Vec<_> = log.iter().rev().take(60).rev().map(String::as_str).collect();
            eprintln!("the server's last words:\n{}", last.join("\n"));
        }
    }
}

/// Keeps the log, and says where the server listens once it does.
fn read_log(child: &mut Child, log: Arc<Mutex<Vec<String>>>) -> mpsc::Receiver<String> {
    let (tell, address) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| c == '"' || c.is_whitespace()).unwrap_or(rest.len());
                let _ = tell.send(rest[..end].to_owned());
            }
            log.lock().unwrap().push(line);
        }
    });
    address
}
