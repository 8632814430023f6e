"""Cases: everything that is asked and answered in this folder, by the names the table knows.

Not the checks (`test_same_*`). A case is a request, whether it is streamed, and what the server does with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shim.testing.fake_openai import Replay
from shim.testing.fixtures import discover, load
from shim.wire import chat
from shim.wire.json_text import encode_body
from tests.equivalence.answers import FAULTS, LATE_STALLS, RESETS, STALLS, STATUSES, STREAMS
from tests.equivalence.questions import EXTRA_HEADERS, ONLY_ON_CHAT, QUESTIONS, TEXT
from tests.fixtures.reading import is_streamed
from tests.helpers.field_values import every_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shim.model import ModelRequest
    from shim.testing.fake_openai import Behaviour

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "chat"
FORMS = {"whole": False, "stream": True}


@dataclass(frozen=True)
class Case:
    """One thing to ask; without a behaviour the fake API answers."""

    name: str
    request: ModelRequest
    stream: bool
    behaviour: Behaviour | None = None


def _both_forms(group: str, requests: Iterable[tuple[str, ModelRequest]]) -> Iterator[Case]:
    for name, request in requests:
        for form, stream in FORMS.items():
            yield Case(f"{form}/{group}/{name}", request, stream)


def _answered(group: str, behaviours: Mapping[str, Behaviour], forms: Iterable[str] = FORMS) -> Iterator[Case]:
    for name, behaviour in behaviours.items():
        for form in forms:
            yield Case(f"{form}/{group}/{name}", TEXT, FORMS[form], behaviour)


def _replayed() -> Iterator[Case]:
    for fixture in map(load, discover(FOLDER)):
        request, stream = chat.parse_request(encode_body(fixture.request)), is_streamed(fixture)
        yield Case(f"{'stream' if stream else 'whole'}/recorded/{fixture.name}", request, stream, Replay(fixture))


def _with_headers() -> Iterator[tuple[str, ModelRequest]]:
    for name, headers in EXTRA_HEADERS.items():
        yield name, replace(TEXT, extra_headers=headers)


ASKED = list(_both_forms("asked", (QUESTIONS | ONLY_ON_CHAT).items()))
FIELDS = list(_both_forms("field", every_field()))
HEADERS = list(_both_forms("header", _with_headers()))
REPLAYED = list(_replayed())
BROKEN = [
    *_answered("status", STATUSES),
    *_answered("fault", FAULTS),
    *_answered("streamed", STREAMS, ["stream"]),
    *_answered("reset", RESETS, ["stream"]),
]
STALLED = [*_answered("stalled", STALLS), *_answered("stalled", LATE_STALLS, ["stream"])]
EVERY = [*ASKED, *FIELDS, *HEADERS, *REPLAYED, *BROKEN, *STALLED]
