//! The HTTP+JSON binding of version 1.0: the same operations as resources, below the platform's address and each agent's.

use actix_web::{
    HttpRequest, HttpResponse, delete, get,
    http::{StatusCode, header},
    post,
    web::{self, Data},
};
use futures_util::StreamExt;
use rialto_a2a::{
    A2aError,
    wire::{
        Version,
        rpc::{Method, holds_nul},
    },
};
use rialto_kernel::Caller;
use serde_json::{Map, Value};

use super::{
    cards::{addressed, base},
    operations::{self, Answer, Place},
    rpc::{address, logged, version},
    sse,
};
use crate::{
    compose::App,
    http::{Auth, Problem, body, input::body_limit},
};

/// The media type of the binding.
const MEDIA_TYPE: &str = "application/a2a+json";

/// Declares an operation at both addresses.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $verb:ident $method:ident
        $platform:ident $platform_path:tt
        $agent:ident $agent_path:tt
        ($($param:tt)*) $({ $($body:tt)* })? => $what:literal $kind:literal;
    )*) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(
            tag = "A2A",
            params(("A2A-Version" = String, Header, description = "`1.0`", example = "1.0"), $($param)*),
            $($($body)*)?
            responses(
                (status = 200, description = $what, body = Value, content_type = $kind),
                (status = 400, description = "The request is not what it must be, the version is another one, or the task's state does not allow it.", body = Value, content_type = "application/a2a+json"),
                (status = 404, description = "There is no such task of yours, no such configuration, or no such agent.", body = Value, content_type = "application/a2a+json"),
            ),
            security(("token" = [])),
        )]
        #[$verb($platform_path)]
        pub async fn $platform(app: Data<App>, Auth(caller): Auth, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
            answer(&app, caller, &request, payload, Method::$method).await
        }

        $(#[doc = $doc])+
        ///
        /// Of one agent.
        #[utoipa::path(
            tag = "A2A",
            params(
                ("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab"),
                ("A2A-Version" = String, Header, description = "`1.0`", example = "1.0"),
                $($param)*
            ),
            $($($body)*)?
            responses(
                (status = 200, description = $what, body = Value, content_type = $kind),
                (status = 400, description = "The request is not what it must be, the version is another one, or the task's state does not allow it.", body = Value, content_type = "application/a2a+json"),
                (status = 404, description = "There is no such task of yours, no such configuration, or no such agent.", body = Value, content_type = "application/a2a+json"),
            ),
            security(("token" = [])),
        )]
        #[$verb($agent_path)]
        pub async fn $agent(app: Data<App>, Auth(caller): Auth, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
            answer(&app, caller, &request, payload, Method::$method).await
        }
    )*};
}

