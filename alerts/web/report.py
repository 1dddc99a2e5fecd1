"""The operator's page of the monthly report, and the same as a workbook."""

from collections.abc import Sequence

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from alerts import queries
from alerts.report import Report
from alerts.report_rows import Month
from alerts.reports import Batteries, Reports, trail
from alerts.web.report_chart import Bar, bars
from alerts.web.report_lines import facts, heads, sections
from alerts.web.site import Refused, Visit, Visiting
from alerts.web.words import Words

router = APIRouter()
TRAIL = 6
"""How many months the charts show."""
LISTED = 24
"""How many months can be chosen from a list."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/c/report")
def page(visit: Visiting, month: str = "", fresh: str = "") -> Response:
    """The report of a month: the one that was kept, or worked out as known now; without a month the last one that is over."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    session = visit.must_be("operator")
    reports = visit.site.reports
    wanted = _month(visit, reports, month)
    found, is_kept = _found(visit, reports, wanted, fresh)
    last = trail(reports, wanted, TRAIL, visit.now, [found])
    with visit.site.looking() as conn:
        user = queries.name_of(conn, session.actor)
    return visit.page(
        "c_report",
        title=visit.words.t("page.month.title", month=wanted),
        user=user,
        tab="report",
        month=str(wanted),
        months=[str(Month.of(visit.now, visit.site.zone).later(-back)) for back in range(LISTED)],
        report=found,
        kept=is_kept,
        there=is_kept or reports.kept(wanted) is not None,
        facts=facts(found, visit.words, visit.site.zone),
        heads=heads(found, visit.words),
        sections=sections(found, visit.words),
        trail=[(one, _nothing(one), _accepted(one)) for one in last],
        charts=_charts(last, visit.words),
    )


@router.get("/c/report.xlsx")
def file(visit: Visiting, month: str = "", fresh: str = "") -> Response:
    """The same as a workbook."""
    from alerts.web.report_book import workbook  # noqa: PLC0415  openpyxl takes a tenth of a second, which each start saves

    visit.must_be("operator")
    reports = visit.site.reports
    wanted = _month(visit, reports, month)
    found, _ = _found(visit, reports, wanted, fresh)
    content = workbook(found, sections(found, visit.words), visit.words, visit.site.zone)
    return Response(content, media_type=XLSX, headers={"content-disposition": f'attachment; filename="{wanted}.xlsx"'})


def _month(visit: Visit, reports: Reports, text: str) -> Month:
    """Return the month that is asked for; by itself the last one that is over."""
    this = Month.of(visit.now, reports.zone)
    if not text:
        return reports.newest_over(visit.now) or this.later(-1)
    try:
        wanted = Month.read(text)
    except ValueError:
        raise Refused(400, "month") from None
    if wanted > this:
        raise Refused(400, "month")
    return wanted


def _found(visit: Visit, reports: Reports, month: Month, fresh: str) -> tuple[Report, bool]:
    """Return a report, and whether it is the kept one."""
    batteries = _batteries(visit)
    if fresh:
        return reports.made(month, visit.now, None, batteries), False
    return reports.of(month, visit.now, batteries)


def _batteries(visit: Visit) -> Batteries | None:
    meters = visit.meters()
    return None if meters is None else [(one.household, one.battery_percent) for one in meters]


def _nothing(report: Report) -> float | None:
    return report.total.a_month("nothing.all")


def _accepted(report: Report) -> float | None:
    median_s = report.total.spread("accepted.red").median_s
    return None if median_s is None else median_s / 60


def _charts(last: Sequence[Report], words: Words) -> list[tuple[str, Markup]]:
    """Return the charts with their titles."""
    unknown = words.t("page.month.trail.unknown")
    intended = last[-1].intended
    drawn = (
        ("nothing", _nothing, ".2f", None if intended is None else intended.a_month),
        ("accepted", _accepted, ".0f", None),
    )
    found = []
    for name, value, form, line in drawn:
        title = words.t(f"page.month.trail.{name}")
        months = [Bar(one.month[2:], value(one), f"{value(one) or 0:{form}}") for one in last]
        found.append((title, bars(title, months, line, unknown)))
    return found
