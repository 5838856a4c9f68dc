"""The directory file of the demo practice: its made-up people by name, so that there are pages for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pacekeeper.testing import Practice

FILE_NAME = "directory.toml"
_HEAD = """\
# The directory of the demo practice: synthetic. `dry_run` in the settings keeps every message from going anywhere.
[people.owner]
name = "The owner of Riverbend"
roles = ["owner", "clinical_lead", "billing", "intake", "outreach", "engineer"]
urls = ["json://127.0.0.1"]
"""


def write_demo_directory(folder: Path, practice: Practice) -> None:
    """Write it where there is none; nobody but its owner may read it."""
    file = folder / FILE_NAME
    if file.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    supervisors = {
        role["practitioner"]["reference"].rpartition("/")[2]
        for role in practice.resources["PractitionerRole"]
        if role["code"][0]["coding"][0]["code"] == "supervisor"
    }
    people = [_HEAD]
    for number, one in enumerate(practice.resources["Practitioner"], 1):
        name = one["name"][0]
        roles = ["clinician", "supervisor"] if one["id"] in supervisors else ["clinician"]
        full_name = f"{name['given'][0]} {name['family']}"
        people.append(
            f'[people."{full_name.lower().replace(" ", ".")}.{number}"]\n'
            f"name = {json.dumps(full_name)}\n"
            f"roles = {json.dumps(roles)}\n"
            'urls = ["json://127.0.0.1"]\n'
            f'clinician = {{ domain = "npi", value = {json.dumps(one["identifier"][0]["value"])} }}\n'
        )
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("\n".join(people))
