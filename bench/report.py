"""The tables: what the runs cost, beside each other, as Markdown.

Not the figures (`bench.figures`) nor the runs (`bench.run`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.aims import AIMS
from bench.figures import Results, cpu_us, first_event_ms, rss_kib_per_stream, steady_us
from bench.peers import BARE_LOOP, NATIVE, PEERS, Peer
from bench.scenarios import ASK, BURST, FIRST, FLAT, FURTHER, IMPORTS, MEMORY, PACED, Scenario

_ABSENT = "-"


def document(results: Results, *, conditions: str) -> str:
    """Everything measured, as one Markdown text."""
    parts = [
        f"# Results of `make bench`\n\n{conditions}\n",
        _clients(results),
        _aims(results),
        _further(results),
        _flat(results),
        _memory(results),
        _imports(results),
        _remarks(results),
    ]
    return "\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _clients(results: Results) -> str:
    """The table of clients: CPU in each scenario, in brackets its ratio to the native provider's."""
    head = [
        "client",
        "version",
        "burst, CPU µs/event",
        "paced, CPU µs/event",
        "answers per CPU second",
        "first event, ms",
        "over the bare loop, ms",
    ]
    rows = [_client(results, peer) for peer in PEERS if peer in results.versions or peer in results.missing]
    about = (
        f"Burst: {BURST.title}. Paced: {PACED.title}. Answers: {ASK.title}. First event: {FIRST.title}, median. "
        "CPU is user + system of the client's process; in brackets its ratio to native, Chat Completions."
    )
    return f"## Clients\n\n{about}\n\n{table(head, rows)}"


def _client(results: Results, peer: Peer) -> list[str]:
    first, limit = (results.best(FIRST, one, figure=first_event_ms) for one in (peer, BARE_LOOP))
    return [
        peer.name,
        results.versions.get(peer, "not installed" if peer in results.missing else _ABSENT),
        _cpu(results, BURST, peer),
        _cpu(results, PACED, peer),
        _answers(results, peer),
        _fault(results, FIRST, peer) if first is None else f"{first:.2f}",
        _ABSENT if first is None or limit is None else f"{first - limit:+.2f}",
    ]


def _cpu(results: Results, scenario: Scenario, peer: Peer) -> str:
    best = results.best(scenario, peer, figure=cpu_us)
    return _fault(results, scenario, peer) if best is None else f"{best:.2f}{_ratio(results, scenario, peer)}"


def _answers(results: Results, peer: Peer) -> str:
    best = results.best(ASK, peer, figure=cpu_us)
    return _fault(results, ASK, peer) if best is None else f"{1e6 / best:,.0f}{_ratio(results, ASK, peer)}"


def _ratio(results: Results, scenario: Scenario, peer: Peer) -> str:
    ratio = results.ratio(scenario, of=peer, to=NATIVE)
    return "" if ratio is None else f" ({ratio:.2f})"


def _fault(results: Results, scenario: Scenario, peer: Peer) -> str:
    return "failed" if (scenario, peer) in results.faults else _ABSENT


def _aims(results: Results) -> str:
    rows = [[aim.title, *aim.verdict(results)] for aim in AIMS]
    return f"## Aims\n\n{table(['aim', 'figure', 'verdict'], rows)}"


def _further(results: Results) -> str:
    """What stands beside the clients: each scenario with its own peers, the last of which the others are held against."""
    rows = [
        [scenario.title, peer.name, f"{best:,.2f}", scenario.unit, "" if ratio is None else f"{ratio:.2f}"]
        for scenario in FURTHER
        for peer in scenario.peers
        if (best := results.best(scenario, peer, figure=cpu_us)) is not None
        for ratio in [results.ratio(scenario, of=peer, to=scenario.peers[-1])]
    ]
    about = "CPU of the client's process; the ratio is to the last of the same scenario."
    head = ["scenario", "client", "CPU µs", "per", "ratio"]
    return f"## Beside\n\n{about}\n\n{table(head, rows)}" if rows else ""


def _flat(results: Results) -> str:
    """How an event's cost changes with the number of open streams."""
    rows = [
        [scenario.title, f"{steady:.2f}"]
        for scenario in FLAT
        if (steady := results.best(scenario, NATIVE, figure=steady_us)) is not None
    ]
    about = "Native, 4 events a second on each stream; CPU per event from the moment all streams are open."
    return f"## Flatness\n\n{about}\n\n{table(['open streams', 'CPU µs/event'], rows)}" if rows else ""


def _memory(results: Results) -> str:
    rows = [
        [f"{peer.name}, {scenario.title}", f"{grown:.1f}"]
        for scenario in (*FLAT, *MEMORY)
        for peer in scenario.peers
        if scenario.full.streams >= 200 and (grown := results.best(scenario, peer, figure=rss_kib_per_stream))
    ]
    about = "Growth of the process's resident memory until all streams are open."
    return f"## Memory per open stream\n\n{about}\n\n{table(['client', 'KiB per stream'], rows)}" if rows else ""


def _imports(results: Results) -> str:
    rows = [
        [f"`{module}` {results.versions.get(peer, '')}", f"{cost.cpu_ms:.0f}", str(cost.modules)]
        for module, peer in IMPORTS
        if (cost := results.imports.get((module, peer))) is not None
    ]
    return f"## Imports\n\n{table(['import', 'CPU ms', 'modules loaded'], rows)}" if rows else ""


def _remarks(results: Results) -> str:
    """What could not be measured, and why."""
    told = [f"{peer.name} could not be installed: {why}" for peer, why in results.missing.items()]
    told += [
        f"{scenario.group}, {scenario.title}, {peer.name}: {why}" for (scenario, peer), why in results.faults.items()
    ]
    told += results.remarks
    return "## Not measured\n\n" + "".join(f"- {line}\n" for line in told) if told else ""
