//! Processes that a test starts and kills: this test binary once more, with one ignored test as its body. What such a
//! process has seen, it writes to a file, line by line; what it has written, a kill does not take back.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Where a body finds the database, its log and the rest it has to know.
const URL: &str = "RIALTO_PROOF_URL";
const LOG: &str = "RIALTO_PROOF_LOG";
const WORLD: &str = "RIALTO_PROOF_WORLD";

/// What a body is told. `None` when a person runs the ignored tests: there is nothing to do then.
pub struct Told {
    pub url: String,
    pub world: String,
    pub log: Log,
}

pub fn told() -> Option<Told> {
    let [url, world, log] = [URL, WORLD, LOG].map(|name| std::env::var(name).ok());
    let log = File::options().append(true).create(true).open(log?).unwrap();
    Some(Told { url: url?, world: world?, log: Log(std::sync::Arc::new(log)) })
}

/// The log of a body.
#[derive(Clone)]
pub struct Log(std::sync::Arc<File>);

impl Log {
    /// Writes a line with one system call, so that it is there as soon as this returns.
    pub fn write(&self, line: &str) {
        self.0.as_ref().write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// A process with a body.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the ignored test `body`.
    pub fn start(body: &str, url: &str, world: &str, log: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", body, "--nocapture"])
            .env(URL, url)
            .env(WORLD, world)
            .env(LOG, log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, log: log.to_owned() }
    }

    /// What it has written so far, without a last line that is not whole.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// Waits until it has written so many lines.
    pub async fn has_written(&mut self, lines: usize) {
        for _ in 0..6_000 {
            if self.lines().len() >= lines {
                return;
            }
            assert_eq!(self.child.try_wait().unwrap(), None, "it has ended by itself");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it has written {} lines in 30 s", self.lines().len());
    }

    /// `kill -9`, at once.
    pub fn kill(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself, well.
    pub async fn ends_well(&mut self) {
        for _ in 0..12_000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it has not ended in 60 s");
    }
}

impl Drop for Process {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number below `bound`, by chance.
pub fn chance(bound: u64) -> u64 {
    let (_, low) = rialto_kernel::Id::<()>::new().uuid().as_u64_pair();
    low % bound
}
