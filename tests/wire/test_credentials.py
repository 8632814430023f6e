"""Tests of what is a credential: by name, by looks, in every spelling; and of what only resembles one."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.wire.credentials import (
    credential_spans,
    is_secret_field,
    is_secret_header,
    is_secret_parameter,
    may_hold_credentials,
    merged,
    secrets_in_headers,
    secrets_in_url,
    spellings,
)

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl"


def hidden(text: str, *, named: bool = True) -> list[str]:
    """What of a text is a credential."""
    data = text.encode()
    return [data[start:end].decode() for start, end in merged(credential_spans(data, named=named))]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-test-0123",
        "gsk_abcdefgh",
        "XAI-abcdefgh",
        "pplx-abcdefgh",
        "ek_68af296e8e408191a112",
        JWT,
        "Bearer abc.def-123456",
        "bearer%20abc.def-123456",
        r"Bearer a1b2\/c3d4+e5f6==",
        "Bearer abcdefghij",
    ],
)
@pytest.mark.parametrize("around", ["<{}>", 'it is "{}".', r"a\n{}\n", "{}", "key={} used", "say {}, and end"])
def test_looks(secret: str, around: str) -> None:
    """A credential is known by its looks wherever it stands, also in an event stream."""
    assert hidden(around.format(secret), named=False) == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "task-force, desk-lamp, risk-averse people, week_0123456789abcdefghij",
        "bearer authentication, Bearer authorization, Bearer of news, bearer bonds",
        '{"logprobs": {"content": [{"token": "Hello", "logprob": -1}, {"token":"====================="}]}}',
        '{"usage": {"completion_tokens": 5}, "max_tokens": 7, "token_type": "Bearer", "prompt_cache_key": "chat-1"}',
        '{"properties": {"password": {"type": "string"}}, "required": ["password", "api_key"], "api_key": null}',
        '{"reasoning_details": [{"signature": "EqQBCkYIARgCIkDx"}], "encrypted_content": "gAAAAABo"}',
        "What is a secret? The key: patience. token = word; password: none of yours",
        "a?b=c&page_token=3&max_tokens=5",
        "eyJ and eyJustice.served",
    ],
)
def test_what_only_resembles_one_stays(text: str) -> None:
    """Words, log probabilities, schemas, cache keys and signatures of reasoning are no credentials."""
    assert hidden(text) == []


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ('{"client_secret": "Qx8~Kq2", "scope": "s"}', ["Qx8~Kq2"]),
        (r'{"password":"a\"b\\","x":1}', [r"a\"b\\"]),
        ('{"access_token":"one","refresh_token" : "two","id_token":"three"}', ["one", "two", "three"]),
        ('{"token": "0123456789abcdefghij-"}', ["0123456789abcdefghij-"]),
        ('{"tools": [{"type": "mcp", "headers": {"X-Api-Key": "one"}, "authorization": "two"}]}', ["one", "two"]),
        (r'{"arguments": "{\"password\": \"a\\nb\/c\", \"user\": \"ann\"}"}', [r"a\\nb\/c"]),
        (r'{"arguments": "{\"apiKey\":\"one\"}"}', ["one"]),
        ('{"signing_key": "one", "masterKey": "two", "sas_token": "three"}', ["one", "two", "three"]),
        ('{"connectionString": "Server=h;Pwd=one", "db-pwd": "two"}', ["Server=h;Pwd=one", "two"]),
        ("user=ann&pwd=one&x=2", ["one"]),
        ("grant_type=password&client_secret=a%2Fb&password=c&assertion=d", ["a%2Fb", "c", "d"]),
        ("client_secret=first&x=y", ["first"]),
        ('"https://h/blob?sv=1&sig=a%2Bb&se=2" and x?api-key=one#two', ["a%2Bb", "one"]),
        ("with url: /v1/chat/completions?api-key=one (Caused by", ["one"]),
        ('Content-Disposition: form-data; name="client_secret"\r\nX: y\r\n\r\none two\r\n--b', ["one two"]),
    ],
)
def test_names(text: str, secrets: list[str]) -> None:
    """The values of fields of JSON (within JSON too), of forms and of URLs are credentials by their names."""
    assert hidden(text) == secrets


def test_in_a_stream_only_looks_tell() -> None:
    """Where fields come in pieces their names are not asked."""
    assert hidden('data: {"client_secret": "one", "x": "sk-test-0123"}', named=False) == ["sk-test-0123"]


@given(st.dictionaries(st.sampled_from(["api_key", "content", "password", "tools"]), st.text(max_size=20), max_size=4))
def test_json_stays_json(body: dict[str, str]) -> None:
    """Whatever the values are, covering them leaves the JSON whole and the other values as they were."""
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False)):
        data = bytearray(text.encode())
        for start, end in merged(credential_spans(bytes(data))):
            data[start:end] = b"*" * (end - start)
        read = json.loads(data)
        assert {name: value for name, value in read.items() if not is_secret_field(name)} == {
            name: value for name, value in body.items() if not is_secret_field(name)
        }
        assert all(set(value) <= {"*"} for name, value in read.items() if is_secret_field(name))


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("Cookie", True),
        ("Set-Cookie", True),
        ("X-Auth-Token", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("api-key", True),
        ("X-Goog-Api-Key", True),
        ("CF-Access-Client-Secret", True),
        ("X-Amz-Security-Token", True),
        ("Helicone-Auth", True),
        ("Idempotency-Key", False),
        ("x-ratelimit-remaining-tokens", False),
        ("OpenAI-Organization", False),
        ("WWW-Authenticate", False),
        ("X-Cache-Key", False),
        ("Date", False),
    ],
)
def test_headers_by_name(name: str, is_secret: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """Headers that carry a credential are known by name, in any letters; those that only have such a word are not."""
    assert is_secret_header(name) is is_secret
    assert is_secret_header(name.upper()) is is_secret


def test_secrets_of_headers() -> None:
    """Of a header the credential alone is given: without its scheme, each cookie's value, a password in Basic too."""
    basic = base64.b64encode(b"ann:pass-word-1").decode()
    headers = [
        ("authorization", f"Basic {basic}"),
        ("X-Auth-Token", " one "),
        ("Cookie", 'sid=two; theme="dark-mode"; empty=; bare'),
        ("Set-Cookie", "sid=three; Path=/; HttpOnly"),
        ("Accept", "four"),
        ("api-key", ""),
    ]
    assert list(secrets_in_headers(headers)) == [basic, "pass-word-1", "one", "two", "dark-mode", "three"]


