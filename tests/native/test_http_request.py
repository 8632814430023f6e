"""Tests of shim.native.http_request: headers, good and bad; what is refused is refused in words."""

from __future__ import annotations

import pickle

import pytest

from shim.endpoint import Endpoint
from shim.model import InvalidRequestError
from shim.native.http_request import HeaderLines, header_lines

KEY = "sk-test-do-not-show"


ENDPOINT = Endpoint(organization="org-1")
URL = ENDPOINT.url("chat_completions")


def lines(extra: dict[str, str | None], *, stream: bool = False) -> dict[str, str]:
    """The header lines, by name."""
    made = header_lines(ENDPOINT, KEY, url=URL, stream=stream, extra=extra)
    return {line.rstrip(";").partition(":")[0]: line.partition(":")[2] for line in made}


def test_the_headers_of_a_request() -> None:
    """Key, type, accepted type, agent and organization are said; nothing is said of a project that is not set."""
    said = lines({})
    assert said["Authorization"] == f" Bearer {KEY}"
    assert (said["Content-Type"], said["Accept"]) == (" application/json", " application/json")
    assert (said["User-Agent"], said["OpenAI-Organization"], said["OpenAI-Project"]) == (
        " shim-native/0.1.0",
        " org-1",
        "",
    )
    assert lines({}, stream=True)["Accept"] == " text/event-stream"


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "Authorization"])
def test_an_extra_header_wins_whatever_its_case(name: str) -> None:
    """A header of the request's own replaces ours, and there is one of it."""
    said = lines({name: "Basic x"})
    assert said[name] == " Basic x"
    assert [each.lower() for each in said].count("authorization") == 1


def test_a_header_may_be_removed_or_empty() -> None:
    """None removes a header, as libcurl understands it; an empty value is sent empty."""
    made = header_lines(ENDPOINT, KEY, url=URL, stream=False, extra={"authorization": None, "X-Empty": ""})
    assert "authorization:" in made
    assert "X-Empty;" in made
    assert KEY not in "".join(made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("X-A", "x\r\nX-Evil: 1"), ("X-A", "x\nX-Evil: 1"), ("X-A", "x\x00"), ("X-A", "ключ"), ("X-A", "\x7f")),
        *(("X A", "x"), ("X-A:", "x"), ("X-A\r\nX-Evil", "x"), ("", "x"), ("@file", "x"), ("Ключ", "x")),
        *(("Content-Length", "5"), ("transfer-encoding", "chunked")),
    ],
)
def test_a_header_that_injects_another_is_refused(name: str, value: str) -> None:
    """Line ends, control characters, what is no name, and what frames the body are refused; values are not repeated."""
    with pytest.raises(InvalidRequestError, match="extra_headers") as caught:
        header_lines(ENDPOINT, KEY, url=URL, stream=False, extra={name: value})
    assert str(caught.value.field).startswith("extra_headers")
    assert "Evil: 1" not in str(caught.value)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize("key", ["sk-test\n", " sk-test", "sk test", "sk-тест", "sk-test\x00"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """The error names the field and the cause, and does not quote the key."""
    with pytest.raises(InvalidRequestError, match="api_key") as caught:
        header_lines(ENDPOINT, key, url=URL, stream=False, extra={})
    assert "sk-" not in str(caught.value)


def test_azures_header_carries_the_key() -> None:
    """An endpoint of Azure's kind has the key in `api-key`, and no Authorization."""
    made = header_lines(Endpoint(auth="api-key"), KEY, url=URL, stream=False, extra={})
    assert f"api-key: {KEY}" in made
    assert not any(line.lower().startswith("authorization") for line in made)


def test_an_idempotency_key_is_a_header_which_the_requests_own_replaces() -> None:
    """The call's idempotency key is sent once; a header the request brings itself wins."""
    made = header_lines(ENDPOINT, KEY, url=URL, stream=False, extra={}, idempotency_key="abc")
    assert "Idempotency-Key: abc" in made
    made = header_lines(ENDPOINT, KEY, url=URL, stream=False, extra={"idempotency-key": "mine"}, idempotency_key="abc")
    assert [line for line in made if line.lower().startswith("idempotency")] == ["idempotency-key: mine"]


def test_header_lines_are_made_once_for_a_key() -> None:
    """While key and endpoint stay the same the lines are the same, of a stream its own; with another key they are another's."""
    kept = HeaderLines()
    first = kept.of(ENDPOINT, KEY, stream=False)
    assert kept.of(ENDPOINT, KEY, stream=False) is first
    assert list(first) == header_lines(ENDPOINT, KEY, url=URL, stream=False, extra={})
    assert "Accept: text/event-stream" in kept.of(ENDPOINT, KEY, stream=True)
    assert "Authorization: Bearer other" in kept.of(ENDPOINT, "other", stream=False)
    assert "api-key: other" in kept.of(Endpoint(auth="api-key"), "other", stream=False)
    assert kept.of(ENDPOINT, KEY, stream=False) == first


def test_kept_header_lines_show_no_key() -> None:
    """Neither a repr nor a pickle of them has the key."""
    kept = HeaderLines()
    kept.of(ENDPOINT, KEY, stream=False)
    assert KEY not in repr(kept)
    assert KEY.encode() not in pickle.dumps(kept)
