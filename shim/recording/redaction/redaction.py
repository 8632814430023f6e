"""What is taken out of an exchange before it is written or handed on: an allow-list of headers, keys, chosen places.

Not the taking out (`redactor`), the looks of a key (`key_mask`) nor the places of a body (`body_paths`). What is covered
keeps its length: the split of a body, its times and its lengths stay exactly as they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Final, Literal, TypeAlias, final, get_args

from shim.recording.exchange import Exchange, Headers
from shim.recording.redaction.body_cover import BodyCover
from shim.recording.redaction.body_paths import BodyPath, Side
from shim.recording.redaction.key_mask import REMOVED
from shim.recording.redaction.redactor import Redactor
from shim.wire.credentials import SCHEMED_HEADERS, is_secret_header

ALLOWED_HEADERS: Final = (
    # What is asked for and how it is framed.
    "accept", "accept-encoding", "content-type", "content-encoding", "content-length", "transfer-encoding", "user-agent",
    # What the API acts on. Of credentials the scheme stays, or that there is one: see `Redaction`.
    "authorization", "api-key", "x-api-key", "openai-beta", "openai-organization", "openai-project", "idempotency-key",
    "x-client-request-id", "x-stainless-*",
    # What the API says of itself and of its limits.
    "date", "retry-after*", "x-should-retry", "x-request-id", "apim-request-id", "x-ratelimit-*", "openai-processing-ms",
    "openai-version", "openai-model",
)  # fmt: skip
"""Names of headers that are kept, in lower case; `*` stands for any letters."""

CONVERSATION_PATHS: Final = (
    "request.body.messages[*].content", "request.body.messages[*].name", "request.body.messages[*].refusal",
    "request.body.messages[*].tool_calls[*].function.arguments", "request.body.messages[*].function_call.arguments",
    "request.body.prompt", "request.body.input", "request.body.instructions", "request.body.user",
    "request.body.safety_identifier", "request.body.metadata", "request.body.prediction.content",
    "response.body.choices[*].message.content", "response.body.choices[*].message.refusal",
    "response.body.choices[*].message.reasoning", "response.body.choices[*].message.reasoning_content",
    "response.body.choices[*].message.tool_calls[*].function.arguments",
    "response.body.choices[*].message.function_call.arguments", "response.body.choices[*].message.audio",
    "response.body.choices[*].logprobs", "response.body.choices[*].text",
    "response.body.output[*].content", "response.body.output[*].summary", "response.body.output[*].arguments",
    "response.body.output[*].input", "response.body.output[*].results", "response.body.output[*].result",
    "response.body.instructions", "response.body.metadata", "response.body.user", "response.body.safety_identifier",
    "response.body.response.output[*].content", "response.body.response.output[*].summary",
    "response.body.response.output[*].arguments", "response.body.response.output[*].input",
    "response.body.response.output[*].results", "response.body.response.output[*].result",
    "response.body.response.instructions", "response.body.response.metadata", "response.body.response.user",
    "response.body.response.safety_identifier", "response.body.item.content", "response.body.item.summary",
    "response.body.item.arguments", "response.body.item.input", "response.body.item.results", "response.body.item.result",
    "response.body.part", "response.body.delta", "response.body.text", "response.body.refusal", "response.body.arguments",
    "response.body.input", "response.body.logprobs", "response.body.partial_image_b64", "response.body.annotation",
)  # fmt: skip
"""Ready to be given as `body_paths`: what people wrote and models answered, in both APIs, streamed or not."""

Bodies = Literal["keep", "drop"]

HeaderRule: TypeAlias = Literal["drop", "keep", "hide"]
"""What becomes of a header: it goes; it stays but for keys in it; or of its value that stays which is no credential."""

# The account's name: needed to compare two requests, of no use in an answer.
_REQUEST_ONLY: Final = frozenset({"openai-organization", "openai-project"})
_MOST_NAMES: Final = 512  # of headers, whose rule is remembered


@final
class Redaction:
    """The rules by which exchanges are redacted. Immutable; may be used by any number of threads.

    Always: headers outside the list are dropped; of `Authorization` only the scheme stays, of other credentials and of
    `Idempotency-Key` only that they were there; credentials in the URL go; the request's own keys, and what looks like one, are
    masked in bodies, messages and context. A short word that local servers take as a key ("test") is no secret.

    Args:
        headers: patterns of the names that are kept.
        body_paths: places that are covered: `request.body.user`, `request.body.messages[*].content`, or `request.body` for
            the whole. Strings and numbers there, and in what stands there, are written over with as many characters. In an
            event stream they are looked for in each event, and `message` covers `delta` too. A body on that side that
            cannot be read as JSON is left out.
        bodies: "drop" leaves out every body; its length and hash stay.

    Raises:
        ValueError: a path or `bodies` is none of these.
    """

    __slots__ = ("_allowed", "_covers", "_drops", "_headers", "_names", "_paths")

    def __init__(
        self,
        *,
        headers: Iterable[str] = ALLOWED_HEADERS,
        body_paths: Iterable[str] = (),
        bodies: Bodies = "keep",
    ) -> None:
        if isinstance(headers, str) or isinstance(body_paths, str):
            raise TypeError("headers and body_paths are lists of texts; put a single one in a list")
        if bodies not in get_args(Bodies):
            raise ValueError(f'bodies is {bodies!r}; give "keep" or "drop"')
        self._headers = tuple(pattern.lower() for pattern in headers)
        self._allowed = re.compile(
            "|".join(map(translate, self._headers)) or "(?!)"
        )  # of an empty list nothing is kept
        # What was asked before; a name is seen with each exchange.
        self._names: dict[Side, dict[str, HeaderRule]] = {side: {} for side in get_args(Side)}
        paths = [BodyPath.of(path) for path in body_paths]
        self._paths: dict[Side, tuple[BodyPath, ...]] = {
            side: tuple(path for path in paths if path.side == side) for side in get_args(Side)
        }
        self._drops: dict[Side, bool] = {
            side: bodies == "drop" or not all(path.steps for path in of_side) for side, of_side in self._paths.items()
        }
        self._covers: dict[Side, BodyCover | None] = {
            side: BodyCover(of_side) if of_side and not self._drops[side] else None
            for side, of_side in self._paths.items()
        }

    def __repr__(self) -> str:
        paths = [path.text for of_side in self._paths.values() for path in of_side]
        return f"<Redaction: {len(self._headers)} headers, body paths {paths}, drops {self._drops}>"

    def apply(self, exchange: Exchange) -> Exchange:
        """Give the exchange without its secrets; the same again if it is applied again."""
        return Redactor(self).redacted(exchange)

    def allows(self, name: str, *, side: Side) -> bool:
        """Whether a header of that name is kept."""
        name = name.lower()
        if side == "response" and name in _REQUEST_ONLY:
            return False
        return self._allowed.match(name) is not None

    def header_rule(self, name: str, *, side: Side) -> HeaderRule:
        """What becomes of a header of that name."""
        known = self._names[side]
        rule = known.get(name)
        if rule is None:
            rule = "drop" if not self.allows(name, side=side) else "hide" if _is_hidden(name.lower()) else "keep"
            if len(known) >= _MOST_NAMES:
                known.clear()
            known[name] = rule
        return rule

    def kept(self, headers: Headers, *, side: Side) -> Headers:
        """The headers that stay, and what of their values; keys in these are not masked yet."""
        known = self._names[side]
        return tuple(
            [
                (name, value if rule == "keep" else _shown(name.lower(), value))
                for name, value in headers
                if (rule := known.get(name) or self.header_rule(name, side=side)) != "drop"
            ]
        )

    def paths(self, side: Side) -> Sequence[BodyPath]:
        """The places of that side's body."""
        return self._paths[side]

    def cover(self, side: Side) -> BodyCover | None:
        """What covers the places of that side's body; None where none are covered, or the body is left out."""
        return self._covers[side]

    def drops(self, side: Side) -> bool:
        """Whether that side's body is left out."""
        return self._drops[side]


def _is_hidden(name: str) -> bool:
    """Whether a header's value is a credential; `name` in lower case."""
    # An idempotency key is none, but made up anew for each request: that it was there says all.
    return is_secret_header(name) or name == "idempotency-key"


def _shown(name: str, value: str) -> str:
    """What stays of a credential's value; `name` in lower case."""
    scheme, space, _ = value.strip().partition(" ")
    return f"{scheme} {REMOVED}" if space and name in SCHEMED_HEADERS else REMOVED
