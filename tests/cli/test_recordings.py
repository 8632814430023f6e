"""Tests of `shim recordings`: each action on real files, its exit statuses, and what it refuses."""

from __future__ import annotations

import gzip
import json
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from shim.cli.recordings_output import show_overviews
from shim.comparison.recordings.overview import Overview
from shim.recording.files import encode_exchange
from shim.recording.redaction.redaction import Redaction
from tests.cli.conftest import RunShim
from tests.cli.recordings import ERROR, START, ids_in, recorded, some
from tests.cli.running import environment, run, shim_command
from tests.helpers.exchanges import exchange


def ids_of(lines: str) -> list[str]:
    """The pair ids of printed lines."""
    return [json.loads(line)["pair_id"] for line in lines.splitlines()]


def test_ls_shows_each_file_and_all_together(run_shim: RunShim, tmp_path: Path) -> None:
    """A table has a row for each file, compressed or not, and one for all, with what is in them."""
    first = recorded(tmp_path / "a.jsonl", *some())
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(encode_exchange(exchange(pair_id="b", role="candidate"))))
    ran = run_shim("recordings", "ls", first, str(tmp_path / "b.jsonl.gz"))
    assert (ran.status, ran.err) == (0, "")
    heads, _, *rows = ran.out.splitlines()
    assert heads.split() == ["file", "size", "exchanges", "from", "(UTC)", "lasts", "APIs", "models", "ended", "pairs"]
    assert "4          2026-01-01 00:00:00  12.5 s  chat_completions  gpt-4o 3, o1 1" in rows[0]
    assert rows[0].split()[-1] == "1"
    assert "all together" in rows[2]
    assert rows[2].split()[-1] == "2"  # the pair over both files


def test_ls_as_json(run_shim: RunShim, tmp_path: Path) -> None:
    """The same as one JSON object, with every name."""
    file = recorded(tmp_path / "a.jsonl", *some(), more=b"{}\n")
    ran = run_shim("recordings", "ls", "--json", file)
    told = json.loads(ran.out)
    assert ran.status == 2
    (only,) = told["files"]
    assert only == {
        "file": file,
        "size": Path(file).stat().st_size,
        "exchanges": 4,
        "unreadable": 1,
        "first_at": START,
        "last_at": START + 12.5,
        "apis": {"chat_completions": 4},
        "models": {"gpt-4o": 3, "o1": 1},
        "endings": {"complete": 3, "aborted": 1},
        "roles": {"control": 3, "candidate": 1},
        "pairs": 1,
        "pairs_exact": True,
    }
    assert told["together"]["exchanges"] == 4


