"""Which recording is in force in the place of openai 0.28, for whoever sends or makes a provider.

Not the recording (`stand_in_recording`), which is imported where one is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shim.compat.openai_v0.stand_in_recording import StandInRecording


class _InForce:
    recording: StandInRecording | None = None


def record_into(recording: StandInRecording | None) -> None:
    """Record from now on; None ends it."""
    _InForce.recording = recording


def recording_in_force() -> StandInRecording | None:
    """What records now."""
    return _InForce.recording
