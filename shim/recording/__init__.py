"""Recording: exchanges and how they are taken down, by a tap in the process or by a proxy beside it, and their files.

Not the comparing (`shim.comparison`). `exchange` is what a recording is made of; `tap` and `proxy` see traffic pass, `recorder`
and `exchange_builder` make exchanges of it, `redaction` takes out what nobody may keep, `sinks` and `files` write them;
`recorded_answer` and `replay_adapter` play them back.
"""
