"""The endpoint `/v1/audio/speech`: a text as sound, which is silence as long as the text would take to say.

mp3, wav and pcm can be played. opus, aac and flac begin as such files do and hold nothing more. Per the API reference of
Audio: 24 kHz, 16 bits, one channel for wav and pcm.
"""

import io
import wave
from collections.abc import Callable

from shim.testing.fake_openai.answers import Answer, ApiError
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import Rule, any_of, check_fields, number, text, thing

SPEECH_PATH = "/v1/audio/speech"
LONGEST_INPUT = 4096
RATE = 24_000
CHARACTERS_PER_SECOND = 15
# Of silence enough: 3 MB where it is not compressed.
LONGEST_SECONDS = 60
# MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo: a frame whose side information is zero is silent. It lasts 1152 samples.
_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
_MP3_FRAMES_PER_SECOND = 44_100 / 1152

PARAMETERS: dict[str, Rule] = {
    "input": text(),
    "instructions": text(),
    "model": text(),
    "response_format": text("mp3", "opus", "aac", "flac", "wav", "pcm"),
    "speed": number(0.25, 4.0),
    "stream_format": text("audio"),
    "voice": any_of(text(), thing()),
}


class Speech:
    """Answers requests for speech."""

    def __init__(self, *, models: Models) -> None:
        self._models = models

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/audio/speech`, chunked."""
        body = question.body()
        check_fields(body, PARAMETERS, required=("model", "input", "voice"))
        if not question.azure:
            self._models.check(body["model"], Family.SPEECH, path=SPEECH_PATH)
        said = body["input"]
        if not 0 < len(said) <= LONGEST_INPUT:
            code = "string_above_max_length" if said else "string_below_min_length"
            message = f"Invalid 'input': expected a string of 1 to {LONGEST_INPUT} characters, but got {len(said)}."
            raise ApiError(400, message, param="input", code=code)
        seconds = min(len(said) / CHARACTERS_PER_SECOND / (body.get("speed") or 1), LONGEST_SECONDS)
        content_type, write = _FORMATS[body.get("response_format") or "mp3"]
        return Answer(200, (("content-type", content_type),), (write(seconds),))


def _mp3(seconds: float) -> bytes:
    return _MP3_FRAME * max(1, round(seconds * _MP3_FRAMES_PER_SECOND))


def _pcm(seconds: float) -> bytes:
    return bytes(2 * max(1, round(seconds * RATE)))


def _wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(_pcm(seconds))
    return file.getvalue()


_FORMATS: dict[str, tuple[str, Callable[[float], bytes]]] = {
    "mp3": ("audio/mpeg", _mp3),
    "wav": ("audio/wav", _wav),
    "pcm": ("audio/pcm", _pcm),
    "opus": ("audio/opus", lambda _: b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead"),
    "aac": ("audio/aac", lambda _: b"\xff\xf1\x50\x80\x00\x1f\xfc"),
    "flac": ("audio/flac", lambda _: b"fLaC\x80\x00\x00\x22" + bytes(34)),
}
