"""The endpoint `/v1/embeddings`: texts as vectors, in decimals or as base64 of little-endian floats.

No model's vectors, yet good enough to search with: each word has a direction of its own and a text is the sum of its words,
so texts that share words are near each other. Length 1, dimensions as the named model has, per the API reference.
"""

import base64
import functools
import hashlib
import math
import re
import struct

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.endpoints.completions import prompts_of
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, anything, check_fields, integer, text

EMBEDDINGS_PATH = "/v1/embeddings"
MOST_TOKENS = 8192
# In all vectors of an answer: what the API's own limits come to, 2,048 texts of 3,072 dimensions.
MOST_NUMBERS = 2048 * 3072
_DIMENSIONS = (
    ("text-embedding-3-large", 3072),
    ("text-embedding-", 1536),
    ("ada", 1024),
    ("babbage", 2048),
    ("curie", 4096),
    ("davinci", 12_288),
)

PARAMETERS: dict[str, Rule] = {
    "dimensions": integer(1),
    "encoding_format": text("float", "base64"),
    "input": anything,
    "model": text(),
    "user": text(),
}


class Embeddings:
    """Answers requests for embeddings."""

    def __init__(self, *, models: Models) -> None:
        self._models = models

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/embeddings`."""
        body = question.body()
        if not body.get("model"):
            raise ApiError(400, "you must provide a model parameter")
        check_fields(body, PARAMETERS, required=("input",))
        model = body["model"]
        if not question.azure:
            self._models.check(model, Family.EMBEDDING, path=EMBEDDINGS_PATH)
        size = _dimensions(model, body.get("dimensions"))
        prompts = prompts_of(body["input"], name="input")
        if len(prompts) * size > MOST_NUMBERS:
            message = (
                f"Invalid 'input': at most {MOST_NUMBERS // size} inputs of {size} dimensions, but got {len(prompts)}."
            )
            raise ApiError(400, message, param="input", code="array_above_max_length")
        for prompt in prompts:
            _check_text(prompt.text, tokens=prompt.tokens)
        vectors = [vector_of(prompt.text, dimensions=size) for prompt in prompts]
        written = [_base64(one) if body.get("encoding_format") == "base64" else list(one) for one in vectors]
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(written)]
        used = sum(prompt.tokens for prompt in prompts)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return json_answer({"object": "list", "data": data, "model": model, "usage": usage})


def vector_of(said: str, *, dimensions: int) -> tuple[float, ...]:
    """The vector of a text: of length 1, and exact in 32 bits."""
    totals = list(_background(dimensions))
    for word in re.findall(r"\w+", said.lower()) or [said]:
        for place, step in _steps(word, dimensions):
            totals[place] += step
    length = math.sqrt(sum(one * one for one in totals))
    packed = struct.pack(f"<{dimensions}f", *(one / length for one in totals))
    return struct.unpack(f"<{dimensions}f", packed)


@functools.lru_cache(maxsize=16)
def _background(dimensions: int) -> tuple[float, ...]:
    """What every text has in common: little, and nowhere zero, so that a vector looks like one."""
    noise = hashlib.shake_256(b"background").digest(dimensions)
    return tuple((byte - 127.5) / 20_000 for byte in noise)


@functools.lru_cache(maxsize=4096)
def _steps(word: str, dimensions: int) -> tuple[tuple[int, float], ...]:
    """A direction that is a word's alone: a few coordinates, each one step up or down, as SHA-256 of it says."""
    numbers = struct.unpack("<8I", hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest())
    return tuple((number // 2 % dimensions, 1.0 if number % 2 else -1.0) for number in numbers)


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _dimensions(model: str, wanted: int | None) -> int:
    whole = 1536
    for part, size in _DIMENSIONS:
        if part in model:
            whole = size
            break
    if wanted is None:
        return whole
    if not model.startswith("text-embedding-3"):
        raise ApiError(400, "This model does not support specifying dimensions.", param="dimensions")
    if wanted > whole:
        message = f"Invalid value for 'dimensions' = {wanted}. Must be less than or equal to {whole}."
        raise ApiError(400, message, param="dimensions")
    return wanted


def _check_text(said: str, *, tokens: int) -> None:
    if not said:
        raise ApiError(400, "'$.input' is invalid: an empty string has no embedding.", param="input")
    if tokens > MOST_TOKENS:
        message = (
            f"This model's maximum context length is {MOST_TOKENS} tokens, however you requested {tokens} tokens "
            f"({tokens} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )
        raise ApiError(400, message)
