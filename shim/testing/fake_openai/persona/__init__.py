"""What the fake server says in place of a model: the same for the same request, and in words a test can foretell.

Not how it is written on the wire (`fake_openai.chat`, `fake_openai.responses`). `replies` says what is answered, `calling`
which tools are called; `words`, `tokens`, `thinking` and `schema_values` serve these two.
"""
