"""Tests of uploads and other forms in two recordings: paired and compared field by field, whatever their boundaries."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from shim.comparison import RecordingsReport, Verdict, compare_recordings
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import recording
from tests.helpers.exchanges import exchange

SOUND_URL = "https://api.openai.com/v1/audio/transcriptions"


def compared(
    folder: Path, control: Iterable[Exchange], candidate: Iterable[Exchange]
) -> tuple[RecordingsReport, list[Verdict]]:
    """The report, and each verdict that wants attention."""
    found: list[Verdict] = []
    files = recording(folder / "control.jsonl", *control), recording(folder / "candidate.jsonl", *candidate)
    report = compare_recordings(*files, on_verdict=lambda each: None if each.ok else found.append(each))
    return report, found


def transcription(boundary: str, **fields: str) -> Exchange:
    """An upload of sound, as a client with that boundary writes it."""
    parts = {'model"': "whisper-1", 'file"; filename="a.wav"\r\nContent-Type: audio/wav': "\x01\x02", **fields}
    told = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    sent = exchange(f"{told}--{boundary}--\r\n".encode(), b'{"text": "Hi"}', url=SOUND_URL, pair_id="")
    headers = (("Content-Type", f"multipart/form-data; boundary={boundary}"),)
    return replace(sent, request=replace(sent.request, headers=headers))


def test_uploads_are_compared_field_by_field(tmp_path: Path) -> None:
    """The same upload is the same with another boundary and order of fields; a field that is lost is told by its name."""
    control = transcription("one1", **{'language"': "en"}), transcription("one2", **{'temperature"': "0"})
    candidate = transcription("two1", **{'temperature"': "0"}), transcription("two2")
    report, (verdict,) = compared(tmp_path, control, candidate)
    assert report.pairing.by["request"] == report.pairing.by["conversation"] == 1
    assert [(each.rule, each.path, each.control) for each in verdict.mismatches] == [
        ("wire.body", "body.language", "en")
    ]


def test_urlencoded_forms_are_compared_field_by_field(tmp_path: Path) -> None:
    """The order of a form's fields is no difference, a value is."""
    kind = (("Content-Type", "application/x-www-form-urlencoded"),)

    def form(body: bytes) -> Exchange:
        sent = exchange(body, b"{}", url="https://api.openai.com/v1/oauth/token", pair_id="p" * len(body))
        return replace(sent, request=replace(sent.request, headers=kind))

    report, (verdict,) = compared(tmp_path, (form(b"a=1&b=2"), form(b"scope=x")), (form(b"b=2&a=1"), form(b"scope=y")))
    assert report.tally.outcomes["wire"] == {"match": 1, "mismatch": 1}
    assert verdict.mismatches[0].path == "body.scope"
