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


@pytest.mark.parametrize(
    "program",
    [
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
    findings = found("import openai, requests\nrequests.post(self.endpoint, json=b)\n")
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
