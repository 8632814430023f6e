"""Tests of `shim.native.time_limits`: when a transfer is looked at again, and which one ends, on moments made up."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from shim.native.time_limits import review
from shim.native.transfer import Transfer, TransferFault
from tests.native.recording import Recorder

CURL = SimpleNamespace(PRETRANSFER_TIME="sent off", POSTTRANSFER_TIME_T="sent", HEADER_SIZE="head")
BEGAN, SENT_AFTER, PATIENCE = 100.0, 0.25, 1.0


class Easy:
    """Stands for libcurl's handle of a transfer whose request left a quarter of a second after its start."""

    def __init__(self, head: int = 0) -> None:
        self.head = head

    def getinfo(self, option: str) -> float:
        """What libcurl tells."""
        return {"sent off": 0.1, "sent": SENT_AFTER * 1e6, "head": self.head}[option]


def transfer(*, heard: float, status: int = 200, head: int = 0, **fields: Any) -> Transfer:
    """A transfer that has brought something at `heard`."""
    made = Transfer(
        body=io.BytesIO(), receiver=Recorder(), size=0, patience=PATIENCE, started=BEGAN, since=heard, status=status
    )
    made.easy = Easy(head)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("given", "now", "look"),
    [
        pytest.param(transfer(heard=BEGAN), 100.5, BEGAN + SENT_AFTER + PATIENCE, id="since the request left"),
        pytest.param(transfer(heard=105.0), 105.5, 106.0, id="since the last bytes"),
        pytest.param(transfer(heard=105.0), 105.999, 106.0, id="just before"),
        pytest.param(transfer(heard=105.0, held=7), 200.0, 201.0, id="held back, whatever the silence"),
        pytest.param(transfer(heard=105.0, patience=None), 200.0, float("inf"), id="without a limit"),
        pytest.param(transfer(heard=105.0, status=0, head=9), 106.0, 106.25, id="a head goes on: looked at sooner"),
        pytest.param(transfer(heard=105.0, status=0, head=9, head_bytes=9), 105.9, 106.0, id="no more of a head"),
        pytest.param(transfer(heard=105.0, status=0, head=20, head_bytes=9), 105.5, 105.75, id="more of a head"),
        pytest.param(transfer(heard=105.0, status=0, head=20), 105.5, 106.0, id="a head nobody asked for yet"),
        pytest.param(transfer(heard=105.0, head=20, head_bytes=9), 105.9, 106.0, id="a head that is there"),
        pytest.param(transfer(heard=100.5, patience=None, shares=True), 100.5, 101.5, id="shares, young"),
        pytest.param(
            transfer(heard=105.0, patience=None, shares=True), 105.0, 110.0, id="shares, and ever more seldom"
        ),
        pytest.param(transfer(heard=105.0, shares=True), 105.5, 106.0, id="shares, its own limit before"),
        pytest.param(transfer(heard=105.0, patience=None, shares=True, held=7), 105.0, float("inf"), id="shares, held"),
    ],
)
def test_silence_is_counted_from_the_last_sign(given: Transfer, now: float, look: float) -> None:
    """A transfer is looked at again when its server will have been silent for as long as it may."""
    assert review(given, now, curl=CURL) == pytest.approx(look)


@pytest.mark.parametrize(
    ("given", "now", "words"),
    [
        (transfer(heard=105.0), 106.0, "the server sent nothing for 1 s"),
        (transfer(heard=BEGAN), BEGAN + SENT_AFTER + PATIENCE, "the server sent nothing for 1 s"),
        (transfer(heard=105.0, status=0, head=9, head_bytes=9), 106.0, "the server sent nothing for 1 s"),
        (transfer(heard=105.0, end_by=105.5), 105.5, "the body did not end in time after the last event"),
    ],
)
def test_a_limit_that_has_passed_ends_it(given: Transfer, now: float, words: str) -> None:
    """Silence that lasts, and a body that goes on behind its last event, end a transfer in words of their own."""
    fault = review(given, now, curl=CURL)
    assert isinstance(fault, TransferFault)
    assert (fault.kind, fault.message) == ("timeout", words)
