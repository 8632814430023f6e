"""Tests: one file per source module, beside the contracts, properties and faults that belong to no single one."""
