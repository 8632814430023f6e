"""Tests of `shim.testing.fixtures`, and that every fixture of this repository is whole."""

import itertools
import json
from pathlib import Path

import pytest

from shim.testing.fixtures import Fixture, discover, load

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = discover(FIXTURES)
CATEGORIES = {
    "auth", "permission", "rate_limit", "quota", "invalid_request", "not_found", "server", "timeout",
    "content_filter", "network", "truncated", "protocol", "cancelled", "aborted", "unknown",
}  # fmt: skip
FINISH_REASONS = {None, "stop", "length", "tool_call", "content_filter", "error", "unknown"}
FIELDS = {
    "outcome", "category", "http_status", "text", "reasoning", "refusal", "tool_calls", "finish_reason", "usage", "events",
}  # fmt: skip
MORE_FIELDS = {"api", "id", "model", "code", "message", "retry_after_ms", "choices"}
NAMED = {
    "chat": {
        "stream_basic", "stream_tool_call", "stream_parallel_tool_calls", "stream_refusal", "azure_opening",
        "stream_error_inside", "stream_truncated", "stream_usage_in_finish_chunk", "crlf_no_done", "comment_keepalives",
        "mistral_whole_call_no_index", "reasoning_content", "reasoning_field", "groq_error_event", "gpustack_error_field",
        "openrouter_finish_twice", "empty_stream_body", "json_basic", "json_tool_calls", "json_refusal",
        "json_legacy_function_call", "json_padded", "json_error_401", "json_error_429_retry_after", "json_error_in_200",
        "json_error_to_stream", "text_plain_200", "n_two_choices", "length_cut", "content_filter",
        "stray_finish_reasons", "tool_call_cut_by_limit", "character_in_halves",
    },
    "responses": {
        "stream_text", "stream_function_call", "stream_parallel_calls", "stream_refusal", "stream_reasoning_summary",
        "reasoning_text", "stream_incomplete", "content_filter", "stream_failed", "stream_error_flat",
        "stream_error_nested", "keepalive_events", "openrouter_no_event_lines", "lm_studio_whole_arguments",
        "changing_item_ids", "background_queued", "stream_truncated", "json_basic", "json_tool_call", "json_incomplete",
        "json_failed", "json_error_400_unknown_model", "content_index_goes_on",
    },
}  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def case(request: pytest.FixtureRequest) -> Fixture:
    folder: Path = request.param
    return load(folder)


def test_the_cases_are_all_there() -> None:
    """Every kind of exchange the readers are tested with has a folder."""
    found = {api: {folder.name for folder in CASES if folder.parent.name == api} for api in NAMED}
    assert found == NAMED
    assert len(CASES) == sum(map(len, NAMED.values()))


def test_a_case_is_whole(case: Fixture) -> None:
    """Segments sum to the body in order of time, and the expectation has its fields and vocabulary."""
    assert b"".join(segment.data for segment in case.segments) == case.body
    times = [segment.at for segment in case.segments]
    assert times == sorted(times)
    assert set(case.expected) >= FIELDS
    assert set(case.expected) <= FIELDS | MORE_FIELDS
    assert case.expected["http_status"] == case.status
    assert case.expected["finish_reason"] in FINISH_REASONS
    assert (case.expected["outcome"], case.expected["category"] in CATEGORIES) in {("ok", False), ("error", True)}
    assert {"model", "messages" if case.api == "chat_completions" else "input"} <= set(case.request)


def test_a_case_knows_its_api() -> None:
    """Every case says which API it is from, as its folder does."""
    apis = {folder.parent.name: load(folder).api for folder in CASES}
    assert apis == {"chat": "chat_completions", "responses": "responses"}
    assert all(load(folder).api == apis[folder.parent.name] for folder in CASES)


def test_a_responses_stream_is_numbered(case: Fixture) -> None:
    """The events of a Responses stream count from 0, and each stands under its own name where names are sent."""
    if case.api != "responses" or case.expected["events"] is None:
        return
    events = [event.split(b"\n") for event in case.body.split(b"\n\n")[:-1] if not event.startswith(b":")]
    payloads = [json.loads(event[-1].removeprefix(b"data: ")) for event in events if event[-1] != b"data: [DONE]"]
    assert [payload["sequence_number"] for payload in payloads] == list(range(len(payloads)))
    named = [(event[0], payload["type"]) for event, payload in zip(events, payloads, strict=False) if len(event) == 2]
    assert all(line.decode() == f"event: {kind}" for line, kind in named)
    assert bool(named) == (case.name != "openrouter_no_event_lines")


