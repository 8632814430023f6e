"""Tests of the masking of keys in what is recorded."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.redaction.key_mask import KeyMask, secrets_of
from shim.wire.credentials import is_worth_hiding, spellings

KEY = "sk-test-0123"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-test-0123 used", "key [masked key] used"),
        (r'"a\nsk-test-0123"', r'"a\n[masked key]"'),
        ("Bearer abc.def-123456", "[masked key]*********"),
        ("gsk_abcdefghijkl", "[masked key]****"),
        ("sk-abcdef", "*********"),
        ("bearer authentication is risk-management", "bearer authentication is risk-management"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, masked: str) -> None:
    """A key known by its looks is covered by as many characters, and words that only resemble one stay."""
    assert KeyMask().text(text) == masked
    assert len(masked) == len(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_json_stays_json(before: str, after: str) -> None:
    """A quoted shell command with a bearer token in it leaves the JSON around it whole, whatever stands beside it."""
    text = f'{before} -H "Authorization: Bearer tok3n-abcdefgh" {after}'
    masked = KeyMask().masked(json.dumps(text).encode())
    assert "tok3n" not in masked.decode()
    assert len(json.loads(masked)) == len(text)


def test_a_request_is_searched_for_its_keys() -> None:
    """The credentials of a request are found in headers, in the user of the URL and in its query."""
    basic = base64.b64encode(b"ann:pass-word-1").decode()
    headers = [("authorization", f"Basic {basic}"), ("API-Key", "azure-key-1"), ("Accept", "application/json")]
    found = set(secrets_of("https://u:p%40ss-1@host/v1?api-version=3&api-key=in%2Fquery-1", headers))
    assert found == {basic, "pass-word-1", "azure-key-1", "p@ss-1", "in/query-1"}


@pytest.mark.parametrize("form", ["in/query-1", r"in\/query-1", "in%2Fquery-1"])
def test_a_key_is_found_however_it_is_written(form: str) -> None:
    """The request's own key is masked in text, in JSON and in a URL."""
    assert "query" not in KeyMask(["in/query-1"]).text(f"<{form}>")


def test_a_secret_within_a_secret() -> None:
    """Keys of which one is part of another, or that overlap, are covered once and whole."""
    assert KeyMask(["abcdefgh", "abcdefgh1234", "1234wxyz"]).text("-abcdefgh1234wxyz-") == "-[masked key]****-"


@pytest.mark.parametrize(("key", "hides"), [("test", False), ("x", False), ("123", False), ("key-7", True)])
def test_words_that_serve_as_keys_stay(key: str, hides: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """A plain short word is no secret, a short key is masked where it stands as a word."""
    assert is_worth_hiding(key) is hides
    masked = KeyMask([key]).text(f"a {key} and {key}ing")
    assert (f" {key} " not in masked) is hides
    assert f"{key}ing" in masked


def test_urls_lose_their_credentials() -> None:
    """User and password go out of a URL, secret query values are removed, and everything else stays in its order."""
    url = "https://ann:secret@host:1/v1/chat?api-version=2024&api-key=abc&max_tokens=5&sig=x#top"
    expected = "https://host:1/v1/chat?api-version=2024&api-key=[removed]&max_tokens=5&sig=[removed]#top"
    assert KeyMask().url(url) == expected


@pytest.mark.parametrize("mark", ["?", "&", ";"])
def test_a_parameter_is_found_behind_each_mark(mark: str) -> None:
    """A parameter that is a credential is found, and its value removed, behind whatever mark stands before it in a URL."""
    url = f"https://host/v1{mark}api-key=abcd-1"
    assert KeyMask().url(url) == f"https://host/v1{mark}api-key=[removed]"
    assert list(secrets_of(url, ())) == ["abcd-1"]


@given(st.text(st.sampled_from('aZ09.-_~/%+\\"ü '), min_size=1, max_size=12))
def test_each_spelling_of_a_key_is_masked(key: str) -> None:
    """A mask hides a key in each of its spellings, those that are written the same everywhere among them."""
    wanted = {form.encode() for form in spellings(key)} if is_worth_hiding(key) else set()
    assert set(KeyMask([key])._secrets) == wanted


def test_no_key_in_the_repr() -> None:
    """A mask does not show what it masks."""
    assert KEY not in repr(KeyMask([KEY]))


@pytest.mark.parametrize("key", [b"SK_ABCDEFGH1", b"sk-abcdefgh1", b"XAI_abcdefgh", b"Pplx-abcdefgh", b"gsk_abcdefgh"])
def test_keys_are_known_in_any_letters(key: bytes) -> None:
    """What looks like a key is found whatever its letters and with either dash."""
    assert key not in KeyMask().masked(b'{"text": "' + key + b'"}')


TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=12),
        st.sampled_from(
            ["Bearer [removed]", "[removed]", KEY, "sig=abc-xyz", 'api_key": "abc', "x" * 61 + "key=abc", "Bearer",
             "abcdefgh1", "gzip, deflate", "text/event-stream", "risk-averse", "\ud800", "", "eyJhbGciOi", "-abcdefgh1-",
             "[removed", "[masked key]"]
        ),
    ),
    max_size=6,
)  # fmt: skip


@given(TEXTS, st.lists(st.sampled_from([KEY, "abcdefgh1", "[removed", "key-7"]), max_size=2))
def test_texts_are_masked_together_as_each_by_itself(texts: list[str], secrets: list[str]) -> None:
    """Several texts, looked through together, become what each becomes by itself, wherever in them keys stand."""
    mask = KeyMask(secrets)
    assert list(mask.texts(texts)) == [mask.text(text) for text in texts]
