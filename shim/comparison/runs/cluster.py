"""A Dask cluster that calls one function with many plain texts, and goes on where it loses workers or its scheduler.

Not what the function does (`shim.cli.compare_part`), nor what its answers mean (`shim.cli.compare_cluster`). What crosses the
network is the function's name, a text, and the text it returns. The scheduler keeps a few tasks at a time, so that memory does
not grow with them; where it is gone, what was under way is given to the one that comes in its place, while patience lasts.
Specification: https://distributed.dask.org/en/stable/api.html (Client, Future) and /resilience.html.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self

EXTRA = "legacy-openai-shim[cluster]"

FIRST_PATIENCE = 30.0  # seconds for a scheduler to answer at all: one that was never there is a wrong address
PATIENCE = (
    300.0  # seconds to wait for a scheduler that is gone, or for the first worker: what a job system takes to start one
)

_EVERY = 0.1  # seconds between two looks at what is under way, which cost nothing: the client is told by itself
_COUNT_EVERY = 2.0  # seconds between two questions for the workers
_ANSWER_PATIENCE = (
    10.0  # seconds for an answer of a few hundred bytes, or for the scheduler to say how many workers it has
)
_AGAIN_EVERY = 1.0  # seconds between two tries at a scheduler that is gone
_AHEAD = 4  # tasks per thread of the cluster that are given to the scheduler before one of them is done
_FEWEST_AHEAD = 8
_MOST_LOSSES = 10  # schedulers that are lost one after the other without an answer in between: it is not chance then


class ClusterError(RuntimeError):
    """A cluster that cannot be used; the message says what is the matter with it, and what to do."""


class _SchedulerLostError(Exception):
    """The scheduler is gone, and with it what was under way."""


class TaskAnswer(NamedTuple):
    """What came of a task: its name, and the text that was returned; or (`fault`) the kind of what was raised.

    `is_fatal`: it ended every worker that tried it, or was with one that did.
    """

    name: str
    text: str = ""
    fault: str = ""
    is_fatal: bool = False


class Cluster:
    """A cluster at an address. Close it; a context manager does. Belongs to one thread.

    Args:
        address: of the scheduler, such as "tcp://10.0.0.1:8786".
        patience: seconds to wait for a scheduler that is gone, and for workers where there are none.
        tell: takes a sentence about what is going on.

    Attributes:
        workers: how many there were when they were last counted.

    Raises:
        ClusterError: Dask is not installed, or no scheduler answers.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE, tell: Callable[[str], object]) -> None:
        self.workers = 0
        self._address = address
        self._patience = patience
        self._tell = tell
        self._idle_since: float | None = None  # since when there has been no worker
        self._losses = 0  # since the last answer
        try:
            self._session = _Session(address, timeout=FIRST_PATIENCE)
        except _SchedulerLostError as error:
            raise ClusterError(
                f"no scheduler answers at {address} within {FIRST_PATIENCE:.0f} s ({error}); start one (dask scheduler), or "
                f"give the address that it prints"
            ) from None

    def map(self, function: Callable[[str], str], tasks: Mapping[str, str]) -> Generator[TaskAnswer | None, None, None]:
        """Call the function with each text, once or more, and give what came of it as it comes; None about ten times a second.

        Args:
            function: of a module that workers can import, since only its name is sent.
            tasks: name -> text. Each is answered once.

        Raises:
            ClusterError: scheduler or workers stayed away for longer than patience lasts.
        """
        left = dict(tasks)
        while left:
            try:
                yield from self._go_through(function, left)
            except _SchedulerLostError as error:  # noqa: PERF203 - to go on is what the loop is for
                self._come_again(error, missing=len(left))

    def _go_through(
        self, function: Callable[[str], str], left: dict[str, str]
    ) -> Generator[TaskAnswer | None, None, None]:
        """Call until nothing is left; what is answered is taken out.

        Raises:
            _SchedulerLostError: the scheduler is gone.
        """
        waiting = iter(list(left.items()))
        counted_at = -_COUNT_EVERY
        while left:
            now = time.monotonic()
            if now - counted_at >= _COUNT_EVERY:
                counted_at = now
                self._count(now)
            while self._session.under_way < self._session.room and (task := next(waiting, None)) is not None:
                self._session.submit(function, name=task[0], text=task[1])
            for answer in self._session.answers():
                del left[answer.name]
                self._losses = 0
                yield answer
            yield None
            time.sleep(_EVERY)

    def _count(self, now: float) -> None:
        """Count the workers; without any, wait for them, but not for ever."""
        self.workers = self._session.count()
        if self.workers:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
            self._tell(f"{self._address} has no worker; waiting up to {self._patience:.0f} s for one (dask worker).")
        elif now - self._idle_since > self._patience:
            raise ClusterError(
                f"{self._address} had no worker for {self._patience:.0f} s; start some (dask worker {self._address})"
            )

    def _come_again(self, error: Exception, *, missing: int) -> None:
        """Wait for the scheduler's return."""
        self._session.close()
        self.workers = 0
        self._losses += 1
        if self._losses > _MOST_LOSSES:
            raise ClusterError(
                f"the scheduler at {self._address} was lost {self._losses} times without an answer in between ({error}); see to "
                f"what it logs"
            )
        self._tell(
            f"The scheduler at {self._address} is gone ({error}), with {missing} to do. What is done is kept; waiting up to "
            f"{self._patience:.0f} s for its return."
        )
        began = time.monotonic()
        while time.monotonic() - began < self._patience:
            with contextlib.suppress(_SchedulerLostError):  # not yet: asked again until patience ends, which is told
                self._session = _Session(self._address, timeout=min(self._patience, FIRST_PATIENCE))
                self._idle_since = None
                self._tell(f"The scheduler is there again after {time.monotonic() - began:.0f} s; going on.")
                return
            time.sleep(_AGAIN_EVERY)
        raise ClusterError(
            f"the scheduler at {self._address} did not return within {self._patience:.0f} s; start it again, with its workers"
        )

    def close(self) -> None:
        """Let go of the scheduler, which forgets what it has not given to a worker yet."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class _Session:
    """One connection to a scheduler, and what it has been given over it.

    Raises:
        _SchedulerLostError: it does not answer.
        ClusterError: Dask is not installed.
    """

    def __init__(self, address: str, *, timeout: float) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ModuleNotFoundError:
            raise ClusterError(f"a cluster is reached by Dask, which is not installed: install {EXTRA}") from None
        _keep_quiet()
        self._under_way: dict[str, Any] = {}  # name -> distributed's Future
        self._killed: type[BaseException] = distributed.KilledWorker
        self._late: type[BaseException] = distributed.TimeoutError  # before Python 3.11 it is no TimeoutError
        self._threads = 0
        try:
            self._client = distributed.Client(address, timeout=timeout, set_as_default=False)
        except Exception as error:
            raise _SchedulerLostError(_cause(error)) from error

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def room(self) -> int:
        """How many tasks the scheduler is given at most."""
        return max(_AHEAD * self._threads, _FEWEST_AHEAD)

    def count(self) -> int:
        """Count the workers, and their threads."""
        with self._attended():
            threads = self._client.sync(self._client.scheduler.ncores, callback_timeout=_ANSWER_PATIENCE)
        self._threads = sum(threads.values())
        return len(threads)

    def submit(self, function: Callable[[str], str], *, name: str, text: str) -> None:
        """Give the scheduler a task. Its key is of this session: a scheduler remembers results by their keys."""
        with self._attended():
            key = f"{name}-{os.urandom(4).hex()}"
            self._under_way[name] = self._client.submit(function, text, key=key, pure=False)

    def answers(self) -> list[TaskAnswer]:
        """What has been answered since; the scheduler forgets it then."""
        found = []
        for name in [name for name, future in self._under_way.items() if future.done()]:
            with self._attended():
                answer = self._answer(name)
            if answer is not None:
                del self._under_way[name]
                found.append(answer)
        if self._client.status != "running":
            raise _SchedulerLostError("the connection ended")
        return found

    def _answer(self, name: str) -> TaskAnswer | None:
        """The answer of a task that is done; None where it is not any more, as it went with the worker that had it."""
        future = self._under_way[name]
        if future.status in ("cancelled", "lost"):
            raise _SchedulerLostError("the connection ended")
        if future.status == "error":
            error = future.exception(timeout=_ANSWER_PATIENCE)
            return TaskAnswer(name, fault=_cause(error), is_fatal=isinstance(error, self._killed))
        try:
            return TaskAnswer(name, str(future.result(timeout=_ANSWER_PATIENCE)))
        except (TimeoutError, self._late):
            return None  # done anew by another worker: it is looked at again

    @contextlib.contextmanager
    def _attended(self) -> Generator[None, None, None]:
        """Take what goes wrong on the way to the scheduler for its loss: then all is asked anew, and nothing is lost."""
        try:
            yield
        except _SchedulerLostError:
            raise
        except Exception as error:
            raise _SchedulerLostError(_cause(error)) from error

    def close(self) -> None:
        """Close the connection; one that cannot be is let go of."""
        self._under_way.clear()
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):  # there may be nobody left to say goodbye to
            self._client.close(timeout=_ANSWER_PATIENCE)


def _cause(error: BaseException) -> str:
    """The kind of an error: its words may be of any package, and hold anything."""
    return type(error).__name__


def _keep_quiet() -> None:
    """Say in our own words what its loggers would say of a scheduler that is gone, with tracebacks."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name == "distributed" or name.startswith("distributed."):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
