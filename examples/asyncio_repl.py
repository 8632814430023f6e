"""A REPL in asyncio: it reads the keyboard while an answer streams in, one task each, through `shim.AsyncClient`.

Not the select() one (`select_repl`), which behaves the same.
Lines typed while an answer streams are asked next; Ctrl-C stops the answer, not the program; Ctrl-D ends.

    python examples/asyncio_repl.py --fake
"""

from __future__ import annotations

import asyncio
import selectors
import signal
import sys

from talk import PROMPT, Conversation, LineReader, outcome_line, read_arguments, settings, show

import shim

MOST_QUEUED = 100
"""Lines typed ahead; beyond that the keyboard is not read, and the terminal keeps them."""


class Keyboard:
    """The typed lines, whenever they come."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._reader = LineReader(sys.stdin.fileno(), self._lines.put_nowait)
        self._loop.add_reader(self._reader, self._read)

    async def question(self) -> str | None:
        """The next line; None after Ctrl-D."""
        line = await self._lines.get()
        if not self._reader.ended and self._lines.qsize() < MOST_QUEUED:
            self._loop.add_reader(self._reader, self._read)
        return line

    def _read(self) -> None:
        self._reader.read()
        if self._reader.ended:
            self._lines.put_nowait(None)
        if self._reader.ended or self._lines.qsize() >= MOST_QUEUED:
            self._loop.remove_reader(self._reader)


class Repl:
    """One conversation, at most one answer at a time."""

    def __init__(self, client: shim.AsyncClient, model: str) -> None:
        self._client = client
        self._conversation = Conversation(model)
        self._answer: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Go on until the keyboard has ended and everything typed is answered."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        show(PROMPT)
        keyboard = Keyboard()
        while (question := await keyboard.question()) is not None:
            self._answer = answer = asyncio.create_task(self._ask(question))
            await asyncio.wait([answer])
            self._answer = None
            if not answer.cancelled():
                answer.result()  # raises what nobody expected
            show(f"\n{PROMPT}")
        show("\n")

    async def _ask(self, question: str) -> None:
        stream = self._client.stream(self._conversation.ask(question))
        try:
            async with stream:
                async for text in stream.texts():
                    show(text)
            self._conversation.keep(question, stream.response)
        except shim.ProviderError as error:
            show(outcome_line(error))
            self._conversation.keep(question, error.partial)
        except asyncio.CancelledError:  # Ctrl-C: this task ends here, and the program goes on
            show("\n[stopped]")
            stopped = stream.completion and stream.completion.error
            self._conversation.keep(question, stopped.partial if stopped else None)

    def _interrupt(self) -> None:
        if self._answer:
            self._answer.cancel()
        else:
            show(f"\n(Ctrl-D ends)\n{PROMPT}")


async def converse(*, fake: bool, model: str) -> int:
    """Talk until Ctrl-D."""
    with settings(fake=fake) as chosen:
        async with shim.AsyncClient("legacy", **chosen) as client:
            try:
                await Repl(client, model).run()
            except shim.MissingCredentialsError as error:
                print(f"\n{error}; or use --fake")
                return 1
    return 0


def main() -> int:
    """Run the conversation on a loop that watches with poll(), which takes a file as standard input too."""
    arguments = read_arguments("A REPL in asyncio.")
    loop = asyncio.SelectorEventLoop(selectors.PollSelector())
    try:
        return loop.run_until_complete(converse(fake=arguments.fake, model=arguments.model))
    finally:
        loop.close()


if __name__ == "__main__":
    sys.exit(main())
