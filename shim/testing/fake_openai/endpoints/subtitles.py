"""Writes the segments of a recording as subtitles: SubRip (srt) and WebVTT (vtt).

Not where segments come from (`audio`). Times are hours:minutes:seconds, thousandths behind a comma in SubRip and behind a
point in WebVTT (W3C WebVTT section 4.4).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TranscriptSegment:
    """What is said from `start` to `end`, in seconds."""

    number: int
    start: float
    end: float
    text: str


def srt(segments: Iterable[TranscriptSegment]) -> str:
    """The segments as SubRip."""
    return "".join(f"{one.number + 1}\n{_span(one, mark=',')}\n{one.text}\n\n" for one in segments)


def vtt(segments: Iterable[TranscriptSegment]) -> str:
    """The segments as WebVTT."""
    return "WEBVTT\n\n" + "".join(f"{_span(one, mark='.')}\n{one.text}\n\n" for one in segments)


def _span(segment: TranscriptSegment, *, mark: str) -> str:
    return f"{_time(segment.start, mark=mark)} --> {_time(segment.end, mark=mark)}"


def _time(seconds: float, *, mark: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}{mark}{thousandths:03}"
