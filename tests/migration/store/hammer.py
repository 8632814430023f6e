"""Several processes that write to one store at once.

`python -m tests.migration.store.hammer KIND ADDRESS PREFIX PROCESSES TURNS`. Not the test (`test_processes`), which looks at
what is left. Prints as JSON what each process saw: the arms of its pins, and how long `add` and `snapshot` took, in
microseconds, half and 99 of 100.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

from shim.migration.store import (
    Batch,
    Exposure,
    First,
    RedisStore,
    SqliteStore,
    Store,
    StoreConflictError,
    StoredPin,
    StoredPolicy,
)

FLAG = "openai"
POLICIES = 5
"""So many times each process raises the number in the policy."""


def opened(kind: str, address: str, prefix: str) -> Store:
    """The store that all of them share."""
    if kind == "redis":
        return RedisStore(address, prefix=prefix, time_limit=10)
    return SqliteStore(address, time_limit=10)


def batch(number: int, turn: int) -> Batch:
    """A flush as a guard makes it: sums of its own, and a unit that every process tells of in this turn."""
    return Batch(
        batch_id=f"{number}/{turn}",
        epoch="ramp 5",
        sums={"n": 1, "half": 0.5, **{f"log {ratio}": 0.125 for ratio in range(24)}},
        firsts=[First(kind="error", unit=f"unit {turn}", sums={"bad": 1})],
        exposures=[Exposure(unit=f"unit {turn}", arm="control", sums={"exposed": 1})],
    )


def raise_policy(store: Store, number: int) -> None:
    """Add one to the number in the policy, and begin anew where somebody else was faster."""
    while True:
        current: StoredPolicy | None = store.read_policy(FLAG)
        version, count = (0, 0) if current is None else (current.version, current.mapping["count"])
        try:
            store.write_policy(FLAG, {"count": count + 1}, expected=version, by=f"process {number}")
        except StoreConflictError:
            continue
        return


def timed(took: list[float], call: Callable[[], object]) -> None:
    """Call, and note the microseconds."""
    begin = time.perf_counter()
    call()
    took.append((time.perf_counter() - begin) * 1e6)


def shown(took: list[float]) -> list[float]:
    """The median and the 99th percentile."""
    ordered = sorted(took)
    return [round(ordered[len(ordered) // 2]), round(ordered[len(ordered) * 99 // 100])]


def hammer(place: tuple[str, str, str], number: int, *, turns: int, together: Barrier) -> dict[str, Any]:
    """Write as fast as it goes, once all are ready; what was seen."""
    store = opened(*place)
    adding: list[float] = []
    looking: list[float] = []
    arm = StoredPin(arm="candidate" if number % 2 else "control", share=0.5)
    held = {}
    together.wait()
    for turn in range(turns):
        timed(adding, partial(store.add, FLAG, batch(number, turn)))
        timed(looking, partial(store.snapshot, FLAG))
        if turn % 10 == 0:
            held.update(store.pin(FLAG, {f"unit {turn}": arm}, max_age=600))
            store.append_history(FLAG, {"by": number, "turn": turn})
    for _ in range(POLICIES):
        raise_policy(store, number)
    store.close()
    return {
        "arms": {unit: pin.arm for unit, pin in held.items()},
        "add": shown(adding),
        "snapshot": shown(looking),
    }


def main() -> None:
    """Hammer. The processes are forked before any of them opens the store, so that each is as if started apart."""
    place, count, turns = (sys.argv[1], sys.argv[2], sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
    opened(*place).close()
    context = multiprocessing.get_context("fork")
    together, seen = context.Barrier(count), context.SimpleQueue()
    processes = [
        context.Process(
            target=lambda number=number: seen.put(hammer(place, number, turns=turns, together=together)), daemon=True
        )
        for number in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit("a process has failed")
    print(json.dumps([seen.get() for _ in processes]))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
