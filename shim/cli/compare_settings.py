"""What the verdicts of `shim compare` depend on, read from its options, and how many processes a run is worth.

Not the run (`compare`, `compare_shards`), nor the options themselves (`arguments`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shim import __version__
from shim.comparison.comparer import RUNGS
from shim.comparison.rules import IgnoreRule
from shim.comparison.runs.ignore_file import read_ignore_rules
from shim.comparison.runs.workers import usable_cores
from shim.factory import create_comparer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from shim.comparison.runs.judge import ComparerMaker
    from shim.comparison.verdict import Rung

DETAILS = 200  # exchanges that the page shows closely

_CANDIDATE_SETTINGS = ("base_url", "organization", "project")

# Below this many bytes one process is done before others are up; every split of every body costs some hundred times as much.
_WORTH_WORKERS = 8 << 20
_PRESENTATIONS = 100
_MOST_WORKERS = 8


class CompareSettings:
    """What a run's verdicts depend on.

    Args:
        arguments: the command's.
        options: of an earlier run, whose verdicts they are; None takes them from the command.

    Attributes:
        rules: the ignore rules.
        rungs: what is compared.
        options: all of it as plain JSON, for journals and parts to be known by.

    Raises:
        IgnoreFileError: the file of rules cannot be used.
    """

    def __init__(self, arguments: argparse.Namespace, *, options: dict[str, Any] | None = None) -> None:
        self._told = arguments
        self.rules: tuple[IgnoreRule, ...] = ()
        self.rungs: tuple[Rung, ...] = RUNGS
        if options is not None:
            self.rules, self.rungs, self.options = _rules_of(options), tuple(options["rungs"]), options
            return
        if arguments.ignore is not None:
            self.rules = read_ignore_rules(arguments.ignore)
        if arguments.rung is not None:
            self.rungs = (arguments.rung,)
        self.options = {
            "version": __version__,
            "control": arguments.control,
            "rungs": list(self.rungs),
            "ignore": [[rule.path, rule.rule, rule.rung, rule.reason, rule.owner] for rule in self.rules],
            **self._told_to_comparer,
        }

    @property
    def presents_many(self) -> bool:
        """Whether each answer is read many times."""
        return bool(self._told.resplit or self._told.truncate)

    @property
    def make_comparer(self) -> ComparerMaker:
        """Makes a comparer, in this process or another."""
        return maker_of(self.options)

    @property
    def _told_to_comparer(self) -> dict[str, Any]:
        told = self._told
        given = {name: getattr(told, name) for name in _CANDIDATE_SETTINGS if getattr(told, name) is not None}
        return {"api": told.api, "candidate_settings": given, "resplit": told.resplit, "truncate": told.truncate}


def maker_of(options: Mapping[str, Any]) -> ComparerMaker:
    """Makes a comparer by `CompareSettings.options`, in this process or another, on this machine or another."""
    told = {name: options[name] for name in ("api", "candidate_settings", "resplit", "truncate")}
    if options["control"] != "legacy":
        from shim.compat.openai_v0 import V0Reader

        told["control"] = V0Reader
    return partial(create_comparer, rungs=tuple(options["rungs"]), ignore=_rules_of(options), **told)


def _rules_of(options: Mapping[str, Any]) -> tuple[IgnoreRule, ...]:
    """The ignore rules that `CompareSettings.options` tell of."""
    return tuple(
        IgnoreRule(path=path, rule=rule, rung=rung, reason=reason, owner=owner)
        for path, rule, rung, reason, owner in options["ignore"]
    )


def suitable_workers(size: int | None, *, many: bool) -> int:
    """Processes that a run of this many bytes is worth; unknown sizes are compared in one."""
    if (size or 0) * (_PRESENTATIONS if many else 1) < _WORTH_WORKERS:
        return 1
    return min(usable_cores(), _MOST_WORKERS)
