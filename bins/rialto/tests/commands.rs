//! The commands, as a person at a shell meets them.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// An empty folder for one test.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("commands-{test}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program in `folder`, with `input` on standard input.
fn rialto(folder: &PathBuf, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rialto"))
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn says(output: &Output, success: bool, text: &str) {
    let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), success, "{all}");
    assert!(all.contains(text), "expected {text:?} in:\n{all}");
}

#[test]
fn the_help_names_every_command_and_says_where_settings_come_from() {
    let folder = folder("help");
    let help = rialto(&folder, &["--help"], "");
    for text in ["serve", "demo", "migrate", "admin", "ledger", "openapi", "health", "rialto.toml", "RIALTO_LISTEN", "Examples:"]
    {
        says(&help, true, text);
    }
    says(&rialto(&folder, &["--version"], ""), true, env!("CARGO_PKG_VERSION"));
    says(&rialto(&folder, &["serve", "--lisen", "x"], ""), false, "--lisen");
    says(&rialto(&folder, &["dance"], ""), false, "dance");
}

#[test]
fn migrating_twice_does_nothing_the_second_time() {
    let folder = folder("migrate");
    says(&rialto(&folder, &["migrate"], ""), true, "0 migrations were applied before");
    says(&rialto(&folder, &["migrate"], ""), true, ", 0 now");
    assert!(folder.join("rialto.db").exists());
}

#[test]
fn an_administrator_is_made_once_and_the_books_are_right() {
    let folder = folder("admin");
    let create = ["admin", "create", "--email", "ada@example.com"];
    says(&rialto(&folder, &create, "\n"), false, "must not be empty");
    says(&rialto(&folder, &create, "correct horse battery staple\n"), true, "ada@example.com is an administrator now");
    says(&rialto(&folder, &create, "correct horse battery staple\n"), true, "nothing was changed");
    says(&rialto(&folder, &["ledger", "verify"], ""), true, "The books are right");
}

#[test]
fn a_database_that_cannot_be_opened_is_named() {
    let folder = folder("unopened");
    says(&rialto(&folder, &["migrate", "--database-url", "sqlite:./no/such/folder/x.db"], ""), false, "x.db");
    says(&rialto(&folder, &["migrate", "--database-url", "postgres://nobody@127.0.0.1:1/none"], ""), false, "127.0.0.1:1");
    says(&rialto(&folder, &["serve", "--database-url", "postgres://nobody@127.0.0.1:1/none"], ""), false, "RIALTO_JWT_SECRET");
}

#[test]
fn the_health_check_fails_when_nothing_answers() {
    says(&rialto(&folder("health"), &["health", "--address", "127.0.0.1:1"], ""), false, "rialto:");
}
