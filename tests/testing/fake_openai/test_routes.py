"""Tests of `routes`, and of `api` as far as every endpoint of its table is concerned."""

import socket
from collections.abc import Iterator

import pytest

from shim.testing.fake_openai import Cut, Drip, FakeOpenAI, Reset, Stall, Status, Where, endpoints, rate_limited
from shim.testing.fake_openai.answers import Answer
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.routes import Routes
from tests.testing.fake_openai.asking import KEY, ask, read_all


def answered(_question: Question) -> Answer:
    return Answer(200, (), ())


def test_a_path_without_an_id_goes_first() -> None:
    """A path that stands in the table is taken before one that would fit it with an id."""
    routes = Routes({"/a/{id}": {"GET": answered}, "/a/b": {"POST": answered}})
    found = routes.find("/a/b")
    assert found is not None
    assert (list(found.methods), found.identifier) == (["POST"], "")


@pytest.mark.parametrize(
    ("path", "identifier"),
    [
        ("/a/x/c", "x"),
        ("/a/x%3Ay+z/c", "x:y z"),
        ("/a//c", None),
        ("/a/x/y/c", None),
        ("/a/x", None),
        ("/a/{id}/c", "{id}"),
    ],
)
def test_an_id_is_one_segment(path: str, identifier: str | None) -> None:
    """An id is one segment that is not empty, percent-decoded."""
    found = Routes({"/a/{id}/c": {"GET": answered}}).find(path)
    assert (found.identifier if found else None) == identifier


EVERY_ENDPOINT = [
    (method, path.replace("{id}", "x"))
    for *methods, path in (line.split() for line in endpoints())
    for method in methods
]


def test_the_table_tells_what_is_served() -> None:
    """What the server says it serves has the endpoints of old and new clients, each once."""
    served = EVERY_ENDPOINT
    assert len(served) == len(set(served)) > 40
    assert {
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/embeddings"),
        ("DELETE", "/v1/files/x"),
        ("GET", "/v1/fine-tunes/x/events"),
        ("POST", "/openai/images/generations:submit"),
    } <= set(served)


def versioned(path: str) -> str:
    return f"{path}?api-version=2023-05-15" if path.startswith("/openai/") else path


@pytest.fixture(scope="module")
def one_server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as running:
        yield running


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_an_empty_request_is_answered_well(one_server: FakeOpenAI, method: str, path: str) -> None:
    """Whatever the endpoint, a request with nothing in it gets an answer of the API, never a failure of the server."""
    got = ask(one_server, None, path=versioned(path), method=method)
    assert got.status in {200, 400, 403, 404}
    assert got.status == 200 or set(got.json["error"]) >= {"message", "code"}


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_a_key_is_asked_for(one_server: FakeOpenAI, method: str, path: str) -> None:
    """Every endpoint refuses a wrong key, but for the addresses of pictures."""
    got = ask(one_server, None, path=versioned(path), method=method, key="sk-wrong-and-secret-9876")
    assert got.status == (404 if path.startswith("/images/") else 401)


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_planned_statuses_work_everywhere(one_server: FakeOpenAI, method: str, path: str) -> None:
    """A planned status is met at every endpoint, with an error of the API it belongs to."""
    one_server.plan(Status(503), rate_limited(retry_after=7))
    first, second = (ask(one_server, None, path=versioned(path), method=method) for _ in range(2))
    assert (first.status, second.status, second.headers["retry-after"]) == (503, 429, "7")
    assert set(first.json["error"]) == (
        {"code", "message"} if path.startswith("/openai/") else set(second.json["error"])
    )


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_faults_strike_everywhere(one_server: FakeOpenAI, method: str, path: str) -> None:
    """A reset, a cut body and a stall meet a request at every endpoint; a drip still brings the whole of it."""
    request = (
        f"{method} {versioned(path)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 0\r\n\r\n"
    )
    one_server.plan(Reset(Where.BEFORE_HEADERS), Cut(after_bytes=1), Stall(Where.BEFORE_HEADERS))
    for ending, patience in (("reset", 5.0), ("fin", 5.0), ("open", 0.02)):
        with socket.create_connection(("127.0.0.1", one_server.port), timeout=5) as sock:
            sock.sendall(request.encode())
            got = read_all(sock, patience=patience)
        assert got.ending == ending
        assert len(got.data.partition(b"\r\n\r\n")[2]) <= (1 if ending == "fin" else 0) or b"chunked" in got.data
    one_server.plan(Drip(size=64, delay=0))
    assert ask(one_server, None, path=versioned(path), method=method).status in {200, 400, 403, 404}
