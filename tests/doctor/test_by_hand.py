"""Tests of the API called by hand, and of libraries that import openai themselves."""

from __future__ import annotations

import pytest

from shim.doctor import Support
from shim.doctor.libraries import THIRD_PARTY
from tests.doctor.conftest import Found

URL = "https://api.openai.com/v1/chat/completions"
POSTS = {
    "requests": f'import requests\nrequests.post("{URL}", json=b)',
    "a session": f'import requests\ns = requests.Session()\ns.post("{URL}", json=b)',
    "aiohttp": f'import aiohttp\nasync def f(s):\n    async with s.post("{URL}") as r: ...',
    "httpx": f'import httpx\nhttpx.Client().post("{URL}")',
    "urllib": f'from urllib.request import urlopen\nurlopen("{URL}")',
    "http.client": 'import http.client\nhttp.client.HTTPSConnection("api.openai.com")',
    "a constant": f'import requests\nURL = "{URL}"\nrequests.post(URL)',
    "an f-string": 'import requests\nrequests.post(f"https://api.openai.com/v1/{path}")',
    "a host of its own": 'import requests\nrequests.post(host + "/v1/chat/completions")',
    "a deployment": 'import requests\nrequests.post(host + "/openai/deployments/x/completions?api-version=1")',
    "a deployment by name": 'import requests\nrequests.post(f"{host}openai/deployments/{x}/chat/completions?api-version=1")',
    "a host and a path": 'import requests\nH = "https://x.openai.azure.com"\npost(H + "/openai/deployments/x/completions")',
    "a deployment and no more": 'import requests\nurl = f"https://{r}.openai.azure.com/openai/deployments/{rest}"',
    "openai's own base": 'import openai, requests\nrequests.post(openai.api_base + "/completions", json=b)',
    "the base in an f-string": 'import openai, httpx\nc.post(url=f"{openai.api_base}/chat/completions")',
    "the base by another name": 'import openai, requests\nbase = openai.api_base\nurl = base.rstrip("/") + "/completions"',
    "Azure": 'import requests\nrequests.post(f"https://{n}.openai.azure.com/openai/deployments/x/chat/completions")',
}


@pytest.mark.parametrize("form", POSTS)
def test_calls_by_hand_are_found(found: Found, form: str) -> None:
    """The API's address beside an HTTP library is a call by hand, with the library's name and the way on."""
    (finding,) = [each for each in found(POSTS[form]) if each.kind == "http"]
    assert finding.standing is Support.HAND
    assert "called by hand" in finding.reason
    assert "shim record" in finding.remedy


def test_a_retired_endpoint_is_named(found: Found) -> None:
    """An address whose endpoint is gone says since when, and where to go."""
    (finding,) = found('import requests\nrequests.post("https://api.openai.com/v1/engines/davinci/completions")')
    assert "/v1/engines was shut down on 2024-01-04" in finding.reason


ELSEWHERE = {
    "embeddings": 'import requests\nrequests.post("https://api.openai.com/v1/embeddings", json=b)',
    "a list of deployments": 'import openai, requests\nurl = openai.api_base + "/openai/deployments?api-version=1"',
    "a deployment's embeddings": 'import requests\nrequests.post(host + "/openai/deployments/x/embeddings?api-version=1")',
    "a deployment's embeddings by name": 'import httpx\nhttpx.post(f"https://{r}.openai.azure.com/openai/deployments/{d}/embeddings")',
    "audio": 'import httpx\nhttpx.post("https://api.openai.com/v1/audio/transcriptions", files=f)',
}


@pytest.mark.parametrize("form", ELSEWHERE)
def test_calls_by_hand_for_other_things_may_stay(found: Found, form: str) -> None:
    """A call by hand for anything but a chat or completion is told, and nobody is sent to a client that has no such call."""
    (finding,) = [each for each in found(ELSEWHERE[form]) if each.kind == "http"]
    assert (finding.standing, "shim.Client" in finding.remedy) == (Support.SUPPORTED, False)


def test_an_endpoint_that_is_gone_is_not_to_be_compared(found: Found) -> None:
    """What nobody answers cannot be recorded: the way on is another endpoint."""
    (finding,) = found('import requests\nrequests.get("https://api.openai.com/v1/engines")')
    assert (finding.standing, "shim record" in finding.remedy) == (Support.HAND, False)
    assert "another endpoint" in finding.remedy


