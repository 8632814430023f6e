"""The legacy client's mailbox, of which one turn takes a bounded part, each request its share.

Not the mailbox itself (`legacy_openai.mailbox`, untouched), in which the threads go on leaving what they read, nor what is
delivered of it (`provider`). How much a turn is: `shim.calls.turn`; the legacy client weighs its payloads in the same unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from legacy_openai.mailbox import Letter, Mailbox
from legacy_openai.transfer import PAYLOAD_OVERHEAD, Transfer
from shim.calls.turn import SHARE, TURN


class SharedMailbox:
    """Stands for a client's mailbox on the side that empties it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_mailbox"], name)

    def collect(self) -> list[Letter]:
        """Take what there is, a turn of it at most; the rest stays, that of requests that got nothing first."""
        letters = self._mailbox.collect()
        if sum(letter.size for letter in letters) <= TURN:  # nearly always
            return letters
        taken, left = _dealt(letters)
        self._mailbox.put_back(left)
        return taken


def _dealt(letters: Sequence[Letter]) -> tuple[list[Letter], list[Letter]]:
    """Part letters into those of this turn and those that are left; of each request they keep their order."""
    taken: list[Letter] = []
    passed_over: list[Letter] = []
    cut: list[Letter] = []
    shares: dict[Transfer, int] = {}  # what each has left; none has begun that is not here
    left, share_of_each = TURN, max(SHARE, TURN // len({letter.transfer for letter in letters}))
    for letter in letters:
        share = shares.get(letter.transfer)
        if share is None:
            if left <= 0:
                passed_over.append(letter)
                continue
            share = share_of_each
        if share <= 0:
            cut.append(letter)
            continue
        now, later = _parted(letter, at_most=min(share, max(left, 1)))
        taken.append(now)
        left -= now.size
        shares[letter.transfer] = 0 if later is not None else share - now.size
        cut += [] if later is None else [later]
    return taken, passed_over + cut


def _parted(letter: Letter, *, at_most: int) -> tuple[Letter, Letter | None]:
    """The beginning of a letter, one payload at least, and the rest of it."""
    if letter.size <= at_most or letter.payloads is None or len(letter.payloads) == 1:
        return letter, None
    count = size = 0
    for payload in letter.payloads:
        weight = len(payload) + PAYLOAD_OVERHEAD
        if count and size + weight > at_most:
            break
        count, size = count + 1, size + weight
    now = letter._replace(payloads=letter.payloads[:count], size=size)
    rest = letter._replace(payloads=letter.payloads[count:], size=letter.size - size)
    return now, rest if rest.payloads else None
