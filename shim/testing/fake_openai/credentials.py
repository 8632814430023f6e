"""Checks the key of a request: a bearer token with OpenAI, an `api-key` or a bearer token with Azure.

The refusals follow each API; a key is never shown whole.
"""

from collections.abc import Mapping

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.azure.errors import invalid_key, no_token


def check_key(headers: Mapping[str, str], *, expected: str | None, azure: bool) -> None:
    """Raise the ApiError 401 for a key that is missing or not the expected one; None expects nothing."""
    if expected is None:
        return
    if azure:
        _check_azure(headers, expected)
    else:
        _check_openai(headers, expected)


def _check_openai(headers: Mapping[str, str], expected: str) -> None:
    key = _bearer(headers)
    if not key:
        message = (
            "You didn't provide an API key. Send it in an Authorization header with the Bearer scheme: "
            "Authorization: Bearer YOUR_KEY."
        )
        raise ApiError(401, message, headers=(("www-authenticate", "Bearer"),))
    if key != expected:
        message = f"Incorrect API key provided: {masked(key)}. Check the key and the account it belongs to."
        raise ApiError(401, message, code="invalid_api_key")


def _check_azure(headers: Mapping[str, str], expected: str) -> None:
    if "api-key" in headers:
        if headers["api-key"].strip() != expected:
            raise invalid_key()
    elif _bearer(headers) != expected:
        raise no_token()


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def masked(key: str) -> str:
    """A key as the API shows it back: the first few and the last four characters, nothing of a short one."""
    if len(key) < 12:
        return "*" * len(key)
    return key[:4] + "*" * (len(key) - 8) + key[-4:]
