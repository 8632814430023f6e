"""Writing a policy into its file: all of it or nothing, with comments kept where they can be.

Not reading it (`shim.migration.policy_file`), not whether it may be written (`operator`). A new file is written beside the old
one and renamed over it (POSIX rename(2) is atomic), so that no process ever reads half of one. Mode and owner stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from shim.migration.policy import Policy, PolicyError
from shim.migration.policy_file import parse_policy_file
from shim.migration.watched_file import MAX_BYTES, read_regular

__all__ = ["read_policy_bytes", "write_policy_file"]

_MODE = 0o644  # of a new file: the service may run as somebody else, and there is no secret in it
_FIRST_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def read_policy_bytes(path: str) -> bytes:
    """What stands in a policy file.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        content, _ = read_regular(Path(path), most=MAX_BYTES)
    except OSError as error:
        raise PolicyError(f"policy {path} cannot be read: {error.strerror or error}", field="policy") from error
    return content


def write_policy_file(path: str, policy: Policy, *, before: bytes | None) -> bool:
    """Write a policy; True where everything else in the file was kept, False where it was written anew.

    Args:
        path: of the file; a link is followed, and stays.
        policy: to be written.
        before: what was read from the file; None writes over whatever is there.

    Raises:
        PolicyError: it cannot be written, or somebody else has written meanwhile; nothing has changed.
    """
    target = Path(os.path.realpath(path))
    content = None if before is None else _changed(before, policy, name=target.name)
    kept = content is not None
    content = content or _document(policy, name=target.name)
    try:
        _replace(target, content, before=before)
    except OSError as error:
        raise PolicyError(
            f"policy {path} cannot be written: {error.strerror or error}; it is as it was. Write it as a user who may,"
            " and in a folder where a file can be made",
            field="policy",
        ) from error
    return kept


def _changed(before: bytes, policy: Policy, *, name: str) -> bytes | None:
    """The file with only what differs changed; None where that does not give the policy."""
    try:
        old = parse_policy_file(before, name=name).to_dict()
        wanted = {key: value for key, value in policy.to_dict().items() if value != old[key]}
        if name.lower().endswith(".json"):
            content = json.dumps({**json.loads(before), **wanted}, indent=2, ensure_ascii=False) + "\n"
        else:
            content = _edited(before.decode("utf-8-sig"), wanted)
        encoded = content.encode("utf-8")
        return encoded if parse_policy_file(encoded, name=name) == policy else None
    except ValueError:  # PolicyError too: the file is broken, or the lines are not as simple as they look
        return None


def _edited(text: str, wanted: Mapping[str, Any]) -> str:
    table = _FIRST_TABLE.search(text)
    head, tail = (text, "") if table is None else (text[: table.start()], text[table.start() :])
    for key, value in wanted.items():
        line = re.compile(rf"^(\s*{key}\s*=\s*)([^#\n]*?)(\s*(?:#.*)?)$", re.MULTILINE)
        head, count = line.subn(partial(_with_value, _value(value)), head)
        if not count:
            body = head.rstrip()
            head = f"{body}\n{key} = {_value(value)}\n{head[len(body) :].removeprefix(chr(10))}"
    return head + tail


def _with_value(value: str, found: re.Match[str]) -> str:
    return f"{found[1]}{value}{found[3]}"


def _document(policy: Policy, *, name: str) -> bytes:
    values = policy.to_dict()
    if name.lower().endswith(".json"):
        return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
    only = values.pop("only")
    lines = [f"{key} = {_value(value)}" for key, value in values.items()]
    if only:
        lines += ["", "[only]", *(f"{_value(key)} = {_value(value)}" for key, value in only.items())]
    return ("\n".join(lines) + "\n").encode()


def _value(value: object) -> str:
    """A value as TOML has it; its strings may be written as JSON's are."""
    return f"{value:.10g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _replace(target: Path, content: bytes, *, before: bytes | None) -> None:
    try:
        found = target.stat()
    except FileNotFoundError:
        found = None
    if target.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if found is not None and (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), _MODE if found is None else found.st_mode & 0o7777)
            os.fsync(file.fileno())
        _check_unchanged(target, before)
        Path(beside).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(beside).unlink()
        raise


def _check_unchanged(target: Path, before: bytes | None) -> None:
    if before is not None and target.read_bytes() != before:
        raise OSError(None, "somebody else has written it meanwhile; look at it and try again")
