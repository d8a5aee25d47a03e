//! The operations of the protocol, whichever binding they come through.

use std::{net::IpAddr, pin::Pin};

use futures_util::{Stream, StreamExt};
use rialto_a2a::{
    A2aError,
    card::{Platform, agent_card, legacy_agent_card, legacy_platform_card, platform_card},
    model::{Scope, StoredPush, TaskId},
    push, task,
    wire::{
        Version, params,
        rpc::Method,
        types::{StreamItem, Task},
        v03,
    },
};
use rialto_kernel::Caller;
use rialto_outbound::Permit;
use rialto_registry::Agent;
use rialto_store::Tx;
use serde_json::{Value, json};

use crate::compose::{App, stream::Seat};

/// What a stream says, as it comes.
pub type Items = Pin<Box<dyn Stream<Item = Result<Value, A2aError>>>>;

/// What an operation answers.
pub enum Answer {
    /// At once.
    Value(Value),
    /// In a stream.
    Stream(Items),
}

/// Where an operation is asked for.
pub struct Place {
    /// By whom.
    pub caller: Caller,
    /// Of which agent; `None` for the platform.
    pub agent: Option<Agent>,
    /// In which version.
    pub version: Version,
    /// Where clients reach us.
    pub base: String,
    /// From where it is asked for.
    pub address: IpAddr,
}

/// What whoever waits has taken, until it does not wait any more.
struct Waiting {
    _permit: Permit,
    _seat: Option<Seat>,
}

/// Takes the place of somebody who waits, or who follows a stream.
fn wait(app: &App, place: &Place, streams: bool) -> Result<Waiting, A2aError> {
    let crowded = |_| A2aError::Crowded("Too many of your requests are waiting; try again when one has ended".to_owned());
    let full = |_| A2aError::Crowded("Too many streams are open; close one first".to_owned());
    let permit = app.waits.take(place.caller.owner).map_err(crowded)?;
    let seat = streams.then(|| app.streams.seat(place.address)).transpose().map_err(full)?;
    Ok(Waiting { _permit: permit, _seat: seat })
}

/// The items, and the place of whoever follows them for as long as they come.
fn held(waiting: Waiting, items: impl Stream<Item = Result<Value, A2aError>> + 'static) -> Answer {
    Answer::Stream(Box::pin(items.map(move |item| {
        let _held = &waiting;
        item
    })))
}

impl Place {
    fn scope(&self) -> Scope {
        Scope { caller: self.caller, agent: self.agent.as_ref().map(|agent| agent.id) }
    }

    fn item(&self, item: &StreamItem) -> Value {
        match self.version {
            Version::V10 => serde_json::to_value(item).unwrap_or_default(),
            Version::V03 => v03::item(item),
        }
    }

    fn task(&self, task: &Task) -> Value {
        match self.version {
            Version::V10 => serde_json::to_value(task).unwrap_or_default(),
            Version::V03 => v03::task(task),
        }
    }

    /// A configuration as it is shown: without its secrets.
    fn push(&self, push: &StoredPush) -> Value {
        let task = push.task.to_string();
        match self.version {
            Version::V10 => {
                let mut shown = json!({"taskId": task, "id": push.id, "url": push.url});
                if let (Some(scheme), Value::Object(fields)) = (&push.scheme, &mut shown) {
                    fields.insert("authentication".to_owned(), json!({"scheme": scheme}));
                }
                shown
            }
            Version::V03 => {
                let mut shown = json!({"id": push.id, "url": push.url});
                if let (Some(scheme), Value::Object(fields)) = (&push.scheme, &mut shown) {
                    fields.insert("authentication".to_owned(), json!({"schemes": [scheme]}));
                }
                json!({"taskId": task, "pushNotificationConfig": shown})
            }
        }
    }

    /// The card for those who have a credential: it says what a call costs.
    fn extended_card(&self) -> Value {
        let platform = Platform { base: &self.base, version: env!("CARGO_PKG_VERSION") };
        let Some(agent) = &self.agent else {
            return match self.version {
                Version::V10 => platform_card(platform),
                Version::V03 => legacy_platform_card(platform),
            };
        };
        let mut card = match self.version {
            Version::V10 => agent_card(agent, &self.base),
            Version::V03 => legacy_agent_card(agent, &self.base),
        };
        let price = agent.price().map_or(0, |price| price.get());
        let extension = json!({
            "uri": format!("{}/docs#price", self.base),
            "description": format!("A call costs {price} credits, which are charged when the agent has answered well."),
            "params": {"credits_per_call": price},
        });
        if let Some(Value::Object(capabilities)) = card.get_mut("capabilities") {
            capabilities.insert("extensions".to_owned(), json!([extension]));
        }
        card
    }
}

