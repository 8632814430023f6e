"""The native provider with a tap to a file that covers the conversation: what people wrote and models answered.

Not the tap with the recorder's own rules (`native_tapped`).
"""

from __future__ import annotations

from bench.clients import measure
from bench.clients.native_tapped import TappedLoop
from shim.comparison import Redaction
from shim.recording.redaction.redaction import CONVERSATION_PATHS


def make(job: measure.Job) -> TappedLoop:
    """Make the provider and its tap."""
    return TappedLoop(job, redaction=Redaction(body_paths=CONVERSATION_PATHS))


if __name__ == "__main__":
    measure.run(make)
