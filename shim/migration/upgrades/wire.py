"""The wire rung over an upgrade: whether the candidate sends what the control sent, but for the changes asked for.

Not the comparing (`shim.comparison`). The control's body is upgraded as the candidate's was; what is left parting counts, and
each change is told by the upgrade's name, as an accepted difference, never as a match.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from shim.comparison import ABSENT, Exchange, Mismatch, Outcome, Verdict, compare_wire
from shim.migration.upgrades.addressed import upgrade_call
from shim.migration.upgrades.change import Change, Target
from shim.migration.upgrades.upgrading import Upgraded


def upgraded_exchange(
    control: Exchange, *, upgrades: Iterable[str], target: Target | None = None
) -> tuple[Exchange, Upgraded]:
    """The exchange as if its request had been upgraded before it was sent: body, length, and address where that changed.

    Raises:
        UnsupportedFeatureError: the request cannot be upgraded; it names the field.
        ValueError: the recorded body is missing or is no JSON object.
    """
    if control.request.body is None:
        raise ValueError("the recording has no request body: it was left out, or could not be read")
    fields = msgspec.json.decode(control.request.body)
    url, sent, upgraded = upgrade_call(control.request.url, fields, upgrades=upgrades, target=target)
    body = msgspec.json.encode(sent)
    return replace(control, request=replace(control.request, url=url, body=body, length=len(body))), upgraded


def compare_upgraded(
    control: Exchange,
    candidate: Any = None,
    *,
    upgrades: Iterable[str],
    target: Target | None = None,
    **options: Any,
) -> Verdict:
    """Compare as `compare_wire` does, with the control upgraded; takes its `candidate`, `api` and `ignore`.

    The verdict is `ignored` where the two part only by the upgrades, which its reason and its mismatches name.

    Raises:
        UnsupportedFeatureError: the control's request cannot be upgraded.
        ValueError: its body is missing or is no JSON object.
    """
    exchange, upgraded = upgraded_exchange(control, upgrades=upgrades, target=target)
    verdict = compare_wire(exchange, candidate, **options)
    if not upgraded.changes or verdict.outcome is Outcome.FAILED:
        return verdict
    told = tuple(accepted(change) for change in upgraded.changes)
    reason = "; ".join(filter(None, (verdict.reason, f"upgraded: {', '.join(upgraded.names)}")))
    outcome = Outcome.IGNORED if verdict.ok else verdict.outcome
    lines = [verdict.message, *(f"  upgraded: {change}" for change in upgraded.changes)]
    return replace(
        verdict,
        outcome=outcome,
        mismatches=(*verdict.mismatches, *told),
        reason=reason if outcome is Outcome.IGNORED else verdict.reason,
        message="\n".join(lines).replace(f"wire {verdict.outcome}", f"wire {outcome}", 1),
    )


def accepted(change: Change) -> Mismatch:
    """A change as a difference that is accepted by the upgrade's name."""
    before, after = (ABSENT if value is UNSET else value for value in (change.before, change.after))
    return Mismatch(
        path=f"body.{change.field}",
        control=before,
        candidate=after,
        rule="wire.body",
        ignored=f"upgrade {change.name}: {change.reason}",
    )
