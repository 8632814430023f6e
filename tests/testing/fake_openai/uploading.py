"""Uploading to the fake server as clients do: multipart forms by requests, and plain GET and DELETE requests.

Not a test.
"""

from typing import Any

import requests

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import KEY, Got, ask


def upload(
    server: FakeOpenAI, path: str, fields: dict[str, Any], *, headers: dict[str, str] | None = None, **files: Any
) -> Got:
    """Post a form; each file is bytes, or a pair of a name and bytes."""
    with requests.Session() as session:
        session.trust_env = False
        own = headers or {"authorization": f"Bearer {KEY}"}
        url = f"{server.azure_endpoint}{path}"
        answer = session.post(url, data=fields, files=files or {"": ("", b"")}, headers=own, timeout=5)
    return Got(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)


def get(server: FakeOpenAI, path: str) -> Got:
    """One GET request."""
    return ask(server, None, path=path, method="GET")


def delete(server: FakeOpenAI, path: str) -> Got:
    """One DELETE request."""
    return ask(server, None, path=path, method="DELETE")


def post(server: FakeOpenAI, path: str, body: dict[str, Any] | None = None) -> Got:
    """One POST request with a JSON body, or with none."""
    return ask(server, body, path=path)
