"""Tests of `shim.wire.masking`: a key is taken out of what is kept, and nothing else is."""

from __future__ import annotations

import logging
from urllib.parse import quote, quote_plus

import pytest

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.wire.masking import MASK, CredentialFilter, Secret, credentials_in, mask_keys, masked_body

KEY = "gateway.key_do+not/show"


@pytest.mark.parametrize(
    "key", ["sk-proj-abcdefgh", "gsk_abcdefgh", "XAI-abcdefgh", "pplx-abcdefgh", "Bearer abcdefghij"]
)
def test_what_looks_like_a_key_is_masked(key: str) -> None:
    """Each known form of a key is masked, whatever its case."""
    assert mask_keys(f"your key {key} is wrong") == f"your key {MASK} is wrong"


@pytest.mark.parametrize("text", ["task-force", "a desk-lamp", "Bearer of news", "sk-", "risk-averse people"])
def test_other_words_are_left_alone(text: str) -> None:
    """Words that merely resemble a key's form stay."""
    assert mask_keys(text) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://me:proxy-secret@10.0.0.1:99999", f"http://{MASK}@10.0.0.1:99999"),
        ("http://me:proxy@secret@proxy/", f"http://{MASK}@proxy/"),
        ("https://proxy/a@b", "https://proxy/a@b"),
    ],
)
def test_the_password_of_a_url_is_masked(url: str, expected: str) -> None:
    """An error shows no user and password of a URL, a proxy's that cannot be read among them."""
    assert Secret(KEY).masked(f"Failed to parse: {url}") == f"Failed to parse: {expected}"


def test_a_known_key_is_masked_wherever_it_stands() -> None:
    """The key of the request is masked inside other text too, in whatever form it is."""
    assert Secret(KEY).masked(f"x{KEY}y") == f"x{MASK}y"


@pytest.mark.parametrize(("text", "expected"), [("key test.", f"key {MASK}."), ("the latest", "the latest")])
def test_a_short_key_is_masked_as_a_word(text: str, expected: str) -> None:
    """A dummy key such as "test" does not garble the words it is part of."""
    assert Secret("test").masked(text) == expected


def test_every_field_of_an_error_is_masked() -> None:
    """Message, code, type, param, request id, body and the unmodelled fields of the partial response lose the key."""
    partial = ModelResponse(extra={"detail": KEY})
    error = ProviderError(
        ErrorCategory.AUTH, KEY, code=KEY, type=KEY, param=KEY, request_id=KEY, body=KEY.encode(), partial=partial
    )
    Secret(KEY).mask_error(error)
    assert KEY not in repr(vars(error)) + repr(error.args)
    assert error.partial == ModelResponse(extra={"detail": MASK})


def test_a_secret_does_not_show_itself() -> None:
    """Its repr has no key."""
    assert KEY not in repr(Secret(KEY))


def test_headers_are_masked_in_their_values() -> None:
    """Header names are lowered, and a key echoed in a value is masked."""
    assert Secret(KEY).masked_headers({"X-Echo": f"is {KEY}", "Date": "now"}) == {"x-echo": f"is {MASK}", "date": "now"}


@pytest.mark.parametrize("key", [KEY, "plainkey", "test", 'quo"ted'])
@pytest.mark.parametrize("name", ["x-echo", "Set-Cookie", "x-api-key", "date", "x" * 70])
def test_one_header_is_masked_as_among_others(name: str, key: str) -> None:
    """What is read of one header alone is what all of them say of it, for each spelling of the key."""
    secret = Secret(key)
    for value in ("now", f"is {key}", f"is {quote(key)}", f"is {quote_plus(key, safe='')}", "the latest", ""):
        assert secret.masked_header(name, value) == secret.masked_headers({name: value})[name.lower()]


def test_credentials_of_a_server_are_masked_by_name() -> None:
    """A cookie that a server sets is a credential: its header stays, its value goes."""
    headers = {"Set-Cookie": "sid=abcdefgh; Path=/", "X-Auth-Token": "abcdefgh", "X-RateLimit-Remaining-Tokens": "5"}
    assert Secret(KEY).masked_headers(headers) == {
        "set-cookie": MASK,
        "x-auth-token": MASK,
        "x-ratelimit-remaining-tokens": "5",
    }


@pytest.mark.parametrize(
    "echo", [quote(KEY, safe=""), quote(KEY, safe="").lower(), KEY.replace("/", "\\/"), quote_plus(KEY)]
)
def test_a_key_is_masked_in_every_spelling(echo: str) -> None:
    """A key that a server echoes quoted for a URL, or with its slashes escaped, is masked in message and body."""
    error = ProviderError(ErrorCategory.AUTH, f"bad {echo}", body=f'{{"got": "{echo}"}}'.encode())
    Secret(KEY).mask_error(error)
    assert error.message == f"bad {MASK}"
    assert error.body == f'{{"got": "{MASK}"}}'.encode()


