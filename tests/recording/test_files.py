"""Tests of recorded files: written, read, appended to, damaged."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment, TransportFault
from shim.recording.files import (
    SCHEMA,
    ExchangeWriter,
    NewerRecordError,
    RecordError,
    TruncatedRecordError,
    decode_exchange,
    encode_exchange,
    read_exchanges,
    read_lines,
)
from shim.recording.reading import Reading
from tests.cli.running import ROOT
from tests.helpers.exchanges import exchange, streamed

HEADERS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple)
TIMES = st.floats(0, 1e6)
SEGMENTS = st.builds(Segment.of, st.binary(max_size=12), TIMES) | st.builds(
    Segment, st.none(), TIMES, st.integers(0, 1 << 40)
)
EXCHANGES = st.builds(
    Exchange,
    pair_id=st.text(max_size=8),
    role=st.sampled_from(["control", "candidate"]),
    started_at=TIMES,
    request=st.builds(
        RecordedRequest,
        method=st.text(max_size=5),
        url=st.text(max_size=20),
        headers=HEADERS,
        body=st.none() | st.binary(max_size=20),
        length=st.integers(-1, 20),
        sha256=st.none() | st.text(max_size=5),
    ),
    response=st.none()
    | st.builds(
        RecordedResponse,
        status=st.integers(100, 599),
        reason=st.text(max_size=5),
        headers=HEADERS,
        segments=st.lists(SEGMENTS, max_size=5).map(tuple),
        headers_at=TIMES,
        sha256=st.none() | st.text(max_size=5),
        decoded=st.booleans(),
    ),
    ended=st.sampled_from(["complete", "aborted", "failed", "overflow"]),
    fault=st.none()
    | st.builds(
        TransportFault,
        stage=st.sampled_from(["connect", "headers", "body"]),
        kind=st.text(max_size=9),
        message=st.text(max_size=9),
        at=TIMES,
    ),
    finished=TIMES,
    made=st.none() | st.just(Reading(outcome="response", response={"a": 1}, events=({"event": "x"},))),
    client=st.text(max_size=5),
    context=st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
    redacted=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


def changed(**fields: Any) -> bytes:
    """A recorded line with other fields."""
    return json.dumps({**json.loads(encode_exchange(streamed())), **fields}).encode()


@given(EXCHANGES)
def test_what_is_written_is_read(made: Exchange) -> None:
    """Every exchange, whatever its bytes, is one line, and comes back as it was."""
    line = encode_exchange(made)
    assert line.count(b"\n") == 1
    assert decode_exchange(line) == made


def test_text_stands_there_as_text() -> None:
    """Segments of text can be read by people, and one that ends inside a letter is kept exactly."""
    whole = "data: 🌍\n\n".encode()
    line = encode_exchange(streamed(whole, whole[:8], whole[8:]))
    segments = json.loads(line)["response"]["segments"]
    assert [len(segment) for segment in segments] == [2, 3, 3]
    assert segments[0][1] == "data: 🌍\n\n"


def test_the_documented_line_is_read() -> None:
    """The example line of the document is a recorded exchange, and says what is written today."""
    text = (ROOT / "docs" / "recording_format.md").read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    read = decode_exchange(example)
    assert json.loads(encode_exchange(read)) == json.loads(example)
    assert f"`{SCHEMA}`" in text


def test_every_field_is_documented() -> None:
    """The document names every field a line can have."""
    text = (ROOT / "docs" / "recording_format.md").read_text(encoding="utf-8")
    structs = (Exchange, RecordedRequest, RecordedResponse, TransportFault, Segment)
    names = {name for struct in structs for name in struct.__struct_fields__} - {"data"}
    assert not [name for name in (*names, "body_base64", "schema") if f"`{name}`" not in text]


@pytest.mark.parametrize(
    "newer",
    [
        {"novel": {"a": [1]}},
        {"ended": "suspended"},
        {"role": "shadow"},
        {"fault": {"stage": "tls", "kind": "x", "message": "", "more": 1}},
        {"made": {"outcome": "postponed"}},
        {"response": {"status": 200, "segments": [[0.1, "a", None, 1, "novel"]], "trailers": []}},
    ],
)
def test_a_newer_minor_version_is_read(newer: dict[str, Any]) -> None:
    """Fields and words that a later minor version adds never make a line unreadable, and never claim completeness."""
    read = decode_exchange(changed(schema="shim.exchange/1.7", **newer))
    assert read.ended == ("aborted" if "ended" in newer else "complete")
    assert read.role == ("candidate" if "role" in newer else "control")
    assert decode_exchange(encode_exchange(read)) == read


@pytest.mark.parametrize("more", [{}, {"request": "changed"}])
def test_a_newer_major_version_is_told(more: dict[str, Any]) -> None:
    """A newer major version is refused as such, whatever else it changed, with what to do about it."""
    with pytest.raises(NewerRecordError, match="update the reader"):
        decode_exchange(changed(schema="shim.exchange/2.0", **more))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[]", "no JSON object"),
        (b"nonsense", "no JSON object"),
        (b'{"a": 1}', "schema is ''"),
        (b'{"schema": "other/1.0"}', "other/1.0"),
        (b'{"schema": "shim.exchange/x"}', "shim.exchange/x"),
        (changed(request={"url": "x"}), "method"),
        (changed(made={"outcome": 3}), "made"),
        (b"\xff", "no JSON object"),
    ],
)
def test_what_is_no_exchange_is_refused(line: bytes, words: str) -> None:
    """A line that is no exchange is refused in words that name what is wrong."""
    with pytest.raises(RecordError, match=words):
        decode_exchange(line)


@given(st.binary(max_size=60) | st.integers(0, 400).map(lambda cut: encode_exchange(exchange())[:cut]))
def test_garbage_gives_only_our_error(line: bytes) -> None:
    """Whatever stands in a file, reading it gives an exchange or our own error."""
    try:
        decode_exchange(line)
    except RecordError:
        return
    assert line


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_files_are_appended_to(tmp_path: Path, name: str) -> None:
    """A second writer goes on where the first one ended, compressed or not, and only the owner can read the file."""
    path = tmp_path / name
    for pair in ("1", "2"):
        with ExchangeWriter(path) as writer:
            writer.write(exchange(pair_id=pair))
    assert [each.pair_id for each in read_exchanges(path)] == ["1", "2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is name.endswith(".gz")


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """Writing after the end is refused, and closing twice is not."""
    writer = ExchangeWriter(tmp_path / "a")
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(exchange())


def test_a_half_written_line_spoils_no_other(tmp_path: Path) -> None:
    """After a crash in the middle of a line the next recorder begins a line of its own, and the rest can be read."""
    path = tmp_path / "a.jsonl"
    line = encode_exchange(exchange(pair_id="1"))
    path.write_bytes(line + line[:50])
    with ExchangeWriter(path) as writer:
        writer.write(exchange(pair_id="3"))
    errors: list[RecordError] = []
    assert [each.pair_id for each in read_exchanges(path, on_error=errors.append)] == ["1", "3"]
    assert [(error.path, error.line) for error in errors] == [(str(path), 2)]


def test_what_was_cut_off_in_a_compressed_file_spoils_no_other(tmp_path: Path) -> None:
    """After a crash in the middle of a compressed write what other recorders wrote behind it can be read, and where is told."""
    path = tmp_path / "a.jsonl.gz"
    with ExchangeWriter(path) as writer:
        writer.write_lines([encode_exchange(exchange(pair_id=each)) for each in "12"])
        whole = path.stat().st_size
        writer.write(exchange(pair_id="3"))
    path.write_bytes(path.read_bytes()[: (whole + path.stat().st_size) // 2])
    with ExchangeWriter(path) as writer:
        writer.write(exchange(pair_id="4"))
        writer.write(exchange(pair_id="5"))
    errors: list[RecordError] = []
    assert [each.pair_id for each in read_exchanges(path, on_error=errors.append)] == ["1", "2", "4", "5"]
    assert [(error.path, error.line) for error in errors] == [(str(path), 3)]
    assert "damaged here" in str(errors[0])


@pytest.mark.parametrize(("name", "packed"), [("a.jsonl", True), ("a.jsonl.gz", False)])
def test_a_file_is_gone_on_with_as_it_is(tmp_path: Path, name: str, packed: bool) -> None:  # noqa: FBT001 - a parameter
    """A file that was compressed without its name, or unpacked in place, can be read to its end after it was appended to."""
    path = tmp_path / name
    line = encode_exchange(exchange(pair_id="1"))
    path.write_bytes(gzip.compress(line) if packed else line)
    with ExchangeWriter(path) as writer:
        writer.write(exchange(pair_id="2"))
    assert [each.pair_id for each in read_exchanges(path)] == ["1", "2"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """The first exchange of a file that an editor saved with a byte order mark is read, from its place too."""
    path = tmp_path / "a.jsonl"
    lines = [encode_exchange(exchange(pair_id=each)) for each in "12"]
    path.write_bytes(pack(b"\xef\xbb\xbf" + b"".join(lines)))
    assert [each.pair_id for each in read_exchanges(path)] == ["1", "2"]
    assert [line.offset for line in read_lines(path)] == [3, 3 + len(lines[0])]


@pytest.mark.parametrize("written", ["a line", "half a line", "a line and a half"])
def test_what_a_full_disk_cut_off_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """Lines that a full disk took some of, then nothing of, leave what is written later whole and apart."""
    path = tmp_path / "a.jsonl"
    line = encode_exchange(exchange(pair_id="1"))
    room = {"a line": len(line), "half a line": len(line) // 2, "a line and a half": len(line) * 3 // 2}[written]
    left = [room, 0, 0]
    write = os.write

    def fill(file: int, data: memoryview) -> int:
        if left and not left[0]:
            left.pop(0)
            raise OSError(28, "No space left on device")
        return write(file, data[: left.pop(0)] if left else data)

    with ExchangeWriter(path) as writer:
        monkeypatch.setattr(os, "write", fill)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                writer.write_lines([line, line])
        writer.write_lines([line])
    cut = written != "a line"
    assert path.read_bytes() == (line + line)[:room] + b"\n" * cut + line


def test_lines_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many lines go into a file in few writes, each of whole lines; into a pipe each line goes by itself."""
    line = encode_exchange(exchange())
    written: list[bytes] = []

    def take(_file: int, data: memoryview) -> int:
        written.append(bytes(data))
        return len(data)

    monkeypatch.setattr(os, "write", take)
    with ExchangeWriter(tmp_path / "a.jsonl") as writer:
        writer.write_lines([line] * 1000)
    assert b"".join(written) == line * 1000
    assert all(each.endswith(b"\n") for each in written)
    assert len(written) <= len(line) * 1000 // 30_000
    written.clear()
    with ExchangeWriter(os.devnull) as writer:
        writer.write_lines([line] * 3)
    assert written == [line] * 3


