"""Tests that need more than the lowest versions have: which, and why.

Not the versions (`lowest.txt`), nor who skips these (`conftest`). With urllib3 1.26 the frozen client by itself cannot read a
body that is not plainly chunked; the adapter's sessions give it what it asks for, so none of the adapter's tests stands here.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import urllib3

_READ1 = "urllib3 1.26 has no read1, which the frozen client by itself asks for; the adapter's sessions give it one"
_SHUTDOWN = "urllib3 1.26 has no shutdown: the answer to a caller's session is read to its end there"
_WAYS = "the test reads in a way that urllib3 1.26 has not, or does otherwise"
_LENGTHS = "urllib3 1.26 counts no lengths unless it is told to"

NEEDS: tuple[tuple[str, str], ...] = (
    ("*legacy_openai/test_blocking.py::test_a_plain_answer_*", _READ1),
    ("*legacy_openai/test_blocking.py::test_failures_raise_*", _READ1),
    ("*legacy_openai/test_body_reader.py::test_a_read_stream_*", _READ1),
    ("*legacy_openai/test_body_reader.py::test_every_framing_*", _READ1),
    ("*legacy_openai/test_body_reader.py::test_replayed_bodies_*", _READ1),
    ("*legacy_openai/test_body_reader.py::test_mocked_responses_*", _READ1),
    ("*legacy_openai/test_body_reader.py::test_nothing_waits_*", _READ1),
    ("*legacy_openai/test_delivery.py::test_an_answer_that_quotes_*", _READ1),
    ("*legacy_openai/test_faults.py::*in a plain body*", _READ1),
    ("*legacy_openai/test_faults.py::test_a_bad_compressed_body*", _READ1),
    ("*legacy_openai/test_leaks.py::test_a_thousand_requests_*", _READ1),
    ("*legacy_openai/test_transfer.py::test_a_stream_answered_by_json_*", _READ1),
    ("*legacy_openai/test_transfer.py::test_a_collected_body_*", _READ1),
    ("*legacy_openai/test_transfer.py::test_a_short_body_*", _READ1),
    ("*legacy_openai/test_connections.py::test_a_late_cut_*", _READ1),
    ("*legacy_openai/test_connections.py::test_a_callers_session_is_cut_*", _SHUTDOWN),
    (
        "*legacy_openai/test_connections.py::test_the_short_way_*variables3-*",
        "requests 2.28 knows CURL_CA_BUNDLE otherwise",
    ),
    ("*tap/test_response_body.py::test_every_way_of_reading_*read1*", _WAYS),
    ("*tap/test_response_body.py::test_every_way_of_reading_*read(9, True)*", _WAYS),
    ("*tap/test_response_body.py::test_any_mixture_*", _WAYS),
    ("*tap/test_response_body.py::test_an_unchunked_stream_*around*", _WAYS),
    ("*tap/test_response_body.py::test_it_passes_for_the_original*around*", _WAYS),
    ("*tap/test_response_body.py::test_misuse_*", _WAYS),
    ("*tap/test_response_body.py::test_a_dropped_response_*", _WAYS),
    ("*tap/*::test_a_*shutdown*", _SHUTDOWN),
    ("*tap/*::test_a_cut_from_another_thread_*shutdown*", _SHUTDOWN),
    ("*tap/*::test_a_read_waits_for_nothing_more*", _WAYS),
    ("*tap/*::test_a_broken_body_is_a_fault?cut, sized?", _LENGTHS),
    ("*recording/test_replay_adapter.py::test_lines_and_json_*", _WAYS),
    ("*recording/test_replay_adapter.py::test_the_end_stays_*", _WAYS),
)


def why_skipped(test: str) -> str | None:
    """Why a test cannot pass with this urllib3; None where it can."""
    if hasattr(urllib3.HTTPResponse, "read1"):
        return None
    return next(
        (reason for pattern, reason in NEEDS if fnmatchcase(test.replace("[", "?").replace("]", "?"), pattern)), None
    )
