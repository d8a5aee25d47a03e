"""Pays for calls of a Rialto server with the x402 client of PyPI, unmodified: in version 2 by itself, and in version 1 from what the
body of the answer says.

    python x402_client.py BASE_URL PATH AUTHORIZATION

It prints one line a payment, and ends with 1 if any failed.
"""

import asyncio
import sys

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.http.utils import decode_payment_response_header, encode_payment_signature_header
from x402.mechanisms.evm.exact.register import register_exact_evm_client
from x402.schemas.v1 import PaymentRequiredV1


async def newest(client, base, path, headers):
    async with x402HttpxClient(client, base_url=base, headers=headers, timeout=60) as http:
        answer = await http.post(path, json={"a": 1})
    return answer, answer.headers["payment-response"]


async def oldest(client, base, path, headers):
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as http:
        asked = await http.get(path)
        assert asked.status_code == 402, asked.text
        required = PaymentRequiredV1.model_validate(asked.json())
        payload = await client.create_payment_payload(required)
        assert payload.x402_version == 1, payload
        answer = await http.get(path, headers={"X-PAYMENT": encode_payment_signature_header(payload)})
    return answer, answer.headers["x-payment-response"]


async def main(base, path, authorization):
    account = Account.create()
    client = x402Client()
    register_exact_evm_client(client, account)
    failures = 0
    for name, pay in [("version 2", newest), ("version 1", oldest)]:
        try:
            answer, receipt = await pay(client, base, path, {"authorization": authorization})
            assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
            receipt = decode_payment_response_header(receipt)
            assert receipt.success and receipt.payer == account.address, receipt
            assert receipt.transaction == answer.headers["x-payment-transaction"], receipt
            print(f"ok   {name}: {receipt.transaction}", flush=True)
        except Exception as error:
            failures += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main(*sys.argv[1:4])) else 0)