@pytest.mark.parametrize("cut", [1, 40])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_that_ends_early(tmp_path: Path, name: str, cut: int) -> None:
    """All whole lines of a file that ends early are given, then an error of its own that says where."""
    path = tmp_path / name
    with ExchangeWriter(path) as writer:
        writer.write(exchange(pair_id="1"))
        writer.write(exchange(pair_id="2"))
    path.write_bytes(path.read_bytes()[: -1 - cut])
    reading = read_exchanges(path)
    assert next(reading).pair_id == "1"
    with pytest.raises(TruncatedRecordError, match=f"{name}:[23]: the file ends in the middle") as raised:
        list(reading)
    assert pickle.loads(pickle.dumps(raised.value)).line == raised.value.line  # noqa: S301 - our own, made a line before


def test_a_line_that_is_none_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than any exchange is an error that names file and line, and those before it are read."""
    path = tmp_path / "a.jsonl"
    lines = [encode_exchange(exchange(pair_id=name)) for name in ("1", "2")]
    longest = max(map(len, lines))
    path.write_bytes(b"".join(lines) + b"x" * (longest + 1))
    monkeypatch.setattr("shim.recording.files.LONGEST_LINE", longest)
    read = read_exchanges(path)
    assert [next(read).pair_id, next(read).pair_id] == ["1", "2"]
    with pytest.raises(RecordError, match=rf"^{path}:3: .*longer than"):
        next(read)


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    """A last line without its line end is read if it is whole, and blank lines are passed over."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n  \n" + encode_exchange(exchange()).rstrip())
    assert len(list(read_exchanges(path))) == 1
    assert [(line.number, line.offset) for line in read_lines(path)] == [(3, 4)]


