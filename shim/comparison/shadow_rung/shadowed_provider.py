"""A layer that hands what its provider has served over to a shadow, and changes nothing of what it does.

Not the shadow (`shadow_comparison`), nor a rollout's provider, which does the same itself where a policy says so. Put under
`Experiment` it takes the pair id from there, so that records of both arms can be put side by side where the control is tapped on
its session.

    shadow = ShadowComparison(lambda: create_provider("native"), own_key=SHADOW_KEY, budget=ShadowBudget())
    provider = ShadowedProvider(LegacyProvider(), shadow)  # or Client(lambda: ShadowedProvider(LegacyProvider(), shadow))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from shim.layers import Layer
from shim.model import ModelRequest
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle

if TYPE_CHECKING:
    from shim.comparison.shadow_rung.shadow_comparison import ShadowComparison


@final
class ShadowedProvider(Layer):
    """A provider with a shadow: a `Provider` itself, with the invariants of `shim.provider`.

    Args:
        provider: the control. Closed when this is closed.
        shadow: what asks again; it may serve any number of providers. Close it yourself, after them.
    """

    def __init__(self, provider: Provider, shadow: ShadowComparison) -> None:
        super().__init__(provider)
        self._shadow = shadow

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        ended = self._handing_over(request, on_completion, streamed=False)
        return self._provider.start_request(request, ended, options=options)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        ended = self._handing_over(request, on_completion, streamed=True)
        return self._provider.start_stream(request, on_event, ended, options=options)

    def _handing_over(self, request: ModelRequest, on_completion: OnCompletion, *, streamed: bool) -> OnCompletion:
        """What to tell of the end: the caller's own function, but for the sample."""
        if not callable(on_completion) or not self._shadow.wants(request):
            return on_completion

        def end(completion: Completion) -> object:
            self._shadow.submit(request, streamed=streamed, control=completion)
            return on_completion(completion)

        return end
