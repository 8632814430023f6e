"""Tests of files at a URL: what is shown of one, what is said where fsspec or a file is missing, and the reading itself."""

from __future__ import annotations

import gc
import gzip
import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shim.comparison.runs.inputs import expand, identify
from shim.comparison.runs.lines import LineFault, Source, UnusableFileError
from shim.comparison.runs.parts_folder import folder_of
from shim.recording.files import read_lines
from shim.recording.remote import RemoteFileError, find, is_url, look_at, open_url, shown
from tests.comparison.stand_ins import encoded

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3://bucket/a b.jsonl.gz", "s3://bucket/a b.jsonl.gz"),
        ("s3://bucket/day-?.jsonl", "s3://bucket/day-?.jsonl"),
        (f"https://host/a.gz?X-Amz-Signature={SECRET}#x", "https://host/a.gz"),
        (f"https://host/a.gz?{SECRET}", "https://host/a.gz"),
        (f"abfs://c/a.gz?sig={SECRET}", "abfs://c/a.gz"),
        (f"sftp://me:{SECRET}@host:22/a.gz", "sftp://host:22/a.gz"),
        (f"https://[{SECRET}", "https://…"),
        ("C://a", "C://a"),
        ("a@b/c?d", "a@b/c?d"),
    ],
)
def test_what_could_be_a_credential_is_not_shown(name: str, expected: str) -> None:
    """User, password, query and fragment of a URL are never shown; a path is shown as it is."""
    assert shown(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("s3://b/a", True), ("C://a", False), ("a/b", False), (Path("s3://b"), False), ("-", False)]
)
def test_urls_are_told_from_paths(name: object, expected: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """A URL has a protocol of two letters or more; a Path is none."""
    assert is_url(name) is expected


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fsspec is not installed, a URL is refused before anything is read, with what to install and no secret."""
    for name in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, name, None)
    url = f"https://me:{SECRET}@host/a.jsonl?sig={SECRET}"
    for use in (lambda: Source([url]), lambda: expand([f"{url[:-12]}*"]), lambda: identify(url)):
        with pytest.raises(
            UnusableFileError, match=r"https://host/a\S*: .*install legacy-openai-shim\[remote\]"
        ) as raised:
            use()
        assert SECRET not in str(raised.value)
    with pytest.raises(RemoteFileError):
        folder_of("s3://bucket/parts").names()


@pytest.mark.slow
def test_fsspec_is_imported_for_a_url_alone() -> None:
    """Reading files on the disk imports no fsspec."""
    import subprocess

    program = "import sys, shim.cli.compare, shim.cli.compare_shards; sys.exit('fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program


class Bucket:
    """Some files in fsspec's own memory, and files served over HTTP."""

    def __init__(self, port: int) -> None:
        self.http = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """A server of files with ETags, on loopback."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(self.path.partition("?")[0])

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def _answer(self, path: str) -> None:
            data = held.files.get(path)
            self.send_response(404 if data is None else 200)
            if path == "/forbidden":
                self.send_response(403)
            self.send_header("Content-Length", str(len(data or b"")))
            self.send_header("ETag", f'"{hash(data)}"')
            self.end_headers()
            if self.command == "GET" and data:
                self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Bucket(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held
    fsspec.get_filesystem_class("http").clear_instance_cache()
    gc.collect()  # closes the connections that fsspec would keep to the process's end
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_recording_is_read_over_http(bucket: Bucket, compressed: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """The lines of a recording at a URL are those of the file, plain or gzip, and its signature is in no place of theirs."""
    data = b"".join(encoded("a", "b"))
    bucket.files["/a.jsonl"] = gzip.compress(data) if compressed else data
    url = f"{bucket.http}/a.jsonl?sig={SECRET}"
    faults: list[LineFault] = []
    lines = list(Source([url]).lines(on_fault=faults.append))
    assert not faults
    assert [line.data for line in lines] == encoded("a", "b")
    assert lines[0].file == f"{bucket.http}/a.jsonl"
    assert [line.number for line in read_lines(url)] == [1, 2]


def test_a_file_at_a_url_is_known_by_its_etag(bucket: Bucket) -> None:
    """Another content is another file, and the name it is known by holds no signature."""
    bucket.files["/a"] = b"1"
    known = identify(f"{bucket.http}/a?sig={SECRET}")
    assert (known.path, known.size, known.version[:5]) == (f"{bucket.http}/a", 1, "ETag ")
    bucket.files["/a"] = b"2"
    assert identify(f"{bucket.http}/a") != known


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a", "nowhere://x/a", "{http}/missing", "{http}/forbidden"])
def test_what_cannot_be_read_is_told_without_secrets(bucket: Bucket, url: str) -> None:
    """A missing file, a refused one, a server that is not there and an unknown protocol are errors in our words."""
    bucket.files["/forbidden"] = b"1"
    full = url.format(http=bucket.http) + f"?sig={SECRET}"
    with pytest.raises(RemoteFileError) as looked:
        look_at(full)
    with pytest.raises(RemoteFileError) as opened:
        open_url(full)
    for told in (str(looked.value), str(opened.value)):
        assert told.startswith(f"{shown(full)}: ")
        assert SECRET not in told
    with pytest.raises(UnusableFileError):
        Source([full])


def test_a_folder_at_a_url_keeps_files(tmp_path: Path) -> None:
    """A file in a folder at a URL is there once it is kept, whole; what is discarded never is; a plan is made once."""
    pytest.importorskip("fsspec")
    folder = folder_of(f"memory://{tmp_path}/parts")
    assert folder.names() == []
    for data in (b"first", b"second"):
        folder.create("plan", data)
    kept, discarded = folder.begin("kept"), folder.begin("discarded")
    for unfinished in (kept, discarded):
        unfinished.file.write(b"x")
    assert folder.names() == ["plan"]
    kept.keep()
    discarded.discard()
    assert folder.names() == ["kept", "plan"]
    with folder.open("plan") as file:
        assert isinstance(file, io.BufferedReader)
        assert file.read() == b"first"
    assert find(f"memory://{tmp_path}/parts/*") == [f"memory://{tmp_path}/parts/{name}" for name in ("kept", "plan")]
    with pytest.raises(UnusableFileError, match=r"it is a folder; give the files in it"):
        identify(f"memory://{tmp_path}/parts")
