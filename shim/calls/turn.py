"""How much one turn of a provider delivers before it ends: what a server sends without end holds no other stream up.

Not the turn itself (`shim.native.deliveries`, `shim.legacy_adapter.shared_mailbox`). All is counted in one unit: a byte received,
decoded where it was encoded; a payload of an event stream counts more, since even an empty one costs the reading of an event, and
so does a line that is no usual event.
Small enough that no turn takes long, large enough that turning costs next to nothing: a thousand usual events.
"""

from __future__ import annotations

from typing import Final

TURN: Final = 256 * 1024
"""What one turn delivers of all streams together. What is left comes in the next, which `timeout()` asks for at once."""
SHARE: Final = 64 * 1024
"""What one stream may have delivered of it while others wait."""
PAYLOAD: Final = 48
"""What a payload counts beside its bytes; the legacy client's measure."""
LINE: Final = 16
"""What a line counts beside its bytes where it is read by itself: a comment, a blank line, an unusual event."""
