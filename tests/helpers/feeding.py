"""Feeding: one input given to a decoder whole, byte by byte, and with more data behind it.

Not a case table: each parser test brings its own inputs and expectations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Output = TypeVar("Output")
Output_co = TypeVar("Output_co", covariant=True)


class Decoder(Protocol[Output_co]):
    """What can be fed: bytes in, outputs out."""

    def feed(self, data: bytes, /) -> Iterable[Output_co]:
        """Take the next bytes."""

    def finish(self) -> Iterable[Output_co]:
        """Take the end of the input."""


@dataclass(frozen=True)
class Outcome(Generic[Output]):
    """What a decoder made of an input: its outputs, and the error that ended it, if one did."""

    outputs: list[Output]
    error: Exception | None = None

    def same_as(self, other: Outcome[Output]) -> bool:
        """Whether the outputs are equal and the errors are of one type with one text."""
        return self.outputs == other.outputs and _identity(self.error) == _identity(other.error)


def feed_pieces(decoder: Decoder[Output], pieces: Iterable[bytes], *, finish: bool = True) -> Outcome[Output]:
    """Feed `pieces` one after the other, then the end of the input unless `finish` is False."""
    outputs: list[Output] = []
    try:
        for piece in pieces:
            outputs.extend(decoder.feed(piece))
        if finish:
            outputs.extend(decoder.finish())
    except Exception as error:  # noqa: BLE001 - any error is part of the outcome, and the caller raises or compares it
        return Outcome(outputs, error)
    return Outcome(outputs)


def feed_three_ways(
    make_decoder: Callable[[], Decoder[Output]], data: bytes, *, trailing: bytes = b"", finish: bool = True
) -> list[Output]:
    """Feed `data` to three new decoders in three ways that must agree, and return what they gave.

    The ways are: whole, one byte at a time, and in one piece with `trailing` behind it, whose outputs may only come after.

    Args:
        make_decoder: makes a decoder in its initial state.
        data: the input.
        trailing: bytes that may follow in the same piece; choose them so that they do not change what `data` means.
        finish: whether the input ends after `data`; `trailing` is never followed by the end.

    Raises:
        Exception: the error the decoder raised, if it raised the same one each way.
    """
    whole = feed_pieces(make_decoder(), [data], finish=finish)
    single = feed_pieces(make_decoder(), (data[at : at + 1] for at in range(len(data))), finish=finish)
    assert single.same_as(whole), f"byte by byte gave {single}, whole gave {whole}"
    unended = feed_pieces(make_decoder(), [data], finish=False)
    followed = feed_pieces(make_decoder(), [data + trailing], finish=False)
    begins = Outcome(followed.outputs[: len(unended.outputs)], followed.error)
    assert begins.same_as(unended), f"with {trailing!r} behind it gave {followed}, alone gave {unended}"
    if whole.error is not None:
        raise whole.error
    return whole.outputs


def _identity(error: Exception | None) -> tuple[Any, ...]:
    return (type(error), str(error))
