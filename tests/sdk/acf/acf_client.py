"""A client of the Agent Commerce API: the methods of the reference's SDK, written anew from its description. They send what it sends:
a bearer with every request where there is a key, no redirects, JSON both ways. Of an error they read `detail`."""

import base64
import json

import httpx


class ACFError(Exception):
    def __init__(self, status_code, message):
        self.status_code, self.message = status_code, message
        super().__init__(f"{status_code}: {message}")


def detail_of(response):
    try:
        return response.json().get("detail", response.text)
    except Exception:
        return response.text


class ACFClient:
    def __init__(self, base_url, api_key=None, timeout=30.0):
        self.api_key = api_key
        self._http = httpx.Client(base_url=base_url.rstrip("/"), timeout=timeout)

    def _headers(self):
        bearer = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"Accept": "application/json", **bearer}

    def _send(self, method, path, body=None, **query):
        query = {name: value for name, value in query.items() if value is not None}
        response = self._http.request(method, path, headers=self._headers(), json=body, params=query or None)
        if response.status_code >= 400:
            raise ACFError(response.status_code, detail_of(response))
        return response

    def _json(self, *args, **query):
        # Every answer has to be JSON, that to a DELETE included.
        return self._send(*args, **query).json()

    @staticmethod
    def _given(**fields):
        return {name: value for name, value in fields.items() if value is not None}

    def close(self):
        self._http.close()

    # Keys

    def create_key(self, owner_id, role="buyer", rate_limit=None):
        return self._json("POST", "/api/v1/keys", self._given(owner_id=owner_id, role=role, rate_limit=rate_limit))

    def validate_key(self):
        key_id, secret = self.api_key.split(":", 1)
        return self._json("POST", "/api/v1/keys/validate", {"key_id": key_id, "secret": secret})

    # Agents

    def register_agent(self, display_name, capabilities=None, identity_type="api_key_only", wallet_address=None):
        optional = self._given(capabilities=capabilities, wallet_address=wallet_address)
        return self._json("POST", "/api/v1/agents", {"display_name": display_name, "identity_type": identity_type, **optional})

    def get_agent(self, agent_id):
        return self._json("GET", f"/api/v1/agents/{agent_id}")

    def search_agents(self, query):
        return self._json("GET", "/api/v1/agents/search", q=query).get("agents", [])

    def update_agent(self, agent_id, **changes):
        return self._json("PATCH", f"/api/v1/agents/{agent_id}", changes)

    # Services

    def register_service(self, name, endpoint, price_per_call, category=None, tags=None, payment_method="x402", free_tier_calls=0, **more):
        body = {
            "name": name,
            "endpoint": endpoint,
            "price_per_call": price_per_call,
            "payment_method": payment_method,
            "free_tier_calls": free_tier_calls,
            **self._given(category=category, tags=tags),
            **more,
        }
        return self._json("POST", "/api/v1/services", body)

    def list_services(self, status=None):
        return self._json("GET", "/api/v1/services", status=status).get("services", [])

    def get_service(self, service_id):
        return self._json("GET", f"/api/v1/services/{service_id}")

    def search(self, query=None, category=None, min_price=None, max_price=None, has_free_tier=None):
        filters = {"q": query, "category": category, "min_price": min_price, "max_price": max_price, "has_free_tier": has_free_tier}
        return self._json("GET", "/api/v1/discover", **filters)

    def get_categories(self):
        return self._json("GET", "/api/v1/discover/categories").get("categories", [])

    def get_trending(self, limit=10):
        return self._json("GET", "/api/v1/discover/trending", limit=limit).get("trending", [])

    def get_recommendations(self, agent_id, limit=5):
        return self._json("GET", f"/api/v1/discover/recommendations/{agent_id}", limit=limit).get("recommendations", [])

    def call_service(self, service_id, method="GET", path="/", body=None, params=None):
        path = f"/api/v1/proxy/{service_id}/{path.lstrip('/')}"
        response = self._send(method, path, body, **(params or {}))
        try:
            return response.json()
        except ValueError:
            return {"body": response.text, "status_code": response.status_code}

    # Reputation

    def get_agent_reputation(self, agent_id, period="all-time"):
        return self._json("GET", f"/api/v1/agents/{agent_id}/reputation", period=period)

    def get_leaderboard(self, limit=10):
        return self._json("GET", "/api/v1/reputation/leaderboard", limit=limit).get("leaderboard", [])

    # Teams

    def create_team(self, name, description=None):
        return self._json("POST", "/api/v1/teams", self._given(name=name, description=description))

    def add_member(self, team_id, agent_id, role="worker", skills=None):
        return self._json("POST", f"/api/v1/teams/{team_id}/members", self._given(agent_id=agent_id, role=role, skills=skills))

    def add_routing_rule(self, team_id, name, keywords, target_agent_id, priority=10):
        rule = {"name": name, "keywords": keywords, "target_agent_id": target_agent_id, "priority": priority}
        return self._json("POST", f"/api/v1/teams/{team_id}/rules", rule)

    # Webhooks

    def subscribe(self, url, events, secret):
        return self._json("POST", "/api/v1/webhooks", {"url": url, "events": events, "secret": secret})

    def list_subscriptions(self):
        return self._json("GET", "/api/v1/webhooks").get("webhooks", [])

    def unsubscribe(self, webhook_id):
        self._json("DELETE", f"/api/v1/webhooks/{webhook_id}")
        return True

    # Settlements

    def create_settlement(self, provider_id, period_start, period_end):
        body = {"provider_id": provider_id, "period_start": period_start, "period_end": period_end}
        return self._json("POST", "/api/v1/settlements", body)

    def list_settlements(self):
        return self._json("GET", "/api/v1/settlements").get("settlements", [])

    # The provider's own

    def provider_dashboard(self):
        return self._json("GET", "/api/v1/provider/dashboard")

    def provider_services(self):
        return self._json("GET", "/api/v1/provider/services").get("services", [])

    def service_analytics(self, service_id):
        return self._json("GET", f"/api/v1/provider/services/{service_id}/analytics")

    def provider_earnings(self):
        return self._json("GET", "/api/v1/provider/earnings")

    def provider_keys(self):
        return self._json("GET", "/api/v1/provider/keys").get("keys", [])

    def revoke_provider_key(self, key_id):
        self._json("DELETE", f"/api/v1/provider/keys/{key_id}")
        return True

    def test_service(self, service_id):
        return self._json("POST", f"/api/v1/provider/services/{service_id}/test")

    def provider_onboarding(self):
        return self._json("GET", "/api/v1/provider/onboarding")

    def provider_milestones(self):
        return self._json("GET", "/api/v1/provider/milestones")


