"""What is measured: the scenarios, the peers in each, and the imports; all of it data.

Not how they are run (`bench.run`) nor what they should cost (`bench.aims`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.peers import ADAPTER, BARE_LOOP, LITELLM, NATIVE, OPENAI_ASYNC, OPENAI_V0, PEERS, Peer


@dataclass(frozen=True)
class Load:
    """What a client is told to do, and how many times it is run.

    Attributes:
        model: selects what the server streams: `fake-burst-N` N events at once, `fake-paced-RxN` N events, R a second.
        expected: how many events (of a stream) or answers there must be.
    """

    model: str
    streams: int
    rounds: int
    expected: int
    passes: int = 1


@dataclass(frozen=True)
class Scenario:
    """One load, in full and for `--quick` (None: left out there).

    Attributes:
        group: what `--only` takes.
        task: as `bench.clients.measure.Job.task`.
    """

    group: str
    title: str
    peers: tuple[Peer, ...]
    full: Load
    quick: Load | None = None
    task: str = "stream"

    def load(self, *, quick: bool) -> Load | None:
        """The load to run."""
        return self.quick if quick else self.full


def _flat(streams: int, *, in_quick: bool) -> Scenario:
    """So many streams of 4 events a second, all open for most of 10 seconds (5 for `--quick`)."""
    quick = Load("fake-paced-4x20", streams, 1, 20 * streams) if in_quick else None
    full = Load("fake-paced-4x40", streams, 1, 40 * streams)
    return Scenario("flat", f"{streams:,} open streams", (NATIVE,), full, quick)


BURST = Scenario(
    "burst",
    "8 streams of 1,000 events",
    PEERS,
    Load("fake-burst-1000", 8, 3, 24_000, passes=3),
    Load("fake-burst-1000", 8, 2, 16_000),
)
PACED = Scenario(
    "paced",
    "200 streams of 20 events a second",
    PEERS,
    Load("fake-paced-20x100", 200, 1, 20_000, passes=2),
    Load("fake-paced-20x40", 200, 1, 8_000),
)
ASK = Scenario(
    "ask",
    "1,024 whole answers, 16 at a time",
    PEERS,
    Load("gpt-4o", 16, 64, 1_024, passes=2),
    Load("gpt-4o", 16, 25, 400),
    task="ask",
)
FIRST = Scenario(
    "first",
    "200 short streams, one after the other",
    PEERS,
    Load("fake-burst-1", 1, 200, 200, passes=2),
    Load("fake-burst-1", 1, 100, 100),
)
FLAT: tuple[Scenario, ...] = (
    _flat(10, in_quick=True),
    _flat(100, in_quick=False),
    _flat(1_000, in_quick=False),
    _flat(3_000, in_quick=True),
)
MEMORY: tuple[Scenario, ...] = (
    Scenario("memory", "500 open streams", (BARE_LOOP, OPENAI_ASYNC), Load("fake-paced-4x24", 500, 1, 12_000)),
    Scenario("memory", "200 open streams", (ADAPTER,), Load("fake-paced-4x16", 200, 1, 3_200)),
)

SCENARIOS: tuple[Scenario, ...] = (BURST, PACED, ASK, FIRST, *FLAT, *MEMORY)

# module -> the peer in whose environment it is imported
IMPORTS: tuple[tuple[str, Peer], ...] = (
    ("shim", NATIVE),
    ("shim.native", NATIVE),
    ("legacy_openai", NATIVE),
    ("openai", OPENAI_V0),
    ("openai", OPENAI_ASYNC),
    ("litellm", LITELLM),
)
