"""How the pipeline meets people and cases: the registry read for it, findings handed over for it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, Select, exists, or_, select

from alerts import database, registry, schema
from alerts.registry import realms
from alerts.store import AGAIN, NewArea, NewFinding, Store
from detectors.findings import Finding
from detectors.outage import AreaFinding
from ingest.bindings import Binding
from shuian.areas import Zone
from shuian.handover import Open, Raised
from shuian.outcomes import Told, means
from shuian.rows import Bound, Place


class PeopleRegistry:
    """`shuian.pipeline.Registry` over the people's database."""

    def __init__(self, engine: Engine) -> None:
        self._reading = database.reading(engine)

    def version(self) -> int:
        """Return a number that moves with every change of the registry."""
        with self._reading.connect() as conn:
            return registry.version(conn)

    def bound(self, now: datetime) -> list[Bound]:
        """Return every device binding with its household; consent as of `now`."""
        with self._reading.connect() as conn:
            played = realms.areas_of_drills(conn)
            return [
                Bound(
                    one.household,
                    one.tz,
                    Binding(
                        device=one.device,
                        format=one.format,
                        valid_from=one.valid_from,
                        valid_to=one.valid_to,
                        unit=one.unit,
                        litres_per_pulse=one.litres_per_pulse,
                        resolution_l=one.resolution_l,
                        modulus_l=one.modulus_l,
                        zone=one.zone,
                        period_s=one.period_s,
                        consented=one.consented,
                    ),
                    Place(one.area, one.building, one.riser or "", one.gateway or "", one.area in played),
                )
                for one in registry.bindings(conn, now)
            ]

    def absences(self) -> list[tuple[str, datetime, datetime]]:
        """Return (household, start, end) of declared absences."""
        a = schema.absences.c
        with self._reading.connect() as conn:
            return [(row.household, row.start, row.end) for row in conn.execute(select(a.household, a.start, a.end))]


class CaseDesk:
    """`shuian.pipeline.Alerts` over the alert store; `wake` is called when something is owed."""

    def __init__(self, store: Store, clock: Callable[[], datetime], wake: Callable[[], None]) -> None:
        self._store, self._clock, self._wake = store, clock, wake

    def raised(self, household: str, finding: Finding, finding_id: str) -> None:
        """Store a finding and what it owes the world; a second call with the same id changes nothing."""
        self.raised_all([Raised(household, finding, finding_id)])

    def raised_all(self, found: Sequence[Raised]) -> None:
        """Store many findings, as `raised` does each of them, in one transaction: all of them, or none."""
        self._store.raise_findings([_new(one) for one in found], self._clock())
        self._wake()

    def cleared(self, finding_id: str, cleared_at: datetime) -> None:
        """Note that a finding no longer holds; an id never raised is no error."""
        self._store.clear_finding(finding_id, cleared_at, self._clock())
        self._wake()

    def area_began(self, event: str, zone: Zone, finding: AreaFinding, households: Sequence[str]) -> None:
        """Store an area event and what it owes; a second call with the same id changes nothing."""
        new = NewArea(
            id=event,
            realm="live",
            kind=finding.kind,
            zone_kind=zone.kind,
            zone=zone.name,
            building=zone.building,
            area=zone.area,
            onset=datetime.fromtimestamp(finding.onset, UTC),
            raised_at=datetime.fromtimestamp(finding.raised_at, UTC),
            reason=finding.reason,
            evidence=dict(finding.evidence),
            households=tuple(households),
        )
        self._store.begin_area(new, self._clock())
        self._wake()

    def area_over(self, event: str, ended_at: datetime) -> None:
        """Note that an area event has ended; an id that is not open is no error."""
        self._store.end_area(event, ended_at, self._clock())
        self._wake()

    def areas_open(self) -> set[str]:
        """Return the ids of the area events that the alert store holds open."""
        a, m = schema.area_events.c, schema.area_members.c
        here = exists().where(m.realm == a.realm, m.event == a.id, m.household.in_(_played()))
        mine = or_(a.realm == "live", here), a.ended_at.is_(None)
        with database.reading(self._store.engine).connect() as conn:
            return set(conn.scalars(select(a.id).where(*mine)))

    def open(self) -> list[Open]:
        """Return the findings that were raised and not cleared."""
        f = schema.findings.c
        asked = select(f.id, f.household, f.kind, f.severity, f.onset, f.raised_at, f.reason)
        with database.reading(self._store.engine).connect() as conn:
            mine = or_(f.realm == "live", f.household.in_(_played())), f.cleared_at.is_(None)
            rows = conn.execute(asked.where(*mine)).all()
        return [
            Open(
                row.id.partition(AGAIN)[0],
                row.household,
                Finding(-1, row.kind, row.severity, row.onset.timestamp(), row.raised_at.timestamp(), row.reason, {}),
            )
            for row in rows
        ]

    def outcomes(self, since: datetime) -> list[Told]:
        """Return what findings raised since then turned out to be, as far as people have said so."""
        f, c = schema.findings.c, schema.cases.c
        asked = (
            select(f.household, f.kind, f.severity, f.onset, c.outcome, c.outcome_reason, c.closed_at)
            .join(schema.cases, (c.realm == f.realm) & (c.id == f.case_id))
            .where(f.realm == "live", f.raised_at > since, f.label.is_not(None), c.outcome.is_not(None))
        )
        with database.reading(self._store.engine).connect() as conn:
            rows = conn.execute(asked).all()
        return [
            Told(row.household, row.kind, row.severity, row.onset.timestamp(), row.closed_at.timestamp(), meant)
            for row in rows
            if (meant := means(row.outcome, row.outcome_reason)) is not None
        ]


def _played() -> Select[tuple[str]]:
    """Return the homes that exist only for drills: detectors watch them like any other, their cases are in another realm."""
    h = schema.households.c
    return select(h.id).where(h.area.in_(realms.drill_areas()))


def _new(one: Raised) -> NewFinding:
    """Return a finding for the store, which decides of which realm it is."""
    finding = one.finding
    return NewFinding(
        id=one.id,
        realm="live",
        household=one.household,
        kind=finding.kind,
        severity=finding.severity,
        onset=datetime.fromtimestamp(finding.onset, UTC),
        raised_at=datetime.fromtimestamp(finding.raised_at, UTC),
        reason=finding.reason,
        evidence=dict(finding.evidence),
    )
