"""Tests of shim.comparison.live.notifier: what is logged, and which exchanges are kept."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from shim.comparison.live.live_comparison import LiveComparison
from shim.comparison.verdict import Outcome
from shim.recording.exchange import Exchange
from shim.recording.files import read_exchanges
from shim.recording.rotation import RotatingFile
from tests.comparison.live_parts import Compares, raising
from tests.helpers.exchanges import exchange

SECRET = "what somebody said to a model"


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, all of it warnings of the live comparison."""
    assert {(record.name, record.levelno) for record in caplog.records} <= {("shim.comparison.live", logging.WARNING)}
    return [record.getMessage() for record in caplog.records]


def test_a_mismatch_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each mismatch is one warning that holds its message, and each failed comparison one that holds its reason."""
    with LiveComparison(Compares(Outcome.MISMATCH, Outcome.FAILED)) as live:
        live(exchange(pair_id="p7"))
    assert messages(caplog) == [
        "mismatch on the wire rung: what it says of p7",
        "could not compare on the wire rung: r",
    ]


def test_a_match_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What matches or is ignored leaves no word in the log, at any level."""
    caplog.set_level(logging.DEBUG)
    with LiveComparison(Compares(Outcome.MATCH, Outcome.IGNORED)) as live:
        live(exchange())
    assert not caplog.records


def test_warnings_are_rationed_by_kind(caplog: pytest.LogCaptureFixture) -> None:
    """Of each kind so many warnings a minute are logged, and the others are counted."""
    compares = Compares(Outcome.MISMATCH, act=lambda found: 1 / 0 if found.pair_id == "bad" else None)
    with LiveComparison(compares, max_warnings=2, max_share=1) as live:
        for _ in range(5):
            live(exchange())
        live(exchange(pair_id="bad"))
    assert [message.split(":")[0] for message in messages(caplog)] == [
        "mismatch on the wire rung",
        "mismatch on the wire rung",
        "the live comparison failed in comparing",
    ]
    assert live.counts.unlogged == 3


def test_of_an_error_only_type_and_place_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The message of an exception, which may hold a conversation, is not logged; its type and place are."""
    with LiveComparison(Compares(act=raising(ValueError(SECRET))), max_share=1) as live:
        live(exchange())
    (message,) = messages(caplog)
    assert message.startswith("the live comparison failed in comparing: builtins.ValueError in act (live_parts.py:")
    assert SECRET not in caplog.text


def test_a_logger_of_ones_own(caplog: pytest.LogCaptureFixture) -> None:
    """The warnings go to the logger given."""
    with LiveComparison(Compares(Outcome.MISMATCH), logger=logging.getLogger("mine")) as live:
        live(exchange())
    assert [record.name for record in caplog.records] == ["mine"]


def test_a_logger_that_raises_is_counted() -> None:
    """A logger that raises is counted, and the verdict is told all the same."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the disk is full")

    logger = logging.Logger("broken")  # noqa: LOG001 - one that no other test can get
    logger.addHandler(Broken())
    with LiveComparison(Compares(Outcome.MISMATCH), logger=logger) as live:
        live(exchange())
    assert (live.counts.mismatch, live.counts.callback_errors) == (1, 1)


@pytest.mark.parametrize(("record", "kept"), [("mismatches", ["b", "d"]), ("all", ["a", "b", "c", "d"])])
def test_exchanges_are_kept_with_their_verdicts(record: str, kept: list[str]) -> None:
    """Those that did not match, or all, are handed over as they came, their verdicts in their context."""
    taken: list[Exchange] = []
    outcomes = {"a": Outcome.MATCH, "b": Outcome.MISMATCH, "c": Outcome.IGNORED, "d": Outcome.FAILED}
    compares = Compares()

    def choose(found: Exchange) -> None:
        compares.outcomes = (Outcome.MATCH, outcomes[found.pair_id])

    compares.act = choose
    with LiveComparison(compares, record_to=taken.append, record=record, max_share=1) as live:  # type: ignore[arg-type]  # one of the two
        for pair_id in outcomes:
            live(exchange(pair_id=pair_id, context={"route": "/chat"}))
    assert [found.pair_id for found in taken] == kept
    told = taken[0].context
    assert told["route"] == "/chat"
    assert [each["outcome"] for each in told["verdicts"]] == ["match", str(outcomes[kept[0]])]


