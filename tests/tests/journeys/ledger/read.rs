//! Looking at the books over HTTP and at the shell: lists, balances at a time, statements, exports, and who sees what.

use std::process::Command;

use rialto_kernel::Id;
use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, Person, World, binary, journeys, text};

/// Pays, and gives the transfer.
async fn pay(from: &Person, to: &Person, amount: i64, more: Value) -> Value {
    let mut new = json!({
        "id": Id::<()>::new().to_string(), "debit_account_id": from.wallet, "credit_account_id": to.wallet, "amount": amount,
    });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = text(&new["id"]);
    from.api.post("/ledger/transfers", &new).await.expect(201);
    from.api.get(&format!("/ledger/transfers/{id}")).await.expect(200)
}

/// Reads a list to its end.
async fn all(api: &Api, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None);
    for _ in 0..1_000 {
        let join = if path.contains('?') { '&' } else { '?' };
        let more = cursor.as_ref().map(|cursor| format!("{join}cursor={cursor}")).unwrap_or_default();
        let page = api.get(&format!("{path}{more}")).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return items;
        }
    }
    panic!("{path} has no end");
}

fn numbers(items: &[Value], field: &str) -> Vec<i64> {
    items.iter().map(|item| item[field].as_i64().unwrap()).collect()
}

async fn a_history_is_read_page_by_page(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let reference = Id::<()>::new().to_string();
    let mut first = Value::Null;
    for n in 1..=9 {
        let more = if n % 3 == 0 { json!({"reference_id": reference, "memo": "for the map"}) } else { json!({}) };
        let paid = if n == 5 { pay(&bob, &ada, n, more).await } else { pay(&ada, &bob, n, more).await };
        first = if n == 1 { paid } else { first };
    }
    let entries = format!("/ledger/accounts/{}/entries", ada.wallet);
    let newest = all(&ada.api, &format!("{entries}?limit=2")).await;
    assert_eq!(numbers(&newest, "seq"), (1..=10).rev().collect::<Vec<_>>());
    assert_eq!(numbers(&newest[..3], "amount"), [9, 8, 7]);
    assert_eq!((&newest[0]["side"], &newest[0]["balance_after"]), (&json!("debit"), &json!(500 - 45 + 10)));
    let oldest = all(&ada.api, &format!("{entries}?limit=3&order=asc")).await;
    assert_eq!(oldest, newest.iter().rev().cloned().collect::<Vec<_>>());
    let of = async |query: &str| numbers(&all(&ada.api, &format!("{entries}?limit=1&{query}")).await, "amount");
    assert_eq!(of("side=credit").await, [5, 500]);
    assert_eq!(of(&format!("reference={reference}")).await, [9, 6, 3]);
    assert_eq!(of("min_amount=4&max_amount=6").await, [6, 5, 4]);
    assert_eq!(of("kind=1&kind=2").await, [500]);
    let at = text(&first["created_at"]);
    assert_eq!(of(&format!("to={at}")).await, [500]);
    assert_eq!(of(&format!("from={at}&order=asc")).await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let shared = all(&bob.api, &format!("/ledger/transfers?reference={reference}&limit=2")).await;
    assert_eq!(numbers(&shared, "amount"), [3, 6, 9]);
    assert!(shared.iter().all(|transfer| transfer["debit_balance_after"].is_null() && transfer["credit_balance_after"].is_i64()));
    let eve = world.person("eve").await;
    assert_eq!(all(&eve.api, &format!("/ledger/transfers?reference={reference}")).await, Vec::<Value>::new());
}

async fn all_accounts_of_an_owner_are_one_history(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Echo).await;
    let agent = bob.register_agent("Agent", &endpoint, Some(30)).await;
    ada.invoke(&agent, json!({})).await.expect(200);
    pay(&ada, &bob, 7, json!({})).await;
    ada.invoke(&agent, json!({})).await.expect(200);
    let mine = all(&bob.api, "/ledger/accounts?limit=1").await;
    let codes: Vec<_> = mine.iter().map(|account| text(&account["code"])).collect();
    assert_eq!(codes, ["user", "agent"]);
    assert_eq!(all(&bob.api, "/ledger/accounts?code=agent&asset=CREDIT&state=open").await, mine[1..]);
    let history = all(&bob.api, "/ledger/entries?limit=1").await;
    assert_eq!(numbers(&history, "amount"), [30, 7, 30, 500]);
    assert_eq!(numbers(&all(&bob.api, "/ledger/entries?code=agent&order=asc").await, "amount"), [30, 30]);
    let holds = all(&ada.api, &format!("/ledger/accounts/{}/holds?limit=1&state=posted", ada.wallet)).await;
    assert_eq!(numbers(&holds, "posted_amount"), [30, 30]);
    assert_eq!(all(&ada.api, &format!("/ledger/accounts/{}/holds?state=pending", ada.wallet)).await, Vec::<Value>::new());
    let hold = ada.api.get(&format!("/ledger/holds/{}", text(&holds[0]["id"]))).await.expect(200);
    assert_eq!(hold, holds[0]);
    bob.api.get("/ledger/accounts?all=true").await.expect_problem(403);
    bob.api.get(&format!("/ledger/entries?owner_id={}", ada.id)).await.expect_problem(403);
    bob.api.get(&format!("/ledger/accounts?owner_id={}", ada.id)).await.expect_problem(403);
}

