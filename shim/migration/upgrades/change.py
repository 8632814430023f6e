"""What an upgrade does, told: one `Change` a field; and the request while it is being changed.

Not the upgrades themselves (`catalogue`). What a request holds is never changed in place: a draft makes new values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal, NoReturn, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from shim.migration.upgrades.models import Endpoint, ModelFacts, facts_of
from shim.model import UnsupportedFeatureError
from shim.model.checks import kind_of

Fields: TypeAlias = dict[str, Any]
Undo: TypeAlias = Callable[[Fields], Fields]
"""Takes an answer, or one chunk of a stream, and gives it back in the form the caller knows."""

TargetApi: TypeAlias = Literal["chat_completions", "responses"]


class Change(Struct, frozen=True):
    """One thing an upgrade does to a request.

    Attributes:
        name: the upgrade's.
        field: the place, such as `functions` or `messages[2].role`.
        before: what stands there, plain JSON; UNSET where nothing does.
        after: what will; UNSET where nothing will.
        reason: why, in a sentence.
    """

    name: str
    field: str
    before: Any
    after: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.field} {_shown(self.before)} -> {_shown(self.after)}. {self.reason}"


class RefusedField(Struct, frozen=True):
    """What cannot be said to the target, and what to do: the field, the upgrade that refuses it ("" for none), the words."""

    name: str
    field: str
    message: str


class Target(Struct, frozen=True, kw_only=True):
    """Where the request is to go.

    Attributes:
        api: the API that will carry it.
        model: the model behind the address, for a request that names none (an Azure deployment).
        successors: model -> the model to go on with, before the table's own word; also for models the table does not know.
        today: the day that decides what is retired; None is the clock's (UTC).
        restore_model: whether the answer names the model that was asked for.
    """

    api: TargetApi = "chat_completions"
    model: str | None = None
    successors: Mapping[str, str] = {}
    today: date | None = None
    restore_model: bool = False


class UpgradeDraft:
    """A request under change: its fields, where they go, what was done, and how the answer is undone."""

    def __init__(
        self, fields: Mapping[str, Any], *, target: Target, today: date, refusals: list[RefusedField] | None = None
    ) -> None:
        self.fields: Fields = dict(fields)
        self.target = target
        self.today = today
        self.endpoint: Endpoint = (
            "completions" if "prompt" in fields and "messages" not in fields else "chat/completions"
        )
        self.changes: list[Change] = []
        self.undo_answer: list[Undo] = []
        self.undo_chunk: list[Callable[[], Undo]] = []
        self._refusals = refusals

    @property
    def model(self) -> str | None:
        """The model's name, as far as it is known."""
        model = self.fields.get("model") or self.target.model
        return model if isinstance(model, str) else None

    @property
    def facts(self) -> ModelFacts | None:
        """What is known of the model, None where nothing is."""
        return None if self.model is None else facts_of(self.model)

    def refuses(self, field: str) -> bool:
        """Whether the model is known to refuse a field that says more than the default."""
        facts = self.facts
        return facts is not None and facts.refuses_field(field, effort=self.fields.get("reasoning_effort"))

    def set(self, name: str, to: Any, *, by: str, reason: str) -> None:
        """Put a value into a field, and tell."""
        before = self.fields.get(name, UNSET)
        self.fields[name] = to
        self.changes.append(Change(by, name, before, to, reason))

    def drop(self, name: str, *, by: str, reason: str) -> None:
        """Take a field away, and tell."""
        self.changes.append(Change(by, name, self.fields.pop(name), UNSET, reason))

    def refuse(self, field: str, message: str, *, by: str = "") -> None:
        """Refuse a field by name: an error, or one more refusal where they are gathered.

        Raises:
            UnsupportedFeatureError: refusals are not gathered.
        """
        if self._refusals is None:
            _raise(field, message, api=self.target.api)
        self._refusals.append(RefusedField(by, field, message))


def place_of(choice: Mapping[str, Any]) -> int:
    """The index of an answer's choice; 0 where it has none that could be one."""
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _raise(field: str, message: str, *, api: str) -> NoReturn:
    raise UnsupportedFeatureError(f"{field} {message}", field=field, api=api)


def _shown(value: Any) -> str:
    if isinstance(value, UnsetType):
        return "nothing"
    return repr(value) if isinstance(value, (str, int, float, bool, type(None))) else kind_of(value)
