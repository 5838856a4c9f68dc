"""What survey systems have in common: answer sheets of clients and of staff, their streams, scores and mappings."""

from pacekeeper_connectors.questionnaire.entities import sheet_mappings, sheet_value_maps
from pacekeeper_connectors.questionnaire.sheet import ClientSheet, StaffSheet
from pacekeeper_connectors.questionnaire.site_file import load_site_file, nearest
from pacekeeper_connectors.questionnaire.spec import (
    ClientSpec,
    Measure,
    MeasureSpec,
    RespondentSpec,
    Section,
    Staff,
    StaffSpec,
    WaveSpec,
)
from pacekeeper_connectors.questionnaire.streams import client_streams, staff_streams

__all__ = [
    "ClientSheet",
    "ClientSpec",
    "Measure",
    "MeasureSpec",
    "RespondentSpec",
    "Section",
    "Staff",
    "StaffSheet",
    "StaffSpec",
    "WaveSpec",
    "client_streams",
    "load_site_file",
    "nearest",
    "sheet_mappings",
    "sheet_value_maps",
    "staff_streams",
]
