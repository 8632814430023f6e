"""What is measured: the scenarios, the peers in each, and the imports; all of it data.

Not how they are run (`bench.run`) nor what they should cost (`bench.aims`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.peers import (
    ADAPTER,
    BARE_LOOP,
    CLIENT_ASYNC,
    CLIENT_THREADS,
    COMPARING,
    DECIDING,
    LITELLM,
    NATIVE,
    NATIVE_COVERED,
    NATIVE_GATHERING,
    NATIVE_LAYERED,
    NATIVE_TAPPED,
    OPENAI_ASYNC,
    OPENAI_V0,
    PEERS,
    WRITING_BY_HAND,
    WRITING_NATIVE,
    Peer,
)
from bench.serving import TOOL_DELTAS, ServerKind


@dataclass(frozen=True)
class Load:
    """What a client is told to do, and how many times it is run.

    Attributes:
        model: selects what the server streams: `fake-burst-N` N events at once, `fake-paced-RxN` N events, R a second.
        expected: how many events (of a stream) or answers there must be.
        question_bytes: how long what is asked is; 0: a word.
    """

    model: str
    streams: int
    rounds: int
    expected: int
    passes: int = 1
    question_bytes: int = 0


@dataclass(frozen=True)
class Scenario:
    """One load, in full and for `--quick` (None: left out there).

    Attributes:
        group: what `--only` takes.
        task: as `bench.clients.measure.Job.task`.
        server: what it is measured against.
        unit: what is counted.
    """

    group: str
    title: str
    peers: tuple[Peer, ...]
    full: Load
    quick: Load | None = None
    task: str = "stream"
    server: ServerKind = "plain"
    unit: str = "event"

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
    Load("fake-paced-20x100", 200, 1, 20_000, passes=5),
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

# A server whose own pace does not show, against the bare loop: of events that come in bursts who is faster takes smaller ones.
LEAN_BURST = Scenario(
    "lean",
    "8 streams of 1,000 events, a lean server",
    (NATIVE, BARE_LOOP),
    Load("fake-burst-1000", 8, 6, 48_000, passes=5),
    Load("fake-burst-1000", 8, 2, 16_000),
    server="lean",
)
LEAN_PACED = Scenario(
    "lean",
    "200 streams of 20 events a second, each at a moment of its own",
    (NATIVE_GATHERING, NATIVE, BARE_LOOP),
    Load("fake-paced-20x100", 200, 1, 20_000, passes=7),
    Load("fake-paced-20x40", 200, 1, 8_000),
    server="lean",
)
LEAN_ANSWERS = Scenario(
    "lean",
    "2,048 whole answers, 16 at a time, a lean server",
    (NATIVE, BARE_LOOP),
    Load("gpt-4o", 16, 128, 2_048, passes=9),
    Load("gpt-4o", 16, 25, 400),
    task="ask",
    unit="answer",
    server="lean",
)
HTTP2 = Scenario(
    "http2",
    "200 streams of 20 events a second over HTTP/2 and TLS",
    (NATIVE, BARE_LOOP),
    Load("fake-paced-20x100", 200, 1, 20_000, passes=2),
    Load("fake-paced-20x20", 200, 1, 4_000),
    server="http2",
)
TEXTS = Scenario(
    "tools",
    "8 streams of 1,000 words, beside the next",
    (NATIVE,),
    Load("fake-burst-1000", 8, 3, 24_000, passes=3),
    Load("fake-burst-1000", 8, 2, 16_000),
)
TOOLS = Scenario(
    "tools",
    "8 streams of 1,000 pieces of a call's arguments",
    (NATIVE,),
    Load("gpt-4o", 8, 3, 24 * TOOL_DELTAS, passes=3),
    Load("gpt-4o", 8, 2, 16 * TOOL_DELTAS),
    server="tools",
)
LARGE = Scenario(
    "large",
    "requests of 1 MB, 4 at a time",
    (NATIVE, BARE_LOOP),
    Load("gpt-4o", 4, 25, 100, passes=2, question_bytes=1_000_000),
    Load("gpt-4o", 4, 5, 20, question_bytes=1_000_000),
    task="ask",
    unit="answer",
)
WRITING = Scenario(
    "large",
    "10,000 messages written, not sent",
    (WRITING_NATIVE, WRITING_BY_HAND),
    Load("gpt-4o", 10_000, 50, 50, passes=2),
    Load("gpt-4o", 10_000, 10, 10),
    task="ask",
    unit="request",
)
CLIENTS = Scenario(
    "clients",
    "1,024 whole answers, 16 at a time",
    (CLIENT_ASYNC, CLIENT_THREADS, NATIVE),
    Load("gpt-4o", 16, 64, 1_024, passes=2),
    Load("gpt-4o", 16, 25, 400),
    task="ask",
    unit="answer",
)
TAP_STREAMS = Scenario(
    "tap",
    "8 streams of 1,000 events, recorded",
    (NATIVE_COVERED, NATIVE_TAPPED, NATIVE),
    Load("fake-burst-1000", 8, 3, 24_000, passes=3),
    Load("fake-burst-1000", 8, 2, 16_000),
)
TAP_ANSWERS = Scenario(
    "tap",
    "1,024 whole answers, 16 at a time, recorded",
    (NATIVE_COVERED, NATIVE_TAPPED, NATIVE),
    Load("gpt-4o", 16, 64, 1_024, passes=2),
    Load("gpt-4o", 16, 25, 400),
    task="ask",
    unit="answer",
)
LAYER = Scenario(
    "layer",
    "8 streams of 1,000 events, below a layer of deadlines",
    (NATIVE_LAYERED, NATIVE),
    Load("fake-burst-1000", 8, 3, 24_000, passes=3),
    Load("fake-burst-1000", 8, 2, 16_000),
)
DECISION = Scenario(
    "decision",
    "an arm for each of many conversations",
    (DECIDING,),
    Load("none", 1, 200, 20_000, passes=2),
    Load("none", 1, 100, 10_000),
    task="ask",
    unit="decision",
)
COMPARISON = Scenario(
    "comparison",
    "recorded exchanges compared by wire and tee",
    (COMPARING,),
    Load("none", 1, 20, 2_000, passes=2),
    Load("none", 1, 3, 300),
    task="ask",
    unit="exchange",
)

# The first peer of each is what it is about; the last is what the others are held against.
FURTHER: tuple[Scenario, ...] = (
    LEAN_BURST, LEAN_PACED, LEAN_ANSWERS,
    HTTP2, TEXTS, TOOLS, LARGE, WRITING, CLIENTS, TAP_STREAMS, TAP_ANSWERS, LAYER, DECISION, COMPARISON,
)  # fmt: skip

SCENARIOS: tuple[Scenario, ...] = (BURST, PACED, ASK, FIRST, *FLAT, *MEMORY, *FURTHER)

# module -> the peer in whose environment it is imported
IMPORTS: tuple[tuple[str, Peer], ...] = (
    ("shim", NATIVE),
    ("shim.native", NATIVE),
    ("legacy_openai", NATIVE),
    ("openai", OPENAI_V0),
    ("openai", OPENAI_ASYNC),
    ("litellm", LITELLM),
)