def test_no_more_exchanges_are_kept_than_allowed() -> None:
    """After so many kept exchanges the others are compared and not kept."""
    taken: list[Exchange] = []
    with LiveComparison(
        Compares(Outcome.MISMATCH), record_to=taken.append, max_recorded=2, max_warnings=0, max_share=1
    ) as live:
        for _ in range(5):
            live(exchange())
    assert (len(taken), live.counts.mismatch) == (2, 5)


def test_what_could_not_be_kept_takes_no_place(caplog: pytest.LogCaptureFixture) -> None:
    """A disk that was full for a while costs what came meanwhile; as many are kept afterwards as may be, and then it is said."""
    taken: list[str] = []

    def keep(found: Exchange) -> None:
        if found.pair_id == "full":
            raise OSError(28, "No space left on device")
        taken.append(found.pair_id)

    with LiveComparison(Compares(Outcome.MISMATCH), record_to=keep, max_recorded=2, max_share=1) as live:
        for pair_id in ("full", "full", "full", "a", "b", "c"):
            live(exchange(pair_id=pair_id))
    assert (taken, live.counts.callback_errors) == (["a", "b"], 3)
    assert messages(caplog).count("2 exchanges are kept, and no more will be: max_recorded") == 1


@pytest.mark.parametrize("name", ["kept.jsonl", "kept.jsonl.gz"])
def test_a_path_becomes_a_file_that_can_be_read_again(tmp_path: Path, name: str) -> None:
    """Kept exchanges are lines of a recording, complete when the comparison is closed."""
    from shim.recording.files import read_exchanges

    path = tmp_path / name
    with LiveComparison(Compares(Outcome.MISMATCH), record_to=path) as live:
        assert not path.exists()
        live(exchange(pair_id="p1"))
        live(exchange(pair_id="p2"))
    assert [found.pair_id for found in read_exchanges(path)] == ["p1", "p2"]


def test_a_path_that_cannot_be_written_changes_no_verdict(tmp_path: Path) -> None:
    """Where the file cannot be written that is counted and told, and the comparing goes on."""
    told: list[BaseException] = []
    with LiveComparison(
        Compares(Outcome.MISMATCH), record_to=tmp_path / "no" / "x.jsonl", on_error=told.append
    ) as live:
        live(exchange())
    assert live.counts.mismatch == 1
    assert live.counts.callback_errors == len(told) == 1
    assert isinstance(told[0], OSError)


def test_what_closing_a_comparer_raises_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A comparer that cannot be closed is counted and told, and the thread ends as ever."""

    class Clings(Compares):
        def close(self) -> None:
            raise OSError(SECRET)

    with LiveComparison(Clings()) as live:
        live(exchange())
    assert (live.counts.match, live.counts.callback_errors) == (1, 1)
    assert messages(caplog)[0].startswith(
        "the live comparison failed in closing the comparer: builtins.OSError in close"
    )


def test_an_interrupt_of_the_main_thread_is_its_own() -> None:
    """Ctrl-C that strikes while the main thread tells an error is not swallowed, in the callback or in the logger."""

    class Interrupted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise KeyboardInterrupt

    logger = logging.Logger("interrupted")  # noqa: LOG001 - one that no other test can get
    with LiveComparison(Compares(), on_error=raising(KeyboardInterrupt())) as live, pytest.raises(KeyboardInterrupt):
        live(None)  # type: ignore[arg-type]  # an error that is told at once
    logger.addHandler(Interrupted())
    with LiveComparison(Compares(), logger=logger) as live, pytest.raises(KeyboardInterrupt):
        live.note_error(ValueError(), what="nothing")


def test_what_is_kept_rotates(tmp_path: Path) -> None:
    """With a `RotatingFile` the exchanges that differ stand in files no larger than asked for, and all are there."""
    kept = RotatingFile(tmp_path / "odd-{time}.jsonl", rotate_bytes=4000)
    with LiveComparison(Compares(Outcome.MISMATCH), record_to=kept, max_share=1, max_warnings=0) as live:
        for number in range(6):
            live(exchange(pair_id=str(number)))
    files = sorted(tmp_path.iterdir())
    assert len(files) > 1
    assert max(path.stat().st_size for path in files) <= 4000
    assert [each.pair_id for path in files for each in read_exchanges(path)] == [str(number) for number in range(6)]
