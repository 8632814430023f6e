"""Covers the chosen places of one side's bodies: by shapes that were met before where one fits, else by a walk.

Not the walk (`body_paths`), which is what decides, nor the shapes (`payload_shapes`). Both give the same bytes: nine events of
ten in a stream are like the one before but for their values, and to match them costs a twentieth of walking over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from shim.recording.redaction.body_paths import BodyPath, Walk, cover_event, next_event, path_tree
from shim.recording.redaction.payload_shapes import PayloadShapes

_WHOLE: Final = 64 * 1024  # a body of more bytes is walked over once and not learnt: few are alike


@final
class BodyCover:
    """What covers the places of a side's bodies; made once for many. For any number of threads.

    Args:
        paths: all of that side, each with at least one step.
    """

    __slots__ = ("_in_body", "_in_stream", "_paths", "_shapes", "_stream_shapes")

    def __init__(self, paths: Sequence[BodyPath]) -> None:
        self._paths = tuple(paths)
        self._in_body = path_tree(self._paths, is_stream=False)
        self._in_stream = path_tree(self._paths, is_stream=True)
        self._shapes = PayloadShapes(in_stream=False)
        self._stream_shapes = PayloadShapes(in_stream=True)

    def __repr__(self) -> str:
        return f"<BodyCover of {[path.text for path in self._paths]}>"

    def __reduce__(self) -> tuple[type[BodyCover], tuple[tuple[BodyPath, ...]]]:
        return BodyCover, (self._paths,)  # names of fields that were met do not leave the process

    def covered(self, body: bytes, *, is_stream: bool) -> tuple[bytes, list[str]]:
        """Cover what stands at the paths; give the body, and the paths that stood for something.

        Args:
            body: JSON, or an event stream of JSON; it may end early.
            is_stream: whether it is an event stream.

        Raises:
            UnreadableBodyError: it is neither.
        """
        text = bytearray(body)
        if not is_stream:
            hits = self._cover_body(body, text=text)
        else:
            found: set[str] = set()
            self._cover_stream(body, text=text, hits=found)
            hits = self._in_order(found)
        return bytes(text), list(hits)

    def _in_order(self, hits: set[str]) -> tuple[str, ...]:
        return tuple([path.text for path in self._paths if path.text in hits])

    def _cover_stream(self, body: bytes, *, text: bytearray, hits: set[str]) -> None:
        position, length = 0, len(body)
        while position < length:
            end = self._by_shape(body, position, text=text, hits=hits)
            if end > position:
                position = end
                continue
            here: set[str] = set()
            event, position = next_event(body, position)
            walk = cover_event(text, event, root=self._in_stream, hits=here)
            hits |= here
            if walk is not None and walk.is_whole and len(event) == 1:
                start, end = event[0]
                self._stream_shapes.sight(body[start:end], walk.values, texts=self._in_order(here))

    def _cover_body(self, body: bytes, *, text: bytearray) -> tuple[str, ...]:
        shapes = self._shapes
        for shape in shapes.known:
            if shape.cover(body, 0, text=text):
                shapes.served(shape)
                return shape.texts
        if not body.strip():
            return ()
        found: set[str] = set()
        walk = Walk(text, root=self._in_body, hits=found).run()
        hits = self._in_order(found)
        if walk.is_whole and len(body) <= _WHOLE:
            shapes.sight(body, walk.values, texts=hits)
        return hits

    def _by_shape(self, body: bytes, position: int, *, text: bytearray, hits: set[str]) -> int:
        """Cover the events that begin here by a shape that fits, as often as it does; where that ends: here, where none fits."""
        shapes = self._stream_shapes
        for shape in shapes.known:
            end = shape.cover(body, position, text=text)
            if end > position:
                hits.update(shape.texts)
                shapes.served(shape)
                return end
        return position
