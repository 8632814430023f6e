"""Helpers of the migration's tests: completions, waiting, forked children, and a store that can be switched off."""
