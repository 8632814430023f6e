"""The small persona that stands in for a model: what it says, calls or refuses, the same every time.

Not how that is written on the wire (`chat.rendering`). It echoes, greets, counts, calls a fitting tool, quotes tool results,
fills a JSON schema, and refuses whatever contains the word "refuse". `stop`, `n` and the token limits are honoured.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shim.testing.fake_openai.persona.calling import PersonaCall, calls_for, is_named, legacy_call_for
from shim.testing.fake_openai.persona.schema_values import fill
from shim.testing.fake_openai.persona.thinking import reasoning_tokens
from shim.testing.fake_openai.persona.tokens import count, tokens_of
from shim.testing.fake_openai.persona.words import Wording, text_of

REFUSAL = "I'm sorry, but I can't help with that."
LONGEST_QUOTE = 400
_GREETING = re.compile(r"\s*(hello|hi|hey)\b[^?]{0,30}", re.IGNORECASE)
_COUNT = re.compile(r"\bcount(?: from 1| from one)?(?: up)? to (\d{1,3})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """One choice: text, a refusal or calls, and why it ended.

    `legacy` marks a call of the older `functions`. `reasoned` is how many tokens of reasoning went before it.
    """

    text: str | None = None
    refusal: str | None = None
    calls: tuple[PersonaCall, ...] = ()
    finish: str = "stop"
    legacy: bool = False
    reasoned: int = 0

    @property
    def tokens(self) -> int:
        """How many tokens it took to write, without the reasoning before it."""
        written = [self.text or "", self.refusal or "", *(call.name + call.arguments for call in self.calls)]
        return sum(map(count, written))


def replies_to(body: dict[str, Any], *, number: int) -> list[Reply]:
    """The choices that answer a checked request, the `number`-th of this server."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    reasoned = reasoning_tokens(body["model"], body.get("reasoning_effort"), limit=limit)
    left = None if limit is None else limit - reasoned
    replies = [_reply(body, choice=choice, number=number) for choice in range(body.get("n") or 1)]
    return [replace(_limited(_stopped(one, body.get("stop")), left), reasoned=reasoned) for one in replies]


def _reply(body: dict[str, Any], *, choice: int, number: int) -> Reply:
    messages = body["messages"]
    last = messages[-1]
    said = Wording(next((text_of(one) for one in reversed(messages) if one["role"] == "user"), ""))
    if last["role"] == "user":
        if "refuse" in said.text.lower():
            return Reply(refusal=REFUSAL)
        acted = _acting(body, said, number=number * 1000 + choice)
        if acted is not None:
            return acted
    form = (body.get("response_format") or {}).get("type", "text")
    if form != "text":
        return Reply(_json_text(body["response_format"], said))
    text = _results(messages) if last["role"] in {"tool", "function"} else _speech(said.text, messages)
    return Reply(text if choice == 0 else f"{text} (Choice {choice + 1}.)")


def _acting(body: dict[str, Any], said: Wording, *, number: int) -> Reply | None:
    calls = calls_for(body, said, number=number)
    if calls:
        return Reply(calls=calls, finish="stop" if is_named(body.get("tool_choice")) else "tool_calls")
    call = legacy_call_for(body, said)
    return Reply(calls=(call,), finish="function_call", legacy=True) if call else None


def _speech(said: str, messages: list[dict[str, Any]]) -> str:
    counted = _COUNT.search(said)
    if counted:
        return ", ".join(map(str, range(1, int(counted[1]) + 1))) + "."
    if _GREETING.fullmatch(said):
        return "Hello! I am a fake model on your own machine. What would you like to say?"
    total = len(messages)
    ending = "message" if total == 1 else "messages"
    return f'You said: "{_clipped(said)}" I have {total} {ending} of this conversation in front of me.'


def _results(messages: list[dict[str, Any]]) -> str:
    """An answer that quotes the results of the last round of calls, each under the name of its tool."""
    start = max((place for place, one in enumerate(messages) if one["role"] == "assistant"), default=-1)
    names = {call["id"]: _tool_name(call) for call in (messages[start].get("tool_calls") or [])} if start >= 0 else {}
    quoted = [
        f"{names.get(one.get('tool_call_id'), one.get('name') or 'the tool')} says {_clipped(text_of(one))}"
        for one in messages[start + 1 :]
        if one["role"] in {"tool", "function"}
    ]
    return "Here is what I found: " + "; ".join(quoted) + "."


def _tool_name(call: dict[str, Any]) -> str:
    inner = call.get(call["type"])
    return str(inner.get("name")) if isinstance(inner, dict) else "the tool"


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def _json_text(form: dict[str, Any], said: Wording) -> str:
    structured = form["type"] == "json_schema"
    value = fill(form["json_schema"].get("schema"), said) if structured else {"answer": said.subject}
    return msgspec.json.encode(value).decode()


def _stopped(reply: Reply, stop: str | list[str] | None) -> Reply:
    if not stop or reply.text is None:
        return reply
    ends = [reply.text.find(one) for one in ([stop] if isinstance(stop, str) else stop) if isinstance(one, str) and one]
    found = [end for end in ends if end >= 0]
    return replace(reply, text=reply.text[: min(found)]) if found else reply


def _limited(reply: Reply, limit: int | None) -> Reply:
    if limit is None or reply.tokens <= limit:
        return reply
    if limit == 0:  # all of it went into reasoning
        return Reply(text="", finish="length")
    if reply.calls:
        return replace(reply, calls=tuple(_cut_calls(reply.calls, limit)), finish="length")
    cut = "".join(tokens_of(reply.text or reply.refusal or "")[:limit])
    return replace(reply, text=cut, finish="length") if reply.text else replace(reply, refusal=cut, finish="length")


def _cut_calls(calls: tuple[PersonaCall, ...], limit: int) -> list[PersonaCall]:
    """The calls as far as the tokens reach: the last one's arguments may end in the middle."""
    kept: list[PersonaCall] = []
    for call in calls:
        limit -= count(call.name)
        if limit < 0 and kept:
            break
        arguments = tokens_of(call.arguments)[: max(limit, 0)]
        kept.append(replace(call, arguments="".join(arguments)))
        limit -= len(arguments)
    return kept
