"""Operations: what a person does with a rollout from outside the service, for `shim rollout` and for tools of one's own.

Not what serves (`shim.migration.rollout`): nothing here is on a request's path, and everything here may block.
"""
