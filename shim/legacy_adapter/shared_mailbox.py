"""The legacy client's mailbox, of which one turn takes a bounded part, each request its share.

Not the mailbox itself (`legacy_openai.mailbox`, untouched), in which the threads go on leaving what they read, nor what is
delivered of it (`provider`). How much a turn is: `shim.calls.turn`; the legacy client weighs its payloads in the same unit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from legacy_openai.mailbox import Letter, Mailbox
from legacy_openai.transfer import PAYLOAD_OVERHEAD, Transfer
from shim.calls.turn import SHARE, TURN


class SharedMailbox:
    """Stands for a client's mailbox on the side that empties it; belongs to that one thread."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._left: dict[Transfer, deque[Letter]] = {}  # collected, and of no turn yet; the next to be served first
        self.fileno, self.wake, self.keep_awake = mailbox.fileno, mailbox.wake, mailbox.keep_awake

    @property
    def is_signalled(self) -> bool:
        """Whether there is something to do."""
        return self._mailbox.is_signalled

    def collect(self) -> list[Letter]:
        """Take what there is, a turn of it at most; of the rest each request in its turn."""
        letters = self._mailbox.collect()
        if not self._left:  # nearly always, and then that is no more than a turn
            size = letters[0].size if len(letters) == 1 else sum([letter.size for letter in letters])
            if size <= TURN:
                return letters
        for letter in letters:
            self._left.setdefault(letter.transfer, deque()).append(letter)
        return self._dealt()

    def put_back(self, letters: Iterable[Letter]) -> None:
        """Return letters that could not be delivered, ahead of those of the same requests that are left."""
        for letter in reversed(list(letters)):
            self._left.setdefault(letter.transfer, deque()).appendleft(letter)
        if self._left:
            self._mailbox.wake()

    def discard(self, transfer: Transfer) -> None:
        """Throw away what this transfer has left, and whatever it may still be about to post."""
        self._left.pop(transfer, None)
        self._mailbox.discard(transfer)

    def close(self) -> None:
        """Close it."""
        self._left.clear()
        self._mailbox.close()

    def close_after_fork(self) -> None:
        """Close this process's copies."""
        self._left.clear()
        self._mailbox.close_after_fork()

    def _dealt(self) -> list[Letter]:
        taken: list[Letter] = []
        room = TURN
        while self._left and room > 0:
            transfer, letters = next(iter(self._left.items()))
            del self._left[transfer]
            share = min(room, SHARE)
            while letters and share > 0:
                now, later = _parted(letters.popleft(), at_most=share)
                if later is not None:
                    letters.appendleft(later)
                taken.append(now)
                share, room = share - now.size, room - now.size
            if letters:
                self._left[transfer] = letters  # behind the others
        if self._left:
            self._mailbox.wake()  # the next turn is wanted at once
        return taken


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
