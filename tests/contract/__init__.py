"""The provider contract over every provider."""

import pytest

pytest.register_assert_rewrite(
    "shim.testing.contract",
    "shim.testing.contract_leaks",
    "shim.testing.contract_parts",
    "shim.testing.contract_polling",
)
