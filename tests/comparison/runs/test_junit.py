"""Tests of the JUnit report: what CI servers count, and that any text in it leaves it valid XML."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.runs.junit import JUnitReport
from shim.comparison.runs.tally import Facts, Tally
from shim.comparison.verdict import Mismatch, Outcome, Verdict
from tests.comparison.stand_ins import judged


class Pipe(io.BytesIO):
    """A stream that cannot seek."""

    def seekable(self) -> bool:
        """Not."""
        return False


def report_of(*verdicts: Verdict, stream: io.BytesIO | None = None, fault: str = "") -> ET.Element:
    """The report on some verdicts, parsed."""
    stream = stream or io.BytesIO()
    report, tally = JUnitReport(stream), Tally()
    for verdict in verdicts:
        report.add(verdict, file="a b.jsonl", line=7)
        tally.add(Facts(), [verdict])
    if fault:
        report.add_fault(fault, file="b.jsonl")
    report.finish(tally, seconds=1.5)
    return ET.fromstring(stream.getvalue())  # noqa: S314 - our own report


def verdicts_of(*words: str) -> list[Verdict]:
    """The verdicts on the wire rung of exchanges that come out as the words say."""
    return [judged(word, number=number)[1].verdicts[0] for number, word in enumerate(words)]


def test_counts_are_in_the_heading() -> None:
    """Both suites say how many cases, failures, errors and skipped ones they hold, as they do."""
    suites = report_of(*verdicts_of("match", "mismatch", "ignored", "failed", "failed"), fault="b.jsonl: cut")
    for suite in (suites, suites[0]):
        counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
        assert counts == {"tests": "6", "failures": "1", "errors": "3", "skipped": "1", "time": "1.500"}
    assert len(suites[0].findall("testcase")) == 6
    assert [len(suites.findall(f".//{kind}")) for kind in ("failure", "error", "skipped")] == [1, 3, 1]


def test_a_case_says_what_it_is() -> None:
    """A test case has the rung as its class, number, request and pair id as its name, and where it stands."""
    case = report_of(verdicts_of("match", "mismatch-9")[1])[0][0]
    assert case.attrib == {
        "classname": "wire",
        "name": "#1 POST /chat/completions gpt-4o mismatch-9",
        "time": "0.250000",
        "file": "a b.jsonl",
        "line": "7",
    }
    failure = case[0]
    assert (failure.get("type"), failure.text) == ("mismatch", "mismatch-9 told at length")
    assert failure.get("message") == "body.seed (wire.body), header.user-agent (wire.header)"


def test_a_failed_comparator_says_why() -> None:
    """An error's one-line message is the reason."""
    error = report_of(*verdicts_of("failed"))[0][0][0]
    assert (error.tag, error.get("message")) == ("error", "its body was left out")


def test_a_long_list_of_places_is_cut() -> None:
    """The one-line message names three places and how many more there are."""
    places = tuple(Mismatch(path=f"p{number}", control=1, candidate=2, rule="r") for number in range(5))
    verdict = Verdict(rung="tee", outcome=Outcome.MISMATCH, mismatches=places)
    assert report_of(verdict)[0][0][0].get("message") == "p0 (r), p1 (r), p2 (r) and 2 more"


def test_a_pipe_goes_without_counts() -> None:
    """A stream that cannot seek gets a valid report without counts."""
    suites = report_of(*verdicts_of("match", "mismatch"), stream=Pipe())
    assert suites.get("tests") is None
    assert len(suites[0]) == 2


def test_control_characters_are_written_out() -> None:
    """What XML forbids is shown as an escape, and line ends and tabs arrive as they were."""
    text = 'a\x00\x1b[2J\ufffe\ud800 <b> & "c"\r\n\td]]>'
    verdict = Verdict(rung="tee", outcome=Outcome.MISMATCH, message=text, asked=text)
    case = report_of(verdict)[0][0]
    shown = 'a\\x00\\x1b[2J\\ufffe\\ud800 <b> & "c"\r\n\td]]>'
    assert case[0].text == shown
    assert case.get("name") == f"#0 {shown}"


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_valid(text: str) -> None:
    """Whatever a recording holds, the report parses."""
    verdict = Verdict(rung="wire", outcome=Outcome.FAILED, reason=text, message=text, asked=text, pair_id=text)
    assert len(report_of(verdict)[0]) == 1
