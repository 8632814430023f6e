"""Tests of learnt shapes: few, small, learnt late, and without a value of what they were learnt from."""

from __future__ import annotations

import time

from shim.recording.redaction import payload_shapes
from shim.recording.redaction.body_cover import BodyCover
from shim.recording.redaction.body_paths import BodyPath, Walk, path_tree
from shim.recording.redaction.payload_shapes import LONGEST_SHAPE, MOST_SHAPES, SIGHTS, PayloadShapes

PATH = BodyPath.of("response.body.a")


def sight(shapes: PayloadShapes, payload: bytes, *, times: int = SIGHTS) -> None:
    """Have a payload's shape met so often."""
    for _ in range(times):
        hits: set[str] = set()
        walk = Walk(bytearray(payload), root=path_tree([PATH], is_stream=False), hits=hits).run()
        shapes.sight(payload, walk.values, texts=tuple(hits))


def covers(shapes: PayloadShapes, body: bytes) -> bytes | None:
    """The body as the first shape that fits covers it, None where none does."""
    text = bytearray(body)
    fits = any(shape.cover(body, 0, text=text) for shape in shapes.known)
    return bytes(text) if fits else None


def test_a_shape_is_learnt_when_it_comes_again() -> None:
    """A shape is learnt at its third sight, not before, and covers other values then."""
    shapes = PayloadShapes(in_stream=False)
    sight(shapes, b'{"a": "one", "n": 1}', times=SIGHTS - 1)
    assert not shapes.known
    sight(shapes, b'{"a": "two", "n": 2}', times=1)
    assert covers(shapes, b'{"a": "Ann \\"Onymous\\"", "n": null}') == b'{"a": "[removed]******", "n": null}'


def test_what_is_not_of_the_shape_does_not_fit() -> None:
    """Other names, other kinds of values, more of them, other white space, and anything behind are left to the walk."""
    shapes = PayloadShapes(in_stream=False)
    sight(shapes, b'{"a": "one", "n": 1}')
    for other in (
        b'{"b": "one", "n": 1}', b'{"a": "one", "n": "1"}', b'{"a": "one", "n": 1, "a": "x"}', b'{"a":"one", "n": 1}',
        b'{"a": "one", "n": 1} ', b'{"a": "one", "n": 1', b'{"a": ["one"], "n": 1}', b'{"a": one, "n": 1}',
        b'{"a": "one"x, "n": 1}', b'{"a": "o\nne", "n": 1}', b'{"a": "one", "n": 1 2}',
    ):  # fmt: skip
        assert covers(shapes, other) is None, other


def test_shapes_are_bounded_in_number() -> None:
    """Beyond the bound a new shape takes another's place only when those known have served often, so that nothing thrashes."""
    shapes = PayloadShapes(in_stream=False)
    for number in range(2 * MOST_SHAPES):
        sight(shapes, b'{"a": 1, "n%d": 1}' % number)
    assert len(shapes.known) == MOST_SHAPES
    first = shapes.known[-1]
    for _ in range(100):
        shapes.served(first)
    sight(shapes, b'{"a": 1, "new": 1}')
    assert len(shapes.known) == MOST_SHAPES
    assert covers(shapes, b'{"a": 2, "new": 1}') == b'{"a": 1, "new": 1}'
    assert first in shapes.known


def test_what_was_met_once_is_bounded() -> None:
    """Shapes that are met once each are not remembered without end."""
    shapes = PayloadShapes(in_stream=False)
    for number in range(1000):
        sight(shapes, b'{"n%d": 1}' % number, times=1)
    assert not shapes.known
    assert len(shapes._sighted) <= payload_shapes._MOST_SIGHTED


def test_a_large_shape_is_not_learnt() -> None:
    """What has many names and marks, or many values, is walked over each time."""
    shapes = PayloadShapes(in_stream=False)
    sight(shapes, b'{"' + b"n" * LONGEST_SHAPE + b'": 1}')
    sight(shapes, b'{"a": [' + b"1, " * 100 + b"1]}")
    assert not shapes.known


def test_a_shape_holds_no_value() -> None:
    """What a shape was learnt from cannot be found in it: neither what is covered nor what is not."""
    shapes = PayloadShapes(in_stream=False)
    sight(shapes, b'{"a": "secret words", "id": "secret id", "n": 4711, "type": "secret"}')
    shape = shapes.known[0]
    pattern = shape._match.__self__.pattern  # type: ignore[attr-defined]  # of the bound method
    assert b"secret" not in pattern
    assert b"4711" not in pattern
    assert "secret" not in repr(shape) + repr(shapes)


def test_a_failing_match_takes_linear_time() -> None:
    """A long payload that nearly fits a shape costs no more than a walk over it."""
    cover = BodyCover([PATH])
    for _ in range(SIGHTS):
        cover.covered(b'data: {"a": "x", "b": "y", "n": 1}\n\n', is_stream=True)
    long = b"\\\\a" * 20_000
    body = b'data: {"a": "' + long + b'", "b": "' + long.replace(b"\\", b"/") + b'", "n": "1"}\n\n'
    begun = time.thread_time()
    cover.covered(body, is_stream=True)
    assert time.thread_time() - begun < 2
