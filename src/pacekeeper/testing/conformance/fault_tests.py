"""Tests of a server that fails: what passes is survived, what stays ends in the error that says what to do."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

import pytest

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.conformance.declarations import Declarations, Lab
from pacekeeper.testing.conformance.site import Night

_RETRY_AFTER = 7
_FOR_EVER = frozenset(range(1, 5_000))
#: Seconds a connector's client waits for an answer, where the test is about waiting.
_IMPATIENT = 0.5


class FaultTests(Declarations):
    """Every fault is shown in the middle of a read of the declared corpus."""

    def test_429_is_survived_after_the_wait_it_asks_for(self, lab: Lab) -> None:
        middle = self._middle(lab)
        night = self._survives(lab, Faults(too_many_on=frozenset({middle}), retry_after=_RETRY_AFTER), "a 429")
        assert sum(night.slept) >= _RETRY_AFTER, "the read did not wait as long as Retry-After asked for"

    def test_a_passing_5xx_is_survived(self, lab: Lab) -> None:
        middle = self._middle(lab)
        self._survives(lab, Faults(error_500_on=frozenset({middle})), "a passing 500")
        self._survives(lab, Faults(error_503_on=frozenset({middle})), "a passing 503")

    def test_a_truncated_body_is_survived(self, lab: Lab) -> None:
        self._survives(lab, Faults(truncate_on=frozenset({self._middle(lab)})), "an answer cut in half")

    def test_a_broken_connection_is_survived(self, lab: Lab) -> None:
        self._survives(lab, Faults(reset_on=frozenset({self._middle(lab)})), "a connection that broke once")

    def test_a_timeout_is_survived(self, lab: Lab) -> None:
        faults = Faults(hang_on=frozenset({self._middle(lab)}), hang_seconds=4 * _IMPATIENT)
        self._survives(lab, faults, "a call without an answer", timeout_seconds=_IMPATIENT)

    def test_an_expired_token_is_renewed_or_ends_in_a_config_error(self, lab: Lab) -> None:
        """A token that ends in the middle of a read: all rows, or a ConfigError; never a part of them."""
        lab.needs_network()
        with lab.serving(faults=Faults(token_calls=max(1, lab.sound.calls // 2))) as server:
            night = lab.fresh(server).read()
        if night.is_ok:
            assert night.spooled == lab.sound.read.spooled, (
                "after the token's end the read lacks rows, and passes for complete"
            )
        else:
            assert night.result.error_class == "ConfigError", f"an expired token ends in {night.error}"

    def test_a_lasting_fault_ends_in_the_right_error_class(self, lab: Lab) -> None:
        """5xx, 429, silence, half an answer: RetryableError; no right to read: ConfigError."""
        lab.needs_network()
        later, person = {"RetryableError"}, {"ConfigError"}
        for faults, wanted, what in (
            (Faults(error_503_on=_FOR_EVER), later, "a server that answers 503 for good"),
            (Faults(fail=lab.lists()), later, "a server that answers 500 for good"),
            (Faults(too_many_on=_FOR_EVER, retry_after=1), later, "a server that answers 429 for good"),
            (Faults(reset_on=_FOR_EVER), later, "a server that breaks every connection"),
            (Faults(truncate_on=_FOR_EVER), later | {"DataError"}, "answers that are all cut in half"),
            (Faults(hang_on=_FOR_EVER, hang_seconds=4 * _IMPATIENT), later, "a server that never answers"),
            (Faults(forbid=lab.lists()), person, "a server that answers 403"),
        ):
            night = self._read(lab, faults, timeout_seconds=_IMPATIENT if faults.hang_on else 10.0)
            assert not night.is_ok, f"{what}: the read passes for complete with {sum(night.rows.values())} rows"
            assert night.result.error_class in wanted, (
                f"{what} ends in {night.error}; should be {' or '.join(sorted(wanted))}"
            )

    def _middle(self, lab: Lab) -> int:
        """The call in the middle of a sound read."""
        lab.needs_network()
        if not lab.sound.calls:
            pytest.fail("the server saw no call; does the connector read from what `settings` names?")
        return lab.sound.calls // 2 + 1

    def _read(self, lab: Lab, faults: Faults, *, timeout_seconds: float = 10.0) -> Night:
        with lab.serving(faults=faults) as server:
            return lab.fresh(server, timeout_seconds=timeout_seconds).read()

    def _survives(self, lab: Lab, faults: Faults, what: str, *, timeout_seconds: float = 10.0) -> Night:
        night = self._read(lab, faults, timeout_seconds=timeout_seconds)
        assert night.is_ok, f"{what} ends the read: {night.error}"
        assert night.spooled == lab.sound.read.spooled, f"after {what} the rows differ from those of a sound read"
        assert night.calls > lab.sound.read.calls, f"{what} was not met: the read made no call more than a sound one"
        return night
