"""Tests of what a person does with a rollout from outside the service."""
