"""Programs of other people that were written for openai 0.28, each with a task as its users have one.

Not the running and comparing of them (`bench.programs_v0`). `starting` puts a program's `openai` in place; the others are tasks.
They run in the program's own environment and change nothing of it.
"""
