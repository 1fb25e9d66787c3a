"""Which handlers an event has. An event of which nothing follows has an empty tuple."""

from collections.abc import Mapping

from appointed.accounts.events import LinkAsked, PasswordChanged
from appointed.accounts.factors.events import FactorsChanged
from appointed.appointments.events import (
    AppointmentArrived,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCheckedIn,
    AppointmentCompleted,
    AppointmentCorrected,
    AppointmentExcused,
    AppointmentHeld,
    AppointmentMissed,
    AppointmentRescheduled,
    AppointmentRoomed,
    AppointmentStarted,
    AppointmentUndone,
    DoctorRunningLate,
    SeriesBooked,
    SeriesCancelled,
    SeriesRescheduled,
)
from appointed.notifications import handlers as notifications
from appointed.notifications.context import Handler
from appointed.patients.events import EmergencyAccessOpened, PatientInvited, PatientRegistered
from appointed.records.events import RecordReleased, RecordWritten

HANDLERS: Mapping[str, tuple[Handler, ...]] = {
    PatientRegistered.name: (notifications.welcome,),
    PatientInvited.name: (notifications.invitation,),
    LinkAsked.name: (notifications.link,),
    PasswordChanged.name: (notifications.password,),
    FactorsChanged.name: (notifications.factors,),
    AppointmentBooked.name: (notifications.confirmation,),
    AppointmentCancelled.name: (notifications.cancellation,),
    SeriesBooked.name: (notifications.series_confirmation,),
    SeriesRescheduled.name: (notifications.series_move,),
    SeriesCancelled.name: (notifications.series_cancellation,),
    AppointmentHeld.name: (),
    AppointmentRescheduled.name: (notifications.move,),
    AppointmentArrived.name: (),
    AppointmentCheckedIn.name: (),
    AppointmentRoomed.name: (),
    AppointmentStarted.name: (),
    AppointmentCompleted.name: (),
    AppointmentMissed.name: (),
    AppointmentExcused.name: (),
    AppointmentCorrected.name: (),
    AppointmentUndone.name: (notifications.restoration,),
    DoctorRunningLate.name: (),
    RecordWritten.name: (notifications.record,),
    RecordReleased.name: (notifications.release,),
    EmergencyAccessOpened.name: (notifications.emergency,),
}
