"""Tests that imports point one way: each room uses only the rooms and packages its row of the table names."""

from __future__ import annotations

import ast
import importlib.util
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.house.sources import PACKAGES, ROOT, complain, module_name, nodes, place, python_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What one room may import besides itself and the standard library."""

    rooms: frozenset[str] = field(default_factory=frozenset)
    third_party: frozenset[str] = field(default_factory=frozenset)


def row(rooms: str = "", third_party: str = "") -> Row:
    """A row, its names separated by spaces."""
    return Row(frozenset(rooms.split()), frozenset(third_party.split()))


VOCABULARY = "shim.model shim.endpoint shim.call_options shim.plain_http shim.provider"
TRANSPORTS = f"{VOCABULARY} shim.wire legacy_openai shim.legacy_adapter shim.native"
BELOW_FACTORY = f"{TRANSPORTS} shim.loops shim.layers shim.recording shim.comparison shim.migration"

# docs/architecture.md draws it; the packages stand in the rooms that exist for them.
TABLE = {
    "legacy_openai": row(third_party="requests urllib3"),
    "shim.model": row(),
    "shim.endpoint": row("shim.model"),
    "shim.plain_http": row("shim.model"),  # to whom a key may go without TLS: of transports, the drop-in, the proxy
    "shim.call_options": row("shim.model shim.endpoint"),
    "shim.provider": row("shim.model shim.endpoint shim.call_options"),
    "shim.descriptors": row("shim.model"),  # what says that none is left
    "shim.wakeup": row("shim.descriptors"),
    "shim.fork": row(),  # what a forked child does with what it got
    "shim.poller": row("shim.descriptors shim.fork"),
    "shim.wire": row("shim.model"),
    "shim.per_process": row(),  # one value for each process: of a recording, of a client
    "shim.transfer_observer": row(),  # what a transport shows to whoever watches it
    "shim.calls": row(f"{VOCABULARY} shim.wire"),  # what the two transports have in common
    "shim.legacy_adapter": row(  # its sessions
        f"{VOCABULARY} shim.calls shim.descriptors shim.poller shim.wire legacy_openai", "requests urllib3"
    ),
    "shim.native": row(
        f"{VOCABULARY} shim.calls shim.descriptors shim.fork shim.poller shim.transfer_observer shim.wakeup shim.wire",
        "certifi pycurl",
    ),
    "shim.loops": row(f"{VOCABULARY} shim.poller"),  # what a system has to wait with
    "shim.layers": row(
        f"{VOCABULARY} shim.poller shim.wakeup", "opentelemetry"
    ),  # what waits for its next try can be woken
    "shim.recording": row(  # the tap is a transport adapter; the proxy frames HTTP with h11; fsspec reads URLs
        f"{VOCABULARY} shim.calls shim.descriptors shim.per_process shim.transfer_observer shim.wire",
        "fsspec h11 requests urllib3",
    ),
    "shim.comparison": row(  # replays recorded answers through requests and urllib3; `distributed` reaches a cluster
        f"{VOCABULARY} shim.calls shim.fork shim.layers shim.transfer_observer shim.recording shim.wakeup shim.wire",
        "distributed jinja2 requests urllib3",
    ),
    "shim.migration": row(  # upgrades read and write bodies; tomli: TOML before Python 3.11
        f"{VOCABULARY} shim.layers shim.poller shim.recording shim.comparison shim.wakeup shim.wire",
        "jinja2 openfeature redis tomli",
    ),
    "shim.factory": row(BELOW_FACTORY),
    "shim.client": row(f"{VOCABULARY} shim.factory shim.layers shim.loops shim.per_process shim.wakeup"),
    "shim.compat": row(f"{BELOW_FACTORY} shim.client shim.factory"),
    "shim.compat.openai_v0": row(  # openai 0.28 went over requests; its `embeddings_utils` needed the libraries of data people
        f"{BELOW_FACTORY} shim.transfer_observer shim.client shim.factory",
        "matplotlib numpy openai pandas plotly requests scipy sklearn tenacity urllib3",
    ),
    "shim.compat.openai_v0_on_path": row("shim.compat.openai_v0"),  # found as `openai` where `shim run` says so
    "shim.compat.legacy_multi": row(  # the legacy client's own face: its config, messages, completions, errors and words
        f"{VOCABULARY} shim.poller shim.wire legacy_openai shim.legacy_adapter", "requests"
    ),
    "shim.doctor": row("shim.migration shim.compat"),
    "shim.testing": row(  # the contract drives the real things, a script checks as calls do; the plugin compares
        f"{VOCABULARY} shim.descriptors shim.wire shim.calls legacy_openai shim.factory shim.client shim.recording"
        " shim.comparison shim.poller shim.wakeup",
        "h11 h2 pytest trustme",
    ),
    "shim.__main__": row("shim.cli"),
    "shim.cli": row(
        f"{BELOW_FACTORY} shim shim.descriptors shim.factory shim.client shim.compat shim.compat.openai_v0 shim.doctor"
        " shim.testing",
        "rich",
    ),
    "shim": row(f"{BELOW_FACTORY} shim.factory shim.client"),
}

# The model is made of msgspec's structs, so any room that holds a request or a response may need it.
WITH_THE_MODEL = frozenset({"msgspec"})

# Known to type checkers, and no dependency: never imported when the program runs.
TYPES_ONLY = frozenset({"_typeshed", "typing_extensions"})

# The standard library, with what came to it after the oldest Python supported.
STANDARD = sys.stdlib_module_names | {"tomllib"}

# Packages that one module of a room alone may import.
ONE_DOOR = {
    "distributed": "shim.comparison.runs.cluster",
    "fsspec": "shim.recording.remote",
    "pycurl": "shim.native.http_multi",
}


@dataclass(frozen=True)
class Import:
    """One import: who imports what, and where that stands."""

    importer: str
    target: str
    place: str
    types_only: bool = False


def room_of(module: str) -> str | None:
    """The room a module of ours is in, None for one in no room (and for every other package)."""
    rooms = [room for room in TABLE if module == room or module.startswith(f"{room}.")]
    room = max(rooms, key=len, default=None)
    return None if room == "shim" != module else room


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a module, wherever it stands: in functions, under TYPE_CHECKING, relative or by a literal name."""
    importer = module_name(path)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    types_only = set(under_type_checking(nodes(path)))
    for node in nodes(path):
        for target in targets_of(node, package):
            yield Import(importer, target, place(path, getattr(node, "lineno", 1)), types_only=node in types_only)


