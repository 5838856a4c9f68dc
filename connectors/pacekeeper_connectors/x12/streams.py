"""What the X12 connector lands. Names, addresses, diagnoses, notes and account numbers never do."""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper.columns import Area, BirthYear, Code, Column, Date, Decimal, Instant, Integer, Key, MatchKey, Ref
from pacekeeper.stream import Keep, Stream
from pacekeeper.x12 import READ_KINDS

#: Kind of a set that is not read.
NOT_READ = "not_read"

_SHORT = 8
_PROCEDURE = Code(path="procedure", max_length=16, description="CPT or HCPCS code.")


def _elements(name: str, parent: str, explode: str, columns: Mapping[str, Column], description: str) -> Stream:
    return Stream(name, columns, child_of=parent, explode=explode, description=description)


TRANSACTION = Stream(
    "transaction",
    {
        "id": Key("x12_transaction", description="Sender and control numbers of interchange, group and set."),
        "kind": Code(max_length=_SHORT),
        "version": Code(max_length=16),
        "sent_on": Date(description="Date of the functional group, as the sender gives it."),
        "segments": Integer(),
    },
    keep=Keep(path="kind", values=frozenset(READ_KINDS), reason=NOT_READ),
    description="transaction sets, ST to SE; what could not be read is rejected here",
)

PROVIDER = Stream(
    "provider",
    {"npi": Key("clinician", description="A clinician, known by NPI alone."), "npi_match": MatchKey("npi", path="npi")},
    description="people with an NPI who rendered or billed a claim (NM1*82, NM1*85)",
)

PATIENT = Stream(
    "patient",
    {
        "id": Key("client", description="Member number; of a dependent with birth date and given name."),
        "member": MatchKey("member", description="Subscribers only: dependents share the number."),
        "birth_year": BirthYear(path="birth_date"),
        "area_code": Area(path="postal_code"),
    },
    description="subscribers and dependents of claims (837P loops 2010BA, 2010CA)",
)

CLAIM = Stream(
    "claim",
    {
        "id": Key("claim_submission"),
        "claim": Ref("claim", required=True, description="The practice's own number (CLM01)."),
        "client": Ref("client"),
        "clinician": Ref("clinician", description="Rendering; the billing provider where that is a person."),
        "billing_clinician": Ref("clinician"),
        "filing": Code(max_length=_SHORT, description="SBR09."),
        "frequency": Code(max_length=_SHORT, description="CLM05-3."),
        "place": Code(max_length=_SHORT, description="CLM05-1."),
        "charge": Decimal(required=True),
        "original_payer_claim": Ref("payer_claim", description="REF*F8."),
        "position": Integer(description="Position in its set."),
        "submitted_on": Date(description="BHT04."),
        "submitted_at": Instant(description="BHT04 and BHT05, where the source has a default_tz."),
        "service_from": Date(),
        "service_to": Date(),
    },
    description="claims as submitted (837P CLM); a claim that is sent again is another record",
)

CLAIM_LINE = _elements(
    "claim_line",
    "claim",
    "lines",
    {
        "line_no": Integer(),
        "procedure": _PROCEDURE,
        "charge": Decimal(required=True),
        "unit": Code(max_length=_SHORT),
        "units": Decimal(),
        "place": Code(max_length=_SHORT),
        "clinician": Ref("clinician"),
        "service_from": Date(),
        "service_to": Date(),
    },
    "service lines of claims (837P SV1)",
)

CLAIM_LINE_MODIFIER = _elements(
    "claim_line_modifier",
    "claim_line",
    "modifiers",
    {"position": Integer(), "code": Code(max_length=_SHORT)},
    "procedure modifiers of service lines",
)

REMIT = Stream(
    "remit",
    {
        "id": Key("remit"),
        "amount": Decimal(required=True, description="BPR02, negative for a debit."),
        "method": Code(max_length=_SHORT, description="BPR04."),
        "paid_on": Date(description="BPR16; DTM*405 without it."),
        "claims": Integer(),
        "paid_total": Decimal(required=True, description="Sum of CLP04."),
        "adjusted_total": Decimal(required=True, description="Sum of PLB amounts."),
    },
    description="remittances (one 835 each)",
)

REMIT_PROVIDER_ADJUSTMENT = _elements(
    "remit_provider_adjustment",
    "remit",
    "adjustments",
    {"reason": Code(max_length=_SHORT, required=True), "amount": Decimal(required=True)},
    "adjustments that belong to no claim (835 PLB)",
)

CLAIM_PAYMENT = Stream(
    "claim_payment",
    {
        "id": Key("claim_payment"),
        "remit": Ref("remit", required=True),
        "claim": Ref("claim", required=True, description="CLP01."),
        "payer_claim": Ref("payer_claim", description="CLP07."),
        "client": Ref("client", path="member", description="The patient, where nobody else is the insured."),
        "member": MatchKey("member"),
        "clinician": Ref("clinician"),
        "status": Code(max_length=_SHORT, description="CLP02."),
        "filing": Code(max_length=_SHORT, description="CLP06."),
        "charge": Decimal(required=True),
        "paid": Decimal(required=True),
        "patient_responsibility": Decimal(),
        "service_from": Date(),
        "service_to": Date(),
    },
    description="claims as processed by a payer (835 CLP)",
)

_ADJUSTMENT: Mapping[str, Column] = {
    "group": Code(max_length=_SHORT, required=True),
    "reason": Code(max_length=_SHORT, required=True),
    "amount": Decimal(required=True),
    "quantity": Decimal(),
}

CLAIM_ADJUSTMENT = _elements(
    "claim_adjustment", "claim_payment", "adjustments", _ADJUSTMENT, "adjustments of whole claims (835 CAS)"
)

CLAIM_PAYMENT_LINE = _elements(
    "claim_payment_line",
    "claim_payment",
    "lines",
    {
        "line_no": Integer(),
        "procedure": _PROCEDURE,
        "charge": Decimal(required=True),
        "paid": Decimal(required=True),
        "units": Decimal(),
        "allowed": Decimal(description="AMT*B6."),
        "service_date": Date(),
        "control": Ref("claim_line", description="REF*6R."),
    },
    "service lines as processed (835 SVC)",
)

LINE_ADJUSTMENT = _elements(
    "line_adjustment", "claim_payment_line", "adjustments", _ADJUSTMENT, "adjustments of lines (835 CAS)"
)

CLAIM_STATUS = Stream(
    "claim_status",
    {
        "id": Key("claim_status"),
        "claim": Ref("claim", description="TRN02; null in statuses of a whole batch."),
        "level": Code(max_length=_SHORT, required=True, description="batch, claim or line"),
        "category": Code(max_length=_SHORT, description="STC01-1."),
        "status": Code(max_length=_SHORT, description="STC01-2."),
        "said_on": Date(description="STC02."),
    },
    description="acknowledgements (277CA STC)",
)

STREAMS = (
    TRANSACTION,
    PROVIDER,
    PATIENT,
    CLAIM,
    CLAIM_LINE,
    CLAIM_LINE_MODIFIER,
    REMIT,
    REMIT_PROVIDER_ADJUSTMENT,
    CLAIM_PAYMENT,
    CLAIM_ADJUSTMENT,
    CLAIM_PAYMENT_LINE,
    LINE_ADJUSTMENT,
    CLAIM_STATUS,
)
