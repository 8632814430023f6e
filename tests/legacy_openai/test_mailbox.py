"""Tests of legacy_openai/mailbox.py."""

from __future__ import annotations

import select
import threading
from typing import Any

import pytest

from legacy_openai.mailbox import Letter, Mailbox


@pytest.fixture
def mailbox() -> Any:
    """An open mailbox."""
    box = Mailbox()
    yield box
    box.close()


class Sender:
    """Stands for a transfer."""

    def __init__(self, name: object) -> None:
        self.name = name
        self.is_discarded = False


def letter(name: object, *payloads: bytes) -> Letter:
    """A letter of a transfer that has only a name here."""
    sender: Any = Sender(name)
    return Letter(sender, list(payloads), 0)


def name_of(letter: Letter) -> object:
    """The name of a letter's sender."""
    sender: Any = letter.transfer
    return sender.name


def names(box: Mailbox) -> list[Any]:
    """Whose letters wait, in order; takes them."""
    return [name_of(found) for found in box.collect()]


def readable(box: Mailbox) -> bool:
    """Whether the descriptor says that there is something to do; it must agree with the flag."""
    found = bool(select.select([box.fileno()], [], [], 0)[0])
    assert found == box.is_signalled
    return found


def test_the_descriptor_is_readable_exactly_while_something_waits(mailbox: Mailbox) -> None:
    """A letter, a wake-up and a reason of the owner's make it readable, and only as long as they last."""
    assert not readable(mailbox)
    mailbox.post(letter("a"))
    mailbox.post(letter("b"))
    assert readable(mailbox)
    assert names(mailbox) == ["a", "b"]
    assert not readable(mailbox)
    mailbox.wake()
    mailbox.wake()
    assert readable(mailbox)
    assert mailbox.collect() == []
    mailbox.keep_awake(wanted=True)
    mailbox.collect()
    assert readable(mailbox)
    mailbox.keep_awake(wanted=False)
    assert not readable(mailbox)


def test_letters_put_back_come_first(mailbox: Mailbox) -> None:
    """Letters that were not delivered are delivered before later ones."""
    mailbox.post(letter("late"))
    mailbox.put_back([letter("early")])
    assert names(mailbox) == ["early", "late"]


def test_discarding_silences_a_transfer(mailbox: Mailbox) -> None:
    """Neither what a discarded transfer has left nor what it still posts gives anything to do."""
    mail = letter("a")
    mailbox.post(mail)
    mailbox.discard(mail.transfer)
    assert not readable(mailbox)
    mailbox.post(mail)
    mailbox.put_back([mail])
    assert not readable(mailbox)


def test_a_closed_mailbox_takes_nothing_and_raises_nothing() -> None:
    """Letters and wake-ups that come after the end are dropped."""
    box = Mailbox()
    box.post(letter("a"))
    box.close()
    box.post(letter("b"))
    box.put_back([letter("c")])
    box.wake()
    box.keep_awake(wanted=True)
    assert not box.is_signalled
    assert box.collect() == []


def test_nothing_is_lost_or_stuck_between_threads(mailbox: Mailbox) -> None:
    """Letters of many threads all arrive, each thread's in order, by waiting on the descriptor alone."""

    def post(name: int) -> None:
        for number in range(500):
            mailbox.post(letter(name, b"%d" % number))

    senders = [threading.Thread(target=post, args=(name,)) for name in range(4)]
    for sender in senders:
        sender.start()
    found: list[Letter] = []
    while len(found) < 2000:
        assert select.select([mailbox.fileno()], [], [], 10)[0]
        found += mailbox.collect()
    for sender in senders:
        sender.join()
    for name in range(4):
        assert [one.payloads for one in found if name_of(one) == name] == [[b"%d" % number] for number in range(500)]
    assert not readable(mailbox)
