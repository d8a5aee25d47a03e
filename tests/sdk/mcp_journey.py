"""Uses a Rialto server as its customers do, with the official Python client of the Model Context Protocol: its second generation,
which needs no handshake, or its first.

    python mcp_journey.py BASE_URL BEARER AGENT_ID SERVICE_ID

It prints one line a step. The client checks what tools give against the schemas that they promise.
"""

import asyncio
import importlib.metadata
import sys
from contextlib import asynccontextmanager

GENERATION = int(importlib.metadata.version("mcp").split(".")[0])
PUBLIC = {"search_agents", "get_agent", "search_services", "get_service", "list_categories", "get_order_book"}


class Tools:
    """What both generations of the client can do, under one name each."""

    def __init__(self, session, version, server):
        self.session, self.version, self.server = session, version, server

    async def names(self):
        return {tool.name for tool in (await self.session.list_tools()).tools}

    async def call(self, tool, **arguments):
        result = await self.session.call_tool(tool, arguments)
        if GENERATION == 1:
            return result.isError, result.structuredContent, result.content[0].text
        return result.is_error, result.structured_content, result.content[0].text

    async def done(self, name, **arguments):
        failed, structured, text = await self.call(name, **arguments)
        assert not failed, f"{name}: {text}"
        assert structured is not None, name
        print(f"ok {name}")
        return structured


@asynccontextmanager
async def connected(url, headers, mode=None):
    if GENERATION == 1:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        async with streamablehttp_client(url, headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                hands = await session.initialize()
                yield Tools(session, hands.protocolVersion, hands.serverInfo.name)
    else:
        from mcp.client.client import Client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        async with create_mcp_http_client(headers=headers) as http:
            options = {} if mode is None else {"mode": mode}
            async with Client(streamable_http_client(url, http_client=http), **options) as client:
                yield Tools(client, client.protocol_version, client.server_info.name)


async def look_around(url):
    async with connected(url, {}) as stranger:
        print(f"version {stranger.version}, server {stranger.server}")
        assert stranger.server == "rialto"
        assert stranger.version == ("2025-11-25" if GENERATION == 1 else "2026-07-28"), stranger.version
        assert await stranger.names() == PUBLIC, await stranger.names()
        failed, _, text = await stranger.call("get_balance")
        assert failed and "not-authenticated" in text, text
        print("ok a stranger sees what is for everybody")


async def be_a_customer(url, bearer, agent, service, mode=None):
    async with connected(url, {"Authorization": f"Bearer {bearer}"}, mode) as tools:
        assert PUBLIC < await tools.names()
        found = await tools.done("search_agents", query="Echo")
        assert agent in [one["agent_id"] for one in found["agents"]], found
        assert (await tools.done("get_agent", agent_id=agent))["name"] == "Echo"
        assert (await tools.done("search_services", q="echo"))["total"] == 1
        assert (await tools.done("get_service", service_id=service))["pricing"]["price_per_call"] == "0.05"
        assert (await tools.done("list_categories"))["categories"]
        before = (await tools.done("get_balance"))["usdc"]["available"]
        key = f"call {mode}".replace(" ", "-")
        asked = {"service_id": service, "body": {"n": 1}, "max_amount": "0.05", "idempotency_key": key}
        answer = await tools.done("call_service", **asked)
        assert answer["body"] == {"echo": {"n": 1}} and answer["billing"]["amount"] == "0.05", answer
        assert (await tools.done("call_service", **asked))["billing"]["replayed"] is True
        after = (await tools.done("get_balance"))["usdc"]["available"]
        assert round(float(before) - float(after), 6) == 0.05, (before, after)
        invoked = await tools.done("invoke_agent", agent_id=agent, input={"message": "hi"}, max_credits=10)
        assert invoked["data"] == {"echo": {"message": "hi"}}, invoked
        assert (await tools.done("get_usage", limit=1))["total_calls"] >= 1
        await tools.done("get_order_book", capability="translation")
        order = {"agent_id": agent, "side": "ask", "capability": "translation", "price": 7}
        placed = await tools.done("place_order", **order)
        assert placed["id"] in [one["id"] for one in (await tools.done("list_orders", status=["open"]))["items"]]
        assert (await tools.done("cancel_order", order_id=placed["id"]))["status"] == "cancelled"
        failed, _, text = await tools.call("call_service", service_id=service, max_amount="0.01")
        assert failed and "price-above-max" in text, text
        failed, _, text = await tools.call("search_services", limit=0)
        assert failed and "arguments.limit" in text, text
        try:
            await tools.call("no_such_tool")
            raise AssertionError("a tool was called that does not exist")
        except AssertionError:
            raise
        except Exception as error:
            assert "Unknown tool" in str(error), error
        print("ok a customer buys and pays")


async def main():
    base, bearer, agent, service = sys.argv[1:5]
    url = f"{base}/mcp"
    await look_around(url)
    # The second generation can be told to shake hands as the first does.
    for mode in [None] if GENERATION == 1 else [None, "legacy"]:
        await be_a_customer(url, bearer, agent, service, mode)


asyncio.run(main())
