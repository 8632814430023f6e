"""Tests of shim.testing.pytest_plugin and shim.testing.recordings: a team's own recordings become comparison tests."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shim.recording.files import encode_exchange
from shim.testing.recordings import RecordingReader, UnusableRecordingsError, chosen, files_below, lines_of
from tests.helpers.exchanges import exchange, streamed

pytest_plugins = ("pytester",)

THREE_LINES = """
def test_same(recorded_exchange, assert_same_both_ways):
    assert_same_both_ways(recorded_exchange)
"""

# What compares here says what the recording tells it to say.
STAND_IN = """
import pytest
from shim.comparison.verdict import Outcome, Verdict

class Says:
    def compare(self, exchange, *, request=None):
        words = exchange.context.get("says", ["match"])
        return [
            Verdict(rung="wire", outcome=Outcome(word), reason=f"why {word}", message=f"{exchange.pair_id}: {word}\\nmore words")
            for word in words
        ]

@pytest.fixture
def shim_comparer():
    return Says()
"""


@pytest.fixture(autouse=True)
def _only_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin by entry point, this one included: the tests load it by name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def record(path: Path, *exchanges: Any) -> None:
    """Write a recording, compressed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(each if isinstance(each, bytes) else encode_exchange(each) for each in exchanges)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def saying(*outcomes: str, pair_id: str = "p1") -> Any:
    """An exchange that `Says` gives these verdicts on."""
    return exchange(pair_id=pair_id, context={"says": list(outcomes)})


def run(
    pytester: pytest.Pytester,
    *arguments: str,
    test: str = THREE_LINES,
    conftest: str = STAND_IN,
    directories: tuple[str, ...] = ("recordings",),
) -> pytest.RunResult:
    """Run a test file with the plugin, over some directories."""
    pytester.makeconftest(conftest)
    pytester.makepyfile(test_it=test)
    given = [each for directory in directories for each in ("--shim-recordings", directory)]
    return pytester.runpytest_inprocess("-p", "shim.testing.pytest_plugin", *given, *arguments)


def test_three_lines_are_one_test_for_each_exchange(pytester: pytest.Pytester) -> None:
    """Every exchange of every file at any depth is one test, named by its file and line."""
    record(pytester.path / "recordings/chat.jsonl", saying("match"), b"\n", saying("match"))
    record(pytester.path / "recordings/billing/more.jsonl.gz", saying("match"), saying("match"))
    record(pytester.path / "recordings/notes.txt", b"no recording")
    result = run(pytester, "-v")
    result.assert_outcomes(passed=4)
    names = [
        f"*test_same[[]{name}]*" for name in (*["billing/more.jsonl.gz:1", "billing/more.jsonl.gz:2"], "chat.jsonl:1")
    ]
    result.stdout.fnmatch_lines([*names, "*test_same[[]chat.jsonl:3]*"])


def test_a_mismatch_fails_with_its_message_alone(pytester: pytest.Pytester) -> None:
    """A mismatch fails that one test with the verdict's message, and without a traceback."""
    record(pytester.path / "recordings/chat.jsonl", saying("match"), saying("match", "mismatch", pair_id="p7"))
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_same[[]chat.jsonl:2]*", "p7: mismatch", "more words"])
    assert "pytest_plugin.py" not in result.stdout.str()
    assert "def test_same" not in result.stdout.str()


def test_a_failed_comparison_is_an_error_of_its_own_kind(pytester: pytest.Pytester) -> None:
    """A comparison that failed fails the test as not compared, and not as a mismatch."""
    record(pytester.path / "recordings/chat.jsonl", saying("comparator-failed"))
    test = """
        import pytest
        from shim.testing.pytest_plugin import NotComparedError, SidesDifferError

        def test_kind(recorded_exchange, assert_same_both_ways):
            assert not issubclass(NotComparedError, SidesDifferError)
            with pytest.raises(NotComparedError, match="(?s)could not be compared.*p1: comparator-failed") as raised:
                assert_same_both_ways(recorded_exchange)
            assert [verdict.reason for verdict in raised.value.verdicts] == ["why comparator-failed"]
    """
    run(pytester, test=test).assert_outcomes(passed=1)


def test_a_broad_except_hides_no_mismatch(pytester: pytest.Pytester) -> None:
    """Code that catches every `Exception` does not catch a mismatch."""
    record(pytester.path / "recordings/chat.jsonl", saying("mismatch"))
    test = """
        def test_same(recorded_exchange, assert_same_both_ways):
            try:
                assert_same_both_ways(recorded_exchange)
            except Exception:
                pass
    """
    run(pytester, test=test).assert_outcomes(failed=1)


def test_ignored_differences_pass_and_are_shown_on_request(pytester: pytest.Pytester) -> None:
    """A difference that is ignored passes, and its words stand in the report of `-rP`."""
    record(pytester.path / "recordings/chat.jsonl", saying("ignored", "match"))
    result = run(pytester, "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*shim*", "wire: ignored: p1: ignored"])


