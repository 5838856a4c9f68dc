"""How the files of the demo practice are read: the shipped mappings, told which identifiers are the EHR's."""

from __future__ import annotations

from importlib import resources

#: Records that the practice's own files name by the EHR's identifiers.
_OF_THE_EHR = ("appointment", "client", "episode", "location", "measure_response", "session")
_INTAKE_LOG = """
# ---- the intake desk's log: what the EHR does not tell of requests for care

[streams.intake]
files = "intake_log*.csv"
description = "One row per request for care, in or out"
[streams.intake.columns]
request_id = { type = "key", entity = "referral" }
direction = { type = "code", required = true }
channel = { type = "code" }
client_id = { type = "ref", entity = "client", source = "ehr" }
asked_at = { type = "instant", required = true }
responded_at = { type = "instant" }
screened_at = { type = "instant" }
accepted_at = { type = "instant" }
outcome = { type = "code", required = true }
screen_result = { type = "code" }
closed_at = { type = "instant" }
service = { type = "code" }
specialty = { type = "code" }

[value_maps.intake_direction]
in = "in"
out = "out"

[value_maps.intake_channel]
website = "website"
phone = "phone"
provider = "provider"
self = "self"
payer = "payer"

[value_maps.intake_outcome]
open = "open"
accepted = "accepted"
refer_out = "refer_out"
declined = "declined"
unreachable = "unreachable"

[value_maps.intake_screening]
fit = "fit"
refer_out = "refer_out"
declined = "declined"
unreachable = "unreachable"

[[map]]
entity = "referral"
of = "intake"
[map.columns]
referral_key = "request_id"
client_key = "client_id"
direction = { column = "direction", map = "intake_direction" }
channel = { column = "channel", map = "intake_channel" }
inquiry_at = "asked_at"
responded_at = "responded_at"
screened_at = "screened_at"
accepted_at = "accepted_at"
outcome = { column = "outcome", map = "intake_outcome" }
screen_result = { column = "screen_result", map = "intake_screening" }
closed_at = "closed_at"
service_line = "service"
requested_specialty = "specialty"
"""


def hr_mapping() -> str:
    """Of employees, leave and calendar alone."""
    return _shipped("example_mapping.toml")


def staff_mapping() -> str:
    """Of every file in the practice's own folder."""
    own = _shipped("practice_files_mapping.toml")
    for entity in _OF_THE_EHR:
        own = own.replace(f'type = "ref", entity = "{entity}"', f'type = "ref", entity = "{entity}", source = "ehr"')
    return "\n".join((hr_mapping(), own, _shipped("profiles/time_tracking.toml"), _INTAKE_LOG))


def activity_mapping() -> str:
    """Of the EHR's activity log, whose users and clients are those of the EHR."""
    log = _shipped("profiles/therapynotes_activity.toml")
    for entity in ("clinician", "client"):
        log = log.replace(f'type = "ref", entity = "{entity}"', f'type = "ref", entity = "{entity}", source = "ehr"')
    return log


def _shipped(name: str) -> str:
    return resources.files("pacekeeper_connectors.tabular").joinpath(name).read_text(encoding="utf-8")
