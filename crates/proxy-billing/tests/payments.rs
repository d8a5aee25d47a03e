//! Buying credits through a Stripe-compatible provider: a small HTTP server plays the provider.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::{AccountId, Amount, Caller, CredentialKind, OwnerId, Role, Timestamp};
use rialto_ledger::{
    LedgerStore,
    purchase::{
        Checkout, Draft, GatewayError, Packages, PaymentGateway, Purchase, PurchaseId, PurchaseStatus, cancel, prepare, record,
    },
    wallet::open_user_wallet,
};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy};
use rialto_proxy_billing::payments::{
    STRIPE, StripeConfig, StripeGateway,
    webhook::{Settled, StripeEvent, settle, verify},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const SECRET: &str = "whsec_test";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_764_000_000 + seconds) * 1_000_000)
}

/// Answers every request with `status` and `body`, and hands out what it was asked.
async fn provider(status: &'static str, body: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (seen, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            loop {
                let mut chunk = [0; 4096];
                let read = socket.read(&mut chunk).await.unwrap();
                request.extend_from_slice(chunk.get(..read).unwrap());
                let text = String::from_utf8_lossy(&request);
                let head = text.split_once("\r\n\r\n");
                let length = |head: &str| {
                    let line =
                        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                    line.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0)
                };
                if read == 0 || head.is_some_and(|(head, body)| body.len() >= length(head)) {
                    break;
                }
            }
            let _ = seen.send(String::from_utf8_lossy(&request).into_owned());
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (base, asked)
}

fn gateway(api_base: String) -> StripeGateway {
    let policy: OutboundPolicy = "127.0.0.1".parse().unwrap();
    let client = OutboundClient::new(policy, &ClientOptions::default()).unwrap();
    let public_url = "https://rialto.example/".to_owned();
    StripeGateway::new(client, StripeConfig { secret_key: "sk_test_1".into(), api_base, public_url })
}

fn caller(owner: OwnerId) -> Caller {
    Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

async fn draft(db: &Db) -> (Caller, AccountId, Draft) {
    let me = caller(OwnerId::new());
    let (wallet, draft) = db
        .write(async move |tx: &mut Tx| {
            let wallet = open_user_wallet(tx, me.owner, Amount::ZERO, at(0)).await.unwrap().id;
            Ok::<_, rialto_ledger::purchase::PurchaseError>((
                wallet,
                prepare(tx, &me, &Packages::default(), wallet, "starter").await?,
            ))
        })
        .await
        .unwrap();
    (me, wallet, draft)
}

/// A purchase with an open checkout, of which the provider knows by `session`.
async fn bought(db: &Db, session: &'static str) -> (Caller, AccountId, Purchase) {
    let (me, wallet, draft) = draft(db).await;
    let checkout = Checkout { provider: STRIPE, provider_reference: session.into(), checkout_url: None };
    let purchase = db.write(async move |tx: &mut Tx| record(tx, draft.clone(), checkout.clone(), at(0)).await).await.unwrap();
    (me, wallet, purchase)
}

/// Delivers an event as the route does: verified first.
async fn deliver(db: &Db, kind: &str, session: &str, purchase: PurchaseId, cents: i64) -> Settled {
    let body = serde_json::json!({ "type": kind, "data": { "object": {
        "id": session, "payment_status": "paid", "amount_total": cents, "currency": "usd", "metadata": { "purchase_id": purchase },
    } } })
    .to_string();
    let seconds = at(1).seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let header = format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()));
    verify(SECRET, &header, body.as_bytes(), at(2)).unwrap();
    let event = StripeEvent::parse(body.as_bytes()).unwrap().unwrap();
    db.write(async move |tx: &mut Tx| settle(tx, &event, at(2)).await).await.unwrap()
}

async fn balance(db: &Db, wallet: AccountId) -> i64 {
    db.read(async move |tx: &mut Tx| tx.find_account(wallet).await).await.unwrap().unwrap().balance
}

async fn a_checkout_is_opened_for_just_this_purchase(test: &TestDb) {
    let session = r#"{"id":"cs_test_1","object":"checkout.session","url":"https://pay.example/cs_test_1"}"#;
    let (base, mut asked) = provider("200 OK", session.into()).await;
    let (_, _, draft) = draft(&test.db).await;
    let checkout = gateway(base).create_checkout(&draft).await.unwrap();
    assert_eq!(checkout.provider_reference, "cs_test_1");
    assert_eq!(checkout.checkout_url.as_deref(), Some("https://pay.example/cs_test_1"));
    let request = asked.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (head, id) = (head.to_lowercase(), draft.id());
    assert!(head.starts_with("post /v1/checkout/sessions http/1.1"), "{head}");
    for header in
        ["authorization: bearer sk_test_1", &format!("idempotency-key: {id}"), "content-type: application/x-www-form-urlencoded"]
    {
        assert!(head.contains(header), "{header}\n{head}");
    }
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    for (name, value) in [
        ("mode", "payment".to_owned()),
        ("client_reference_id", id.to_string()),
        ("metadata[purchase_id]", id.to_string()),
        ("line_items[0][quantity]", "1".into()),
        ("line_items[0][price_data][currency]", "usd".into()),
        ("line_items[0][price_data][unit_amount]", "500".into()),
        ("line_items[0][price_data][product_data][name]", "500 credits".into()),
        ("success_url", format!("https://rialto.example/?purchase={id}&checkout=paid")),
    ] {
        assert_eq!(field(name), Some(value), "{name}");
    }
}

