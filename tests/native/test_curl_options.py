"""Tests of shim.native.curl_options: the buffer a body is sent from, and the proxy that the environment names."""

from __future__ import annotations

import pytest

from shim.native.curl_options import LARGE_UPLOAD_BUFFER, UPLOAD_BUFFER, upload_buffer


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, UPLOAD_BUFFER),
        (32 * 1024, UPLOAD_BUFFER),
        (32 * 1024 + 1, LARGE_UPLOAD_BUFFER),
        (10**9, LARGE_UPLOAD_BUFFER),
    ],
)
def test_a_large_body_is_sent_from_a_large_buffer(size: int, expected: int) -> None:
    """A body of up to 32 KiB is sent from a buffer of 16 KiB, and a larger one from 64 KiB."""
    assert upload_buffer(size) == expected
