"""Calls: the tool calls of one choice being made, told apart however a server tells them.

Not the rest of the choice (`accumulation`) nor whether the end of the answer broke one off (`shim.wire.arguments`).
Source: API reference, Chat Completions streaming; how servers tell their calls apart, as `_find` notes. Some gateways say a
finish reason after every chunk: with it those calls are done whose arguments are whole, the others when the stream has ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from shim.model import FinishReason, StreamEvent, ToolCallDelta, ToolCallDone, ToolCallPart, ToolCallStart
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.model.parts import ToolCallKind
from shim.wire.arguments import ArgumentsScan, LateArgumentsError, Placeholder, is_complete
from shim.wire.capping import passed
from shim.wire.chat.chunk import CallPiece
from shim.wire.chat.joining import CALL, Fields, growing
from shim.wire.lenient import NO_ARGUMENTS, TooManyCallsError

_GROWING = growing(CALL)
_FEW = 32  # calls whose arguments may come by turns without a look at each piece


class ChatCall:
    """One tool call. `pieces` may be appended to directly once it is `started`: it is the hot path."""

    __slots__ = (
        "_ended",
        "_extra",
        "_scan",
        "_scanned",
        "done",
        "id",
        "index",
        "kind",
        "name",
        "pieces",
        "placeholder",
        "started",
        "wire_index",
    )

    def __init__(self, index: int, piece: CallPiece) -> None:
        self.index = index
        self.wire_index = piece.index
        self.id = piece.id
        self.name = ""
        self.kind: ToolCallKind = piece.kind
        self.pieces: list[str] = []
        self.started = False
        self.done = False
        self._extra = Fields(CALL)
        self._ended = False
        self.placeholder = Placeholder()
        self._scan = ArgumentsScan()
        self._scanned = 0  # pieces

    @property
    def whole(self) -> bool:
        """Whether the arguments are a whole object by now."""
        return self.placeholder.held or self._up_to_now().whole

    def may_end(self) -> bool:
        """Take that the server said why its answer ended; whether the call is done. After `{}` another object may yet come."""
        self._ended = True
        return self.kind != "custom" and not self.placeholder.held and self.whole

    def is_late(self, arguments: str) -> bool:
        """Whether a piece comes after the call was complete."""
        late = self.done or (self._ended and self.placeholder.held and arguments[:1] != "{")
        return late and bool(arguments.strip()) and not self.says_again(arguments)

    @property
    def has_arguments(self) -> bool:
        """Whether any of the arguments came."""
        return self.placeholder.held or bool(self.pieces)

    def take(self, arguments: str) -> str:
        """Take a piece of the arguments in; what is to be told of them, and goes into `pieces`."""
        return arguments if self.kind == "custom" else self.placeholder.take(arguments, begun=bool(self.pieces))

    def learn(self, piece: CallPiece) -> None:
        """Learn what a piece says of the call beside its arguments.

        A name comes at once; in pieces, as the arguments do; again with every delta; or a little longer each time.
        """
        self.id = self.id or piece.id
        if piece.name.startswith(self.name):
            self.name = piece.name
        else:
            self.name += piece.name
        if piece.extra:
            self._extra.add(piece.extra)

    @property
    def is_open(self) -> bool:
        """Whether more of its arguments may come, and are told as they do: it was told as begun, and not as done."""
        return self.started and not self.done and not self.placeholder.held

    def says_again(self, arguments: str) -> bool:
        """Whether a piece is the whole arguments once more, as some servers send them with the finish."""
        if self.kind == "custom" or not arguments.startswith("{"):
            return False
        scan = self._up_to_now()
        return scan.whole and len(arguments) == scan.size and arguments == "".join(self.pieces)

    def part(self) -> ToolCallPart:
        """The call as far as it has come; complete only once it was told as done."""
        arguments, extra = "".join(self.pieces) or (NO_ARGUMENTS if self.placeholder.held else ""), self._extra.value()
        return ToolCallPart(self.id, self.name, arguments, kind=self.kind, extra=extra, complete=self.done)

    def _up_to_now(self) -> ArgumentsScan:
        if self._scanned < len(self.pieces):
            self._scan.feed("".join(self.pieces[self._scanned :]))
            self._scanned = len(self.pieces)
        return self._scan


class CallsAccumulator:
    """The calls of one choice. `by_index` has for each index of the server's the last call it told by it."""

    __slots__ = ("_by_id", "_calls", "_caps", "_choice", "_done", "_shared", "_started", "by_index")

    def __init__(self, choice: int, *, caps: Caps = DEFAULT_CAPS) -> None:
        self.by_index: dict[int, ChatCall] = {}
        self._caps = caps
        self._choice = choice
        self._calls: list[ChatCall] = []
        self._by_id: dict[str, ChatCall] = {}
        self._shared = False  # an id by several calls, so that each piece tells whose it is now
        self._started = 0  # calls told as begun: the first so many
        self._done = 0  # calls told as done without a gap: likewise

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, piece: CallPiece) -> Iterator[StreamEvent]:
        """Take a piece in; yield the events it is.

        Raises:
            TooManyCallsError: it would be one call too many.
            LateArgumentsError: the call was done.
        """
        call = self._find(piece) or self._open(piece)
        call.learn(piece)
        if call.id:
            self._shared = self._shared or self._by_id.get(call.id, call) is not call
            self._by_id[call.id] = call
        if call.is_late(piece.arguments):
            raise LateArgumentsError(f"arguments for tool call {call.index} after it was complete")
        arguments = "" if call.says_again(piece.arguments) else call.take(piece.arguments)
        if arguments:
            yield from self._start(call)
            yield self._tell(call, arguments)
        elif call.name:
            yield from self._start(call)

    def targets(self, pieces: list[CallPiece]) -> tuple[list[str], ...]:
        """Where the arguments go of a piece like the one just taken in; none where it might be more than arguments."""
        if len(pieces) != 1 or pieces[0].index is None or pieces[0].id or pieces[0].name:
            return ()
        return (self.by_index[pieces[0].index].pieces,) if _GROWING.isdisjoint(pieces[0].extra) else ()

    def expected(self) -> dict[int, ChatCall]:
        """The calls whose arguments may come next, by the server's index: all while they are few, then the last."""
        if len(self.by_index) <= _FEW and not self._shared:
            return self.by_index
        last = self._calls[-1]
        if self._by_id.get(last.id, last) is not last:
            return {}
        return {at: last for at in (last.wire_index,) if at is not None and self.by_index[at] is last}

    def finish_whole(self) -> Iterator[StreamEvent]:
        """Tell as done, in order, the calls whose arguments are whole: a finish reason came, which may not be the last."""
        while self._done < len(self._calls):
            call = self._calls[self._done]
            if not call.done:
                if not call.may_end():
                    return
                yield from self._finish(call)
            self._done += 1

    def finish(self, reason: FinishReason | None, *, last: bool, said: bool) -> Iterator[StreamEvent]:
        """Tell the calls that are complete as done, in order; takes what `shim.wire.arguments.is_complete` does."""
        for call in self._calls:
            yield from self._start(call)
            part = call.part()
            if not call.done and is_complete(part, reason, last=last and call is self._calls[-1], said=said):
                yield from self._finish(call)

    def _finish(self, call: ChatCall) -> Iterator[StreamEvent]:
        yield from self._start(call)
        rest = call.placeholder.take_rest()
        if rest:
            yield self._tell(call, rest)
        call.done = True
        yield ToolCallDone(call.index, call.id, call.name, "".join(call.pieces), self._choice)

    def _tell(self, call: ChatCall, arguments: str) -> ToolCallDelta:
        call.pieces.append(arguments)
        return ToolCallDelta(call.index, arguments, self._choice)

    def parts(self) -> Iterator[ToolCallPart]:
        """The calls as far as they have come."""
        return (call.part() for call in self._calls)

    def _open(self, piece: CallPiece) -> ChatCall:
        if len(self._calls) >= self._caps.tool_calls:
            raise TooManyCallsError(passed("tool_calls", self._caps))
        call = ChatCall(len(self._calls), piece)
        self._calls.append(call)
        if piece.index is not None:
            self.by_index[piece.index] = call
        return call

    def _start(self, call: ChatCall) -> Iterator[StreamEvent]:
        """Tell that a call began, and before it those that have not said anything yet."""
        while self._started <= call.index:
            each = self._calls[self._started]
            self._started += 1
            each.started = True
            yield ToolCallStart(each.index, each.id, each.name, self._choice)

    def _find(self, piece: CallPiece) -> ChatCall | None:
        """Find the call a piece continues, None where it opens another.

        OpenAI tells calls apart by `index`. Mistral sends none, and whole calls; some servers count from 1; some use index 0
        for every call, apart by their ids or, as Gemini, not even by those; some give one id to several calls, or each delta
        of one call another; gateways give the arguments of a call another index than its name.
        """
        named = self._by_id.get(piece.id) if piece.id else None
        if piece.index is None:
            call = named if piece.id else self._calls[-1] if self._calls else None
        else:
            call = self.by_index.get(piece.index)
            if call is None and not (piece.id or piece.name):
                call = self._unfinished(piece.index)
            if named is not None and (named.wire_index == piece.index if call else not piece.name):
                call = named
        return None if call is None or _opens_another(piece, call) else call

    def _unfinished(self, index: int) -> ChatCall | None:
        """The last call, where its arguments have yet to come: those told by an index that no call has are its own."""
        last = self._calls[-1] if self._calls else None
        if last is None or last.done or not last.name or last.whole:
            return None
        self.by_index[index] = last
        return last


def _opens_another(piece: CallPiece, call: ChatCall) -> bool:
    """Whether a piece begins a new call although its index or id is that of `call`."""
    if piece.kind != call.kind:
        return bool(piece.name or piece.id)
    if piece.id and call.id and piece.id != call.id:
        if not piece.name:  # the opening of a call, or a piece under yet another id
            return call.whole or not piece.arguments
        return piece.name != call.name or call.whole or not call.pieces
    if not piece.name or not call.has_arguments or not call.whole:
        return False
    if piece.arguments:
        return piece.name != call.name or not call.says_again(piece.arguments)
    return piece.name != call.name and not call.id
