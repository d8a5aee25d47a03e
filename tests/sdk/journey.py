"""Drives a Rialto server with the official Python SDK of the first reference, unmodified: every method of its synchronous and
asynchronous clients, with an API key and with a token, and its MCP server.

    python journey.py BASE_URL API_KEY TOKEN

It prints one line a method, and ends with 1 if any failed.
"""

import asyncio
import inspect
import json
import os
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from intuno_sdk import AsyncIntunoClient, IntunoClient
from intuno_sdk.exceptions import AuthenticationError, IntunoError, InvocationError
from intuno_sdk.models import WorkflowDef, WorkflowStepDef

FAILURES = []


class Agent(BaseHTTPRequestHandler):
    """Somebody else's server: an agent, a callback of a participant, and an agent that speaks A2A."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if "agent-card" in self.path or self.path.endswith("agent.json"):
            self.answer(card(self.headers["host"]))
        else:
            self.answer({"detail": "not found"}, 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"null")
        if self.path.startswith("/a2a"):
            reply = {"messageId": "m-1", "role": "ROLE_AGENT", "parts": [{"text": "Hello from afar"}]}
            self.answer({"jsonrpc": "2.0", "id": body.get("id"), "result": {"message": reply}})
        elif self.path.startswith("/fail"):
            self.answer({"detail": "no"}, 500)
        elif self.path.startswith("/slow"):
            time.sleep(2)
            self.answer({"echo": body})
        else:
            self.answer({"echo": body, "usage": {"total_tokens": 7}})


def card(host):
    url = f"http://{host}/a2a"
    return {
        "name": "Far Away",
        "description": "An agent that speaks A2A",
        "url": url,
        "version": "1.0.0",
        "protocolVersion": "1.0",
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"streaming": False, "pushNotifications": False},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "greet", "name": "Greet", "description": "Greets", "tags": ["greeting"]}],
    }


def serve():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class Driver:
    """One client with one credential. Every call is printed with how it went."""

    def __init__(self, name, client):
        self.name = name
        self.client = client
        self.called = set()

    async def call(self, method, *args, **kwargs):
        self.called.add(method)
        try:
            found = getattr(self.client, method)(*args, **kwargs)
            return await found if inspect.isawaitable(found) else found
        except BaseException:
            self.say(method, False)
            raise

    def say(self, what, good, why=""):
        print(f"{'ok  ' if good else 'FAIL'} {self.name:12} {what}{': ' + why if why else ''}", flush=True)
        if not good:
            FAILURES.append(f"{self.name} {what} {why}")

    async def part(self, what, steps):
        """Runs one part of the journey; a failure does not keep the others from being tried."""
        try:
            await steps(self)
            self.say(what, True)
        except Exception as error:
            self.say(what, False, f"{type(error).__name__}: {error}")
            traceback.print_exc()

    async def fails(self, kind, method, *args, **kwargs):
        """A call that has to fail, in this way."""
        self.called.add(method)
        try:
            found = getattr(self.client, method)(*args, **kwargs)
            if inspect.isawaitable(found):
                await found
        except kind as error:
            return error
        raise AssertionError(f"{method} did not fail")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class World:
    def __init__(self, base, key, token):
        self.base, self.key, self.token = base, key, token
        self.far = serve()
        self.http = httpx.Client(base_url=base, headers={"X-API-Key": key}, timeout=60)
        self.echo = self.agent("Echo Agent", "Echoes what it is told, word for word", "/invoke", 10)
        self.broken = self.agent("Broken Agent", "Fails whatever it is asked, unreliable gizmo", "/fail", 10)
        paths = self.http.get("/openapi.json").json()["paths"]
        self.serves_networks, self.serves_a2a = "/networks" in paths, "/a2a/agents/import" in paths
        self.slow = self.agent("Slow Agent", "Takes its time, tortoise", "/slow", 0)

    def agent(self, name, description, path, price):
        body = {"name": name, "description": description, "endpoint": self.far + path, "tags": ["test"],
                "base_price": price or None, "pricing_enabled": price > 0,
                "input_schema": {"type": "object", "properties": {"message": {"type": "string"}}}}
        answer = self.http.post("/registry/agents", json=body)
        answer.raise_for_status()
        return answer.json()


async def registry(world, d):
    agents = await d.call("discover", "echo what it is told", limit=5)
    check(any(a.agent_id == world.echo["agent_id"] for a in agents), "discover does not find the agent")
    agent = next(a for a in agents if a.agent_id == world.echo["agent_id"])
    check(agent.similarity_score is not None and agent.is_active and agent.tags == ["test"], "discover leaves fields out")
    found = await d.call("get_agent", world.echo["agent_id"])
    check(found.id == world.echo["id"] and found.input_schema["type"] == "object", "get_agent")
    check((await d.call("get_agent", world.echo["id"])).agent_id == found.agent_id, "get_agent by its UUID")
    check(any(a.id == found.id for a in await d.call("list_new_agents", days=7, limit=100)), "list_new_agents")
    # An agent invokes itself through the client that found it.
    invoked = found.ainvoke({"message": "hi"}) if isinstance(d.client, AsyncIntunoClient) else found.invoke({"message": "hi"})
    invoked = await invoked if inspect.isawaitable(invoked) else invoked
    check(invoked.data["echo"] == {"message": "hi"}, "Agent.invoke")
    check(any(a.id == found.id for a in await d.call("list_trending_agents", window_days=7, limit=50)), "list_trending_agents")
    await d.fails(IntunoError, "get_agent", "nobody-00000000")


async def broker(world, d):
    invoke = "ainvoke" if isinstance(d.client, AsyncIntunoClient) else "invoke"
    result = await d.call(invoke, world.echo["agent_id"], {"message": "hello"}, external_user_id="user-1")
    check(result.success and result.data["echo"] == {"message": "hello"} and result.status_code == 200, "invoke")
    check(result.credits_charged == 10, "invoke does not say what it cost")
    again = await d.call(invoke, world.echo["agent_id"], {"message": "again"}, conversation_id=result.conversation_id)
    check(again.conversation_id == result.conversation_id, "invoke in a conversation")
    await d.fails(InvocationError, invoke, world.broken["agent_id"], {"message": "hello"})
    await d.fails(IntunoError, invoke, "nobody-00000000", {})
    listed = await d.call("list_conversations", external_user_id="user-1")
    check(any(c.id == result.conversation_id for c in listed), "list_conversations")
    conversation = await d.call("get_conversation", result.conversation_id)
    check(conversation.external_user_id == "user-1" and conversation.created_at, "get_conversation")
    messages = await d.call("get_messages", result.conversation_id, limit=10)
    check([m.role for m in messages] == ["user", "assistant"] * 2, "get_messages")
    message = await d.call("get_message", result.conversation_id, messages[0].id)
    check(message.content == "hello" and message.metadata, "get_message")
    await d.fails(IntunoError, "get_conversation", "0198c0de-0000-7000-8000-000000000001")
    await d.fails(IntunoError, "get_message", result.conversation_id, "0198c0de-0000-7000-8000-000000000001")


async def tasks(world, d):
    task = await d.call("create_task", "echo what it is told", input_data={"message": "do"}, external_user_id="user-2")
    check(task.status == "completed" and task.result["echo"]["message"] == "do", f"create_task: {task}")
    check(task.steps and task.steps[-1]["status"] == "completed" and task.conversation_id, "create_task: steps")
    read = await d.call("get_task", task.id)
    check(read.id == task.id and read.result == task.result and read.external_user_id == "user-2", "get_task")
    key = f"{d.name}-{task.id}"
    first = await d.call("create_task", "echo what it is told", async_mode=True, idempotency_key=key)
    second = await d.call("create_task", "echo what it is told", async_mode=True, idempotency_key=key)
    check(first.id == second.id and first.status == "pending", "create_task with an idempotency key")
    ended = await until(d, "get_task", first.id)
    check(ended.status == "completed", f"create_task, async: {ended}")
    nobody = await d.call("create_task", "zzyzx qwertyuiop")
    check(nobody.status in ("failed", "completed"), "create_task for which there is nobody")
    await d.fails(IntunoError, "create_task", "")
    await d.fails(IntunoError, "get_task", "0198c0de-0000-7000-8000-000000000001")


async def until(d, method, id):
    for _ in range(600):
        found = await d.call(method, id)
        if found.status not in ("pending", "running"):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{method}: it never ended: {found}")


async def workflows(world, d):
    steps = [
        WorkflowStepDef(id="a", agent=world.echo["agent_id"], input={"message": "{{ trigger.text }}"}),
        WorkflowStepDef(id="b", type="agent", agent=world.echo["agent_id"], depends_on=["a"],
                        input={"message": "{{ steps.a.output.echo.message }}!"}),
        WorkflowStepDef(id="c", goal="echo what it is told", parallel_with="b", depends_on=["a"]),
        WorkflowStepDef(id="d", type="condition", depends_on=["b", "c"],
                        when=[{"if": "{{ steps.b.output.echo.message }} == 'hi!'", "goto": "e"}, {"else": True, "goto": "f"}]),
        WorkflowStepDef(id="e", agent=world.echo["agent_id"], input={"message": "yes"}),
        WorkflowStepDef(id="f", agent=world.echo["agent_id"], input={"message": "no"}),
    ]
    name = f"journey {d.name}"
    workflow = await d.call("create_workflow", WorkflowDef(name=name, steps=steps, max_duration_seconds=60,
                                                           max_concurrent_executions=3, recovery={"max_attempts": 2}))
    check(workflow.version == 1 and workflow.definition["steps"][0]["id"] == "a" and workflow.owner_id, "create_workflow")
    check((await d.call("get_workflow", workflow.id)).name == name, "get_workflow")
    check([w.id for w in await d.call("list_workflows", name=name)] == [workflow.id], "list_workflows by name")
    check(any(w.id == workflow.id for w in await d.call("list_workflows", limit=200)), "list_workflows")
    run = await d.call("run_workflow", workflow.id, {"text": "hi"})
    check(run.workflow_id == workflow.id and run.context_id and run.trigger_data == {"text": "hi"}, "run_workflow")
    ended = await until(d, "get_execution", run.id)
    check(ended.status == "completed" and ended.completed_at, f"get_execution: {ended}")
    table = {entry.step_id: entry for entry in await d.call("get_process_table", run.id)}
    check(table["e"].status == "completed" and table["f"].status == "skipped", f"get_process_table: {table}")
    entry = table["b"]
    check(entry.output["echo"] == {"message": "hi!"} and entry.cost == 10 and entry.tokens_used == 7, f"{entry}")
    check(entry.duration_ms is not None and entry.attempt == 1 and entry.target_name == "Echo Agent", f"{entry}")
    await d.fails(IntunoError, "cancel_execution", run.id)
    slow = await d.call("create_workflow", WorkflowDef(name=f"slow {d.name}", steps=[
        WorkflowStepDef(id="a", agent=world.slow["agent_id"]), WorkflowStepDef(id="b", agent=world.slow["agent_id"])]))
    run = await d.call("run_workflow", slow.id)
    check((await d.call("cancel_execution", run.id)).status == "cancelled", "cancel_execution")
    check((await d.call("get_execution", run.id)).status == "cancelled", "a cancelled run stays cancelled")
    await d.fails(IntunoError, "create_workflow", WorkflowDef(name="x", steps=[
        WorkflowStepDef(id="a", agent="x", depends_on=["b"]), WorkflowStepDef(id="b", agent="x", depends_on=["a"])]))
    await d.fails(IntunoError, "get_workflow", "0198c0de-0000-7000-8000-000000000001")
    await d.fails(IntunoError, "get_process_table", "0198c0de-0000-7000-8000-000000000001")


async def networks(world, d):
    network = await d.call("create_network", f"net {d.name}", topology="mesh", metadata={"purpose": "test"})
    check(network.metadata == {"purpose": "test"} and network.topology_type == "mesh", f"create_network: {network}")
    check(any(n.id == network.id for n in await d.call("list_networks", limit=200)), "list_networks")
    check((await d.call("get_network", network.id)).name == network.name, "get_network")
    ada = await d.call("join_network", network.id, "ada", participant_type="persona", polling_enabled=True)
    bob = await d.call("join_network", network.id, "bob", callback_url=world.far + "/callback")
    echo = await d.call("join_network", network.id, "echo", agent_id=world.echo["id"])
    check(ada.status == "active" and bob.callback_url == world.far + "/callback", "join_network")
    names = {p.name for p in await d.call("list_participants", network.id)}
    check(names == {"ada", "bob", "echo"}, f"list_participants: {names}")
    called = await d.call("network_call", network.id, ada.id, bob.id, "How are you?", metadata={"n": 1})
    check(called.success and called.message_id and called.response, f"network_call: {called}")
    sent = await d.call("network_send", network.id, ada.id, bob.id, "A message", metadata={"n": 2})
    check(sent.content == "A message" and sent.metadata_ == {"n": 2}, f"network_send: {sent}")
    mail = await d.call("send_to_mailbox", network.id, bob.id, ada.id, "Mail")
    check(mail.channel_type == "mailbox" and mail.status == "pending", f"send_to_mailbox: {mail}")
    inbox = await d.call("get_inbox", network.id, ada.id, channel_type="mailbox")
    check([m.content for m in inbox] == ["Mail"], f"get_inbox: {inbox}")
    check(len(await d.call("network_messages", network.id, limit=50)) >= 3, "network_messages")
    acknowledged = await d.call("acknowledge_messages", network.id, [mail.id])
    check(acknowledged in (1, {"acknowledged": 1}), f"acknowledge_messages: {acknowledged}")
    check(await d.call("get_inbox", network.id, ada.id, channel_type="mailbox") == [], "what was acknowledged is gone")
    context = await d.call("get_network_context", network.id, limit=50)
    check({"ada", "bob"} <= {e.sender for e in context.entries}, f"get_network_context: {context}")
    await d.call("leave_network", network.id, echo.id)
    check("echo" not in {p.name for p in await d.call("list_participants", network.id)}, "leave_network")
    private = await d.call("ensure_network", f"me-{d.name}", "helper", caller_type="persona", target_agent_id=world.echo["id"])
    check(await d.call("ensure_network", f"me-{d.name}", "helper", caller_type="persona") == private, "ensure_network, again")
    await d.call("delete_network", network.id)
    await d.fails(IntunoError, "get_network", network.id)


async def a2a(world, d):
    far_card = await d.call("preview_a2a_card", world.far)
    check(far_card["name"] == "Far Away", f"preview_a2a_card: {far_card}")
    imported = await d.call("import_a2a_agent", world.far)
    check(imported.name == "Far Away", f"import_a2a_agent: {imported}")
    refreshed = await d.call("refresh_a2a_agent", imported.agent_id)
    check(refreshed.agent_id == imported.agent_id, f"refresh_a2a_agent: {refreshed}")
    invoke = "ainvoke" if isinstance(d.client, AsyncIntunoClient) else "invoke"
    result = await d.call(invoke, imported.agent_id, {"message": "hello"})
    check(result.success and "Hello from afar" in json.dumps(result.data), f"invoke of an imported agent: {result}")
    # Nobody listens there.
    await d.fails(IntunoError, "preview_a2a_card", "http://127.0.0.1:9")


async def authentication(world, d):
    kind = AsyncIntunoClient if isinstance(d.client, AsyncIntunoClient) else IntunoClient
    stranger = Driver(d.name, kind(api_key="no-such-key", base_url=world.base))
    await stranger.fails(AuthenticationError, "create_task", "x")
    await stranger.fails(AuthenticationError, "list_workflows")
    await stranger.fails(AuthenticationError, "list_conversations")
    closed = stranger.client.close()
    if inspect.isawaitable(closed):
        await closed


def methods_of(kind):
    public = [name for name, member in inspect.getmembers(kind) if inspect.isfunction(member) and not name.startswith("_")]
    return set(public) - {"close"}


def without_what_is_not_served(world, methods):
    """A server may be built without a part of the reference; what it serves, it has to serve whole."""
    network = {m for m in methods if "network" in m or m in ("send_to_mailbox", "get_inbox", "acknowledge_messages", "list_participants")}
    far = {m for m in methods if "a2a" in m}
    left_out = (set() if world.serves_networks else network) | (set() if world.serves_a2a else far)
    if left_out:
        print(f"skip {'':12} not served here: {', '.join(sorted(left_out))}", flush=True)
    return methods - left_out


async def clients(world, parts):
    wanted = {kind: without_what_is_not_served(world, methods_of(kind)) for kind in (IntunoClient, AsyncIntunoClient)}
    for name, kind, credential in [
        ("sync/key", IntunoClient, world.key), ("sync/token", IntunoClient, world.token),
        ("async/key", AsyncIntunoClient, world.key), ("async/token", AsyncIntunoClient, world.token),
    ]:
        client = kind(api_key=credential, base_url=world.base, timeout=60)
        d = Driver(name, client)
        for part in parts:
            await d.part(part.__name__, lambda d, part=part: part(world, d))
        left = wanted[kind] - d.called
        d.say("every method of the client was called", not left, ", ".join(sorted(left)))
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed


async def mcp(world):
    """The SDK's MCP server, as an assistant would start it, over its standard input and output."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    script = os.path.join(os.path.dirname(sys.executable), "intuno-mcp")
    for name, credential in [("mcp/key", world.key), ("mcp/token", world.token)]:
        d = Driver(name, None)
        environment = {"INTUNO_API_KEY": credential, "INTUNO_BASE_URL": world.base, "PATH": os.environ.get("PATH", "")}
        server = StdioServerParameters(command=script, args=[], env=environment)
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = without_what_is_not_served(world, {tool.name for tool in (await session.list_tools()).tools})
            called = set()

            async def tool(tool_name, **arguments):
                called.add(tool_name)
                result = await session.call_tool(tool_name, arguments)
                check(not result.isError, f"{tool_name}: {result.content}")
                value = json.loads(result.content[0].text)
                check(not (isinstance(value, dict) and "error" in value and len(value) == 1), f"{tool_name}: {value}")
                return value

            async def network_tools():
                network = (await tool("create_network", name=f"net {name}"))["network_id"]
                ada = await tool("join_network", network_id=network, name="ada", polling_enabled=True)
                bob = await tool("join_network", network_id=network, name="bob", callback_url=world.far + "/callback")
                sent = await tool("send_network_message", network_id=network, sender_participant_id=ada["participant_id"],
                                  recipient_participant_id=bob["participant_id"], content="Hello")
                check(sent["message_id"], "send_network_message")
                check((await tool("get_network_context", network_id=network))["entries"], "get_network_context")

            async def all_tools(_):
                found = await tool("discover_agents", query="echo what it is told")
                check(any(a["agent_id"] == world.echo["agent_id"] for a in found), "discover_agents")
                await tool("get_agent_details", agent_id=world.echo["agent_id"])
                answer = await tool("invoke_agent", agent_id=world.echo["agent_id"], input_data={"message": "hi"})
                check(answer["success"] and answer["data"]["echo"] == {"message": "hi"}, "invoke_agent")
                task = await tool("create_task", goal="echo what it is told", input_data={"message": "hi"})
                check(task["status"] == "completed", f"create_task: {task}")
                check((await tool("get_task_status", task_id=task["task_id"]))["status"] == "completed", "get_task_status")
                listed = await tool("list_conversations")
                check(listed, "list_conversations")
                check(await tool("get_conversation_messages", conversation_id=listed[0]["id"]), "get_conversation_messages")
                if world.serves_networks:
                    await network_tools()
                if world.serves_a2a:
                    check((await tool("import_a2a_agent", url=world.far))["name"] == "Far Away", "import_a2a_agent")
                for resource in ["intuno://agents/trending", "intuno://agents/new"]:
                    read = await session.read_resource(resource)
                    check(isinstance(json.loads(read.contents[0].text), list), resource)

            await d.part("tools and resources", all_tools)
            d.say("every tool was called", tools == called, ", ".join(sorted(tools - called)))


async def main():
    base, key, token = sys.argv[1:4]
    world = World(base, key, token)
    parts = [registry, broker, tasks, workflows, networks, a2a, authentication]
    served = [part for part in parts if (part is not networks or world.serves_networks) and (part is not a2a or world.serves_a2a)]
    await clients(world, served)
    try:
        await mcp(world)
    except Exception as error:
        traceback.print_exc()
        FAILURES.append(f"mcp: {error}")
    print(f"{len(FAILURES)} failures")
    for failure in FAILURES:
        print(f"  {failure}")
    sys.exit(1 if FAILURES else 0)


asyncio.run(main())
