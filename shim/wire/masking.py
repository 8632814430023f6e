"""Masking: what looks like an API key is taken out of text that is kept.

Not the header allow-list of recordings (`shim.comparison`). Shapes: the key
prefixes of OpenAI, Groq, xAI and Perplexity, and bearer tokens.
"""

from __future__ import annotations

import re

# An API key may be echoed in an error's text; what looks like one is masked wherever text is kept.
_KEY = re.compile(r"\b(?:sk|gsk|xai|pplx)[-_][A-Za-z0-9_\-*]{6,}|\bBearer\s+[^\s\"']{8,}", re.IGNORECASE)
_BODY_LIMIT = 64 * 1024  # an error body kept for diagnosis, not a download


def mask_keys(text: str) -> str:
    """Mask what looks like an API key."""
    return _KEY.sub("[masked key]", text)


def masked_body(body: bytes) -> bytes:
    """Bound an error body kept for diagnosis, and mask what looks like an API key."""
    body = body[:_BODY_LIMIT]
    text = body.decode("utf-8", "replace")
    masked = mask_keys(text)
    return body if masked == text else masked.encode()[:_BODY_LIMIT]
