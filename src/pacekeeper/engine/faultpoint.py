"""Named points at which a test may kill the process, to prove that the next run repairs what was left."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def faultpoint(name: str) -> None:
    """Kill this process with SIGKILL if `PACEKEEPER_FAULT_AT` names this point; else do nothing.

    The name is first appended to the file that `PACEKEEPER_FAULT_LOG` names, so that a test knows where it died.
    """
    if os.environ.get("PACEKEEPER_FAULT_AT") != name:
        return
    log = os.environ.get("PACEKEEPER_FAULT_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
