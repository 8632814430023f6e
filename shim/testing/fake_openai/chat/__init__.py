"""Chat Completions on the fake server: what it accepts, how an answer is written, and the streams of the benchmarks.

Not HTTP, keys or models (`fake_openai.api`), and not what the persona says (`fake_openai.persona`). It follows the API
reference of `/v1/chat/completions`.
"""
