//! Deposits by PayPal.

use std::sync::Arc;

use futures_util::future::join_all;
use rialto_kernel::{Amount, Asset, OwnerId};
use rialto_ledger::purchase::GatewayError;
use rialto_proxy_billing::payments::{
    Heard, HookError,
    deposit::{Deposit, DepositDraft, DepositError, DepositId, DepositProvider, DepositStatus, capture},
    paypal::{PayPal, PayPalHeaders, hear},
};
use rialto_store::{suite, testing::TestDb};
use serde_json::{Value, json};

use super::{
    fake::{PayPalServer, header},
    world::{NOON, balance, clock, deposit, owner, paypal, providers, read, spend},
};

fn draft(usdc: &str) -> DepositDraft {
    let amount = Amount::from_decimal(usdc, Asset::USDC).unwrap();
    DepositDraft { id: DepositId::new(), owner: OwnerId::new(), amount }
}

fn signed() -> PayPalHeaders {
    let text = |text: &str| text.to_owned();
    PayPalHeaders {
        transmission_id: text("69cd13f0-d67a-11e5-baa3-778b53f4ae55"),
        transmission_time: text("2026-11-22T12:00:00Z"),
        transmission_sig: text("good"),
        cert_url: text("https://api.paypal.com/v1/notifications/certs/CERT"),
        auth_algo: text("SHA256withRSA"),
    }
}

fn usd(value: &str) -> Value {
    json!({"currency_code": "USD", "value": value})
}

fn approved(order: &str) -> Value {
    json!({"id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": order, "status": "APPROVED"}})
}

fn captured(kind: &str, deposit: &Deposit) -> Value {
    let ids = json!({"related_ids": {"order_id": deposit.rail_reference}});
    let capture = format!("CAP-{}", deposit.rail_reference);
    json!({"event_type": format!("PAYMENT.CAPTURE.{kind}"), "resource": {"id": capture, "custom_id": deposit.id, "supplementary_data": ids}})
}

async fn tell(test: &TestDb, provider: &PayPal, event: &Value) -> Result<Heard, HookError> {
    hear(&test.db, provider, &signed(), event.to_string().as_bytes(), &clock()).await
}

async fn an_order_is_opened_for_just_this_deposit_and_once(_: &TestDb) {
    let server = PayPalServer::start().await;
    let provider = paypal(server.base());
    let draft = draft("10.50");
    let all = join_all((0..20).map(|_| provider.open_checkout(&draft))).await;
    let first = all[0].clone().unwrap();
    assert!(all.iter().all(|checkout| checkout.as_ref() == Ok(&first)), "a repeat opens no other");
    let url = first.checkout_url.as_deref();
    assert_eq!((first.provider, url), ("paypal", Some("https://www.sandbox.paypal.com/checkoutnow?token=ORDER1")));
    let (head, body) = server.knows().opened.clone();
    assert_eq!(header(&head, "paypal-request-id"), Some(draft.id.to_string().as_str()));
    assert_eq!(body["intent"], "CAPTURE");
    let unit = &body["purchase_units"][0];
    assert_eq!((&unit["custom_id"], &unit["amount"]), (&json!(draft.id), &json!({"currency_code": "USD", "value": "10.50"})));
    let context = &body["payment_source"]["paypal"]["experience_context"];
    assert_eq!(context["return_url"], format!("https://rialto.example/?checkout=paid&deposit={}", draft.id));
    assert_eq!(context["cancel_url"], format!("https://rialto.example/cancelled?deposit={}", draft.id));
    assert_eq!(server.knows().tokens, 1, "one token for all");
    server.end_tokens();
    assert_eq!(provider.open_checkout(&draft).await, Ok(first), "a token that is not accepted any more is replaced");
    assert_eq!(server.knows().tokens, 2);
    let odd = Amount::new(10_001).unwrap();
    assert_eq!(provider.check(odd), Err(DepositError::NotCents("paypal")));
}

async fn a_provider_that_fails_is_told_from_one_that_refuses(_: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, draft) = (paypal(server.base()), draft("1"));
    for (status, passes) in [(500, true), (503, true), (429, true), (400, false), (403, false)] {
        server.knows().down = Some(status);
        let error = provider.open_checkout(&draft).await.unwrap_err();
        assert_eq!(matches!(error, GatewayError::Unavailable(_)), passes, "{status}: {error:?}");
        assert!(!error.to_string().contains("internal error"), "what it said is for the log");
    }
    server.knows().down = None;
    assert!(provider.open_checkout(&draft).await.is_ok());
    server.knows().hangs = true;
    let late = provider.open_checkout(&draft).await;
    assert!(matches!(late, Err(GatewayError::Unavailable(_))), "{late:?}");
    let nobody = paypal("http://127.0.0.1:1").open_checkout(&draft).await;
    assert!(matches!(nobody, Err(GatewayError::Unavailable(_))), "{nobody:?}");
    let hidden = paypal("http://10.0.0.1").open_checkout(&draft).await;
    assert!(matches!(hidden, Err(GatewayError::Unavailable(_))), "{hidden:?}");
}

