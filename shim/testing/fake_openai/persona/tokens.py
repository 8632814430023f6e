"""Splits text into word pieces, so that streams have many deltas and usage has numbers.

Not the tokenizer of any model. Joined, the pieces are the text again.
"""

import re

_PIECE = re.compile(r"\s*\S{1,6}|\s+")


def tokens_of(text: str) -> list[str]:
    """The word pieces of a text: up to six characters each, with the white space before them."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many word pieces a text has."""
    return len(tokens_of(text))
