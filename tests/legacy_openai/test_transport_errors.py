"""Tests of legacy_openai/transport_errors.py."""

from __future__ import annotations

import http.client
import pickle
import ssl

import pytest
import requests
from requests import exceptions as failed
from urllib3 import exceptions as raw

from legacy_openai import Config
from legacy_openai.http_request import build_request
from legacy_openai.transport_errors import REDACTED, causes, describe, reading_failure, redacted, without_secrets
from tests.helpers.raw_server import KEY

REQUEST = build_request(
    Config(openai_api_key=KEY, openai_model="m", openai_base_url="http://host:1/v1"), b"", streaming=True
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("timed out"), failed.ReadTimeout),
        (raw.ReadTimeoutError(None, None, "x"), failed.ReadTimeout),  # type: ignore[arg-type] # as urllib3 does in mid-body
        (failed.ConnectionError(raw.ReadTimeoutError(None, None, "x")), failed.ReadTimeout),  # type: ignore[arg-type] # the same
        (ssl.SSLError("bad"), failed.SSLError),
        (raw.SSLError("bad"), failed.SSLError),
        (raw.DecodeError("bad"), failed.ContentDecodingError),
        (raw.ProtocolError("x"), failed.ChunkedEncodingError),
        (ConnectionResetError(), failed.ChunkedEncodingError),
        (http.client.IncompleteRead(b""), failed.ChunkedEncodingError),
        (failed.StreamConsumedError(), failed.StreamConsumedError),
    ],
)
def test_each_failure_of_reading_has_one_kind(error: Exception, kind: type[Exception]) -> None:
    """The type tells what failed, whichever library noticed it."""
    assert type(reading_failure(error)) is kind


def test_an_early_end_is_told_from_a_reset() -> None:
    """An IncompleteRead stands behind an early end, a ConnectionResetError behind a reset, and never both."""
    for error in (http.client.IncompleteRead(b""), raw.ProtocolError("Response ended prematurely")):
        links = list(causes(reading_failure(error)))
        assert any(isinstance(link, http.client.IncompleteRead) for link in links)
        assert not any(isinstance(link, ConnectionResetError) for link in links)
    links = list(causes(reading_failure(ConnectionResetError(104, "reset"))))
    assert any(isinstance(link, ConnectionResetError) for link in links)
    assert not any(isinstance(link, http.client.IncompleteRead) for link in links)


def test_every_failure_has_words_that_name_the_host_and_not_the_key() -> None:
    """Each kind of error is described with the host, and a key in its text is redacted."""
    kinds = (failed.ConnectTimeout, failed.ReadTimeout, failed.ProxyError, failed.SSLError, failed.ChunkedEncodingError)
    texts = {describe(kind(f"about {KEY}"), REQUEST) for kind in (*kinds, failed.ConnectionError, failed.InvalidHeader)}
    assert len(texts) == 7
    for text in texts:
        assert "host:1" in text
        assert KEY not in text


class OddError(Exception):
    """Builds its text from something else than its arguments."""

    def __init__(self) -> None:
        super().__init__("harmless")

    def __str__(self) -> str:
        return f"odd {KEY}"


def raised(error: Exception, cause: Exception | None) -> Exception:
    """The error after it was raised."""
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_a_kept_error_holds_no_secret_and_no_frame() -> None:
    """Request headers, quoted keys and tracebacks are gone from the whole chain."""
    request = requests.Request("POST", "http://host:1/v1", headers={"Authorization": KEY}, data=KEY).prepare()
    inner = raised(ValueError(f"bad header {KEY}"), None)
    error = raised(requests.ConnectionError(f"x {KEY}", request=request), inner)
    safe = without_secrets(error, KEY)
    assert safe is error
    assert REDACTED in str(safe)
    assert all(link.__traceback__ is None for link in causes(safe))
    assert KEY not in repr(list(causes(safe)))
    assert safe.request.url == "http://host:1/v1"  # type: ignore[attr-defined] # a requests exception
    assert KEY.encode() not in pickle.dumps((safe, safe.request, inner))  # type: ignore[attr-defined] # the same


def test_an_error_that_cannot_be_cleaned_is_replaced() -> None:
    """An exception whose text keeps the key becomes one that names it without."""
    safe = without_secrets(raised(OddError(), None), KEY)
    assert str(safe) == f"OddError: odd {REDACTED}"


def test_a_circle_of_causes_ends() -> None:
    """Errors that are each other's cause are walked once."""
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    assert list(causes(one)) == [one, two]


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("key sk-secret-1x", "sk-secret-1", "key [redacted]x"),
        ("bad key k.", "k", "bad key [redacted]."),
        ("broken k-v at x.k", "k", "broken k-v at x.k"),
    ],
)
def test_a_short_key_does_not_garble_the_words_around_it(text: str, key: str, expected: str) -> None:
    """A real key is redacted anywhere, a made-up one of a few letters only where it is a word."""
    assert redacted(text, key) == expected
