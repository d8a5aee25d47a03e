"""Calls every public method of the Agent Commerce SDK, `agent-commerce-framework` from PyPI, unmodified, against a Rialto server, and
looks at the values that its users read.

    python acf_journey.py BASE_URL ADMIN_BEARER

It prints one line a method, and ends with an error where something is not as it should be.
"""

import asyncio
import json
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from sdk import ACFClient, ACFError
from sdk.buyer import BuyerAgent, BuyerAgentError

NOBODY = "0198c0de-0000-7000-8000-000000000001"

# What comes with a later issue, and answers 404 today. Whoever builds an area takes its methods out of here and calls them for real.
LATER = {
    # Teams.
    "create_team": {"name": "Team", "description": "Of two"},
    "add_member": {"team_id": NOBODY, "agent_id": NOBODY, "skills": ["nlp"]},
    "add_routing_rule": {"team_id": NOBODY, "name": "r", "keywords": ["k"], "target_agent_id": NOBODY},
    # The provider portal.
    "provider_dashboard": {},
    "provider_services": {},
    "service_analytics": {"service_id": NOBODY},
    "provider_earnings": {},
    "test_service": {"service_id": NOBODY},
    "provider_onboarding": {},
    "provider_milestones": {},
}

CALLED = {ACFClient: set(), BuyerAgent: set()}


class Upstream(BaseHTTPRequestHandler):
    """The provider's own server: says what it was asked, as JSON, or as text at /text, nothing at /none, and with a failure at /boom."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        status = {"/v1/boom": 500, "/v1/none": 204}.get(self.path, 200)
        said = {"method": self.command, "path": self.path, "body": json.loads(sent or b"null")}
        kind, data = "application/json", json.dumps(said).encode()
        if self.path == "/v1/text":
            kind, data = "text/plain", b"just text"
        self.send_response(status)
        self.send_header("content-type", kind)
        if status != 204:
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer


class Recorded:
    """A client of the SDK that keeps the names of the methods that ended well."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        kind, member = type(self._client), getattr(self._client, name)

        def ended():
            if name not in CALLED[kind]:
                print(f"ok {kind.__name__}.{name}")
                CALLED[kind].add(name)

        def call(*args, **kwargs):
            result = member(*args, **kwargs)
            if asyncio.iscoroutine(result):
                return wait(result)
            ended()
            return result

        async def wait(coroutine):
            result = await coroutine
            ended()
            return result

        if callable(member):
            return call
        # A property; else it is a field of this client, and none of the class.
        if hasattr(kind, name):
            ended()
        return member


def client(base, key=None):
    """A client of the SDK, with the key of an answer or a bearer as it is."""
    return Recorded(ACFClient(base, bearer(key) if isinstance(key, dict) else key))


def bearer(key):
    return f"{key['key_id']}:{key['secret']}"


