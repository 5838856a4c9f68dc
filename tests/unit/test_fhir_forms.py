"""GAD-7, EPDS, QuestionnaireResponses, client identifiers and merged records, by examples checked by eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from tests.raw_bench import RawBench, context, key, match

from pacekeeper.fhir import FhirSettings
from pacekeeper.stream import Page
from pacekeeper_connectors.fhir import Fhir

LOINC = "http://loinc.org"
GAD7_ITEMS = ("69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7")
PHQ9_ITEMS = ("44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8")
ANSWERS = ("LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9")
Resource = dict[str, Any]


@pytest.fixture
def ehr() -> RawBench:
    return RawBench(Fhir(FhirSettings(base_url="https://ehr.example/fhir"), context()))


def observation(identity: str, code: str, value: int, **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-05T15:00:00Z",
        "valueInteger": value,
        **more,
    }


def form(identity: str = "q1", *items: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": identity,
        "status": "completed",
        "questionnaire": "https://practice.example/Questionnaire/intake|2",
        "subject": {"reference": "Patient/p1"},
        "source": {"reference": "Patient/p1"},
        "authored": "2026-01-05T15:00:00Z",
        "item": list(items),
        **more,
    }


def answer(link: str, **value: Any) -> Resource:
    return {"linkId": link, "answer": [value]}


def chosen(link: str, score: int) -> Resource:
    return answer(link, valueCoding={"system": LOINC, "code": ANSWERS[score]})


def read(ehr: RawBench, stream: str, *resources: Resource) -> None:
    ehr.read([Page(stream, [resource]) for resource in resources])


def scores(ehr: RawBench) -> list[tuple[object, ...]]:
    """Instrument, total, stated total, items missing and status of what counts."""
    names = ("instrument", "total", "source_total", "items_missing", "status")
    return sorted((tuple(row.get(name) for name in names) for row in ehr.wanted("measure_response")), key=str)


def test_gad7_is_summed_from_its_seven_items(ehr: RawBench) -> None:
    items = [
        observation(f"i{n}", code, 2, derivedFrom=[{"reference": "Observation/t"}]) for n, code in enumerate(GAD7_ITEMS)
    ]
    read(ehr, "measure_observation", observation("t", "70274-6", 13), *items)
    assert scores(ehr) == [("gad7", 14.0, 13.0, 0, "complete")]


def test_epds_is_taken_as_stated_under_either_code_and_counted_once(ehr: RawBench) -> None:
    panel = observation("p", "71354-5", 11, hasMember=[{"reference": "Observation/t"}])
    read(ehr, "measure_observation", observation("alone", "71354-5", 9), panel, observation("t", "99046-5", 11))
    assert scores(ehr) == [("epds", 11.0, 11.0, None, "complete"), ("epds", 9.0, 9.0, None, "complete")]


def test_items_at_one_moment_go_to_the_total_of_their_own_instrument(ehr: RawBench) -> None:
    items = [observation(f"g{n}", code, 1) for n, code in enumerate(GAD7_ITEMS)]
    items += [observation(f"p{n}", code, 2) for n, code in enumerate(PHQ9_ITEMS)]
    totals = (observation("tg", "70274-6", 7), observation("tp", "44261-6", 18))
    read(ehr, "measure_observation", *totals, *items)
    assert [row[:2] for row in scores(ehr)] == [("gad7", 7.0), ("phq9", 18.0)]


def test_one_form_with_two_instruments_is_two_responses(ehr: RawBench) -> None:
    group = {"linkId": "anxiety", "item": [chosen(f"/{code}", 1) for code in GAD7_ITEMS]}
    flat = [chosen(f"/44249-1/{code}", 3) for code in PHQ9_ITEMS]
    read(ehr, "questionnaire_response", form("q1", group, *flat, answer("/44261-6", valueInteger=26)))
    assert scores(ehr) == [("gad7", 7.0, None, 0, "complete"), ("phq9", 27.0, 26.0, 0, "complete")]
    counted = ehr.wanted("measure_response")
    assert len({row["response_key"] for row in counted}) == 2
    assert {(row["respondent"], row["client_key"]) for row in counted} == {("self", key("client", "p1"))}
    items = ehr.wanted("measure_item")
    assert sorted(row["item_no"] for row in items) == sorted([*range(1, 8), *range(1, 10)])
    assert {row["response_key"] for row in items} == {row["response_key"] for row in counted}


def test_answers_may_be_numbers_or_carry_their_score_beside(ehr: RawBench) -> None:
    ordinal = {"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 3}
    items = [
        answer(GAD7_ITEMS[0], valueInteger=1),
        answer(GAD7_ITEMS[1], valueDecimal=2),
        answer(GAD7_ITEMS[2], valueCoding={"code": "nearly-daily", "extension": [ordinal]}),
        answer(GAD7_ITEMS[3], valueCoding={"code": "whatever"}),
    ]
    read(ehr, "questionnaire_response", form("q1", *items))
    assert scores(ehr) == [("gad7", None, None, 4, "partial")]


class Site(Fhir):
    """A practice whose intake form has item names of its own."""

    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **Fhir.value_maps,
        "questionnaire_item": {"intake#mood": "phq9:1", "mood": "gad7:1"},
    }


def test_a_site_names_its_own_items_by_questionnaire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.raw_bench._COMPILED", {})
    site = RawBench(Site(FhirSettings(base_url="https://ehr.example/fhir"), context()))
    read(site, "questionnaire_response", form("q1", answer("mood", valueInteger=2)))
    assert [row[0] for row in scores(site)] == ["phq9"]
    other = form("q2", answer("mood", valueInteger=2), questionnaire="https://practice.example/Questionnaire/other")
    read(site, "questionnaire_response", other)
    assert [row[0] for row in scores(site)] == ["gad7", "phq9"]


@pytest.mark.parametrize(
    ("status", "why"),
    [("in-progress", "not_final"), ("stopped", "not_final"), ("entered-in-error", "entered_in_error")],
)
def test_a_form_that_is_not_final_counts_for_nothing(ehr: RawBench, status: str, why: str) -> None:
    read(ehr, "questionnaire_response", form("q1", chosen(GAD7_ITEMS[0], 1), status=status))
    assert scores(ehr) == []
    assert ehr.reasons("measure_item") == [why]


def test_an_observation_derived_from_a_form_that_is_here_is_not_counted_again(ehr: RawBench) -> None:
    derived = {"derivedFrom": [{"reference": "QuestionnaireResponse/q1"}]}
    read(ehr, "questionnaire_response", form("q1", *(chosen(code, 1) for code in GAD7_ITEMS)))
    read(ehr, "measure_observation", observation("t", "70274-6", 7, **derived))
    assert scores(ehr) == [("gad7", 7.0, None, 0, "complete")]
    read(
        ehr,
        "measure_observation",
        observation("t2", "70274-6", 5, derivedFrom=[{"reference": "QuestionnaireResponse/x"}]),
    )
    assert [row[1] for row in scores(ehr)] == [5.0, 7.0]


def patient(identity: str, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": identity, **more}


def test_numbers_of_known_kinds_become_identifiers_and_others_do_not(ehr: RawBench) -> None:
    numbers = [
        {"type": {"coding": [{"code": "MR"}]}, "value": "00 12"},
        {"type": {"coding": [{"code": "MR"}]}, "value": "0012"},
        {"type": {"coding": [{"code": "MB"}]}, "value": "W1"},
        {"type": {"coding": [{"code": "SS"}]}, "value": "999-00-1111"},
        {"value": "unlabelled"},
    ]
    read(ehr, "patient", patient("p1", identifier=numbers, telecom=[{"system": "email", "value": "A@example.org"}]))
    rows = ehr.wanted("client_identifier")
    found = {(row["domain"], row["match_key"]) for row in rows}
    assert found == {
        ("mrn", match("mrn", "0012")),
        ("member", match("member", "w1")),
        ("email", match("email", "a@example.org")),
    }


def test_a_merge_said_from_both_sides_is_one_merge(ehr: RawBench) -> None:
    gone = patient("old", link=[{"type": "replaced-by", "other": {"reference": "Patient/new"}}])
    kept = patient(
        "new",
        link=[
            {"type": "replaces", "other": {"reference": "Patient/old"}},
            {"type": "replaces", "other": {"reference": "Patient/older"}},
            {"type": "seealso", "other": {"reference": "Patient/friend"}},
        ],
    )
    read(ehr, "patient", gone, kept)
    rows = ehr.wanted("key_merge")
    assert {(row["from_key"], row["into_key"]) for row in rows} == {
        (key("client", "old"), key("client", "new")),
        (key("client", "older"), key("client", "new")),
    }
    assert len(rows) == 2
