"""Chat Completions on the fake server: what it accepts, how an answer is written, and the streams of the benchmarks.

Not HTTP and keys (`fake_openai.api`), models (`fake_openai.models`) or what the persona says (`fake_openai.persona`).
It follows the API reference of `/v1/chat/completions`.
"""