async fn a_balance_is_known_for_every_moment(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let paid = pay(&ada, &bob, 120, json!({})).await;
    pay(&ada, &bob, 80, json!({})).await;
    let balance = async |query: &str| ada.api.get(&format!("/ledger/accounts/{}/balance{query}", ada.wallet)).await.expect(200);
    let now = balance("").await;
    assert_eq!((&now["posted"], &now["available"], &now["held_out"]), (&json!(300), &json!(300), &json!(0)));
    let then = balance(&format!("?at={}", text(&paid["created_at"]))).await;
    assert_eq!((&then["posted"], &then["asset"], &then["at"]), (&json!(380), &json!("CREDIT"), &paid["created_at"]));
    for (at, posted) in [("1999-01-01T00:00:00Z", 0), ("9999-12-31T23:59:59Z", 300), ("0001-01-01T00:00:00Z", 0)] {
        assert_eq!(balance(&format!("?at={at}")).await["posted"], posted, "{at}");
    }
    let account = ada.api.get(&format!("/ledger/accounts/{}", ada.wallet)).await.expect(200);
    assert_eq!((&account["posted"], &account["code"], &account["entry_count"]), (&json!(300), &json!("user"), &json!(3)));
}

async fn a_statement_is_json_or_csv(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let first = pay(&ada, &bob, 20, json!({"memo": "=HYPERLINK(\"http://example.com\")"})).await;
    let second = pay(&bob, &ada, 5, json!({"memo": "back, \"thanks\""})).await;
    let path = format!("/ledger/accounts/{}/statement", ada.wallet);
    let (from, to) = (text(&first["created_at"]), text(&second["created_at"]));
    let month = ada.api.get(&format!("{path}?from={from}")).await.expect(200);
    let totals =
        ["opening_balance", "total_debits", "total_credits", "closing_balance"].map(|field| month[field].as_i64().unwrap());
    assert_eq!(totals, [500, 20, 5, 485]);
    assert_eq!(numbers(month["lines"].as_array().unwrap(), "balance"), [480, 485]);
    let before = ada.api.get(&format!("{path}?from={from}&to={to}")).await.expect(200);
    assert_eq!((before["closing_balance"].as_i64(), before["lines"].as_array().unwrap().len()), (Some(480), 1));
    let sheet = ada.api.with("accept", "text/csv").get(&format!("{path}?from={from}")).await;
    sheet.expect(200);
    assert_eq!(sheet.header("content-type"), Some("text/csv; charset=utf-8"));
    let sheet = sheet.text();
    let lines: Vec<&str> = sheet.lines().collect();
    assert_eq!(lines.len(), 5, "{sheet}");
    assert!(lines[1].starts_with("opening,") && lines[1].ends_with(",CREDIT,,,500"), "{sheet}");
    assert!(lines[2].contains(",\"'=HYPERLINK(\"\"http://example.com\"\")\",CREDIT,20,,480"), "{sheet}");
    assert!(lines[3].contains(",\"back, \"\"thanks\"\"\",CREDIT,,5,485"), "{sheet}");
    assert!(lines[4].ends_with(",CREDIT,20,5,485"), "{sheet}");
    // JSON for whoever takes anything.
    let any = ada.api.with("accept", "*/*").get(&path).await;
    assert_eq!(any.expect(200)["closing_balance"], 485);
}

