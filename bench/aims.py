"""The aims, each with the figure it is held against: met or missed is told, and nothing fails.

Not the figures (`bench.figures`). An aim against openai is held against the cheaper of its two uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import Results, cpu_us, rss_kib_per_stream, steady_us
from bench.peers import (
    ADAPTER,
    BARE_LOOP,
    COMPARING,
    DECIDING,
    LEGACY,
    NATIVE,
    NATIVE_COVERED,
    NATIVE_GATHERING,
    NATIVE_LAYERED,
    NATIVE_TAPPED,
    OPENAI_ASYNC,
    OPENAI_THREADS,
    Peer,
)
from bench.scenarios import (
    BURST,
    COMPARISON,
    DECISION,
    FLAT,
    LAYER,
    LEAN_ANSWERS,
    LEAN_BURST,
    LEAN_PACED,
    PACED,
    TAP_ANSWERS,
    TAP_STREAMS,
    TEXTS,
    TOOLS,
    Scenario,
)


@dataclass(frozen=True)
class Aim:
    """A limit on a figure; `at_least`: the figure is to reach it, else to stay within it."""

    title: str
    limit: float
    value: Callable[[Results], float | None]
    at_least: bool = False
    unit: str = "times"

    def verdict(self, results: Results) -> tuple[str, str]:
        """The figure, and "met", "missed" or "not measured"."""
        value = self.value(results)
        if value is None:
            return "", "not measured"
        met = value >= self.limit if self.at_least else value <= self.limit
        return f"{value:.2f} {self.unit}", "met" if met else "**missed**"


def _over(scenario: Scenario, above: Peer, *, below: Peer) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(scenario, of=above, to=below)


def _openai_over(scenario: Scenario, below: Peer) -> Callable[[Results], float | None]:
    def value(results: Results) -> float | None:
        ratios = [results.ratio(scenario, of=peer, to=below) for peer in (OPENAI_ASYNC, OPENAI_THREADS)]
        return min((ratio for ratio in ratios if ratio is not None), default=None)

    return value


def _steady_growth(results: Results) -> float | None:
    few, many = (results.best(scenario, NATIVE, figure=steady_us) for scenario in (FLAT[0], FLAT[-1]))
    return None if many is None or not few else many / few


def _memory(results: Results) -> float | None:
    return results.best(FLAT[-1], NATIVE, figure=rss_kib_per_stream)


def _import_share(results: Results) -> float | None:
    ours, theirs = results.imports.get(("shim", NATIVE)), results.imports.get(("openai", OPENAI_ASYNC))
    return None if ours is None or theirs is None else ours.cpu_ms / theirs.cpu_ms


def _more(scenario: Scenario, above: Peer, *, than: Peer) -> Callable[[Results], float | None]:
    """What one peer costs more than another, in microseconds of CPU."""

    def value(results: Results) -> float | None:
        costly, cheap = (results.best(scenario, peer, figure=cpu_us) for peer in (above, than))
        return None if costly is None or cheap is None else costly - cheap

    return value


def _calls_over_texts(results: Results) -> float | None:
    calls, texts = (results.best(scenario, NATIVE, figure=cpu_us) for scenario in (TOOLS, TEXTS))
    return None if calls is None or not texts else calls / texts


def _decision(results: Results) -> float | None:
    return results.best(DECISION, DECIDING, figure=cpu_us)


def _compared(results: Results) -> float | None:
    cost = results.best(COMPARISON, COMPARING, figure=cpu_us)
    return 1e6 / cost if cost else None


def _covered_event(results: Results) -> float | None:
    return results.best(TAP_STREAMS, NATIVE_COVERED, figure=cpu_us)


AIMS: tuple[Aim, ...] = (
    Aim("burst: the adapter over the legacy client by hand, at most 1.05", 1.05, _over(BURST, ADAPTER, below=LEGACY)),
    Aim("paced: the adapter over the legacy client by hand, at most 1.05", 1.05, _over(PACED, ADAPTER, below=LEGACY)),
    Aim("burst: openai over the adapter, at least 20", 20, _openai_over(BURST, ADAPTER), at_least=True),
    Aim("paced: openai over the adapter, at least 2.5", 2.5, _openai_over(PACED, ADAPTER), at_least=True),
    Aim("burst: openai over native, at least 60", 60, _openai_over(BURST, NATIVE), at_least=True),
    Aim("paced: openai over native, at least 10", 10, _openai_over(PACED, NATIVE), at_least=True),
    Aim("burst: native over the bare loop, at most 1.1", 1.1, _over(LEAN_BURST, NATIVE, below=BARE_LOOP)),
    Aim("paced: native over the bare loop, at most 1.35", 1.35, _over(LEAN_PACED, NATIVE, below=BARE_LOOP)),
    Aim(
        "paced, 2 ms gathered: native over the bare loop, at most 0.95",
        0.95,
        _over(LEAN_PACED, NATIVE_GATHERING, below=BARE_LOOP),
    ),
    Aim("whole answers: native over the bare loop, at most 1.9", 1.9, _over(LEAN_ANSWERS, NATIVE, below=BARE_LOOP)),
    Aim("a piece of a call's arguments over a piece of text, at most 1.3", 1.3, _calls_over_texts),
    Aim("a streamed event, recorded with the conversation covered, at most 12 µs", 12, _covered_event, unit="µs"),
    Aim(
        "a whole answer recorded in a file, beside none, at most 110 µs",
        110,
        _more(TAP_ANSWERS, NATIVE_TAPPED, than=NATIVE),
        unit="µs",
    ),
    Aim("a layer, per event, at most 0.3 µs", 0.3, _more(LAYER, NATIVE_LAYERED, than=NATIVE), unit="µs"),
    Aim("deciding an arm, at most 10 µs", 10, _decision, unit="µs"),
    Aim(
        "compared by wire and tee in a CPU second, at least 3,000 exchanges",
        3000,
        _compared,
        at_least=True,
        unit="exchanges",
    ),
    Aim("flat: an event among 3,000 streams over one among 10, at most 1.1", 1.1, _steady_growth),
    Aim("memory per open stream of native, 3,000 open, at most 32 KiB", 32, _memory, unit="KiB"),
    Aim("import shim over import openai, at most 0.1", 0.1, _import_share),
)
