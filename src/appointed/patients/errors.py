"""What can go wrong with a patient."""

from appointed.core.errors import AppError, Kind


class AlreadyJoined(AppError):
    code = "already_joined"
    detail = "This patient has a login already."


class NoAddress(AppError):
    code = "no_address"
    kind = Kind.INVALID
    at = "email"
    detail = "Give an e-mail address: this patient has none on file."


class AlreadyTreated(AppError):
    code = "already_treated"
    detail = "You see this patient's record already; there is no emergency to declare."


class AlreadyRelated(AppError):
    code = "already_related"
    detail = "This login looks after the patient already, or waits for the desk to confirm it. Change or end that."


class TooManyRelated(AppError):
    code = "too_many_related"
    detail = "As many people as possible look after this patient, or wait to be confirmed. End what is over."


class NoLogin(AppError):
    code = "no_login"
    detail = "Nobody logs in with this address. Have them register first."


class RelationEnded(AppError):
    code = "relation_ended"
    detail = "This was ended. Enter it anew."


class PatientErased(AppError):
    code = "patient_erased"
    detail = "Who this was has been erased. Register them anew."


class InvitationSpent(AppError):
    code = "invitation_spent"
    kind = Kind.GONE
    detail = "This invitation was used or has expired. Ask the clinic for a new one."
