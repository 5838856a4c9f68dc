"""A real GNU Health 5.0.6, written to over JSON-RPC and read by the connector: `make test-gnuhealth`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pacekeeper.testing.conformance.site import SOURCE, Site

from front_desk import FrontDesk
from gnuhealth_practice import calling, counted, current, key, landed, practice
from gnuhealth_records import NPI, corpus
from hospital import ADMIN, Hospital, MissingPart
from pacekeeper_gnuhealth.streams import MODELS
from pacekeeper_gnuhealth.testing import GnuHealthSimulator

pytestmark = pytest.mark.gnuhealth_server
READER, PASSWORD = "nightly", "Open-sesame-9"
#: Appointments besides those that the tests speak of, so that reading takes many pages.
MANY = 400


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    made = Hospital()
    try:
        made.set_up()
        FrontDesk(made).reader(READER, PASSWORD)
        print(f"\nseconds: {made.seconds}")  # noqa: T201  what `make test-gnuhealth` reports
        yield made
    except MissingPart as missing:
        pytest.skip(str(missing))
    finally:
        made.tear_down()


@dataclass
class Written:
    """Numbers of the records that were written, by what the tests call them."""

    institution: int
    professionals: tuple[int, int]
    patients: tuple[int, int, int]
    appointments: dict[str, int]
    evaluations: dict[str, int]
    many: list[int]


@pytest.fixture(scope="module")
def desk(hospital: Hospital) -> FrontDesk:
    return FrontDesk(hospital)


@pytest.fixture(scope="module")
def written(hospital: Hospital, desk: FrontDesk) -> Written:
    return write_practice(desk, hospital)


def write_practice(desk: FrontDesk, hospital: Hospital) -> Written:
    """A practice with two professionals, three patients, one of them inactive, and appointments in every state.

    Everything was made two days ago, so that a read of changes has nothing of it to find.
    """
    (party,) = desk.create("party.party", {"name": "Elm House", "is_institution": True, "is_person": False})
    of = {"party": party, "code": "ELM", "institution_type": "clinic", "public_level": "private"}
    (institution,) = desk.create("gnuhealth.institution", of)
    professionals = tuple(
        _professional(desk, number, institution, specialty, license_id)
        for number, specialty, license_id in ((1, "PSYCHO", NPI), (2, "PSYCHIATRY", "L2"))
    )
    patients = tuple(_patient(desk, number, is_active=number != 3) for number in (1, 2, 3))
    seat = {"patient": patients[0], "healthprof": professionals[0], "institution": institution}
    service = {"name": "Visit", "type": "service", "default_uom": desk.find("product.uom", symbol="h")}
    desk.create("product.template", {**service, "products": [["create", [{"suffix_code": "VISIT45"}]]]})
    booked: dict[str, dict[str, Any]] = {
        "kept": {"state": "checked_in", "consultations": desk.find("product.product", code="VISIT45")},
        "to_cancel": {"state": "confirmed", "appointment_type": "telemedicine"},
        "missed": {"state": "no_show"},
        "called_off": {"state": "center_cancelled"},
        "to_delete": {"state": "confirmed"},
        "inactive_client": {"state": "done", "patient": patients[2], "healthprof": professionals[1]},
        "free": {"state": "free", "patient": None},
    }
    appointments = {
        name: desk.create("gnuhealth.appointment", {**seat, "appointment_date": _start(number), **more})[0]
        for number, (name, more) in enumerate(booked.items())
    }
    crowd = [{**seat, "appointment_date": _start(number), "state": "done"} for number in range(100, 100 + MANY)]
    many = desk.create("gnuhealth.appointment", *crowd)
    contact = {**seat, "state": "done", "visit_type": "new", "urgency": "a", "evaluation_type": "outpatient"}
    begun, ended = _start(0) + timedelta(minutes=5), _start(0) + timedelta(minutes=55)
    held = {**contact, "appointment": appointments["kept"], "evaluation_start": begun, "evaluation_endtime": ended}
    under_way = {**contact, "evaluation_start": _start(1), "state": "in_progress"}
    evaluations = {
        name: desk.create("gnuhealth.patient.evaluation", one)[0]
        for name, one in {"held": held, "under_way": under_way}.items()
    }
    _age(hospital)
    return Written(institution, professionals, patients, appointments, evaluations, many)  # type: ignore[arg-type]


def _professional(desk: FrontDesk, number: int, institution: int, specialty: str, license_id: str) -> int:
    party = desk.person("Dee", date(1970, 1, number), is_healthprof=True, ref=f"HP{number}")
    main = {"specialty": desk.find("gnuhealth.specialty", code=specialty), "mainsp": True}
    of = {"party": party, "institution": institution, "code": license_id, "specialties": [["create", [main]]]}
    return desk.create("gnuhealth.healthprofessional", of)[0]


def _patient(desk: FrontDesk, number: int, *, is_active: bool) -> int:
    party = desk.person("Ann", date(1980 + number, 2, 3), is_patient=True, ref=f"PAT{number}")
    return desk.create("gnuhealth.patient", {"party": party, "active": is_active})[0]


def _start(number: int) -> datetime:
    """Half past four in the afternoon, one day after the other."""
    return datetime(2026, 1, 12, 16, 30) + timedelta(days=number)  # noqa: DTZ001  UTC, as Tryton keeps it


def _age(hospital: Hospital) -> None:
    tables = ("party_party", "party_contact_mechanism", "gnuhealth_patient", "gnuhealth_appointment")
    for table in (*tables, "gnuhealth_patient_evaluation"):
        hospital.sql(
            f"UPDATE {table} SET create_date = create_date - interval '2 days', "
            "write_date = write_date - interval '2 days'"
        )


def _site(hospital: Hospital, folder: Path, **options: Any) -> Site:
    given = {**hospital.settings, "user": READER, "password": PASSWORD, "page_size": 100, **options}
    return practice(folder, given.pop("url"), as_of=datetime.now(UTC), **given)


def _open_sessions(hospital: Hospital) -> int:
    asked = f"SELECT count(*) FROM ir_session s JOIN res_user u ON u.id = s.create_uid WHERE u.login = '{READER}'"
    return int(hospital.sql(asked))


def test_first_read_changes_and_deletions(
    hospital: Hospital, desk: FrontDesk, written: Written, tmp_path: Path
) -> None:
    site = _site(hospital, tmp_path / "practice")
    assert site.connector().check().ok
    first = landed(site)
    print(f"\nfirst read: {first.seconds:.1f} s, {first.calls} calls, {counted(site)}")  # noqa: T201  see above
    _assert_first_read(site, written)
    assert _open_sessions(hospital) == 0

    again = landed(site)
    assert {name: found[1:] for name, found in counted(site).items()} == dict.fromkeys(counted(site), (0, 0, 0))
    print(f"nothing changed: {again.seconds:.1f} s, {again.calls} calls, {counted(site)}")  # noqa: T201

    added = _change(desk, written)
    second = landed(site)
    print(f"changes: {second.seconds:.1f} s, {second.calls} calls, {counted(site)}")  # noqa: T201
    _assert_changes(site, written, added)

    site.read_whole_next()
    whole = landed(site)
    print(f"read whole: {whole.seconds:.1f} s, {whole.calls} calls, {counted(site)}")  # noqa: T201
    _assert_deletion(site, written)
    _assert_mapped(site, desk, written, added)


def _assert_first_read(site: Site, written: Written) -> None:
    """Every record is there once, its values too; instants are UTC although PostgreSQL keeps another zone."""
    assert counted(site) == {
        "institution": (1, 1, 0, 0),
        "professional": (2, 2, 0, 0),
        "patient": (3, 3, 0, 0),
        "appointment": (MANY + 7, MANY + 7, 0, 0),
        "evaluation": (2, 2, 0, 0),
    }
    assert not site.reasons("rejected")
    assert not site.reasons("undeclared")
    numbers = {key(site, "appointment", number): name for name, number in written.appointments.items()}
    rows = current(site, "appointment", "id", "start_at", "status", "setting", "client")
    assert ("VISIT45",) in current(site, "appointment", "service")
    found = {numbers[row[0]]: row[1:] for row in rows if row[0] in numbers}
    client, inactive = (key(site, "client", written.patients[n]) for n in (0, 2))
    at = [_start(number).replace(tzinfo=UTC) for number in range(7)]
    assert found == {
        "kept": (at[0], "checked_in", "outpatient", client),
        "to_cancel": (at[1], "confirmed", "telemedicine", client),
        "missed": (at[2], "no_show", "outpatient", client),
        "called_off": (at[3], "center_cancelled", "outpatient", client),
        "to_delete": (at[4], "confirmed", "outpatient", client),
        "inactive_client": (at[5], "done", "outpatient", inactive),
        "free": (at[6], "free", "outpatient", None),
    }
    assert {row[0] for row in rows} - set(numbers) == {key(site, "appointment", n) for n in written.many}
    assert current(site, "patient", "birth_year", "deceased") == [(1981, False), (1982, False), (1983, False)]
    professionals = current(site, "professional", "specialty", "npi IS NOT NULL AS has_npi")
    assert professionals == [("PSYCHIATRY", False), ("PSYCHO", True)]
    age = site.query(f"SELECT max(changed_at) AS latest FROM raw_{SOURCE}.appointment")[0]["latest"]
    assert timedelta(hours=47) < datetime.now(UTC) - age < timedelta(hours=49), "create_date is not read as UTC"


def _change(desk: FrontDesk, written: Written) -> int:
    """One appointment is cancelled, one added, one deleted. No patient record changes: two persons behind them do."""
    desk.write("gnuhealth.appointment", written.appointments["to_cancel"], state="user_cancelled")
    seat = {"patient": written.patients[1], "healthprof": written.professionals[1], "institution": written.institution}
    (added,) = desk.create(
        "gnuhealth.appointment", {**seat, "appointment_date": _start(30), "state": "confirmed", "visit_type": "new"}
    )
    desk.delete("gnuhealth.appointment", written.appointments["to_delete"])
    parties = [_read(desk, "gnuhealth.patient", number, "party")[0]["party"] for number in written.patients]
    desk.write("party.party", parties[1], dob=date(1992, 2, 3))
    desk.create("party.contact_mechanism", {"party": parties[2], "type": "email", "value": "ann@mail.example"})
    return added


def _read(desk: FrontDesk, model: str, number: int, *names: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = desk.call(f"model.{model}.read", [number], list(names), {})
    return rows


def _assert_changes(site: Site, written: Written, added: int) -> None:
    """A read of changes has the two records that changed, and the patients of the two persons; nothing else."""
    assert counted(site) == {
        "institution": (1, 0, 0, 0),
        "professional": (2, 0, 0, 0),
        "patient": (2, 0, 2, 0),
        "appointment": (2, 1, 1, 0),
        "evaluation": (0, 0, 0, 0),
    }
    versions = site.query(
        f"SELECT id, version_no, status, is_deleted FROM raw_{SOURCE}.appointment WHERE batch_id = ?", [site.run_id]
    )
    assert {tuple(row.values()) for row in versions} == {
        (key(site, "appointment", written.appointments["to_cancel"]), 2, "user_cancelled", False),
        (key(site, "appointment", added), 1, "confirmed", False),
    }
    patients = current(site, "patient", "birth_year", "email IS NOT NULL AS has_email")
    assert patients == [(1981, False), (1983, True), (1992, False)]


def _assert_deletion(site: Site, written: Written) -> None:
    """A read of everything finds that one record is gone, and nothing else new."""
    changed = {name: found[1:] for name, found in counted(site).items()}
    assert changed == {**dict.fromkeys(changed, (0, 0, 0)), "appointment": (0, 0, 1)}
    assert counted(site)["appointment"][0] == MANY + 7
    gone = site.query(f"SELECT row_key FROM raw_{SOURCE}.appointment WHERE is_deleted")
    assert [row["row_key"] for row in gone] == [key(site, "appointment", written.appointments["to_delete"])]


def _assert_mapped(site: Site, desk: FrontDesk, written: Written, added: int) -> None:
    """Canonical rows of the appointments and of the one session."""
    mapped = {result.entity: result for result in site.map()}
    assert not any(result.quarantined or result.unmapped for result in mapped.values())
    assert dict(mapped["appointment"].out_of_scope) == {"not_booked": 1}
    assert dict(mapped["session"].out_of_scope) == {"not_finished": 1}
    names = {**written.appointments, "added": added}
    keys = {key(site, "appointment", number): name for name, number in names.items()}
    rows = site.query("SELECT appointment_key, status, cancelled_by, cancelled_at FROM canonical.appointment")
    found = {keys[row["appointment_key"]]: row for row in rows if row["appointment_key"] in keys}
    assert {name: (row["status"], row["cancelled_by"]) for name, row in found.items()} == {
        "kept": ("kept", None),
        "to_cancel": ("cancelled", "client"),
        "missed": ("no_show", None),
        "called_off": ("cancelled", "practice"),
        "inactive_client": ("kept", None),
        "added": ("booked", None),
    }
    (told,) = _read(desk, "gnuhealth.appointment", written.appointments["to_cancel"], "write_date")
    parts = {name: value for name, value in told["write_date"].items() if name != "__class__"}
    assert found["to_cancel"]["cancelled_at"] == datetime(**parts, tzinfo=UTC)
    assert found["called_off"]["cancelled_at"] is None
    (session,) = site.query("SELECT * FROM canonical.session")
    assert session["ended_at"] - session["started_at"] == timedelta(minutes=50)
    assert session["appointment_key"] == key(site, "appointment", written.appointments["kept"])
    roles = site.query("SELECT role FROM canonical.clinician ORDER BY role")
    assert [row["role"] for row in roles] == ["prescriber", "therapist"]


@pytest.mark.usefixtures("written")
def test_a_session_that_ended_is_begun_anew(hospital: Hospital) -> None:
    account = {"user": READER, "password": PASSWORD, **hospital.settings}
    with calling(**account) as tryton:
        pages = tryton.pages(MODELS["patient"], since=None, size=1)
        first = next(pages)
        assert _open_sessions(hospital) == 1
        hospital.sql(f"DELETE FROM ir_session WHERE create_uid = (SELECT id FROM res_user WHERE login = '{READER}')")
        assert [row["id"] for page in (first, *pages) for row in page] == [1, 2, 3]
        tryton.end()
    assert _open_sessions(hospital) == 0


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"password": "wrong"}, "check user and password"),
        ({"database": "nowhere"}, "knows the database"),
        ({"user": "stranger", "password": "Wide-open-99"}, "right to read gnuhealth.appointment"),
    ],
    ids=["password", "database", "rights"],
)
def test_check_says_what_is_missing(hospital: Hospital, tmp_path: Path, change: dict[str, str], hint: str) -> None:
    if change.get("user"):
        of = {"name": "stranger", "login": change["user"], "password": change["password"]}
        FrontDesk(hospital).create("res.user", of)
    health = _site(hospital, tmp_path / "practice", **change).connector().check()
    assert not health.ok
    assert hint in health.message


@pytest.mark.usefixtures("written")
def test_admin_reads_no_more(hospital: Hospital, tmp_path: Path) -> None:
    """What the reader's rights give is all there is: they hide no record."""
    as_reader, as_admin = (
        _site(hospital, tmp_path / name, **account)
        for name, account in (("reader", {}), ("admin", {"user": ADMIN, "password": hospital.password}))
    )
    landed(as_reader)
    landed(as_admin)
    assert counted(as_reader) == counted(as_admin)


