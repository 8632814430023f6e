"""Found as `openai` where this folder is on the path: has the real 0.28, or ours, put in its place, and is gone.

Not a library. `shim run` puts the folder into `PYTHONPATH`, for the program and for every process it starts; nothing happens
before a program imports openai.
"""

from shim.compat.openai_v0.startup import begin

begin(folder=__file__)
