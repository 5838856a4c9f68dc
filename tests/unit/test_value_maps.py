"""A site's value maps are refused where a value of theirs could not be what a column of the contract holds."""

from __future__ import annotations

import pytest

from pacekeeper.errors import ConfigError
from pacekeeper.value_maps import merged_value_maps

SHIPPED = {"appointment_status": {"F": "kept", "X": "cancelled", "?": "unknown"}, "own": {"a": "made_up"}, "empty": {}}


def merged(name: str, code: str, value: str) -> dict[str, dict[str, str]]:
    return merged_value_maps("ehr", SHIPPED, {name: {code: value}})


def test_single_codes_are_laid_over_the_connectors() -> None:
    found = merged("appointment_status", "F", "no_show")
    assert found["appointment_status"] == {"F": "no_show", "X": "cancelled", "?": "unknown"}
    assert found["own"] == SHIPPED["own"]


def test_a_value_of_the_same_vocabulary_that_the_connector_does_not_use_is_accepted() -> None:
    assert merged("appointment_status", "R", "rescheduled")["appointment_status"]["R"] == "rescheduled"


@pytest.mark.parametrize("value", ["keptt", "individual"])
def test_a_value_the_contract_does_not_know_there_is_refused_with_what_it_may_be(value: str) -> None:
    with pytest.raises(ConfigError, match=r"\[sources.ehr.value_maps.appointment_status\] gives W a value") as refused:
        merged("appointment_status", "W", value)
    assert "no_show" in str(refused.value)
    assert ("did you mean kept?" in str(refused.value)) == (value == "keptt")


def test_a_map_that_leads_to_values_of_the_mappings_own_takes_those_and_every_canonical_one() -> None:
    assert merged("own", "b", "made_up")["own"]["b"] == "made_up"
    assert merged("empty", "b", "in_person")["empty"] == {"b": "in_person"}
    with pytest.raises(ConfigError, match="does not know"):
        merged("own", "b", "invented")


def test_a_map_the_connector_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="names nonsense; this connector has appointment_status, empty, own"):
        merged("nonsense", "a", "kept")
