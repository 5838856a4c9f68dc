"""Tables of reports: who was handed what. Never what it says."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from pacekeeper.ops.tables import UtcDateTime


class ReportHandover(SQLModel, table=True):
    """One row per kind of report, month and recipient: the practice's own record beside canonical `report_delivery`.

    kind: own_data, outcomes, wellbeing, caseload or finance, as there; `team` = a supervisor's page. period_month:
    first day of the month; of a quarter, its last month. recipient: id in the directory file; empty = an owner whom it
    does not name. clinician_key: of who got own_data. delivered_at: when it was first written for them. as_of: of the
    night that the page now shows; content: hash of the page.
    """

    delivery_key: str = Field(primary_key=True)
    kind: str
    period_month: date
    recipient: str
    clinician_key: str | None = None
    delivered_at: datetime = Field(sa_type=UtcDateTime)
    as_of: datetime = Field(sa_type=UtcDateTime)
    content: str
