"""The endpoint `/v1/edits`: a text, changed as an instruction says. Retired by OpenAI in January 2024.

The persona does not understand instructions: it appends what it was told to do, and spells upper, lower or title case where
an instruction names it. Per the API reference of Edits.
"""

from collections.abc import Callable

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.persona.tokens import count
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, check_fields, integer, number, text

EDITS_PATH = "/v1/edits"
_CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "title": str.title}

PARAMETERS: dict[str, Rule] = {
    "input": text(),
    "instruction": text(),
    "model": text(),
    "n": integer(1, 20),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
}


class Edits:
    """Answers requests for edits."""

    def __init__(self, *, models: Models) -> None:
        self._models = models

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/edits`."""
        body = question.body()
        if not body.get("model"):
            raise ApiError(400, "you must provide a model parameter")
        check_fields(body, PARAMETERS, required=("instruction",))
        self._models.check(body["model"], Family.EDIT, path=EDITS_PATH)
        before = body.get("input") or ""
        edited = _edited(before, body["instruction"])
        n = body.get("n") or 1
        asked, written = count(before) + count(body["instruction"]), n * count(edited)
        answer = {
            "object": "edit",
            "created": question.stamp.created,
            "choices": [{"text": f"{edited}\n", "index": index} for index in range(n)],
            "usage": {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written},
        }
        return json_answer(answer)


def _edited(before: str, instruction: str) -> str:
    change = next((case for word, case in _CASES.items() if word in instruction.lower()), None)
    return change(before) if change else f"{before} ({instruction})".strip()
