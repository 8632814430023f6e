"""A Completions prompt as a chat: for models that are gone, whose successors are served on Chat Completions alone.

Not the choice of the successor (`catalogue`). What a chat cannot say is refused by name. A chat model answers a prompt; it does
not go on writing it: the text will be another. Source: OpenAI API reference, Completions (legacy) and Chat Completions.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from shim.migration.upgrades.change import Change, Fields, Undo, UpgradeDraft, place_of
from shim.migration.upgrades.no_ops import is_no_op
from shim.model.checks import kind_of

COMPLETION_TO_CHAT = "completion-to-chat"

_WHY = "The model is served on Chat Completions alone; a prompt becomes the user's message."
_DEFAULT_LIMIT = 16  # tokens; the reference gives it as the default of `max_tokens` on Completions
_NO_OP = "It asks for what a chat does anyway."

# Field of Completions that Chat Completions has not -> what to do instead.
_UNSAYABLE: dict[str, str] = {
    "suffix": "has no place in a chat; put both ends into the prompt, and say in it what to write between them",
    "logprobs": "has another form in a chat's answer; read `logprobs` and `top_logprobs` of Chat Completions",
}


def completion_to_chat(draft: UpgradeDraft) -> None:
    """Say a prompt as one user message; the answer comes back as a `text_completion`."""
    if draft.endpoint != "completions":
        return
    prompt = _prompt(draft)
    if prompt is None:
        return
    draft.drop("prompt", by=COMPLETION_TO_CHAT, reason=_WHY)
    draft.set("messages", [{"role": "user", "content": prompt}], by=COMPLETION_TO_CHAT, reason=_WHY)
    draft.endpoint = "chat/completions"
    echo = _echo(draft)
    _drop_or_refuse(draft)
    _best_of(draft)
    _limit(draft)
    draft.undo_answer.append(_answer_undo(prompt if echo else ""))
    draft.undo_chunk.append(lambda: _chunk_undo(prompt if echo else ""))


def _prompt(draft: UpgradeDraft) -> str | None:
    prompt = draft.fields.get("prompt")
    if isinstance(prompt, (list, tuple)) and len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, (list, tuple)) and prompt and all(isinstance(each, str) for each in prompt):
        message = f"holds {len(prompt)} prompts, and a chat answers one; send each by itself"
    elif isinstance(prompt, (list, tuple)) and prompt:
        message = "holds token numbers, and a chat takes text; give the text they stand for"
    else:
        message = f"is {kind_of(prompt)}; give a string"
    draft.refuse("prompt", message, by=COMPLETION_TO_CHAT)
    return None


def _echo(draft: UpgradeDraft) -> bool:
    """Whether the prompt comes before the text: the undoing puts it there."""
    if "echo" not in draft.fields:
        return False
    if draft.fields["echo"] is True and draft.fields.get("max_tokens") == 0:
        draft.refuse(
            "echo",
            "with max_tokens 0 asks for the prompt's own tokens, which a chat does not tell",
            by=COMPLETION_TO_CHAT,
        )
        return False
    echo = bool(draft.fields["echo"])
    reason = "The prompt is put before the text when the answer comes back." if echo else _NO_OP
    draft.drop("echo", by=COMPLETION_TO_CHAT, reason=reason)
    return echo


def _drop_or_refuse(draft: UpgradeDraft) -> None:
    for name, message in _UNSAYABLE.items():
        if name not in draft.fields:
            continue
        if is_no_op(name, draft.fields[name]) and draft.fields[name] is not False:
            draft.drop(name, by=COMPLETION_TO_CHAT, reason=_NO_OP)
        else:
            draft.refuse(name, message, by=COMPLETION_TO_CHAT)


def _best_of(draft: UpgradeDraft) -> None:
    """As many candidates as answers is what a chat does; more are chosen from by the server, which a chat cannot."""
    if "best_of" not in draft.fields:
        return
    best, answers = draft.fields["best_of"], draft.fields.get("n") or 1
    if best is None or best == answers:
        draft.drop("best_of", by=COMPLETION_TO_CHAT, reason=_NO_OP)
    else:
        draft.refuse(
            "best_of", f"{best!r} has no form in a chat; ask for n answers and choose among them", by=COMPLETION_TO_CHAT
        )


def _limit(draft: UpgradeDraft) -> None:
    """Completions stop after 16 tokens unless told; a chat does not."""
    if draft.fields.get("max_tokens") is not None:
        return
    if draft.refuses("max_tokens"):
        reason = "Completions end after 16 tokens by default; a reasoning model would spend them on thinking, so none is set."
        draft.changes.append(Change(COMPLETION_TO_CHAT, "max_tokens", _DEFAULT_LIMIT, UNSET, reason))
        return
    draft.set(
        "max_tokens",
        _DEFAULT_LIMIT,
        by=COMPLETION_TO_CHAT,
        reason="Completions end after 16 tokens by default; a chat does not.",
    )


# -- the answer


def _answer_undo(before: str) -> Undo:
    def undo(answer: Fields) -> Fields:
        if not isinstance(answer.get("choices"), list):
            return answer
        return answer | {
            "object": "text_completion",
            "choices": [_as_text(each, "message", before=before) for each in answer["choices"]],
        }

    return undo


def _chunk_undo(before: str) -> Undo:
    """Make the undoing of a stream's chunks: the prompt comes before each choice's first text."""
    begun: set[int] = set()

    def undo(chunk: Fields) -> Fields:
        if not isinstance(chunk.get("choices"), list):
            return chunk
        choices = []
        for each in chunk["choices"]:
            index = place_of(each) if isinstance(each, dict) else 0
            choices.append(_as_text(each, "delta", before="" if index in begun else before))
            begun.add(index)
        return chunk | {"object": "text_completion", "choices": choices}

    return undo


def _as_text(choice: Any, name: str, *, before: str) -> Any:
    """A choice as Completions has it; what only a chat says (a refusal, content that is no text) stays under its own name."""
    message = (choice.get(name) or {}) if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return choice
    rest = {key: value for key, value in choice.items() if key != name}
    content = message.get("content")
    said = ("role",) if isinstance(content, (list, dict)) else ("role", "content")
    more = {key: value for key, value in message.items() if key not in said and value is not None}
    text = _text_of(content) or _text_of(message.get("refusal"))
    return more | rest | {"text": before + text, "logprobs": rest.get("logprobs")}


def _text_of(content: Any) -> str:
    """A content's text: gateways send blocks, too."""
    if isinstance(content, list):
        return "".join(_text_of(block.get("text")) for block in content if isinstance(block, dict))
    return content if isinstance(content, str) else ""