def test_outcomes_go_into_junit_files(pytester: pytest.Pytester) -> None:
    """The outcome of each rung is a property of the test case in the JUnit file."""
    record(pytester.path / "recordings/chat.jsonl", saying("ignored"))
    run(pytester, "-p", "junitxml", "--junit-xml=junit.xml")
    assert '<property name="shim.wire" value="ignored"' in (pytester.path / "junit.xml").read_text()


def test_the_verdicts_are_returned(pytester: pytest.Pytester) -> None:
    """What the assertion returns are the verdicts, for whoever wants to say more."""
    record(pytester.path / "recordings/chat.jsonl", saying("match", "ignored"))
    test = """
        def test_same(recorded_exchange, assert_same_both_ways):
            assert [each.outcome for each in assert_same_both_ways(recorded_exchange)] == ["match", "ignored"]
    """
    run(pytester, test=test).assert_outcomes(passed=1)


def test_the_marker_chooses_files_and_settings(pytester: pytest.Pytester) -> None:
    """The marker's patterns choose the files, and its keywords are the settings of the comparer."""
    for name in ("a/one.jsonl", "a/b/two.jsonl", "c/three.jsonl"):
        record(pytester.path / "recordings" / name, saying("match"))
    test = """
        import pytest
        from shim.comparison.rules import IgnoreRule

        RULE = IgnoreRule(path="header.*", reason="r", owner="o")

        @pytest.mark.shim_recordings("a/*", rungs="tee", resplit=True, ignore=RULE)
        def test_some(recorded_exchange, shim_comparison_settings):
            assert shim_comparison_settings == {"rungs": ("tee",), "resplit": True, "ignore": (RULE,)}

        def test_all(recorded_exchange, shim_comparison_settings):
            assert shim_comparison_settings == {}
    """
    result = run(pytester, "-v", "--strict-markers", test=test)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*test_some[[]a/b/two.jsonl:1]*", "*test_some[[]a/one.jsonl:1]*"])


def test_a_keyword_the_marker_does_not_know_is_named(pytester: pytest.Pytester) -> None:
    """A keyword that no comparer takes is an error that names it and those there are."""
    record(pytester.path / "recordings/chat.jsonl", saying("match"))
    test = "import pytest\npytestmark = pytest.mark.shim_recordings(rung='tee')\n" + THREE_LINES
    result = run(pytester, test=test, conftest="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the marker shim_recordings takes no rung; it takes control, candidate, *"])


@pytest.mark.parametrize(
    ("directories", "message"),
    [
        ((), "*recorded_exchange needs recordings: give --shim-recordings DIR, or shim_recordings = DIR*"),
        (("nowhere",), "*nowhere is no directory; give one that holds recordings*"),
        (("empty",), "*no recording (*.jsonl, *.jsonl.gz) below *empty; make some with `shim record`*"),
        (("blank",), "*nothing is recorded in chat.jsonl*"),
        (("cut",), "*chat.jsonl.gz:2: the file ends in the middle of an exchange*"),
    ],
)
def test_recordings_that_cannot_be_used_are_an_error(
    pytester: pytest.Pytester, directories: tuple[str, ...], message: str
) -> None:
    """A test that would compare nothing is an error with a remedy, without a traceback, and never passes."""
    (pytester.path / "empty").mkdir()
    record(pytester.path / "blank/chat.jsonl", b"\n")
    record(pytester.path / "cut/chat.jsonl.gz", saying("match"), saying("match"))
    cut = pytester.path / "cut/chat.jsonl.gz"
    data = gzip.decompress(cut.read_bytes())
    cut.write_bytes(gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])[:-20])
    result = run(pytester, directories=directories)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test_a_pattern_that_matches_nothing_is_an_error(pytester: pytest.Pytester) -> None:
    """A marker's pattern that matches no recording is an error that names those there are."""
    record(pytester.path / "recordings/chat.jsonl", saying("match"))
    test = "import pytest\npytestmark = pytest.mark.shim_recordings('chat.json', 'chat*')\n" + THREE_LINES
    result = run(pytester, test=test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the pattern 'chat.json' matches no recording; there is chat.jsonl"])


def test_the_ini_file_may_name_the_directory(pytester: pytest.Pytester) -> None:
    """`shim_recordings` in the ini file is taken from there, and the option is taken before it."""
    pytester.makeini("[pytest]\nshim_recordings = kept")
    record(pytester.path / "kept/chat.jsonl", saying("match"))
    record(pytester.path / "other/chat.jsonl", saying("mismatch"))
    run(pytester, directories=()).assert_outcomes(passed=1)
    run(pytester, directories=("other",)).assert_outcomes(failed=1)


def test_several_directories_are_told_apart(pytester: pytest.Pytester) -> None:
    """Given several directories, each test's name begins with its directory's."""
    for name in ("one", "two"):
        record(pytester.path / name / "chat.jsonl", saying("match"))
    result = run(pytester, "-v", directories=("one", "two"))
    result.stdout.fnmatch_lines(["*test_same[[]one/chat.jsonl:1]*", "*test_same[[]two/chat.jsonl:1]*"])


def test_a_line_that_is_no_exchange_is_an_error_of_its_own_test(pytester: pytest.Pytester) -> None:
    """A broken line is an error that names its place and the remedy, and the other lines are compared."""
    record(
        pytester.path / "recordings/chat.jsonl", saying("match"), b'{"schema": "shim.exchange/1.0"}\n', saying("match")
    )
    result = run(pytester)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*chat.jsonl:2: it is no exchange: *record it anew, or take this line out"])
    assert "Traceback" not in result.stdout.str()


def test_collecting_looks_into_no_line(pytester: pytest.Pytester) -> None:
    """Collecting finds the lines and decodes none, whatever they hold."""
    record(pytester.path / "recordings/chat.jsonl", b"x" * 1_000_000 + b"\n", b"y\n")
    result = run(pytester, "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*test_same[[]chat.jsonl:1]", "*test_same[[]chat.jsonl:2]"])


