"""What is landed of measuring instruments: Observations by LOINC code, and QuestionnaireResponses."""

from __future__ import annotations

from pacekeeper.columns import Code, Decimal, Instant, Key, Ref
from pacekeeper.stream import Keep
from pacekeeper_connectors.fhir.declare import LOINC, URI, client, clinician, elements, resource, session
from pacekeeper_connectors.loinc import INSTRUMENTS

_OBSERVATION = {"Observation": "observation"}
_ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
_LINK = Code(path="linkId", max_length=120, pattern=r"[A-Za-z0-9/][A-Za-z0-9/._:#-]*")

MEASURE_OBSERVATION = resource(
    "measure_observation",
    "Observation",
    {
        "id": Key("observation"),
        "status": Code(),
        "code": Code(path=f"code.coding[system={LOINC}].code"),
        "subject": client("subject.reference"),
        "performer": client("performer[0].reference"),
        "encounter": session("encounter.reference"),
        "effective_at": Instant(path="effectiveDateTime"),
        "period_start": Instant(path="effectivePeriod.start"),
        "issued": Instant(),
        "value_integer": Decimal(path="valueInteger"),
        "value_quantity": Decimal(path="valueQuantity.value"),
        "value_text": Decimal(path="valueString", description="A number sent as text."),
        "value_code": Code(path=f"valueCodeableConcept.coding[system={LOINC}].code"),
        "derived_from": Ref("observation", path="derivedFrom[0].reference", by_type=_OBSERVATION),
        "derived_from_form": Ref(
            "questionnaire_response",
            path="derivedFrom[0].reference",
            by_type={"QuestionnaireResponse": "questionnaire_response"},
        ),
    },
    keep=Keep(
        path=f"code.coding[system={LOINC}].code",
        values=frozenset(code for instrument in INSTRUMENTS for code in instrument.codes),
        reason="not_a_measure",
    ),
)

MEASURE_PANEL_MEMBER = elements(
    "measure_panel_member",
    "measure_observation",
    "hasMember",
    {"member": Ref("observation", path="reference", by_type=_OBSERVATION)},
)

QUESTIONNAIRE_RESPONSE = resource(
    "questionnaire_response",
    "QuestionnaireResponse",
    {
        "id": Key("questionnaire_response"),
        "status": Code(),
        "questionnaire": Code(max_length=255, pattern=URI),
        "subject": client("subject.reference"),
        "source_client": client("source.reference"),
        "source_clinician": clinician("source.reference"),
        "encounter": session("encounter.reference"),
        "authored": Instant(),
    },
)

_ANSWER = {
    "link": _LINK,
    "answer_integer": Decimal(path="answer[0].valueInteger"),
    "answer_decimal": Decimal(path="answer[0].valueDecimal"),
    "answer_ordinal": Decimal(path=f"answer[0].valueCoding.extension[url={_ORDINAL}].valueDecimal"),
    "answer_code": Code(path="answer[0].valueCoding.code"),
}
QUESTIONNAIRE_ITEM = elements("questionnaire_item", "questionnaire_response", "item", dict(_ANSWER))
QUESTIONNAIRE_SUBITEM = elements("questionnaire_subitem", "questionnaire_item", "item", dict(_ANSWER))

MEASURE_STREAMS = (
    MEASURE_OBSERVATION,
    MEASURE_PANEL_MEMBER,
    QUESTIONNAIRE_RESPONSE,
    QUESTIONNAIRE_ITEM,
    QUESTIONNAIRE_SUBITEM,
)
