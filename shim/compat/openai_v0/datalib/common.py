"""What is said where a library for data is missing.

Names as in openai 0.28.1.
"""

INSTRUCTIONS = """

OpenAI error:

    missing `{library}`

This feature requires additional dependencies:

    $ pip install "legacy-openai-shim[embeddings]"      (numpy)
    $ pip install {library}

"""

NUMPY_INSTRUCTIONS = INSTRUCTIONS.format(library="numpy")


class MissingDependencyError(Exception):
    """A library is needed and is not there; the text says how to get it."""
