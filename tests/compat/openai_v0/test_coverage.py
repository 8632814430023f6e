"""Tests that what old code uses is there, by how often 6,285 public repositories use it.

`python -m tests.compat.openai_v0.test_coverage` prints the shares. Not whether it does the same (`test_parity`).
`name_frequency.tsv` counts, for each name and each keyword it is called with, programs (of 36 read whole) and repositories (of
6,285, a corpus of files from before openai 1.0: `pisterlabs/promptset` at f67909c6).
"""

from __future__ import annotations

import csv
import inspect
from pathlib import Path
from typing import Any, NamedTuple

from shim.compat import openai_v0
from shim.compat.v0_names import NAMES

TABLE = Path(__file__).with_name("name_frequency.tsv")
ABSENT_THERE = {"error.set_display_cause", "RateLimitError"}
"""Names that programs use and openai 0.28.1 has not: AttributeError there as here."""
FOREIGN = {"api_engine", "api_deployment_id"}
"""Attributes that programs set on the module, and ask for with `hasattr` before."""

CURVE: dict[str, float] = {
    "api_key error ChatCompletion": 46.1,
    "Completion": 74.6,
    "Embedding": 81.5,
    "Moderation Model": 83.7,
    "Audio": 88.4,
    "Image": 93.2,
    "embeddings_utils": 95.4,
    "openai_object util openai_response": 96.4,
    "File FineTune FineTuningJob": 97.4,
    "Engine": 98.3,
    "Edit": 98.8,
    "api_requestor api_resources": 98.9,
}
"""Names -> the share of repositories, in per cent, that use no others than these and those above."""
AIM = 98.0

WITHOUT_VALUE = {"organization", "api_key", "api_key_path", "api_version", "proxy", "requestssession"}
"""Settings that are None until somebody sets them."""


class Use(NamedTuple):
    """A row: a name, the keyword it is called with or "", and how many use it."""

    name: str
    keyword: str
    programs: int
    repositories: int


def uses() -> list[Use]:
    """The rows of the table."""
    with TABLE.open(encoding="utf-8") as file:
        return [
            Use(name, keyword, int(p), int(c)) for name, keyword, p, c in list(csv.reader(file, delimiter="\t"))[1:]
        ]


def is_there(use: Use) -> bool:
    """Whether the name leads somewhere, and takes the keyword."""
    if use.name == "openai" or use.name.startswith(
        "requestssession."
    ):  # the module; whatever a session of the caller's has
        return True
    found: Any = openai_v0
    for part in use.name.split("."):
        found = _module(part) if part == "embeddings_utils" else getattr(found, part, None)
        if found is None and part not in WITHOUT_VALUE:
            return False
    if not use.keyword or use.keyword == "**":
        return True
    try:
        inspect.signature(found).bind_partial(**{use.keyword: 1})
    except TypeError:
        return False
    return True


def _module(name: str) -> Any:
    """A submodule that is found without being imported, as it needs the libraries of data people."""
    path = Path(str(openai_v0.__file__)).with_name(f"{name}.py")
    defined = [
        line.split("(")[0].split()[-1]
        for line in path.read_text("utf-8").splitlines()
        if line.startswith(("def", "async"))
    ]
    return type(name, (), dict.fromkeys(defined, len))


def share_inside() -> float:
    """The share of repositories, in per cent, whose every name is in a set of the curve that is there whole."""
    share = 0.0
    for names, reached in CURVE.items():
        if not all(is_there(Use(name, "", 0, 0)) for name in names.split()):
            break
        share = reached
    return share


def missing() -> list[Use]:
    """The rows of what is not there."""
    return [use for use in uses() if use.name not in ABSENT_THERE | FOREIGN and not is_there(use)]


def test_every_name_of_the_table_is_there() -> None:
    """Each name that old code uses is there, with each keyword it is called with."""
    assert len(uses()) > 140
    assert missing() == []


def test_what_was_absent_there_is_absent_here() -> None:
    """A name that 0.28.1 had not raises AttributeError here too, which is what `hasattr` asks for."""
    assert not any(is_there(Use(name, "", 0, 0)) for name in ABSENT_THERE | FOREIGN)


def test_the_aim_is_reached() -> None:
    """At least 98 of 100 repositories use nothing that is not there."""
    assert share_inside() >= AIM


def test_the_doctor_knows_every_name_of_the_table() -> None:
    """`shim doctor` has a row for each name, so that none that is used goes unmentioned."""
    seen = {use.name for use in uses()} - FOREIGN - {"openai", "RateLimitError"}
    unknown = {name for name in seen if name not in NAMES and not any(name.startswith(f"{known}.") for known in NAMES)}
    assert unknown == set()


def test_a_name_that_is_not_there_is_missed() -> None:
    """A name and a keyword that do not exist are told apart from those that do."""
    assert not is_there(Use("ChatCompletion.invent", "", 0, 0))
    assert not is_there(Use("Moderation.create", "temperature", 0, 0))
    assert is_there(Use("ChatCompletion.create", "temperature", 0, 0))


def main() -> None:
    """Print the shares."""
    rows = uses()
    names = [use for use in rows if not use.keyword]
    there = [use for use in names if use.name not in ABSENT_THERE and (use.name in FOREIGN or is_there(use))]
    used, kept = (sum(use.repositories for use in some) for some in (names, there))
    print(f"names there: {len(there)} of {len(names)}; by how many repositories use them: {100 * kept / used:.2f} %")  # noqa: T201 - its output is its result
    print(f"names with keywords there: {len(rows) - len(missing())} of {len(rows)}")  # noqa: T201 - its output is its result
    print(f"repositories wholly inside: {share_inside()} % (aim {AIM} %)")  # noqa: T201 - its output is its result


if __name__ == "__main__":
    main()
