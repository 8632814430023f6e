"""What a model's name tells: the API it wants, whether it reasons, and the few differences that change a request.

Not a list of models, and no judgement whether one exists; not the choice of the API itself (`api_selection`). A name that is
not known (UNSET: the address has it) tells nothing. Source: OpenAI's model pages ("supported endpoints"), API reference,
`temperature`, and the guide to reasoning models: o-series and gpt-5 models take only the default temperature, search models
none; the refusal of tools with reasoning on Chat Completions is what users of GPT-5.4 and later report.
"""

from __future__ import annotations

import re

from msgspec import UnsetType

# A family name counts when the name ends after it or goes on with "-" or "_": o30 is not o3.
_O_SERIES = re.compile(r"o[134](?:$|[-_])")
_ONLY_ON_RESPONSES = re.compile(
    r"(?:o[134]|gpt-5(?:\.\d+)?)-pro(?:$|[-_])|o[34](?:-mini)?-deep-research|gpt-5(?:\.\d+)?-codex|codex-mini|computer-use"
)
# One digit alone, for "gpt-35-turbo" is a name of GPT-3.5; the chat variants do not reason.
_GPT = re.compile(r"gpt-(?P<major>\d)(?:\.(?P<minor>\d+))?(?:$|[-_])(?!chat)")
_FIRST_TO_REFUSE = (5, 4)
_FIRST_TO_REASON = (5, 0)
# Here "." goes on with a family too: gpt-5.1 is gpt-5.
_FIXED_TEMPERATURE = re.compile(
    r"(?:o1|o3|o4|gpt-5)(?:$|[-_.])|gpt-4o(?:-mini)?-search-preview|codex-mini|computer-use-preview"
)
_TAKES_TEMPERATURE = re.compile(r"gpt-5(?:\.\d+)?-chat")


def is_o_series(model: str | UnsetType) -> bool:
    """Whether a model is one of o1, o3 and o4."""
    return bool(_O_SERIES.match(base_name(model)))


def is_only_on_responses(model: str | UnsetType) -> bool:
    """Whether a model is not served on Chat Completions at all: the pro, codex, deep research and computer use models."""
    return bool(_ONLY_ON_RESPONSES.match(base_name(model)))


def refuses_tools_with_reasoning(model: str | UnsetType) -> bool:
    """Whether a model refuses function tools on Chat Completions unless its reasoning is off: GPT-5.4 and later."""
    return _is_gpt_since(_FIRST_TO_REFUSE, model)


def reasons(model: str | UnsetType) -> bool:
    """Whether a model thinks before it answers: the o-series, GPT-5 and later but for their chat variants, codex-mini."""
    return is_o_series(model) or _is_gpt_since(_FIRST_TO_REASON, model) or base_name(model).startswith("codex-mini")


def refuses_temperature(model: str | UnsetType) -> bool:
    """Whether a model refuses any temperature but its default; the prefixes "openai/" and "ft:" are overlooked."""
    name = base_name(model)
    return bool(_FIXED_TEMPERATURE.match(name)) and not _TAKES_TEMPERATURE.match(name)


def base_name(model: str | UnsetType) -> str:
    """The model's own name: without a vendor's prefix ("openai/"), and of a tuned model ("ft:o4-mini:team") the base."""
    if not isinstance(model, str):
        return ""
    return model.rpartition("/")[2].removeprefix("ft:").partition(":")[0]


def _is_gpt_since(first: tuple[int, int], model: str | UnsetType) -> bool:
    found = _GPT.match(base_name(model))
    return found is not None and (int(found["major"]), int(found["minor"] or 0)) >= first
