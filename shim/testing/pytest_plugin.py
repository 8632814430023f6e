"""The pytest plugin: side-by-side comparison tests over your own recordings, and two runs of a suite compared.

Not the comparing (`shim.comparison`), the finding of recordings (`recordings`) nor the recording of a run (`suite_plugin`). With
`pytest --shim-recordings DIR`, or `shim_recordings` in the ini file, these lines are one test for each recorded exchange:

    def test_same(recorded_exchange, assert_same_both_ways):
        assert_same_both_ways(recorded_exchange)

The marker chooses and tunes: `@pytest.mark.shim_recordings("billing/*.jsonl", rungs="tee", resplit=True)`; its keywords are
those of `shim.factory.create_comparer`. Override the fixture `shim_comparer` to compare other sides.

With `--shim-record FILE` each exchange of a run is recorded with its test: once with the old client, once with the new one, and
`shim compare` holds the two files against each other; or give the first as `--shim-control` to the second run.

This module is imported in every run of pytest where the package is installed, so it imports nothing but pytest at the top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from shim.comparison import Comparer, Exchange, Verdict
    from shim.testing.recordings import RecordedLine, RecordingFile, RecordingReader

_MARKER = "shim_recordings"
_OPTION = "--shim-recordings"
_RECORD, _CONTROL = "--shim-record", "--shim-control"

# What the marker takes by keyword: the settings of `shim.factory.create_comparer`.
_SETTINGS = ("control", "candidate", "candidate_settings", "rungs", "api", "ignore", "resplit", "truncate")

_NOT_GIVEN = (
    f"recorded_exchange needs recordings: give {_OPTION} DIR, or {_MARKER} = DIR in the ini file; "
    "make some with `shim record`, or with tap(session, path)"
)


class _FailedComparisonError(pytest.fail.Exception):  # type: ignore[name-defined,misc]  # pytest makes it when it runs
    """As pytest's own failures no `Exception`: a broad `except` in the code under test cannot hide it."""

    def __init__(self, message: str, *, verdicts: Sequence[Verdict]) -> None:
        super().__init__(message, pytrace=False)
        self.verdicts = tuple(verdicts)


class SidesDifferError(_FailedComparisonError):
    """The two sides do not do the same; `verdicts` has those of each rung."""


class NotComparedError(_FailedComparisonError):
    """The comparison itself failed, so nothing is known of the two sides; `verdicts` has those of each rung."""


