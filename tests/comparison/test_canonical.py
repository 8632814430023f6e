"""Tests of canonical JSON: what is read, what is refused, and where two values part."""

from __future__ import annotations

import copy
import gzip
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given

from shim.comparison.canonical import MOST_ELEMENTS, Difference, canonical_json, differences
from shim.comparison.verdict import ABSENT
from shim.recording.exchange import UnreadableExchangeError
from tests.comparison.equal_pairs import rng_of
from tests.properties.strategies import values


def told(control: Any, candidate: Any, **options: Any) -> list[tuple[str, Any, Any]]:
    """The differences as tuples."""
    return [(each.path, each.control, each.candidate) for each in differences(control, candidate, **options)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "gives 'c' twice"),
        (b'{"a":1,"b":{"c":1,"c":1}}', "gives 'c' twice"),
        (b'{"a":1,"a":1}', "gives 'a' twice"),
        (b'{"a":{},"\\u0061":{}}', "gives 'a' twice"),
        (b'{"a":NaN}', "NaN is no JSON value"),
        (b'{"a":1e999}', "1e999, which is out of"),
        (gzip.compress(b"{}", mtime=0), "compressed \\(gzip\\)"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": -Infinity}', "-Infinity is no JSON value"),
        (b'{"a": 1e999}', "1e999, which is out of"),
        (b'{"a": 1', "not JSON"),
        (b"", "no body"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"--boundary\r\nContent-Disposition: form-data", "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_cannot_be_compared_is_refused(body: bytes, reason: str) -> None:
    """What is no JSON, or leaves open what it means, is refused by our own error, which says why."""
    with pytest.raises(UnreadableExchangeError, match=reason):
        canonical_json(body)


@given(values)
def test_the_spelling_of_a_body_does_not_matter(value: Any) -> None:
    """A body written as clients write it, which is read the short way, is the very value that any other spelling of it is."""
    compact, spaced = msgspec.json.encode(value), json.dumps(value, indent=1).encode()
    assert repr(canonical_json(compact)) == repr(canonical_json(spaced)) == repr(json.loads(spaced))


@pytest.mark.parametrize(
    "text", ["-0", "-0.0", "1.0", "1e5", "18446744073709551616", "123456789012345678901234567890", "0.1"]
)
def test_a_number_is_read_as_the_standard_library_reads_it(text: str) -> None:
    """Whatever a number's size and spelling, its value and kind are those it always had, compact or not."""
    for body in (f"[{text}]", f"[ {text} ]"):
        assert repr(canonical_json(body.encode())) == repr(json.loads(body))


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70)])
def test_numbers_too_large_for_the_short_way_are_compared_all_the_same(number: int) -> None:
    """Integers beyond 64 bits are equal to themselves and to nothing else."""
    assert told({"a": number}, {"a": number}) == []
    assert told({"a": number}, {"a": number + 1}) == [("a", number, number + 1)]


def test_numbers_are_read_exactly() -> None:
    """Integers keep all their digits, other numbers are the double that is meant."""
    assert canonical_json(b"[9007199254740993, 0.10, 1e2]") == [9007199254740993, 0.1, 100.0]
    assert type(canonical_json(b"1e2")) is float


