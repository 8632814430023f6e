"""A run made by hand, with verdicts of every outcome, for the tests of the report.

Not single exchanges: `tests.helpers.exchanges` makes those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from shim.comparison.runs.tally import Detail, Facts, Tally, facts_of
from shim.comparison.verdict import ABSENT, Mismatch, Outcome, Rung, Verdict
from shim.recording.exchange import Exchange
from shim.recording.reading import Reading
from tests.helpers.exchanges import exchange, streamed

MADE_AT = 1_770_000_000.0
ASKED = "POST /v1/chat/completions, gpt-4o"

TEXT = Mismatch(
    path="response.choices[0].text",
    control="The answer is 4 apples.",
    candidate="The answer is 4 aples.",
    rule="tee.text",
    excerpt='data: {"choices":[>>>{"delta"',
    offset=1412,
)
SEED = Mismatch(path="body.seed", control=7, candidate=ABSENT, rule="wire.body")
AGENT = Mismatch(
    path="header.user-agent",
    control="old/1",
    candidate="shim/1",
    rule="wire.header",
    ignored="The client names itself. (owner: platform)",
)


def verdict(number: int, *mismatches: Mismatch, **fields: Any) -> Verdict:
    """A verdict; by default a mismatch on the tee rung."""
    defaults: dict[str, Any] = {
        "rung": "tee",
        "outcome": Outcome.MISMATCH,
        "pair_id": f"pair-{number}",
        "asked": ASKED,
        "number": number,
        "mismatches": mismatches,
        "message": f"exchange {number} in words",
    }
    return Verdict(**(defaults | fields))


def detail(*mismatches: Mismatch, number: int = 17, of: Exchange | None = None, **fields: Any) -> Detail:
    """A verdict with an exchange."""
    return Detail(verdict=verdict(number, *mismatches, **fields), exchange=of or exchange(), file="day.jsonl", line=18)


def details() -> list[Detail]:
    """Four of them: a mismatch on either rung, a failed comparator, an ignored difference."""
    reading = Reading(outcome="response", http_status=200, response={"id": "c", "choices": []})
    return [
        replace(detail(TEXT, number=17, of=streamed()), control=reading, candidate=reading),
        detail(SEED, number=203, rung="wire", asked="POST /v1/responses, gpt-4.1-mini"),
        detail(number=5, outcome=Outcome.FAILED, reason="The body was left out of the recording."),
        detail(AGENT, number=6, rung="wire", outcome=Outcome.IGNORED, reason=AGENT.ignored),
    ]


def tally_of(shown: Sequence[Detail], *, matches: int = 1200, started_at: float = MADE_AT) -> Tally:
    """The tally of these details and of exchanges that match on both rungs."""
    tally = Tally()
    for each in shown:
        tally.add(facts_of(each.exchange), [each.verdict])
    rungs: tuple[Rung, ...] = ("wire", "tee")
    for index in range(matches):
        facts = Facts(
            kind="chat_completions stream" if index % 3 else "chat_completions",
            model="gpt-4o",
            status=200,
            started_at=started_at + index,
            finished=0.5 + index % 97 / 20,
            first_byte=0.1 + index % 31 / 50,
        )
        tally.add(facts, [Verdict(rung=rung, outcome=Outcome.MATCH, seconds=0.001) for rung in rungs])
    return tally
