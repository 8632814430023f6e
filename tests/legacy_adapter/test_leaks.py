"""Tests of what the legacy adapter alone promises about leaks; what every provider does is in `tests/contract`."""

from __future__ import annotations

import gc
import sys

import pytest

from tests.contract.test_leaks import MANY, make_many
from tests.helpers.canned import canned_server
from tests.helpers.providers import Make


@pytest.mark.timeout(60)
def test_ten_thousand_requests_leave_memory_flat(make: Make) -> None:
    """10,000 requests, streamed, whole and failing, leave less than one block in a hundred requests once caches are warm."""
    warm_up = MANY // 2  # Python 3.10 fills its last cache after some four thousand
    with canned_server() as url, make(url, at_a_time=2) as provider:
        make_many(provider, warm_up)
        gc.collect()
        before = sys.getallocatedblocks()
        make_many(provider, MANY - warm_up)
        gc.collect()
        assert sys.getallocatedblocks() - before < (MANY - warm_up) / 100
