"""`install`: puts this package where `import openai` finds it, for code nobody edits, and takes it out again.

Not the package's own behaviour, which is the same without (`from shim.compat import openai_v0 as openai`). Modes are kinds of
installation with one face, `Installation`; "instead" is `Instead`.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from shim.compat.openai_v0.finder import NAME, StandInDistribution, StandInFinder, is_under
from shim.compat.openai_v0.namespace import PACKAGE
from shim.compat.openai_v0.recording import record_into
from shim.compat.openai_v0.transport import blocking, choice
from shim.compat.openai_v0.version import stands_beside
from shim.model import UnsupportedFeatureError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.compat.openai_v0.stand_in_recording import StandInRecording
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.sinks import SinkTarget

# Ours alone; `import openai.transport` must not find them.
_OWN = frozenset(
    {
        "beside",
        "choice",
        "deviations",
        "finder",
        "installation",
        "interpretation",
        "namespace",
        "recording",
        "request_parts",
        "stand_in_recording",
        "seams",
        "sessions",
    }
    | {"startup", "v0_reader", "stream_faults", "transport", "units"}
)

Mode = Literal["beside", "instead"]


class _Means(Protocol):
    """How an installation is done and undone."""

    mode: Mode

    def undo(self) -> None:
        """Take everything back."""
        ...


class Installation:
    """An installation in force; leaving it as a context manager takes it back.

    Attributes:
        mode: "beside" the real openai 0.28, or "instead" of it.
    """

    def __init__(self, means: _Means) -> None:
        self.mode: Mode = means.mode
        self._means: _Means | None = means

    @property
    def counts(self) -> Any:
        """What became of the chat calls, beside the real library: `BesideCounts`; None in its place."""
        return getattr(self._means, "counts", None)

    @property
    def recording(self) -> Any:
        """The recording: its `counts`, and `flush()`; None where there is none."""
        return getattr(self._means, "recording", None)

    def renew(self) -> None:
        """Stand beside the real library as it is imported now, should a program have imported it anew; else nothing."""
        renew = getattr(self._means, "renew", None)
        if renew is not None:
            renew()

    def uninstall(self) -> None:
        """Take everything back: every module, name and setting is as it was. May be called again."""
        means, self._means = self._means, None
        if means is not None:
            means.undo()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()

    def __repr__(self) -> str:
        return f"<openai 0.28, {self.mode}{'' if self._means else ', uninstalled'}>"


def install(
    *,
    real: Literal["auto"] | bool = "auto",
    rollout: Any = None,
    candidate: Any = "native",
    upgrades: Iterable[str] = (),
    target: Any = None,
    unit: Any = None,
    record: Any = None,
    redaction: Any = None,
) -> Installation:
    """Make `import openai` mean openai 0.28.

    Args:
        real: "auto" stands beside the real openai 0.28 or 0.27 where that can be imported, else in its place; False always
            in its place; True wants the real one.
        rollout: a `shim.migration` rollout that decides for each chat call; None leaves them where they are.
        candidate: who serves the calls that move: "native" or "legacy", with the address, key and limits of each call; or a
            `Provider`, or a function that makes one, with its own.
        upgrades: names of `shim.migration.upgrades` that a call gets before the candidate does, undone in its answer.
        target: the `Target` of the upgrades.
        unit: names the unit of a call, all of whose calls go one way: a function that takes a `RoutedCall`. None takes the
            header `X-Conversation-Id`, else `user`, else draws each call by itself.
        record: where exchanges are recorded: a path, a `RotatingFile`, or a function that takes one.
        redaction: what is taken out of them first; None is `Redaction()`.

    Raises:
        UnsupportedFeatureError: the real one is wanted and not there; or an argument has no meaning in its place.
        RuntimeError: it is installed already.
        TypeError, ValueError, OSError: an argument cannot be used; the message names it.
    """
    if real not in ("auto", True, False):
        raise TypeError(f'real is {real!r}; give "auto", True or False')
    moving = {"candidate": candidate, "upgrades": upgrades, "target": target}
    if real is True or (real == "auto" and real_version() is not None):
        from shim.compat.openai_v0.beside.means import Beside

        with Instead.absent():
            return Installation(Beside(rollout=rollout, unit=unit, **moving, record=record, redaction=redaction))
    _refuse_beside_only(moving)
    if unit is not None and rollout is None:
        raise TypeError(
            "unit names what a rollout decides a call by, and none is given; give rollout=, or leave unit out"
        )
    means = Instead(record=record, redaction=redaction)
    if rollout is not None:
        try:
            choice.use(rollout, unit=unit)
        except BaseException:
            means.undo()
            raise
    return Installation(means)


_LEFT_ALONE: dict[str, Any] = {
    "candidate": "native",
    "upgrades": (),
    "target": None,
}


def _refuse_beside_only(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value != _LEFT_ALONE[name]:
            raise UnsupportedFeatureError(
                f"{name} has a meaning beside the real openai 0.28 alone, and that is not there; leave it out, or "
                "install openai==0.28.1",
                field=name,
            )


def real_version() -> str | None:
    """The version of the real openai where that is one to stand beside (0.27, 0.28), None where it is another or not there."""
    found = (each for each in importlib.metadata.distributions(name=NAME) if not isinstance(each, StandInDistribution))
    version = next((each.version for each in found), None)
    return version if stands_beside(version) else None


class Instead:
    """The package under the name `openai`, with every submodule: each is one object under both names.

    Classes and functions say `openai.…` as their module meanwhile, so that pickles and messages are those of 0.28.
    """

    mode: Mode = "instead"
    _lock = threading.Lock()
    _installed: Instead | None = None

    def __init__(self, *, record: SinkTarget | None = None, redaction: Redaction | None = None) -> None:
        with self._lock:
            if Instead._installed is not None or _stands_beside():
                raise RuntimeError("openai 0.28 is installed already; uninstall that first")
            self.recording = None if record is None else _recording(record, redaction)
            Instead._installed = self
        self._before = {name: module for name, module in sys.modules.items() if is_under(name, NAME)}
        self._choice = choice.kept()
        if self.recording is not None:
            record_into(self.recording)
            choice.renew()
        self._renamed: list[tuple[Any, str]] = []
        for name in self._before:
            del sys.modules[name]
        self._finder = StandInFinder(self.take_in, own=_OWN)
        sys.meta_path.insert(0, self._finder)
        self.take_in(NAME, sys.modules[PACKAGE])
        for name, module in list(sys.modules.items()):
            alias = alias_of(name)
            if alias is not None:
                self.take_in(alias, module)

    @classmethod
    @contextmanager
    def absent(cls) -> Iterator[None]:
        """Do something while nothing stands in the place of the real one.

        Raises:
            RuntimeError: something does.
        """
        with cls._lock:
            if cls._installed is not None:
                raise RuntimeError("openai 0.28 is installed already; uninstall that first")
            yield

    def take_in(self, alias: str, module: ModuleType) -> None:
        """Put a module under its name below `openai`, and let what it defines say so."""
        sys.modules[alias] = module
        for thing in _defined_in(module):
            self._rename(thing, alias)

    def undo(self) -> None:
        """Take it all back."""
        with self._lock:
            Instead._installed = None
        sys.meta_path.remove(self._finder)
        for name in [name for name in sys.modules if is_under(name, NAME)]:
            del sys.modules[name]
        sys.modules.update(self._before)
        for thing, before in reversed(self._renamed):
            thing.__module__ = before
        self._renamed.clear()
        choice.restore(self._choice)
        blocking.close_all()
        if self.recording is not None:
            record_into(None)
            self.recording.close()

    def _rename(self, thing: Any, alias: str) -> None:
        self._renamed.append((thing, thing.__module__))
        thing.__module__ = alias


def _recording(sink: SinkTarget, redaction: Redaction | None) -> StandInRecording:
    from shim.compat.openai_v0.stand_in_recording import StandInRecording

    return StandInRecording(sink, redaction=redaction)


def _stands_beside() -> bool:
    means = sys.modules.get(f"{PACKAGE}.beside.means")
    return means is not None and means.Beside.is_installed()


def alias_of(name: str) -> str | None:
    """The name below `openai` of a module of this package; None for one that 0.28 has not."""
    if not is_under(name, PACKAGE):
        return None
    rest = name[len(PACKAGE) :]
    return None if rest.split(".")[1:2] and rest.split(".")[1] in _OWN else NAME + rest


def submodules() -> list[str]:
    """The names below `openai` that can be imported."""
    package = sys.modules[PACKAGE]
    found = (each.name for each in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.", onerror=_raise))
    return sorted(alias for alias in map(alias_of, found) if alias is not None)


def _raise(name: str) -> None:
    raise ImportError(f"{name} cannot be imported")


def _defined_in(module: ModuleType) -> list[Any]:
    """What a module defines: its functions and classes, and the methods of these."""
    found: list[Any] = []
    for thing in vars(module).values():
        if getattr(thing, "__module__", None) != module.__name__ or not hasattr(thing, "__qualname__"):
            continue
        found.append(thing)
        for member in vars(thing).values() if isinstance(thing, type) else ():
            plain = getattr(member, "__func__", member)
            if getattr(plain, "__module__", None) == module.__name__ and hasattr(plain, "__code__"):
                found.append(plain)
    return found
