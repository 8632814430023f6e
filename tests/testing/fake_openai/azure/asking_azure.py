"""Asking the fake server as a client of Azure OpenAI does.

Not a test.
"""

import json
from typing import Any

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import KEY, Got, connection_to

VERSION = "api-version=2023-07-01-preview"
AZURE_KEY = {"api-key": KEY}


def deployed(rest: str, *, name: str = "mine", version: str | None = "2023-07-01-preview") -> str:
    """The path of an endpoint below a deployment."""
    return f"/openai/deployments/{name}/{rest}" + ("" if version is None else f"?api-version={version}")


def ask_azure(
    server: FakeOpenAI,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> Got:
    """One request with an `api-key` unless other headers are given."""
    connection = connection_to(server)
    try:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, AZURE_KEY if headers is None else headers)
        response = connection.getresponse()
        return Got(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()
