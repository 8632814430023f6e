"""Tests of the keys: what of two exchanges counts as asking the same, from the strictest to the loosest."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.two_recordings.keys import TIER_WORDS, TIERS, Keys, keys_of, last_words
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import EMBEDDINGS_URL, ask, ask_responses, body
from tests.helpers.exchanges import exchange


def shared(one: Exchange, other: Exchange) -> set[str]:
    """The keys that two exchanges have in common."""
    pairs = zip(TIERS, keys_of(one), keys_of(other), strict=True)
    return {name for name, first, second in pairs if first == second != 0}


def test_every_key_is_named() -> None:
    """The tiers are the fields of the keys, and each has its words."""
    assert Keys._fields == TIERS
    assert set(TIER_WORDS) == set(TIERS)


@pytest.mark.parametrize(
    ("other", "keys"),
    [
        (ask("Hi"), {"request", "conversation", "question"}),
        (ask("Hi", temperature=None), {"conversation", "question"}),
        (ask("Hi", stream=True), {"conversation", "question"}),
        (ask("Hi", system="Be brief."), {"question"}),
        (ask("Hi", model="gpt-5"), {"conversation", "question"}),
        (ask("Bye"), set()),
        (ask_responses("Hi"), {"request", "conversation", "question"}),
        (ask_responses("Hi", temperature=0.1), {"conversation", "question"}),
    ],
)
def test_what_two_requests_have_in_common(other: Exchange, keys: set[str]) -> None:
    """A lost parameter leaves the messages, another system prompt the user's words, and another API all of it."""
    assert shared(ask("Hi"), other) == keys


def test_pair_ids_are_a_key_of_their_own() -> None:
    """One pair id is shared whatever is asked, and no pair id is no key."""
    assert shared(ask("Hi", pair_id="p"), ask("Bye", pair_id="p")) == {"pair_id"}
    assert keys_of(ask("Hi")).pair_id == 0


def test_spelling_is_no_part_of_a_request() -> None:
    """The order of names and white space change no key."""
    spaced = exchange(
        b'{ "temperature": 0.7, "messages": [{"content": "Hi", "role": "user"}], "model": "gpt-4o" }', pair_id=""
    )
    assert keys_of(spaced) == keys_of(ask("Hi"))


def test_a_test_keeps_its_own() -> None:
    """The same question asked in two tests has no key in common."""
    one, other = (replace(ask("Hi"), context={"test": name}) for name in ("t.py::a", "t.py::b"))
    assert shared(one, other) == set()
    assert shared(one, one) == {"request", "conversation", "question"}


@pytest.mark.parametrize(
    "made",
    [
        exchange(b"", pair_id=""),
        exchange(b"no json", pair_id=""),
        exchange(b'{"model": 3}', pair_id=""),
        exchange(b'{"messages": "Hi", "model": "m"}', pair_id=""),
        exchange(b'{"a": "\\ud800"}', url=EMBEDDINGS_URL, pair_id=""),
        exchange(b"\xff\x00", url="https://[::1", pair_id=""),
        replace(ask("Hi"), request=replace(ask("Hi").request, body=None, sha256="ab")),
        replace(ask("Hi"), context={"test": 7}),
    ],
)
def test_whatever_is_recorded_has_a_request_key(made: Exchange) -> None:
    """A body that cannot be read, or was left out, still makes a key, and the same one each time."""
    assert keys_of(made).request != 0
    assert keys_of(made) == keys_of(made)


def test_other_endpoints_are_known_by_what_they_are_given() -> None:
    """An embedding's request keeps its messages' key when a parameter is lost, and another endpoint shares none."""

    def embedding(**fields: Any) -> Exchange:
        return exchange(
            f'{{"input": "Hi", "model": "e"{"".join(f", {chr(34)}{n}{chr(34)}: 1" for n in fields)}}}'.encode(),
            url=EMBEDDINGS_URL,
            pair_id="",
        )

    assert shared(embedding(), embedding(dimensions=1)) == {"conversation"}
    assert (
        shared(embedding(), exchange(b'{"input": "Hi", "model": "e"}', url="https://x/v1/moderations", pair_id=""))
        == set()
    )


def test_the_users_last_words() -> None:
    """What a user said last is told of a chat, and what was given of another endpoint."""
    two = body("first")
    two["messages"] += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "second"}]
    assert last_words(exchange(two)) == "second"
    assert last_words(exchange(b'{"input": "Hi"}', url=EMBEDDINGS_URL)) == "Hi"
    assert last_words(exchange(b'{"prompt": "Say", "input": "Hi"}', url=EMBEDDINGS_URL)) == "Hi"
    assert last_words(exchange(b'{"input": ["Hi"]}', url=EMBEDDINGS_URL)) == ""
    assert last_words(exchange(b"no json")) == ""
