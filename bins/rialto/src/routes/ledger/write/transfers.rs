//! Transfers, and taking them back.

use actix_web::{HttpResponse, http::header, post, web::Data};
use rialto_kernel::Caller;
use rialto_ledger::{Command as LedgerCommand, TransferId, access};
use rialto_store::Tx;

use super::{
    answer::{LedgerBatchAnswer, LedgerTransferAnswer, LedgerTransfersAnswer, Made},
    batch::{LedgerTransferBatch, LedgerTransfersRequest},
    problem::{InDoubt, batch_failure, refusal},
    request::LedgerReverseRequest,
};
use crate::{
    compose::App,
    http::{
        Command, Path, Problem,
        command::{Bulk, apart},
        problem::ProblemBody,
    },
};

/// Has one command done: gathered with those of others, or under an `Idempotency-Key` in the transaction that keeps the
/// answer.
pub async fn one<A: Made>(app: &Data<App>, command: Command<LedgerCommand>) -> Result<HttpResponse, Problem> {
    let refused = |error| refusal(error, "body");
    if command.key.is_none() {
        let doubt = InDoubt::of(&command.body);
        let outcome = app.teller.run(&command.caller, command.body).await.map_err(|error| doubt.tell(refused(error)))?;
        let answer = A::of(&command.caller, outcome).map_err(|error| refused(error.into()))?;
        return Ok(HttpResponse::build(answer.status()).json(answer));
    }
    let now = app.clock.now();
    command
        .run_as(app, A::status, async move |tx: &mut Tx, caller: &Caller, command: &LedgerCommand| {
            let outcome = access::run(tx, caller, command.clone(), now).await.map_err(|error| refusal(error, "body"))?;
            A::of(caller, outcome).map_err(|error| refusal(error.into(), "body"))
        })
        .await
}

/// The same, for each of a batch. It takes no key: the ids of its transfers do as much, for ever, and nothing of the size of
/// its answer has to be kept.
async fn many(app: &Data<App>, command: Command<LedgerTransferBatch>) -> Result<HttpResponse, Problem> {
    let Command { caller, body: batch, key } = command;
    if key.is_some() {
        let detail = "A batch takes no Idempotency-Key. Its ids make it safe to repeat.";
        return Err(Problem::bad_request("idempotency-key-not-for-batches", detail));
    }
    let results = app.teller.batch_linked(&caller, batch.commands()).await.map_err(batch_failure)?;
    let answer = apart(move || {
        let answer = LedgerBatchAnswer::of(&caller, &batch, results).map_err(batch_failure)?;
        serde_json::to_vec(&answer).map_err(Problem::internal)
    });
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(answer.await??))
}

/// Transfer
///
/// Moves money from an account of yours to any other of the same asset, except for those of the house. The id makes it safe
/// to repeat. Send one transfer; or a list of them, or `{"transfers": […], "groups": [[…], […]]}`, at most 8,000 in all: then
/// the answer is 200 and says of each what became of it. Each of `transfers` is done on its own, each of `groups` as a whole or not at
/// all, in their order. Nothing is done when anything in the body is malformed.
#[utoipa::path(
    tag = "Ledger",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of one transfer answer with the first answer. A batch takes none: its ids do as much.")),
    request_body(content = LedgerTransfersRequest, examples(
        ("a transfer" = (value = json!({
            "id": "0198c0de-0000-7000-8000-000000000030", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
            "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 25, "balancing": null, "kind": 1000,
            "reference_id": "0198c0de-0000-7000-8000-000000000020", "memo": "Thanks", "metadata": {"order": "42"},
            "effective_at": null,
        }))),
        ("many transfers" = (value = json!({
            "transfers": [{
                "id": "0198c0de-0000-7000-8000-000000000032", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
                "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 1,
            }],
            "groups": [[{
                "id": "0198c0de-0000-7000-8000-000000000033", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
                "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 2,
            }]],
        }))),
    )),
    responses(
        (status = 200, description = "It had been made before; or what became of each of the batch.", body = LedgerTransfersAnswer),
        (status = 201, description = "It was made.", body = LedgerTransferAnswer),
        (status = 400, description = "The accounts count different things; a balance would leave its range; or a batch came with an Idempotency-Key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "What is available does not cover it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The account that pays is somebody else's; the other one is the house's; or it takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "One of the accounts does not exist.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id was used for something else; an account is frozen or closed; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 16 MiB.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): send it again with the same ids. `id` is the transfer's, also when it was made for you.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/ledger/transfers")]
pub async fn create_ledger_transfers(
    app: Data<App>,
    Bulk(command): Bulk<LedgerTransfersRequest>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    match body {
        LedgerTransfersRequest::One(new) => {
            let body = LedgerCommand::Transfer(new.transfer(TransferId::new()));
            one::<LedgerTransferAnswer>(&app, Command { caller, body, key }).await
        }
        LedgerTransfersRequest::Many(body) => many(&app, Command { caller, body, key }).await,
    }
}

/// Take a transfer back
///
/// By a transfer of the same amount the other way, once. The history stays as it is. For administrators.
#[utoipa::path(
    tag = "Ledger",
    params(
        ("transfer_id" = TransferId, Path, description = "The transfer to be taken back.", example = "0198c0de-0000-7000-8000-000000000030"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body(content = Option<LedgerReverseRequest>),
    responses(
        (status = 200, description = "It had been taken back by this very request.", body = LedgerTransferAnswer),
        (status = 201, description = "The transfer that takes it back.", body = LedgerTransferAnswer),
        (status = 400, description = "A balance would leave its range.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "Who was paid has no longer enough.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such transfer.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is reversed already, or a reversal itself; the id was used for something else; an account is frozen or closed; or the key's first request is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, and nothing was done; or it is not known whether it was (`outcome-unknown`): send it again with this `id`.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/ledger/transfers/{transfer_id}/reverse")]
pub async fn reverse_ledger_transfer(
    app: Data<App>,
    command: Command<Option<LedgerReverseRequest>>,
    path: Path<TransferId>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    let body = LedgerCommand::Reverse(body.unwrap_or_default().reversal(*path, TransferId::new()));
    one::<LedgerTransferAnswer>(&app, Command { caller, body, key }).await
}
