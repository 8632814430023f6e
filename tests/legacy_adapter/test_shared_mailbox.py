"""Tests of `shim.legacy_adapter.shared_mailbox`: a turn takes a bounded part, each request its share, and nothing is lost."""

from __future__ import annotations

import select
from typing import Any

import pytest

from legacy_openai.mailbox import Letter, Mailbox
from legacy_openai.transfer import PAYLOAD_OVERHEAD
from shim.calls.turn import SHARE, TURN
from shim.legacy_adapter.shared_mailbox import SharedMailbox


class Sender:
    """Stands for a transfer, of which the mailbox asks one thing."""

    is_discarded = False


def letter(sender: Any, *payloads: bytes) -> Letter:
    """A letter as a transfer posts it."""
    return Letter(sender, list(payloads), sum(map(len, payloads)) + PAYLOAD_OVERHEAD * len(payloads))


@pytest.fixture
def mailbox() -> Any:
    """A mailbox with its shared front."""
    below = Mailbox()
    yield below
    below.close()


def test_what_is_little_is_taken_at_once(mailbox: Mailbox) -> None:
    """Letters that fit a turn come in the order in which they were posted."""
    letters = [letter(Sender(), b"x") for _ in range(20)]
    for each in letters:
        mailbox.post(each)
    assert SharedMailbox(mailbox).collect() == letters
    assert not mailbox.is_signalled


def test_much_is_taken_in_turns_each_request_its_share(mailbox: Mailbox) -> None:
    """Of what is too much for a turn each request gets a share, in its order, the descriptor stays readable, nothing is lost."""
    shared, senders = SharedMailbox(mailbox), [Sender() for _ in range(6)]
    sent = {sender: [b"%d" % number for number in range(4 * TURN // PAYLOAD_OVERHEAD // 6)] for sender in senders}
    for sender in senders:
        mailbox.post(letter(sender, *sent[sender]))
    heard: dict[Any, list[bytes]] = {sender: [] for sender in senders}
    turns = []
    while select.select([mailbox], [], [], 0)[0]:
        taken = shared.collect()
        turns.append(sum(each.size for each in taken))
        for each in taken:
            assert each.payloads is not None
            assert each.size <= SHARE + PAYLOAD_OVERHEAD
            heard[each.transfer] += each.payloads
        if len(turns) == 2:
            assert all(heard.values()), "one has had nothing in two turns"
    assert heard == sent
    assert len(turns) >= 4
    assert max(turns) <= TURN + SHARE


def test_what_an_interrupt_left_comes_first(mailbox: Mailbox) -> None:
    """Letters that are put back come before what is left of the same request; those of a discarded one never come."""
    shared = SharedMailbox(mailbox)
    kept: Any = Sender()
    gone: Any = Sender()
    for sender in (kept, gone):
        mailbox.post(letter(sender, *[b"x" * 1000] * (TURN // 1000)))
    first = shared.collect()
    shared.put_back([letter(kept, b"again")])
    shared.discard(gone)
    rest: list[bytes] = []
    while mailbox.is_signalled:
        for each in shared.collect():
            assert each.transfer is kept
            rest += each.payloads or []
    assert first
    assert rest[0] == b"again"
