"""House tests: the promises about the code itself, read from its text and its syntax tree."""