@pytest.mark.parametrize("header", ["X-Auth-Token", "Ocp-Apim-Subscription-Key", "Cookie", "Proxy-Authorization"])
def test_what_a_gateway_takes_is_masked_where_it_is_echoed(header: str) -> None:
    """The credential of any such header of a request is masked in what a server says of it."""
    value = "sid=gateway-secret-1" if header == "Cookie" else "gateway-secret-1"
    secret = Secret("key", *credentials_in({header: value}))
    assert secret.masked("no such gateway-secret-1") == f"no such {MASK}"


def test_a_body_loses_its_fields_by_name() -> None:
    """What an error body tells under a credential's name is masked though nobody knows it."""
    assert (
        masked_body(b'{"error": {"api_key": "abc", "code": "x"}}')
        == b'{"error": {"api_key": "[masked key]", "code": "x"}}'
    )
    assert (
        mask_keys("url: /v1/chat/completions?api-key=abc (refused)")
        == f"url: /v1/chat/completions?api-key={MASK} (refused)"
    )


def test_several_keys_are_masked() -> None:
    """Each of a request's keys is masked, the longer one first where one begins with the other."""
    assert Secret("abcdefgh", "abcdefgh-more").masked("abcdefgh-more, abcdefgh") == f"{MASK}, {MASK}"


def test_credentials_are_found_among_headers() -> None:
    """Headers that authorize give their credential without its scheme; others, and what is no header, give none."""
    headers = {"Authorization": "Bearer one", "API-Key": " two ", "X-Trace": "three", "x-api-key": None, 4: "five"}
    assert list(credentials_in(headers)) == ["one", "two"]
    assert not list(credentials_in(None))
    assert not list(credentials_in("Authorization: Bearer one"))


def test_a_body_kept_is_bounded() -> None:
    """A body of a megabyte is kept to 64 KiB, one without a key as the same bytes."""
    assert masked_body(b"\xff" * 1_000_000) == b"\xff" * 65536


def test_lines_of_a_log_can_be_masked(caplog: pytest.LogCaptureFixture) -> None:
    """A logger with the filter writes what it always writes, without the key in a path, and others are left alone."""
    log = logging.getLogger("shim.test.pool")
    mask = CredentialFilter()
    log.addFilter(mask)
    try:
        with caplog.at_level(logging.DEBUG, "shim.test"):
            log.debug('%s "%s %s" %s', "http://h:1", "POST", f"/v1/chat/completions?api-version=1&api-key={KEY}", 200)
            log.debug("nothing of it: %s", 7)
    finally:
        log.removeFilter(mask)
    masked = f'http://h:1 "POST /v1/chat/completions?api-version=1&api-key={MASK}" 200'
    assert [record.getMessage() for record in caplog.records] == [masked, "nothing of it: 7"]
    assert caplog.records[1].args == (7,)


@pytest.mark.parametrize("key", ["sk-proj-abcdefgh", KEY, 'a"quoted"\\key', "test", "kéy-of-letters", "with space"])
def test_a_key_is_masked_in_headers_however_it_is_spelled(key: str) -> None:
    """A key is gone from the values of response headers, as it is and as a URL and JSON spell it; what has none stays."""
    spelled = {key, quote(key, safe=""), quote_plus(key), key.replace("\\", "\\\\").replace('"', '\\"')}
    headers = {f"X-{number}": f"for {each} only" for number, each in enumerate(sorted(spelled))} | {"X-Other": "none"}
    masked = Secret(key).masked_headers(headers)
    assert masked.pop("x-other") == "none"
    assert set(masked.values()) == {f"for {MASK} only"}


def test_headers_lose_what_their_names_tell() -> None:
    """The value of a header with a credential's name is gone, whatever its case and length; names come in lower case."""
    long = f"X-{'a' * 100}-Token"
    masked = Secret("key").masked_headers({"Set-Cookie": "a=b", "X-API-KEY": "c", long: "d", "Date": "today"})
    assert masked == {"set-cookie": MASK, "x-api-key": MASK, long.lower(): MASK, "date": "today"}


def test_a_secret_shows_no_key() -> None:
    """A secret's repr has no key, before it was used and after."""
    secret = Secret("sk-proj-abcdefgh")
    assert "abcdefgh" not in repr(secret)
    secret.masked("a text")
    assert "abcdefgh" not in repr(secret)
