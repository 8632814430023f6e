"""Azure's content filter: its results beside prompts and choices, its own first chunk, and the prompts it refuses.

Results are always "safe", except that a prompt with the words "content filter" is refused. As Azure streams them: a first
chunk without id, model or choices that judges the prompt; an opener whose result is empty; then a result with every delta.
"""

from typing import Any

from shim.testing.fake_openai.answers import ApiError

CATEGORIES = ("hate", "self_harm", "sexual", "violence")
TRIGGER = "content filter"


def check_prompt(text: str) -> None:
    """Raise the ApiError 400 for a prompt that the filter refuses."""
    if TRIGGER not in text.lower():
        return
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry."
    )
    judged = safe_results() | {"violence": {"filtered": True, "severity": "high"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": judged}
    error = {
        "message": message,
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": inner,
    }
    raise ApiError(400, message, body={"error": error})


def filtered(answer: dict[str, Any]) -> dict[str, Any]:
    """A whole completion, of chat or text, with the filter's results."""
    choices = [{**choice, "content_filter_results": safe_results()} for choice in answer["choices"]]
    return {**answer, "choices": choices, "prompt_filter_results": _prompt_results()}


def filtered_chunks(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chunks of a stream, of chat or text, behind Azure's first one, each with the filter's results."""
    first = {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [],
        "prompt_filter_results": _prompt_results(),
    }
    return [first, *({**chunk, "choices": [_judged(choice) for choice in chunk["choices"]]} for chunk in chunks)]


def safe_results() -> dict[str, Any]:
    """The result that found nothing."""
    return {category: {"filtered": False, "severity": "safe"} for category in CATEGORIES}


def _judged(choice: dict[str, Any]) -> dict[str, Any]:
    delta = choice.get("delta")
    written = choice.get("text") if delta is None else delta.get("content")
    return {**choice, "content_filter_results": safe_results() if written else {}}


def _prompt_results() -> list[dict[str, Any]]:
    return [{"prompt_index": 0, "content_filter_results": safe_results()}]
