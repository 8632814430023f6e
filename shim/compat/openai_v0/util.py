"""Small parts every call uses: API types, the log, answers as objects, the key that applies now.

Not the settings (`shim.compat.openai_v0`) nor the class of objects (`openai_object`). Names as in openai 0.28.1; seams that old
code patches (`convert_to_openai_object`) are looked up here at each call.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from enum import Enum
from pathlib import Path
from typing import Any

from shim.compat.openai_v0 import error
from shim.compat.openai_v0.namespace import part, setting
from shim.compat.openai_v0.openai_response import OpenAIResponse

OPENAI_LOG = os.environ.get("OPENAI_LOG")

logger = logging.getLogger("openai")

__all__ = ["log_debug", "log_info", "log_warn", "logfmt"]

_PRINTED_LEVELS = ("debug", "info")
_NO_KEY = (
    "No API key provided. You can set your API key in code using 'openai.api_key = <API-KEY>', or you can set the environment "
    "variable OPENAI_API_KEY=<API-KEY>). If your API key is stored in a file, you can point the openai module at it with "
    "'openai.api_key_path = <PATH>'. You can generate API keys in the OpenAI web interface. "
    "See https://platform.openai.com/account/api-keys for details."
)


class ApiType(Enum):
    """Whose API it is: OpenAI's, or Azure's with a key or with a token of Active Directory."""

    AZURE = 1
    OPEN_AI = 2
    AZURE_AD = 3

    @staticmethod
    def from_str(label: str) -> ApiType:
        """The type of that name, in any case.

        Raises:
            InvalidAPIType: there is none.
        """
        found = _API_TYPES.get(label.lower())
        if found is None:
            raise error.InvalidAPIType(
                "The API type provided in invalid. Please select one of the supported API types: "
                "'azure', 'azure_ad', 'open_ai'"
            )
        return found


_API_TYPES = {
    "azure": ApiType.AZURE,
    "azure_ad": ApiType.AZURE_AD,
    "azuread": ApiType.AZURE_AD,
    "open_ai": ApiType.OPEN_AI,
    "openai": ApiType.OPEN_AI,
}


def is_azure(api_type: Any) -> bool:
    """Whether an `ApiType` is one of Azure's."""
    return api_type in (ApiType.AZURE, ApiType.AZURE_AD)


def api_key_to_header(api: ApiType, key: Any) -> dict[str, str]:
    """The header a key goes into."""
    return {"api-key": f"{key}"} if api is ApiType.AZURE else {"Authorization": f"Bearer {key}"}


def default_api_key() -> Any:
    """The key of the file `api_key_path`, read now, else `api_key`.

    Raises:
        AuthenticationError: there is neither.
        ValueError: the file holds no key.
    """
    path = setting("api_key_path")
    if path:
        key = Path(path).read_text().strip()
        if not key.startswith("sk-"):
            raise ValueError(f"Malformed API key in {path}.")
        return key
    key = setting("api_key")
    if key is None:
        raise error.AuthenticationError(_NO_KEY)
    return key


def log_debug(message: Any, **params: Any) -> None:
    """Log a line, and print it to stderr where `openai.log` is "debug"."""
    if _console_log_level() == "debug" or logger.isEnabledFor(logging.DEBUG):
        line = logfmt({"message": message, **params})
        if _console_log_level() == "debug":
            sys.stderr.write(line + "\n")
        logger.debug(line)


def log_info(message: Any, **params: Any) -> None:
    """Log a line, and print it to stderr where `openai.log` is "info" or "debug"."""
    if _console_log_level() in _PRINTED_LEVELS or logger.isEnabledFor(logging.INFO):
        line = logfmt({"message": message, **params})
        if _console_log_level() in _PRINTED_LEVELS:
            sys.stderr.write(line + "\n")
        logger.info(line)


def log_warn(message: Any, **params: Any) -> None:
    """Log a line and print it to stderr."""
    line = logfmt({"message": message, **params})
    sys.stderr.write(line + "\n")
    logger.warning(line)


def logfmt(props: dict[str, Any]) -> str:
    """Fields as `name=value`, by name; what holds white space is quoted."""
    return " ".join(f"{_quoted(name)}={_quoted(_text(value))}" for name, value in sorted(props.items()))


def get_object_classes() -> dict[str, Any]:
    """The classes of the few values of `object` that have one."""
    classes: dict[str, Any] = part("object_classes").OBJECT_CLASSES
    return classes


def convert_to_openai_object(
    resp: Any,
    api_key: Any = None,
    api_version: Any = None,
    organization: Any = None,
    engine: Any = None,
    plain_old_data: bool = False,
) -> Any:
    """A decoded answer as objects: dicts become `OpenAIObject`s, lists are gone through, anything else stays.

    `resp` is an `OpenAIResponse`, whose headers then name the organization and the time taken, or its data. The key, version,
    organization and engine are what the object's own further requests use; `plain_old_data` leaves it as it is.
    """
    response_ms = None
    if isinstance(resp, OpenAIResponse):
        organization, response_ms, resp = resp.organization, resp.response_ms, resp.data
    if plain_old_data:
        return resp
    if isinstance(resp, list):
        return [convert_to_openai_object(each, api_key, api_version, organization, engine=engine) for each in resp]
    base = part("openai_object").OpenAIObject
    if not isinstance(resp, dict) or isinstance(resp, base):
        return resp
    told = resp.get("object")
    made_of = get_object_classes().get(told, base) if isinstance(told, str) else base
    return made_of.construct_from(
        resp.copy(),
        api_key=api_key,
        api_version=api_version,
        organization=organization,
        response_ms=response_ms,
        engine=engine,
    )


def convert_to_dict(obj: Any) -> Any:
    """The same with plain dicts and lists at every depth."""
    if isinstance(obj, list):
        return [convert_to_dict(each) for each in obj]
    return {name: convert_to_dict(value) for name, value in obj.items()} if isinstance(obj, dict) else obj


def merge_dicts(x: dict[Any, Any], y: dict[Any, Any]) -> dict[Any, Any]:
    """A new dict with both; `y` wins."""
    return {**x, **y}


def _console_log_level() -> Any:
    level = setting("log")
    if level in _PRINTED_LEVELS:
        return level
    return OPENAI_LOG if OPENAI_LOG in _PRINTED_LEVELS else None


def _text(value: Any) -> str:
    return value.decode("utf-8") if hasattr(value, "decode") else str(value)


def _quoted(text: str) -> str:
    return repr(text) if re.search(r"\s", text) else text
