"""`OpenAIObject`: a dict whose items are attributes too, at every depth. Every answer is made of these.

Not the resources with URLs of their own (`api_resources`), and not the conversion (`util.convert_to_openai_object`).
Habits as measured on openai 0.28.1, odd ones included: an empty string cannot be set, `del` of an item is refused, names that
dict has (`items`, `keys`, …) hide fields. One habit is left out: a pickle holds no API key (`deviations`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from shim.compat.openai_v0 import api_requestor, util
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.util import ApiType


class OpenAIObject(dict):  # type: ignore[type-arg]  # keys and values are JSON's
    """A JSON object of an answer. `obj.name` is `obj["name"]`; a missing one is an AttributeError, or a KeyError."""

    api_base_override: Any = None
    _response_ms: int | None
    _retrieve_params: Any

    def __init__(
        self,
        id: Any = None,
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: int | None = None,
        api_base: Any = None,
        engine: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        if response_ms is not None and not isinstance(response_ms, int):
            raise TypeError(f"response_ms is a {type(response_ms).__name__}.")
        # Beside the items every object knows by whom it came, so that it can ask further; these are no items and no fields.
        vars(self).update(
            _response_ms=response_ms,
            _retrieve_params=params,
            api_key=api_key,
            api_version=api_version,
            api_type=api_type,
            organization=organization,
            api_base_override=api_base,
            engine=engine,
        )
        if id:
            self["id"] = id

    @property
    def response_ms(self) -> int | None:
        """Milliseconds the server worked; None below the top, and where it did not say."""
        return self._response_ms

    @property
    def openai_id(self) -> Any:
        """The item `id`."""
        return self.id

    @property
    def typed_api_type(self) -> ApiType:
        """The object's `api_type`, or the module's."""
        return ApiType.from_str(self.api_type or setting("api_type"))

    @classmethod
    def api_base(cls) -> Any:
        """The base address of the class; None takes the module's."""
        return None

    @classmethod
    def construct_from(
        cls,
        values: Any,
        api_key: Any = None,
        api_version: Any = None,
        organization: Any = None,
        engine: Any = None,
        response_ms: int | None = None,
    ) -> Any:
        """An object of these items; dicts among them become objects too."""
        made = cls(
            values.get("id"),
            api_key=api_key,
            api_version=api_version,
            organization=organization,
            engine=engine,
            response_ms=response_ms,
        )
        made.refresh_from(
            values, api_key=api_key, api_version=api_version, organization=organization, response_ms=response_ms
        )
        return made

    def refresh_from(
        self,
        values: Any,
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: int | None = None,
    ) -> None:
        """Take these items in the place of all that are there."""
        vars(self).update(
            api_key=api_key or getattr(values, "api_key", None),
            api_version=api_version or getattr(values, "api_version", None),
            api_type=api_type or getattr(values, "api_type", None),
            organization=organization or getattr(values, "organization", None),
            _response_ms=response_ms or getattr(values, "_response_ms", None),
            _previous=values,
        )
        self.clear()
        convert = util.convert_to_openai_object
        for name, value in values.items():
            made = convert(value, api_key, api_version, organization) if isinstance(value, dict | list) else value
            dict.__setitem__(self, name, made)

    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        stream: Any = False,
        plain_old_data: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Any:
        """Send a request with this object's own key, base and type; the answer as objects, or a generator of them."""
        response, streamed, key = self._requestor().request(
            method,
            url,
            params=self._retrieve_params if params is None else params,
            stream=stream,
            headers=headers,
            request_id=request_id,
            request_timeout=request_timeout,
        )
        if streamed:
            return (self._converted(each, key, plain_old_data=plain_old_data) for each in response)
        return self._converted(response, key, plain_old_data=plain_old_data)

    async def arequest(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        stream: Any = False,
        plain_old_data: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Any:
        """The same without blocking the loop; a stream is an async generator."""
        response, streamed, key = await self._requestor().arequest(
            method,
            url,
            params=self._retrieve_params if params is None else params,
            stream=stream,
            headers=headers,
            request_id=request_id,
            request_timeout=request_timeout,
        )
        if streamed:
            return (self._converted(each, key, plain_old_data=plain_old_data) async for each in response)
        return self._converted(response, key, plain_old_data=plain_old_data)

    def to_dict(self) -> dict[str, Any]:
        """The items as a plain dict; objects below stay objects."""
        return dict(self)

    def to_dict_recursive(self) -> dict[str, Any]:
        """Plain dicts below too; of lists the first level."""
        return {name: _plain(value) for name, value in self.items()}

    def _requestor(self) -> Any:
        return api_requestor.APIRequestor(
            key=self.api_key,
            api_base=self.api_base_override or self.api_base(),
            api_type=self.api_type,
            api_version=self.api_version,
            organization=self.organization,
        )

    def _converted(self, response: Any, key: Any, *, plain_old_data: bool) -> Any:
        return util.convert_to_openai_object(
            response, key, self.api_version, self.organization, plain_old_data=plain_old_data
        )

    def _put(self, name: Any, value: Any) -> None:
        """Set an item as a server may have it: an empty string is let through."""
        dict.__setitem__(self, name, value)

    def __getattr__(self, k: str) -> Any:
        if k[0] == "_":
            raise AttributeError(k)
        try:
            return self[k]
        except KeyError as missing:
            raise AttributeError(*missing.args) from missing

    def __setattr__(self, k: str, v: Any) -> None:
        if k[0] == "_" or k in self.__dict__:
            object.__setattr__(self, k, v)
        else:
            self[k] = v

    def __delattr__(self, k: str) -> None:
        if k[0] == "_" or k in self.__dict__:
            object.__delattr__(self, k)
        else:
            del self[k]

    def __setitem__(self, k: Any, v: Any) -> None:
        if isinstance(v, str) and not v:
            raise ValueError(
                f"You cannot set {k} to an empty string. We interpret empty strings as None in requests."
                f"You may set {self!s}.{k} = None to delete the property"
            )
        super().__setitem__(k, v)

    def __delitem__(self, k: Any) -> None:
        raise NotImplementedError("del is not supported")

    def __copy__(self) -> OpenAIObject:
        copied = OpenAIObject(
            self.get("id"),
            self.api_key,
            api_version=self.api_version,
            api_type=self.api_type,
            organization=self.organization,
        )
        copied._retrieve_params = self._retrieve_params
        for name, value in self.items():
            copied._put(name, value)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenAIObject:
        copied = memo[id(self)] = self.__copy__()
        for name, value in self.items():
            dict.__setitem__(copied, name, deepcopy(value, memo))
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        made_of = (self.get("id"), None, self.api_version, self.api_type, self.organization)
        return type(self), made_of, dict(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.update(state)

    def __str__(self) -> str:
        return json.dumps(self.to_dict_recursive(), indent=2)

    def __repr__(self) -> str:
        told = [type(self).__name__]
        if isinstance(self.get("object"), str):
            told.append(self["object"])
        if isinstance(self.get("id"), str):
            told.append(f"id={self['id']}")
        return f"<{' '.join(told)} at {hex(id(self))}> JSON: {self!s}"


def _plain(value: Any) -> Any:
    if isinstance(value, OpenAIObject):
        return value.to_dict_recursive()
    if isinstance(value, list):
        return [each.to_dict_recursive() if isinstance(each, OpenAIObject) else each for each in value]
    return value
