"""Where two requests part: method, URL, headers, and bodies, or what the bodies of two APIs ask of the model.

Not who made them (`compare_wire`), not what does not count (`equivalences`, `two_apis`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import UNSET, Struct
from msgspec.structs import replace

from shim.comparison.canonical import Difference, differences
from shim.comparison.explanation import MOST_TOLD
from shim.comparison.form_bodies import plain_body
from shim.comparison.json_offsets import excerpt, first_difference, place_of, value_at
from shim.comparison.verdict import ABSENT, Mismatch
from shim.comparison.wire_rung.equivalences import ACTED_ON, HeaderForm, compared_name, counting, header_form
from shim.comparison.wire_rung.repeated_answers import TWO_ANSWERS, Repeats, with_own_ids
from shim.comparison.wire_rung.two_apis import comparable
from shim.model import InvalidRequestError, UnsupportedFeatureError
from shim.model.response import Api
from shim.recording.exchange import Headers, UnreadableExchangeError, header_of
from shim.recording.redaction.key_mask import REMOVED
from shim.wire import chat, responses
from shim.wire.masking import MASK


class Sent(Struct, kw_only=True):
    """What one side sends; None where that side says nothing of it.

    Attributes:
        api: the API its path belongs to, None where it is another path.
        body: the bytes.
        method, url, headers: as sent or recorded.
        knows_all_headers: whether `headers` are all there are; a recording's are those its allow-list let through.
        repeats: how it repeats answers, where it is held against what another client sent; None: as any other field.
    """

    api: Api | None
    body: bytes
    method: str | None = None
    url: str | None = None
    headers: Headers | None = None
    knows_all_headers: bool = False
    repeats: Repeats | None = None
    _fields: Any = UNSET

    def fields(self) -> Any:
        """The body as plain JSON, not to be changed; raises as `canonical_json` does."""
        if self._fields is UNSET:
            is_json = self.api is not None  # both APIs take nothing else
            kind = "" if is_json else header_of(self.headers or (), "content-type") or ""
            read = plain_body(self.body, kind)
            self._fields = read if self.repeats is None else with_own_ids(read, repeats=self.repeats)
        return self._fields


def parting(control: Sent, candidate: Sent) -> Iterator[Mismatch]:
    """Find where two requests part.

    Raises:
        UnreadableExchangeError: a body cannot be compared.
    """
    two = None not in (control.api, candidate.api) and candidate.api != control.api
    if control.method and candidate.method and control.method.upper() != candidate.method.upper():
        yield Mismatch(path="method", control=control.method, candidate=candidate.method, rule="wire.method")
    if control.url is not None and candidate.url is not None:
        yield from _urls(control, candidate, two=two)
    if control.headers is not None and candidate.headers is not None:
        yield from _headers(control, candidate)
    yield from _requests(control, candidate) if two else _bodies(control, candidate)


def refusal(control: Sent, error: InvalidRequestError) -> Mismatch:
    """What the candidate would not send: names the field, the API and the remedy."""
    field = error.field or "request"
    api = f" by {error.api}" if isinstance(error, UnsupportedFeatureError) and error.api else ""
    offset = _place_in_body(control, field)
    mismatch = Mismatch(
        path=f"request.{field}",
        control="sent" if offset is None else value_at(control.body, offset),
        candidate=f"refused{api}: {error}",
        rule="wire.refused",
    )
    return _with_bytes(mismatch, control.body, offset=offset)


def _urls(control: Sent, candidate: Sent, *, two: bool) -> Iterator[Mismatch]:
    if control.url == candidate.url:
        return
    first, second = (_address(sent, endpoint=not two) for sent in (control, candidate))
    for each in differences(first, second, path="url"):
        if not _is_hidden(each):
            yield _mismatch(each, rule="wire.url")


_ENDPOINT = re.compile(r"/(?:chat/completions|responses)/?\Z")


def _address(sent: Sent, *, endpoint: bool) -> dict[str, Any]:
    """Path and query; the endpoint at its end belongs to the API, and is left out where that is another."""
    parts = urlsplit(sent.url or "")
    query: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query[name].append(value)
    told = {name: values[0] if len(values) == 1 else values for name, values in query.items()}
    path = parts.path if endpoint else _ENDPOINT.sub("", parts.path)
    return {"path": path or "/", "query": told}


def _headers(control: Sent, candidate: Sent) -> Iterator[Mismatch]:
    first, second = _by_name(control.headers or ()), _by_name(candidate.headers or ())
    parted = [name for name, value in first.items() if second.get(name) != value]
    for name in sorted(parted + [name for name in second if name not in first]):
        row = header_form(name)
        pair = Difference(f"header.{name}", *(_form(each.get(name), row) for each in (first, second)))
        if pair.control != pair.candidate and not _is_hidden(pair) and _can_be_judged(pair, candidate, name=name):
            yield _mismatch(pair, rule="wire.header")


def _can_be_judged(pair: Difference, candidate: Sent, *, name: str) -> bool:
    """Whether a header that only the candidate has is missing from the control, not only from its recording."""
    return pair.control is not ABSENT or not candidate.knows_all_headers or name in ACTED_ON


def _by_name(headers: Headers) -> dict[str, str]:
    """Those that are compared, by name in lower case, the values of a repeated one joined by a comma (RFC 9110 5.3)."""
    told: dict[str, str] = {}
    for each, value in headers:
        name = compared_name(each)
        if name is not None:
            said = value.strip()
            told[name] = f"{told[name]}, {said}" if name in told else said
    return told


def _form(value: str | None, row: HeaderForm | None) -> Any:
    """What is compared of a header; ABSENT where it is not there."""
    if value is None:
        return ABSENT
    return value if row is None or row.form is None or MASK in value else row.form(value)


def _is_hidden(pair: Difference) -> bool:
    """Whether both sides have a value and that of one was taken out, so that there is nothing to compare."""
    values = (pair.control, pair.candidate)
    masked = any(isinstance(value, str) and (MASK in value or REMOVED in value) for value in values)
    return masked and not any(value is ABSENT for value in values)


def _bodies(control: Sent, candidate: Sent) -> Iterator[Mismatch]:
    if control.body == candidate.body:
        return
    first, second = control.fields(), candidate.fields()
    found = differences(first, second, path="body", exact_numbers=True)
    for number, each in enumerate(counting(found)):
        mismatch = _explained(_mismatch(each, rule="wire.body"), each, bodies=(first, second), repeats=control.repeats)
        yield _with_bytes(mismatch, control.body, offset=_place(control.body, each)) if number < MOST_TOLD else mismatch


def _place(body: bytes, each: Difference) -> int | None:
    path = each.path.removeprefix("body").removeprefix(".")
    return place_of(body, path, within=first_difference(each.control, each.candidate))


def _requests(control: Sent, candidate: Sent) -> Iterator[Mismatch]:
    first, second = (_request(sent) for sent in (control, candidate))
    for number, each in enumerate(differences(first, second, path="request")):
        mismatch = _explained(
            _mismatch(each, rule="wire.request"), each, bodies=(first, second), repeats=control.repeats
        )
        offset = _place_in_body(control, each.path.removeprefix("request.")) if number < MOST_TOLD else None
        yield _with_bytes(mismatch, control.body, offset=offset)


def _request(sent: Sent) -> dict[str, Any]:
    fields = sent.fields()  # first, as it says more clearly what cannot be read
    api = sent.api or "chat_completions"
    try:
        request = (chat if api == "chat_completions" else responses).parse_request(sent.body)
    except InvalidRequestError as error:
        raise UnreadableExchangeError(f"a body cannot be read as a request of {api}: {error}") from None
    told = comparable(request, api=api)
    own = told if sent.repeats is None else with_own_ids(told, repeats=sent.repeats)
    return {**own, "stream": fields.get("stream") is True}


# Field of ModelRequest -> its names in a body, where they are others.
_NAMES: dict[str, tuple[str, ...]] = {
    "max_output_tokens": ("max_output_tokens", "max_completion_tokens", "max_tokens"),
    "messages": ("messages", "input"),
    "system_prompt": ("instructions", "messages"),
    "reasoning": ("reasoning_effort", "reasoning"),
    "response_format": ("response_format", "text"),
}


def _place_in_body(sent: Sent, path: str) -> int | None:
    """The offset of a request's field in the body that said it, as near as can be told."""
    path = path.removeprefix("extra_body.")
    head, rest = _split(path)
    top = place_of(sent.body, "")
    for name in _NAMES.get(head, (head,)):
        offset = place_of(sent.body, f"{name}{rest}")
        if offset not in (top, None):
            return offset
    return None


def _split(path: str) -> tuple[str, str]:
    """The field a path begins with, and the index after it."""
    for position, character in enumerate(path):
        if character in ".[":
            rest = path[position:]
            return path[:position], rest.partition(".")[0] if character == "[" else ""
    return path, ""


def _mismatch(each: Difference, *, rule: str) -> Mismatch:
    return Mismatch(path=each.path, control=each.control, candidate=each.candidate, rule=rule)


def _explained(mismatch: Mismatch, each: Difference, *, bodies: tuple[Any, Any], repeats: Repeats | None) -> Mismatch:
    """Mark what parts only since each client repeats what its own model said."""
    if repeats is None or not repeats.explains(each, bodies=bodies):
        return mismatch
    return replace(mismatch, ignored=TWO_ANSWERS)


def _with_bytes(mismatch: Mismatch, body: bytes, *, offset: int | None) -> Mismatch:
    """Show the bytes around a place; to find it takes as long as to read the body, so only of those that are told."""
    return mismatch if offset is None else replace(mismatch, offset=offset, excerpt=excerpt(body, offset))
