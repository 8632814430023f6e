"""Values that ask for what the API does anyway: dropping one changes nothing.

Not which fields a model refuses (`models`). Source: OpenAI API reference, the defaults of Chat Completions and Completions.
"""

from __future__ import annotations

from typing import Any

# Field -> the values that are its default, beside null.
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "temperature": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "n": (1,),
    "best_of": (1,),
    "stop": ([], ()),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "echo": (False,),
    "suffix": ("",),
}


def is_no_op(field: str, value: Any) -> bool:
    """Whether a field with this value asks for the default; null does, of every field that has one."""
    defaults = _DEFAULTS.get(field)
    if defaults is None:
        return False
    return value is None or any(value == each and _is_like(value, each) for each in defaults)


def _is_like(value: Any, default: Any) -> bool:
    return isinstance(value, bool) == isinstance(default, bool)