async fn a_provider_that_fails_is_told_from_one_that_refuses(test: &TestDb) {
    let (_, _, draft) = draft(&test.db).await;
    let ask = async |status, body: &str| {
        let (base, _asked) = provider(status, body.to_owned()).await;
        gateway(base).create_checkout(&draft).await.unwrap_err()
    };
    let refusal = r#"{"error":{"type":"invalid_request_error","message":"Invalid API Key"}}"#;
    let refused = ask("401 Unauthorized", refusal).await;
    assert!(matches!(&refused, GatewayError::Refused(why) if why.contains("Invalid API Key")), "{refused:?}");
    // What the provider said is for the log, not for the buyer.
    assert_eq!(refused.to_string(), "the payment provider refused the checkout");
    for (status, body) in [
        ("500 Internal Server Error", ""),
        ("429 Too Many Requests", "{}"),
        ("200 OK", "<html>"),
        ("200 OK", r#"{"id":""}"#),
        ("302 Found", ""),
    ] {
        let error = ask(status, body).await;
        let expected = status.starts_with("302");
        assert_eq!(matches!(error, GatewayError::Refused(_)), expected, "{status}: {error:?}");
    }
    let nobody = gateway("http://127.0.0.1:1".into()).create_checkout(&draft).await.unwrap_err();
    assert!(matches!(nobody, GatewayError::Unavailable(_)));
    let hidden = gateway("http://10.0.0.1".into()).create_checkout(&draft).await.unwrap_err();
    assert!(matches!(hidden, GatewayError::Unavailable(_)));
}

async fn a_paid_checkout_brings_the_credits_once(test: &TestDb) {
    let (_, wallet, purchase) = bought(&test.db, "cs_paid").await;
    for _ in 0..3 {
        let settled = deliver(&test.db, "checkout.session.completed", "cs_paid", purchase.id, 500).await;
        assert!(matches!(settled, Settled::Followed(done) if done.status == PurchaseStatus::Completed));
    }
    // Late news of its end changes nothing.
    deliver(&test.db, "checkout.session.expired", "cs_paid", purchase.id, 500).await;
    assert_eq!(balance(&test.db, wallet).await, 500);
}

async fn an_expired_checkout_brings_nothing_and_a_late_payment_still_counts(test: &TestDb) {
    let (me, wallet, purchase) = bought(&test.db, "cs_late").await;
    let settled = deliver(&test.db, "checkout.session.expired", "cs_late", purchase.id, 500).await;
    assert!(matches!(settled, Settled::Followed(lost) if lost.status == PurchaseStatus::Failed));
    let id = purchase.id;
    assert!(test.db.write(async move |tx: &mut Tx| cancel(tx, &me, id, at(3)).await).await.is_err());
    assert_eq!(balance(&test.db, wallet).await, 0);
    deliver(&test.db, "checkout.session.async_payment_succeeded", "cs_late", purchase.id, 500).await;
    assert_eq!(balance(&test.db, wallet).await, 500);
}

async fn a_checkout_that_is_not_ours_or_not_in_full_is_ignored(test: &TestDb) {
    let (_, wallet, purchase) = bought(&test.db, "cs_ours").await;
    let (_, _, other) = bought(&test.db, "cs_other").await;
    for (kind, session, id, cents) in [
        ("checkout.session.completed", "cs_somebody_elses", purchase.id, 500),
        ("checkout.session.completed", "cs_ours", other.id, 500),
        ("checkout.session.completed", "cs_ours", purchase.id, 1),
        ("checkout.session.created", "cs_ours", purchase.id, 500),
    ] {
        let settled = deliver(&test.db, kind, session, id, cents).await;
        assert!(matches!(settled, Settled::Ignored(_)), "{kind} {session}: {settled:?}");
    }
    assert_eq!(balance(&test.db, wallet).await, 0);
}

suite! {
    a_checkout_is_opened_for_just_this_purchase,
    a_provider_that_fails_is_told_from_one_that_refuses,
    a_paid_checkout_brings_the_credits_once,
    an_expired_checkout_brings_nothing_and_a_late_payment_still_counts,
    a_checkout_that_is_not_ours_or_not_in_full_is_ignored,
}
