"""The endpoint `/v1/completions`: text that goes on from a prompt, whole or streamed.

Not how it is written (`completion_objects`) nor what is said, which is the persona's. Per the API reference of Completions:
several prompts, of text or of tokens; `n` of `best_of`, `echo`, `suffix`, `stop`, `logprobs`, and 16 tokens unless more are
asked for. Any model serves `suffix`.
"""

from dataclasses import dataclass, replace
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer, stream_answer
from shim.testing.fake_openai.azure import content_filter
from shim.testing.fake_openai.chat.steady import STEADY_TEXT, pace_for
from shim.testing.fake_openai.endpoints.completion_objects import (
    CompletionChoice,
    chunks_of,
    completion_of,
    steady_completion,
)
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.persona.replies import Reply, replies_to
from shim.testing.fake_openai.persona.tokens import count, tokens_of
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import (
    Rule,
    any_of,
    array,
    boolean,
    check_fields,
    integer,
    kind,
    number,
    text,
    thing,
)

COMPLETIONS_PATH = "/v1/completions"
DEFAULT_MAX_TOKENS = 16
# Over all prompts of a request, so that none keeps the server busy for long.
MOST_CHOICES = 2048
# What the API completes where a request has no prompt.
_NO_PROMPT = "<|endoftext|>"
# How many tokens prompt and completion may have together: a model's name begins so, the last is for every other.
_CONTEXT = (
    ("code-davinci-002", 8001),
    ("text-davinci-", 4097),
    ("gpt-", 4097),
    ("davinci-002", 16_384),
    ("babbage-002", 16_384),
    ("text-", 2049),
    ("code-", 2049),
    ("davinci", 2049),
    ("curie", 2049),
    ("babbage", 2049),
    ("ada", 2049),
)


@dataclass(frozen=True)
class Prompt:
    """One prompt: its text, made up where tokens were sent, and its length in tokens."""

    text: str
    tokens: int


def _prompt_rule(name: str, value: object) -> None:
    prompts_of(value, name=name)


PARAMETERS: dict[str, Rule] = {
    "best_of": integer(1, 20),
    "echo": boolean(),
    "frequency_penalty": number(-2, 2),
    "logit_bias": thing(),
    "logprobs": integer(0, 5),
    "max_tokens": integer(0),
    "model": text(),
    "n": integer(1, 128),
    "presence_penalty": number(-2, 2),
    "prompt": _prompt_rule,
    "seed": integer(),
    "stop": any_of(text(), array(4)),
    "stream": boolean(),
    "stream_options": thing(),
    "suffix": text(),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "user": text(),
}


