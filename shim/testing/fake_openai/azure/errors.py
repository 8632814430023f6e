"""The errors Azure words its own way: a gateway in front of the models answers them, in shapes of its own.

Not the refusals of a model's endpoint, which are OpenAI's (`fake_openai.answers`). Here `code` is a string, often the status,
and there is no `type`; a missing token is no error object at all. Texts are those that programs search for.
"""

from typing import Any

from shim.testing.fake_openai.answers import ApiError


def azure_error(status: int, code: str, *, message: str) -> ApiError:
    """An error in the gateway's shape: `{"error": {"code", "message"}}`."""
    return ApiError(status, message, body={"error": {"code": code, "message": message}})


def invalid_key() -> ApiError:
    """A wrong `api-key`."""
    message = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource."
    )
    return azure_error(401, "401", message=message)


def no_token() -> ApiError:
    """No key at all, or a wrong bearer token."""
    message = (
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        "(https://cognitiveservices.azure.com), or have expired."
    )
    body: dict[str, Any] = {"statusCode": 401, "message": message}
    return ApiError(401, message, body=body)


def not_found() -> ApiError:
    """A path, a method or an `api-version` that Azure does not know."""
    return azure_error(404, "404", message="Resource not found")


def no_deployment() -> ApiError:
    """A deployment that does not exist."""
    message = (
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again."
    )
    return azure_error(404, "DeploymentNotFound", message=message)


def error_of_status(status: int) -> ApiError:
    """The error body Azure sends for a bare status."""
    code, message = _ERRORS.get(status, (str(status), f"The fake server was told to answer {status}."))
    return azure_error(status, code, message=message)


_ERRORS = {
    401: ("401", str(invalid_key())),
    403: ("403", "Access denied due to Virtual Network/Firewall rules."),
    404: ("DeploymentNotFound", str(no_deployment())),
    408: ("Timeout", "The operation was timeout."),
    429: (
        "429",
        "Requests have exceeded the call rate limit of your current pricing tier. Please retry after 1 second.",
    ),
    500: ("InternalServerError", "Internal server error"),
    503: ("503", "The service is temporarily unable to process your request. Please try again later."),
}