def under_type_checking(among: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Those of a module's nodes that are in the body of an `if TYPE_CHECKING:`."""
    for node in among:
        if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
            for statement in node.body:
                yield from ast.walk(statement)


def called(node: ast.Call) -> str:
    """The last word of what a call names; empty where it names nothing."""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def targets_of(node: ast.AST, package: str) -> list[str]:
    """The modules a node imports, as absolute names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = (
            importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            if node.level
            else node.module or ""
        )
        return [submodule_or(base, alias.name) for alias in node.names]
    if isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
        return [
            argument.value
            for argument in node.args[:1]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
    return []


def submodule_or(base: str, name: str) -> str:
    """`base.name` if that is a module of ours, `base` if `name` is something in it."""
    file = ROOT.joinpath(*base.split("."), name)
    return f"{base}.{name}" if file.is_dir() or file.with_suffix(".py").is_file() else base


def fault_of(found: Import) -> str | None:
    """Why an import is against the table, None where it is not."""
    room = room_of(found.importer)
    if room is None:
        return "is in no room of the table"
    top = found.target.split(".")[0]
    if top in PACKAGES:
        return fault_between_rooms(room, found.target)
    if top in STANDARD or (found.types_only and top in TYPES_ONLY):
        return None
    if top not in packages_of(room):
        return f"{room} may not import {top}"
    door = ONE_DOOR.get(top, found.importer)
    return None if found.importer == door else f"only {door} may import {top}"


def packages_of(room: str) -> frozenset[str]:
    """The packages outside the standard library that a room may import."""
    listed = TABLE[room].third_party
    return listed if room == "legacy_openai" else listed | WITH_THE_MODEL


def fault_between_rooms(room: str, target: str) -> str | None:
    """Why `room` may not import `target`, a module of ours."""
    target_room = room_of(target)
    if target_room is None:
        return f"{target} is in no room of the table"
    allowed = target_room == room or target_room in TABLE[room].rooms
    return None if allowed else f"{room} may not import {target_room}"


def test_imports_point_one_way() -> None:
    """No module imports a room or a package that its row of the table does not name."""
    modules = python_files(*PACKAGES)
    findings = [
        f"{place(path)}: {module_name(path)} is in no room of the table"
        for path in modules
        if not room_of(module_name(path))
    ]
    found = [each for path in modules if room_of(module_name(path)) for each in imports_of(path)]
    findings += sorted({f"{each.place}: {fault}" for each in found if (fault := fault_of(each))})
    assert not findings, complain(
        findings,
        "move the code to the room that may, take the thing as an argument, or move what both need down into shim.model; "
        "a new room needs a row in TABLE, which mirrors the import direction in the design.",
    )


def test_the_table_has_no_cycle() -> None:
    """The rooms can be put in an order in which each imports only earlier ones."""
    left = dict(TABLE)
    while ready := [room for room, allowed in left.items() if not (allowed.rooms & left.keys()) - {room}]:
        for room in ready:
            del left[room]
    assert not left, f"these rows of TABLE import each other in a circle: {sorted(left)}"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("import shim.native", "shim.native"),
        ("from shim import native", "shim.native"),
        ("from shim.native import provider", "shim.native.provider"),
        ("from ..model import errors", "shim.model.errors"),
        ("from . import sse", "shim.wire.sse"),
        ("from .sse import SSEDecoder", "shim.wire.sse"),
        ("def f():\n    import pycurl", "pycurl"),
        ("if TYPE_CHECKING:\n    from requests import Session", "requests"),
        ("importlib.import_module('pycurl')", "pycurl"),
    ],
)
def test_every_kind_of_import_is_seen(source: str, target: str) -> None:
    """An import is found however it is written and wherever it stands."""
    seen = [name for node in ast.walk(ast.parse(source)) for name in targets_of(node, "shim.wire")]
    assert seen in ([target], [target.rpartition(".")[0]]), (
        "a module that is not there yet is seen as a name in its package"
    )


def test_imports_for_types_are_told_apart() -> None:
    """Only what stands in the body of `if TYPE_CHECKING:` counts as an import for types."""
    tree = ast.parse("if typing.TYPE_CHECKING:\n    import one\nelse:\n    import two\nimport three")
    seen = [name for node in under_type_checking(ast.walk(tree)) for name in targets_of(node, "shim")]
    assert seen == ["one"]
    assert fault_of(Import("shim.wire.sse", "typing_extensions", "file:1", types_only=True)) is None
    assert fault_of(Import("shim.wire.sse", "requests", "file:1", types_only=True)) is not None


@pytest.mark.parametrize(
    ("importer", "target", "fault"),
    [
        ("legacy_openai.client", "shim.model", "legacy_openai may not import shim.model"),
        ("shim.model.parts", "shim.wire.sse", "shim.model may not import shim.wire"),
        ("shim.wire.sse", "shim", "shim.wire may not import shim"),
        ("shim.wire.sse", "requests", "shim.wire may not import requests"),
        ("shim.wire.sse", "typing_extensions", "shim.wire may not import typing_extensions"),
        ("legacy_openai.client", "msgspec", "legacy_openai may not import msgspec"),
        ("shim.native.provider", "pycurl", "only shim.native.http_multi may import pycurl"),
        ("shim.elsewhere", "json", "is in no room of the table"),
        ("shim.native.http_multi", "pycurl", None),
        ("shim.wire.sse", "shim.model.errors", None),
        ("shim.cli.main", "shim", None),
    ],
)
def test_the_table_is_enforced(importer: str, target: str, fault: str | None) -> None:
    """An import against the table is named with its reason, and one within it passes."""
    assert fault_of(Import(importer, target, "file:1")) == fault