def test_a_case_has_the_headers_of_its_body(case: Fixture) -> None:
    """A sized body has its true length, any other is chunked."""
    headers = {name.lower(): value for name, value in case.headers}
    framing = {name: headers[name] for name in ("content-length", "transfer-encoding") if name in headers}
    assert framing in ({"content-length": str(len(case.body))}, {"transfer-encoding": "chunked"})
    assert "content-type" in headers


def test_the_expected_events_add_up(case: Fixture) -> None:
    """The events of a stream have one start and one end, and join to the expected text, reasoning, refusal and calls."""
    events = case.expected["events"]
    if events is None:
        assert not case.request.get("stream")
        return
    assert events[-1] == (["done"] if case.expected["outcome"] == "ok" else ["error"])
    assert [event[0] for event in events[:-1]].count("start") == (events[0] == ["start"])
    for kind in ("text", "reasoning", "refusal"):
        assert _joined(events, kind) == (case.expected[kind] or "")
    calls = [
        {"id": event[2], "name": event[3], "arguments": _joined_arguments(events, event[1])}
        for event in events
        if event[0] == "call"
    ]
    assert calls == case.expected["tool_calls"]


def _joined(events: list[list[object]], kind: str) -> str:
    return "".join(str(event[1]) for event in events if event[0] == kind and event[2:] in ([], [0]))


def _joined_arguments(events: list[list[object]], index: object) -> str:
    return "".join(str(event[2]) for event in events if event[:2] == ["arguments", index])


def test_payloads_are_json(case: Fixture) -> None:
    """Every complete `data:` payload of a stream is JSON or `[DONE]`, unless the stream is cut in it."""
    if case.expected["events"] is None or case.status != 200:
        return
    lines = case.body.replace(b"\r\n", b"\n").split(b"\n")
    payloads = [line.removeprefix(b"data: ") for line in lines[:-1] if line.startswith(b"data: ")]
    assert all(payload == b"[DONE]" or json.loads(payload) for payload in payloads)


def test_segments_end_in_awkward_places() -> None:
    """Among the cases are segments that end inside an event, inside a character and between CR and LF."""
    ends = {name: _ends(load(FIXTURES / "chat" / name)) for name in ("stream_basic", "crlf_no_done")}
    assert any(after[:1] and after[0] & 0xC0 == 0x80 for _, after in ends["stream_basic"])
    assert any(not before.endswith(b"\n\n") for before, _ in ends["stream_basic"])
    assert all(before.endswith(b"\r") and after.startswith(b"\n") for before, after in ends["crlf_no_done"])


def _ends(case: Fixture) -> list[tuple[bytes, bytes]]:
    return [(one.data, other.data) for one, other in itertools.pairwise(case.segments)]


@pytest.mark.parametrize("name", ["stream_basic", "stream_reasoning"])
def test_the_plain_streams_are_complete(name: str) -> None:
    """The two plain bodies end with usage and `[DONE]`; the one with reasoning counts its tokens."""
    *events, done, rest = (FIXTURES / "openai" / f"{name}.txt").read_bytes().split(b"\n\n")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    assert (done, rest) == (b"data: [DONE]", b"")
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    reasoned = chunks[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert (reasoned > 0) == any("reasoning_content" in delta for delta in deltas) == (name == "stream_reasoning")


def test_no_case_holds_a_key(case: Fixture) -> None:
    """Nothing in a case looks like an API key that is not masked."""
    everything = case.body + json.dumps(case.request).encode() + repr(case.headers).encode()
    assert b"Bearer " not in everything
    assert b"sk-" not in everything.replace(b"sk-n*", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a good case, to be spoilt."""
    for part in (FIXTURES / "chat" / "json_basic").iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("response.head", b"HTTP/1.1 200 OK\n\n", "CRLF line ends"),
        ("response.head", b"200 OK\r\n\r\n", "status line"),
        ("segments.json", b'[{"length": 3, "at": 0}]', "sum to the body: 3, not"),
        ("segments.json", b'[{"size": 3}]', "size"),
        ("expected.json", b"{", "expected.json"),
    ],
)
def test_a_spoilt_case_is_refused(folder: Path, part: str, content: bytes, message: str) -> None:
    """An unusable file raises ValueError that names it and what is wrong."""
    (folder / part).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load(folder)
    assert part in str(caught.value)


def test_a_missing_part_is_told(folder: Path) -> None:
    """A case without one of its files raises FileNotFoundError."""
    (folder / "request.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"request\.json"):
        load(folder)


def test_a_directory_without_cases_is_told(tmp_path: Path) -> None:
    """Discovering nothing is an error, not an empty list."""
    with pytest.raises(ValueError, match="no fixture folders below"):
        discover(tmp_path)