async fn only_those_whom_it_concerns_may_look(world: &mut World) {
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    let paid = text(&pay(&ada, &bob, 20, json!({})).await["id"]);
    let unknown = Id::<()>::new().to_string();
    for path in ["", "/entries", "/balance", "/statement", "/holds"] {
        eve.api.get(&format!("/ledger/accounts/{}{path}", ada.wallet)).await.expect_problem(403);
        world.stranger().get(&format!("/ledger/accounts/{}{path}", ada.wallet)).await.expect_problem(401);
        eve.api.get(&format!("/ledger/accounts/{unknown}{path}")).await.expect_problem(404);
        eve.api.get(&format!("/ledger/accounts/no-id{path}")).await.expect_problem(422);
    }
    eve.api.get(&format!("/ledger/transfers/{paid}")).await.expect_problem(403);
    assert_eq!(bob.api.get(&format!("/ledger/transfers/{paid}")).await.expect(200)["credit_balance_after"], 520);
    for path in ["transfers", "holds"] {
        eve.api.get(&format!("/ledger/{path}/{unknown}")).await.expect_problem(404);
    }
    // The house is for administrators.
    eve.api.get("/ledger/accounts/00000000-0000-8000-8000-000000000101").await.expect_problem(403);
}

async fn what_makes_no_sense_is_refused(world: &mut World) {
    let ada = world.person("ada").await;
    let account = format!("/ledger/accounts/{}", ada.wallet);
    let entries = format!("{account}/entries");
    let own = ada.api.get(&format!("{entries}?limit=1")).await.expect(200);
    assert_eq!(own["next_cursor"], Value::Null);
    let bob = world.person("bob").await;
    pay(&ada, &bob, 1, json!({})).await;
    let cursor = text(&ada.api.get(&format!("{entries}?limit=1")).await.expect(200)["next_cursor"]);
    let kinds = "&kind=1".repeat(51);
    let long = "A".repeat(4_000);
    let asked = [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999",
        "cursor=x",
        "cursor=%00",
        "cursor=",
        "cursor=AQ",
        "cursor=____________",
        &format!("cursor={long}"),
        &format!("order=asc&cursor={cursor}"),
        "order=up",
        "side=left",
        "kind=x",
        "kind=99999999999",
        &kinds[1..],
        "reference=x",
        "from=yesterday",
        "to=2026-99-01T00:00:00Z",
        "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "min_amount=-1",
        "max_amount=9007199254740992",
    ];
    for query in asked {
        let problem = ada.api.get(&format!("{entries}?{query}")).await.expect_problem(422);
        assert_eq!(problem["type"], "validation-failed", "{query}");
    }
    for at in ["tomorrow", "", "2026-11-22", "12", "%2B262142-01-01T00:00:00Z"] {
        ada.api.get(&format!("{account}/balance?at={at}")).await.expect_problem(422);
    }
    let refused = [
        format!("/ledger/entries?cursor={cursor}"),
        "/ledger/entries?asset=gold".into(),
        "/ledger/entries?owner_id=x".into(),
        format!("/ledger/accounts?cursor={cursor}"),
        "/ledger/accounts?state=lost".into(),
        format!("/ledger/accounts?code={long}"),
        format!("{account}/holds?state=lost"),
        format!("{account}/holds?cursor={cursor}"),
        "/ledger/transfers".into(),
        "/ledger/transfers?reference=x".into(),
        format!("{account}/statement?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"),
    ];
    for path in refused {
        ada.api.get(&path).await.expect_problem(422);
    }
}

