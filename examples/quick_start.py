"""Streams an answer through the legacy client: the README's example, word for word.

Not a loop of your own (`select_repl`, `asyncio_repl`): the client brings one.
"""

import shim
from shim.testing.fake_openai import FakeOpenAI

request = shim.ModelRequest("gpt-4o-mini", [shim.user("Count to 10, please.")])

# The real API: shim.Client("legacy"), with OPENAI_API_KEY set, and no server.
with FakeOpenAI(delay=0.05) as server, shim.Client("legacy", api_key="sk-test", base_url=server.base_url) as client:
    try:
        with client.stream(request) as stream:
            for event in stream:
                match event:
                    case shim.TextDelta(text):
                        print(text, end="", flush=True)
                    case shim.ToolCallDone(_, _, name, arguments):
                        print(f"the model calls {name}({arguments})")
                    case shim.StreamDone(response):
                        print(f"\n[{response.model}, {response.finish_reason}]")
    except shim.RateLimitError as error:
        print(f"wait {error.retry_after_ms} ms")
    except shim.ProviderError as error:
        print(f"failed: {error.category}, {error.message}")
