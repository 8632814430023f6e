"""The events of a stream that tell its items: for each type its handler, reading leniently.

Not what is gathered from them (`accumulation`) nor the events about the whole response (`stream`).
Source: openai-python `types/responses/response_stream_event.py`; types without a handler add nothing a whole item does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from shim.model import ItemDelta, StreamEvent
from shim.wire.lenient import arguments_of, text_of, words_in
from shim.wire.responses.accumulation import OutputAccumulator
from shim.wire.responses.item_index import Place
from shim.wire.responses.streamed import CALLS, FORMS, OUTPUT_TEXT, REASONING_TEXT, REFUSAL, SUMMARY_TEXT, Form, form_of

Handler: TypeAlias = Callable[[OutputAccumulator, dict[str, Any]], Iterable[StreamEvent]]


def _place(event: dict[str, Any], position: str = "content_index") -> Place:
    return Place(_index(event, "output_index"), text_of(event.get("item_id")), _index(event, position))


def _index(event: dict[str, Any], name: str) -> int:
    """Read an index; what is none is 0, as where there is but one."""
    value = event.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def place_of(event: dict[str, Any]) -> Place:
    """Read which item an event is about."""
    return _place(event)


def indexes_of(event: dict[str, Any]) -> tuple[int, int, int]:
    """Read which text an event is a piece of, by its indexes."""
    return _index(event, "output_index"), _index(event, "content_index"), _index(event, "summary_index")


def _item_added(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    item = event.get("item")
    return output.add_item(_place_of_item(event, item), item) if isinstance(item, dict) else ()


def _item_done(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    item = event.get("item")
    return output.settle_item(_place_of_item(event, item), item) if isinstance(item, dict) else ()


def _place_of_item(event: dict[str, Any], item: dict[str, Any]) -> Place:
    return Place(_index(event, "output_index"), text_of(item.get("id")))


def _part_added(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    form = _form_of(event.get("part"))
    if form is not None:
        output.text(_place(event, _POSITIONS[form.field]), form)  # numbers the text, even one that stays empty
    return ()


def _part_done(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    form = _form_of(event.get("part"))
    if form is None:
        return ()
    return output.settle_text(_place(event, _POSITIONS[form.field]), text_of(event["part"].get(form.key)), form=form)


def _form_of(part: Any) -> Form | None:
    known = FORMS.get(text_of(part.get("type"))) if isinstance(part, dict) else None
    return known or form_of(part, kind="message", field="content")


def _text_delta(output: OutputAccumulator, event: dict[str, Any], *, form: Form) -> Iterable[StreamEvent]:
    place = _place(event, _POSITIONS[form.field])
    logprobs = event.get("logprobs")
    if isinstance(logprobs, list):
        output.text(place, form).logprobs.extend(logprobs)
    delta = event.get("delta")
    piece = words_in(delta) if isinstance(delta, dict) else text_of(delta)
    return output.add_text(place, piece, form=form) if piece else ()


def _text_done(output: OutputAccumulator, event: dict[str, Any], *, form: Form) -> Iterable[StreamEvent]:
    return output.settle_text(_place(event, _POSITIONS[form.field]), text_of(event.get(form.key)), form=form)


def _annotation_added(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    annotation, at = event.get("annotation"), event.get("annotation_index")
    if isinstance(annotation, dict):
        told = output.text(_place(event), OUTPUT_TEXT).annotations
        if not (isinstance(at, int) and 0 <= at < len(told) and told[at] == annotation):  # else it is told once more
            told.append(annotation)
    return ()


def _arguments_delta(output: OutputAccumulator, event: dict[str, Any], *, kind: str) -> Iterable[StreamEvent]:
    piece = text_of(event.get("delta"))
    return output.add_arguments(_place(event), piece, kind=kind) if piece else ()


def _arguments_done(output: OutputAccumulator, event: dict[str, Any], *, kind: str) -> Iterable[StreamEvent]:
    return output.settle_arguments(_place(event), arguments_of(event.get(CALLS[kind])), kind=kind)


def _grow(
    output: OutputAccumulator, event: dict[str, Any], *, kind: str, path: tuple[str, ...]
) -> Iterable[StreamEvent]:
    piece = arguments_of(event.get("delta"))
    return output.grow(_place(event, "command_index"), piece, kind=kind, path=path, whole=False)


def _grown(
    output: OutputAccumulator, event: dict[str, Any], *, kind: str, path: tuple[str, ...], field: str
) -> Iterable[StreamEvent]:
    whole = arguments_of(event.get(field))
    return output.grow(_place(event, "command_index"), whole, kind=kind, path=path, whole=True) if whole else ()


def _partial_image(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    image = text_of(event.get("partial_image_b64"))
    return (output.show(_place(event), image, kind="image_generation_call"),) if image else ()


def _unknown_delta(output: OutputAccumulator, event: dict[str, Any]) -> Iterable[StreamEvent]:
    """Tell a piece of something that is not known here: it is of its item's type, or else of the name of its event."""
    place, piece = _place(event), arguments_of(event.get("delta"))
    kind = output.kind_at(place)
    if not piece:
        return ()
    if kind:
        return (output.show(place, piece, kind=kind),)
    return (ItemDelta(text_of(event["type"]).split(".", 1)[1].removesuffix(".delta").replace(".", "_"), piece),)


