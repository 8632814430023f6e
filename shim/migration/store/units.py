"""Units as a store knows them: keyed hashes, so that no conversation's id can be read from a store.

Not the bucket of a unit (`shim.migration.bucketing`), which is not kept. BLAKE2b (RFC 7693) with a key of 32 bytes. The key is
made with the store and kept in it, so that all processes share it without being told: a look at single rows then tells
nothing, and two stores cannot be joined by their units. Who holds the whole store holds that key, and can try ids that
can be guessed; give `hash_key` to keep the key outside.
"""

from __future__ import annotations

import base64
import secrets
from hashlib import blake2b

from shim.model.checks import kind_of

KEY_BYTES = 32
# 96 bits: among the million units of a kind, two meet with a chance of 1 in 10**17.
_DIGEST_BYTES = 12


def new_key() -> bytes:
    """A key for a store that has none."""
    return secrets.token_bytes(KEY_BYTES)


def checked_key(value: object) -> bytes | None:
    """A key that was given; None for none.

    Raises:
        TypeError, ValueError: it is no key; it is not shown.
    """
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise TypeError(f"hash_key is {kind_of(value)}; give {KEY_BYTES} random bytes, or None")
    if len(value) != KEY_BYTES:
        raise ValueError(f"hash_key has {len(value)} bytes; give {KEY_BYTES} random bytes, or None")
    return value


def name_of_key(key: bytes) -> str:
    """What tells one key from another, and nothing else of it."""
    return blake2b(b"name of this key", key=key, digest_size=8).hexdigest()


def digest(unit: str, key: bytes) -> bytes:
    """A unit's keyed hash: 12 bytes. Any string has one, half a surrogate pair too."""
    return blake2b(unit.encode("utf-8", "surrogatepass"), key=key, digest_size=_DIGEST_BYTES).digest()


def text_of(found: bytes) -> str:
    """A hash as 16 characters (base64url)."""
    return base64.urlsafe_b64encode(found).decode()
