"""Tests of the migration: policies, decisions, the guard, stores, and what ends a rollout."""
