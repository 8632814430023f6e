"""Tests of where exchanges go: in the background, bounded, across forks, and to the last one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shim.recording.exchange import Exchange
from shim.recording.files import ExchangeWriter, encode_exchange, read_exchanges
from shim.recording.sinks import LINGER_SECONDS, BackgroundSink, CallableSink, FileSink, sink_of
from tests.cli.running import ROOT
from tests.helpers.exchanges import exchange


def writers() -> list[threading.Thread]:
    """The threads that write."""
    return [thread for thread in threading.enumerate() if thread.name == "shim-recording"]


def sink_for(path: Path, **settings: Any) -> FileSink:
    """A file's sink in which nothing may fail."""

    def fail(error: Exception) -> None:
        raise error

    return FileSink(path, on_error=fail, **settings)


def put(sink: FileSink, **given: Any) -> bool:
    """Put an exchange that weighs 2500 bytes."""
    return sink.put(lambda: exchange(**given), weight=2500)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_everything_is_written_in_order(tmp_path: Path, name: str) -> None:
    """What was queued is in the file, in order, once the sink is closed, and its thread is gone."""
    sink = sink_for(tmp_path / name)
    assert not writers()
    for number in range(200):
        assert put(sink, pair_id=str(number))
    sink.close()
    assert not writers()
    assert [each.pair_id for each in read_exchanges(tmp_path / name)] == [str(number) for number in range(200)]


def test_flushing_waits_for_the_disk(tmp_path: Path) -> None:
    """After a flush what was queued can be read, and the sink goes on."""
    sink = sink_for(tmp_path / "a")
    for number in range(3):
        put(sink)
        sink.flush()
        assert len(list(read_exchanges(tmp_path / "a"))) == number + 1
    sink.close()


def test_an_idle_thread_ends(tmp_path: Path) -> None:
    """A sink with nothing to do has no thread after a moment, and writes again when there is something."""
    sink = sink_for(tmp_path / "a")
    put(sink)
    deadline = time.monotonic() + 10 * LINGER_SECONDS + 5
    while writers() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not writers()
    put(sink)
    sink.close()
    assert len(list(read_exchanges(tmp_path / "a"))) == 2


def test_a_late_exchange_is_written_too(tmp_path: Path) -> None:
    """An exchange that ends after the sink was closed still reaches the file, and leaves no thread behind."""
    sink = sink_for(tmp_path / "a")
    sink.close()
    put(sink)
    sink.close()
    assert not writers()
    assert len(list(read_exchanges(tmp_path / "a"))) == 1


@pytest.mark.parametrize("limit", [{"most_waiting": 3}, {"most_waiting_bytes": 9000}])
def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]) -> None:
    """While the disk does not answer, what does not fit in numbers or in bytes is refused, and nobody waits."""
    writing, go_on = threading.Event(), threading.Event()
    write = ExchangeWriter.write_lines

    def stuck(self: ExchangeWriter, lines: list[bytes]) -> None:
        writing.set()
        assert go_on.wait(10)
        write(self, lines)

    monkeypatch.setattr(ExchangeWriter, "write_lines", stuck)
    sink = sink_for(tmp_path / "a", **limit)
    put(sink)
    assert writing.wait(10)
    taken = [put(sink) for _ in range(10)]
    go_on.set()
    sink.close()
    assert taken == [True] * 3 + [False] * 7
    assert len(list(read_exchanges(tmp_path / "a"))) == 4


def test_a_single_large_one_fits(tmp_path: Path) -> None:
    """An exchange larger than all that may wait is taken when nothing waits."""
    sink = sink_for(tmp_path / "a", most_waiting_bytes=1)
    assert put(sink)
    sink.close()


def test_one_that_cannot_be_written_takes_no_other_along(tmp_path: Path) -> None:
    """An exchange that is no JSON is told, and those around it are written."""
    errors: list[Exception] = []
    sink = FileSink(tmp_path / "a", on_error=errors.append)
    for context in ({}, {"a": object()}, {}):
        put(sink, context=context)
    sink.close()
    assert [type(error) for error in errors] == [TypeError]
    assert len(list(read_exchanges(tmp_path / "a"))) == 2


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    """Where the file cannot be written any more, that is told, and nothing is raised or left behind."""
    errors: list[Exception] = []
    folder = tmp_path / "folder"
    folder.mkdir()
    sink = FileSink(folder / "a", on_error=errors.append)
    (folder / "a").unlink()
    folder.rmdir()
    put(sink)
    sink.close()
    assert [type(error) for error in errors] == [FileNotFoundError]
    assert not writers()