def test_a_lone_surrogate_is_a_string() -> None:
    """Half an emoji, which JSON can write, is read as it is and compared."""
    value = canonical_json(b'"\\ud83c"')
    assert told(value, canonical_json(b'"\\ud83c"')) == []
    assert told(value, canonical_json(b'"\\ud83d"')) == [("", value, "\ud83d")]


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": None}, {}, [("a", None, ABSENT)]),
        ({}, {"a": None}, [("a", ABSENT, None)]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": 0}, {"a": False}, [("a", 0, False)]),
        ({"a": 1.0}, {"a": True}, [("a", 1.0, True)]),
        ({"a": "1"}, {"a": 1}, [("a", "1", 1)]),
        ({"a": []}, {"a": {}}, [("a", [], {})]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a[0]", 1, 2), ("a[1]", 2, 1)]),
        ({"a b": {"c-d": [0]}}, {"a b": {"c-d": [1]}}, [('["a b"].c-d[0]', 0, 1)]),
        ([1, 2, 3], [1, 3], [(".length", 3, 2), ("[1]", 2, ABSENT)]),
        ([1, 3], [1, 2, 3], [(".length", 2, 3), ("[1]", ABSENT, 2)]),
        ([], [1], [(".length", 0, 1), ("[0]", ABSENT, 1)]),
        ([1, 1], [1], [(".length", 2, 1), ("[1]", 1, ABSENT)]),
        ([1, 2, 9], [1, 3], [(".length", 3, 2), ("[1]", 2, 3), ("[2]", 9, ABSENT)]),
    ],
)
def test_where_values_part(control: Any, candidate: Any, expected: list[Any]) -> None:
    """Key order is no difference; null and absence, true and 1, and the order of an array are."""
    assert told(control, candidate) == expected


def test_the_spelling_of_numbers_counts_when_told() -> None:
    """1 and 1.0 part only where numbers are to be exact; integers beyond a double's digits always part."""
    assert told([1, 2.0], [1.0, 2]) == []
    assert told([1], [1.0], exact_numbers=True) == [("[0]", 1, 1.0)]
    assert told([2**53 + 1], [float(2**53)]) == [("[0]", 2**53 + 1, float(2**53))]


def test_a_path_begins_where_it_is_told_to() -> None:
    """The path given stands before each place."""
    assert [each.path for each in differences({"a": [1]}, {"a": [2]}, path="body")] == ["body.a[0]"]


def test_one_element_dropped_of_many_is_one_place() -> None:
    """An array of 500 with one dropped parts at its length and at that element, not at 500 places."""
    many = [{"n": number, "text": "x"} for number in range(500)]
    assert told(many, many[:250] + many[251:]) == [(".length", 500, 499), ("[250]", many[250], ABSENT)]


def test_many_differences_of_one_array_are_cut_without_loss() -> None:
    """Of an array where everything moved the first places are told one by one, the rest as one; nothing is left out."""
    control, candidate = list(range(500)), list(range(1, 501))
    found = list(differences(control, candidate))
    assert len(found) == MOST_ELEMENTS + 1
    assert found[-1] == Difference(f"[{MOST_ELEMENTS}:]", control[MOST_ELEMENTS:], candidate[MOST_ELEMENTS:])


@given(values, values)
def test_values_part_exactly_where_their_texts_do(control: Any, candidate: Any) -> None:
    """Two values part if and only if their canonical JSON texts do, either way round."""
    same = json.dumps(control, sort_keys=True) == json.dumps(candidate, sort_keys=True)
    assert bool(told(control, candidate, exact_numbers=True)) is not same
    assert bool(told(candidate, control, exact_numbers=True)) is not same
    assert told(control, copy.deepcopy(control), exact_numbers=True) == []


def test_equal_values_are_compared_as_fast_as_they_are_read() -> None:
    """Comparing two equal bodies takes less time than reading one; large ones that differ at the end stay linear."""
    rng = rng_of(1)
    body = {"messages": [{"role": "user", "content": "".join(rng.choices("abc ", k=80))} for _ in range(400)]}
    text = json.dumps(body)
    first, second = json.loads(text), json.loads(text)
    read = min(_seconds(lambda: json.loads(text)) for _ in range(5))
    compared = min(_seconds(lambda: told(first, second)) for _ in range(5))
    assert compared < read * 3
    second["messages"][-1]["content"] += "!"
    assert min(_seconds(lambda: told(first, second)) for _ in range(5)) < read * 30


def _seconds(work: Any) -> float:
    started = time.process_time()
    for _ in range(10):
        work()
    return time.process_time() - started
