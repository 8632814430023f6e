"""Tests of the fault matrix: every cell keeps its promises, and comes to what `docs/fault_matrix.md` says."""

from __future__ import annotations

import itertools

import pytest

from tests.faults.cells import PHASES, cells
from tests.faults.matrix import MAKERS, OVER_TLS, PAGE, REASONS, TRANSPORTS, come_of

pytestmark = pytest.mark.slow

RUNS = [
    (kind, transport, phase)
    for kind, transport, phase in itertools.product(MAKERS, TRANSPORTS, PHASES)
    if transport == "http" or phase in OVER_TLS
]


def told() -> dict[str, dict[str, dict[str, str]]]:
    """What the page says, by phase, cell and provider."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    phase = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            phase = line[3:].lower()
        elif line.startswith(("| whole: ", "| stream: ")) and phase in PHASES:
            key, legacy, native = (each.strip() for each in line.strip("|").split("|"))
            found.setdefault(phase, {})[key] = {"legacy": legacy, "native": native}
    return found


@pytest.mark.parametrize(("kind", "transport", "phase"), RUNS, ids=lambda each: str(each).replace(" ", "-"))
def test_each_cell_comes_to_what_the_page_says(kind: str, transport: str, phase: str) -> None:
    """One completion, its text kept, the stream beside it and the next request unharmed, nothing left: and its category."""
    chosen = [each for each in cells() if each.phase == phase]
    came = come_of(kind, transport, chosen)
    for key, shown in told()[phase].items():
        plain, _, over_tls = shown[kind].partition("; over TLS ")
        assert str(came[key]) == (over_tls or plain if transport == "https" else plain), key
    assert came.keys() == told()[phase].keys()


def test_where_the_providers_differ_there_is_a_reason() -> None:
    """Every cell that is told otherwise has its reason in the table, and no reason is idle."""
    differ = {key for rows in told().values() for key, shown in rows.items() if shown["legacy"] != shown["native"]}
    assert differ == set(REASONS)


def test_there_are_enough_of_them() -> None:
    """At least 250 cells a provider, each with a name of its own in its phase."""
    names = [(each.phase, each.key) for each in cells()]
    assert len(names) == len(set(names)) >= 250
    assert list(dict.fromkeys(phase for phase, _ in names)) == list(PHASES)
