"""`nested_resource_class_methods`: gives a resource the methods of what lies below it, such as the events of a fine-tune.

Not the methods themselves' meaning: each is one request to the path below. Names as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0 import api_requestor, util

# Operation -> (the method's name, the HTTP method, whether it names one object below).
_OPERATIONS = {
    "create": ("create_{one}", "post", False),
    "retrieve": ("retrieve_{one}", "get", True),
    "update": ("modify_{one}", "post", True),
    "delete": ("delete_{one}", "delete", True),
    "list": ("list_{many}", "get", False),
}


def nested_resource_class_methods(
    resource: str, path: Any = None, operations: Iterable[str] | None = None, resource_plural: Any = None
) -> Callable[[Any], Any]:
    """A decorator that adds the methods of `operations`."""
    return _decorator(resource, path, operations, resource_plural, request=_request)


def anested_resource_class_methods(
    resource: str, path: Any = None, operations: Iterable[str] | None = None, resource_plural: Any = None
) -> Callable[[Any], Any]:
    """The same, with methods to be awaited."""
    return _decorator(resource, path, operations, resource_plural, request=_arequest)


def _decorator(resource: str, path: Any, operations: Any, plural: Any, *, request: Any) -> Callable[[Any], Any]:
    if operations is None:
        raise ValueError("operations list required")
    many = plural or f"{resource}s"
    below = path or many

    def url_of(cls: Any, id: Any, nested_id: Any = None) -> str:
        url = f"{cls.class_url()}/{quote_plus(id)}/{quote_plus(below)}"
        return url if nested_id is None else f"{url}/{quote_plus(nested_id)}"

    def decorate(cls: Any) -> Any:
        setattr(cls, f"{resource}s_url", classmethod(url_of))
        setattr(cls, f"{resource}s_request", classmethod(request))
        for operation in operations:
            name, made = _method_of(operation, resource)
            setattr(cls, name.format(one=resource, many=many), classmethod(made))
        return cls

    return decorate


def _method_of(operation: str, resource: str) -> tuple[str, Callable[..., Any]]:
    def send(cls: Any, method: str, *place: Any, **params: Any) -> Any:
        url = getattr(cls, f"{resource}s_url")(*place)
        return getattr(cls, f"{resource}s_request")(method, url, **params)

    if operation == "paginated_list":

        def a_page(cls: Any, id: Any, limit: Any = None, after: Any = None, **params: Any) -> Any:
            return send(cls, "get", id, limit=limit, after=after, **params)

        return "list_{many}", a_page
    if operation not in _OPERATIONS:
        raise ValueError(f"Unknown operation: {operation}")
    name, method, is_one = _OPERATIONS[operation]

    def of_one(cls: Any, id: Any, nested_id: Any, **params: Any) -> Any:
        return send(cls, method, id, nested_id, **params)

    def of_all(cls: Any, id: Any, **params: Any) -> Any:
        return send(cls, method, id, **params)

    return name, of_one if is_one else of_all


def _requestor(api_key: Any, api_base: Any, api_version: Any, organization: Any) -> Any:
    return api_requestor.APIRequestor(api_key, api_base=api_base, api_version=api_version, organization=organization)


def _request(
    cls: Any,
    method: str,
    url: str,
    api_base: Any = None,
    api_key: Any = None,
    request_id: Any = None,
    api_version: Any = None,
    organization: Any = None,
    **params: Any,
) -> Any:
    del cls
    requestor = _requestor(api_key, api_base, api_version, organization)
    response, _, key = requestor.request(method, url, params, request_id=request_id)
    return util.convert_to_openai_object(response, key, api_version, organization)


async def _arequest(
    cls: Any,
    method: str,
    url: str,
    api_key: Any = None,
    api_base: Any = None,
    request_id: Any = None,
    api_version: Any = None,
    organization: Any = None,
    **params: Any,
) -> Any:
    del cls
    requestor = _requestor(api_key, api_base, api_version, organization)
    response, _, key = await requestor.arequest(method, url, params, request_id=request_id)
    return util.convert_to_openai_object(response, key, api_version, organization)
