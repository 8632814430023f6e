"""The arguments of one call, as far as they can be read without running it, and what they need on the new path.

Not the finding of calls (`scanning`). Values that are no literals are stood in for: it is then told that they may need it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, Struct

from shim.doctor.finding import CodePlace, Finding, Support
from shim.doctor.reading import SourceText
from shim.doctor.resolving import Resolver
from shim.doctor.scanning import Use, canonical
from shim.doctor.scopes import literal
from shim.migration.upgrades import UPGRADES, Change, RefusedField, Target, advise, facts_of


class Arguments(Struct):
    """The keywords of a call: name -> its expression; `whole` says whether nothing hides behind a `**`."""

    nodes: dict[str, ast.expr]
    whole: bool


class _Unknown:
    """Stands for a value that only running would tell."""

    def __repr__(self) -> str:
        return "…"


UNKNOWN = _Unknown()

# What stands for an unknown value where its kind matters; of a field with None here nothing is said while it is unknown.
_STAND_INS: dict[str, Any] = {
    "functions": [{"name": "…"}],
    "function_call": "auto",
    "tools": [{"type": "function", "function": {"name": "…"}}],
    "tool_choice": "auto",
    "messages": [],
    "prompt": "…",
    "n": None,
    "best_of": None,
    "echo": None,
    "suffix": None,
    "logprobs": None,
}
_CALL_OPTIONS = frozenset(
    {
        *("api_key", "api_base", "api_type", "api_version", "organization", "request_id", "headers"),
        *("timeout", "request_timeout", "stream"),
    }
)
_NO_TIMEOUT = (
    "timeout= is no HTTP timeout in 0.28: it bounds the waiting after a 409, and stays so.",
    "For an HTTP timeout give request_timeout=.",
)


def arguments_of(use: Use, resolver: Resolver) -> Arguments:
    """Read the keywords of the call a use goes to; dict literals behind `**` are followed in their scope."""
    nodes: dict[str, ast.expr] = {}
    whole = True
    for keyword in use.call.keywords if use.call else ():
        if keyword.arg is not None:
            nodes[keyword.arg] = keyword.value
        else:
            whole &= _add_spread(nodes, keyword.value, use=use, resolver=resolver)
    return Arguments(nodes, whole)


def _add_spread(nodes: dict[str, ast.expr], value: ast.expr, *, use: Use, resolver: Resolver) -> bool:
    if isinstance(value, ast.Dict):
        entries: dict[str, ast.expr] = {}
        resolver.add_entries(entries, value)
        whole = all(key is None or isinstance(key, ast.Constant) for key in value.keys)
        for key, inner in zip(value.keys, value.values, strict=True):
            if key is None:
                whole &= _add_spread(entries, inner, use=use, resolver=resolver)
    else:
        known = use.scope.dict_of(value.id) if isinstance(value, ast.Name) else None
        entries, whole = known or ({}, False)
    for name, node in entries.items():
        nodes.setdefault(name, node)
    return whole


class Adviser:
    """Judges the arguments of calls to Chat Completions and Completions."""

    def __init__(self, source: SourceText, resolver: Resolver, *, target: Target, azure: bool) -> None:
        self._source = source
        self._resolver = resolver
        self._target = target
        self._azure = azure

    def findings(self, use: Use, arguments: Arguments) -> Iterator[Finding]:
        """What the arguments of one call need."""
        if "timeout" in arguments.nodes:
            place = self._source.place(arguments.nodes["timeout"])
            yield Finding(place, "argument", "timeout", Support.SUPPORTED, *_NO_TIMEOUT)
        if not arguments.whole:
            reason = "What is behind ** is not read; only running tells it."
            remedy = "Record a run, and let `shim compare` judge what was sent."
            yield Finding(self._source.place(use.node), "unseen", "**", Support.SUPPORTED, reason, remedy)
        told: set[tuple[str, str, str]] = set()
        for fields in self._requests(use, arguments):
            for finding in self._advised(use, fields, arguments=arguments):
                mark = (finding.kind, finding.name, finding.upgrade)
                if mark not in told:
                    told.add(mark)
                    yield finding

    def _requests(self, use: Use, arguments: Arguments) -> Iterator[dict[str, Any]]:
        """The requests a call may make: one for each model it may name."""
        fields: dict[str, Any] = {"prompt": "…"} if canonical(use.path).startswith("Completion") else {"messages": []}
        for name, node in arguments.nodes.items():
            if name in _CALL_OPTIONS or name in ("model", "engine", "deployment_id"):
                continue
            value = self._value(name, node)
            if value is not UNSET:
                fields[name] = value
        if self._azure:
            yield fields
            return
        named = [
            {name: text}
            for name in ("model", "engine", "deployment_id")
            if name in arguments.nodes
            for text in self._resolver.texts(arguments.nodes[name], use.scope)
        ]
        addressed = {"engine", "deployment_id"}
        is_told = any(addressed & each.keys() for each in named)
        address = {} if is_told else dict.fromkeys(addressed & arguments.nodes.keys(), "…")
        for each in named or [{}]:
            yield fields | each | address

    def _value(self, name: str, node: ast.expr) -> Any:
        try:
            return literal(node)
        except ValueError:
            stand_in = _STAND_INS.get(name, UNKNOWN)
            return UNSET if stand_in is None else stand_in

    def _advised(self, use: Use, fields: dict[str, Any], *, arguments: Arguments) -> Iterator[Finding]:
        advice = advise(fields, target=self._target)
        if advice.unknown_model not in (None, "…"):
            place = self._place(use, arguments, field="model")
            reason = "Nothing is known of this model; what it refuses is not checked."
            yield Finding(place, "model", str(advice.unknown_model), Support.SUPPORTED, reason)
        for change in advice.changes:
            if change.before is not UNSET or change.name == "reasoning-off":
                yield self._change(use, change, arguments=arguments)
        for refusal in advice.refusals:
            yield self._refusal(use, refusal, arguments=arguments, value=fields.get(refusal.field, UNSET))
        yield from self._announced(use, fields, arguments=arguments)

    def _change(self, use: Use, change: Change, *, arguments: Arguments) -> Finding:
        is_model = change.name == "model-successor"
        maybe = ""
        if change.before is UNKNOWN and change.name == "refused-sampling":
            maybe = "Unless the value is the default: "
        summary = UPGRADES[change.name].summary.rstrip(".")
        return Finding(
            self._place(use, arguments, field=change.field),
            "model" if is_model else "argument",
            str(change.before) if is_model else change.field,
            Support.UPGRADE,
            f"{maybe}{change.reason}",
            f"Ask {change.after} (upgrade {change.name})" if is_model else f"{summary} (upgrade {change.name})",
            change.name,
        )

    def _refusal(self, use: Use, refusal: RefusedField, *, arguments: Arguments, value: Any) -> Finding:
        field = refusal.field
        reason, semicolon, remedy = refusal.message.partition("; ")
        maybe = "unless the value is the default, " if value is UNKNOWN else ""
        text = f"{maybe}{field} {reason}."
        return Finding(
            self._place(use, arguments, field=field),
            "argument",
            field,
            Support.HAND,
            text[0].upper() + text[1:] if maybe else text,
            f"{remedy[0].upper()}{remedy[1:]}." if semicolon else "",
        )

    def _announced(self, use: Use, fields: dict[str, Any], *, arguments: Arguments) -> Iterator[Finding]:
        """A model that lives, and whose last day is known."""
        model = fields.get("model") or fields.get("engine") or fields.get("deployment_id")
        facts = facts_of(model) if isinstance(model, str) else None
        if (
            facts is not None
            and facts.retires is not None
            and not facts.is_retired(self._target.today or facts.retires)
        ):
            reason = f"It will be shut down on {facts.retires} ({facts.source})."
            remedy = f"Plan for {facts.successor}." if facts.successor else ""
            place = self._place(use, arguments, field="model")
            yield Finding(place, "model", str(model), Support.SUPPORTED, reason, remedy)

    def _place(self, use: Use, arguments: Arguments, *, field: str) -> CodePlace:
        """Where an argument stands, or the call where it has none."""
        names = ("model", "engine", "deployment_id") if field == "model" else (field.partition("[")[0],)
        node = next((arguments.nodes[name] for name in names if name in arguments.nodes), use.node)
        return self._source.place(node)
