"""A request upgraded: the changes asked for by name are made, told, and undone in the answer.

Not the changes (`catalogue`). The primary form is the request as a caller of openai 0.28 gives it, a mapping of plain JSON;
`upgrade_model_request` does the same to a `ModelRequest`. What goes in is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timezone
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from shim.migration.upgrades.answers import undone_response
from shim.migration.upgrades.catalogue import UPGRADES, gate, refuses_tools
from shim.migration.upgrades.change import Change, Fields, RefusedField, Target, Undo, UpgradeDraft
from shim.migration.upgrades.models import Endpoint
from shim.model import InvalidRequestError, ModelRequest, ModelResponse, Reasoning
from shim.model.checks import kind_of
from shim.wire.chat import parse_request, serialize


class Upgraded(Struct, frozen=True):
    """A request after its upgrades.

    Attributes:
        fields: the new body, and whatever call keywords stood beside it.
        endpoint: the address it goes to.
        changes: what was done, in order; empty where nothing was needed.
        unknown_model: the model, where the table knows nothing of it: what it refuses was then not checked.
    """

    fields: Fields
    endpoint: Endpoint
    changes: tuple[Change, ...]
    unknown_model: str | None
    _restored: str | None = None
    _answer: tuple[Undo, ...] = ()
    _chunk: tuple[Callable[[], Undo], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The upgrades that changed something, each once."""
        return tuple(dict.fromkeys(change.name for change in self.changes))

    def undo(self, answer: Mapping[str, Any]) -> Fields:
        """Give a whole answer the form the caller knows; the answer itself is not changed."""
        return _undone(dict(answer), self._answer)

    def undo_response(self, response: ModelResponse) -> ModelResponse:
        """Give the answer to a `ModelRequest` the form its caller knows: calls as `function_call`, the model as asked."""
        return undone_response(response, names=self.names, model=self._restored)

    def chunk_undo(self) -> Callable[[Mapping[str, Any]], Fields]:
        """Make the undoing of one stream: call it with each chunk in turn, and throw it away with the stream."""
        undoings = [make() for make in self._chunk]
        return lambda chunk: _undone(dict(chunk), undoings)

    def undo_stream(self, chunks: Iterable[Mapping[str, Any]]) -> Iterator[Fields]:
        """Give the chunks of one stream the form the caller knows, one for one."""
        yield from map(self.chunk_undo(), chunks)