def ended(program: str, path: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a program that records into a file, to its end."""
    command = [sys.executable, "-c", program, str(path)]
    return subprocess.run(command, cwd=ROOT, timeout=15, check=False, capture_output=True)  # noqa: S603 - our own interpreter


@pytest.mark.slow
def test_what_is_queued_is_written_at_exit(tmp_path: Path) -> None:
    """A program that ends without closing anything has written what was queued, and ends soon."""
    program = (
        "import sys\nfrom shim.recording.sinks import FileSink\nfrom tests.helpers.exchanges import exchange\n"
        "sink = FileSink(sys.argv[1], on_error=print)\nfor _ in range(20): sink.put(exchange, weight=1)\n"
    )
    done = ended(program, tmp_path / "a")
    assert (done.returncode, done.stdout) == (0, b"")
    assert len(list(read_exchanges(tmp_path / "a"))) == 20


@pytest.mark.slow
def test_what_ends_with_the_interpreter_is_written(tmp_path: Path) -> None:
    """The exchange of a stream that a program held to its end is written as the interpreter ends, and nobody waits for ever."""
    program = (
        "import sys\nfrom shim.recording.sinks import FileSink\nfrom tests.helpers.exchanges import exchange\n"
        "class Held:\n"
        "    def __init__(self, sink):\n        self.put, self.exchange = sink.put, exchange()\n"
        "    def __del__(self):\n        self.put(lambda: self.exchange, weight=1)\n"
        "sink = FileSink(sys.argv[1], on_error=print)\nheld = Held(sink)\nsink.close()\n"
    )
    done = ended(program, tmp_path / "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(list(read_exchanges(tmp_path / "a"))) == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_fork_goes_on_by_itself(tmp_path: Path, name: str) -> None:
    """After a fork the child writes with a thread of its own, and no exchange of either is lost, doubled or torn."""
    program = (
        "import os, sys\nfrom shim.recording.sinks import FileSink\nfrom tests.helpers.exchanges import exchange\n"
        "sink = FileSink(sys.argv[1], on_error=print)\n"
        "for n in range(50): sink.put(lambda n=n: exchange(pair_id=f'before {n}'), weight=1)\n"
        "child = os.fork()\n"
        "for n in range(50): sink.put(lambda n=n: exchange(pair_id=f'{bool(child)} {n}'), weight=1)\n"
        "sink.close()\n"
        "if not child: os._exit(0)\n"
        "print(os.waitpid(child, 0)[1])\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / name)]
    done = subprocess.run(command, cwd=ROOT, timeout=15, check=True, capture_output=True)  # noqa: S603 - our own interpreter
    assert done.stdout == b"0\n"
    ids = [each.pair_id for each in read_exchanges(tmp_path / name)]
    assert sorted(ids) == sorted(f"{who} {n}" for who in ("before", "True", "False") for n in range(50))


def test_a_function_gets_the_exchange() -> None:
    """A function is called with each exchange, at once."""
    taken: list[Exchange] = []
    sink = sink_of(taken.append, on_error=print)
    assert isinstance(sink, CallableSink)
    one = exchange()
    assert sink.put(lambda: one, weight=1)
    assert taken == [one]
    sink.flush()
    sink.close()


def test_bad_targets_are_refused(tmp_path: Path) -> None:
    """What is no path and no function is refused, and a file that cannot be written is known at once."""
    bad: Any = 7
    with pytest.raises(TypeError, match="give a path"):
        sink_of(bad, on_error=print)
    with pytest.raises(FileNotFoundError):
        sink_of(tmp_path / "missing" / "a", on_error=print)
    with pytest.raises(IsADirectoryError):
        sink_of(tmp_path, on_error=print)


def test_lines_are_made_in_the_background(tmp_path: Path) -> None:
    """What is in the file is what a writer writes at once."""
    one = exchange()
    sink = sink_for(tmp_path / "a")
    sink.put(lambda: one, weight=1)
    sink.close()
    assert (tmp_path / "a").read_bytes() == encode_exchange(one)


def test_exchanges_are_made_in_the_background(tmp_path: Path) -> None:
    """What an exchange is made of is undone and redacted on the thread that writes it, not where it ended."""
    made_by: list[str] = []

    def make() -> Exchange:
        made_by.append(threading.current_thread().name)
        return exchange()

    sink = sink_for(tmp_path / "a")
    sink.put(make, weight=1)
    sink.close()
    assert made_by == ["shim-recording"]


def test_who_listens_is_told_what_was_kept(tmp_path: Path) -> None:
    """Each exchange's listener hears whether it reached the file, and one that raises costs nobody anything."""
    errors: list[Exception] = []
    told: list[tuple[int, bool]] = []
    sink = FileSink(tmp_path / "a", on_error=errors.append)

    def note(number: int, *, is_kept: bool) -> None:
        told.append((number, is_kept))

    for number, context in enumerate(({}, {"a": object()}, {})):
        sink.put(partial(exchange, context=context), weight=1, on_kept=partial(note, number))
    sink.put(exchange, weight=1, on_kept=lambda *, is_kept: 1 / 0 + is_kept)
    sink.close()
    assert told == [(0, True), (1, False), (2, True)]
    assert [type(error) for error in errors] == [TypeError, ZeroDivisionError]
    assert len(list(read_exchanges(tmp_path / "a"))) == 3


def test_a_function_may_be_called_in_the_background() -> None:
    """What a function is slow with waits in a bounded queue, and the function is called on a thread that ends with the sink."""
    writing, go_on = threading.Event(), threading.Event()
    taken: list[str] = []

    def slow(one: Exchange) -> None:
        writing.set()
        assert go_on.wait(10)
        taken.append(f"{threading.current_thread().name} {one.pair_id}")

    sink = BackgroundSink(slow, on_error=print, most_waiting=2)
    is_taken = [sink.put(partial(exchange, pair_id="0"), weight=1)]
    assert writing.wait(10)
    is_taken += [sink.put(partial(exchange, pair_id=str(number)), weight=1) for number in range(1, 5)]
    go_on.set()
    sink.close()
    assert is_taken == [True, True, True, False, False]
    assert taken == ["shim-recording 0", "shim-recording 1", "shim-recording 2"]
    assert not writers()


def test_what_ends_a_thread_ends_no_recording() -> None:
    """A function that raises SystemExit, and who is told of it that raises too, cost that one exchange."""
    taken: list[str] = []

    def write(given: Exchange) -> None:
        if given.pair_id == "bad":
            raise SystemExit
        taken.append(given.pair_id)

    def tell(error: Exception) -> None:
        taken.append(str(error))
        raise KeyboardInterrupt

    sink = BackgroundSink(write, on_error=tell)
    for pair_id in ("a", "bad", "b"):
        assert sink.put(partial(exchange, pair_id=pair_id), weight=1)
        sink.flush()
    sink.close()
    assert taken == ["a", "SystemExit was raised", "b"]


def test_what_no_thread_could_write_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread the exchange is refused for good: it does not come with a later one."""
    taken: list[str] = []
    sink = BackgroundSink(lambda given: taken.append(given.pair_id), on_error=lambda error: taken.append(str(error)))

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            sink.put(lambda: exchange(pair_id="refused"), weight=1)
    assert sink.put(lambda: exchange(pair_id="taken"), weight=1)
    sink.close()
    assert taken == ["taken"]


def test_what_comes_together_is_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanges of one moment are gathered, and are on the disk in order a moment after the first of them."""
    batches: list[int] = []
    write = ExchangeWriter.write_lines

    def note(self: ExchangeWriter, lines: list[bytes]) -> None:
        batches.append(len(lines))
        write(self, lines)

    monkeypatch.setattr(ExchangeWriter, "write_lines", note)
    monkeypatch.setattr("shim.recording.sinks.GATHER_SECONDS", 0.5)
    sink = sink_for(tmp_path / "a")
    for number in range(20):
        put(sink, pair_id=str(number))
    deadline = time.monotonic() + 15
    while (tmp_path / "a").read_bytes().count(b"\n") < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [each.pair_id for each in read_exchanges(tmp_path / "a")] == [str(number) for number in range(20)]
    assert len(batches) <= 2
    sink.close()


@pytest.mark.parametrize("ends", ["flush", "close"])
def test_who_waits_is_not_kept_waiting_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    """To flush or to close writes what waits at once, however long exchanges may gather."""
    monkeypatch.setattr("shim.recording.sinks.GATHER_SECONDS", 60.0)
    sink = sink_for(tmp_path / "a")
    begun = time.monotonic()
    for number in range(3):
        put(sink, pair_id=str(number))
        if ends == "flush":
            sink.flush()
    sink.close()
    assert time.monotonic() - begun < 30
    assert len(list(read_exchanges(tmp_path / "a"))) == 3


@pytest.mark.parametrize("limit", [{"most_waiting": 10}, {"most_waiting_bytes": 25_000}])
def test_a_queue_that_fills_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    """Where half of the room is taken nothing waits for more, in numbers or in bytes, so that gathering drops nothing."""
    monkeypatch.setattr("shim.recording.sinks.GATHER_SECONDS", 60.0)
    sink = sink_for(tmp_path / "a", **limit)
    for _ in range(5):
        assert put(sink)
    deadline = time.monotonic() + 15
    while (tmp_path / "a").read_bytes().count(b"\n") < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(read_exchanges(tmp_path / "a"))) == 5
    sink.close()


@pytest.mark.slow
def test_what_is_queued_is_written_when_a_signal_ends_the_program(tmp_path: Path) -> None:
    """A program whose handler of SIGTERM ends it has written all that was queued, what was still gathering too."""
    program = (
        "import os, signal, sys\nfrom shim.recording.sinks import FileSink\nfrom tests.helpers.exchanges import exchange\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "sink = FileSink(sys.argv[1], on_error=print)\nfor _ in range(20): sink.put(exchange, weight=1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()\n"
    )
    done = ended(program, tmp_path / "a")
    assert (done.returncode, done.stdout) == (7, b"")
    assert len(list(read_exchanges(tmp_path / "a"))) == 20