def test_secrets_of_a_url() -> None:
    """The password and the values of parameters that are credentials are given as they were before quoting."""
    url = "https://ann:p%40ss@h/v1?api-version=1&subscription-key=a%2Fb&code=c&sig=d"
    assert list(secrets_in_url(url)) == ["p@ss", "a/b", "d"]
    assert is_secret_parameter("api%2Dkey")


def test_a_secret_is_known_in_every_spelling() -> None:
    """A key is known in JSON, with its slashes escaped or not, and quoted for a URL in either case."""
    assert {'a/b+"c', 'a/b+\\"c', 'a\\/b+\\"c', "a%2Fb%2B%22c", "a%2fb%2b%22c", "a/b%2B%22c"} <= spellings('a/b+"c')


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        b"sk-", b"k-", b"-eyJ", b"-eyJaaaaaaaa", b"-eyJaaaaaaaa.", b"bearer+", b"Bearer ", b'"password":"', b"&secret=",
        b'"token":"', b'name="password"\r\n', b'\\"password\\":\\"', b'"a_secret',
    ],
)  # fmt: skip
def test_no_text_makes_it_slow(piece: bytes) -> None:
    """The work grows as the text does, whatever it repeats: twice as much takes at most three times as long."""

    def seconds(data: bytes) -> float:
        times = []
        for _ in range(3):
            began = time.process_time()
            credential_spans(data)
            times.append(time.process_time() - began)
        return min(times)

    short = piece * (60_000 // len(piece))
    assert seconds(short * 2) < 3 * seconds(short) + 0.05


@given(
    st.text(max_size=20),
    st.sampled_from(
        ["sk-test-0123", JWT, "Bearer abcdefghij", 'api_key": "abc', "sig=abc", 'token": "abcdefghij0123456789"', ""]
    ),
    st.text(max_size=20),
)
def test_without_a_sign_there_is_no_credential(before: str, secret: str, after: str) -> None:
    """A text without a sign of credentials has none, also when it is only a part of the text that was looked at."""
    part = f"{before}{secret}{after}".encode()
    if credential_spans(part):
        assert may_hold_credentials(part)
        assert may_hold_credentials(b"x\n" + part + b"\ny")


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "id-token", "secret", "password", "passwd", "passphrase", "authorization", "client_assertion",
        "credential", "credentials", "Cookie", "JWT", "sig", "X-Amz-Signature", "pwd", "bearer", "signing_key", "encryption-key",
        "licenseKey", "sas_token", "csrf-token", "connectionString", "connection_string",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ['{{"{name}": "abc-0123"}}', "https://host/?{name}=abc-0123", '"{{\\"{name}\\":\\"abc-0123\\"}}"']
)
def test_every_name_of_a_credential_is_a_sign(name: str, form: str) -> None:
    """No name under which a credential is found, in any form, is without a sign."""
    text = form.format(name=name).encode()
    assert may_hold_credentials(text)


@pytest.mark.parametrize(
    "look",
    ["sk-0123456789", "ek_0123456789", "gsk_0123456789", "xai-0123456789", "pplx-0123456789", "BEARER a1b2c3d4", JWT],
)
def test_every_look_of_a_credential_is_a_sign(look: str) -> None:
    """No credential that is found by its looks is without a sign."""
    assert may_hold_credentials(f"7 {look}".encode())
