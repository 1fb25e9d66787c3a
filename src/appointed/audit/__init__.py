"""The audit trail: what was done and what was refused, and that nobody altered it."""

from .keys import retire
from .sealer import heads_in, oldest_unsealed, seal, seal_if_due, sealed_up_to
from .trail import DONE, record, write_looks
from .verification import Finding, Report, verify

__all__ = ["DONE", "Finding", "Report", "heads_in", "oldest_unsealed", "record", "retire", "seal", "seal_if_due",
           "sealed_up_to", "verify", "write_looks"]  # fmt: skip
