"""The endpoints `/v1/audio/transcriptions` and `/v1/audio/translations`: an uploaded recording as text.

Nothing is listened to: the text tells the recording's name and size, over as many seconds as a WAV file says it has, or as
128 kbit/s would take. Not how subtitles are written (`subtitles`) nor speech (`speech`). Per the API reference of Audio:
formats json, text, srt, vtt and verbose_json.
"""

import io
import wave
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer, text_answer
from shim.testing.fake_openai.endpoints.subtitles import TranscriptSegment, srt, vtt
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.multipart import Upload, with_numbers
from shim.testing.fake_openai.persona.tokens import count
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, array, check_fields, missing, number, text

TRANSCRIPTIONS_PATH = "/v1/audio/transcriptions"
TRANSLATIONS_PATH = "/v1/audio/translations"
EXTENSIONS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
LARGEST = 25 * 1024 * 1024
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
BYTES_PER_SECOND = 16_000

PARAMETERS: dict[str, Rule] = {
    "language": text(),
    "model": text(),
    "prompt": text(),
    "response_format": text(*FORMATS),
    "temperature": number(0, 1),
    "timestamp_granularities": array(2),
}


class Audio:
    """Answers uploads of recordings."""

    def __init__(self, *, models: Models) -> None:
        self._models = models

    def transcribe(self, question: Question) -> Answer:
        """Answer `POST /v1/audio/transcriptions`."""
        return self._answered(question, task="transcribe", path=TRANSCRIPTIONS_PATH)

    def translate(self, question: Question) -> Answer:
        """Answer `POST /v1/audio/translations`."""
        return self._answered(question, task="translate", path=TRANSLATIONS_PATH)

    def _answered(self, question: Question, *, task: str, path: str) -> Answer:
        form = question.form()
        fields = with_numbers(form.fields, decimals=("temperature",))
        if not fields.get("model"):
            raise ApiError(400, "you must provide a model parameter")
        check_fields(fields, PARAMETERS)
        if not question.azure:
            self._models.check(fields["model"], Family.TRANSCRIPTION, path=path)
        recording = _checked(form.files.get("file"))
        segments = _segments(recording, task=task)
        return _WRITERS[fields.get("response_format") or "json"](segments, fields | {"task": task})


def _checked(recording: Upload | None) -> Upload:
    if recording is None:
        raise missing("file")
    if PurePath(recording.filename).suffix[1:].lower() not in EXTENSIONS:
        raise ApiError(400, f"Unrecognized file format. Supported formats: {list(EXTENSIONS)}", param="file")
    if len(recording.data) > LARGEST:
        message = f"Maximum content size limit ({LARGEST}) exceeded ({len(recording.data)} bytes read)"
        raise ApiError(413, message, kind="server_error")
    if not recording.data:
        message = "Audio file is too short. Minimum audio length is 0.1 seconds."
        raise ApiError(400, message, param="file", code="audio_too_short")
    return recording


def _segments(recording: Upload, *, task: str) -> list[TranscriptSegment]:
    name = PurePath(recording.filename.replace("\\", "/")).name
    verb = "translated" if task == "translate" else "transcribed"
    sentences = (f"This is {name}.", f"It was {verb} from {len(recording.data)} bytes.")
    share = _seconds(recording.data) / len(sentences)
    return [
        TranscriptSegment(place, round(place * share, 2), round((place + 1) * share, 2), said)
        for place, said in enumerate(sentences)
    ]


def _seconds(data: bytes) -> float:
    try:
        with wave.open(io.BytesIO(data)) as read:
            frames, rate = int(read.getnframes()), int(read.getframerate())
            return frames / rate
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(data) / BYTES_PER_SECOND


def _text(segments: list[TranscriptSegment]) -> str:
    return " ".join(segment.text for segment in segments)


def _verbose(segments: list[TranscriptSegment], fields: dict[str, Any]) -> Answer:
    wanted = fields.get("timestamp_granularities") or ["segment"]
    translated = fields["task"] == "translate"
    answer = {
        "task": fields["task"],
        "language": "english" if translated else fields.get("language") or "english",
        "duration": segments[-1].end,
        "text": _text(segments),
    }
    if "word" in wanted:
        answer["words"] = [word for segment in segments for word in _words(segment)]
    if "segment" in wanted:
        answer["segments"] = [_detailed(segment, temperature=fields.get("temperature") or 0.0) for segment in segments]
    return json_answer(answer)


def _words(segment: TranscriptSegment) -> list[dict[str, Any]]:
    words = segment.text.split()
    share = (segment.end - segment.start) / len(words)
    starts = [segment.start + place * share for place in range(len(words))]
    return [
        {"word": word, "start": round(start, 2), "end": round(start + share, 2)}
        for word, start in zip(words, starts, strict=True)
    ]


def _detailed(segment: TranscriptSegment, *, temperature: float) -> dict[str, Any]:
    return {
        "id": segment.number,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": f" {segment.text}",
        "tokens": [50364 + place for place in range(count(segment.text))],
        "temperature": temperature,
        "avg_logprob": -0.25,
        "compression_ratio": 0.9,
        "no_speech_prob": 0.01,
    }


_WRITERS: dict[str, Callable[[list[TranscriptSegment], dict[str, Any]], Answer]] = {
    "json": lambda segments, _: json_answer({"text": _text(segments)}),
    "text": lambda segments, _: text_answer(f"{_text(segments)}\n"),
    "srt": lambda segments, _: text_answer(srt(segments)),
    "vtt": lambda segments, _: text_answer(vtt(segments)),
    "verbose_json": _verbose,
}
