"""The clients that are measured, and the environments the foreign ones live in.

Not how they are run (`bench.run`) nor in what (`bench.scenarios`). A peer's environment is made once below `.bench/` and kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".bench"
_INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Environment:
    """An environment below `.bench/`, and what it is made for: one requirement, or several separated by spaces."""

    name: str
    requirement: str


@dataclass(frozen=True)
class Peer:
    """One measured client: its module below `bench.clients`, the package whose version is told, and where that is installed.

    Without an environment it is measured in this project's own.
    """

    name: str
    script: str
    package: str
    environment: Environment | None = None

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        if self.environment is None:
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment.name / "bin" / "python"


_OPENAI = Environment("openai", "openai")
_OURS = "legacy-openai-shim"

NATIVE = Peer("native, Chat Completions", "native", _OURS)
NATIVE_RESPONSES = Peer("native, Responses", "native_responses", _OURS)
BARE_LOOP = Peer("bare pycurl + msgspec loop (the limit)", "bare_loop", "pycurl")
ADAPTER = Peer("legacy client through the shim", "adapter", _OURS)
LEGACY = Peer("legacy client, json.loads by hand", "legacy_by_hand", _OURS)
OPENAI_ASYNC = Peer("openai, async", "openai_async", "openai", _OPENAI)
OPENAI_THREADS = Peer("openai, threads", "openai_threads", "openai", _OPENAI)
OPENAI_V0 = Peer(
    "openai 0.28, threads", "openai_v0", "openai", Environment("openai_v0", "openai==0.28.1 msgspec numpy")
)
LITELLM = Peer("litellm, async", "litellm_async", "litellm", Environment("litellm", "litellm"))
AIOHTTP = Peer("bare aiohttp, json.loads by hand", "aiohttp_bare", "aiohttp", Environment("aiohttp", "aiohttp"))

PEERS: tuple[Peer, ...] = (
    BARE_LOOP,
    NATIVE,
    NATIVE_RESPONSES,
    ADAPTER,
    LEGACY,
    AIOHTTP,
    OPENAI_V0,
    OPENAI_ASYNC,
    OPENAI_THREADS,
    LITELLM,
)

NATIVE_GATHERING = Peer("native, 2 ms gathered", "native_gathering", _OURS)
NATIVE_COVERED = Peer("native, recorded with the conversation covered", "native_covered", _OURS)
NATIVE_TAPPED = Peer("native, recorded", "native_tapped", _OURS)
NATIVE_LAYERED = Peer("native, below a layer", "native_layered", _OURS)
CLIENT_ASYNC = Peer("AsyncClient on native", "client_async", _OURS)
CLIENT_THREADS = Peer("Client on native, threads", "client_threads", _OURS)
WRITING_NATIVE = Peer("native", "writing_native", _OURS)
WRITING_BY_HAND = Peer("json.dumps alone", "writing_by_hand", _OURS)
DECIDING = Peer("a rollout from a file, with a kill switch", "deciding", _OURS)
COMPARING = Peer("the comparer, one process", "comparing", _OURS)

OWN: tuple[Peer, ...] = (
    NATIVE_GATHERING,
    NATIVE_COVERED,
    NATIVE_TAPPED,
    NATIVE_LAYERED,
    CLIENT_ASYNC,
    CLIENT_THREADS,
    WRITING_NATIVE,
    WRITING_BY_HAND,
    DECIDING,
    COMPARING,
)
"""Uses of our own beside the peers: each stands in scenarios of its own, and has no row among the clients."""


def make_environment(environment: Environment) -> str | None:
    """Make an environment unless it stands; why it could not be made, None where it stands now."""
    folder = ENVIRONMENTS / environment.name
    finished = folder / ".finished"
    if finished.exists():
        return None
    venv.create(folder, with_pip=True, clear=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run(
            [*install, *environment.requirement.split()],
            check=True,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failed:
        shutil.rmtree(folder)
        return _last_line(failed.stderr) or str(failed)
    finished.touch()
    return None


def version(peer: Peer) -> str:
    """The version of the package a peer measures."""
    code = f"from importlib.metadata import version; print(version({peer.package!r}))"
    return subprocess.run([str(peer.python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _last_line(said: str | bytes | None) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said or ""
    return (text.strip().splitlines() or [""])[-1]
