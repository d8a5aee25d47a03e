"""The official client, as its users use it: send, stream, get, list, cancel, subscribe, push configurations.

Arguments: the address of an agent that echoes, of one that takes a while, and a token.
"""

import asyncio
import sys
import uuid

import httpx

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError


def said(text: str, at_once: bool = False) -> SendMessageRequest:
    message = Message(message_id=uuid.uuid4().hex, role=Role.ROLE_USER, parts=[Part(text=text)])
    return SendMessageRequest(message=message, configuration=SendMessageConfiguration(return_immediately=at_once))


async def client_of(http: httpx.AsyncClient, address: str, binding: str, version: str, streaming: bool):
    card = await A2ACardResolver(http, address).get_agent_card()
    kept = [i for i in card.supported_interfaces if i.protocol_binding == binding and i.protocol_version == version]
    assert kept, f"the card names no {binding} {version}"
    del card.supported_interfaces[:]
    card.supported_interfaces.extend(kept)
    config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=[binding])
    return ClientFactory(config).create(card)


async def journey(echo: str, slow: str, token: str, binding: str, version: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        client = await client_of(http, echo, binding, version, streaming=False)
        sent = [event async for event in client.send_message(said("hello"))]
        assert len(sent) == 1 and sent[0].task.status.state == TaskState.TASK_STATE_COMPLETED, sent
        assert "hello" in str(sent[0].task.artifacts), sent
        task = await client.get_task(GetTaskRequest(id=sent[0].task.id))
        assert task.id == sent[0].task.id and task.history[0].parts[0].text == "hello", task
        if version == "1.0":
            listed = await client.list_tasks(ListTasksRequest(page_size=10))
            assert task.id in [one.id for one in listed.tasks], listed
        try:
            await client.cancel_task(CancelTaskRequest(id=task.id))
            raise AssertionError("a completed task was canceled")
        except TaskNotCancelableError:
            pass
        try:
            await client.get_task(GetTaskRequest(id=str(uuid.uuid4())))
            raise AssertionError("a task was found that does not exist")
        except TaskNotFoundError:
            pass

        streaming = await client_of(http, echo, binding, version, streaming=True)
        events = [event async for event in streaming.send_message(said("stream me"))]
        kinds = [event.WhichOneof("payload") for event in events]
        assert kinds[0] == "task" and kinds[-1] == "status_update" and "artifact_update" in kinds, kinds
        assert events[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED, events[-1]

        patient = await client_of(http, slow, binding, version, streaming=False)
        begun = [event async for event in patient.send_message(said("take your time", at_once=True))]
        working = begun[0].task
        assert working.status.state == TaskState.TASK_STATE_WORKING, working
        config = TaskPushNotificationConfig(task_id=working.id, id="mine", url="http://127.0.0.1:9/hook", token="secret")
        kept = await patient.create_task_push_notification_config(config)
        assert kept.id == "mine" and "secret" not in str(kept), kept
        one = GetTaskPushNotificationConfigRequest(task_id=working.id, id="mine")
        assert (await patient.get_task_push_notification_config(one)).url == config.url
        every = ListTaskPushNotificationConfigsRequest(task_id=working.id)
        assert [c.id for c in (await patient.list_task_push_notification_configs(every)).configs] == ["mine"]
        gone = DeleteTaskPushNotificationConfigRequest(task_id=working.id, id="mine")
        await patient.delete_task_push_notification_config(gone)
        assert not (await patient.list_task_push_notification_configs(every)).configs

        async def follow():
            follower = await client_of(http, slow, binding, version, streaming=True)
            return [event async for event in follower.subscribe(SubscribeToTaskRequest(id=working.id))]

        following = asyncio.create_task(follow())
        await asyncio.sleep(0.5)
        canceled = await patient.cancel_task(CancelTaskRequest(id=working.id))
        assert canceled.status.state == TaskState.TASK_STATE_CANCELED, canceled
        followed = await asyncio.wait_for(following, 30)
        assert followed[0].WhichOneof("payload") == "task", followed
        assert followed[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED, followed
        print(f"{binding} {version}: all well")


async def main() -> None:
    echo, slow, token = sys.argv[1:4]
    for binding, version in [("JSONRPC", "1.0"), ("HTTP+JSON", "1.0"), ("JSONRPC", "0.3")]:
        await journey(echo, slow, token, binding, version)


asyncio.run(main())