operations! {
    /// Send a message (A2A)
    ///
    /// Answers with the task when it is at rest, or at once with `configuration.returnImmediately`.
    post SendMessage
    a2a_send_message "/a2a/message:send"
    a2a_send_agent_message "/a2a/agents/{agent_id}/message:send"
    () { request_body(content = Value, example = json!({"message": {"messageId": "m-2", "role": "ROLE_USER", "parts": [{"text": "Hello"}]}})), }
    => "The task, or a message." "application/a2a+json";

    /// Send a message and follow its task (A2A)
    ///
    /// Server-sent events: the task, then what happens with it until it is at rest.
    post SendStreamingMessage
    a2a_stream_message "/a2a/message:stream"
    a2a_stream_agent_message "/a2a/agents/{agent_id}/message:stream"
    () { request_body(content = Value, example = json!({"message": {"messageId": "m-3", "role": "ROLE_USER", "parts": [{"text": "Hello"}]}})), }
    => "The events." "text/event-stream";

    /// List tasks (A2A)
    ///
    /// Your own, those first whose status is youngest.
    get ListTasks
    a2a_list_tasks "/a2a/tasks"
    a2a_list_agent_tasks "/a2a/agents/{agent_id}/tasks"
    (
        ("contextId" = Option<String>, Query, description = "Only those of this context."),
        ("status" = Option<String>, Query, description = "Only those in this state, such as `TASK_STATE_WORKING`."),
        ("pageSize" = Option<i64>, Query, description = "How many at most, 1 to 100; 20 with artifacts or history."),
        ("pageToken" = Option<String>, Query, description = "The `nextPageToken` of the page before."),
        ("historyLength" = Option<i64>, Query, description = "How many messages each task comes with at most."),
        ("statusTimestampAfter" = Option<String>, Query, description = "Only those whose status is as young."),
        ("includeArtifacts" = Option<bool>, Query, description = "Whether the tasks come with what was made."),
    )
    => "The tasks of this page." "application/a2a+json";

    /// Cancel a task (A2A)
    ///
    /// The agent's answer is not waited for any more, and not paid. A task that has come to another end stays as it is: 409.
    post CancelTask
    a2a_cancel_task "/a2a/tasks/{task_id}:cancel"
    a2a_cancel_agent_task "/a2a/agents/{agent_id}/tasks/{task_id}:cancel"
    (("task_id" = String, Path, description = "The task's id."),)
    => "The task." "application/a2a+json";

    /// Follow a task (A2A)
    ///
    /// Server-sent events: the task as it is, then what happens with it until its end.
    get SubscribeToTask
    a2a_subscribe_to_task "/a2a/tasks/{task_id}:subscribe"
    a2a_subscribe_to_agent_task "/a2a/agents/{agent_id}/tasks/{task_id}:subscribe"
    (("task_id" = String, Path, description = "The task's id."),)
    => "The events." "text/event-stream";

    /// Follow a task, by POST (A2A)
    ///
    /// As some clients ask for it.
    post SubscribeToTask
    a2a_resubscribe_to_task "/a2a/tasks/{task_id}:subscribe"
    a2a_resubscribe_to_agent_task "/a2a/agents/{agent_id}/tasks/{task_id}:subscribe"
    (("task_id" = String, Path, description = "The task's id."),)
    => "The events." "text/event-stream";

    /// Read a task (A2A)
    ///
    /// Your own alone.
    get GetTask
    a2a_get_task "/a2a/tasks/{task_id}"
    a2a_get_agent_task "/a2a/agents/{agent_id}/tasks/{task_id}"
    (
        ("task_id" = String, Path, description = "The task's id."),
        ("historyLength" = Option<i64>, Query, description = "How many of its messages it comes with at most."),
    )
    => "The task." "application/a2a+json";

    /// Tell a server of a task (A2A)
    ///
    /// Its URL gets each event from now on, in order, at least once. The credentials are encrypted, and never shown again.
    post CreateTaskPushNotificationConfig
    a2a_create_push_config "/a2a/tasks/{task_id}/pushNotificationConfigs"
    a2a_create_agent_push_config "/a2a/agents/{agent_id}/tasks/{task_id}/pushNotificationConfigs"
    (("task_id" = String, Path, description = "The task's id."),)
    { request_body(content = Value, example = json!({"url": "https://client.example.com/hook", "token": "t", "authentication": {"scheme": "Bearer", "credentials": "secret"}})), }
    => "The configuration, without its secrets." "application/a2a+json";

    /// List who is told of a task (A2A)
    ///
    /// At most ten.
    get ListTaskPushNotificationConfigs
    a2a_list_push_configs "/a2a/tasks/{task_id}/pushNotificationConfigs"
    a2a_list_agent_push_configs "/a2a/agents/{agent_id}/tasks/{task_id}/pushNotificationConfigs"
    (("task_id" = String, Path, description = "The task's id."),)
    => "The configurations, without their secrets." "application/a2a+json";

    /// Read who is told of a task (A2A)
    ///
    /// Without its secrets.
    get GetTaskPushNotificationConfig
    a2a_get_push_config "/a2a/tasks/{task_id}/pushNotificationConfigs/{config_id}"
    a2a_get_agent_push_config "/a2a/agents/{agent_id}/tasks/{task_id}/pushNotificationConfigs/{config_id}"
    (
        ("task_id" = String, Path, description = "The task's id."),
        ("config_id" = String, Path, description = "The configuration's id."),
    )
    => "The configuration." "application/a2a+json";

    /// Stop telling a server of a task (A2A)
    ///
    /// A repeat does no harm.
    delete DeleteTaskPushNotificationConfig
    a2a_delete_push_config "/a2a/tasks/{task_id}/pushNotificationConfigs/{config_id}"
    a2a_delete_agent_push_config "/a2a/agents/{agent_id}/tasks/{task_id}/pushNotificationConfigs/{config_id}"
    (
        ("task_id" = String, Path, description = "The task's id."),
        ("config_id" = String, Path, description = "The configuration's id."),
    )
    => "It is gone." "application/a2a+json";

    /// Read the card for those with a credential (A2A)
    ///
    /// It says what a call costs.
    get GetExtendedAgentCard
    a2a_extended_card "/a2a/extendedAgentCard"
    a2a_extended_agent_card "/a2a/agents/{agent_id}/extendedAgentCard"
    ()
    => "The card." "application/a2a+json";
}

