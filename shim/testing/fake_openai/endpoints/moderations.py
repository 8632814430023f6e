"""The endpoint `/v1/moderations`: says of each text which categories it falls in, by a short list of words.

No model's judgement: a category is flagged where one of its words stands in the text. Shapes and categories per the API
reference, for the older text models and for omni-moderation, which also takes parts.
"""

import re
from typing import Any

from shim.testing.fake_openai.answers import Answer, json_answer
from shim.testing.fake_openai.endpoints.completions import prompts_of
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, anything, check_fields, missing, text, thing, wrong_type

MODERATIONS_PATH = "/v1/moderations"
DEFAULT_MODEL = "omni-moderation-latest"
_WORDS: dict[str, str] = {
    "sexual": r"sex\w*|porn\w*",
    "hate": r"hate\w*|hatred",
    "harassment": r"harass\w*|bully\w*",
    "self-harm": r"suicide|self-harm",
    "sexual/minors": r"(?!)",
    "hate/threatening": r"(?!)",
    "violence/graphic": r"gore|dismember\w*",
    "self-harm/intent": r"kill myself",
    "self-harm/instructions": r"(?!)",
    "harassment/threatening": r"(?!)",
    "violence": r"kill\w*|murder\w*|violence",
}
_OMNI_WORDS: dict[str, str] = {"illicit": r"heroin|explosives?", "illicit/violent": r"(?!)"}
_PARTS = ("text", "image_url")

PARAMETERS: dict[str, Rule] = {"input": anything, "model": text()}


class Moderations:
    """Answers requests for moderation."""

    def __init__(self, *, models: Models) -> None:
        self._models = models

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/moderations`."""
        body = question.body()
        check_fields(body, PARAMETERS, required=("input",))
        model = body.get("model") or DEFAULT_MODEL
        self._models.check(model, Family.MODERATION, path=MODERATIONS_PATH)
        texts = _texts(body["input"])
        answer = {
            "id": f"modr-{question.stamp.number:029d}",
            "model": model,
            "results": [judged(one, omni=model.startswith("omni-")) for one in texts],
        }
        return json_answer(answer)


def judged(said: str, *, omni: bool) -> dict[str, Any]:
    """One result: which categories are flagged, and how sure that is."""
    words = _WORDS | (_OMNI_WORDS if omni else {})
    found = {name: bool(re.search(rf"\b(?:{pattern})\b", said, re.IGNORECASE)) for name, pattern in words.items()}
    scores = {name: 0.9512 if flagged else 0.0001 for name, flagged in found.items()}
    result: dict[str, Any] = {"flagged": any(found.values()), "categories": found, "category_scores": scores}
    if omni:
        result["category_applied_input_types"] = {name: ["text"] for name in found}
    return result


def _texts(given: object) -> list[str]:
    """The texts to judge: each string one, the parts of a message one together."""
    if not isinstance(given, (str, list)):
        raise wrong_type("input", given, expected="a string or an array")
    if isinstance(given, list) and given and all(isinstance(part, dict) for part in given):
        return [" ".join(_part(f"input[{place}]", part) for place, part in enumerate(given))]
    return [prompt.text for prompt in prompts_of(given, name="input")]


def _part(place: str, part: dict[str, Any]) -> str:
    if "type" not in part:
        raise missing(f"{place}.type")
    text(*_PARTS)(f"{place}.type", part["type"])
    if part["type"] not in part:
        raise missing(f"{place}.{part['type']}")
    if part["type"] == "image_url":
        thing()(f"{place}.image_url", part["image_url"])
        return ""
    text()(f"{place}.text", part["text"])
    return str(part["text"])
