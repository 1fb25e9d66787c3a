"""The audit trail: what was done and what was refused."""

from .trail import record, write_looks

__all__ = ["record", "write_looks"]
