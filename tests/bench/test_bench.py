"""Tests of the bench: tables are whole whatever was measured, and its data and scripts fit each other."""

from __future__ import annotations

import argparse
import json
import runpy
import sys

import pytest

from bench.__main__ import plan_of
from bench.aims import AIMS, Aim
from bench.figures import Results, cpu_us
from bench.peers import (
    ADAPTER,
    BARE_LOOP,
    COMPARING,
    ENVIRONMENTS,
    LEGACY,
    LITELLM,
    NATIVE,
    NATIVE_TAPPED,
    OWN,
    PEERS,
    ROOT,
    Peer,
)
from bench.report import document, table
from bench.run import Cost, ImportCost, allow_descriptors, read_cost
from bench.scenarios import BURST, COMPARISON, FLAT, FURTHER, IMPORTS, SCENARIOS, TAP_ANSWERS, TEXTS, TOOLS

CLIENTS = ROOT / "bench" / "clients"


def cost(cpu_us_per_event: float) -> Cost:
    """A run of 1,000 events."""
    return Cost(
        events=1_000,
        cpu_seconds=cpu_us_per_event / 1000,
        wall_seconds=1.0,
        first_event_ms=2.0,
        steady_us=cpu_us_per_event,
        rss_kib_per_stream=30.0,
    )


def everything_measured() -> Results:
    """Results with a cost for every run."""
    results = Results(versions=dict.fromkeys((*PEERS, *OWN), "1.0"))
    results.costs = {(scenario, peer): [cost(3.0), cost(2.0)] for scenario in SCENARIOS for peer in scenario.peers}
    results.imports = {(module, peer): ImportCost(20.0, 40) for module, peer in IMPORTS}
    return results


def rows_of(text: str) -> list[list[str]]:
    """The cells of all tables of a text."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_every_peer_and_every_aim_has_its_row() -> None:
    """A whole session's document has a row for each client, each aim, each number of streams and each further scenario."""
    firsts = [row[0] for row in rows_of(document(everything_measured(), conditions="Here."))]
    wanted = (
        [peer.name for peer in PEERS] + [aim.title for aim in AIMS] + [scenario.title for scenario in (*FLAT, *FURTHER)]
    )
    assert [name for name in wanted if name not in firsts] == []


def test_a_document_of_nothing_is_a_document() -> None:
    """Where nothing was measured every aim says so, and nothing is raised."""
    rows = rows_of(document(Results(), conditions="Here."))
    assert [row[2] for row in rows if row[0] in {aim.title for aim in AIMS}] == ["not measured"] * len(AIMS)


def test_a_peer_that_could_not_be_installed_is_told() -> None:
    """A peer without an environment keeps its row, and the reason stands below the tables."""
    results = everything_measured()
    del results.versions[LITELLM]
    results.missing[LITELLM] = "no such distribution"
    results.costs = {key: costs for key, costs in results.costs.items() if key[1] is not LITELLM}
    text = document(results, conditions="Here.")
    assert next(row for row in rows_of(text) if row[0] == LITELLM.name)[1:4] == ["not installed", "-", "-"]
    assert f"{LITELLM.name} could not be installed: no such distribution" in text


def test_a_run_that_failed_is_told() -> None:
    """A client that failed in a scenario is marked in its row, and the reason stands below the tables."""
    results = everything_measured()
    del results.costs[BURST, NATIVE]
    results.faults[BURST, NATIVE] = "saw 3 events of 4"
    text = document(results, conditions="Here.")
    assert next(row for row in rows_of(text) if row[0] == NATIVE.name)[2] == "failed"
    assert f"{NATIVE.name}: saw 3 events of 4" in text


def test_figures_are_of_the_best_run() -> None:
    """A figure is the lowest of a client's runs, and a ratio the middle one of those of the passes."""
    ours, theirs = [cost(9.0), cost(3.0), cost(4.0)], [cost(3.0), cost(1.0), cost(8.0)]
    results = Results(costs={(BURST, NATIVE): ours, (BURST, BARE_LOOP): theirs})
    assert results.best(BURST, NATIVE, figure=cpu_us) == pytest.approx(3.0)
    assert results.ratio(BURST, of=NATIVE, to=BARE_LOOP) == pytest.approx(3.0)
    assert results.ratio(BURST, of=ADAPTER, to=BARE_LOOP) is None


