"""The contract, made from the measure registry: marts become views, and summaries over clinicians are added."""

from __future__ import annotations

from collections.abc import Iterable

from pacekeeper.bi.access import shipped_access
from pacekeeper.bi.label import column_labels, table_label
from pacekeeper.bi.view import BiColumn, BiContract, BiView, Source
from pacekeeper.engine.readers import GUARDRAIL_COLUMN
from pacekeeper.measures.completeness import COMPLETENESS_DESCRIPTION, COMPLETENESS_TABLE
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.publication import PUBLICATION_ABOUT, PUBLICATION_COLUMNS

#: What a row for BI may name, beside the clinician it is about. Whatever else has a key may be a client.
_NO_CLIENT = frozenset({"clinician_key", "level_key", "subject_key", "team_key", "wave_key", "experiment_key"})
#: Kinds of subjects whose verdicts are counted, and shown in no other way.
CLIENT_KINDS = ("client", "alert")
PERSON_LABEL = "person_label"
_TOPIC = MartColumn("topic", "text", "", "What the row is about; decides who reads it.")


def bi_contract(marts: Iterable[Mart], guardrails: Iterable[Guardrail] = ()) -> BiContract:
    """Every view for BI. Marts that are restricted, or have rows about clients, have none."""
    access = shipped_access()
    shown = [mart for mart in marts if not mart.restricted and not may_name_clients(mart)]
    return BiContract(
        views=(*_OF_THE_NIGHT, *map(_mart_view, shown), *_SUMMARIES),
        guardrail_topics={rail.id: access.topic_of(rail.mart) for rail in guardrails},
    )


def may_name_clients(mart: Mart) -> bool:
    """Whether rows of a mart have keys that may be a client's, or lead to one."""
    return any(column.name.endswith("_key") and column.name not in _NO_CLIENT for column in mart.columns)


def _mart_view(mart: Mart) -> BiView:
    names = {column.name for column in mart.columns}
    mixed = shipped_access().mixed.get(mart.name)
    person = mixed.person if mixed else "clinician_key" if "clinician_key" in names else None
    judged = GUARDRAIL_COLUMN in names
    return BiView(
        name=mart.name,
        label=table_label(mart.name),
        description=mart.description,
        grain=mart.grain,
        primary_key=mart.primary_key,
        columns=bi_columns((*mart.columns, _TOPIC) if judged else mart.columns, mart.primary_key),
        topic=None if judged else shipped_access().topic_of(mart.name),
        person=person,
        nobody=mixed.nobody if mixed else None,
    )


def bi_columns(columns: Iterable[MartColumn], primary_key: tuple[str, ...]) -> tuple[BiColumn, ...]:
    """The same with labels; only what is no part of the key may be null."""
    found = list(columns)
    labels = column_labels({column.name: column.unit for column in found})
    return tuple(
        BiColumn(
            name=column.name,
            label=labels[column.name],
            type=column.type,
            unit=column.unit,
            description=column.description,
            is_nullable=column.name not in primary_key,
        )
        for column in found
    )


def _view(
    name: str,
    description: str,
    grain: str,
    primary_key: tuple[str, ...],
    columns: tuple[MartColumn, ...],
    *,
    topic: str | None,
    source: Source = "mart",
    person: str | None = None,
) -> BiView:
    return BiView(
        name=name,
        label=table_label(name),
        description=description,
        grain=grain,
        primary_key=primary_key,
        columns=bi_columns(columns, primary_key),
        topic=topic,
        source=source,
        person=person,
    )


_OF_THE_NIGHT = (
    _view(
        "publication",
        PUBLICATION_ABOUT,
        "one row per published night",
        ("as_of",),
        PUBLICATION_COLUMNS,
        topic="data",
    ),
    _view(
        COMPLETENESS_TABLE,
        COMPLETENESS_DESCRIPTION,
        "one row per configured source and entity",
        ("source", "entity"),
        (
            MartColumn("source", "text", "", "Source of the settings."),
            MartColumn("entity", "text", "", "Canonical entity."),
            MartColumn("complete_through", "instant", "UTC", "End of what was read. Null: nothing ever was."),
            MartColumn("ever_read", "flag", "", "Whether it was ever read."),
        ),
        topic="data",
    ),
)
_FEW = "Null: too few clinicians have a value (see is_suppressed)."
_SUMMARIES = (
    _view(
        "practice_measure",
        "Every measure of clinicians, over the clinicians of the practice.",
        "one row per mart, measure, period and dimension",
        ("mart", "measure", "period", "dimension"),
        (
            MartColumn("mart", "text", "", "View for BI that has the measure by clinician."),
            MartColumn("measure", "text", "", "Column of that view."),
            MartColumn("measure_label", "text", "", "What it is called on a page."),
            MartColumn("unit", "text", "", "Unit of all statistics of the row."),
            _TOPIC,
            MartColumn("period", "date", "", "First local day of the week, month or quarter."),
            MartColumn("period_kind", "text", "", "week, month or quarter."),
            MartColumn(
                "dimension",
                "text",
                "",
                "What else the mart tells apart, such as an instrument.",
            ),
            MartColumn("clinicians_n", "count", "clinicians", "Clinicians with a value."),
            MartColumn("unknown_n", "count", "clinicians", "Clinicians with a row and no value; that is not zero."),
            MartColumn("is_suppressed", "flag", "", "Whether statistics are left out: too few clinicians."),
            MartColumn(
                "mean",
                "number",
                "see unit",
                f"Mean of clinicians, each counting once; times clinicians_n it is their sum. {_FEW}",
            ),
            MartColumn("quartile_low", "number", "see unit", f"A quarter of clinicians lies below. {_FEW}"),
            MartColumn("median", "number", "see unit", f"Half of clinicians lie below. {_FEW}"),
            MartColumn("quartile_high", "number", "see unit", f"A quarter of clinicians lies above. {_FEW}"),
        ),
        topic=None,
        source="practice_measure",
    ),
    _view(
        "verdict_count",
        "How many subjects have which verdict: counts, and nobody's key.",
        "one row per guardrail, kind of subject, period, state and reason",
        ("guardrail_id", "subject_kind", "period", "state", "reason"),
        (
            MartColumn("guardrail_id", "text", "", "Guardrail of the policy."),
            _TOPIC,
            MartColumn("subject_kind", "text", "", "What is judged: clinician, client, practice and so on."),
            MartColumn("period", "text", "", "Period as in guardrail_result."),
            MartColumn("period_on", "date", "", "Its first local day. Null: it is no day."),
            MartColumn("state", "text", "", "pass, warn, breach, unknown or exempt."),
            MartColumn("reason", "text", "", "Why; empty: pass."),
            MartColumn("subjects_n", "count", "subjects", "Subjects. Null: of clients, fewer than may be shown."),
            MartColumn("is_suppressed", "flag", "", "Whether a small number of clients is left out."),
        ),
        topic=None,
        source="verdict_count",
    ),
    _view(
        PERSON_LABEL,
        "Names of clinicians from the directory file, where the settings ask for them, for who sees their rows.",
        "one row per clinician whom the directory names",
        ("clinician_key",),
        (
            MartColumn("clinician_key", "text", "", "Key as in all other views."),
            MartColumn("name", "text", "", "Name in the directory file."),
        ),
        topic="workload",
        source="person_label",
        person="clinician_key",
    ),
)