/// Runs a command of the ledger on the world's database, next to its server.
fn shell(world: &World, arguments: &[&str]) -> (bool, String) {
    let url = world.place.url.reveal();
    let output =
        Command::new(binary()).arg("ledger").args(arguments).args(["--database-url", &url]).env_clear().output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

async fn the_books_are_exported_and_stated_at_the_shell(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let first = pay(&ada, &bob, 20, json!({"memo": "=1+1", "metadata": {"order": "42"}})).await;
    pay(&bob, &ada, 5, json!({})).await;
    let (done, lines) = shell(world, &["export"]);
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(done && rows.len() == 4, "{lines}");
    assert_eq!((&rows[2]["id"], &rows[2]["memo"], &rows[2]["metadata"]["order"]), (&first["id"], &json!("=1+1"), &json!("42")));
    let from = text(&first["created_at"]);
    let (_, sheet) = shell(world, &["export", "--format", "csv", "--account", &ada.wallet, "--from", &from]);
    let cells: Vec<&str> = sheet.lines().collect();
    assert_eq!(cells.len(), 3, "{sheet}");
    assert!(cells[0].starts_with("no,id,created_at,") && cells[1].contains(",'=1+1,\"{\"\"order\"\":\"\"42\"\"}\","), "{sheet}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let (done, said) = shell(world, &["export", "--output", file.to_str().unwrap(), "--to", "2001-01-01"]);
    assert!(done && said.is_empty() && std::fs::read_to_string(&file).unwrap().is_empty(), "{said}");
    let (done, table) = shell(world, &["statement", &ada.wallet, "--from", &from]);
    let (last, lines) = (table.lines().last().unwrap(), table.lines().skip(3).count());
    assert!(done && lines == 5 && last.contains(" 20 ") && last.contains(" 485 "), "{table}");
    let (_, object) = shell(world, &["statement", &ada.wallet, "--format", "json"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    let over_http = ada.api.get(&format!("/ledger/accounts/{}/statement", ada.wallet)).await.expect(200);
    assert_eq!(object, over_http);
    let (_, sheet) = shell(world, &["statement", &ada.wallet, "--format", "csv"]);
    assert_eq!(sheet, ada.api.with("accept", "text/csv").get(&format!("/ledger/accounts/{}/statement", ada.wallet)).await.text());
    // What is there stays when there is nothing better.
    let (done, _) = shell(world, &["statement", &bob.id, "--output", file.to_str().unwrap()]);
    assert!(!done && file.exists());
    for wrong in [
        ["statement", "no-id"].as_slice(),
        &["statement", &bob.id],
        &["export", "--from", "x"],
        &["export", "--account", &bob.id],
    ] {
        let (done, said) = shell(world, wrong);
        assert!(!done && !said.is_empty(), "{wrong:?}: {said}");
    }
}

async fn an_account_is_frozen_and_closed_at_the_shell(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let move_one = async |from: &Person, to: &Person| {
        let new = json!({"debit_account_id": from.wallet, "credit_account_id": to.wallet, "amount": 1});
        from.api.post("/ledger/transfers", &new).await
    };
    let (done, said) = shell(world, &["freeze", &ada.wallet]);
    assert!(done && said.contains("is frozen"), "{said}");
    move_one(&ada, &bob).await.expect_problem(409);
    move_one(&bob, &ada).await.expect(201);
    let (done, said) = shell(world, &["unfreeze", &ada.wallet]);
    assert!(done && said.contains("is open"), "{said}");
    move_one(&ada, &bob).await.expect(201);
    let (done, said) = shell(world, &["close", &ada.wallet]);
    assert!(!done && said.contains("is not empty"), "{said}");
    let all = json!({"debit_account_id": ada.wallet, "credit_account_id": bob.wallet, "amount": 500});
    ada.api.post("/ledger/transfers", &all).await.expect(201);
    let (done, said) = shell(world, &["close", &ada.wallet]);
    assert!(done && said.contains("is closed"), "{said}");
    move_one(&bob, &ada).await.expect_problem(409);
    let (done, said) = shell(world, &["freeze", &ada.id]);
    assert!(!done && said.contains("there is no account"), "{said}");
}

/// A command must not read, or seal, tables that it does not understand.
async fn a_schema_that_is_not_ours_is_refused_at_the_shell(world: &mut World) {
    let change = async |sql: &'static str| {
        let db = rialto_store::Db::open(&world.place.url, &rialto_store::DbOptions::default()).await.unwrap();
        db.write(async move |tx: &mut rialto_store::Tx| tx.batch(sql).await).await.unwrap();
    };
    let refused = |said: &str| {
        for command in ["verify", "seal", "export"] {
            let (done, output) = shell(world, &[command]);
            assert!(!done && output.contains(said), "{command}: {output}");
        }
    };
    change("UPDATE schema_migrations SET name = '9999_ledger_later' WHERE name = '0022_ledger_holds'").await;
    refused("9999_ledger_later");
    change("DELETE FROM schema_migrations WHERE name = '9999_ledger_later'").await;
    refused("0022_ledger_holds");
    let back = if world.place.url.reveal().starts_with("postgres") {
        "INSERT INTO schema_migrations (name, applied_at) VALUES ('0022_ledger_holds', now())"
    } else {
        "INSERT INTO schema_migrations (name, applied_at) VALUES ('0022_ledger_holds', 0)"
    };
    change(back).await;
    assert!(shell(world, &["verify"]).0);
}

journeys! {
    an_account_is_frozen_and_closed_at_the_shell,
    a_schema_that_is_not_ours_is_refused_at_the_shell,
    a_history_is_read_page_by_page,
    all_accounts_of_an_owner_are_one_history,
    a_balance_is_known_for_every_moment,
    a_statement_is_json_or_csv,
    only_those_whom_it_concerns_may_look,
    what_makes_no_sense_is_refused,
    the_books_are_exported_and_stated_at_the_shell,
}
