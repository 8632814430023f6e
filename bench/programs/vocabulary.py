"""A vocabulary for tiktoken, for programs that load one as they are imported and would download it.

Not the real one: each byte is a token, so counts of tokens are counts of bytes. It stands in tiktoken's own cache, where releases
before 0.6 take what is there. Nothing of the tasks depends on the counts.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_NAMES = ("cl100k_base", "p50k_base", "r50k_base")


def write_vocabulary(folder: Path) -> Path:
    """Write the files below a folder; the folder to name in `TIKTOKEN_CACHE_DIR`."""
    cache = folder / "tiktoken"
    cache.mkdir()
    ranks = b"".join(b"%b %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256))
    for name in _NAMES:
        # tiktoken names a cached file by the SHA-1 of its address
        (cache / hashlib.sha1(_ADDRESS.format(name).encode(), usedforsecurity=False).hexdigest()).write_bytes(ranks)
    return cache
