//! The official client of the protocol, from PyPI, against agents of ours.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::json;

use crate::harness::{Agent, Answer, PASSWORD, World, journeys, text};

/// What is installed.
const PACKAGE: &str = "a2a-sdk==1.3.0";

/// A Python with the client in it, made once; `None`, with a line that says so, when it cannot be had.
fn python() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a2a-sdk");
    let python = home.join("bin/python");
    let has_it = || ran(Command::new(&python).args(["-c", "import a2a.client"])).is_ok();
    if has_it() {
        return Some(python);
    }
    let (mut venv, mut pip) = (Command::new("python3"), Command::new(home.join("bin/pip")));
    let steps = [
        ("python3 -m venv", venv.args(["-m", "venv"]).arg(&home)),
        ("pip install", pip.args(["install", "--quiet", "--retries", "1", PACKAGE])),
    ];
    for (what, command) in steps {
        if let Err(why) = ran(command) {
            // Not by a macro: what those write is kept from whoever runs the tests.
            let _ = writeln!(std::io::stderr(), "skipped: {PACKAGE} cannot be had here ({what}): {why}");
            return None;
        }
    }
    has_it().then_some(python)
}

fn ran(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(output) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

async fn token(world: &World, email: &str) -> String {
    let login = json!({"email": email, "password": PASSWORD});
    text(&world.stranger().post("/auth/login", &login).await.expect(200)["access_token"])
}

async fn the_official_client_completes_send_stream_get_and_cancel(world: &mut World) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _guard = ONE_AT_A_TIME.lock().await;
    let Some(python) = tokio::task::spawn_blocking(python).await.unwrap() else { return };
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (quick, slow) = (Agent::start(Answer::Echo).await, Agent::start(Answer::Slow(Duration::from_secs(20))).await);
    let echo = bob.register_agent("Echo", &quick, Some(10)).await;
    let patient = bob.register_agent("Patient", &slow, Some(10)).await;
    let script = tempfile::tempdir().unwrap();
    let file = script.path().join("client.py");
    std::fs::write(&file, include_str!("sdk_client.py")).unwrap();
    let address = |agent: &serde_json::Value| format!("{}/a2a/agents/{}", world.server.base(), text(&agent["agent_id"]));
    let mut command = Command::new(python);
    command.arg(file).args([address(&echo), address(&patient), token(world, &ada.email).await]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.lines().filter(|line| line.ends_with("all well")).count(), 3, "{out}");
    // Two calls of each journey were answered, and one canceled: 20 credits each.
    assert_eq!(ada.balance().await, 500 - 3 * 20);
}

journeys! { the_official_client_completes_send_stream_get_and_cancel }
