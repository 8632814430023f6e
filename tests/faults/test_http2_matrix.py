"""Tests of the fault matrix over HTTP/2: every cell keeps its promises, and comes to what the page says."""

from __future__ import annotations

import pytest

from shim.model import ErrorCategory
from tests.faults.http2_answers import Http2Cell
from tests.faults.http2_frames import settings
from tests.faults.http2_matrix import Http2Matrix, http2_cells, http2_come_of, http2_phases
from tests.faults.matrix import PAGE


def told() -> dict[str, dict[str, str]]:
    """What the page says, by phase and cell."""
    found: dict[str, dict[str, str]] = {}
    phase = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            phase = line.removeprefix("## HTTP/2: ")
        elif line.startswith(("| whole: ", "| stream: ")) and phase in http2_phases():
            key, native, beside = (each.strip() for each in line.strip("|").split("|"))
            found.setdefault(phase, {})[key] = f"{native} | {beside}"
    return found


def cell(key: str) -> Http2Cell:
    """The cell of that name."""
    return next(each for each in http2_cells() if each.key == key)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("phase", http2_phases(), ids=lambda each: each.replace(" ", "-"))
def test_each_cell_comes_to_what_the_page_says(phase: str) -> None:
    """One completion, its text kept, other streams and the next request unharmed, nothing left: and its category."""
    came = http2_come_of([each for each in http2_cells() if each.phase == phase])
    shown = {key: str(each).strip() for key, each in came.items()}
    assert shown == {key: each.strip() for key, each in told()[phase].items()}


@pytest.mark.parametrize(
    "key",
    [
        "stream: INTERNAL_ERROR between two events",
        "whole: a name in upper case",
        "stream: a length that is too short",
        "whole: two statuses",
        "stream: CANCEL before the head",
    ],
)
def test_a_fault_of_one_stream_leaves_its_connection(key: str) -> None:
    """The stream beside it on the same connection is whole, and the next request takes that connection again."""
    with Http2Matrix().running() as matrix:
        assert matrix.run(cell(key)).beside == "whole"
        assert matrix.connections == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "category"),
    [
        ("stream: DATA of no stream", ErrorCategory.PROTOCOL),
        ("whole: an index beyond the table", ErrorCategory.PROTOCOL),
        ("stream: FIN between two events", ErrorCategory.TRUNCATED),
        ("stream: the connection between two events", ErrorCategory.TIMEOUT),
    ],
)
def test_a_connection_that_is_lost_is_lost_to_all(key: str, category: ErrorCategory) -> None:
    """Each stream on it ends at once with the same category, what had come kept, and the next request goes elsewhere."""
    with Http2Matrix().running() as matrix:
        came = matrix.run(cell(key))
        assert (came.category, came.beside) == (category, category)
        assert matrix.connections == 2


@pytest.mark.slow
def test_a_window_that_does_not_open_ends_in_the_read_timeout() -> None:
    """A request that a server never lets out ends in time, and the next one goes out on another connection."""
    opening = settings((4, 0))  # SETTINGS_INITIAL_WINDOW_SIZE
    stalled = Http2Cell(phase="", name="", stream=False, sent=lambda _sid: b"", opening=opening)
    with Http2Matrix().running() as matrix:
        assert matrix.play(stalled).category == "ok"  # it was out before the server's word was heard
        assert matrix.ask(patience=0.6).heard.error.category is ErrorCategory.TIMEOUT
        matrix.follow()
        assert matrix.connections == 2


def test_there_are_enough_over_http2() -> None:
    """At least 500 cells, each with a name of its own in its phase."""
    names = [(each.phase, each.key) for each in http2_cells()]
    assert len(names) == len(set(names)) >= 500
