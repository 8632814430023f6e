"""Both rungs over one exchange after another, with the same sides and rules.

Not the rungs (`compare_wire`, `compare_tee`), not where the exchanges come from (`run` for files, `experiment` for live
traffic). The real clients arrive as arguments: `shim.factory.create_comparer` puts the usual ones in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, get_args

from shim.comparison.explanation import failed
from shim.comparison.readers import ProviderMaker, Reader, Sender, at_once
from shim.comparison.rules import IgnoreRule
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.compare_tee import compare_tee_all
from shim.comparison.tee_rung.session_reader import reader_of
from shim.comparison.verdict import Rung, Verdict
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.model import InvalidRequestError, ModelRequest
from shim.recording.exchange import UnreadableExchangeError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.recording.exchange import Exchange
    from shim.recording.reading import Reading

RUNGS: tuple[Rung, ...] = get_args(Rung)


class Comparer:
    """Compares exchanges on the rungs asked for. Holds readers, and so threads: close it. Belongs to one thread.

    Args:
        control: what reads the recorded bytes on the control's side: a reader, or what makes a provider on a session
            (`LegacyProvider`). None takes what each exchange says its control made of it.
        candidate: the same for the other side; None is the codecs of `shim.wire`, which the native provider reads with.
        sender: what the candidate would send (`NativeProvider.sent_request`); None is the codecs, which say nothing of headers.
        sender_for: in its place, what gives the sender for each exchange, where that depends on what was recorded.
        rungs: which to compare on.
        ignore: differences that are known, each with its reason and owner.
        resplit, truncate: on the tee rung also every split, and every cut, of the recorded bytes.
    """

    def __init__(
        self,
        *,
        control: Reader | ProviderMaker | None = None,
        candidate: Reader | ProviderMaker | None = None,
        sender: Sender | None = None,
        sender_for: Callable[[Exchange], Sender] | None = None,
        rungs: Iterable[Rung] = RUNGS,
        ignore: Iterable[IgnoreRule] = (),
        resplit: bool = False,
        truncate: bool = False,
    ) -> None:
        self.rungs = tuple(rungs)
        unknown = [rung for rung in self.rungs if rung not in RUNGS]
        if unknown or not self.rungs:
            raise ValueError(f"rungs is {list(self.rungs)!r}; give one or more of {', '.join(RUNGS)}")
        if sender is not None and sender_for is not None:
            raise ValueError("sender and sender_for are both given; give one of them")
        self._sender = sender
        self._sender_for = sender_for
        self._ignore: Sequence[IgnoreRule] = tuple(ignore)
        self._resplit = resplit
        self._truncate = truncate
        self._control = None if control is None else reader_of(control)
        self._candidate = None if candidate is None else reader_of(candidate)

    def compare(self, exchange: Exchange, *, request: ModelRequest | None = None) -> list[Verdict]:
        """Give one verdict per rung; a comparator that fails is a verdict too, nothing is raised.

        Args:
            exchange: the control's.
            request: what the application asked for, where it is known; else it is read from the recorded body.
        """
        requests = () if request is None else (request,)
        return [self._verdicts(rung, [exchange], requests=requests)[0] for rung in self.rungs]

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Give the same of several, in their order: `at_once` together cost least."""
        by_rung = [self._verdicts(rung, exchanges) for rung in self.rungs]
        return [list(verdicts) for verdicts in zip(*by_rung, strict=True)]

    @property
    def at_once(self) -> int:
        """How many exchanges are best compared together; one where each takes long."""
        if self._resplit or self._truncate or "tee" not in self.rungs:
            return 1
        return max(at_once(self._control), at_once(self._candidate))

    def _verdicts(
        self, rung: Rung, exchanges: Sequence[Exchange], *, requests: Sequence[ModelRequest] = ()
    ) -> list[Verdict]:
        if rung == "wire":
            pairs = zip_longest(exchanges, requests)
            return [self._wire(exchange, request=request) for exchange, request in pairs]
        return compare_tee_all(
            exchanges,
            control=self._control,
            candidate=self._candidate,
            ignore=self._ignore,
            resplit=self._resplit,
            truncate=self._truncate,
        )

    def _wire(self, exchange: Exchange, *, request: ModelRequest | None) -> Verdict:
        sender = self._sender
        if self._sender_for is not None:
            try:
                sender = self._sender_for(exchange)
            except InvalidRequestError as error:
                return failed("wire", exchange, reason=f"the candidate cannot be set up for this recording: {error}")
        return compare_wire(exchange, sender, request=request, ignore=self._ignore)

    def readings(self, exchange: Exchange) -> tuple[Reading | None, Reading | None]:
        """What control and candidate make of an answer, for a closer look; None where it cannot be read."""
        control = exchange.made if self._control is None else _reading(self._control, exchange)
        return control, _reading(self._candidate or CodecReader(), exchange)

    def close(self) -> None:
        """Release the readers."""
        for reader in (self._control, self._candidate):
            if reader is not None:
                reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _reading(reader: Reader, exchange: Exchange) -> Reading | None:
    try:
        return reader.read(exchange)
    except UnreadableExchangeError:
        return None  # the verdict says why
