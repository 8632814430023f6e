"""Declared equivalences: what may differ between two requests without asking for anything else, each with its reason.

Not the comparing (`compare_wire`), not those between two APIs (`two_apis`), not a user's own (`rules.IgnoreRule`). A row stands
here only where a server cannot tell the difference, or where the API reference gives the default; what merely looks harmless is
a mismatch. Sources: OpenAI API reference, Chat Completions and Responses, create; RFC 8259; RFC 9110.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from msgspec import Struct

from shim.comparison.canonical import Difference
from shim.comparison.verdict import ABSENT


class Equivalence(Struct, frozen=True, kw_only=True):
    """Differences of two JSON bodies that do not count: at `places` (patterns), where `holds(control, candidate)`."""

    name: str
    reason: str
    places: tuple[str, ...]
    holds: Callable[[Any, Any], bool]

    def covers(self, difference: Difference) -> bool:
        """Whether a difference does not count."""
        at_place = any(fnmatchcase(difference.path, place) for place in self.places)
        return at_place and self.holds(difference.control, difference.candidate)


class HeaderForm(Struct, frozen=True, kw_only=True):
    """How headers of these `names` (a `*` may end one) are compared: as `form` makes of them; where it is None, not at all."""

    name: str
    reason: str
    names: tuple[str, ...]
    form: Callable[[str], str] | None = None

    def is_for(self, name: str) -> bool:
        """Whether a name, in lower case, is one of its."""
        return name in self.names or any(
            name.startswith(pattern[:-1]) for pattern in self.names if pattern.endswith("*")
        )


def _is_absent_or_false(control: Any, candidate: Any) -> bool:
    return all(value is ABSENT or value is False for value in (control, candidate))


def _is_same_number(control: Any, candidate: Any) -> bool:
    kinds = {type(control), type(candidate)}
    return kinds == {int, float} and bool(control == candidate)


BODY: tuple[Equivalence, ...] = (
    Equivalence(
        name="stream-default",
        reason="The API reference gives false as the default of `stream`: absent and false ask for the same.",
        places=("body.stream",),
        holds=_is_absent_or_false,
    ),
    Equivalence(
        name="number-spelling",
        reason="These fields are of type number, and JSON has one kind of number: 1 and 1.0 are the same value.",
        places=(
            "body.temperature",
            "body.top_p",
            "body.presence_penalty",
            "body.frequency_penalty",
            "body.logit_bias*",
        ),
        holds=_is_same_number,
    ),
)
"""Differences between two bodies of one API that do not count."""


def _media_type(value: str) -> str:
    kind, _, parameters = value.partition(";")
    rest = [each.strip() for each in parameters.split(";") if each.strip()]
    told = [each for each in rest if each.lower().replace('"', "") != "charset=utf-8"]
    if kind.strip().lower().startswith("multipart/"):
        told = [each for each in told if not each.lower().startswith("boundary=")]
    return "; ".join([kind.strip().lower(), *told])


def _scheme(value: str) -> str:
    scheme, space, _ = value.strip().partition(" ")
    return scheme.lower() if space or scheme.lower() in ("bearer", "basic") else "a credential without scheme"


def _presence(_value: str) -> str:
    return "given"


HEADERS: tuple[HeaderForm, ...] = (
    HeaderForm(
        name="framing",
        reason="It frames the message or names the connection (RFC 9110 7.6.1): each transport makes its own.",
        names=(
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "proxy-connection",
            "keep-alive",
            "te",
            "expect",
            "accept-encoding",
        ),
    ),
    HeaderForm(
        name="client-software",
        reason="It names the client's own software, which is what is being replaced.",
        names=("user-agent", "x-stainless-*", "x-openai-client-user-agent"),
    ),
    HeaderForm(
        name="accept",
        reason="The APIs answer in the form the body's `stream` asks for; Accept does not choose it.",
        names=("accept",),
    ),
    HeaderForm(
        name="tracing",
        reason="It is made anew for each request.",
        names=("traceparent", "tracestate", "baggage", "x-request-id", "x-client-request-id", "x-b3-*", "b3", "date"),
    ),
    HeaderForm(
        name="media-type",
        reason="JSON is UTF-8: the charset parameter has no effect (RFC 8259 11), media types have no case (RFC 9110 8.3.1), "
        "and the boundary of a form is made anew for each request (RFC 2046 5.1.1).",
        names=("content-type",),
        form=_media_type,
    ),
    HeaderForm(
        name="scheme",
        reason="Credentials are not compared, and never kept; how they are given is.",
        names=("authorization", "proxy-authorization"),
        form=_scheme,
    ),
    HeaderForm(
        name="credential",
        reason="Credentials are not compared, and never kept; whether one is given is.",
        names=("api-key", "x-api-key", "x-goog-api-key", "cookie"),
        form=_presence,
    ),
    HeaderForm(
        name="idempotency",
        reason="The key is made anew for each request; whether there is one is what a server acts on.",
        names=("idempotency-key",),
        form=_presence,
    ),
)
"""How headers are compared; those that no row names are compared as they are."""

ACTED_ON = frozenset(
    {
        "content-type",
        "content-encoding",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "idempotency-key",
    }
)
"""Headers that are compared although only the candidate has them: servers act on them, and recordings keep them."""


@lru_cache(maxsize=256)  # names recur with every exchange; it depends on nothing but the table, which is constant
def header_form(name: str) -> HeaderForm | None:
    """The row for a header's name in lower case; None where it is compared as it is."""
    return next((row for row in HEADERS if row.is_for(name)), None)


@lru_cache(maxsize=256)
def compared_name(name: str) -> str | None:
    """The name in lower case of a header that is compared; None of one that is not."""
    lowered = name.lower()
    row = header_form(lowered)
    return lowered if row is None or row.form is not None else None


def counting(found: Iterable[Difference]) -> list[Difference]:
    """The differences of two bodies that count."""
    return [each for each in found if not any(row.covers(each) for row in BODY)]
