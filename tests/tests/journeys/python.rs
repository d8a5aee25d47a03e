//! Pythons with packages from PyPI in them, and the scripts of `tests/sdk` that they run.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokio::sync::Mutex;

use crate::harness::repository;

/// A Python with these packages.
#[derive(Debug, Clone, Copy)]
pub struct Python {
    /// What its folder is called: another set of packages has another name.
    pub name: &'static str,
    /// As pip knows them.
    pub packages: &'static [&'static str],
}

impl Python {
    /// Where it is, made once; `None`, with a line that says so, where it cannot be had.
    pub async fn get(self) -> Option<PathBuf> {
        static MADE: Mutex<Option<HashMap<&str, Option<PathBuf>>>> = Mutex::const_new(None);
        let mut made = MADE.lock().await;
        let made = made.get_or_insert_default();
        if let Some(known) = made.get(self.name) {
            return known.clone();
        }
        let python = tokio::task::spawn_blocking(move || self.install()).await.unwrap();
        made.insert(self.name, python.clone());
        python
    }

    fn install(self) -> Option<PathBuf> {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.name);
        let (python, done) = (place.join("bin/python"), place.join("installed"));
        if done.exists() {
            return Some(python);
        }
        let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
        let installed = made.and_then(|()| {
            run(Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout=15", "--retries=1"])
                .args(self.packages))
        });
        match installed {
            Ok(()) => {
                std::fs::write(done, "").unwrap();
                Some(python)
            }
            Err(why) => {
                // Not by a macro: what those write is kept from whoever runs the tests.
                let _ = writeln!(std::io::stderr(), "skipped: {} cannot be installed from PyPI here: {why}", self.name);
                None
            }
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said.lines().last().unwrap_or("it failed").to_owned()) }
}

/// Runs a script of `tests/sdk`, which has to end well, and gives what it says.
pub async fn drive(python: &Path, script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg(repository().join("tests/sdk").join(script)).args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out
}