/// Does what is asked.
pub async fn run(app: &App, place: Place, method: Method, given: Value) -> Result<Answer, A2aError> {
    let scope = place.scope();
    match method {
        Method::SendMessage => {
            let _waiting = wait(app, &place, false)?;
            let answer = app.a2a.send(scope, params::send(&given, place.version)?, place.version).await?;
            Ok(Answer::Value(place.item(&answer)))
        }
        Method::SendStreamingMessage => {
            let waiting = wait(app, &place, true)?;
            let items = app.a2a.stream(scope, params::send(&given, place.version)?, place.version).await?;
            Ok(held(waiting, items.map(move |item| item.map(|item| place.item(&item)))))
        }
        Method::SubscribeToTask => {
            let waiting = wait(app, &place, true)?;
            let items = app.a2a.subscribe(scope, &params::of_task(&given)?).await?;
            Ok(held(waiting, items.map(move |item| item.map(|item| place.item(&item)))))
        }
        Method::GetTask => {
            let asked = params::of_task(&given)?;
            let read = async move |tx: &mut Tx| {
                let found = task::find(tx, &scope, &asked.id).await?;
                Ok::<_, A2aError>(task::snapshot(tx, found, asked.history_length).await?)
            };
            app.db.read(read).await.map(|task| Answer::Value(place.task(&task)))
        }
        Method::ListTasks => {
            let asked = params::list_tasks(&given)?;
            let listed = app.db.read(async move |tx: &mut Tx| task::list(tx, &scope, &asked).await).await?;
            Ok(Answer::Value(json!({
                "tasks": listed.tasks,
                "nextPageToken": listed.next_page_token,
                "pageSize": listed.page_size,
                "totalSize": listed.total_size,
            })))
        }
        Method::CancelTask => {
            let asked = params::of_task(&given)?;
            app.a2a.cancel(scope, &asked.id).await.map(|task| Answer::Value(place.task(&task)))
        }
        Method::GetExtendedAgentCard => Ok(Answer::Value(place.extended_card())),
        Method::CreateTaskPushNotificationConfig
        | Method::GetTaskPushNotificationConfig
        | Method::ListTaskPushNotificationConfigs
        | Method::DeleteTaskPushNotificationConfig => run_push(app, &place, method, &given).await.map(Answer::Value),
    }
}

async fn run_push(app: &App, place: &Place, method: Method, given: &Value) -> Result<Value, A2aError> {
    let scope = place.scope();
    if method == Method::CreateTaskPushNotificationConfig {
        let (task, config) = params::create_push(given, place.version)?;
        let id: TaskId = task.parse().map_err(|_| A2aError::TaskNotFound)?;
        let checked = app.a2a.checked_push(id, config, place.version).await?;
        let kept = app.db.write(async move |tx: &mut Tx| push::create(tx, &scope, &task, &checked).await).await?;
        return Ok(place.push(&kept));
    }
    let asked = params::of_push(given, place.version)?;
    let (task, id) = (asked.task_id, asked.id);
    match method {
        Method::ListTaskPushNotificationConfigs => {
            let all = app.db.read(async move |tx: &mut Tx| push::list(tx, &scope, &task).await).await?;
            let shown: Vec<Value> = all.iter().map(|push| place.push(push)).collect();
            let whole = place.version == Version::V10;
            Ok(if whole { json!({"configs": shown, "nextPageToken": ""}) } else { json!(shown) })
        }
        Method::DeleteTaskPushNotificationConfig => {
            let id = id.ok_or_else(|| A2aError::invalid("id", "is required"))?;
            app.db.write(async move |tx: &mut Tx| push::delete(tx, &scope, &task, &id).await).await?;
            Ok(if place.version == Version::V10 { json!({}) } else { Value::Null })
        }
        _ => {
            let found = async move |tx: &mut Tx| push::find(tx, &scope, &task, id.as_deref()).await;
            Ok(place.push(&app.db.read(found).await?))
        }
    }
}
