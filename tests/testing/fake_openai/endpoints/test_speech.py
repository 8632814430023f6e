"""Tests of `endpoints.speech`."""

import io
import wave
from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import Got, ask


def speak(server: FakeOpenAI, said: object = "fifteen letters", **fields: Any) -> Got:
    return ask(server, {"model": "tts-1", "input": said, "voice": "alloy", **fields}, path="/v1/audio/speech")


def test_speech_is_mp3_unless_asked_otherwise(server: FakeOpenAI) -> None:
    """The default is whole MP3 frames of a second's length, sent chunked."""
    got = speak(server)
    assert (got.status, got.headers["content-type"]) == (200, "audio/mpeg")
    assert got.headers["transfer-encoding"] == "chunked"
    assert got.body.startswith(b"\xff\xfb")
    assert len(got.body) == 38 * 417


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5)])
def test_a_wav_file_can_be_read(server: FakeOpenAI, speed: float, seconds: float) -> None:
    """A WAV file is as long as its text takes to say at that speed."""
    got = speak(server, response_format="wav", speed=speed)
    with wave.open(io.BytesIO(got.body)) as read:
        assert (read.getnchannels(), read.getframerate()) == (1, 24_000)
        assert read.getnframes() / read.getframerate() == seconds


@pytest.mark.parametrize(
    ("wanted", "content_type", "begins"),
    [
        ("opus", "audio/opus", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1"),
        ("flac", "audio/flac", b"fLaC"),
        ("pcm", "audio/pcm", b"\0\0"),
    ],
)
def test_other_formats_begin_as_they_should(server: FakeOpenAI, wanted: str, content_type: str, begins: bytes) -> None:
    """Each format has its content type and first bytes."""
    got = speak(server, response_format=wanted)
    assert got.headers["content-type"] == content_type
    assert got.body.startswith(begins)


def test_speech_is_bounded(server: FakeOpenAI) -> None:
    """The longest text at the slowest speed is a minute of sound."""
    assert len(speak(server, "x" * 4096, speed=0.25, response_format="pcm").body) == 60 * 48_000


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", "string_below_min_length"),
        ({"input": "x" * 4097}, 400, "input", "string_above_max_length"),
        ({"input": None}, 400, "input", "missing_required_parameter"),
        ({"voice": None}, 400, "voice", "missing_required_parameter"),
        ({"speed": 5}, 400, "speed", "decimal_above_max_value"),
        ({"response_format": "midi"}, 400, "response_format", "invalid_value"),
        ({"model": "gpt-4"}, 404, "model", "model_not_found"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, status: int, param: str, code: str) -> None:
    """What the API would refuse is refused with the field named."""
    got = speak(server, **{"said": fields.pop("input", "x"), **fields})
    assert (got.status, got.error["param"], got.error["code"]) == (status, param, code)