async fn twenty_events_at_once_bring_the_money_once(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10.50", NOON).await;
    let early = tell(test, &provider, &approved(&deposit.rail_reference)).await.unwrap();
    assert!(matches!(&early, Heard::Followed(same) if same.status == DepositStatus::Pending), "PayPal knows better: {early:?}");
    server.approve(&deposit.rail_reference);
    let event = Arc::new(approved(&deposit.rail_reference));
    let mut busy = 0;
    for _ in 0..2 {
        let heard = join_all((0..20).map(|_| tell(test, &provider, &event))).await;
        for heard in heard {
            match heard {
                Ok(Heard::Followed(deposit)) => assert_eq!(deposit.status, DepositStatus::Completed),
                // Sixteen are verified at once; PayPal sends the others again.
                Err(HookError::Busy) => busy += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(busy <= 8, "{busy}");
    assert_eq!((balance(&test.db, &me).await, server.knows().captures), (10_500_000, 1));
    let done = read(&test.db, deposit.id).await;
    assert_eq!((done.rail_payment.as_deref(), done.ask_at), (Some("CAP-ORDER1"), None));
    // Late news changes nothing.
    tell(test, &provider, &captured("DENIED", &deposit)).await.unwrap();
    assert_eq!(read(&test.db, deposit.id).await, done);
}

async fn an_event_is_believed_only_if_paypal_says_that_it_signed_it(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "1", NOON).await;
    server.approve(&deposit.rail_reference);
    let event = approved(&deposit.rail_reference).to_string();
    let with = async |headers: PayPalHeaders, body: &str| hear(&test.db, &provider, &headers, body.as_bytes(), &clock()).await;
    let forged = PayPalHeaders { transmission_sig: "forged".into(), ..signed() };
    assert_eq!(with(forged, &event).await, Err(HookError::NotSigned));
    assert_eq!(with(PayPalHeaders::default(), &event).await, Err(HookError::NotSigned));
    assert_eq!(with(PayPalHeaders { cert_url: "x".repeat(2_000), ..signed() }, &event).await, Err(HookError::NotSigned));
    for made_up in [
        PayPalHeaders { cert_url: "https://paypal.com.evil.example/cert".into(), ..signed() },
        PayPalHeaders { transmission_time: "2026-11-12T12:00:00Z".into(), ..signed() },
        PayPalHeaders { auth_algo: "none".into(), ..signed() },
    ] {
        let tokens = server.knows().tokens;
        server.end_tokens();
        assert_eq!(with(made_up, &event).await, Err(HookError::NotSigned));
        assert_eq!(server.knows().tokens, tokens, "PayPal is not asked");
    }
    for body in ["", "{", "[]", "{}", r#"{"event_type":"CHECKOUT.ORDER.APPROVED"}"#] {
        assert_eq!(with(signed(), body).await, Err(HookError::Malformed), "{body}");
    }
    let other = json!({"event_type": "BILLING.PLAN.CREATED", "resource": {"id": "P1"}}).to_string();
    for body in [approved("ORDER99").to_string(), approved("../../x").to_string(), other] {
        assert!(matches!(with(signed(), &body).await, Ok(Heard::Ignored(_))), "{body}");
    }
    server.knows().down = Some(500);
    assert!(matches!(with(signed(), &event).await, Err(HookError::Gateway(GatewayError::Unavailable(_)))));
    assert_eq!(balance(&test.db, &me).await, 0);
    server.knows().down = None;
    assert!(with(signed(), &event).await.is_ok(), "sent again, it is heard");
    assert_eq!(balance(&test.db, &me).await, 1_000_000);
}

async fn what_is_held_waits_what_is_declined_fails_and_late_money_counts(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let providers = providers(provider.clone());
    let deposit = deposit(&test.db, &providers, &me, "2", NOON).await;
    server.knows().captured = Some("PENDING");
    server.approve(&deposit.rail_reference);
    let held = capture(&test.db, &providers, &me, deposit.id, &clock()).await.unwrap();
    assert_eq!(held.status, DepositStatus::Pending);
    assert!(held.note.as_deref().is_some_and(|note| note.contains("holds")), "{held:?}");
    let set = |capture: &'static str| server.knows().orders.get_mut("ORDER1").unwrap().capture = Some(capture);
    set("DECLINED");
    tell(test, &provider, &captured("DENIED", &deposit)).await.unwrap();
    let failed = read(&test.db, deposit.id).await;
    assert_eq!((failed.status, balance(&test.db, &me).await), (DepositStatus::Failed, 0));
    set("COMPLETED");
    tell(test, &provider, &captured("COMPLETED", &deposit)).await.unwrap();
    let done = read(&test.db, deposit.id).await;
    assert_eq!((done.status, done.note, balance(&test.db, &me).await), (DepositStatus::Completed, None, 2_000_000));
    assert_eq!(capture(&test.db, &providers, &me, deposit.id, &clock()).await.unwrap().status, DepositStatus::Completed);
    let stranger = owner(&test.db).await;
    let refused = capture(&test.db, &providers, &stranger, deposit.id, &clock()).await;
    assert!(matches!(refused, Err(DepositError::Forbidden(_))), "{refused:?}");
}

async fn only_the_very_amount_completes_a_deposit(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10", NOON).await;
    server.knows().orders.get_mut("ORDER1").unwrap().value = "9.99".into();
    server.approve("ORDER1");
    tell(test, &provider, &approved("ORDER1")).await.unwrap();
    let same = read(&test.db, deposit.id).await;
    assert_eq!((same.status, balance(&test.db, &me).await), (DepositStatus::Pending, 0));
    assert!(same.note.as_deref().is_some_and(|note| note.contains("9.99 USD")), "{same:?}");
}

async fn a_refund_is_written_down_and_what_went_back_is_not_credited(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let providers = providers(provider.clone());
    let spent = deposit(&test.db, &providers, &me, "3", NOON).await;
    server.approve("ORDER1");
    tell(test, &provider, &approved("ORDER1")).await.unwrap();
    let up = json!([{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/CAP-ORDER1"}]);
    let refund = json!({"event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": {"id": "REF1", "links": up, "amount": usd("1")}});
    let all = join_all((0..8).map(|_| tell(test, &provider, &refund))).await;
    assert!(all.iter().all(|heard| matches!(heard, Ok(Heard::Followed(_)))), "{all:?}");
    let back = read(&test.db, spent.id).await;
    assert_eq!((back.status, back.returned_at, back.returned.get()), (DepositStatus::Completed, Some(NOON), 1_000_000));
    assert_eq!(balance(&test.db, &me).await, 2_000_000, "a part, once");
    // What was spent cannot be taken: it is owed.
    spend(&test.db, &me, 1_500_000).await;
    let rest = json!({"event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": {"id": "REF2", "links": up, "amount": usd("2")}});
    tell(test, &provider, &rest).await.unwrap();
    tell(test, &provider, &captured("REVERSED", &spent)).await.unwrap();
    let back = read(&test.db, spent.id).await;
    assert_eq!((back.returned.get(), back.owed.get(), balance(&test.db, &me).await), (3_000_000, 1_500_000, 0));
    let nameless = json!({"event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": {"id": "REF3", "links": up}});
    assert_eq!(tell(test, &provider, &nameless).await, Err(HookError::Malformed));

    let never = deposit(&test.db, &providers, &me, "4", NOON).await;
    tell(test, &provider, &captured("REVERSED", &never)).await.unwrap();
    server.approve("ORDER2");
    tell(test, &provider, &approved("ORDER2")).await.unwrap();
    let never = read(&test.db, never.id).await;
    assert_eq!((never.status, balance(&test.db, &me).await), (DepositStatus::Failed, 0));
}

async fn a_part_that_went_back_before_is_for_a_person(test: &TestDb) {
    let server = PayPalServer::start().await;
    let (provider, me) = (paypal(server.base()), owner(&test.db).await);
    let providers = providers(provider.clone());
    let part = deposit(&test.db, &providers, &me, "4", NOON).await;
    let up = json!([{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/CAP-ORDER1"}]);
    let early = json!({"id": "REF4", "links": up, "amount": usd("1"), "custom_id": part.id});
    tell(test, &provider, &json!({"event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": early})).await.unwrap();
    server.approve("ORDER1");
    tell(test, &provider, &approved("ORDER1")).await.unwrap();
    assert_eq!((read(&test.db, part.id).await.status, balance(&test.db, &me).await), (DepositStatus::Pending, 0));
}

suite! {
    a_part_that_went_back_before_is_for_a_person,
    an_order_is_opened_for_just_this_deposit_and_once,
    a_provider_that_fails_is_told_from_one_that_refuses,
    twenty_events_at_once_bring_the_money_once,
    an_event_is_believed_only_if_paypal_says_that_it_signed_it,
    what_is_held_waits_what_is_declined_fails_and_late_money_counts,
    only_the_very_amount_completes_a_deposit,
    a_refund_is_written_down_and_what_went_back_is_not_credited,
}
