"""Tests of `endpoints.audio`: uploads of recordings, in every format of the answer."""

import io
import wave
from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.endpoints import audio
from tests.testing.fake_openai.asking import Got, ask
from tests.testing.fake_openai.uploading import upload

SPOKEN = "This is talk.mp3. It was transcribed from 32000 bytes."


def transcribe(server: FakeOpenAI, name: str = "talk.mp3", data: bytes = bytes(32_000), **fields: Any) -> Got:
    return upload(server, "/v1/audio/transcriptions", {"model": "whisper-1", **fields}, file=(name, data))


def test_a_recording_is_transcribed(server: FakeOpenAI) -> None:
    """The default answer is a JSON object with the text, which tells the file's name without its folder."""
    got = transcribe(server, "some/where/talk.mp3")
    assert (got.headers["content-type"], got.json) == ("application/json", {"text": SPOKEN})


SRT = """1
00:00:00,000 --> 00:00:01,000
This is talk.mp3.

2
00:00:01,000 --> 00:00:02,000
It was transcribed from 32000 bytes.

"""
VTT = """WEBVTT

00:00:00.000 --> 00:00:01.000
This is talk.mp3.

00:00:01.000 --> 00:00:02.000
It was transcribed from 32000 bytes.

"""


@pytest.mark.parametrize(("wanted", "body"), [("text", f"{SPOKEN}\n"), ("srt", SRT), ("vtt", VTT)])
def test_text_formats_are_plain_text(server: FakeOpenAI, wanted: str, body: str) -> None:
    """text, srt and vtt come as text/plain, which is how clients tell them from JSON."""
    got = transcribe(server, response_format=wanted)
    assert (got.headers["content-type"], got.body.decode()) == ("text/plain; charset=utf-8", body)


def test_verbose_json_has_segments(server: FakeOpenAI) -> None:
    """verbose_json tells language, duration and segments that follow each other."""
    got = transcribe(server, response_format="verbose_json", temperature="0.2", language="de").json
    assert (got["task"], got["language"], got["duration"], got["text"]) == ("transcribe", "de", 2.0, SPOKEN)
    first, second = got["segments"]
    assert (first["start"], first["end"], second["start"], second["end"]) == (0.0, 1.0, 1.0, 2.0)
    assert {one["temperature"] for one in got["segments"]} == {0.2}
    assert "words" not in got


def test_words_come_when_asked_for(server: FakeOpenAI) -> None:
    """`timestamp_granularities[]=word` gives the words, and no segments unless these are asked for too."""
    fields = {"model": "whisper-1", "response_format": "verbose_json", "timestamp_granularities[]": "word"}
    got = upload(server, "/v1/audio/transcriptions", fields, file=("talk.mp3", bytes(32_000))).json
    assert " ".join(one["word"] for one in got["words"]) == SPOKEN
    assert "segments" not in got


def test_a_translation_is_english(server: FakeOpenAI) -> None:
    """The other endpoint says that it translated, into English."""
    fields = {"model": "whisper-1", "response_format": "verbose_json"}
    got = upload(server, "/v1/audio/translations", fields, file=("talk.ogg", b"x" * 100)).json
    assert (got["task"], got["language"]) == ("translate", "english")
    assert "translated from 100 bytes" in got["text"]


def test_a_wav_file_says_how_long_it_is(server: FakeOpenAI) -> None:
    """The duration of a WAV file is read from its header."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(2 * 8000 * 3))
    assert transcribe(server, "a.wav", file.getvalue(), response_format="verbose_json").json["duration"] == 3.0


@pytest.mark.parametrize(
    ("name", "data", "fields", "param", "code"),
    [
        ("talk.txt", b"x", {}, "file", None),
        ("talk", b"x", {}, "file", None),
        ("talk.mp3", b"", {}, "file", "audio_too_short"),
        ("talk.mp3", b"x", {"response_format": "xml"}, "response_format", "invalid_value"),
        ("talk.mp3", b"x", {"temperature": "hot"}, "temperature", "invalid_type"),
        ("talk.mp3", b"x", {"temperature": "nan"}, "temperature", "invalid_type"),
        ("talk.mp3", b"x", {"temperature": "2"}, "temperature", "decimal_above_max_value"),
        ("talk.mp3", b"x", {"voice": "me"}, "voice", "unknown_parameter"),
        ("talk.mp3", b"x", {"model": ""}, None, None),
    ],
)
def test_a_wrong_upload_is_refused(
    server: FakeOpenAI, name: str, data: bytes, fields: Any, param: str | None, code: str | None
) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = transcribe(server, name, data, **fields)
    assert (got.status, got.error["param"], got.error["code"]) == (400, param, code)


def test_a_recording_must_be_there(server: FakeOpenAI) -> None:
    """A form without a file is told which one is missing."""
    got = upload(server, "/v1/audio/transcriptions", {"model": "whisper-1"})
    assert (got.status, got.error["param"]) == (400, "file")


def test_a_recording_too_large_is_refused(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the API's limit an upload gets 413 that tells both sizes."""
    monkeypatch.setattr(audio, "LARGEST", 1000)
    got = transcribe(server)
    assert got.status == 413
    assert "(1000) exceeded (32000 bytes read)" in got.error["message"]


def test_json_is_no_upload(server: FakeOpenAI) -> None:
    """A JSON body gets a 400 that says what was expected."""
    got = ask(server, {"model": "whisper-1"}, path="/v1/audio/transcriptions")
    assert got.status == 400
    assert "the Content-Type must be multipart/form-data, but got 'application/json'" in got.error["message"]


def test_the_model_must_transcribe(server: FakeOpenAI) -> None:
    """A model for something else is not found here."""
    assert transcribe(server, model="gpt-4").status == 404
