"""Tests of `endpoints.subtitles`."""

import pytest

from shim.testing.fake_openai.endpoints.subtitles import TranscriptSegment, srt, vtt


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "00:00:00,000"), (59.9996, "00:01:00,000"), (61.5, "00:01:01,500"), (3661.001, "01:01:01,001")],
)
def test_times_carry_over(seconds: float, written: str) -> None:
    """Thousandths are rounded before minutes and hours are told."""
    line = srt([TranscriptSegment(0, 0.0, seconds, "x")]).splitlines()[1]
    assert line == f"00:00:00,000 --> {written}"


def test_a_web_subtitle_has_a_head_and_no_numbers() -> None:
    """WebVTT begins with its name, and writes thousandths behind a point."""
    assert vtt([TranscriptSegment(0, 0.0, 0.5, "x")]) == "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nx\n\n"
