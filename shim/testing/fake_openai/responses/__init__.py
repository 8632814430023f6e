"""The Responses API of the fake server: what it accepts, what it answers, and the conversations it remembers.

Not HTTP and keys (`fake_openai.api`), models (`fake_openai.models`) or what the persona says (`fake_openai.persona`).
It follows the API reference of `/v1/responses` and the event types of its stream.
"""
