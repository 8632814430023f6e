"""Sources: where a policy comes from: a constant, the environment, a file, a feature flag, a store.

Not the policy itself (`shim.migration.policy`). Each has `policy()`, which never blocks, never raises, and
keeps the last good one.
"""
