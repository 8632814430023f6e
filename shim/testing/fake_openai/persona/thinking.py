"""Which models reason before they answer, how many tokens that takes, and what a summary of it says.

Not how it is written on the wire (`chat.rendering`, `responses.items`). Facts of the API, 2026: the o-series and gpt-5 models
reason, chat variants do not, effort "none" turns it off, and reasoning tokens count against the limit of the output.
"""

import re

_REASONING_MODEL = re.compile(r"(?:o1|o3|o4|gpt-5(?:\.\d+)?)(?:$|[-_](?!chat))")
_TOKENS = {"minimal": 8, "low": 16, "medium": 64, "high": 128, "xhigh": 256}
DEFAULT_EFFORT = "medium"
LONGEST_THOUGHT = 80


def is_reasoning_model(name: str) -> bool:
    """Whether a model can reason at all."""
    return bool(_REASONING_MODEL.match(name))


def reasons(model: str, effort: str | None) -> bool:
    """Whether a model reasons at this effort (None: its default)."""
    return is_reasoning_model(model) and effort != "none"


def reasoning_tokens(model: str, effort: str | None, *, limit: int | None) -> int:
    """How many tokens the reasoning takes: more with more effort, never more than the limit of the whole output."""
    if not reasons(model, effort):
        return 0
    wanted = _TOKENS.get(effort or DEFAULT_EFFORT, _TOKENS[DEFAULT_EFFORT])
    return wanted if limit is None else min(wanted, limit)


def summary_of(said: str) -> str:
    """A summary of the reasoning about what the user said."""
    told = said if len(said) <= LONGEST_THOUGHT else said[: LONGEST_THOUGHT - 1] + "…"
    return f"**Reading the message**\n\nThe user says: {told!r}. One careful answer will do."
