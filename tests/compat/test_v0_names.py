"""Tests of the table of names: it hangs together, and what cannot be supported says what to do."""

from __future__ import annotations

from shim.compat.v0_names import (
    ATTRIBUTES,
    ERRORS,
    LATER_NAMES,
    NAMES,
    RESOURCE_MODULES,
    RESOURCES,
    RETIRED,
    TOP_LEVEL_ERRORS,
)


def test_what_needs_a_hand_says_why_and_what_to_do() -> None:
    """Each name that is not supported has a reason and a remedy."""
    assert [row.name for row in NAMES.values() if row.support != "supported" and not (row.reason and row.remedy)] == []


def test_all_async_forms_are_there() -> None:
    """Each method that asks the API has its `a…` form."""
    for resource, methods in RESOURCES.items():
        asking = {each for each in methods if f"a{each}" in methods} | {
            each for each in methods if each.startswith("a")
        }
        plain = {"get_url", "VALID_MODEL_NAMES", "embeddings", "wait_for_processing", "auto_paging_iter"}
        assert set(methods) - asking <= plain, resource


def test_each_resource_has_its_module() -> None:
    """The class of every module of `api_resources` is a resource, and none is missing."""
    assert set(RESOURCE_MODULES.values()) == set(RESOURCES)


def test_retired_endpoints_need_a_hand() -> None:
    """What asks an endpoint that is gone is told so, with every method."""
    for resource, endpoint in RETIRED.items():
        rows = [row for name, row in NAMES.items() if name == resource or name.startswith(f"{resource}.")]
        assert rows
        assert all(row.support == "hand" and endpoint in row.reason for row in rows if "gone" in row.reason), resource


def test_versions_do_not_share_names() -> None:
    """No name of openai 1.0 is one of 0.28's top level, so that the two are told apart."""
    top = {*ATTRIBUTES, *RESOURCES, *TOP_LEVEL_ERRORS}
    assert top.isdisjoint(LATER_NAMES)
    assert set(TOP_LEVEL_ERRORS) < set(ERRORS)
