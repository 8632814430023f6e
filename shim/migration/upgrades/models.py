"""The models that old code names: when each is shut down, what takes its place, and which parameters it refuses.

Not the changes made of it (`catalogue`), not which API a request uses (`shim.wire.api_selection`). One row a model, each with its
source; a model without a row is unknown, and nothing is guessed of it. Source: OpenAI's deprecations page and its model pages,
as they stood on `AS_OF`; dates are the page's "shutdown date".
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

Endpoint: TypeAlias = Literal[
    "chat/completions",
    "completions",
    "responses",
    "embeddings",
    "edits",
    "moderations",
    "audio/transcriptions",
    "images/generations",
]

AS_OF = date(2026, 11, 5)
"""The day up to which the table holds: later announcements are not in it."""


class ModelFacts(Struct, frozen=True, kw_only=True):
    """What is known of one model.

    Attributes:
        name: as a request names it.
        endpoints: those that serve it, or served it.
        retires: the day it is shut down, in the past or announced; None where none was announced by `AS_OF`.
        successor: the model to go on with; None where no model takes its place.
        refuses: fields of a Chat Completions body it answers with an error, unless they ask for the default.
        refuses_all: fields it refuses whatever they say.
        free_without_reasoning: fields of `refuses` it takes where `reasoning_effort` is "none".
        reasons_by_default: whether it reasons where the request says nothing of it.
        can_stop_reasoning: whether it takes the `reasoning_effort` "none".
        source: where this is told.
    """

    name: str
    endpoints: tuple[Endpoint, ...] = ("chat/completions",)
    retires: date | None = None
    successor: str | None = None
    refuses: frozenset[str] = frozenset()
    refuses_all: frozenset[str] = frozenset()
    free_without_reasoning: frozenset[str] = frozenset()
    reasons_by_default: bool = False
    can_stop_reasoning: bool = False
    source: str = ""

    def is_retired(self, today: date) -> bool:
        """Whether it is shut down on that day."""
        return self.retires is not None and self.retires <= today

    def refuses_field(self, name: str, *, effort: object = None) -> bool:
        """Whether it refuses a field that asks for something else than the default; `effort` as the request says."""
        if name in self.refuses_all:
            return True
        reasons = self.reasons_by_default if effort is None else effort != "none"
        return name in self.refuses and (reasons or name not in self.free_without_reasoning)


_PAGE = "OpenAI API, Deprecations"
_GUIDE = "OpenAI API, Reasoning models guide and Chat Completions reference"

_SAMPLING = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})
_REASONING = _SAMPLING | {"presence_penalty", "frequency_penalty", "logit_bias"}
_NO_STOP = _REASONING | {"stop"}  # the reference: not supported with the latest reasoning models, o3 and o4-mini
_OLD_LIMIT = frozenset({"max_tokens"})
_ONE_CALL = frozenset({"parallel_tool_calls"})  # the o-series has no such parameter

_BOTH: tuple[Endpoint, ...] = ("chat/completions", "responses")
_SMALL, _LARGE = "gpt-5.6-terra", "gpt-5.6-sol"  # what the page names in place of the GPT-3.5 and of the GPT-4 family


def _gone(
    names: str,
    *,
    on: str,
    successor: str | None,
    announced: str,
    endpoints: tuple[Endpoint, ...] = ("chat/completions",),
) -> list[ModelFacts]:
    """Rows of models that one announcement shuts down."""
    return [
        ModelFacts(
            name=name,
            endpoints=endpoints,
            retires=date.fromisoformat(on),
            successor=successor,
            source=f"{_PAGE}, {announced}",
        )
        for name in names.split()
    ]


def _reasoning(
    names: str,
    *,
    source: str,
    on: str | None = None,
    successor: str | None = None,
    refuses: frozenset[str] = _NO_STOP,
    refuses_all: frozenset[str] = _OLD_LIMIT,
    free: frozenset[str] = frozenset(),
    reasons_by_default: bool = True,
    can_stop_reasoning: bool = False,
) -> list[ModelFacts]:
    """Rows of reasoning models that refuse the same."""
    return [
        ModelFacts(
            name=name,
            endpoints=_BOTH,
            retires=None if on is None else date.fromisoformat(on),
            successor=successor,
            refuses=refuses,
            refuses_all=refuses_all,
            free_without_reasoning=free,
            reasons_by_default=reasons_by_default,
            can_stop_reasoning=can_stop_reasoning,
            source=source,
        )
        for name in names.split()
    ]


_ROWS: list[ModelFacts] = [
    # Completions: the InstructGPT and base models, and what took their place for a while.
    *_gone(
        "text-davinci-003 text-davinci-002 text-davinci-001 text-curie-001 text-babbage-001 text-ada-001 "
        "davinci-instruct-beta davinci-instruct-beta-v3 curie-instruct-beta davinci curie babbage ada",
        on="2024-01-04",
        successor=_SMALL,
        announced="2023-07-06: its own successor, gpt-3.5-turbo-instruct, is shut down too",
        endpoints=("completions",),
    ),
    *_gone(
        "code-davinci-002 code-davinci-001 code-cushman-002 code-cushman-001 davinci-codex cushman-codex",
        on="2023-03-23",
        successor=_LARGE,
        announced="2023-03-20: its own successor, gpt-4, is shut down too",
        endpoints=("completions",),
    ),
    *_gone(
        "gpt-3.5-turbo-instruct gpt-3.5-turbo-instruct-0914 babbage-002 davinci-002",
        on="2026-09-28",
        successor=_SMALL,
        announced="2025-09-26",
        endpoints=("completions",),
    ),
    *_gone(
        "text-davinci-edit-001 code-davinci-edit-001",
        on="2024-01-04",
        successor=_SMALL,
        announced="2023-07-06",
        endpoints=("edits",),
    ),
    # Chat: GPT-3.5.
    *_gone(
        "gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k-0613 gpt-3.5-turbo-16k",
        on="2024-09-13",
        successor=_SMALL,
        announced="2023-06-13 and 2023-11-06: its own successor, gpt-3.5-turbo, is shut down too",
    ),
    *_gone("gpt-3.5-turbo-1106", on="2026-09-28", successor=_SMALL, announced="2025-09-26"),
    *_gone("gpt-3.5-turbo gpt-3.5-turbo-0125", on="2026-10-23", successor=_SMALL, announced="2026-04-22"),
    # Chat: GPT-4.
    *_gone("gpt-4-32k gpt-4-32k-0613 gpt-4-32k-0314", on="2025-06-06", successor=_LARGE, announced="2024-06-06"),
    *_gone("gpt-4-vision-preview gpt-4-1106-vision-preview", on="2024-12-06", successor=_LARGE, announced="2024-06-06"),
    *_gone(
        "gpt-4-0314 gpt-4-0125-preview gpt-4-turbo-preview", on="2026-03-26", successor=_LARGE, announced="2025-09-26"
    ),
    *_gone(
        "gpt-4 gpt-4-0613 gpt-4-1106-preview gpt-4-turbo gpt-4-turbo-2024-04-09",
        on="2026-10-23",
        successor=_LARGE,
        announced="2026-04-22",
    ),
    *_gone("gpt-4o-2024-05-13", on="2026-10-23", successor=_LARGE, announced="2026-04-22", endpoints=_BOTH),
    *_gone(
        "gpt-4.1-nano gpt-4.1-nano-2025-04-14",
        on="2026-10-23",
        successor="gpt-5.6-luna",
        announced="2026-04-22",
        endpoints=_BOTH,
    ),
    *_gone("chatgpt-4o-latest", on="2026-02-17", successor=_LARGE, announced="2025-11-18"),
    *_gone(
        "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18 "
        "gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14",
        on="2027-01-14",
        successor="gpt-6-luna",
        announced="2026-10-14",
        endpoints=_BOTH,
    ),
    # Reasoning models.
    *_reasoning(
        "o1-preview o1-preview-2024-09-12 o1-mini o1-mini-2024-09-12",
        source=f"{_PAGE}, 2025-04-28; {_GUIDE}",
        on="2025-10-27",
        successor=_LARGE,
        refuses=_NO_STOP | {"n"},
        refuses_all=_OLD_LIMIT | _ONE_CALL,
    ),
    *_reasoning(
        "o1 o1-2024-12-17 o3-mini o3-mini-2025-01-31",
        source=f"{_PAGE}, 2026-04-22; {_GUIDE}",
        on="2026-10-23",
        successor=_LARGE,
        refuses=_REASONING,
        refuses_all=_OLD_LIMIT | _ONE_CALL,
    ),
    *_reasoning(
        "o4-mini o4-mini-2025-04-16",
        source=f"{_PAGE}, 2026-04-22; {_GUIDE}",
        on="2026-10-23",
        successor=_SMALL,
        refuses_all=_OLD_LIMIT | _ONE_CALL,
    ),
    *_reasoning(
        "o3 o3-2025-04-16",
        source=f"{_PAGE}, 2026-06-11; {_GUIDE}",
        on="2026-12-11",
        successor=_LARGE,
        refuses_all=_OLD_LIMIT | _ONE_CALL,
    ),
    *_reasoning("gpt-5 gpt-5-2025-08-07", source=f"{_PAGE}, 2026-06-11; {_GUIDE}", on="2026-12-11", successor=_LARGE),
    *_reasoning(
        "gpt-5-mini gpt-5-mini-2025-08-07", source=f"{_PAGE}, 2026-06-11; {_GUIDE}", on="2026-12-11", successor=_SMALL
    ),
    *_reasoning(
        "gpt-5-nano gpt-5-nano-2025-08-07",
        source=f"{_PAGE}, 2026-06-11; {_GUIDE}",
        on="2026-12-11",
        successor="gpt-5.6-luna",
    ),
    *_reasoning(
        "gpt-5.1 gpt-5.1-2025-11-13",
        source=f"{_PAGE}, 2026-10: shut down 2027-04-01; {_GUIDE}",
        on="2027-04-01",
        successor=_LARGE,
        free=_SAMPLING,
        reasons_by_default=False,
        can_stop_reasoning=True,
    ),
    *_reasoning(
        "gpt-5.2 gpt-5.4 gpt-5.4-mini", source=_GUIDE, free=_SAMPLING, reasons_by_default=False, can_stop_reasoning=True
    ),
    *_reasoning(
        "gpt-5.6 gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna",
        source=f"{_GUIDE}; users report that 5.6 takes no temperature but 1",
        can_stop_reasoning=True,
    ),
    *_reasoning(
        "gpt-6-sol gpt-6-luna gpt-6.1-sol gpt-6.1-terra",
        source=f"{_GUIDE}; the model pages name the request family of GPT-5",
        can_stop_reasoning=True,
    ),
    # Everything else old code names.
    *_gone(
        "text-similarity-ada-001 text-search-ada-doc-001 text-search-ada-query-001 text-similarity-babbage-001 "
        "text-similarity-curie-001 text-similarity-davinci-001 text-search-davinci-doc-001 text-search-davinci-query-001 "
        "code-search-ada-code-001 code-search-ada-text-001",
        on="2024-01-04",
        successor="text-embedding-3-small",
        announced="2023-07-06",
        endpoints=("embeddings",),
    ),
    ModelFacts(name="text-embedding-ada-002", endpoints=("embeddings",), source="OpenAI API, Embeddings guide"),
    ModelFacts(name="text-embedding-3-small", endpoints=("embeddings",), source="OpenAI API, Embeddings guide"),
    ModelFacts(name="text-embedding-3-large", endpoints=("embeddings",), source="OpenAI API, Embeddings guide"),
    *_gone(
        "text-moderation-latest text-moderation-stable text-moderation-007",
        on="2025-10-27",
        successor="omni-moderation-latest",
        announced="2025-04-28",
        endpoints=("moderations",),
    ),
    *_gone(
        "whisper-1",
        on="2027-02-26",
        successor=None,
        announced="2026-08 to 2026-10, with the other transcription models",
        endpoints=("audio/transcriptions",),
    ),
    *_gone(
        "dall-e-2 dall-e-3", on="2026-05-12", successor=None, announced="2025-11-14", endpoints=("images/generations",)
    ),
]

MODELS: dict[str, ModelFacts] = {row.name: row for row in _ROWS}
"""Name -> what is known of it."""


class RetiredEndpoint(Struct, frozen=True):
    """An endpoint that answers no more: the day it was shut down, and where to go instead."""

    path: str
    retires: date
    instead: str
    source: str = f"{_PAGE}"


RETIRED_ENDPOINTS: dict[str, RetiredEndpoint] = {
    each.path: each
    for each in (
        RetiredEndpoint("edits", date(2024, 1, 4), "chat/completions"),
        RetiredEndpoint("fine-tunes", date(2024, 1, 4), "fine_tuning/jobs"),
        RetiredEndpoint("answers", date(2022, 12, 3), "chat/completions"),
        RetiredEndpoint("classifications", date(2022, 12, 3), "chat/completions"),
        RetiredEndpoint("search", date(2022, 12, 3), "embeddings"),
        RetiredEndpoint("engines", date(2024, 1, 4), "models, and the name of the model in the body"),
    )
}
"""Path -> the endpoint; `engines` was deprecated long before its models went, and serves none of today's."""


def facts_of(model: str) -> ModelFacts | None:
    """What is known of a model; None where nothing is. A tuned model (`ft:NAME:…`, `NAME:ft-…`) shares its base's facts.

    A vendor's prefix ("openai/gpt-4") is taken off.
    """
    name = model.rpartition("/")[2].removeprefix("ft:").partition(":")[0]
    return MODELS.get(name)
