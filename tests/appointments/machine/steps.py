"""The state machine: each step is taken by the model and by the real clinic, and both must say the same."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy.ext.asyncio import AsyncSession

from appointed.appointments import service
from appointed.appointments.models import Appointment
from appointed.appointments.rules import Action

from . import deeds
from .clinic import KINDS, OPENS, POLICY, Real, Step, rules_of
from .model import DAY, MINUTE, Ask, Meeting, Model, Refused, Visit, day, on_the_wall, wall

T = TypeVar("T")
# Most are times at which both doctors can be had; the others are off the grid, at its ends or outside the hours.
MINUTES = (570, 600, 630, 720) * 4 + (540, 585, 690, 735, 535, 645, 700, 800)
CHANGES: Sequence[tuple[str, dict[str, Any]]] = (
    *(("short", change) for change in ({}, {"length": 20, "grid": 10}, {"before": 10}, {"after": 5}, {"notice": 180},
                                       {"daily": 2}, {"window": 1})),
    *(("long", change) for change in ({"per_patient": 1}, {"before": 0, "after": 0}, {"takes_room": False},
                                      {"length": 30})),
)  # fmt: skip
LIVES: Sequence[tuple[Action, Callable[[Model, Visit], None]]] = (
    (Action.ARRIVE, deeds.arrive), (Action.COMPLETE, deeds.complete), (Action.NO_SHOW, deeds.miss),
)  # fmt: skip


@dataclass(frozen=True)
class Chance:
    """What is left to chance in a step, so that hypothesis can make it small."""

    data: st.DataObject

    def of(self, what: str, choices: Sequence[T]) -> T:
        return self.data.draw(st.sampled_from(choices), label=what)

    def doctor(self, kind: str = "short") -> int:
        """Groups are offered by the second of them only."""
        return self.of("doctor", (0, 1, 1, 1) if kind == "group" else (0, 1))

    def patient(self) -> int:
        return self.of("patient", (0, 1, 2))

    def kind(self) -> str:
        return self.of("kind", ("short", "short", "long", "long"))

    def is_online(self) -> bool:
        return self.of("online", (True, False))


class Steps(RuleBasedStateMachine):
    """Abstract: `on` makes it one of a real clinic."""

    real: ClassVar[Real]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.run(self.real.begin())
        self.model = Model(dict(KINDS), OPENS)
        self.leave_ids: list[Any] = []
        self.series_ids: list[Any] = []

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """One of many, rather than a rule for each: hypothesis leaves rules out of a run, and then little happens."""
        chance = Chance(data)
        possible = [
            *_ALWAYS, *(_WITH_VISITS if self.model.visits else ()), *(_WITH_SERIES if self.series_ids else ()),
            *(_WITH_SESSIONS if self.model.meetings else ()), *(_WITH_LEAVE if self.leave_ids else ()),
        ]  # fmt: skip
        chance.of("step", possible)(self, chance)

    @invariant()
    def is_as_the_model(self) -> None:
        found = self.run(self.real.visits())
        for visit in self.model.visits:
            # A hold that is over may be ended by whoever finds it in the way.
            if self.model.is_over(visit) and found[visit.id][-1] == "expired":
                visit.status = "expired"
        assert found == {visit.id: self.real.shown(visit) for visit in self.model.visits}

    def teardown(self) -> None:
        busy = {(self.real.resource(who), tick): buffer for (who, tick), buffer in self.model.busy().items()}
        assert self.run(self.real.ticks()) == busy
        assert self.run(self.real.never()) == []
        owners: list[Visit | Meeting] = [*self.model.visits, *self.model.meetings]
        flaws = self.run(self.real.flaws({each.id: (each.before, each.after) for each in owners}))
        assert not flaws, flaws

    def run(self, work: Any) -> Any:
        """The database lives on the loop of the test, and this in a thread beside it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def both(self, expected: Callable[[], Any], step: Step) -> tuple[Any, Any]:
        """What both gave; nothing where both refused, by the same code."""
        code, wanted = None, None
        try:
            wanted = expected()
        except Refused as refused:
            code = refused.code
        said, got = self.run(self.real.attempt(step))
        assert said == code, f"refused as {said}; by the model, as {code}"
        return (None, None) if code else (wanted, got)

    def book_both(self, expected: Callable[[], Any], step: Step) -> None:
        """What is given is a visit, or several in the same order."""
        wanted, got = self.both(expected, step)
        if wanted is not None:
            pairs = zip(wanted, got, strict=True) if isinstance(wanted, list) else [(wanted, got)]
            for visit, row in pairs:
                visit.id = row.id

    def days(self) -> list[date]:
        """Today, or tomorrow when the day is nearly over; and those after it."""
        first = day(self.model.now) + (DAY if on_the_wall(self.model.now).hour >= 11 else timedelta(0))
        return [first + number * DAY for number in range(3)]

    def time(self, chance: Chance) -> datetime:
        return wall(chance.of("day", self.days()), chance.of("minute", MINUTES))

    def visit(self, chance: Chance, among: Sequence[Visit]) -> Visit:
        """One of the last of them."""
        return chance.of("visit", among[-8:])

    def ask(self, chance: Chance, **more: Any) -> Ask:
        patient = chance.patient()
        by = None if more.get("is_extra") or not chance.is_online() else patient
        return Ask(chance.doctor(), patient, chance.kind(), self.time(chance), by=by, **more)

    def take(self, ask: Ask) -> None:
        self.book_both(lambda: self.model.book(ask), lambda session: self.real.book(session, ask))

    def book(self, chance: Chance) -> None:
        ask, length = self.ask(chance), chance.of("length", (None, None, None, 20, 30, 60))
        self.take(replace(ask, end=ask.start + length * MINUTE if length else None))

    def hold(self, chance: Chance) -> None:
        self.take(self.ask(chance, is_held=True))

    def fit_in(self, chance: Chance) -> None:
        self.take(self.ask(chance, is_extra=True))

    def keep_hold(self, chance: Chance) -> None:
        """Confirm or extend it."""
        held = [visit for visit in self.model.visits if visit.status in ("pending", "expired")]
        visit = self.visit(chance, held or self.model.visits)
        real, ours = chance.of("deed", ((service.confirm, deeds.confirm), (service.extend, deeds.extend)))
        actor = self.real.actor(visit.patient if chance.is_online() else None)
        self.both(lambda: ours(self.model, visit),
                  lambda session: real(session, actor, visit.id, policy=POLICY, clock=self.real.clock))  # fmt: skip

    def end_holds(self, _chance: Chance) -> None:
        """The chore, which may run at any time and twice."""
        for visit in [visit for visit in self.model.visits if visit.status in ("pending", "expired")] * 2:
            is_due = self.model.is_over(visit)
            assert self.run(self.real.expire_if_due(visit)) is is_due
            visit.status = "expired" if is_due else visit.status

    def reschedule(self, chance: Chance) -> None:
        """To another time, doctor or type of visit."""
        visit, start, doctor = self.visit(chance, self.model.visits), self.time(chance), chance.doctor()
        kind = chance.of("kind", (visit.kind, visit.kind, "short", "long"))
        by = visit.patient if chance.is_online() else None
        ask = deeds.moving(visit, start, doctor, kind, by)
        move = service.Move(start, None, self.real.doctors[doctor].id, visit_type_id=self.real.kinds[kind])
        self.both(
            lambda: deeds.reschedule(self.model, visit, ask),
            lambda session: service.reschedule(session, self.real.actor(by), visit.id, move, policy=POLICY,
                                               clock=self.real.clock),
        )  # fmt: skip

    def cancel(self, chance: Chance) -> None:
        """A place in a group is left in the same way."""
        visit = self.visit(chance, self.model.visits)
        by = visit.patient if chance.is_online() else None
        self.both(
            lambda: deeds.cancel(self.model, visit, by),
            lambda session: service.cancel(session, self.real.actor(by), visit.id, clock=self.real.clock),
        )

    def live(self, chance: Chance) -> None:
        """It takes place, or nobody comes."""
        booked = [visit for visit in self.model.visits if visit.status in ("booked", "arrived")]
        visit, (action, expected) = self.visit(chance, booked or self.model.visits), chance.of("deed", LIVES)
        if chance.of("waits", (True, False)) and self.model.now < visit.start < self.model.now + DAY:
            self.set_clock(visit.start + 7 * MINUTE)
        self.both(lambda: expected(self.model, visit),
                  lambda session: service.move(session, self.real.desk.actor, visit.id, action, policy=POLICY,
                                               clock=self.real.clock))  # fmt: skip

    def undo(self, chance: Chance) -> None:
        lately = [each for each in self.model.visits if each.last and each.last.at + 30 * MINUTE > self.model.now]
        undoable = [each for each in lately if each.last and each.last.action in deeds.UNDOABLE]
        visit = self.visit(chance, undoable or lately or self.model.visits)
        by = visit.patient if chance.is_online() else None
        self.both(
            lambda: deeds.undo(self.model, visit, by),
            lambda session: service.undo(session, self.real.actor(by), visit.id, policy=POLICY, clock=self.real.clock),
        )

    def book_series(self, chance: Chance) -> None:
        ask, number, count = self.ask(chance), len(self.series_ids), chance.of("count", (2, 3))

        async def book(session: AsyncSession) -> Sequence[Appointment]:
            rrule = f"FREQ=DAILY;COUNT={count}"
            booked = await service.book_series(session, self.real.actor(ask.by), self.real.booking(ask), rrule,
                                               policy=POLICY, clock=self.real.clock)  # fmt: skip
            self.series_ids.append(booked.series.id)
            return booked.visits

        self.book_both(lambda: deeds.book_series(self.model, ask, count, number), book)

    def change_series(self, chance: Chance) -> None:
        """From one of its visits on, or all of it."""
        series, first = chance.of("series", range(len(self.series_ids))), chance.of("first", (1, 1, 2, 3))
        visits = [visit for visit in self.model.visits if visit.series == series]
        by = visits[0].patient if chance.is_online() else None
        actor, series_id = self.real.actor(by), self.series_ids[series]
        if chance.of("cancels", (False, False, True)):
            self.both(lambda: deeds.cancel_series(self.model, series, first, by),
                      lambda session: service.cancel_series(session, actor, series_id, first_number=first,
                                                            clock=self.real.clock))  # fmt: skip
        else:
            move = service.Move(self.time(chance))
            self.both(lambda: deeds.move_series(self.model, series, first, move.starts_at, by),
                      lambda session: service.reschedule_series(session, actor, series_id, move, first_number=first,
                                                                policy=POLICY, clock=self.real.clock))  # fmt: skip

    def book_family(self, chance: Chance) -> None:
        """By the desk, which may book for anybody."""
        kind, start = chance.kind(), self.time(chance)
        doctor = chance.doctor()
        asks = [Ask(doctor, patient, kind, start) for patient in chance.of("members", ((0, 1), (2, 0), (1, 2, 0)))]

        async def book(session: AsyncSession) -> Sequence[Appointment]:
            bookings = [self.real.booking(ask) for ask in asks]
            booked = await service.book_family(session, self.real.desk.actor, bookings, policy=POLICY,
                                               clock=self.real.clock)  # fmt: skip
            return booked.visits

        self.book_both(lambda: deeds.book_family(self.model, asks), book)

    def plan(self, chance: Chance) -> None:
        kind, start, length = self.model.kinds["group"], self.time(chance), chance.of("length", (30, 60))
        meeting = Meeting(chance.doctor("group"), "group", start, start + length * MINUTE, kind.before, kind.after,
                          chance.of("capacity", (1, 2)), takes_room=chance.of("room", (True, False)))  # fmt: skip
        _, planned = self.both(
            lambda: deeds.plan(self.model, meeting), lambda session: self.real.plan(session, meeting)
        )
        meeting.id = planned and planned.id

    def join(self, chance: Chance) -> None:
        meeting, patient = chance.of("session", self.model.meetings[-2:]), chance.patient()
        by = patient if chance.is_online() else None
        self.book_both(lambda: deeds.join(self.model, meeting, patient, by),
                       lambda session: self.real.join(session, meeting, patient, by))  # fmt: skip

    def call_off(self, chance: Chance) -> None:
        meeting = chance.of("session", self.model.meetings)
        self.both(lambda: deeds.call_off(self.model, meeting),
                  lambda session: service.cancel_session(session, self.real.desk.actor, meeting.id, reason="Ill",
                                                         clock=self.real.clock))  # fmt: skip

    def take_leave(self, chance: Chance) -> None:
        doctor, first, length = chance.doctor(), self.time(chance), chance.of("length", (30, 120, 1440))
        is_dry_run = chance.of("dry run", (False, True))
        leave = (doctor, first, first + length * MINUTE)
        model = self.model.rehearsal() if is_dry_run else self.model
        lost = model.change_leave(doctor, [*self.model.leaves, leave])
        leave_id, said = self.run(self.real.leave(*leave, is_dry_run=is_dry_run))
        assert said == {visit.id for visit in lost}
        if not is_dry_run:
            self.leave_ids.append(leave_id)

    def return_from_leave(self, chance: Chance) -> None:
        number = chance.of("leave", range(len(self.leave_ids)))
        leave_id, doctor = self.leave_ids.pop(number), self.model.leaves[number][0]
        rest = self.model.leaves[:number] + self.model.leaves[number + 1 :]
        self.both(lambda: self.model.change_leave(doctor, rest),
                  lambda session: service.remove_time_off(session, self.real.desk.actor, leave_id,
                                                          clock=self.real.clock))  # fmt: skip

    def change_kind(self, chance: Chance) -> None:
        """From the rules in the beginning: each change takes the one before it back."""
        name, part = chance.of("change", CHANGES)
        kind = replace(KINDS[name], **part)
        self.model.kinds[name] = kind
        self.both(lambda: None, lambda session: self.real.change_kind(session, name, rules_of(kind)))

    def wait(self, chance: Chance) -> None:
        self.set_clock(self.model.now + chance.of("minutes", (1, 4, 5, 6, 30, 60, 300, 1440)) * MINUTE)

    def set_clock(self, now: datetime) -> None:
        self.model.now = now
        self.real.clock.set(now)

    def look(self, chance: Chance) -> None:
        """What is listed is what the model would book, and nothing else."""
        patient, kind = chance.of("patient", (None, 0, 1, 2)), chance.kind()
        doctor = chance.doctor()
        by, days = patient if chance.is_online() else None, self.days()
        listed = self.run(self.real.free(doctor, patient, kind, by, days))
        assert listed == self.model.free(doctor, patient, kind, by, days)


# What can always be done, and what can where there is something to do it with; named more than once, done more often.
_ALWAYS = (
    *(Steps.book,) * 5, *(Steps.hold,) * 3, *(Steps.look,) * 3, *(Steps.wait,) * 3, *(Steps.book_series,) * 2,
    Steps.fit_in, Steps.end_holds, Steps.book_family, Steps.plan, Steps.take_leave, Steps.change_kind,
)  # fmt: skip
_WITH_VISITS = (
    *(Steps.reschedule,) * 3, *(Steps.undo,) * 2, *(Steps.live,) * 2, *(Steps.keep_hold,) * 2, Steps.cancel,
)  # fmt: skip
_WITH_SERIES = (Steps.change_series, Steps.change_series)
_WITH_SESSIONS = (Steps.join, Steps.join, Steps.join, Steps.call_off)
_WITH_LEAVE = (Steps.return_from_leave,)


def on(real: Real, loop: asyncio.AbstractEventLoop) -> type[Steps]:
    """The machine of this clinic, whose database lives on the loop."""
    return type("StepsOn", (Steps,), {"real": real, "loop": loop})
