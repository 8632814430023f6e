"""The endpoints of the API beside Chat Completions and Responses, one module each: what it accepts, and what it answers.

Not paths and keys (`fake_openai.api`), chat (`fake_openai.chat`), models and engines (`fake_openai.models`) or what Azure
does its own way (`fake_openai.azure`). They follow the API reference, the older ones as it stood for openai 0.28.
"""
