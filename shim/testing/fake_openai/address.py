"""Reads the path of a request: which endpoint of the API it means, and the engine or deployment it names on the way.

Not what answers there (`api`). Three ways to the same endpoints: OpenAI's own paths, its older `/v1/engines/NAME/...`, and
Azure's `/openai/deployments/NAME/...?api-version=...`, `/openai/...?api-version=...` and `/openai/v1/...`.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

# What may stand behind an engine, and what behind a deployment: the rest of a path under /v1.
BEHIND_ENGINE = frozenset({"chat/completions", "completions", "edits", "embeddings"})
BEHIND_DEPLOYMENT = frozenset(
    {
        "audio/speech",
        "audio/transcriptions",
        "audio/translations",
        "chat/completions",
        "completions",
        "embeddings",
        "images/edits",
        "images/generations",
    }
)
_ENGINE = re.compile(r"/v1/engines/([^/]+)/(.+)")
_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/(.+)")
# What Azure has outside of deployments, and answers like OpenAI; the rest of /openai/ has endpoints of its own.
_ALIKE_ON_AZURE = re.compile(r"/openai/((?:files|fine-tunes|fine_tuning/jobs|models)(?:/.*)?)")


@dataclass(frozen=True)
class EndpointAddress:
    """Where a request goes.

    `path` is the endpoint's, as OpenAI writes it where OpenAI has it. `engine` and `deployment` are the names that stood
    in the path. `needs_version` says that the query must name an `api-version`.
    """

    path: str
    engine: str | None = None
    deployment: str | None = None
    azure: bool = False
    needs_version: bool = False


def address_of(path: str) -> EndpointAddress:
    """Read a path, percent-encoded as it came; one that is unknown comes back as it is."""
    if path.startswith("/openai/v1/"):
        return EndpointAddress(path.removeprefix("/openai"), azure=True)
    if path.startswith("/openai/"):
        return _on_azure(path)
    engine = _ENGINE.fullmatch(path)
    if engine and engine[2] in BEHIND_ENGINE:
        return EndpointAddress(f"/v1/{engine[2]}", engine=unquote_plus(engine[1]))
    return EndpointAddress(path)


def _on_azure(path: str) -> EndpointAddress:
    deployment = _DEPLOYMENT.fullmatch(path)
    if deployment and deployment[2] in BEHIND_DEPLOYMENT:
        name = unquote_plus(deployment[1])
        return EndpointAddress(f"/v1/{deployment[2]}", deployment=name, azure=True, needs_version=True)
    alike = _ALIKE_ON_AZURE.fullmatch(path)
    return EndpointAddress(f"/v1/{alike[1]}" if alike else path, azure=True, needs_version=True)