def read(buyer, path):
    """What the SDK has no method for."""
    answer = httpx.get(buyer.base_url + path, headers={"Authorization": f"Bearer {buyer.api_key}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(status, call, *args, **kwargs):
    """The call is refused with this status, and with words."""
    try:
        result = call(*args, **kwargs)
    except ACFError as error:
        assert error.status_code == status, (error.status_code, error.message)
        assert isinstance(error.message, str) and error.message, error.message
        return error.message
    raise AssertionError(f"expected {status}, not {result}")


def keys(base, admin):
    key = client(base).create_key("acf-buyer", rate_limit=300)
    assert key["role"] == "buyer" and key["rate_limit"] == 300 and key["message"], key
    buyer = client(base, key)
    assert buyer.validate_key() == {"valid": True, "owner_id": "acf-buyer", "role": "buyer", "rate_limit": 300}
    refused(401, client(base, "acf_0000000000000000:sec_wrong").validate_key)
    # These two are refused before anything is sent.
    refused(401, client(base).validate_key)
    refused(401, client(base, "nonsense").validate_key)
    assert client(base, buyer.create_key("acf-buyer")).validate_key()["rate_limit"] == 60
    refused(409, client(base).create_key, "acf-buyer")
    refused(400, client(base).create_key, "acf-x", role="king")
    refused(400, client(base).create_key, "acf-x", rate_limit=301)
    refused(400, client(base).create_key, "")
    # A name is claimed by a buyer's key; a provider's key is made with it, or by an administrator, for no other.
    refused(401, client(base).create_key, "acf-shop", role="provider")
    refused(403, buyer.create_key, "acf-shop", role="provider")
    first = client(base).create_key("acf-shop", rate_limit=300)
    refused(403, buyer.create_key, "acf-shop", role="provider")
    key = client(base, first).create_key("acf-shop", role="provider", rate_limit=300)
    provider = client(base, key)
    assert client(base, admin.create_key("acf-by-admin", role="provider")).validate_key()["role"] == "provider"
    assert client(base, admin.create_key("acf-root", role="admin")).validate_key()["role"] == "admin"
    refused(403, provider.create_key, "acf-shop", role="admin")

    listed = provider.provider_keys()
    assert {one["key_id"]: one["role"] for one in listed} == {first["key_id"]: "buyer", key["key_id"]: "provider"}, listed
    assert all(one["rate_limit"] == 300 and "secret" not in one for one in listed), listed
    refused(403, buyer.provider_keys)
    assert provider.revoke_provider_key(first["key_id"]) is True
    assert [one["key_id"] for one in provider.provider_keys()] == [key["key_id"]]
    refused(401, client(base, first).validate_key)
    assert refused(403, provider.revoke_provider_key, buyer.api_key.split(":")[0]) == "Not your key"
    refused(404, provider.revoke_provider_key, "acf_0000000000000000")
    return buyer, provider


def agents(base, buyer, provider):
    """Gives the provider's agent, by what its registration said."""
    wallet = "0x1234567890abcdef1234567890abcdef12345678"
    made = buyer.register_agent("My AI Agent", capabilities=["nlp", "inference"], wallet_address=wallet)
    assert made["display_name"] == "My AI Agent" and made["identity_type"] == "api_key_only", made
    assert made["capabilities"] == ["nlp", "inference"] and made["wallet_address"] == wallet, made
    assert made["verified"] is False and made["reputation_score"] == 0.0 and made["status"] == "active", made
    assert made["owner_id"] == "acf-buyer" and made["created_at"] and made["updated_at"], made
    stranger = client(base, "acf_0000000000000000:sec_stale")
    seen = stranger.get_agent(made["agent_id"])
    assert seen["agent_id"] == made["agent_id"] and seen["display_name"] == "My AI Agent", seen
    assert [one["agent_id"] for one in stranger.search_agents("AI Agent")] == [made["agent_id"]]
    assert [one["agent_id"] for one in stranger.search_agents(made["agent_id"])] == [made["agent_id"]]
    assert stranger.search_agents("nobody is called that") == [] and stranger.search_agents("") == []
    changed = buyer.update_agent(made["agent_id"], display_name="Renamed", capabilities=["nlp"], metadata={"v": "1"})
    assert changed["display_name"] == "Renamed" and changed["capabilities"] == ["nlp"], changed
    assert changed["owner_id"] == "acf-buyer" and changed["wallet_address"] == wallet, changed
    assert buyer.update_agent(made["agent_id"], status="suspended")["status"] == "suspended"
    assert stranger.search_agents("Renamed") == []
    assert buyer.update_agent(made["agent_id"], status="active")["status"] == "active"
    refused(404, stranger.get_agent, NOBODY)
    refused(401, client(base).register_agent, "x")
    refused(400, buyer.register_agent, " ")
    refused(400, buyer.register_agent, "x", identity_type="passport")
    refused(403, provider.update_agent, made["agent_id"], display_name="Stolen")
    refused(404, buyer.update_agent, NOBODY, display_name="x")
    return provider.register_agent("Sentiment Bot", capabilities=["sentiment"])


def services(base, buyer, provider, endpoint):
    made = provider.register_service(
        "Sentiment", endpoint, "0.05", category="ai", tags=["nlp"], free_tier_calls=1, description="How a text feels"
    )
    pricing = {"price_per_call": "0.05", "currency": "USDC", "payment_method": "x402", "free_tier_calls": 1}
    assert made["pricing"] == pricing and made["provider_id"] == "acf-shop" and made["status"] == "active", made
    assert made["tags"] == ["nlp"] and made["category"] == "ai" and made["created_at"], made
    other = provider.register_service("Feelings", endpoint, "0.10", category="ai")
    # A key that is over does not spoil what is for everybody.
    stale = client(base, "acf_0000000000000000:sec_stale")
    assert {one["id"] for one in stale.list_services()} == {made["id"], other["id"]}
    assert stale.list_services(status="paused") == []
    assert stale.get_service(made["id"]) == made
    assert refused(404, stale.get_service, NOBODY) == "Service not found"
    found = stale.search("sentiment", category="ai", min_price="0.01", max_price="0.05", has_free_tier=True)
    assert [one["id"] for one in found["services"]] == [made["id"]] and found["total"] == 1, found
    assert found["offset"] == 0 and found["limit"] == 50, found
    assert stale.search(has_free_tier=False)["total"] == 1 and stale.search()["total"] == 2
    refused(400, stale.search, min_price="abc")
    assert stale.get_categories() == [{"category": "ai", "count": 2}]
    refused(403, buyer.register_service, "x", endpoint, "0.05")
    refused(401, client(base).register_service, "x", endpoint, "0.05")
    for price in ["NaN", "-1", "100.01"]:
        refused(400, provider.register_service, "x", endpoint, price)
    refused(422, provider.register_service, "x", endpoint, 0.5)
    return made["id"], other["id"]


def calls(base, buyer, service):
    said = buyer.call_service(service)
    # The bare endpoint, without a slash behind it.
    assert said == {"method": "GET", "path": "/v1", "body": None}, said
    # The call for nothing is used up, and there is no money.
    assert "Insufficient balance" in refused(402, buyer.call_service, service)
    credit = httpx.post(
        f"{base}/api/v1/admin/credit",
        params={"buyer_id": "acf-buyer", "amount": "1.00"},
        headers={"Authorization": f"Bearer {buyer.api_key}"},
    )
    assert credit.status_code == 200 and credit.json()["new_balance"] == "1.00", credit.text
    said = buyer.call_service(service, method="POST", path="/analyze", body={"text": "hi"}, params={"lang": "en", "none": None})
    assert said == {"method": "POST", "path": "/v1/analyze?lang=en", "body": {"text": "hi"}}, said
    for method, body in [("GET", None), ("PUT", {"n": 1}), ("PATCH", {"n": 2}), ("DELETE", None)]:
        said = buyer.call_service(service, method=method, path="one/2", body=body)
        assert said == {"method": method, "path": "/v1/one/2", "body": body}, said
    assert buyer.call_service(service, method="HEAD", path="one") == {"body": "", "status_code": 200}
    assert buyer.call_service(service, path="text") == {"body": "just text", "status_code": 200}
    assert buyer.call_service(service, path="none") == {"body": "", "status_code": 204}
    # Handed on as it is, and not charged.
    assert json.loads(refused(500, buyer.call_service, service, path="boom"))["path"] == "/v1/boom"
    assert refused(404, buyer.call_service, NOBODY) == "Service not found"
    refused(401, client(base).call_service, service)
    # Eight that cost something, and two that did not.
    used = read(buyer, "/api/v1/usage/me")
    assert (used["buyer_id"], used["total_calls"], used["total_spent_usd"]) == ("acf-buyer", 10, "0.40"), used
    assert isinstance(used["avg_latency_ms"], float) and used["avg_latency_ms"] >= 0, used
    assert read(buyer, "/api/v1/balance/acf-buyer")["balance"] == "0.60"


def found_later(service, other, stranger):
    trend = stranger.get_trending(limit=5)
    assert [one["service"]["id"] for one in trend] == [service], trend
    assert trend[0]["call_count"] == 9 and trend[0]["avg_latency_ms"] >= 0, trend
    liked = stranger.get_recommendations("acf-buyer", limit=3)
    assert [one["id"] for one in liked] == [other], liked
    # Who asks for more than there may be has what there may be; who asks for none is told so.
    assert stranger.get_trending(limit=500) == trend and stranger.get_recommendations("acf-buyer", limit=500) == liked
    for limit in [0, -1, "many"]:
        for ask in [stranger.get_trending, stranger.get_leaderboard, lambda limit: stranger.get_recommendations("x", limit)]:
            refused(422, ask, limit)


def reputation(agent, stranger):
    """All ten calls are the provider's: nine were good, and one failed. They are counted within seconds."""
    end = time.monotonic() + 60
    while (scores := stranger.get_agent_reputation(agent["agent_id"]))["call_count"] != 10:
        assert time.monotonic() < end, scores
        time.sleep(0.1)
    assert scores["agent_id"] == agent["agent_id"] and scores["period"] == "all-time" and scores["service_id"] == "", scores
    assert scores["reliability_score"] == scores["response_quality"] == 9.0 and 0 < scores["latency_score"] <= 10, scores
    whole = 0.3 * scores["latency_score"] + 0.7 * 9.0
    assert abs(scores["overall_score"] - whole) < 0.011, (scores, whole)
    of_owner = stranger.get_agent_reputation("acf-shop")
    assert of_owner == {**scores, "agent_id": "acf-shop"}, of_owner
    month = datetime.now(timezone.utc).strftime("%Y-%m")
    assert stranger.get_agent_reputation(agent["agent_id"], period="2020-01")["call_count"] == 0
    assert stranger.get_agent_reputation(agent["agent_id"], period=month)["period"] == month
    refused(400, stranger.get_agent_reputation, "acf-shop", period="yesterday")
    refused(404, stranger.get_agent_reputation, NOBODY)
    board = stranger.get_leaderboard(limit=5)
    leader = {"agent_id": agent["agent_id"], "display_name": "Sentiment Bot", "verified": False}
    assert len(board) == 1 and leader.items() <= board[0].items(), board
    assert board[0]["reputation_score"] == scores["overall_score"], board
    seen = stranger.get_agent(board[0]["agent_id"])
    assert seen["agent_id"] == board[0]["agent_id"] and seen["slug"] == board[0]["slug"], seen
    assert stranger.get_leaderboard(limit=500) == board


def settlements(admin, buyer, provider, stranger):
    period = {"period_start": "2020-01-01T00:00:00Z", "period_end": "2100-01-01T00:00:00Z"}
    settled = admin.create_settlement("acf-shop", **period)
    assert settled["provider_id"] == "acf-shop" and settled["status"] == "pending", settled
    # What failed is not in it. In a provider's first month the house takes nothing.
    assert settled["total_amount"] == "0.40" and settled["call_count"] == 9, settled
    assert settled["platform_fee"] == "0.00" and settled["net_amount"] == "0.40", settled
    refused(403, provider.create_settlement, "acf-shop", **period)
    refused(409, admin.create_settlement, "acf-shop", **period)
    refused(404, admin.create_settlement, "acf-nobody", **period)
    refused(400, admin.create_settlement, "acf-shop", "x", "y")
    listed = provider.list_settlements()
    assert [one["id"] for one in listed] == [settled["id"]], listed
    assert listed[0]["payment_tx"] is None and listed[0]["period_start"].startswith("2020-01-01"), listed
    assert admin.list_settlements() == listed and buyer.list_settlements() == []
    refused(401, stranger.list_settlements)


def webhooks(buyer, provider):
    made = provider.subscribe("https://example.com/hook", ["service.called", "payment.completed"], "a secret, long enough")
    assert made["id"] and sorted(made["events"]) == ["payment.completed", "service.called"], made
    assert made["owner_id"] == "acf-shop" and made["active"] is True, made
    assert "a secret" not in json.dumps(made), made
    listed = provider.list_subscriptions()
    assert [one["id"] for one in listed] == [made["id"]] and listed[0]["url"] == "https://example.com/hook", listed
    assert "a secret" not in json.dumps(listed), listed
    assert buyer.list_subscriptions() == []
    refused(400, provider.subscribe, "https://example.com/hook", ["no.such.event"], "a secret, long enough")
    refused(400, provider.subscribe, "https://example.com/hook", [], "a secret, long enough")
    refused(400, provider.subscribe, "http://example.com/hook", ["service.called"], "a secret, long enough")
    refused(404, buyer.unsubscribe, made["id"])
    assert provider.unsubscribe(made["id"]) is True
    assert provider.list_subscriptions() == []
    refused(404, provider.unsubscribe, made["id"])


async def the_buyer_agent(base, service, key):
    buyer = Recorded(BuyerAgent(base, api_key=key))
    found = await buyer.discover_services("sentiment", category="ai", max_price="0.05")
    assert [one["id"] for one in found] == [service], found
    assert len(await buyer.discover_services()) == 2
    said = await buyer.call_service(service, method="POST", path="/x", body={"n": 1}, params={"q": "1"})
    assert said == {"method": "POST", "path": "/v1/x?q=1", "body": {"n": 1}}, said
    assert (await buyer.call_service(service, auto_pay=False))["method"] == "GET"
    # It has no wallet, and paid out of the balance.
    assert buyer.wallet_address is None and buyer.payment_history == [] and await buyer.get_balance() is None
    poor = Recorded(BuyerAgent(base, api_key=bearer(ACFClient(base).create_key("acf-poor"))))
    assert (await poor.call_service(service))["method"] == "GET", "the first one is free"
    async with BuyerAgent(base) as unknown:
        for who, call, why in [
            (poor, {"service_id": service}, "402"),
            (poor, {"service_id": service, "auto_pay": False}, "Insufficient balance"),
            (buyer, {"service_id": NOBODY}, "404"),
            (unknown, {"service_id": service}, "401"),
        ]:
            try:
                result = await who.call_service(**call)
            except BuyerAgentError as error:
                assert why in str(error), error
                continue
            raise AssertionError(f"expected {why}, not {result}")
    await buyer.close()
    await poor.close()


def later(base, key):
    """What is not there is a clear 404, of the same form for each."""
    answers = []
    with ACFClient(base, key) as provider:
        provider._client.event_hooks["response"].append(lambda answer: (answer.read(), answers.append(answer)))
        for name, arguments in LATER.items():
            said = refused(404, getattr(provider, name), **arguments)
            problem = answers.pop().json()
            assert problem.pop("request_id"), problem
            assert problem == {"type": "not-found", "title": "Not found", "status": 404, "detail": said}, (name, problem)
    print(f"comes later: {', '.join(LATER)}")


def every_method():
    """No method of the SDK has been left out."""
    public = {kind: {name for name in dir(kind) if not name.startswith("_")} for kind in CALLED}
    assert public[ACFClient] == CALLED[ACFClient] | set(LATER) and not CALLED[ACFClient] & set(LATER), (
        f"neither called nor later: {sorted(public[ACFClient] - CALLED[ACFClient] - set(LATER))}, "
        f"there already: {sorted(CALLED[ACFClient] & set(LATER))}, unknown: {sorted(set(LATER) - public[ACFClient])}"
    )
    assert public[BuyerAgent] == CALLED[BuyerAgent], f"never called: {sorted(public[BuyerAgent] - CALLED[BuyerAgent])}"


def starter_kit(base, service, key):
    """What the reference's starter kit asks, beside the SDK."""
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}) as http:
        assert http.get("/health").status_code == 200
        info = http.get("/").json()
        assert info["service"] and info["version"] and info["docs"] == "/docs", info
        answer = http.get(f"/api/v1/proxy/{service}/")
        assert answer.status_code == 200 and float(answer.headers["x-acf-amount"]) == 0.05, answer.headers
        assert answer.headers["x-acf-free-tier"] == "false" and answer.headers["x-acf-usage-id"], answer.headers
        described = http.get("/api/v1/mcp/descriptor").json()
        assert described["tools"] and described["base_url"] == base, described
    print("ok starter kit")


def main():
    base, admin, stranger = sys.argv[1], client(sys.argv[1], sys.argv[2]), client(sys.argv[1])
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    buyer, provider = keys(base, admin)
    key, provider_key = buyer.api_key, provider.api_key
    agent = agents(base, buyer, provider)
    service, other = services(base, buyer, provider, f"http://127.0.0.1:{upstream.server_port}/v1")
    calls(base, buyer, service)
    found_later(service, other, stranger)
    reputation(agent, stranger)
    settlements(admin, buyer, provider, stranger)
    webhooks(buyer, provider)
    asyncio.run(the_buyer_agent(base, service, key))
    starter_kit(base, service, key)
    later(base, provider_key)
    for one in [admin, buyer, provider, stranger]:
        one.close()
    every_method()
    print("all well")


main()
