"""Libraries that matter to whoever moves a program: HTTP clients, and packages that import openai themselves.

Plain data, not the finding of them (`by_hand`).
"""

from __future__ import annotations

# Library -> how a call through it is proven and moved.
HTTP_LIBRARIES: dict[str, str] = {
    "requests": "Record it (`shim record`, or a tap on its session), compare it, then ask shim.Client.",
    "aiohttp": "Record it (`shim record`), compare it, then ask shim.AsyncClient.",
    "httpx": "Record it (`shim record`), compare it, then ask shim.Client or shim.AsyncClient.",
    "urllib": "Record it (`shim record`), compare it, then ask shim.Client.",
    "urllib3": "Record it (`shim record`), compare it, then ask shim.Client.",
    "http": "Record it (`shim record`), compare it, then ask shim.Client.",
    "pycurl": "Record it (`shim record`), compare it, then ask shim.create_provider('native').",
    "sseclient": "Record it (`shim record`), compare it, then ask shim.Client, which streams events.",
}

# Package -> what it is called, where the name of the package alone would not say it.
THIRD_PARTY: dict[str, str] = {
    "langchain": "langchain",
    "llama_index": "llama-index",
    "gpt_index": "gpt-index (llama-index)",
    "guidance": "guidance",
    "litellm": "litellm",
    "instructor": "instructor",
    "marvin": "marvin",
    "autogen": "autogen",
    "semantic_kernel": "semantic-kernel",
    "skllm": "scikit-llm",
    "dspy": "dspy",
    "dsp": "dspy",
    "lmql": "lmql",
    "promptflow": "promptflow",
    "haystack": "haystack",
    "chromadb": "chromadb",
    "gptcache": "gptcache",
    "guardrails": "guardrails",
    "pandasai": "pandasai",
    "embedchain": "embedchain",
    "evals": "openai evals",
    "llm": "llm",
    "memgpt": "memgpt",
    "fastchat": "fastchat",
    "camel": "camel",
    "helicone": "helicone",
    "langfuse": "langfuse",
    "promptlayer": "promptlayer",
    "openai_function_call": "openai-function-call (instructor)",
    "revChatGPT": "revChatGPT",
    "chatgpt_wrapper": "chatgpt-wrapper",
}