class _Held:
    """What one run of pytest has found."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._files: list[RecordingFile] | None = None
        self._lines: dict[RecordingFile, list[RecordedLine]] = {}
        self._reader: RecordingReader | None = None

    def lines(self, patterns: Sequence[str]) -> list[RecordedLine]:
        """The places of the exchanges in the files that match."""
        from shim.testing.recordings import UnusableRecordingsError, chosen, files_below

        if self._files is None:
            directories = _directories(self._config)
            if not directories:
                raise UnusableRecordingsError(_NOT_GIVEN)
            self._files = files_below(directories)
        files = chosen(self._files, patterns)
        found = [line for file in files for line in self._lines_of(file)]
        if not found:
            raise UnusableRecordingsError(f"nothing is recorded in {', '.join(file.name for file in files[:5])}")
        return found

    def read(self, place: RecordedLine) -> Exchange:
        """Read the exchange at a place."""
        from shim.testing.recordings import RecordingReader

        if self._reader is None:
            self._reader = RecordingReader()
        return self._reader.read(place)

    def close(self) -> None:
        """Close the file that is open."""
        if self._reader is not None:
            self._reader.close()

    def _lines_of(self, file: RecordingFile) -> list[RecordedLine]:
        from shim.testing.recordings import lines_of

        if file not in self._lines:
            self._lines[file] = lines_of(file)
        return self._lines[file]


_HELD = pytest.StashKey[_Held]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the ini setting."""
    group = parser.getgroup("shim", "side-by-side comparison over recorded exchanges (shim)")
    said = "directory of recorded exchanges (*.jsonl, *.jsonl.gz, at any depth)"
    group.addoption(
        _RECORD,
        metavar="FILE",
        help="record what the tests ask an OpenAI API: requests' sessions by themselves, other clients by shim_recorded",
    )
    group.addoption(
        _CONTROL,
        metavar="FILE",
        help=f"the recording of an earlier run: at the end compare {_RECORD}'s with it, and fail where they differ",
    )
    group.addoption(_OPTION, action="append", default=[], metavar="DIR", help=f"{said}; may be given again")
    parser.addini(_MARKER, type="paths", default=[], help=f"{said}, used where {_OPTION} is not given")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    named = ", ".join(f"{name}=..." for name in _SETTINGS)
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*patterns, {named}): which recordings recorded_exchange takes, and how they are compared",
    )
    config.stash[_HELD] = _Held(config)
    if config.getoption(_RECORD) or config.getoption(_CONTROL):
        from shim.testing.suite_plugin import SuitePlugin

        config.pluginmanager.register(SuitePlugin(config), "shim-suite")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what was opened."""
    held = config.stash.get(_HELD, None)
    if held is not None:
        held.close()


@pytest.fixture
def shim_recorded(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Call it with a base URL, and give your client what it returns.

    With `--shim-record` that is a proxy on this machine, which passes on and records: for clients that do not go through
    `requests`. Without, it is the URL itself.
    """
    suite = request.config.pluginmanager.getplugin("shim-suite")
    with ExitStack() as opened:
        yield (
            (lambda base_url: base_url) if suite is None else (lambda base_url: suite.through(base_url, opened=opened))
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each recorded exchange, named by its file and line."""
    if "recorded_exchange" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker(_MARKER)
    try:
        places = metafunc.config.stash[_HELD].lines(marker.args if marker else ())
    except ValueError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.name}: {error}") from None
    metafunc.parametrize("recorded_exchange", places, ids=map(str, places), indirect=True)


@pytest.fixture
def recorded_exchange(request: pytest.FixtureRequest) -> Exchange:
    """One exchange of the recordings; a test that asks for it runs once for each."""
    try:
        return request.config.stash[_HELD].read(request.param)
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def shim_comparison_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The keywords of the nearest `shim_recordings` marker, as `shim.factory.create_comparer` takes them."""
    marker = request.node.get_closest_marker(_MARKER)
    settings = dict(marker.kwargs) if marker else {}
    unknown = sorted(settings.keys() - set(_SETTINGS))
    if unknown:
        raise pytest.UsageError(f"the marker {_MARKER} takes no {', '.join(unknown)}; it takes {', '.join(_SETTINGS)}")
    for name in ("rungs", "ignore"):
        if name in settings:
            settings[name] = _as_tuple(settings[name])
    return settings


@pytest.fixture(scope="session")
def _shim_comparers() -> Iterator[Callable[[dict[str, Any]], Comparer]]:
    """Makes one comparer for each set of settings, and closes them all at the end."""
    from shim.factory import create_comparer

    made: list[tuple[dict[str, Any], Comparer]] = []

    def comparer_of(settings: dict[str, Any]) -> Comparer:
        for known, comparer in made:
            if known == settings:
                return comparer
        comparer = create_comparer(**settings)
        closing.callback(comparer.close)
        made.append((settings, comparer))
        return comparer

    with ExitStack() as closing:
        yield comparer_of


@pytest.fixture
def shim_comparer(
    _shim_comparers: Callable[[dict[str, Any]], Comparer], shim_comparison_settings: dict[str, Any]
) -> Comparer:
    """What compares: the legacy client with the native one, as the marker says. Override it to compare other sides."""
    return _shim_comparers(shim_comparison_settings)


@pytest.fixture
def assert_same_both_ways(
    request: pytest.FixtureRequest, shim_comparer: Comparer
) -> Callable[[Exchange], list[Verdict]]:
    """Call it with an exchange: it fails with the explaining message unless both sides ask and read the same.

    Differences that are ignored pass, with their reasons in the report (`pytest -rP`). A comparison that fails itself fails the
    test too, with its reason. It returns the verdicts.
    """

    def check(exchange: Exchange) -> list[Verdict]:
        verdicts = shim_comparer.compare(exchange)
        _report(request.node, verdicts)
        _judge(verdicts)
        return verdicts

    return check


def _report(node: pytest.Item, verdicts: Sequence[Verdict]) -> None:
    """Note the outcomes: as properties for JUnit files, and in words where something was ignored."""
    for verdict in verdicts:
        node.user_properties.append((f"shim.{verdict.rung}", str(verdict.outcome)))
        if verdict.outcome == "ignored":
            node.add_report_section("call", "shim", f"{verdict.rung}: ignored: {verdict.message or verdict.reason}")


def _judge(verdicts: Sequence[Verdict]) -> None:
    __tracebackhide__ = True
    wrong = [verdict for verdict in verdicts if not verdict.ok]
    if not wrong:
        return
    text = "\n\n".join(verdict.message or verdict.reason for verdict in wrong)
    if any(verdict.outcome == "mismatch" for verdict in wrong):
        raise SidesDifferError(text, verdicts=verdicts)
    raise NotComparedError(f"could not be compared\n{text}", verdicts=verdicts)


def _directories(config: pytest.Config) -> list[Path]:
    given = [config.invocation_params.dir / each for each in config.getoption(_OPTION)]
    return given or list(config.getini(_MARKER))


def _as_tuple(value: Any) -> tuple[Any, ...]:
    """One or several, as a tuple."""
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)
