"""Plans: an answer decided beforehand, told as OpenAI's stream of it and as the whole body of it.

Not the promises (`test_streams`). What a plan holds is what either form must be read as.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.wire.chat.chunks import DONE, USAGE, Payload, call, choice, envelope


@dataclass
class Answer:
    """One choice, being decided."""

    reasoning: str = ""
    content: str = ""
    refusal: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    finish: str = "stop"


@dataclass
class Plan:
    """A whole answer and the chunks of its stream."""

    answers: list[Answer]
    chunks: list[dict[str, Any]]
    reasoning_field: str
    usage: dict[str, Any] | None

    def stream(self) -> list[Payload]:
        """The payloads of the stream."""
        return [*self.chunks, DONE]

    def body(self) -> dict[str, Any]:
        """The body of the whole answer."""
        choices = [self._choice(index, answer) for index, answer in enumerate(self.answers)]
        return envelope(*choices, object="chat.completion", usage=self.usage)

    def _choice(self, index: int, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": answer.content or None,
            "refusal": answer.refusal or None,
            self.reasoning_field: answer.reasoning,
            "tool_calls": answer.calls or None,
        }
        logprobs = {"content": answer.tokens} if answer.tokens else None
        return {"index": index, "message": message, "finish_reason": answer.finish, "logprobs": logprobs}


_steps = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["content", "token", "refusal", "reasoning", "open", "arguments"]),
        st.text(max_size=4),
    ),
    max_size=12,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Answers of one or two choices: text, log probabilities, refusals, reasoning and calls, interleaved."""
    answers = [
        Answer(finish=draw(st.sampled_from(["stop", "length", "tool_calls"]))) for _ in range(draw(st.integers(1, 2)))
    ]
    plan = Plan(
        answers,
        [
            envelope(choice({"role": "assistant", "content": "", "refusal": None}, index=at))
            for at in range(len(answers))
        ],
        draw(st.sampled_from(["reasoning_content", "reasoning"])),
        draw(st.sampled_from([None, USAGE])),
    )
    for index, kind, text in draw(_steps):
        at = index % len(answers)
        delta, logprobs = _step(answers[at], kind, text, plan.reasoning_field)
        plan.chunks.append(envelope(choice(delta, index=at, logprobs=logprobs), obfuscation="x"))
    plan.chunks.extend(envelope(choice({}, index=at, finish=answer.finish)) for at, answer in enumerate(answers))
    if plan.usage is not None:
        plan.chunks.append(envelope(usage=plan.usage))
    return plan


def _step(answer: Answer, kind: str, text: str, reasoning_field: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Add to the answer; return the delta, and its log probabilities, that say so."""
    if kind in {"open", "arguments"}:
        return _call_step(answer, text, opens=kind == "open" or not answer.calls), None
    if kind == "reasoning":
        answer.reasoning += text
        return {reasoning_field: text}, None
    if kind == "refusal":
        answer.refusal += text
        return {"refusal": text}, None
    answer.content += text
    if kind == "content":
        return {"content": text}, None
    answer.tokens.append({"token": text, "logprob": -0.5})
    return {"content": text}, {"content": [{"token": text, "logprob": -0.5}]}


def _call_step(answer: Answer, text: str, *, opens: bool) -> dict[str, Any]:
    if opens:
        position = len(answer.calls)
        answer.calls.append(
            {"id": f"call_{position}", "type": "function", "function": {"name": "look", "arguments": text}}
        )
        return {"tool_calls": [call(position, text, id=f"call_{position}", type="function", name="look")]}
    position = len(text) % len(answer.calls)
    answer.calls[position]["function"]["arguments"] += text
    return {"tool_calls": [call(position, text)]}
