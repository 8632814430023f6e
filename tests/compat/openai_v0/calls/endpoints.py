"""Calls of the other endpoints, blocking and async.

Not what is answered (`replies`). Runs in the old library's environment too: nothing but the standard library and `requests`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

from tests.compat.openai_v0.calls.scripts import (
    CALLS,
    Call,
    adrained,
    azure,
    call,
    one_by_one,
    words_of,
)


def _file(name: str = "voice.mp3") -> io.BytesIO:
    file = io.BytesIO(b"bytes")
    file.name = name
    return file


OTHERS: dict[str, Call] = {
    "completion": lambda openai: openai.Completion.create(model="m", prompt=["a", "b"], max_tokens=1, logprobs=1),
    "completion@engine": lambda openai: openai.Completion.create(engine="davinci", prompt="p"),
    "stream_text": lambda openai: one_by_one(openai.Completion.create(model="m", prompt="p", stream=True)),
    "embedding": lambda openai: openai.Embedding.create(model="ada", input=["a"]),
    "embedding@engine": lambda openai: openai.Embedding.create(engine="ada", input="a"),
    "embedding@base64": lambda openai: openai.Embedding.create(model="ada", input="a", encoding_format="base64"),
    "embedding@float": lambda openai: openai.Embedding.create(model="ada", input="a", encoding_format="float"),
    "embedding_list": lambda openai: openai.Embedding.create(model="ada", input="a"),
    "moderation": lambda openai: openai.Moderation.create("text"),
    "moderation@model": lambda openai: openai.Moderation.create(["t"], "text-moderation-latest", "sk-m"),
    "moderation@bad model": lambda openai: openai.Moderation.create("text", model="omni"),
    "models": lambda openai: openai.Model.list(),
    "models@account": lambda openai: openai.Model.list("sk-l", "rq", None, "org", limit=3, after=None),
    "model": lambda openai: openai.Model.retrieve("ft:gpt/1"),
    "deleted": lambda openai: openai.Model.delete("m-1"),
    "engines": lambda openai: openai.Engine.list(),
    "engine": lambda openai: openai.Engine.retrieve("davinci"),
    "engine@generate": lambda openai: openai.Engine("davinci").generate(prompt="p"),
    "edit": lambda openai: openai.Edit.create(model="e", input="i", instruction="fix"),
    "audio": lambda openai: openai.Audio.transcribe("whisper-1", _file(), language="en", temperature=0),
    "audio@translate": lambda openai: openai.Audio.translate("whisper-1", _file()),
    "audio_text": lambda openai: openai.Audio.transcribe("whisper-1", _file(), response_format="text"),
    "audio@raw": lambda openai: openai.Audio.transcribe_raw("whisper-1", b"bytes", "v.wav"),
    "audio@no name": lambda openai: openai.Audio.transcribe("whisper-1", b"bytes"),
    "image": lambda openai: openai.Image.create(prompt="p", n=1, size="256x256"),
    "image@edit": lambda openai: openai.Image.create_edit(image=b"png", mask=b"m", prompt="p", n="1"),
    "image@variation": lambda openai: openai.Image.create_variation(image=b"png", n="2", size="s"),
    "file": lambda openai: openai.File.create(file=io.BytesIO(b"{}"), purpose="fine-tune"),
    "file@named": lambda openai: openai.File.create(b"{}", "fine-tune", user_provided_filename="a.jsonl", model="m"),
    "file@retrieve": lambda openai: openai.File.retrieve("file-1"),
    "file@delete": lambda openai: openai.File.delete("file-1"),
    "files": lambda openai: openai.File.list(),
    "files@matching": lambda openai: openai.File.find_matching_files("/x/a.jsonl", 3, "p"),
    "download": lambda openai: openai.File.download("file-1"),
    "status_404@download": lambda openai: openai.File.download("file-1"),
    "fine_tune": lambda openai: openai.FineTune.create(training_file="f", model="ada"),
    "fine_tune@retrieve": lambda openai: openai.FineTune.retrieve("ft-1"),
    "fine_tune@cancel": lambda openai: openai.FineTune.cancel("ft-1"),
    "fine_tunes": lambda openai: openai.FineTune.list(),
    "fine_tunes@events": lambda openai: openai.FineTune.list_events("ft-1"),
    "fine_tune_events": lambda openai: one_by_one(openai.FineTune.stream_events("ft-1")),
    "job": lambda openai: openai.FineTuningJob.create(training_file="f", model="gpt-3.5-turbo"),
    "job@retrieve": lambda openai: openai.FineTuningJob.retrieve("ftjob-1"),
    "job@cancel": lambda openai: openai.FineTuningJob.cancel("ftjob-1"),
    "jobs": lambda openai: openai.FineTuningJob.list(limit=2),
    "jobs@events": lambda openai: openai.FineTuningJob.list_events("ftjob-1", limit=2),
    "jobs@paging": lambda openai: list(openai.FineTuningJob.auto_paging_iter()),
    "chat@customer": lambda openai: openai.Customer.create("c", "do", x=1),
    "chat@deployment list": lambda openai: openai.Deployment.list(),
    "chat@deployment make": lambda openai: openai.Deployment.create(model="m"),
}
CALLS.update(OTHERS)


@call("model@azure list")
def _(openai: Any) -> Any:
    azure(openai)
    return [
        openai.Model.retrieve("m"),
        words_of(lambda: openai.Deployment.create(model="m", scale_settings={"scale_type": "manual"})),
        openai.Deployment.create(model="m", scale_settings={"scale_type": "standard"}),
        openai.Embedding.create(engine="e", input="x", encoding_format="float"),
        words_of(lambda: openai.Edit.create(engine="e", input="x", instruction="y")),
    ]


@call("audio@azure")
def _(openai: Any) -> Any:
    azure(openai)
    return openai.Audio.transcribe("whisper-1", _file(), deployment_id="w")


AWAITED: dict[str, Callable[[Any], Any]] = {
    "completion": lambda openai: openai.Completion.acreate(model="m", prompt="p"),
    "embedding": lambda openai: openai.Embedding.acreate(model="ada", input="a"),
    "moderation": lambda openai: openai.Moderation.acreate("text"),
    "models": lambda openai: openai.Model.alist(),
    "model": lambda openai: openai.Model.aretrieve("m"),
    "edit": lambda openai: openai.Edit.acreate(model="e", input="i", instruction="x"),
    "audio": lambda openai: openai.Audio.atranscribe("whisper-1", _file()),
    "image": lambda openai: openai.Image.acreate(prompt="p"),
    "image@variation": lambda openai: openai.Image.acreate_variation(image=b"png", n="1"),
    "file": lambda openai: openai.File.acreate(b"{}", "fine-tune"),
    "fine_tunes": lambda openai: openai.FineTune.alist(),
    "jobs": lambda openai: openai.FineTuningJob.alist(),
    "job": lambda openai: openai.FineTuningJob.acreate(training_file="f", model="m"),
}
for _name, _act in AWAITED.items():

    @call(f"{_name} async" if "@" in _name else f"{_name}@async")
    def _(openai: Any, act: Callable[[Any], Any] = _act) -> Any:
        async def main() -> Any:
            return await act(openai)

        return asyncio.run(main())


CALLS["stream_text@async"] = lambda openai: asyncio.run(
    adrained(openai, "Completion", {"model": "m", "prompt": "p", "stream": True})
)
