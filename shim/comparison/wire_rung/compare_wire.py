"""The wire rung: would the candidate send the request that the control sent? Exact, and without a call to any API.

Not where two requests part (`request_differences`) nor what does not count (`equivalences`, `two_apis`). The candidate is another
recording, a client that says what it would send, or the codecs of `shim.wire` alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, get_args

from msgspec.structs import replace

from shim.comparison.explanation import concluded, failed, out_of_scope
from shim.comparison.form_bodies import is_plain
from shim.comparison.readers import Sender
from shim.comparison.rules import IgnoreRule
from shim.comparison.verdict import Mismatch, Verdict
from shim.comparison.wire_rung.equivalences import ACTED_ON, header_form
from shim.comparison.wire_rung.repeated_answers import Repeats
from shim.comparison.wire_rung.request_differences import Sent, parting, refusal
from shim.comparison.wire_rung.two_apis import told_of
from shim.model import InvalidRequestError, MissingCredentialsError, ModelRequest
from shim.model.checks import kind_of
from shim.model.response import Api
from shim.provider import ProviderClosedError
from shim.recording.exchange import Exchange, RecordedRequest, UnreadableExchangeError, api_asked, api_of, header_of
from shim.recording.redaction.key_mask import REMOVED
from shim.wire import chat, responses
from shim.wire.api_selection import ApiChoice, select_api
from shim.wire.masking import MASK

_CODECS = {"chat_completions": chat, "responses": responses}
_CHOICES: tuple[str, ...] = get_args(ApiChoice)
_API_NAMES: dict[Api | None, str] = {
    "chat_completions": "Chat Completions",
    "responses": "Responses API",
    None: "another endpoint",
}


def compare_wire(
    control: Exchange,
    candidate: Exchange | Sender | None = None,
    *,
    request: ModelRequest | None = None,
    api: ApiChoice | str = "auto",
    ignore: Iterable[IgnoreRule] = (),
    repeats: Repeats | None = None,
) -> Verdict:
    """Compare what two sides ask. Whatever is in the recording, nothing is raised for it.

    Args:
        control: the recording.
        candidate: another recording of the same request; a sender, such as `NativeProvider.sent_request`; None is the codecs
            of `shim.wire`, which say nothing of method, URL and headers.
        request: what the application asked for, where it is known; else it is read from the recording.
        api: the API the codecs are to write, where they are the candidate.
        ignore: differences that are known.
        repeats: how the two repeat answers, where the candidate is the recording of another client, with answers of its own;
            None: the answers before were the same, so what repeats them is compared as any other field.

    Raises:
        InvalidRequestError: (a ValueError) `api` is no API.
        TypeError: the candidate is nothing of the kind.
    """
    _check(candidate, api)
    started = time.perf_counter()
    comparison = partial(_Comparison, request=request, api=api, repeats=repeats)
    verdict = _verdict(control, candidate, comparison=comparison, ignore=tuple(ignore))
    return replace(verdict, seconds=time.perf_counter() - started)


def _check(candidate: object, api: str) -> None:
    if api not in _CHOICES:
        raise InvalidRequestError(f"api is {api!r}; give one of {', '.join(_CHOICES)}", field="api")
    if candidate is not None and not isinstance(candidate, Exchange) and not callable(candidate):
        raise TypeError(
            f"candidate is {kind_of(candidate)}; give an Exchange, a callable such as NativeProvider.sent_request, or None"
        )


def _verdict(
    control: Exchange,
    candidate: Exchange | Sender | None,
    *,
    comparison: Callable[[Exchange], _Comparison],
    ignore: tuple[IgnoreRule, ...],
) -> Verdict:
    try:
        if api_of(control) is None and not _is_recorded_plain(control, candidate):
            reason = (
                f"{control.request.method} to this path is neither Chat Completions nor Responses; only those are read"
            )
            return out_of_scope("wire", control, reason=reason)
        return comparison(control).verdict(candidate, ignore=ignore)
    except UnreadableExchangeError as error:
        return failed("wire", control, reason=str(error))
    except Exception as error:  # noqa: BLE001 - a comparison that fails is a verdict of its own, never a difference
        return failed("wire", control, reason=f"the comparison failed: {type(error).__name__}: {error}")


def _is_recorded_plain(control: Exchange, candidate: Exchange | Sender | None) -> bool:
    """Whether two recordings of another endpoint hold JSON or forms, which are compared without knowing what they ask."""
    if not isinstance(candidate, Exchange):
        return False
    requests = control.request, candidate.request
    return all(
        each.body is not None and is_plain(each.body, header_of(each.headers, "content-type") or "")
        for each in requests
    )


class _Comparison:
    """One recorded request, and what a candidate makes of it."""

    def __init__(self, control: Exchange, *, request: ModelRequest | None, api: str, repeats: Repeats | None) -> None:
        self._exchange = control
        self._request = request
        self._choice = api
        self._reason = ""
        self._redacted = control.redacted
        self._repeats = repeats
        self._control = sent_of(control, whose="the recording", repeats=repeats)

    def verdict(self, candidate: Exchange | Sender | None, *, ignore: tuple[IgnoreRule, ...]) -> Verdict:
        """Compare."""
        try:
            other = self._candidate(candidate)
        except InvalidRequestError as error:
            return self._concluded([refusal(self._control, error)], made=f"refused: {error}", ignore=ignore)
        mismatches = [self._marked(each) for each in parting(self._control, other)]
        if not mismatches:
            return concluded("wire", self._exchange, mismatches=())
        told = dict.fromkeys(told for each in mismatches if (told := told_of(each.path)))
        return self._concluded(mismatches, made=_made(other, " ".join((self._reason, *told)).strip()), ignore=ignore)

    def _concluded(self, mismatches: list[Mismatch], *, made: str, ignore: tuple[IgnoreRule, ...]) -> Verdict:
        return concluded(
            "wire", self._exchange, mismatches=mismatches, ignore=ignore, made=(_made(self._control, ""), made)
        )

    def _candidate(self, candidate: Exchange | Sender | None) -> Sent:
        if isinstance(candidate, Exchange):
            self._redacted += candidate.redacted
            return sent_of(candidate, whose="the candidate's recording", repeats=self._repeats)
        request, stream = self._asked()
        if candidate is None:
            return self._by_codecs(request, stream=stream)
        try:
            sent = candidate(request, stream=stream)
        except (MissingCredentialsError, ProviderClosedError) as error:
            raise UnreadableExchangeError(f"the candidate cannot say what it would send: {error}") from None
        return Sent(
            api=api_asked(sent.method, sent.url),
            body=sent.body,
            method=sent.method,
            url=sent.url,
            headers=sent.headers,
            knows_all_headers=True,
        )

    def _by_codecs(self, request: ModelRequest, *, stream: bool) -> Sent:
        selection = select_api(request, api=self._choice)
        if selection.api != self._control.api:
            self._reason = selection.reason
        return Sent(api=selection.api, body=_CODECS[selection.api].serialize(request, stream=stream))

    def _asked(self) -> tuple[ModelRequest, bool]:
        """What the application asked for, and whether as a stream."""
        fields = self._control.fields()
        stream = isinstance(fields, dict) and fields.get("stream") is True
        if self._request is not None:
            return self._request, stream
        try:
            read = _CODECS[self._control.api or "chat_completions"].parse_request(self._control.body)
        except InvalidRequestError as error:
            raise UnreadableExchangeError(
                f"the recorded body cannot be read as a request ({error}); give request="
            ) from None
        headers = _application_headers(self._exchange.request)
        return replace(read, extra_headers=headers) if headers else read, stream

    def _marked(self, mismatch: Mismatch) -> Mismatch:
        """Mark what parts only because it was taken out of the recording."""
        for place in self._redacted:
            taken = place.removeprefix("request.")
            if taken != place and (
                _is_at(mismatch.path, taken) or (taken.startswith("body") and _is_covered(mismatch))
            ):
                return replace(mismatch, ignored=f"it was taken out of the recording (owner: redaction of {place})")
        return mismatch


def sent_of(exchange: Exchange, *, whose: str, repeats: Repeats | None = None) -> Sent:
    """What a recording says was sent.

    Raises:
        UnreadableExchangeError: its body was left out, or kept in part.
    """
    request = exchange.request
    if request.body is None:
        raise UnreadableExchangeError(f"{whose} has no request body: it was left out, or could not be read")
    if request.length > len(request.body):
        raise UnreadableExchangeError(
            f"{whose} has {len(request.body)} of the request body's {request.length} bytes; record with a higher limit"
        )
    return Sent(
        api=api_of(exchange),
        body=request.body,
        method=request.method,
        url=request.url,
        headers=request.headers,
        repeats=repeats,
    )


def _application_headers(request: RecordedRequest) -> dict[str, Any]:
    """The recorded headers that only the application can have given; like the body's fields they are part of the request."""
    return {name: value for name, value in request.headers if _is_applications(name) and MASK not in value}


@lru_cache(maxsize=256)
def _is_applications(name: str) -> bool:
    lowered = name.lower()
    own = ("content-type", "content-encoding", "openai-organization", "openai-project")
    return lowered not in own and (header_form(lowered) is None or lowered in ACTED_ON)


def _made(sent: Sent, reason: str) -> str:
    return f"{len(sent.body)} bytes for {_API_NAMES[sent.api]}{f': {reason}' if reason else ''}"


def _is_covered(mismatch: Mismatch) -> bool:
    """Whether what stands there on a side is, or holds, what covers a value that was taken out."""
    texts = (value for value in (mismatch.control, mismatch.candidate) if isinstance(value, str))
    return any(REMOVED in text or MASK in text or set(text) == {"*"} for text in texts)  # stars where there was no room


def _is_at(path: str, taken: str) -> bool:
    """Whether a path is at or below a place as a redaction names it: `[*]` stands for any item, `.*` for any name."""
    pattern = re.escape(taken).replace(r"\[\*\]", r"\[\d+\]").replace(r"\.\*", r"\.[^.\[]+")
    return re.fullmatch(rf"{pattern}(?:[.\[].*)?", path, re.DOTALL) is not None
