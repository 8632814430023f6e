"""What a session of the bench has found, and the figures that are read from it.

Not how they are shown (`bench.report`) nor what they should be (`bench.aims`). A figure is the best of a client's runs, a ratio
the middle one of those of the passes, in each of which the clients ran in turn: the machine was slow or fast for both then.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from bench.peers import Peer
from bench.run import Cost, ImportCost
from bench.scenarios import Scenario

Figure: TypeAlias = Callable[[Cost], "float | None"]


def cpu_us(cost: Cost) -> float | None:
    """CPU microseconds per event."""
    return cost.cpu_us


def steady_us(cost: Cost) -> float | None:
    """CPU microseconds per event, from the moment all streams were open."""
    return cost.steady_us


def first_event_ms(cost: Cost) -> float | None:
    """Milliseconds from a stream's start to its first event, median."""
    return cost.first_event_ms


def rss_kib_per_stream(cost: Cost) -> float | None:
    """Growth of resident memory per open stream, in KiB."""
    return cost.rss_kib_per_stream


@dataclass
class Results:
    """Costs and faults by scenario and peer, imports by module and peer, versions by peer."""

    costs: dict[tuple[Scenario, Peer], list[Cost]] = field(default_factory=dict)
    faults: dict[tuple[Scenario, Peer], str] = field(default_factory=dict)
    imports: dict[tuple[str, Peer], ImportCost] = field(default_factory=dict)
    missing: dict[Peer, str] = field(default_factory=dict)
    versions: dict[Peer, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def best(self, scenario: Scenario, peer: Peer, *, figure: Figure) -> float | None:
        """The lowest of a peer's runs, None where there is none."""
        told = [value for cost in self.costs.get((scenario, peer), []) if (value := figure(cost)) is not None]
        return min(told, default=None)

    def ratio(self, scenario: Scenario, *, of: Peer, to: Peer, figure: Figure = cpu_us) -> float | None:
        """One peer's figure over another's, in the same pass: the middle of them."""
        pairs = zip(self.costs.get((scenario, of), []), self.costs.get((scenario, to), []), strict=False)
        told = [(figure(above), figure(below)) for above, below in pairs]
        ratios = [above / below for above, below in told if above is not None and below]
        return statistics.median(ratios) if ratios else None