@pytest.mark.usefixtures("written")
def test_the_simulator_answers_as_the_real_one(hospital: Hospital) -> None:
    """So that what the other tests prove, they prove of GNU Health: the same fields, marked in the same way."""
    account = {"user": READER, "password": PASSWORD, **hospital.settings}
    with GnuHealthSimulator(corpus()) as server, calling(**account) as real, calling(server.url) as simulated:
        for name, model in MODELS.items():
            shapes = [
                _shape([row for page in tryton.pages(model, since=None, size=50) for row in page])
                for tryton in (real, simulated)
            ]
            assert shapes[0], f"the real server has no {name}"
            assert shapes[0].keys() == shapes[1].keys(), name
            both = {field: (kind, shapes[1][field]) for field, kind in shapes[0].items() if kind and shapes[1][field]}
            assert not {field: kinds for field, kinds in both.items() if kinds[0] != kinds[1]}, name
        real.end()


def _shape(rows: list[Any]) -> dict[str, str]:
    """Kind of value by field, those behind references too; empty where every row has null there."""
    found: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if name.endswith(".") and value is not None:
                found |= {f"{name}{inner}": kind for inner, kind in _shape([value]).items() if kind}
            kind = value.get("__class__", "") if isinstance(value, dict) else type(value).__name__
            found[name] = found.get(name) or ("" if value is None else kind)
    return {name: kind for name, kind in found.items() if kind or not name.endswith(".")}