def handler_of(kind: str) -> Handler | None:
    """Find the handler of an event about an item, None for one about anything else."""
    known = HANDLERS.get(kind)
    if known is None and kind.startswith("response.") and kind.endswith(".delta"):
        return _unknown_delta
    return known


# List of an item -> the event's field that says which of its blocks.
_POSITIONS = {"content": "content_index", "summary": "summary_index"}

# Type of the event that brings a piece of a text -> where that stands.
TEXT_DELTAS: dict[str, Form] = {
    "response.output_text.delta": OUTPUT_TEXT,
    "response.refusal.delta": REFUSAL,
    "response.reasoning_text.delta": REASONING_TEXT,
    "response.reasoning_summary_text.delta": SUMMARY_TEXT,
    "response.reasoning.delta": REASONING_TEXT,  # as it was called first, and is on OpenRouter
    "response.reasoning_summary.delta": SUMMARY_TEXT,
}
ARGUMENTS_DELTAS: dict[str, str] = {
    "response.function_call_arguments.delta": "function_call",
    "response.custom_tool_call_input.delta": "custom_tool_call",
}
# Name of an event, before `.delta` and `.done` -> the type of the item that grows, where in it, and the field of the `.done`.
_GROWING: dict[str, tuple[str, tuple[str, ...], str]] = {
    "response.code_interpreter_call_code": ("code_interpreter_call", ("code",), "code"),
    "response.mcp_call_arguments": ("mcp_call", ("arguments",), "arguments"),
    "response.mcp_call.arguments": ("mcp_call", ("arguments",), "arguments"),  # as it was called first
    "response.apply_patch_call_operation_diff": ("apply_patch_call", ("operation", "diff"), "diff"),
    "response.shell_call_command": ("shell_call", ("action", "commands"), "command"),
}
HANDLERS: dict[str, Handler] = {
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.content_part.added": _part_added,
    "response.content_part.done": _part_done,
    "response.reasoning_summary_part.added": _part_added,
    "response.reasoning_summary_part.done": _part_done,
    "response.reasoning_part.added": _part_added,  # Bedrock, vLLM
    "response.reasoning_part.done": _part_done,
    "response.output_text.annotation.added": _annotation_added,
    "response.image_generation_call.partial_image": _partial_image,
    "response.shell_call_command.added": partial(
        _grown, kind="shell_call", path=("action", "commands"), field="command"
    ),
    "response.function_call_arguments.done": partial(_arguments_done, kind="function_call"),
    "response.custom_tool_call_input.done": partial(_arguments_done, kind="custom_tool_call"),
    "response.output_text.done": partial(_text_done, form=OUTPUT_TEXT),
    "response.refusal.done": partial(_text_done, form=REFUSAL),
    "response.reasoning_text.done": partial(_text_done, form=REASONING_TEXT),
    "response.reasoning_summary_text.done": partial(_text_done, form=SUMMARY_TEXT),
    "response.reasoning.done": partial(_text_done, form=REASONING_TEXT),
    "response.reasoning_summary.done": partial(_text_done, form=SUMMARY_TEXT),
    **{kind: partial(_text_delta, form=form) for kind, form in TEXT_DELTAS.items()},
    **{name: partial(_arguments_delta, kind=kind) for name, kind in ARGUMENTS_DELTAS.items()},
    **{f"{name}.delta": partial(_grow, kind=kind, path=path) for name, (kind, path, _) in _GROWING.items()},
    **{
        f"{name}.done": partial(_grown, kind=kind, path=path, field=field)
        for name, (kind, path, field) in _GROWING.items()
    },
}
