"""How the uses of one module fare on the new path: each name by the table of names.

Not the finding of uses (`scanning`), not the arguments of calls (`arguments`) nor the models named (`model_names`).
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from datetime import date

from shim.compat.v0_names import ERRORS, INHERITED, LATER_NAMES, NAMES, RESOURCES, SUBMODULES, V0Name
from shim.doctor import by_hand
from shim.doctor.arguments import Adviser, Arguments, arguments_of
from shim.doctor.bodies import bodies
from shim.doctor.finding import Finding, Kind, Support
from shim.doctor.model_names import ONLY_MODEL, ModelJudge, is_only_model_gone, service_of
from shim.doctor.reading import SourceText
from shim.doctor.resolving import Resolver
from shim.doctor.scanning import Scanner, Use, canonical
from shim.migration.upgrades import Target, TargetApi

_STANDINGS: dict[str, Support] = {
    "supported": Support.SUPPORTED,
    "upgrade": Support.UPGRADE,
    "hand": Support.HAND,
}
_ADVISED = frozenset({"ChatCompletion.create", "ChatCompletion.acreate", "Completion.create", "Completion.acreate"})

_FOLLOWS = "After an import alias the text names the other module: patch the name the code uses."


def judge(
    source: SourceText, *, today: date, api: TargetApi = "chat_completions", own: Container[str] = ()
) -> list[Finding]:
    """Everything found in one module, in the order of its lines; `own` are the program's own packages."""
    resolver = Resolver(source.tree)
    addresses = list(by_hand.findings(source, resolver, own=own))
    asks_by_hand = any(each.kind == "http" and each.standing is Support.HAND for each in addresses)
    module = _Module(source, resolver, today=today, api=api)
    found = [*module.findings(asks_by_hand=asks_by_hand), *addresses]
    return sorted(dict.fromkeys(found), key=lambda each: each.place.order)


class _Module:
    """The judging of one module."""

    def __init__(self, source: SourceText, resolver: Resolver, *, today: date, api: TargetApi) -> None:
        self._source = source
        self._resolver = resolver
        self._today = today
        self._api = api
        self._uses = list(Scanner(resolver).uses())
        self._service = service_of(node for node, _ in resolver.nodes)
        self._models = ModelJudge(source, resolver, today=today, service=self._service)
        self._later = any(_is_later(use) for use in self._uses)
        self._foreign = {canonical(use.path) for use in self._uses if use.manner == "assign" or _asks_first(use)}

    def findings(self, *, asks_by_hand: bool) -> Iterator[Finding]:
        """Names, arguments and models; bodies too, where the module sends them itself."""
        target = Target(api=self._api, today=self._today)
        adviser = Adviser(self._source, self._resolver, target=target, azure=self._service != "openai")
        for use in self._uses:
            yield self._named(use)
            if use.manner != "called":
                continue
            path = canonical(use.path)
            if path in _ADVISED:
                yield from self._advised(adviser, use, arguments=arguments_of(use, self._resolver))
            else:
                yield from self._models.of_call(use, path)
        for use, arguments in bodies(self._resolver) if asks_by_hand else ():
            yield from self._advised(adviser, use, arguments=arguments)
        yield from self._models.named()

    def _advised(self, adviser: Adviser, use: Use, *, arguments: Arguments) -> Iterator[Finding]:
        for finding in adviser.findings(use, arguments):
            if finding.kind == "model":
                self._models.take_as_told(finding)
            yield finding

    # -- names

    def _named(self, use: Use) -> Finding:
        path = canonical(use.path)
        name = f"openai.{path}" if path else "openai"
        kind = _kind_of(use, path)
        standing, reason, remedy = self._standing(use, path)
        return Finding(self._source.place(use.node), kind, name, standing, reason, remedy)

    def _standing(self, use: Use, path: str) -> tuple[Support, str, str]:
        if use.manner == "unseen" and isinstance(use.node, ast.Call) and ast.unparse(use.node.func) == "setattr":
            return Support.SUPPORTED, "Only running tells which name is set; a module keeps any.", ""
        if use.manner == "unseen":
            return Support.HAND, "The name is only known when the program runs.", "Look up which names it may be."
        row, rest = _row_of(path)
        if rest and not _is_open(row, rest):
            return self._unknown(use, path)
        if _is_private(rest) or path.endswith("__bases__"):
            return (
                Support.HAND,
                "It reaches into 0.28's internals.",
                "Keep the real openai 0.28 beside for this (`shim run`).",
            )
        gone = is_only_model_gone(path, self._today)
        if gone is not None:
            reason = f"Its endpoint serves {ONLY_MODEL[path]} alone, which was shut down on {gone}."
            return Support.HAND, reason, "Ask another endpoint of images, with a model that is there."
        if use.manner == "patch" and isinstance(use.node, ast.Constant):
            return _STANDINGS[row.support], row.reason or _FOLLOWS, row.remedy
        return _STANDINGS[row.support], row.reason, row.remedy

    def _unknown(self, use: Use, path: str) -> tuple[Support, str, str]:
        head = path.partition(".")[0]
        if use.manner in ("assign", "delete") and "." not in path:
            return Support.SUPPORTED, "0.28 has no such setting; the module keeps the name, and nothing reads it.", ""
        if path in self._foreign:
            return (
                Support.SUPPORTED,
                "0.28.1 has no such name; the program sets it, or asks first whether it is there.",
                "",
            )
        if head in LATER_NAMES or self._later:
            return Support.OTHER, "It is a name of openai 1.0 and later.", ""
        if head in ERRORS:
            return Support.HAND, "0.28.1 has it in openai.error alone.", f"Write openai.error.{head}."
        return Support.HAND, "0.28.1 has no such name.", "See whether the code was written for another version."


def _kind_of(use: Use, path: str) -> Kind:
    if use.manner == "import":
        return "import"
    if use.manner == "unseen":
        return "unseen"
    replaced = use.manner in ("assign", "delete") and "." in path and path.partition(".")[0] in RESOURCES
    return "patch" if use.manner == "patch" or replaced else "name"


def _asks_first(use: Use) -> bool:
    """Whether a use is `hasattr(…)`, or `getattr` with a default."""
    if not isinstance(use.node, ast.Call) or not isinstance(use.node.func, ast.Name):
        return False
    return use.node.func.id == "hasattr" or (use.node.func.id == "getattr" and len(use.node.args) > 2)


def _is_later(use: Use) -> bool:
    head = canonical(use.path).partition(".")[0]
    return head in LATER_NAMES and head not in NAMES and use.manner not in ("assign", "delete")


def _row_of(path: str) -> tuple[V0Name, str]:
    """The table's row of the longest known beginning of a path, and what of the path is left."""
    parts = path.split(".") if path else []
    for length in range(len(parts), 0, -1):
        row = NAMES.get(".".join(parts[:length]))
        if row is not None:
            return row, ".".join(parts[length:])
    return V0Name(""), path


def _is_open(row: V0Name, rest: str) -> bool:
    """Whether anything may follow a name: a value's members are its own; a module's and a class's are those in the table."""
    member = rest.partition(".")[0]
    if row.name == "" or row.name in SUBMODULES:
        return member.startswith("_") and row.name != ""
    if row.name in RESOURCES:
        return member in INHERITED or member.startswith("_")
    return True


def _is_private(rest: str) -> bool:
    member = rest.partition(".")[0]
    return member.startswith("_") and not (member.startswith("__") and member.endswith("__"))
