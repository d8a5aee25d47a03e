//! The official Python SDK of the first reference, from PyPI, unmodified: `tests/sdk/journey.py` calls every method of its clients,
//! with an API key and with a token, and every tool of its MCP server.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::json;
use tokio::sync::OnceCell;

use crate::harness::{World, journeys, repository, text};

/// `mcp` 2 has renamed what version 0.4.0 of the SDK imports.
const PACKAGES: [&str; 2] = ["intuno-sdk[mcp]==0.4.0", "mcp<2"];

/// The Python with the SDK in it, made once; `None`, with a line that says so, where it cannot be had.
async fn python() -> Option<&'static Path> {
    static PYTHON: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let install = || async { tokio::task::spawn_blocking(|| install("intuno-sdk-0.4.0", &PACKAGES)).await.unwrap() };
    PYTHON.get_or_init(install).await.as_deref()
}

/// The Python with these packages in it, at this place.
pub fn install(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (python, done) = (place.join("bin/python"), place.join("installed"));
    if done.exists() {
        return Some(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
    let installed = made.and_then(|()| {
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout=15", "--retries=1"])
            .args(packages))
    });
    match installed {
        Ok(()) => {
            std::fs::write(done, "").unwrap();
            Some(python)
        }
        Err(why) => {
            // Not by a macro: what those write is kept from whoever runs the tests.
            let _ = writeln!(std::io::stderr(), "skipped: {name} cannot be installed from PyPI here: {why}");
            None
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said.lines().last().unwrap_or("it failed").to_owned()) }
}

async fn the_official_sdk_works_unmodified(world: &mut World) {
    let Some(python) = python().await else { return };
    let ada = world.person("ada").await;
    ada.set_balance(100_000).await;
    let key = ada.api.post("/auth/api-keys", &json!({"name": "sdk"})).await.expect(201);
    let login = json!({"email": ada.email, "password": crate::harness::PASSWORD});
    let token = world.stranger().post("/auth/login", &login).await.expect(200);
    let mut journey = Command::new(python);
    journey
        .arg(repository().join("tests/sdk/journey.py"))
        .args([world.server.base(), &text(&key["key"]), &text(&token["access_token"])])
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || journey.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{out}");
    assert!(output.status.success(), "{out}\n{err}");
}

journeys! {
    the_official_sdk_works_unmodified,
}