def test_it_leaves_other_tests_alone(pytester: pytest.Pytester) -> None:
    """Tests that ask for no recording run as ever, with no directory given."""
    run(pytester, test="def test_other(): pass", directories=()).assert_outcomes(passed=1)


@pytest.mark.slow
def test_it_works_in_several_processes(pytester: pytest.Pytester) -> None:
    """Under pytest-xdist the tests are found the same in each process, and a mismatch is told with its message."""
    pytester.makeconftest(STAND_IN)
    pytester.makepyfile(test_it=THREE_LINES)
    record(pytester.path / "recordings/a.jsonl", *[saying("match")] * 6)
    record(pytester.path / "recordings/b.jsonl.gz", *[saying("match")] * 6, saying("mismatch", pair_id="p9"))
    plugins = ("-p", "xdist.plugin", "-p", "shim.testing.pytest_plugin")
    result = pytester.runpytest_subprocess(*plugins, "-n", "2", "--shim-recordings", "recordings", timeout=18)
    result.assert_outcomes(passed=12, failed=1)
    result.stdout.fnmatch_lines(["*test_same[[]b.jsonl.gz:7]*", "p9: mismatch"])


def test_the_real_sides_are_compared(pytester: pytest.Pytester) -> None:
    """With nothing overridden the legacy client and the native one are compared, on both rungs, from the recording alone."""
    record(pytester.path / "recordings/chat.jsonl", exchange(), streamed(), exchange(b'{"model": "gpt-4o"}'))
    result = run(pytester, conftest="")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*test_same[[]chat.jsonl:3]*"])


def test_importing_it_is_cheap() -> None:
    """Loading the plugin loads neither the comparison nor a transport: every run of pytest pays for what it loads."""
    probe = "import sys, pytest, shim.testing.pytest_plugin; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=15)  # noqa: S603 - our own interpreter and text
    loaded = set(done.stdout.split())
    assert "shim.testing.pytest_plugin" in loaded
    heavy = {"shim.comparison", "shim.factory", "shim.legacy_adapter", "shim.native", "shim.testing.recordings"}
    assert not loaded & (heavy | {"requests", "urllib3", "asyncio", "ssl", "jinja2"})


def test_a_file_is_read_in_any_order(tmp_path: Path) -> None:
    """Lines are read by their place, forwards and backwards, plain and compressed, from one file after another."""
    for name in ("a.jsonl", "b.jsonl.gz"):
        record(tmp_path / name, *(exchange(pair_id=f"{name}-{number}") for number in range(1, 4)))
    places = [place for file in files_below([tmp_path]) for place in lines_of(file)]
    reader = RecordingReader()
    for place in (places[2], places[0], places[5], places[1], places[3], places[4], places[3]):
        assert reader.read(place).pair_id == f"{place.file.name}-{place.line}"
    reader.close()


def test_a_recording_that_vanished_is_an_error(tmp_path: Path) -> None:
    """A file that is gone, or has become shorter, since its lines were found is an error that names the place."""
    record(tmp_path / "a.jsonl", exchange(), exchange())
    (file,) = files_below([tmp_path])
    _, place = lines_of(file)
    record(tmp_path / "a.jsonl", exchange())
    reader = RecordingReader()
    with pytest.raises(UnusableRecordingsError, match=r"a\.jsonl:2: "):
        reader.read(place)
    reader.close()
    file.path.unlink()
    with pytest.raises(UnusableRecordingsError, match=r"a\.jsonl:2: "):
        reader.read(place)


def test_patterns_reach_over_folders(tmp_path: Path) -> None:
    """A star also stands for slashes, so that a folder's name with a star is everything in it."""
    for name in ("a/x.jsonl", "a/b/y.jsonl", "c.jsonl"):
        record(tmp_path / name, exchange())
    files = files_below([tmp_path])
    assert [file.name for file in chosen(files, ("a/*",))] == ["a/b/y.jsonl", "a/x.jsonl"]
    assert chosen(files, ()) == files
