"""Measure_response and measure_item from QuestionnaireResponses.

One form may hold several instruments; each is a response of its own. Value map `questionnaire_item` says which item of
which instrument a `linkId` is: its last path segment by itself, or behind the questionnaire's name (`intake#q3`), which
comes first. Out of the box it knows items that carry their LOINC code.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.connector import MappingFunction
from pacekeeper.expr import RawTables, Table, Value, literal, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.loinc import INSTRUMENTS, LoincInstrument

_HIGHEST_ANSWER = 3


def _response_of(instrument: LoincInstrument) -> MappingFunction:
    def measure_response(raw: RawTables) -> Table:
        answers = _answers(raw)
        answers = answers.filter(answers.instrument == instrument.code)
        sums = answers.group_by(form_key="form").agg(
            parts=answers.count(),
            answered=answers.item_no.nunique(where=answers.is_answer),
            item_rows=answers.count(where=answers.item_no.notnull()),
            item_sum=answers.value.sum(where=answers.is_answer),
            stated=answers.value.max(where=answers.item_no.isnull()),
        )
        t = _forms(raw).left_join(sums, "form_key")
        items = literal(len(instrument.items) or None, "int64")
        is_summed = (t.answered == items) & (t.item_rows == items)
        t = t.mutate(total=is_summed.ifelse(t.item_sum, t.stated))
        return t.select(
            response_key=_response_key(t.form_key, literal(instrument.code)),
            client_key=t.subject,
            episode_key=t.form_episode,
            session_key=t.form_session,
            instrument=literal(instrument.code),
            administered_at=t.authored,
            completed_at=t.authored,
            respondent=expr.cases(
                (t.source_client == t.subject, "self"), (t.is_by_clinician, "clinician"), else_="unknown"
            ),
            total=t.total,
            source_total=t.stated,
            items_missing=items - t.answered,
            status=t.total.notnull().ifelse("complete", "partial"),
            scoring_version=literal(instrument.scoring_version),
            out_of_scope=reason(
                (t.state.isin(["not_final", "entered_in_error"]), t.state),
                (t.parts.isnull(), f"no_{instrument.code}"),
            ),
        )

    return measure_response


def _items_of(stream: str) -> MappingFunction:
    def measure_item(raw: RawTables) -> Table:
        answers = _answers(raw)
        answers = answers.filter(answers.stream == stream)
        states = _forms(raw).select("form_key", "state")
        t = answers.left_join(states, answers.form == states.form_key)
        return t.select(
            response_key=_response_key(t.form, t.instrument),
            item_no=t.item_no,
            value=t.value,
            out_of_scope=reason(
                (t.state.isin(["not_final", "entered_in_error"]), t.state),
                (t.instrument == "unknown", "no_item_of_a_measure"),
                (t.item_no.isnull(), "total"),
            ),
        )

    return measure_item


for _instrument in INSTRUMENTS:
    Fhir.maps("measure_response", of="questionnaire_response")(_response_of(_instrument))
for _stream in ("questionnaire_item", "questionnaire_subitem"):
    Fhir.maps("measure_item", of=_stream)(_items_of(_stream))


def _response_key(form: Value, instrument: Value) -> Value:
    """Key of an instrument within a form, made from the form's keyed hash."""
    return (form + literal("#") + instrument).hexdigest("md5")


def _forms(raw: RawTables) -> Table:
    """One row per form: form_key, state, and the session and episode of its encounter."""
    t = raw.questionnaire_response
    encounters = raw.encounter.select(encounter_id="id", encounter_whole="part_of", form_episode="episode")
    t = t.left_join(encounters, t.encounter == encounters.encounter_id)
    return t.mutate(
        form_key=t.id,
        form_session=t.encounter_whole.coalesce(t.encounter),
        is_by_clinician=t.source_clinician.notnull() | t.source_clinician_match.notnull(),
        state=raw.value_map("questionnaire_status", t.status),
    )


def _answers(raw: RawTables) -> Table:
    """One row per item at either level: stream, form, instrument (or unknown), item_no (null: a total), value."""
    top = raw.questionnaire_item
    below = raw.questionnaire_subitem
    parents = top.select(item_key="row_key", form="parent_key")
    below = below.inner_join(parents, below.parent_key == parents.item_key)
    names = ("row_key", "form", "link", "answer_integer", "answer_decimal", "answer_ordinal", "answer_code")
    t = expr.union(
        top.mutate(form=top.parent_key).select(*names).mutate(stream=literal("questionnaire_item")),
        below.select(*names).mutate(stream=literal("questionnaire_subitem")),
    )
    forms = raw.questionnaire_response.select(form_id="id", questionnaire="questionnaire")
    t = t.left_join(forms, t.form == forms.form_id)
    link = t.link.re_replace("^.*/", "")
    form_name = t.questionnaire.re_replace("[|].*$", "").re_replace("^.*[/:]", "")
    by_form = raw.value_map("questionnaire_item", form_name + literal("#") + link)
    place = (by_form == "unknown").ifelse(raw.value_map("questionnaire_item", link), by_form)
    numbers = [t[name].cast("float64") for name in ("answer_integer", "answer_decimal", "answer_ordinal")]
    value = expr.coalesce(*numbers, raw.value_map("measure_answer", t.answer_code).try_cast("float64"))
    t = t.mutate(
        instrument=place.re_replace(":.*$", ""),
        item_no=place.re_replace("^.*:", "").try_cast("int64"),
        value=value,
    )
    is_answer = (t.value >= 0) & (t.value <= _HIGHEST_ANSWER) & (t.value == t.value.floor())
    return t.mutate(is_answer=t.item_no.notnull() & is_answer)