@pytest.mark.parametrize(
    "program",
    [
        'import openai, requests\nopenai.api_base = openai.api_base + "/v1"',
        'import openai, requests\nprint(f"{openai.api_base} is asked")',
        'import openai, requests\nprint("asking " + openai.api_base)',
        'import openai, requests\nurl = "http://localhost:8000/weather"\nrequests.post(url, json=b)',
        'import openai, requests\nurl = f"http://localhost:8000/{kind}"\nrequests.post(url, json=b)',
        'import openai\nopenai.api_base = "https://api.openai.com/v1"',
        'import requests, openai\nopenai.ChatCompletion.create(api_base="https://api.openai.com/v1")',
        '"""See https://api.openai.com/v1."""\nimport requests',
        'import requests\nx = "https://platform.openai.com/docs"',
        'import requests\nrequests.get("https://example.org/v1/files")',
        'import requests\nrequests.post("https://api.example.org/v1/embeddings")',
        'import requests\napi_base = x or "https://api.openai.com/v1"',
    ],
)
def test_other_addresses_are_left_alone(found: Found, program: str) -> None:
    """A setting of openai itself, documentation, and other hosts are no calls by hand."""
    assert [each for each in found(program) if each.kind == "http"] == []


def test_an_address_alone_is_told_without_alarm(found: Found) -> None:
    """An address in a module that talks to nobody is told, and needs nothing by itself."""
    (finding,) = found('HOST = "https://api.openai.com"')
    assert (finding.kind, finding.standing) == ("http", Support.SUPPORTED)


def test_a_post_to_a_computed_address_is_told(found: Found) -> None:
    """Beside openai, a post whose address is a variable is told as what only running shows."""
    programs = (
        "requests.post(self.endpoint, json=b)",
        'url = "http://localhost/x"\nif y:\n    url = asked()\nrequests.post(url, json=b)',
        'url = "http://localhost/x"\ndef f(url):\n    requests.post(url, json=b)',
    )
    for program in programs:
        findings = found(f"import openai, requests\n{program}\n")
        assert [each.name for each in findings if each.kind == "http"] == ["requests.post"]


@pytest.mark.parametrize("package", sorted(THIRD_PARTY))
def test_libraries_that_import_openai_are_found(found: Found, package: str) -> None:
    """A library that imports openai itself is told, with how to start the program."""
    (finding,) = found(f"from {package}.x import y\n")
    assert (finding.kind, finding.name, finding.standing) == ("third-party", package, Support.SUPPORTED)
    assert "shim run" in finding.remedy


def test_the_programs_own_packages_are_no_libraries(found: Found) -> None:
    """A package of the program itself is no third party, whatever its name."""
    assert found("from guidance.x import y\n", name="guidance.py") == []


_POSTS = 'import json, requests\nurl = "https://api.openai.com/v1/chat/completions"\n'
_BODY = '{"model": "gpt-3.5-turbo", "messages": [], "max_tokens": 5, "temperature": 0, "functions": f}'


@pytest.mark.parametrize(
    "sending",
    [
        f"requests.post(url, json={_BODY})",
        f"requests.post(url, data=json.dumps({_BODY}))",
        f"def ask(f):\n    body = {_BODY}\n    return requests.post(url, json=body)",
        'requests.post(url, json=dict(model="gpt-3.5-turbo", messages=[], max_tokens=5, temperature=0, functions=f))',
    ],
)
def test_a_body_is_judged_as_a_calls_arguments(found: Found, sending: str) -> None:
    """What a body needs on the successor of its model is told at its fields, and the model once."""
    upgrades = [each.upgrade for each in found(_POSTS + sending) if each.standing is Support.UPGRADE]
    changed = ["functions-to-tools", "max-completion-tokens", "model-successor", "reasoning-off", "refused-sampling"]
    assert sorted(upgrades) == changed


def test_a_body_without_a_call_by_hand_is_a_dict(found: Found) -> None:
    """Where a module asks nobody by hand, a dict with a model and messages is told for its model alone."""
    assert [each.upgrade for each in found(f"x = {_BODY}")] == ["model-successor"]
