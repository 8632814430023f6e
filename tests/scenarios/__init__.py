"""The specification's scenarios, each a test of its name, driven by a select() loop as an old codebase would."""
