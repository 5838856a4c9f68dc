"""The streams every survey system lands: sheets of clients, sheets of staff."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper.columns import Boolean, Code, Column, Date, Decimal, Instant, Integer, Key, MatchKey, Ref
from pacekeeper.stream import Keep, Stream

#: A sheet is wanted when it has been filled in; what else there is of it is counted only.
FILLED = Keep(path="state", values=frozenset({"filled"}), reason="form_not_filled")
#: A staff sheet lands when its week is over: the night it landed in would else tell the day.
WEEK_OVER = Keep(path="state", values=frozenset({"filled"}), reason="week_not_over_or_not_filled")
_LABEL = r"[A-Za-z0-9_]+"
#: A field or heading of the mapping file: `exhausted`, `barrier___2`, `EX[SQ001]`.
_ITEM = r"[A-Za-z0-9][A-Za-z0-9_.\[\]-]*"


def client_streams(domain: str, *, incremental: bool = False) -> tuple[Stream, ...]:
    """Streams of client measures. domain: of the client identifier; incremental: the source is asked for changes."""
    columns: dict[str, Column] = {
        "id": Key("measure_response", description="Survey, record, event, form and instance together."),
        "client": Ref("client"),
        "measure": Code(required=True, max_length=80, pattern=_LABEL, description="Measure in the mapping file."),
        "instrument": Code(required=True, max_length=8),
        "administered_at": Instant(description="Survey time stamp, else the day in the date field."),
        "completed_at": Instant(description="Survey time stamp. Null: entered by staff, or not submitted."),
        "is_submitted": Boolean(description="Null: the form is no survey."),
        "respondent": Code(max_length=32, description="Answer code, or the canonical value."),
        "total": Decimal(description="As the system states it."),
    }
    cursor = None
    if incremental:
        cursor = "read_at"
        columns[cursor] = Instant(description="When it was read last; the records carry no time of change.")
    return (
        Stream(
            "response",
            columns,
            cursor=cursor,
            lag=timedelta(days=2) if incremental else timedelta(),
            deletes="key_diff",
            keep=FILLED,
            description="One row per form that a client, or somebody for one, filled in.",
        ),
        Stream(
            "answer",
            {"item_no": Integer(required=True), "answer": Code(required=True, max_length=32)},
            child_of="response",
            explode="answers",
            description="One row per answered item.",
        ),
        Stream(
            "client",
            {"id": Key("client"), "match_key": MatchKey(domain, path="id")}
            | ({cursor: columns[cursor]} if cursor else {}),
            cursor=cursor,
            lag=timedelta(days=2) if incremental else timedelta(),
            deletes="key_diff",
            description="One row per client identifier that occurs on a form.",
        ),
    )


def staff_streams() -> tuple[Stream, ...]:
    """Streams of staff surveys: no reference to a person, no time finer than a week."""
    return (
        Stream(
            "staff_sheet",
            {
                "id": Key("staff_sheet"),
                "survey": Code(required=True, max_length=80, pattern=_LABEL, description="Survey in the mapping file."),
                "wave": Ref("survey_wave"),
                "team": Ref("survey_team"),
                "instrument": Code(required=True, max_length=41),
                "week": Date(description="Monday of the week it was handed in, made before anything landed."),
            },
            deletes="key_diff",
            keep=WEEK_OVER,
            description="One row per anonymous answer sheet of a week that is over.",
        ),
        Stream(
            "staff_answer",
            {"item": Code(required=True, pattern=_ITEM), "answer": Code(required=True, max_length=32)},
            child_of="staff_sheet",
            explode="answers",
            description="One row per answered item.",
        ),
        Stream(
            "staff_wave",
            {
                "id": Key("staff_wave_team"),
                "wave": Ref("survey_wave", required=True),
                "team": Ref("survey_team", required=True),
                "invited": Integer(required=True),
                "opens_on": Date(required=True),
                "closes_on": Date(required=True),
            },
            deletes="key_diff",
            description="One row per wave and team, from the mapping file.",
        ),
    )