async fn answer(
    app: &App,
    caller: Caller,
    request: &HttpRequest,
    payload: web::Payload,
    method: Method,
) -> Result<HttpResponse, Problem> {
    let body = body::read(request, &mut payload.into_inner(), body_limit(request)).await?;
    let begun = async {
        if version(request)? != Version::V10 {
            let why = "The HTTP+JSON binding is one of version 1.0; send the header A2A-Version: 1.0";
            return Err(A2aError::Version(why.to_owned()));
        }
        let given = params(request, method, &body)?;
        let agent = match request.match_info().get("agent_id") {
            Some(agent) => Some(addressed(app, agent, method).await?),
            None => None,
        };
        let address = address(app, request);
        let place = Place { caller, agent, version: Version::V10, base: base(app, request), address };
        operations::run(app, place, method, given).await
    };
    Ok(match begun.await {
        Ok(Answer::Value(result)) => json_answer(StatusCode::OK, &result),
        Ok(Answer::Stream(items)) => sse::answer(items.map(|item| match item {
            Ok(item) => sse::event(&item.to_string()),
            Err(error) => sse::named("error", &logged(error).rest().to_string()),
        })),
        Err(error) => {
            let error = logged(error);
            json_answer(StatusCode::from_u16(error.told().http).unwrap_or(StatusCode::BAD_REQUEST), &error.rest())
        }
    })
}

fn json_answer(status: StatusCode, value: &Value) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE)).body(value.to_string())
}

/// The parameters as the methods take them: of the body, the query, and the path, which goes last.
fn params(request: &HttpRequest, method: Method, body: &[u8]) -> Result<Value, A2aError> {
    let mut fields = Map::new();
    let takes_body =
        matches!(method, Method::SendMessage | Method::SendStreamingMessage | Method::CreateTaskPushNotificationConfig);
    if takes_body {
        match serde_json::from_slice(body).map_err(|error| A2aError::Parse(error.to_string()))? {
            Value::Object(given) => fields = given,
            _ => return Err(A2aError::InvalidRequest("The body must be an object".to_owned())),
        }
    }
    let query: Vec<(String, String)> = serde_html_form::from_str(request.query_string()).unwrap_or_default();
    for (name, value) in query.into_iter().filter(|_| !takes_body) {
        let value = match (name.as_str(), value.as_str()) {
            ("includeArtifacts", "true") => Value::Bool(true),
            ("includeArtifacts", "false") => Value::Bool(false),
            _ => Value::String(value),
        };
        fields.insert(name, value);
    }
    let path = |name: &str| request.match_info().get(name).map(|part| Value::String(part.replace("%00", "\0")));
    let of_push = matches!(
        method,
        Method::CreateTaskPushNotificationConfig
            | Method::GetTaskPushNotificationConfig
            | Method::ListTaskPushNotificationConfigs
            | Method::DeleteTaskPushNotificationConfig
    );
    fields.extend(path("task_id").map(|task| (if of_push { "taskId" } else { "id" }.to_owned(), task)));
    fields.extend(path("config_id").map(|config| ("id".to_owned(), config)));
    let params = Value::Object(fields);
    if holds_nul(&params) {
        return Err(A2aError::invalid("params", "text must not contain the NUL character"));
    }
    Ok(params)
}
