"""What a model's name tells of it: the few differences between models that change a request.

Not a list of models, and no judgement whether one exists. Source: OpenAI API reference, `temperature` and the guide to reasoning
models: o-series and gpt-5 models take only the default temperature; search models take none.
"""

from __future__ import annotations

import re

# A family name counts when the name ends after it or goes on with "-", "_" or ".": o30 is not o3, gpt-5.1 is gpt-5.
_FIXED_TEMPERATURE = re.compile(
    r"(?:o1|o3|o4|gpt-5)(?:$|[-_.])|gpt-4o(?:-mini)?-search-preview|codex-mini|computer-use-preview"
)
_TAKES_TEMPERATURE = re.compile(r"gpt-5(?:\.\d+)?-chat")


def refuses_temperature(model: str) -> bool:
    """Whether a model refuses any temperature but its default; the prefixes "openai/" and "ft:" are overlooked."""
    name = model.rpartition("/")[2].removeprefix("ft:")
    return bool(_FIXED_TEMPERATURE.match(name)) and not _TAKES_TEMPERATURE.match(name)
