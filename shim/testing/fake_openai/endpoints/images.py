"""The endpoints `/v1/images/generations`, `edits` and `variations`, and `/images/{id}`, from where a picture is fetched.

A picture has the size that was asked for and one colour, which the prompt decides. Its address says both, so none is
remembered. Per the API reference of Images, for dall-e-2, dall-e-3 and gpt-image models; a prompt with "refuse" is refused.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.endpoints.png import picture, size_of
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.multipart import Upload, with_numbers
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, check_fields, integer, missing, text

IMAGES_PATH = "/v1/images"
FETCHED_IMAGE_PATH = "/images/{id}"
LARGEST_UPLOAD = 4 * 1024 * 1024
_ADDRESS = re.compile(r"(\d{3,4})x(\d{3,4})-([0-9a-f]{6})-\d+\.png")


@dataclass(frozen=True)
class _Model:
    """What a family of models takes: sizes, the default first, the longest prompt, and how many pictures."""

    sizes: tuple[str, ...]
    longest_prompt: int
    most: int = 10


_DALL_E_2 = _Model(("1024x1024", "512x512", "256x256"), 1000)
_DALL_E_3 = _Model(("1024x1024", "1792x1024", "1024x1792"), 4000, most=1)
_GPT_IMAGE = _Model(("1024x1024", "1536x1024", "1024x1536", "auto"), 32_000)

_UPLOADED: dict[str, Rule] = {
    "model": text(),
    "n": integer(1, 10),
    "response_format": text("url", "b64_json"),
    "size": text(),
    "user": text(),
}
_EDITED = _UPLOADED | {"prompt": text()}
PARAMETERS = _EDITED | {
    "background": text("auto", "opaque", "transparent"),
    "moderation": text("auto", "low"),
    "output_compression": integer(0, 100),
    "output_format": text("png"),
    "quality": text("standard", "hd", "auto", "low", "medium", "high"),
    "style": text("vivid", "natural"),
}


class Images:
    """Answers requests for pictures. `origin` says under which scheme, host and port they are fetched."""

    def __init__(self, *, models: Models, origin: Callable[[], str]) -> None:
        self._models = models
        self._origin = origin

    def generate(self, question: Question) -> Answer:
        """Answer `POST /v1/images/generations`."""
        return json_answer(self.generated(question))

    def generated(self, question: Question) -> dict[str, Any]:
        """The pictures that a request describes, as the answer lists them."""
        body = question.body()
        check_fields(body, PARAMETERS, required=("prompt",))
        return self._made(body, question, prompt=body["prompt"])

    def edit(self, question: Question) -> Answer:
        """Answer `POST /v1/images/edits`: a form with `image`, `prompt` and perhaps `mask`."""
        form = question.form()
        fields = with_numbers(form.fields, integers=("n",))
        check_fields(fields, _EDITED, required=("prompt",))
        size = _uploaded_size("image", form.files.get("image"))
        if "mask" in form.files and _uploaded_size("mask", form.files["mask"]) != size:
            raise ApiError(400, "Uploaded mask must have the same size as the image.", param="mask")
        return json_answer(self._made(fields, question, prompt=fields["prompt"]))

    def vary(self, question: Question) -> Answer:
        """Answer `POST /v1/images/variations`: a form with `image`."""
        form = question.form()
        fields = with_numbers(form.fields, integers=("n",))
        check_fields(fields, _UPLOADED)
        _uploaded_size("image", form.files.get("image"))
        return json_answer(self._made(fields, question, prompt=hashlib.sha256(form.files["image"].data).hexdigest()))

    def fetch(self, question: Question) -> Answer:
        """Answer `GET /images/{id}` with the picture that its address describes."""
        found = _ADDRESS.fullmatch(question.identifier)
        if found is None:
            raise ApiError(404, f"Invalid URL (GET {question.request.path})")
        data = picture(int(found[1]), int(found[2]), colour=bytes.fromhex(found[3]))
        return Answer(200, (("content-type", "image/png"), ("content-length", str(len(data)))), (data,))

    def _made(self, fields: dict[str, Any], question: Question, *, prompt: str) -> dict[str, Any]:
        model = fields.get("model") or "dall-e-2"
        if not question.azure:
            self._models.check(model, Family.IMAGE, path=question.address.path)
        takes = _checked(fields, model, prompt=prompt)
        size = fields.get("size") or takes.sizes[0]
        width, height = map(int, (takes.sizes[0] if size == "auto" else size).split("x"))
        as_base64 = takes is _GPT_IMAGE or fields.get("response_format") == "b64_json"
        data = []
        for number in range(fields.get("n") or 1):
            colour = hashlib.sha256(f"{prompt} {number}".encode("utf-8", "surrogatepass")).digest()[:3]
            one = self._picture(width, height, colour=colour, number=question.stamp.number, as_base64=as_base64)
            data.append(one | ({"revised_prompt": prompt} if takes is _DALL_E_3 else {}))
        return {"created": question.stamp.created, "data": data}

    def _picture(self, width: int, height: int, *, colour: bytes, number: int, as_base64: bool) -> dict[str, Any]:
        if as_base64:
            return {"b64_json": base64.b64encode(picture(width, height, colour=colour)).decode("ascii")}
        return {"url": f"{self._origin()}/images/{width}x{height}-{colour.hex()}-{number}.png"}


def _checked(fields: dict[str, Any], model: str, *, prompt: str) -> _Model:
    """What the model takes; ApiError 400 for what it does not."""
    takes = _GPT_IMAGE if model.startswith("gpt-image") else _DALL_E_3 if model.startswith("dall-e-3") else _DALL_E_2
    size = fields.get("size")
    if size is not None and size not in takes.sizes:
        listed = ", ".join(f"'{one}'" for one in takes.sizes)
        raise ApiError(400, f"'{size}' is not one of {listed} - 'size'", param="size", code="invalid_value")
    if (fields.get("n") or 1) > takes.most:
        message = f"Invalid 'n': this model makes {takes.most} picture at a time, but got {fields['n']} instead."
        raise ApiError(400, message, param="n", code="invalid_value")
    if takes is _GPT_IMAGE and "response_format" in fields:
        message = "Unknown parameter: 'response_format'."
        raise ApiError(400, message, param="response_format", code="unknown_parameter")
    if not 0 < len(prompt) <= takes.longest_prompt:
        message = f"Invalid 'prompt': expected 1 to {takes.longest_prompt} characters, but got {len(prompt)} instead."
        raise ApiError(400, message, param="prompt", code="invalid_value")
    if "refuse" in prompt.lower():
        message = "Your request was rejected as a result of our safety system."
        raise ApiError(400, message, code="content_policy_violation")
    return takes


def _uploaded_size(name: str, upload: Upload | None) -> tuple[int, int]:
    if upload is None:
        raise missing(name)
    size = size_of(upload.data)
    if size is None or len(upload.data) > LARGEST_UPLOAD:
        raise ApiError(400, "Uploaded image must be a PNG and less than 4 MB.", param=name)
    if size[0] != size[1]:
        raise ApiError(400, f"Uploaded image must be square, but got {size[0]}x{size[1]}.", param=name)
    return size
