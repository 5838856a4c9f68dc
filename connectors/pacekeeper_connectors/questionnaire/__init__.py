"""What survey systems have in common: answer sheets of clients and of staff, their streams, scores and mappings."""

from pacekeeper_connectors.questionnaire.connector import SurveyConnector, SurveySettings
from pacekeeper_connectors.questionnaire.sheet import ClientSheet, StaffSheet
from pacekeeper_connectors.questionnaire.spec import (
    ClientSpec,
    Measure,
    MeasureSpec,
    RespondentSpec,
    Staff,
    StaffSpec,
    WaveSpec,
)

__all__ = [
    "ClientSheet",
    "ClientSpec",
    "Measure",
    "MeasureSpec",
    "RespondentSpec",
    "Staff",
    "StaffSheet",
    "StaffSpec",
    "SurveyConnector",
    "SurveySettings",
    "WaveSpec",
]
