"""Finds `openai`, its submodules and its version as those of this package, while it stands in their place.

Not the standing there (`installation`). Asked by the import machinery (`importlib.abc.MetaPathFinder`) for what is not in
`sys.modules`, and by `importlib.metadata` for which version there is (`importlib.metadata.DistributionFinder`).
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from shim.compat.openai_v0.namespace import PACKAGE
from shim.compat.openai_v0.version import VERSION

NAME = "openai"

_LEFT_OUT = {
    f"{NAME}.{name}": f"{what}; run it with the real openai 0.28, in an environment of its own"
    for name, what in (
        ("cli", "the command line of openai 0.28 is no part of this"),
        ("_openai_scripts", "the command line of openai 0.28 is no part of this"),
        ("validators", "the preparing of files for the first fine-tunes is no part of this"),
        ("wandb_logger", "the sending of the first fine-tunes to Weights & Biases is no part of this"),
    )
}


class StandInFinder(importlib.metadata.DistributionFinder, importlib.abc.Loader):
    """Finds `openai.NAME` as the module of this package, where it is imported for the first time, or anew.

    Args:
        take_in: told the name and the module of what was found.
        own: names of modules that 0.28 had not, and that are not found.
    """

    def __init__(self, take_in: Callable[[str, ModuleType], object], *, own: frozenset[str]) -> None:
        self._take_in = take_in
        self._own = own
        self._specs: dict[str, Any] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Be asked for a module. What is ours alone is not there: the next finder would find it in the package's folder."""
        del path, target
        if not is_under(fullname, NAME):
            return None
        if fullname in _LEFT_OUT:
            raise ModuleNotFoundError(f"{fullname} is not there: {_LEFT_OUT[fullname]}", name=fullname)
        if fullname.partition(".")[2].partition(".")[0] in self._own:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if importlib.util.find_spec(PACKAGE + fullname[len(NAME) :]) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == NAME)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Give the module of this package."""
        module = importlib.import_module(PACKAGE + spec.name[len(NAME) :])
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already, and keeps its own name and place.

        Where a program took `openai` itself out of `sys.modules`, it wants the settings as after an import: those are made anew.
        """
        spec = module.__spec__
        alias = spec.name if spec is not None else NAME
        module.__spec__ = self._specs.pop(alias)
        if alias == NAME:
            importlib.reload(module)
        self._take_in(alias, module)

    def find_distributions(
        self, context: importlib.metadata.DistributionFinder.Context | None = None
    ) -> Iterable[importlib.metadata.Distribution]:
        """Be asked for what is installed: code that tells 0.28 from 1.x by its version is answered as by the real one."""
        name = None if context is None else context.name
        return [StandInDistribution()] if name is None or name.lower() == NAME else []


class StandInDistribution(importlib.metadata.Distribution):
    """openai 0.28.1 as far as its name and version go."""

    def read_text(self, filename: str) -> str | None:
        """The text of a file of its metadata."""
        told = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
        return told if filename in ("METADATA", "PKG-INFO") else None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Where one of its files would be."""
        return Path(__file__).parent / path


def is_under(name: str, package: str) -> bool:
    """Whether a module is a package, or somewhere below it."""
    return name == package or name.startswith(f"{package}.")
