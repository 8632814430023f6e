"""A REPL on select(): it reads the keyboard while an answer streams in, on one thread, through the provider interface.

Not how most programs want it (`quick_start`): this is for those that have a loop of their own already.
Lines typed while an answer streams are asked next; Ctrl-C stops the answer, not the program; Ctrl-D ends.

    python examples/select_repl.py --fake
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator

from talk import PROMPT, Conversation, LineReader, outcome_line, read_arguments, settings, show

import shim
from shim.loops.select_loop import Readable, turn

MOST_QUEUED = 100
"""Lines typed ahead; beyond that the keyboard is not read, and the terminal keeps them."""


class Repl:
    """One conversation, at most one answer at a time."""

    def __init__(self, provider: shim.Provider, model: str) -> None:
        self._provider = provider
        self._conversation = Conversation(model)
        self._questions: deque[str] = deque()
        self._keyboard = LineReader(sys.stdin.fileno(), self._questions.append)
        self._answer: shim.RequestHandle | None = None

    def run(self, interrupts: int) -> None:
        """Go on until the keyboard has ended and everything typed is answered. `interrupts`: readable after Ctrl-C."""
        show(PROMPT)
        while self._answer or self._questions or not self._keyboard.ended:
            if self._questions and not self._answer:
                self._ask(self._questions.popleft())
            reading = not self._keyboard.ended and len(self._questions) < MOST_QUEUED
            watched: list[Readable] = [interrupts, self._keyboard] if reading else [interrupts]
            readable = turn([self._provider], also=watched).readable
            if interrupts in readable:
                os.read(interrupts, 64)
                self._interrupt()
            if self._keyboard in readable:
                self._keyboard.read()
        show("\n")

    def _ask(self, question: str) -> None:
        def on_event(event: shim.StreamEvent) -> None:
            if isinstance(event, shim.TextDelta):
                show(event.text)

        def on_completion(completion: shim.Completion) -> None:
            self._answer = None
            error = completion.error
            self._conversation.keep(question, error.partial if error else completion.response)
            show(f"{outcome_line(error) if error else ''}\n{PROMPT}")

        self._answer = self._provider.start_stream(self._conversation.ask(question), on_event, on_completion)

    def _interrupt(self) -> None:
        if self._answer:
            self._provider.cancel(self._answer)  # its completion says so, a turn later
        else:
            show(f"\n(Ctrl-D ends)\n{PROMPT}")


@contextlib.contextmanager
def interrupts_as_descriptor() -> Iterator[int]:
    """A descriptor that can be read after Ctrl-C, which then raises nothing: a select() loop sees it like anything else."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    wakeup_before = signal.set_wakeup_fd(writable)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(wakeup_before)
        signal.signal(signal.SIGINT, before)
        os.close(readable)
        os.close(writable)


def main() -> int:
    """Talk until Ctrl-D."""
    arguments = read_arguments("A REPL on select().")
    with settings(fake=arguments.fake) as chosen, interrupts_as_descriptor() as interrupts:
        provider = shim.create_provider("legacy", **chosen)
        try:
            Repl(provider, arguments.model).run(interrupts)
        except shim.MissingCredentialsError as error:
            print(f"\n{error}; or use --fake")
            return 1
        finally:
            provider.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
