"""What lands of a GNU Health, and the models it comes from. No name, no address, no reason for a visit."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper import BirthYear, Boolean, Code, Column, Instant, Key, MatchKey, Ref, Stream

from pacekeeper_gnuhealth.rpc import Model

#: GNU Health's own codes (selections) are lower case.
_WORD = r"[a-z][a-z0-9_]{0,29}"
_OWN = ("write_date", "create_date")
#: The person behind a patient: what is known of people stands there, e-mail addresses in records of their own.
_PERSON = ("party.write_date",)
_MAIL = ("party.contact_mechanisms.write_date", "party.contact_mechanisms.create_date")


def _word(*, path: str | None = None, required: bool = False) -> Code:
    return Code(pattern=_WORD, max_length=30, path=path, required=required)


def _changing(name: str, columns: dict[str, Column]) -> Stream:
    """A stream that is asked for changes."""
    changed_at = Instant(
        path="write_date", description="Last change; of a record never changed, when it was made. Also of its person."
    )
    return Stream(
        name,
        {**columns, "changed_at": changed_at},
        cursor="changed_at",
        lag=timedelta(minutes=10),
        deletes="key_diff",
    )


INSTITUTION = Stream(
    "institution",
    {"id": Key("location"), "kind": _word(path="institution_type")},
    deletes="key_diff",
)
# Read whole: a specialty, which is a record of its own, can change without a trace on the professional.
PROFESSIONAL = Stream(
    "professional",
    {
        "id": Key("clinician"),
        "institution": Ref("location"),
        "specialty": Code(path="main_specialty.specialty.code", max_length=30),
        "npi": MatchKey("npi", description="The licence number, where it has the form and check digit of an NPI."),
        "email": MatchKey("email", path="party.email"),
    },
    deletes="key_diff",
)
PATIENT = _changing(
    "patient",
    {
        "id": Key("client"),
        "person_id": MatchKey("mrn", path="puid", description="PUID, the person's number in this GNU Health."),
        "federation_id": MatchKey(
            "mrn", path="party.federation_account", description="The person's number in a GNU Health Federation."
        ),
        "email": MatchKey("email", path="party.email"),
        "birth_year": BirthYear(path="party.dob"),
        "deceased": Boolean(path="party.deceased"),
    },
)
APPOINTMENT = _changing(
    "appointment",
    {
        "id": Key("appointment"),
        "client": Ref("client", path="patient"),
        "clinician": Ref("clinician", path="healthprof"),
        "institution": Ref("location"),
        "start_at": Instant(path="appointment_date"),
        "status": _word(path="state"),
        "setting": _word(path="appointment_type"),
        "service": Code(path="consultations.code", max_length=40),
    },
)
EVALUATION = _changing(
    "evaluation",
    {
        "id": Key("session"),
        "client": Ref("client", path="patient"),
        "appointment": Ref("appointment"),
        "clinician": Ref("clinician", path="healthprof", description="Who began it."),
        "signed_by": Ref("clinician", description="Who ended it."),
        "institution": Ref("location"),
        "start_at": Instant(path="evaluation_start", required=True),
        "end_at": Instant(path="evaluation_endtime", description="Null until it is ended."),
        "status": _word(path="state"),
        "setting": _word(path="evaluation_type"),
        "visit_type": _word(),
        "urgency": _word(),
    },
)
STREAMS = (INSTITUTION, PROFESSIONAL, PATIENT, APPOINTMENT, EVALUATION)


def _model(name: str, stream: Stream, *, stamps: tuple[str, ...] = (), instead: dict[str, str] | None = None) -> Model:
    """The model of a stream: its columns' paths are the names of fields. instead: the field a column is made from."""
    paths = [(instead or {}).get(column, declared.path or column) for column, declared in stream.columns.items()]
    shown = [stamp for stamp in stamps if stamp not in _MAIL]
    return Model(name, tuple(dict.fromkeys([*paths, *shown])), stamps)


MODELS = {
    "institution": _model("gnuhealth.institution", INSTITUTION),
    "professional": _model("gnuhealth.healthprofessional", PROFESSIONAL, instead={"npi": "code"}),
    "patient": _model("gnuhealth.patient", PATIENT, stamps=(*_OWN, *_PERSON, *_MAIL)),
    "appointment": _model("gnuhealth.appointment", APPOINTMENT, stamps=_OWN),
    "evaluation": _model("gnuhealth.patient.evaluation", EVALUATION, stamps=_OWN),
}
