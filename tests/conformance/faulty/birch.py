"""A sound connector for an EHR that does not exist; the faulty ones differ from it in one thing each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from pacekeeper import (
    BirthYear,
    ClientCredentials,
    Code,
    Connector,
    ConnectorSettings,
    Health,
    HttpConfig,
    Instant,
    Integer,
    Key,
    Page,
    Ref,
    Stream,
    Window,
)
from pacekeeper.errors import PacekeeperError
from pacekeeper.expr import RawTables, Table, ifelse, literal, null

ZONE = "America/Denver"


class BirchSettings(ConnectorSettings):
    """What [sources.<name>] holds for Birch."""

    base_url: str = Field(pattern=r"^https?://")
    client_id: str
    client_secret: SecretStr


STAFF = Stream("staff", columns={"id": Key("clinician"), "kind": Code(max_length=8)}, deletes="key_diff")
CLIENT = Stream("client", columns={"id": Key("client"), "born": BirthYear(path="person.born")})
VISIT = Stream(
    "visit",
    cursor="updated_at",
    lag=timedelta(days=1),
    deletes="reported",
    columns={
        "id": Key("appointment"),
        "client": Ref("client", path="client_id"),
        "clinician": Ref("clinician", path="staff_id", required=True),
        "start_at": Instant(path="start", required=True),
        "minutes": Integer(path="duration"),
        "state": Code(max_length=4, required=True),
        "cancelled_at": Instant(),
        "updated_at": Instant(path="changed"),
    },
)
GUEST = Stream(
    "guest", child_of="visit", explode="guests", columns={"who": Ref("client", path="id"), "way": Code(max_length=4)}
)


class Birch(Connector[BirchSettings]):
    """Birch EHR, an invented API: offset pages, OAuth 2, local times."""

    name = "birch"
    settings_type: ClassVar[type[ConnectorSettings]] = BirchSettings
    streams: Sequence[Stream] = (STAFF, CLIENT, VISIT, GUEST)
    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "visit_state": {"S": "kept", "B": "booked", "N": "no_show", "X": "cancelled", "L": "cancelled"},
        "staff_kind": {"TH": "therapist", "SU": "supervisor"},
    }

    @classmethod
    def http_config(cls, settings: BirchSettings) -> HttpConfig:
        auth = ClientCredentials(f"{settings.base_url}/oauth/token", settings.client_id, settings.client_secret)
        return HttpConfig(base_url=settings.base_url, auth=auth)

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        since = window.since_of(stream.name)
        local = None if since is None else since.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None).isoformat()
        params = {"changed_since": local}
        for body in self.http.pages(f"/api/{stream.name}", params, next_of=lambda body: body["next"]):
            yield Page(stream.name, body["data"])
        if stream.deletes == "reported":
            yield Page(stream.name, deleted=self.http.get_json(f"/api/{stream.name}/deleted")["ids"])

    def check(self) -> Health:
        try:
            self.http.get_json("/api/staff")
        except PacekeeperError as error:
            return Health(ok=False, message=str(error))
        return Health(ok=True, message="Birch answers")


@Birch.maps("clinician", of="staff")
def clinician(raw: RawTables) -> Table:
    """One row per member of staff."""
    s = raw.staff
    return s.select(
        clinician_key=s.id,
        role=raw.value_map("staff_kind", s.kind),
        role_source_code=s.kind,
        license_level=literal("unknown"),
    )


@Birch.maps("client", of="client")
def client(raw: RawTables) -> Table:
    """One row per client."""
    c = raw.client
    return c.select(client_key=c.id, birth_year=c.born, part2_flag=literal("unknown"))


@Birch.maps("appointment", of="visit")
def appointment(raw: RawTables) -> Table:
    """One row per visit, whatever became of it."""
    v = raw.visit
    return v.select(
        appointment_key=v.id,
        client_key=v.client,
        clinician_key=v.clinician,
        start_at=v.start_at,
        end_at=v.start_at + v.minutes.as_interval("m"),
        booked_via=literal("unknown"),
        modality_planned=literal("unknown"),
        status=raw.value_map("visit_state", v.state),
        status_source_code=v.state,
        cancelled_at=v.cancelled_at,
        source_updated_at=v.updated_at,
    )


@Birch.maps("session", of="visit")
def session(raw: RawTables) -> Table:
    """One row per visit that took place."""
    v = raw.visit
    state = raw.value_map("visit_state", v.state)
    return v.select(
        session_key=v.id,
        appointment_key=v.id,
        clinician_key=v.clinician,
        started_at=v.start_at,
        ended_at=v.start_at + v.minutes.as_interval("m"),
        duration_source=literal("scheduled"),
        session_type=literal("unknown"),
        modality=literal("unknown"),
        status=literal("completed"),
        is_intake=literal(False),
        out_of_scope=ifelse(state == "kept", null("string"), "did_not_take_place"),
    )


@Birch.maps("session_participant", of="guest")
def session_participant(raw: RawTables) -> Table:
    """One row per client who joined a visit that took place."""
    g = raw.guest
    v = raw.visit.select(visit_key="id", state=raw.value_map("visit_state", raw.visit.state), visit_row="row_key")
    t = g.left_join(v, g.parent_key == v.visit_row)
    return t.select(
        session_key=t.visit_key,
        client_key=t.who,
        attended=literal(True),
        out_of_scope=ifelse(t.state == "kept", null("string"), "did_not_take_place"),
    )
