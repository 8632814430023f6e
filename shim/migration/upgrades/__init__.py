"""Upgrades: named changes a request needs for another model or API, each opt-in, told, and undone in the answer.

Not the moving of traffic (`shim.migration`), not the codecs (`shim.wire`). `upgrade_request` does them, `advise` only says what a
request would need. Importing this loads no transport; the hook for the wire rung is in `shim.migration.upgrades.wire`.
"""

from shim.migration.upgrades.addressed import upgrade_call
from shim.migration.upgrades.catalogue import UPGRADES, Upgrade
from shim.migration.upgrades.change import Change, RefusedField, Target, TargetApi
from shim.migration.upgrades.models import AS_OF, MODELS, RETIRED_ENDPOINTS, ModelFacts, RetiredEndpoint, facts_of
from shim.migration.upgrades.no_ops import is_no_op
from shim.migration.upgrades.upgrading import Advice, Upgraded, advise, upgrade_model_request, upgrade_request

__all__ = [
    "AS_OF",
    "MODELS",
    "RETIRED_ENDPOINTS",
    "UPGRADES",
    "Advice",
    "Change",
    "ModelFacts",
    "RefusedField",
    "RetiredEndpoint",
    "Target",
    "TargetApi",
    "Upgrade",
    "Upgraded",
    "advise",
    "facts_of",
    "is_no_op",
    "upgrade_call",
    "upgrade_model_request",
    "upgrade_request",
]
