//! The examples do what they say, word for word.

use std::process::Command;

use rialto_store::testing::{Kind as Database, TestPlace};

/// Runs an example as a reader would, and returns what it prints.
fn run(name: &str, arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", "rialto-ledger", "--example", name]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.arg("--").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn embed() {
    let expected = "4.00 USDC became 80 credits, 20 for a dollar\n\
        70 are held: the balance is 80, 10 are available\n\
        a second parcel is refused: 10 available, 70 asked\n\
        50 are paid: 30 and 50; asked again, it existed: true\n";
    assert_eq!(run("embed", &[]), expected);
}

#[tokio::test]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.db");
    let first = run("sqlite", &[file.to_str().unwrap()]);
    assert!(first.starts_with("the invoice is paid now; the till has 120\nand a thousand more: 1120\n"), "{first}");
    let second = run("sqlite", &[file.to_str().unwrap()]);
    assert!(
        second.starts_with("the invoice was paid by an earlier run; the till has 1120\nand a thousand more: 2120\n"),
        "{second}"
    );
    assert!(second.ends_with(" are verified: None is wrong\n"), "{second}");
}

#[tokio::test]
async fn postgres() {
    let Some(place) = TestPlace::new(Database::Postgres).await else { return };
    let expected = "a lamp for 30: the buyer has 20 left\nno second lamp: 20 are not 30\n";
    assert_eq!(run("postgres", &[&place.url.reveal()]), expected);
}
