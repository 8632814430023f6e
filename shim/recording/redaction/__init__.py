"""Redaction: what is taken out of an exchange before it is written or handed on.

Not the exchange (`shim.recording.exchange`). `redaction` has the rules, `redactor` applies them, `key_mask` has the looks of a
key, `body_paths` the places of a body.
"""
