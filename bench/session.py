"""A session: environments, runs and imports in turn, with a progress bar; what fails is noted, and the rest goes on.

Not one run (`bench.run`) nor the arguments (`bench.__main__`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from rich.progress import Progress, TaskID

from bench.figures import Results
from bench.peers import Peer, make_environment, version
from bench.run import RunError, allow_descriptors, import_cost, measure
from bench.scenarios import IMPORTS, SCENARIOS, Load, Scenario
from bench.serving import Served, ServerError, ServerKind, serving

IMPORTS_GROUP = "imports"
_IMPORT_PASSES = 7
_QUICK_IMPORT_PASSES = 3


@dataclass(frozen=True)
class Plan:
    """What to measure: peers, and groups of scenarios (none: all). `whole`: nothing was left out or shortened."""

    peers: tuple[Peer, ...]
    groups: frozenset[str] = frozenset()
    quick: bool = False
    whole: bool = True

    def wants(self, group: str) -> bool:
        """Whether a group is to be measured."""
        return not self.groups or group in self.groups


class Session:
    """One run of the bench."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._results = Results()

    def run(self) -> Results:
        """Measure everything that was planned."""
        peers = self._make_environments()
        self._measure_all(peers)
        if self._plan.wants(IMPORTS_GROUP):
            self._import_all(peers)
        return self._results

    def _make_environments(self) -> list[Peer]:
        """The peers that can be run."""
        faults: dict[str, str | None] = {}
        task = self._progress.add_task("environments", total=len(self._plan.peers))
        for peer in self._plan.peers:
            environment = peer.environment
            if environment is not None and environment.name not in faults:
                self._progress.update(task, description=f"environment: {environment.requirement}")
                faults[environment.name] = make_environment(environment)
            fault = None if environment is None else faults[environment.name]
            if fault is None:
                self._results.versions[peer] = version(peer)
            else:
                self._results.missing[peer] = fault
            self._progress.advance(task)
        self._progress.update(task, description="environments")
        return [peer for peer in self._plan.peers if peer not in self._results.missing]

    def _measure_all(self, peers: list[Peer]) -> None:
        """Take every client in turn in every pass, so that a slow moment of the machine falls on all alike."""
        loads = self._loads()
        runs = [
            (scenario, peer, load)
            for scenario, load in loads.items()
            for _ in range(load.passes)
            for peer in scenario.peers
            if peer in peers
        ]
        task = self._progress.add_task("", total=len(runs))
        with contextlib.ExitStack() as stack:
            servers: dict[ServerKind, Served] = {}  # each begins with its first scenario
            for scenario, peer, load in runs:
                self._progress.update(task, description=f"{scenario.group}: {scenario.title}: {peer.name}")
                try:
                    if scenario.server not in servers:
                        servers[scenario.server] = stack.enter_context(serving(scenario.server))
                    self._measure(scenario, peer, load=load, served=servers[scenario.server])
                except ServerError as error:
                    self._results.faults[scenario, peer] = str(error)
                self._progress.advance(task)
        self._progress.update(task, description="runs")

    def _loads(self) -> dict[Scenario, Load]:
        """The loads to run; one that needs more descriptors than are allowed is left out."""
        loads: dict[Scenario, Load] = {}
        for scenario in SCENARIOS:
            load = scenario.load(quick=self._plan.quick)
            if load is None or not self._plan.wants(scenario.group):
                continue
            forbidden = allow_descriptors(load.streams)
            if forbidden is None:
                loads[scenario] = load
            else:
                self._results.remarks.append(forbidden)
        return loads

    def _measure(self, scenario: Scenario, peer: Peer, *, load: Load, served: Served) -> None:
        if (scenario, peer) in self._results.faults:
            return
        try:
            cost = measure(peer, load, task=scenario.task, served=served)
        except RunError as error:
            self._results.faults[scenario, peer] = str(error)
        else:
            self._results.costs.setdefault((scenario, peer), []).append(cost)

    def _import_all(self, peers: list[Peer]) -> None:
        passes = _QUICK_IMPORT_PASSES if self._plan.quick else _IMPORT_PASSES
        task: TaskID = self._progress.add_task("imports", total=len(IMPORTS))
        for module, peer in IMPORTS:
            if peer in peers:
                self._progress.update(task, description=f"import {module}")
                self._results.imports[module, peer] = import_cost(peer, module, passes=passes)
            self._progress.advance(task)
        self._progress.update(task, description="imports")
