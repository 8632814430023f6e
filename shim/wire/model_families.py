"""What a model's name tells of the API it wants: the families that decide between Chat Completions and Responses.

Not a list of models, and no judgement whether one exists; not the choice itself (`api_selection`), nor what changes a request on
the same API (`model_traits`). Source: OpenAI's model pages ("supported endpoints"); the refusal of tools with reasoning on Chat
Completions is what users of GPT-5.4 and later report.
"""

from __future__ import annotations

import re

# A family name counts when the name ends after it or goes on with "-" or "_": o30 is not o3.
_O_SERIES = re.compile(r"o[134](?:$|[-_])")
_ONLY_ON_RESPONSES = re.compile(
    r"(?:o[134]|gpt-5(?:\.\d+)?)-pro(?:$|[-_])|o[34](?:-mini)?-deep-research|gpt-5(?:\.\d+)?-codex|codex-mini|computer-use"
)
# One digit alone, for "gpt-35-turbo" is a name of GPT-3.5; the chat variants do not reason.
_GPT = re.compile(r"gpt-(?P<major>\d)(?:\.(?P<minor>\d+))?(?:$|[-_])(?!chat)")
_FIRST_TO_REFUSE = (5, 4)


def is_o_series(model: str) -> bool:
    """Whether a model is one of o1, o3 and o4."""
    return bool(_O_SERIES.match(base_name(model)))


def is_only_on_responses(model: str) -> bool:
    """Whether a model is not served on Chat Completions at all: the pro, codex, deep research and computer use models."""
    return bool(_ONLY_ON_RESPONSES.match(base_name(model)))


def refuses_tools_with_reasoning(model: str) -> bool:
    """Whether a model refuses function tools on Chat Completions unless its reasoning is off: GPT-5.4 and later."""
    found = _GPT.match(base_name(model))
    return found is not None and (int(found["major"]), int(found["minor"] or 0)) >= _FIRST_TO_REFUSE


def base_name(model: str) -> str:
    """The model's own name: without a vendor's prefix ("openai/"), and of a tuned model ("ft:o4-mini:team") the base."""
    return model.rpartition("/")[2].removeprefix("ft:").partition(":")[0]