class Advice(Struct, frozen=True):
    """What a request would need.

    Attributes:
        changes: what the upgrades it needs would do.
        refusals: what no upgrade can say to the target.
        unknown_model: as in `Upgraded`.
    """

    changes: tuple[Change, ...]
    refusals: tuple[RefusedField, ...]
    unknown_model: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The upgrades it needs, each once."""
        return tuple(dict.fromkeys(change.name for change in self.changes))


def upgrade_request(fields: Mapping[str, Any], *, upgrades: Iterable[str], target: Target | None = None) -> Upgraded:
    """Upgrade a request.

    Args:
        fields: the request, as `openai.ChatCompletion.create(**fields)` or `Completion.create(**fields)` takes it.
        upgrades: names of `UPGRADES`; those the request does not need do nothing. Any order.
        target: where it is to go.

    Raises:
        InvalidRequestError: (a ValueError) a name is no upgrade's, or `fields` is no mapping.
        UnsupportedFeatureError: the target is known to refuse a field, and no upgrade asked for helps; it names the field.
    """
    draft = _draft(fields, target, names=_known(upgrades))
    return Upgraded(
        draft.fields,
        draft.endpoint,
        tuple(draft.changes),
        _unknown(draft),
        _restored_model(draft),
        tuple(reversed(draft.undo_answer)),
        tuple(reversed(draft.undo_chunk)),
    )


# Those that no request needs: somebody wants them.
_ONLY_IF_ASKED = frozenset({"tools-to-functions", "system-to-developer"})
# Those that a request needs only for some models, which are known once its successor is.
_BY_MODEL = frozenset({"completion-to-chat", "max-completion-tokens", "reasoning-off", "no-op-values"})


def advise(fields: Mapping[str, Any], *, target: Target | None = None) -> Advice:
    """Say what a request would need, without a word raised for what it holds.

    A prompt, `max_tokens` and tools beside reasoning are told only of a model that refuses them; functions always, for newer
    models take only tools.

    Raises:
        InvalidRequestError: (a ValueError) `fields` is no mapping.
    """
    names = [name for name in UPGRADES if name not in _ONLY_IF_ASKED | _BY_MODEL]
    probe = _draft(fields, target, names=names, refusals=[])
    if probe.refuses("max_tokens"):
        names.append("max-completion-tokens")
    if probe.facts is not None and "completions" not in probe.facts.endpoints:
        names.append("completion-to-chat")
    if probe.target.api == "responses":
        names.append("no-op-values")  # Chat Completions takes a default that is said aloud
    elif refuses_tools(probe):
        names.append("reasoning-off")
    refusals: list[RefusedField] = []
    draft = _draft(fields, target, names=names, refusals=refusals)
    return Advice(tuple(draft.changes), tuple(refusals), _unknown(draft))


def upgrade_model_request(
    request: ModelRequest, *, upgrades: Iterable[str], target: Target | None = None
) -> tuple[ModelRequest, Upgraded]:
    """Upgrade a `ModelRequest`: it is written as a Chat Completions body, upgraded, and read again.

    Raises:
        InvalidRequestError: as `upgrade_request`, or the request itself is mistaken.
        UnsupportedFeatureError: as `upgrade_request`.
    """
    beside = {name: getattr(request, name) for name in _BESIDE_THE_BODY}
    bare = replace(request, **dict.fromkeys(_ONLY_RESPONSES, UNSET), extra_headers={}, conversation_id=None)
    summary = request.reasoning.summary if isinstance(request.reasoning, Reasoning) else UNSET
    if isinstance(request.reasoning, Reasoning):
        bare = replace(bare, reasoning=replace(request.reasoning, summary=UNSET))
    upgraded = upgrade_request(msgspec.json.decode(serialize(bare, stream=False)), upgrades=upgrades, target=target)
    read = parse_request(msgspec.json.encode(upgraded.fields))
    if summary is not UNSET:
        reasoning = read.reasoning if isinstance(read.reasoning, Reasoning) else Reasoning()
        beside["reasoning"] = replace(reasoning, summary=summary)
    return replace(read, **beside), upgraded


_ONLY_RESPONSES = ("previous_response_id", "include")
_BESIDE_THE_BODY = (*_ONLY_RESPONSES, "extra_headers", "conversation_id")


def _draft(
    fields: Mapping[str, Any],
    target: Target | None,
    *,
    names: Iterable[str],
    refusals: list[RefusedField] | None = None,
) -> UpgradeDraft:
    if not isinstance(fields, Mapping):
        raise InvalidRequestError(f"the request is {kind_of(fields)}; give a mapping of its fields", field="request")
    target = target or Target()
    draft = UpgradeDraft(fields, target=target, today=target.today or _today(), refusals=refusals)
    asked = set(names)
    for name, upgrade in UPGRADES.items():
        if name in asked:
            upgrade.apply(draft)
    gate(draft)
    return draft


def _today() -> date:
    return datetime.now(timezone.utc).date()


def _known(upgrades: Iterable[str]) -> list[str]:
    names = [upgrades] if isinstance(upgrades, str) else list(upgrades)
    for name in names:
        if name not in UPGRADES:
            raise InvalidRequestError(
                f"{name!r} is no upgrade; the upgrades are {', '.join(UPGRADES)}", field="upgrades"
            )
    return names


def _restored_model(draft: UpgradeDraft) -> str | None:
    """The model that was asked for, where another answers and the caller wants the name back."""
    asked = next((change.before for change in draft.changes if change.name == "model-successor"), None)
    return asked if draft.target.restore_model and isinstance(asked, str) else None


def _unknown(draft: UpgradeDraft) -> str | None:
    return draft.model if draft.facts is None else None


def _undone(answer: Fields, undoings: Iterable[Undo]) -> Fields:
    for undo in undoings:
        answer = undo(answer)
    return answer
