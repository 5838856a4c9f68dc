"""The files that the practice keeps by itself, beside those of HR and scheduling."""

from __future__ import annotations

from pacekeeper.testing._alerts import alert_files
from pacekeeper.testing._capacity import capacity_flags
from pacekeeper.testing._case_weights import weight_files
from pacekeeper.testing._contracts import contract_files
from pacekeeper.testing._intake_log import intake_log
from pacekeeper.testing._pay import pay_files
from pacekeeper.testing._reminders import reminders
from pacekeeper.testing._routine import closures, experiments, report_deliveries
from pacekeeper.testing._scene import Scene
from pacekeeper.testing._teams import former_employees, specialties, supervision
from pacekeeper.testing._time_sheets import time_sheets


def office_files(scene: Scene) -> dict[str, str]:
    """CSV text by file name, as the shipped mapping for files of a practice reads it."""
    return {
        "employees_former.csv": former_employees(scene),
        "supervision.csv": supervision(scene),
        "specialties.csv": specialties(scene),
        "capacity_flags.csv": capacity_flags(scene),
        "time_entries.csv": time_sheets(scene),
        "closures.csv": closures(scene),
        "reminders.csv": reminders(scene),
        "intake_log.csv": intake_log(scene),
        "reports_delivered.csv": report_deliveries(scene),
        "experiments.csv": experiments(scene),
        **weight_files(scene),
        **alert_files(scene),
        **pay_files(scene),
        **contract_files(scene),
    }
