"""The aims, each with the figure it is held against: met or missed is told, and nothing fails.

Not the figures (`bench.figures`). An aim against openai is held against the cheaper of its two uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import Results, rss_kib_per_stream, steady_us
from bench.peers import ADAPTER, BARE_LOOP, LEGACY, NATIVE, OPENAI_ASYNC, OPENAI_THREADS, Peer
from bench.scenarios import BURST, FLAT, PACED, Scenario


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


AIMS: tuple[Aim, ...] = (
    Aim("burst: the adapter over the legacy client by hand, at most 1.05", 1.05, _over(BURST, ADAPTER, below=LEGACY)),
    Aim("paced: the adapter over the legacy client by hand, at most 1.05", 1.05, _over(PACED, ADAPTER, below=LEGACY)),
    Aim("burst: openai over the adapter, at least 20", 20, _openai_over(BURST, ADAPTER), at_least=True),
    Aim("paced: openai over the adapter, at least 2.5", 2.5, _openai_over(PACED, ADAPTER), at_least=True),
    Aim("burst: openai over native, at least 60", 60, _openai_over(BURST, NATIVE), at_least=True),
    Aim("paced: openai over native, at least 10", 10, _openai_over(PACED, NATIVE), at_least=True),
    Aim("burst: native over the bare loop, at most 1.3", 1.3, _over(BURST, NATIVE, below=BARE_LOOP)),
    Aim("paced: native over the bare loop, at most 1.3", 1.3, _over(PACED, NATIVE, below=BARE_LOOP)),
    Aim("flat: an event among 3,000 streams over one among 10, at most 1.1", 1.1, _steady_growth),
    Aim("memory per open stream of native, 3,000 open, at most 64 KiB", 64, _memory, unit="KiB"),
    Aim("import shim over import openai, at most 0.25", 0.25, _import_share),
)
