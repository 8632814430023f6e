"""A process that forks while its threads use a store: `python -m tests.migration.store.forking KIND ADDRESS PREFIX`.

Not the test (`test_processes`), which looks at what is left. Exits with 0 where every child could use the store it inherited.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback

from shim.migration.store import Batch, Store, StoredPin
from tests.migration.store.hammer import FLAG, opened

CHILDREN, TURNS = 6, 20


def add(store: Store, who: str, *, turns: int) -> None:
    """Add one, so many times."""
    for turn in range(turns):
        store.add(FLAG, Batch(batch_id=f"{who}/{turn}", epoch="e", sums={"n": 1}))


def child(store: Store, number: int) -> None:
    """Use the inherited store, and end without what the parent would do at its end."""
    try:
        add(store, f"child {number}", turns=TURNS)
        assert store.pin(FLAG, {"a": StoredPin(arm="candidate", share=0.5)}, max_age=60)["a"].arm == "control"
        assert store.snapshot(FLAG).policy is not None
    except BaseException:  # noqa: BLE001 - told to the parent by the exit code, and printed
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Fork several times in the midst of writing."""
    store = opened(*sys.argv[1:4])
    store.write_policy(FLAG, {"stage": "ramp"}, expected=0, by="parent")
    store.pin(FLAG, {"a": StoredPin(arm="control", share=0.5)}, max_age=60)
    threads = [
        threading.Thread(target=add, args=(store, f"thread {number}"), kwargs={"turns": 100}) for number in range(3)
    ]
    for thread in threads:
        thread.start()
    children = []
    for number in range(CHILDREN):
        pid = os.fork()
        if pid == 0:
            child(store, number)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    for thread in threads:
        thread.join()
    found = store.read_epoch(FLAG, "e").sums
    expected = {"n": 3 * 100 + CHILDREN * TURNS}
    store.close()
    if codes != [0] * CHILDREN or found != expected:
        sys.exit(f"children ended with {codes}, and {found} was counted instead of {expected}")


if __name__ == "__main__":
    main()