class BuyerAgentError(Exception):
    pass


class BuyerAgent:
    """Discovers and calls. It has no wallet, so an answer that wants to be paid first ends in an error that says so."""

    def __init__(self, marketplace_url, api_key=None, timeout=30.0):
        self._base, self._http = marketplace_url.rstrip("/"), httpx.AsyncClient(timeout=timeout)
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})

    async def discover_services(self, query=None, category=None, max_price=None):
        filters = {"q": query, "category": category, "max_price": max_price}
        filters = {name: value for name, value in filters.items() if value is not None}
        response = await self._http.get(f"{self._base}/api/v1/discover", headers=self._headers, params=filters)
        response.raise_for_status()
        return response.json().get("services", [])

    async def call_service(self, service_id, method="GET", path="/", body=None, params=None):
        url = f"{self._base}/api/v1/proxy/{service_id}/{path.lstrip('/')}"
        response = await self._http.request(method, url, headers=self._headers, json=body, params=params)
        if response.status_code == 402:
            wanted = response.headers.get("payment-required")
            if wanted is not None:
                assert isinstance(json.loads(base64.b64decode(wanted)), dict), wanted
            raise BuyerAgentError("Received HTTP 402 but no wallet configured for payment.")
        if response.status_code >= 400:
            raise BuyerAgentError(f"HTTP {response.status_code}: {response.text[:200]}")
        try:
            return response.json()
        except ValueError:
            return {"body": response.text, "status_code": response.status_code}

    async def close(self):
        await self._http.aclose()