@pytest.mark.parametrize(("adapter", "verdict"), [(10.4, "met"), (10.6, "**missed**")])
def test_an_aim_is_met_or_missed(adapter: float, verdict: str) -> None:
    """An aim is met up to its limit and missed beyond."""
    results = Results(costs={(BURST, ADAPTER): [cost(adapter)], (BURST, LEGACY): [cost(10.0)]})
    assert AIMS[0].verdict(results)[1] == verdict


def aim(beginning: str) -> Aim:
    """The aim whose title begins so."""
    return next(one for one in AIMS if one.title.startswith(beginning))


def test_a_calls_arguments_are_held_against_text() -> None:
    """The aim of a call's arguments is a ratio of two scenarios of one client."""
    results = Results(costs={(TOOLS, NATIVE): [cost(2.6)], (TEXTS, NATIVE): [cost(2.0)]})
    assert aim("a piece of a call's arguments").verdict(results) == ("1.30 times", "met")


def test_a_tap_is_held_against_none() -> None:
    """The aim of a recorded answer is what it costs more than one that is not recorded."""
    results = Results(costs={(TAP_ANSWERS, peer): [cost(us)] for peer, us in ((NATIVE, 100.0), (NATIVE_TAPPED, 250.0))})
    assert aim("a whole answer recorded").verdict(results) == ("150.00 µs", "**missed**")


def test_a_rate_is_met_from_its_limit_on() -> None:
    """The aim of comparing is a rate: as many a CPU second as one's cost says."""
    results = Results(costs={(COMPARISON, COMPARING): [cost(250.0)]})
    assert aim("compared by wire and tee").verdict(results) == ("4000.00 exchanges", "met")


def test_a_table_is_markdown() -> None:
    """A table has a head, a rule and a line for each row."""
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"


def test_environments_are_named_apart() -> None:
    """Peers share an environment only where it is made for the same requirement, and all stand below one ignored folder."""
    environments = {peer.environment for peer in PEERS if peer.environment}
    assert len({one.name for one in environments}) == len(environments)
    assert f"{ENVIRONMENTS.name}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_a_clients_line_is_read() -> None:
    """The costs are those after the warm-up, and the steady ones those after all streams were open."""
    marks = {
        "begin": {"cpu_seconds": 1.0, "events": 0, "rss_kib": 1_000},
        "all_open": {"cpu_seconds": 2.0, "events": 100, "rss_kib": 3_000},
        "end": {"cpu_seconds": 2.5, "events": 200, "rss_kib": 3_500},
    }
    read = read_cost(json.dumps({**marks, "first_event_seconds": 0.003, "wall_seconds": 4.0}), streams=20)
    assert read.events == 200
    assert read.cpu_us == pytest.approx(7_500)
    assert read.steady_us == pytest.approx(5_000)
    assert read.first_event_ms == pytest.approx(3.0)
    assert read.rss_kib_per_stream == pytest.approx(100.0)


@pytest.mark.parametrize("peer", [*PEERS, *OWN], ids=lambda peer: peer.script)
def test_every_script_reads_its_arguments(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each client's script checks its arguments, also where the library it measures is not installed."""
    monkeypatch.setattr(sys, "argv", [peer.script, "--task", "nap"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(CLIENTS / f"{peer.script}.py"), run_name="__main__")
    assert "invalid choice: 'nap'" in capsys.readouterr().err


def test_only_takes_scenarios_and_clients() -> None:
    """`--only` narrows groups by a group's name and clients by a client's, and such a run is not written down."""
    plan = plan_of(argparse.Namespace(only=["burst", "native"], no_peers=False, quick=False))
    assert plan.peers == (NATIVE,)
    assert plan.groups == {"burst"}
    assert not plan.whole


def test_without_peers_only_our_own_environment_is_used() -> None:
    """`--no-peers` leaves out each client that needs an environment of its own."""
    plan = plan_of(argparse.Namespace(only=[], no_peers=True, quick=True))
    assert plan.peers == tuple(peer for peer in (*PEERS, *OWN) if peer.environment is None)


def test_too_many_streams_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams beyond the hard limit of descriptors are refused with what to do, before anything is run."""
    monkeypatch.setattr("resource.getrlimit", lambda _which: (256, 1024))
    assert allow_descriptors(100) is None
    assert "ulimit -Hn" in str(allow_descriptors(3_000))