class Completions:
    """Answers requests for completions. `delay`: seconds between the events of a stream."""

    def __init__(self, *, models: Models, delay: float) -> None:
        self._models = models
        self._delay = delay

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/completions`."""
        body = question.body()
        if not body.get("model"):
            raise ApiError(400, "you must provide a model parameter")
        check_fields(body, PARAMETERS)
        if not question.azure:
            self._models.check(body["model"], Family.COMPLETION, path=COMPLETIONS_PATH)
        _check_companions(body)
        streamed = bool(body.get("stream")) and not question.as_json
        pace = pace_for(body["model"]) if streamed else None
        if pace is not None:
            return steady_completion(body, events=pace.events, text=STEADY_TEXT, interval=pace.interval)
        return self._answered(body, question, streamed=streamed)

    def _answered(self, body: dict[str, Any], question: Question, *, streamed: bool) -> Answer:
        prompts = prompts_of(_NO_PROMPT if body.get("prompt") is None else body["prompt"])
        _check_count(body, prompts)
        for prompt in prompts:
            _check_length(body, prompt)
            if question.azure:
                content_filter.check_prompt(prompt.text)
        choices, usage = _completed(body, prompts, number=question.stamp.number)
        if streamed:
            chunks = chunks_of(body, choices, stamp=question.stamp, usage=usage)
            chunks = content_filter.filtered_chunks(chunks) if question.azure else chunks
            return stream_answer(chunks, interval=self._delay)
        whole = completion_of(body, choices, stamp=question.stamp, usage=usage)
        return json_answer(content_filter.filtered(whole) if question.azure else whole)


def prompts_of(value: object, *, name: str = "prompt") -> list[Prompt]:
    """The prompts of a request: a string, strings, tokens, or several lists of tokens; ApiError 400 for anything else."""
    if isinstance(value, str):
        return [Prompt(value, count(value))]
    if not isinstance(value, list):
        message = f"Invalid type for '{name}': expected a string or an array, but got {kind(value)} instead."
        raise ApiError(400, message, param=name, code="invalid_type")
    array(2048)(name, value)
    if all(isinstance(one, str) for one in value):
        return [Prompt(one, count(one)) for one in value]
    if _are_tokens(value):
        return [_of_tokens(value)]
    if all(isinstance(one, list) and one and _are_tokens(one) for one in value):
        return [_of_tokens(one) for one in value]
    message = f"'$.{name}' is invalid: expected strings, tokens, or arrays of tokens, all of one kind."
    raise ApiError(400, message, param=name)


def _are_tokens(values: list[Any]) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in values)


def _of_tokens(tokens: list[int]) -> Prompt:
    """What tokens stand for is known to a tokenizer alone: here each is shown as its number."""
    return Prompt("".join(f"<{token}>" for token in tokens), len(tokens))


def _completed(
    body: dict[str, Any], prompts: list[Prompt], *, number: int
) -> tuple[list[CompletionChoice], dict[str, int]]:
    n = body.get("n") or 1
    best_of = max(body.get("best_of") or n, n)
    echo = bool(body.get("echo"))
    choices: list[CompletionChoice] = []
    written = 0
    for prompt in prompts:
        replies = _replies(body, prompt, n=best_of, number=number)
        written += sum(reply.tokens for reply in replies)
        choices += [
            _choice(prompt, one, echo=echo, index=len(choices) + place) for place, one in enumerate(replies[:n])
        ]
    asked = sum(prompt.tokens for prompt in prompts)
    return choices, {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}


def _replies(body: dict[str, Any], prompt: Prompt, *, n: int, number: int) -> list[Reply]:
    limit = body.get("max_tokens")
    asked = {
        "model": body["model"],
        "messages": [{"role": "user", "content": prompt.text}],
        "n": n,
        "stop": body.get("stop"),
        "max_tokens": DEFAULT_MAX_TOKENS if limit is None else limit,
    }
    return [replace(one, text=one.text or one.refusal or "", refusal=None) for one in replies_to(asked, number=number)]


def _choice(prompt: Prompt, reply: Reply, *, echo: bool, index: int) -> CompletionChoice:
    # A model goes on where the prompt ends: with a blank.
    written = tokens_of(f" {reply.text}" if reply.text else "")
    echoed = tokens_of(prompt.text) if echo else []
    start = 0 if echoed else len(prompt.text)
    return CompletionChoice(index, tuple(echoed + written), reply.finish, start=start, echoed=len(echoed))


def _check_companions(body: dict[str, Any]) -> None:
    n, best_of = body.get("n") or 1, body.get("best_of")
    if best_of is not None and best_of < n:
        raise ApiError(400, f"You requested that the server return more choices than it will generate: n is {n} and "
                       f"best_of is {best_of}. Make best_of at least n.", param="best_of")  # fmt: skip
    if best_of is not None and best_of > n and body.get("stream"):
        raise ApiError(400, "You cannot stream results with best_of greater than n.", param="best_of")
    if body.get("echo") and body.get("suffix") is not None:
        raise ApiError(400, "You cannot use echo together with suffix.", param="suffix")
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ApiError(400, message, param="stream_options")


def _check_count(body: dict[str, Any], prompts: list[Prompt]) -> None:
    name = "best_of" if body.get("best_of") else "n"
    wanted = len(prompts) * (body.get(name) or 1)
    if wanted > MOST_CHOICES:
        message = (
            f"Invalid '{name}': {len(prompts)} prompts would make {wanted} choices, and {MOST_CHOICES} is the most."
        )
        raise ApiError(400, message, param=name, code="invalid_value")


def _check_length(body: dict[str, Any], prompt: Prompt) -> None:
    given = body.get("max_tokens")
    wanted = DEFAULT_MAX_TOKENS if given is None else given
    most = next((size for name, size in _CONTEXT if body["model"].startswith(name)), 4097)
    if prompt.tokens + wanted > most:
        message = (
            f"This model's maximum context length is {most} tokens, however you requested {prompt.tokens + wanted} tokens "
            f"({prompt.tokens} in your prompt; {wanted} for the completion). Please reduce your prompt; or completion length."
        )
        raise ApiError(400, message)
