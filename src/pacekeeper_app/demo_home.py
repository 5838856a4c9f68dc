"""A practice home whose sources are a synthetic practice: its FHIR server, its files, its billing, its surveys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pacekeeper.home import PracticeHome
from pacekeeper.settings import FILE_NAME, load_settings
from pacekeeper.testing import Practice
from pacekeeper_app.demo_directory import write_demo_directory
from pacekeeper_app.demo_mapping import activity_mapping, hr_mapping, staff_mapping

if TYPE_CHECKING:
    from pacekeeper.testing.survey_corpus import SurveyCorpus
    from pacekeeper.testing.x12_files import BillingFiles

HOME_TZ = "America/New_York"
_SETTINGS = """\
# The demo practice: synthetic, every person in it is made up. Written anew by each `pacekeeper demo`.
[practice]
name = "Riverbend Counselling (synthetic)"
home_tz = {home_tz}
data_dir = "data"

[operations]
schedule = "off"               # the systems of the demo are there while `pacekeeper demo` runs

[sources.ehr]
connector = "fhir"
base_url = {base_url}
token = {token}
default_tz = {home_tz}

[sources.staff]
connector = "tabular"
folder = "files"
quarantine_limit = 0.15        # a short HR file: one bad row is much of it
mapping = "files/mapping.toml"
default_tz = {home_tz}
"""
_DIRECTORY = """
[alerts]
directory = "directory.toml"
dry_run = true                 # nobody is written to
"""
_ACTIVITY = """
[sources.activity]
connector = "tabular"
folder = "activity"
default_tz = {home_tz}
"""
_BILLING = """
[sources.billing]
connector = "x12"
folder = "billing"
default_tz = {home_tz}
"""
_SURVEYS = """
[sources.surveys]
connector = "redcap"
url = {url}
token = {client_token}
mapping = "surveys/measures.toml"
default_tz = {home_tz}

[sources.pulse]
connector = "redcap"
url = {url}
token = {staff_token}
mapping = "surveys/pulse.toml"
default_tz = {home_tz}
"""


@dataclass(frozen=True)
class ServedSurveys:
    """REDCap projects, and the address of the server that serves them."""

    corpus: SurveyCorpus
    url: str


def write_demo_home(
    folder: Path,
    practice: Practice,
    *,
    base_url: str,
    token: str,
    billing: BillingFiles | None = None,
    surveys: ServedSurveys | None = None,
    with_office: bool = False,
    with_directory: bool = False,
) -> PracticeHome:
    """Write settings and files of a synthetic practice into `folder`; data that lies there already stays.

    base_url, token: of the server that serves `practice.resources`. billing, surveys: null = the practice has none.
    with_office: also the files that the practice keeps by itself, and its EHR's activity log.
    with_directory: also who its clinicians are, by name.
    """
    mapping, own = (staff_mapping(), practice.office) if with_office else (hr_mapping(), {})
    _fill(folder / "files", _bytes({**practice.files, **own, "mapping.toml": mapping}))
    values = {"home_tz": HOME_TZ, "base_url": base_url, "token": token}
    text = _SETTINGS
    if with_office:
        _fill(folder / "activity", _bytes({**practice.activity, "mapping.toml": activity_mapping()}))
        text += _ACTIVITY
    if with_directory:
        write_demo_directory(folder, practice)
        text += _DIRECTORY
    if billing is not None:
        _fill(folder / "billing", billing.files)
        text += _BILLING
    if surveys is not None:
        from pacekeeper.testing.survey_corpus import CLIENT_TOKEN, STAFF_TOKEN

        found = surveys.corpus
        _fill(
            folder / "surveys",
            {"measures.toml": found.client_file.encode(), "pulse.toml": found.staff_file.encode()},
        )
        values |= {"url": surveys.url, "client_token": CLIENT_TOKEN, "staff_token": STAFF_TOKEN}
        text += _SURVEYS
    settings = folder / FILE_NAME
    settings.write_text(text.format(**{k: json.dumps(v) for k, v in values.items()}), encoding="utf-8")
    settings.chmod(0o600)
    return PracticeHome(load_settings(settings))


def port_before(folder: Path, source: str) -> int:
    """The loopback port that the demo's settings name for a source; 0 where there is none.

    A source at another address is read whole again: the kernel cannot know that it is the same server.
    """
    try:
        before = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8"))["sources"][source]
        address = urlsplit(before.get("base_url") or before["url"])
        port = address.port or 0
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0
    return port if address.hostname == "127.0.0.1" else 0


def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = folder / name
        # A file that is written again is read again.
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
