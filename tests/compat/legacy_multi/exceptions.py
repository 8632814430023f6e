"""The legacy client's own tests that cannot pass over a provider, each with its reason: one table.

Not the running of them (`ported`). A listed test is run all the same and has to fail, so that an entry that has become idle is
found.
"""

from __future__ import annotations

import functools
import gc
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest


class Patience:
    """How long the legacy client's tests wait for what another thread brings about, in seconds: briefly where it is in vain."""

    seconds = 15.0
    in_vain = 1.0


PATIENCE = Patience()


@dataclass(frozen=True)
class CannotPass:
    """A test that fails over a provider.

    Attributes:
        test: module and name of the legacy client's test.
        reason: why, in a user's terms.
        case: what the arguments of the cases that fail hold, as their repr; "" is every case.
        certain: whether it always fails; False where it depends on which of two things comes first.
    """

    test: str
    reason: str
    case: str = ""
    certain: bool = True

    def expected_of(self, test: Callable[..., None], *, mixed: bool) -> Callable[..., None]:
        """The same test, that passes where it fails, and fails where it passes; `mixed`: the legacy client serves some of it."""

        @functools.wraps(test)
        def turned(**given: Any) -> None:
            if self.case not in repr(given):
                test(**given)
            elif not _fails(functools.partial(test, **given)) and self.certain and not mixed:
                pytest.fail(f"it passes: take it out of EXCEPTIONS, where it says: {self.reason}")

        return turned


def _fails(run: Callable[[], None]) -> bool:
    """Run a test that fails, and leave nothing of it: what its frames held would warn in some other test."""
    failed = False
    with warnings.catch_warnings(), mock.patch.object(PATIENCE, "seconds", PATIENCE.in_vain):
        warnings.simplefilter("ignore")
        try:
            run()
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - however it fails
            traceback.clear_frames(error.__traceback__)
            failed = True
        gc.collect()
    return failed


_DRIVEN = "a provider sends when it is driven: between add_request and the first perform() nothing goes out"
_WORK = "the descriptor also tells of the work of sending and connecting, which the legacy client's threads do unseen"
_BYTES = "the payloads are written anew from events"
_NOT_JSON = "a payload that is no chunk is a protocol error, told by the completion: a network error, not a success"

EXCEPTIONS: tuple[CannotPass, ...] = (
    CannotPass("test_multi_client__the_descriptor_says_exactly_when_there_is_something_to_do", _WORK),
    CannotPass("test_multi_client__a_raising_completion_cb_leaves_the_rest_queued", _WORK, certain=False),
    CannotPass("test_multi_client__two_hundred_streams_at_once", "a provider needs no thread for each request"),
    CannotPass("test_multi_client__remove_at_every_stage_means_no_callback", _DRIVEN),
    CannotPass("test_multi_client__a_forgotten_client_warns_and_ends_its_threads", _DRIVEN),
    CannotPass(
        "test_multi_client__a_forked_child_closes_without_waiting_or_disturbing",
        "a stream that ends well ends with [DONE], also where the server sent none",
    ),
    CannotPass("test_blocking__a_stream_is_handed_on_and_put_together", _BYTES),
    CannotPass("test_blocking__an_incomplete_stream_raises", _NOT_JSON, case="'not a chat completion'"),
    CannotPass("test_blocking__an_incomplete_stream_raises", _NOT_JSON, case="'JSON object'"),
    CannotPass("test_faults__a_bad_compressed_body", "a provider reads a body as what it is, whatever its header says"),
    CannotPass(
        "test_delivery__an_answer_that_quotes_the_key_is_redacted_in_the_message",
        "a provider masks a key in the body too, and in its own way",
    ),
)
