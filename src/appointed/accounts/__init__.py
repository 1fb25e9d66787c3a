"""Users, their passwords, their sessions, and who is asking."""

from .erasing import erase
from .service import change, create, grant, lock, resume, set_password, suspend
from .sessions import end_all, end_of_client, end_own, end_session, give_up, living, open_session, rotate

__all__ = ["change", "create", "end_all", "end_of_client", "end_own", "end_session", "erase", "give_up", "grant",
           "living", "lock", "open_session", "resume", "rotate", "set_password", "suspend"]  # fmt: skip