def test_ls_shows_no_signature_of_a_url(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a table nor JSON shows what of a URL may be a credential; of an object that went away the size is not known."""
    url = "memory://bucket/a.jsonl?sig=s3cr3t"
    for is_json, said in (
        (False, "memory://bucket/a.jsonl  -  "),
        (True, '"file": "memory://bucket/a.jsonl",\n      "size": null'),
    ):
        show_overviews([(url, Overview())], Overview(), is_json=is_json)
        told = capsys.readouterr().out
        assert said in told
        assert "s3cr3t" not in told


def test_patterns_are_found_by_the_command_too(run_shim: RunShim, tmp_path: Path) -> None:
    """A pattern that no shell has replaced stands for the files it finds, sorted; one that finds nothing is named."""
    for name in ("b", "a"):
        recorded(tmp_path / f"{name}.jsonl", exchange(pair_id=name))
    assert ids_of(run_shim("recordings", "cat", str(tmp_path / "*.jsonl")).out) == ["a", "b"]
    ran = run_shim("recordings", "ls", str(tmp_path / "no-*"))
    assert (ran.status, "no-*: no file has such a name" in ran.err) == (2, True)


def test_ls_of_an_empty_file(run_shim: RunShim, tmp_path: Path) -> None:
    """A file without exchanges is a row of zeros, and nothing is wrong with it."""
    ran = run_shim("recordings", "ls", recorded(tmp_path / "a.jsonl"))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[2].split()[1:] == ["0", "B", "0", "-", "-", "-", "-", "-", "0"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], "aabc"),
        (["--model", "gpt-*"], "aac"),
        (["--model", "o1", "--model", "o3"], "b"),
        (["--status", "429"], "b"),
        (["--status", "2XX"], "aac"),
        (["--ended", "aborted"], "c"),
        (["--role", "candidate"], "a"),
        (["--pair", "a", "--pair", "c"], "aac"),
        (["--since", "2026-01-01T00:00:05Z"], "bc"),
        (["--until", "2026-01-01T00:00:05Z"], "aa"),
        (["--index", "1:3"], "ab"),
        (["--index", "1:", "--status", "200"], "ac"),
    ],
)
def test_cat_filters(run_shim: RunShim, tmp_path: Path, options: list[str], found: str) -> None:
    """`cat` prints the exchanges for which all filters hold, in order."""
    ran = run_shim("recordings", "cat", *options, recorded(tmp_path / "a.jsonl", *some()))
    assert (ran.status, ran.err, "".join(ids_of(ran.out))) == (0, "", found)


def test_cat_changes_nothing(run_shim: RunShim, tmp_path: Path) -> None:
    """Lines are printed byte for byte, fields this version does not know included; a last one without an end gets one."""
    odd = encode_exchange(exchange()).replace(
        b'"schema":"shim.exchange/1.0"', b'"schema" : "shim.exchange/1.9","new":[1]'
    )
    path = tmp_path / "a.jsonl"
    path.write_bytes(odd + b"\n" + odd.rstrip(b"\n"))
    other = recorded(tmp_path / "b.jsonl", exchange(pair_id="b"))
    ran = run_shim("recordings", "cat", str(path), other)
    assert ran.out.encode() == odd + odd + Path(other).read_bytes()


def test_an_index_goes_over_all_files(run_shim: RunShim, tmp_path: Path) -> None:
    """Places go on from one file to the next, and what lies behind the end is not even read."""
    first = recorded(tmp_path / "a.jsonl", *some())
    second = recorded(tmp_path / "b.jsonl", *some(), more=b"no json\n")
    ran = run_shim("recordings", "cat", "--index", "3:5", first, second)
    assert (ran.status, ran.err, ids_of(ran.out)) == (0, "", ["c", "a"])


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_cat_into_a_file(run_shim: RunShim, tmp_path: Path, name: str) -> None:
    """With --output a new file is made, its owner's alone, compressed by its name."""
    out = tmp_path / name
    file = recorded(tmp_path / "a.jsonl", *some())
    ran = run_shim("recordings", "cat", "--output", str(out), file)
    assert (ran.status, ran.out) == (0, "")
    assert ids_in(out) == ["a", "a", "b", "c"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (out.read_bytes()[:2] == b"\x1f\x8b") is name.endswith(".gz")


@pytest.mark.parametrize("action", ["cat", "merge", "redact"])
def test_an_output_that_exists_is_kept(run_shim: RunShim, tmp_path: Path, action: str) -> None:
    """An output that is there is refused by name, and replaced with --force alone; an input never is."""
    out, file = tmp_path / "out.jsonl", recorded(tmp_path / "a.jsonl", *some())
    out.write_bytes(b"mine")
    ran = run_shim("recordings", action, file, "--output", str(out))
    assert (ran.status, ran.out) == (2, "")
    assert f"{out} is there already; give another name, or --force to replace it" in ran.err
    assert out.read_bytes() == b"mine"
    assert run_shim("recordings", action, file, "--output", str(out), "--force").status == 0
    assert len(ids_in(out)) == 4
    ran = run_shim("recordings", action, file, "--output", file, "--force")
    assert (ran.status, f"--output {file} is one of the files to read" in ran.err) == (2, True)
    assert len(ids_in(file)) == 4


def test_split_by_shards(run_shim: RunShim, tmp_path: Path) -> None:
    """--shards makes so many files beside the recording, pairs together, and shows them."""
    file = recorded(tmp_path / "day.jsonl", *some())
    ran = run_shim("recordings", "split", "--shards", "2", file)
    assert (ran.status, ran.err) == (0, "")
    shards = [ids_in(tmp_path / f"day-{number}.jsonl") for number in (1, 2)]
    assert sorted(sum(shards, [])) == ["a", "a", "b", "c"]  # noqa: RUF017 - two short lists
    assert ["a", "a"] in [[pair for pair in shard if pair == "a"] for shard in shards]
    assert f"{tmp_path / 'day-1.jsonl'}  {len(shards[0])}" in ran.out
    ran = run_shim("recordings", "split", "--shards", "2", file)
    assert (ran.status, "day-1.jsonl is there already; give another name, or --force" in ran.err) == (2, True)
    assert run_shim("recordings", "split", "--shards", "2", "--force", file).status == 0


def test_split_by_count_and_size(run_shim: RunShim, tmp_path: Path) -> None:
    """--count and --size fill one file after the other, under the names given."""
    file = recorded(tmp_path / "day.jsonl", *some())
    assert run_shim("recordings", "split", "--count", "3", "-o", str(tmp_path / "c-{part}.gz"), file).status == 0
    assert [ids_in(tmp_path / f"c-0000{number}.gz") for number in (1, 2)] == [["a", "a", "b"], ["c"]]
    assert run_shim("recordings", "split", "--size", "2kB", "-o", str(tmp_path / "s-{part}"), file).status == 0
    sizes = [path.stat().st_size for path in tmp_path.glob("s-*")]
    assert max(sizes) <= 2000
    assert sum(sizes) == Path(file).stat().st_size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "2", "-o", "one.jsonl"], "one.jsonl is one name for several files; put {part} into it"),
        (["--shards", "300"], "300 shards cannot be made; give 1 to 256"),
        (["--count", "2", "-o", "none/{part}"], "cannot be written: No such file or directory"),
        (["--count", "2", "s3://b/a?sig=x"], "split: beside a URL nothing is written; give one with --output"),
    ],
)
def test_split_says_what_it_needs(run_shim: RunShim, tmp_path: Path, arguments: list[str], said: str) -> None:
    """A split that cannot be is refused with what to give, and leaves nothing behind."""
    ran = run_shim("recordings", "split", *arguments, recorded(tmp_path / "a.jsonl", *some()))
    assert (ran.status, said in ran.err, ran.err.count("\n")) == (2, True, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_merge(run_shim: RunShim, tmp_path: Path) -> None:
    """Files are merged by time; what came twice, and what is told in two ways, is said."""
    first = recorded(tmp_path / "a.jsonl", *some())
    other = replace(some()[0], redacted=("request.body.user",))
    second = recorded(tmp_path / "b.jsonl", some()[3], exchange(pair_id="d", started_at=START + 3), other)
    out = tmp_path / "out.jsonl"
    ran = run_shim("recordings", "merge", first, second, "-o", str(out))
    assert ran.status == 0
    assert ids_in(out) == ["a", "a", "a", "d", "c", "b"]
    assert "6 exchanges of 2 files written, in the order in which they began." in ran.err
    assert "1 line came twice, byte for byte: left out; --duplicates keep keeps them." in ran.err
    assert "1 exchange of one pair, role and time as another, but not the same bytes" in ran.err
    ran = run_shim("recordings", "merge", "--duplicates", "keep", first, second, "-o", "-")
    assert len(ids_of(ran.out)) == 7
    assert "byte for byte: kept." in ran.err


def test_stats_as_a_table(run_shim: RunShim, tmp_path: Path) -> None:
    """Rates, statuses, categories, times and sizes are told in tables, over all files."""
    file = recorded(tmp_path / "a.jsonl", *some())
    ran = run_shim("recordings", "stats", file)
    assert (ran.status, ran.err) == (0, "")
    assert "4 exchanges from 2026-01-01 00:00:00 UTC in 12.5 s, 19.2 a minute; 25.00% failed." in ran.out
    assert "200     3          75.00%" in ran.out
    assert "rate_limit  1          25.00%" in ran.out
    rows = [line.split() for line in ran.out.splitlines()]
    times = next(row for row in rows if row[:2] == ["chat_completions", "3"])
    assert (times[2:4], times[-2:]) == (["1", "s"], ["2.5", "s"])
    assert ["chat_completions", "stream", "1", *["200", "ms"] * 5] in rows
    assert "request body   4      88 B" in ran.out


def test_stats_as_json(run_shim: RunShim, tmp_path: Path) -> None:
    """The same as one JSON object, of the exchanges that filters choose."""
    file = recorded(tmp_path / "a.jsonl", *some())
    told = json.loads(run_shim("recordings", "stats", "--json", "--model", "o1", file).out)
    assert (told["exchanges"], told["statuses"], told["categories"]) == (1, {"429": 1}, {"rate_limit": 1})
    assert told["exchanges_per_second"] == pytest.approx(0.4)
    assert told["failure_share"] == 1.0
    assert told["latency_seconds"]["chat_completions"]["p99"] == 2.5
    assert told["response_bytes"] == {
        "count": 1, "sum": len(ERROR), "p50": len(ERROR), "p90": len(ERROR), "p95": len(ERROR), "p99": len(ERROR),
        "largest": len(ERROR),
    }  # fmt: skip


def test_stats_of_nothing(run_shim: RunShim, tmp_path: Path) -> None:
    """Of no exchange there are no figures, and that is said."""
    ran = run_shim("recordings", "stats", recorded(tmp_path / "a.jsonl"))
    assert (ran.status, ran.out) == (0, "No exchange.\n")


ACTIONS = [
    ["ls"],
    ["cat"],
    ["stats"],
    ["split", "--count", "9", "-o", "{tmp}/p-{part}"],
    ["split", "--shards", "2", "-o", "{tmp}/p-{part}"],
    ["merge", "-o", "{tmp}/out"],
    ["redact", "-o", "{tmp}/out"],
    ["redact", "--check"],
]


@pytest.mark.parametrize("action", ACTIONS, ids=" ".join)
def test_a_missing_file_is_named(run_shim: RunShim, tmp_path: Path, action: list[str]) -> None:
    """A file that is missing is named before anything is done, with what to give."""
    words = [word.replace("{tmp}", str(tmp_path)) for word in action]
    ran = run_shim("recordings", *words, str(tmp_path / "none.jsonl"))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"shim: {tmp_path / 'none.jsonl'}: No such file or directory; give a file of recorded exchanges\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("action", ACTIONS, ids=" ".join)
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b'{"schema": "shim.exchange/1.0", "pai', ":5: the file ends in the middle of an exchange"),
        (b"no json\n", ":5: it is no JSON object"),
    ],
)
def test_a_bad_line_is_told_or_ends_it(
    run_shim: RunShim, tmp_path: Path, *, action: list[str], more: bytes, said: str
) -> None:
    """A line that is no exchange is named with status 2; the others are used, or nothing is written with --on-error stop."""
    file = recorded(tmp_path / "a.jsonl", *map(Redaction().apply, some()), more=more)
    words = [word.replace("{tmp}", str(tmp_path)) for word in action]
    ran = run_shim("recordings", *words, "--on-error", "stop", file)
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert f"{file}{said}" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    ran = run_shim("recordings", *words, file)
    assert (ran.status, f"{file}{said}" in ran.err) == (2, True)
    made = [path for path in tmp_path.iterdir() if path.name != "a.jsonl"]
    assert sum(len(ids_in(path)) for path in made) == (4 if made else 0)


