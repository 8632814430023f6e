"""Bucketing: which of 10,000 buckets a unit (a conversation, say) falls into, the same everywhere and for ever.

Not the decision (`decision`, `rollout`), not the share (`policy`). The library owns this hash and gives it a version: where a
vendor's hash decides, an upgrade of the vendor's library moves running conversations to the other arm. Test vectors for a copy
in another language are in `fixtures/bucketing/bucket_v1.json`. BLAKE2b: RFC 7693.
"""

from __future__ import annotations

import hashlib

__all__ = ["BUCKETS", "bucket_v1"]

# A bucket is 0.01 % of all units: the finest share a policy can ask for.
BUCKETS = 10_000


def bucket_v1(unit: str, *, flag: str, salt: str = "") -> int:
    """Give the bucket of a unit, 0 to 9999.

    Units whose bucket is below `percent * 100` are the candidate's, so a growing share takes none back. The bucket is the first
    eight bytes, as a big-endian number and modulo 10,000, of the BLAKE2b-64 digest of `salt NUL flag NUL unit` in UTF-8; a
    lone surrogate is encoded as three bytes, as Python's "surrogatepass" does.

    Args:
        unit: what stays in one arm: a conversation's id.
        flag: the rollout's name, so that two rollouts draw different units.
        salt: another one draws other units for the same flag.

    Raises:
        TypeError: an argument is no string.
    """
    if not (isinstance(unit, str) and isinstance(flag, str) and isinstance(salt, str)):
        raise TypeError(_complaint(unit=unit, flag=flag, salt=salt))
    digest = hashlib.blake2b(f"{salt}\0{flag}\0{unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def _complaint(**arguments: object) -> str:
    name, value = next(item for item in arguments.items() if not isinstance(item[1], str))
    return f"{name} is of type {type(value).__name__}; give a string, such as str({name})"
