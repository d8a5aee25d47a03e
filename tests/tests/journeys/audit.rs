//! What an operator does with the books: seals them, verifies them, compares them with a file.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::harness::{World, binary, eventually, journeys, text};

impl World {
    /// Runs `rialto ledger …` on this world's database.
    fn ledger(&self, args: &[&str]) -> Output {
        let url = self.place.url.reveal();
        Command::new(binary()).arg("ledger").args(args).args(["--database-url", &url]).env_clear().output().unwrap()
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The last seal, as the commands print it.
fn anchor(out: &str) -> String {
    let line = out.lines().find_map(|line| line.strip_prefix("seal ")).unwrap_or_else(|| panic!("no seal in {out}"));
    line.replace(' ', ":")
}

async fn the_books_are_sealed_and_verified(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let pay = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": 7, "description": "Straße"});
    ada.api.post("/wallets/transfer", &pay).await.expect(200);
    let (code, first, err) = said(&world.ledger(&["seal"]));
    assert_eq!(code, Some(0), "{first}{err}");
    let kept = anchor(&first);
    ada.api.post("/wallets/transfer", &pay).await.expect(200);
    // The server does it by itself as well.
    let by_itself = async || {
        let (_, out, _) = said(&world.ledger(&["verify"]));
        (anchor(&out) != kept).then_some(out)
    };
    let verified = eventually("the job seals", by_itself).await;
    assert!(verified.contains("The books are right: 4 transfers"), "{verified}");
    assert!(world.server.log().contains("the ledger was sealed"));
    let (code, out, err) = said(&world.ledger(&["verify", "--anchor", &kept, "--anchor", &anchor(&verified)]));
    assert_eq!(code, Some(0), "{out}{err}");
    let wrong = format!("1:{}", "0".repeat(64));
    let (code, _, err) = said(&world.ledger(&["verify", "--anchor", &wrong]));
    assert!(code == Some(1) && err.contains("seal 1 has the hash"), "{err}");
    let (code, _, err) = said(&world.ledger(&["verify", "--anchor", &wrong.replacen('1', "99", 1)]));
    assert!(code == Some(1) && err.contains("seal 99 has been taken out"), "{err}");
    assert_eq!(said(&world.ledger(&["verify", "--anchor", "1:abc"])).0, Some(2));
}

async fn a_file_is_compared_with_an_account(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    for (amount, memo) in [(11, "po_1"), (12, "po_2"), (13, "po_3")] {
        let pay = json!({"from_wallet_id": ada.wallet, "to_wallet_id": bob.wallet, "amount": amount, "description": memo});
        ada.api.post("/wallets/transfer", &pay).await.expect(200);
    }
    let account = ada.api.get("/wallets/me").await.expect(200);
    let today = text(&account["updated_at"])[..10].to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payouts.csv");
    let path = file.to_str().unwrap();
    let columns = ["--column-reference", "id", "--column-amount", "net", "--column-date", "created", "--positive", "out"];
    let compare =
        |more: &[&str]| said(&world.ledger(&[&["reconcile", path, "--account", &ada.wallet][..], &columns, more].concat()));
    // What ada was greeted with came in: in a file of what goes out it is negative.
    let greeted = -500;
    let right = format!(
        "\u{feff}id,net,created\r\n po_3 ,13,{today}\r\n,{greeted},{today}\r\n\"po_1\",11.0,{today}\r\npo_2,12,{today}\r\n"
    );
    fs::write(&file, right).unwrap();
    let (code, out, err) = compare(&[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.lines().any(|line| line.split_whitespace().eq(["matched", "4", "464", "4", "464"])), "{out}");

    fs::write(&file, format!("id,net,created\npo_1,11,{today}\npo_1,11,{today}\npo_2,99,{today}\nzz,1,{today}\nbad,x,{today}\n"))
        .unwrap();
    let (code, out, err) = compare(&["--format", "json"]);
    assert!(code == Some(1) && err.contains("not everything matches"), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let count = |list: &str| found[list].as_array().unwrap().len();
    let counts = ["matched", "different", "missing_here", "missing_there", "duplicates", "ambiguous", "unreadable"].map(count);
    assert_eq!(counts, [1, 1, 1, 2, 1, 0, 1], "{out}");
    assert_eq!(
        (&found["different"][0]["theirs"]["amount"], &found["different"][0]["ours"]["amount"]),
        (&json!("-99"), &json!("-12"))
    );
    assert_eq!(found["unreadable"][0]["line"], 6);
    let (code, out, _) = compare(&["--format", "csv"]);
    assert_eq!((code, out.lines().count()), (Some(1), 1 + 7), "{out}");
    let (code, _, err) = compare(&["--column-date", "when"]);
    assert!(code == Some(1) || code == Some(2), "{err}");
    let (code, _, err) = said(&world.ledger(&["reconcile", path, "--account", &ada.id]));
    assert!(code == Some(1) && err.contains("there is no account"), "{err}");
}

journeys! { the_books_are_sealed_and_verified, a_file_is_compared_with_an_account }