def test_many_bad_lines_are_few_words(run_shim: RunShim, tmp_path: Path) -> None:
    """A file of another kind is not told line by line."""
    ran = run_shim("recordings", "ls", recorded(tmp_path / "a.jsonl", more=b"{}\n" * 500))
    assert (ran.status, ran.err.count("\n")) == (2, 11)
    assert "and 490 more that cannot be used" in ran.err
    assert ran.out.splitlines()[2].split()[-1] == "500"


def test_cut_gzip_is_told(run_shim: RunShim, tmp_path: Path) -> None:
    """Of compressed data that ends early what stands before is used, and file and line are told."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(encode_exchange(some()[0])) + gzip.compress(b"{}\n" * 99)[:-9])
    ran = run_shim("recordings", "cat", str(tmp_path / "a.gz"))
    assert (ran.status, ids_of(ran.out)[:1]) == (2, ["a"])
    assert "a.gz:2: " in ran.err


@pytest.mark.slow
def test_standard_input_and_output(tmp_path: Path) -> None:
    """`-` reads standard input, compressed or not, and lines go through a pipe."""
    data = gzip.compress(b"".join(map(encode_exchange, some())))
    ran = run(shim_command("recordings", "cat", "--pair", "b", "-"), environment(), stdin=data)
    assert (ran.returncode, ids_of(ran.stdout), ran.stderr) == (0, ["b"], "")
    ran = run(shim_command("recordings", "split", "--count", "2", "-"), environment(), stdin=data)
    assert (ran.returncode, "standard input has no name; give one with --output" in ran.stderr) == (2, True)
