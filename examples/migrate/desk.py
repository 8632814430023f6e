"""A small service: a help desk that answers customers, on one thread and a select() loop, through any provider.

Not the migration (`__main__`), of which it knows nothing: it is handed a provider, and names the conversation of each request.
"""

from __future__ import annotations

from collections import Counter
from itertools import count

import shim
from shim.loops.select_loop import run

MODEL = "gpt-4o-mini"
QUESTION = "Count to 5, please."


class HelpDesk:
    """Answers one question each of so many customers, all at once.

    Attributes:
        answered: customers who got their answer, by whether it was whole.
        failed: customers who got an error, by its category.
    """

    def __init__(self, provider: shim.Provider) -> None:
        self._provider = provider
        self.answered = 0
        self.failed: Counter[str] = Counter()

    def serve(self, customers: int) -> None:
        """Have so many new customers ask, and wait for all answers."""
        for _ in range(customers):
            request = shim.ModelRequest(
                MODEL,
                [shim.user(QUESTION)],
                max_output_tokens=200,
                temperature=0.2,
                conversation_id=f"customer {next(_NUMBERS)}",
            )
            self._provider.start_stream(request, _ignore, self._ended)
        run(self._provider)

    def _ended(self, completion: shim.Completion) -> None:
        if completion.error is None:
            self.answered += 1
        else:
            self.failed[completion.error.category] += 1


_NUMBERS = count(1)


def _ignore(event: shim.StreamEvent) -> None:
    del event  # a real desk shows it to the customer
