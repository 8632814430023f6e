"""Tests of `shim recordings redact`: a new file, the same place, or only a look; and nothing lost on the way."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange, read_exchanges
from shim.recording.redaction.redaction import Redaction
from tests.cli.conftest import RunShim
from tests.cli.recordings import ids_in, recorded, some
from tests.helpers.exchanges import exchange

KEY = "sk-test-0123-of-somebody"


def dirty(**fields: object) -> Exchange:
    """An exchange as a recorder of earlier days might have left it, with a key in it."""
    given = exchange({"messages": [{"content": f"my key is {KEY}"}]})
    return replace(given, **fields)


def test_redact_into_a_new_file(run_shim: RunShim, tmp_path: Path) -> None:
    """A new file is made without what is taken out today and what was named, and the old one is as it was."""
    file = recorded(tmp_path / "a.jsonl", dirty(), *map(Redaction().apply, some()))
    before, out = Path(file).read_bytes(), tmp_path / "clean.jsonl"
    ran = run_shim("recordings", "redact", file, "-o", str(out), "--redact", "request.body.user")
    assert (ran.status, ran.out) == (0, "")
    assert "5 exchanges written, something taken out of 1." in ran.err
    assert KEY.encode() not in out.read_bytes()
    assert Path(file).read_bytes() == before
    assert run_shim("recordings", "redact", "--check", str(out)).status == 0


def test_redact_more(run_shim: RunShim, tmp_path: Path) -> None:
    """--conversation covers what people and models said, --drop-bodies leaves out all of it."""
    file = recorded(tmp_path / "a.jsonl", *some())
    for option in ("--conversation", "--drop-bodies"):
        out = tmp_path / f"out{option}"
        assert run_shim("recordings", "redact", option, file, "-o", str(out)).status == 0
        assert b"Hello." not in out.read_bytes()
    assert all(each.request.body is None for each in read_exchanges(tmp_path / "out--drop-bodies"))


def test_redact_only_looks(run_shim: RunShim, tmp_path: Path) -> None:
    """--check writes nothing, names file, line and place but never what stands there, and is status 1."""
    file = recorded(tmp_path / "a.jsonl", Redaction().apply(some()[0]), dirty(), dirty())
    before = Path(file).read_bytes()
    ran = run_shim("recordings", "redact", "--check", "--show", "1", file)
    assert ran.status == 1
    assert ran.out.splitlines()[0] == f"{file}:2: request.body (keys)"
    assert "… and 1 exchange more; --show 2 prints them." in ran.out
    assert "request.body (keys)  2" in ran.out
    assert "2 of 3 exchanges would be changed." in ran.out
    assert KEY not in ran.out + ran.err
    assert (Path(file).read_bytes(), os.listdir(tmp_path)) == (before, ["a.jsonl"])  # noqa: PTH208 - names are asked for


@pytest.mark.parametrize("name", ["a.jsonl", "packed"])
def test_redact_in_place(run_shim: RunShim, tmp_path: Path, name: str) -> None:
    """--in-place puts the redacted file in the old one's place, compressed as that was, mode 0600, also behind a link."""
    path, link = tmp_path / name, tmp_path / "link"
    data = encode_exchange(dirty(pair_id="1")) + encode_exchange(exchange(pair_id="2"))
    path.write_bytes(gzip.compress(data) if name == "packed" else data)
    path.chmod(0o644)
    link.symlink_to(path)
    assert run_shim("recordings", "redact", "--in-place", str(link)).status == 0
    assert link.is_symlink()
    assert ids_in(path) == ["1", "2"]
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is (name == "packed")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run_shim("recordings", "redact", "--check", str(path)).status == 0


def test_in_place_a_bad_line_is_not_lost(run_shim: RunShim, tmp_path: Path) -> None:
    """A line that cannot be used ends --in-place before the file is touched, unless it is said that it may go."""
    file = recorded(tmp_path / "a.jsonl", dirty(), more=b"no json\n")
    before = Path(file).read_bytes()
    ran = run_shim("recordings", "redact", "--in-place", file)
    assert (ran.status, f"{file}:2: it is no JSON object" in ran.err) == (2, True)
    assert Path(file).read_bytes() == before
    assert run_shim("recordings", "redact", "--in-place", "--on-error", "skip", file).status == 2
    assert KEY.encode() not in Path(file).read_bytes()
    assert len(ids_in(file)) == 1


def test_in_place_a_recording_under_way_is_left(
    run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows while it is redacted is not replaced: what was added would be lost."""
    file = recorded(tmp_path / "a.jsonl", dirty())
    apply = Redaction.apply

    def slow(rules: Redaction, given: Exchange) -> Exchange:
        with Path(file).open("ab") as growing:
            growing.write(encode_exchange(exchange(pair_id="late")))
        monkeypatch.setattr(Redaction, "apply", apply)
        return apply(rules, given)

    monkeypatch.setattr(Redaction, "apply", slow)
    ran = run_shim("recordings", "redact", "--in-place", file)
    assert (ran.status, f"{file} is still being written; end its recorder first" in ran.err) == (2, True)
    assert ids_in(file)[-1] == "late"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b", "-o", "c"], "redact: several files would become one"),
        (["-", "--in-place"], "--in-place: standard input has no place"),
        (["s3://b/a?sig=x", "--in-place"], "--in-place: s3://b/a is a URL, which is not replaced; give --output"),
        (["a", "--check", "--redact", "nonsense"], "--redact: body path 'nonsense' cannot be read"),
    ],
)
def test_redact_says_what_it_needs(run_shim: RunShim, arguments: list[str], said: str) -> None:
    """What redact cannot do is refused with what to give."""
    ran = run_shim("recordings", "redact", *arguments)
    assert (ran.status, said in ran.err, ran.err.count("\n")) == (2, True, 1)
