"""LimeSurvey over RemoteControl 2: client measures, and anonymous staff surveys."""

from pacekeeper_connectors.limesurvey.connector import LimeSurvey, LimeSurveySettings

__all__ = ["LimeSurvey", "LimeSurveySettings"]