def test_damaged_compression_is_told(tmp_path: Path) -> None:
    """Damage inside a compressed file is told with its place."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(encode_exchange(exchange())) + b"\x1f\x8bnonsense")
    reading = read_exchanges(path)
    next(reading)
    with pytest.raises(RecordError, match=r"a.gz:2: "):
        next(reading)


def test_standard_input_is_read() -> None:
    """A dash reads what another program gives, compressed or not."""
    program = "from shim.recording.files import read_exchanges\nprint([e.pair_id for e in read_exchanges('-')])"
    line = encode_exchange(exchange(pair_id="p9"))
    for given_in in (line, gzip.compress(line)):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=given_in, capture_output=True, check=True, cwd=ROOT)  # noqa: S603 - our own interpreter
        assert done.stdout == b"['p9']\n"


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Reading a file holds one exchange at a time, however many there are."""
    path = tmp_path / "a.jsonl.gz"
    with ExchangeWriter(path) as writer:
        writer.write_lines([encode_exchange(exchange(b"x" * 100_000))] * 100)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_exchanges(path)) == 100
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that share a file")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_several_processes_may_write(tmp_path: Path, name: str) -> None:
    """Lines that several processes append at once are all there, and whole."""
    path = tmp_path / name
    program = (
        "import sys\nfrom shim.recording.files import *\nfrom tests.helpers.exchanges import exchange\n"
        "with ExchangeWriter(sys.argv[1]) as w:\n    for _ in range(50): w.write(exchange(b'x' * 20000))\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]  # noqa: S603 - our own interpreter
    assert [each.wait(15) for each in running] == [0, 0]
    assert sum(1 for _ in read_exchanges(path)) == 100
