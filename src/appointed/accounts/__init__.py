"""Users, their passwords, their sessions, and who is asking."""

from .service import change, create, end_session, grant, open_session, resume, rotate, set_password, suspend

__all__ = ["change", "create", "end_session", "grant", "open_session", "resume", "rotate",
           "set_password", "suspend"]  # fmt: skip
