"""What is remembered of an export that is under way, so that the next read can take it up."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl

import httpx

from pacekeeper.fhir.stamps import instant

#: A job's address is kept only in forms that hold nothing but the job's name: `/fhir/bulkstatus/1f2e`,
#: `/fhir/$export-poll-status?_jobId=1f2e`. An address with more in it (a signature) is a secret.
_PATH = re.compile(r"/[A-Za-z0-9._~$/-]{1,300}")
#: What follows the host in an address; `//` would begin another host.
_TARGET = re.compile(r"/(?!/)")
_JOB_PARAMETER = re.compile(r"_?job_?(id)?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")


@dataclass(frozen=True, slots=True)
class KeptJob:
    """An export that was asked for and not read to its end. started_at: the server's own time at the kick-off."""

    url: httpx.URL
    started_at: datetime | None

    @classmethod
    def of(cls, checkpoint: Mapping[str, str], *, base: httpx.URL, asked: str) -> KeptJob | None:
        """The job of a checkpoint, if it was asked for the same; null otherwise."""
        target, started_at = checkpoint.get("job", ""), instant(checkpoint.get("started_at"))
        if not _TARGET.match(target) or started_at is None or checkpoint.get("asked") != asked:
            return None
        return cls(base.join(target), started_at)

    def checkpoint(self, asked: str) -> dict[str, str]:
        """What is to be kept of it; nothing where its address might hold a secret, or its time is unknown."""
        parameters = parse_qsl(self.url.query.decode(), keep_blank_values=True)
        is_plain = _PATH.fullmatch(self.url.path) and (
            not parameters or (len(parameters) == 1 and _is_job(*parameters[0]))
        )
        if not is_plain or self.started_at is None:
            return {}
        return {"job": self.url.raw_path.decode(), "asked": asked, "started_at": self.started_at.isoformat()}


def asked_for(base: httpx.URL, path: str, types: Sequence[str], since: datetime | None) -> str:
    """A name for what an export is asked for: equal for the same server, level, types and time."""
    text = json.dumps([str(base), path, sorted(types), None if since is None else since.isoformat()])
    return sha256(text.encode()).hexdigest()


def _is_job(name: str, value: str) -> bool:
    return _JOB_PARAMETER.fullmatch(name) is not None and _NAME.fullmatch(value) is not None
