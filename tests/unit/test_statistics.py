"""Statistics of marts: numbers a reader can redo, and properties that hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pacekeeper.measures.statistics import (
    change_class,
    coefficient_of_variation,
    effect_size,
    fairness_ratio,
    fit_severity,
    funnel_limits,
    funnel_zone,
    gini,
    overdispersion,
    p_chart,
    pool_means,
    pool_rates,
    reliable_change_index,
    reliable_change_points,
    severity_adjusted_effect_size,
    survival_at,
    waiting_time,
    wilson,
    xmr_chart,
)

few = settings(max_examples=40, deadline=None)
counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
# Differences of one: mean 10.5, mean moving range 1, so limits 7.84 and 13.16, one sigma 0.887.
STEADY = [10.0, 11.0] * 6


def signals(*later: float | None) -> list[str | None]:
    """Of the points that follow twelve steady ones."""
    values = [*STEADY, *(math.nan if value is None else value for value in later)]
    return xmr_chart(["a"] * len(values), values, baseline_points=12)["signal"].to_pylist()[12:]


def test_wilson_of_three_in_ten_six_in_twenty_and_eighteen_in_sixty() -> None:
    interval = wilson([3, 6, 18, 0, math.nan], [10, 20, 60, 0, 10], confidence=0.95)
    assert np.round(interval.lo[:3], 2).tolist() == [0.11, 0.15, 0.20]
    assert np.round(interval.hi[:3], 2).tolist() == [0.60, 0.52, 0.43]
    assert np.isnan(interval.lo[3:]).all()
    assert np.isnan(interval.hi[3:]).all()


@few
@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys_within_0_and_1_and_holds_the_rate(count: tuple[int, int], confidence: float) -> None:
    successes, n = count
    interval = wilson(successes, n, confidence=confidence)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (float(interval.lo), float(interval.hi)) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= interval.lo <= successes / n <= interval.hi <= 1


def test_funnel_around_one_half_with_ten_tries() -> None:
    # Of 1024 outcomes 11 have at most 1 success (1.1 %), 56 at most 2 (5.5 %), 1 has none (0.098 %).
    alert, alarm = (funnel_limits([10], centre=0.5, level=level) for level in (0.95, 0.998))
    assert (alert.lo[0], alert.hi[0]) == (0.2, 0.8)
    assert (alarm.lo[0], alarm.hi[0]) == (0.1, 0.9)
    zones = funnel_zone([0, 1, 2, 8, 9, 10, 5, 5], [10] * 7 + [9], centre=0.5, min_n=10)
    assert zones.to_pylist() == [
        "alarm_low",
        "alert_low",
        "inside",
        "inside",
        "alert_high",
        "alarm_high",
        "inside",
        "insufficient",
    ]


def test_a_funnel_without_a_centre_or_a_count_tells_nothing() -> None:
    zones = funnel_zone([5, math.nan, 0], [10, 10, 0], centre=[math.nan, 0.5, 0.5], min_n=0)
    assert zones.to_pylist() == ["insufficient"] * 3


@few
@given(st.integers(1, 200), st.floats(0.02, 0.98))
def test_a_rate_falls_outside_the_limits_no_more_often_than_the_level_says(n: int, centre: float) -> None:
    zones = funnel_zone(range(n + 1), [n] * (n + 1), centre=centre, min_n=1).to_numpy(zero_copy_only=False).astype(str)
    chance = binom.pmf(np.arange(n + 1), n, centre)
    assert chance[zones != "inside"].sum() <= 0.05 + 1e-9
    assert chance[np.char.startswith(zones, "alarm")].sum() <= 0.002 + 1e-9


def test_overdispersion_is_the_mean_squared_z_score() -> None:
    # p = 0.5, n = 100: one standard error is 5 points. z = -2, 0, 2.
    assert overdispersion([40, 50, 60], [100] * 3, centre=0.5) == pytest.approx(8 / 3)
    assert math.isnan(overdispersion([40], [100], centre=0.5))


def test_xmr_limits_stand_from_the_twelfth_point() -> None:
    chart = xmr_chart(["a"] * 13, [*STEADY, 14.0], baseline_points=12)
    assert chart["signal"].to_pylist() == ["insufficient"] * 11 + [None, "beyond_limits"]
    assert chart["centre"].to_pylist()[10:] == [None, 10.5, 10.5]
    assert chart["lo"].to_pylist()[12] == pytest.approx(10.5 - 2.66)
    assert chart["hi"].to_pylist()[12] == pytest.approx(10.5 + 2.66)
    assert chart["moving_range"].to_pylist()[12] == pytest.approx(3.0)
    assert chart["moving_range_hi"].to_pylist()[12] == pytest.approx(3.267)
    assert chart["side"].to_pylist()[12] == "above"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([13.1], [None]),
        ([7.8], ["beyond_limits"]),
        ([12.5, 10.4, 12.5], [None, None, "two_of_three"]),
        ([12.5, 10.4, 10.4, 12.5], [None, None, None, None]),
        ([11.5, 11.5, 10.4, 11.5, 11.5], [None, None, None, None, "four_of_five"]),
        ([10.4] * 8, [None] * 7 + ["eight_on_side"]),
        ([10.4] * 4 + [None] + [10.4] * 4, [None] * 4 + ["not_evaluated"] + [None] * 3 + ["eight_on_side"]),
        ([8.6, 12.2], [None, "moving_range"]),
    ],
    ids=["inside", "beyond", "2 of 3", "2 of 4", "4 of 5", "8 on a side", "8 around a gap", "a leap"],
)
def test_xmr_signals(later: list[float | None], expected: list[str | None]) -> None:
    assert signals(*later) == expected


def test_groups_interleave_and_short_or_flat_ones_are_insufficient() -> None:
    rows = [("long", value) for value in [*STEADY, 14.0]]
    mixed = [row for pair in zip(rows, [("flat", 4.0)] * 13, strict=True) for row in pair] + [("short", 1.0)]
    groups, values = [group for group, _ in mixed], [value for _, value in mixed]
    chart = xmr_chart(groups, values, baseline_points=12)
    by_group = list(zip(groups, chart["signal"].to_pylist(), strict=True))
    assert by_group[24] == ("long", "beyond_limits")
    assert {signal for group, signal in by_group if group != "long"} == {"insufficient"}


@few
@given(st.lists(st.integers(0, 40), min_size=14, max_size=24), st.integers(-1000, 1000), st.integers(0, 9))
def test_xmr_signals_neither_move_with_the_level_nor_change_later(values: list[int], shift: int, cut: int) -> None:
    def chart(of: list[float]) -> list[tuple[str | None, str | None]]:
        table = xmr_chart(["a"] * len(of), of, baseline_points=12)
        return list(zip(table["signal"].to_pylist(), table["side"].to_pylist(), strict=True))

    points = [value / 10 for value in values]
    assert chart([value + shift for value in points]) == chart(points)
    kept = len(points) - cut
    assert chart(points[:kept]) == chart(points)[:kept]


def test_p_chart_at_ten_percent_has_upper_limits_of_30_and_20_percent() -> None:
    successes = [2] * 12 + [6, 7, 8, 17, 0]
    n = [20] * 13 + [20, 80, 80, 0]
    chart = p_chart(["a"] * 17, successes, n, baseline_points=12)
    assert chart["hi"].to_numpy()[12:16].round(2).tolist() == [0.30, 0.30, 0.20, 0.20]
    assert chart["lo"].to_pylist()[12:15] == [0.0, 0.0, 0.0]
    # 6 of 20 is 30.0 % under a limit of 30.1 %; 7 of 20 is beyond it, 17 of 80 (21.3 %) beyond 20.1 %.
    assert chart["signal"].to_pylist()[12:] == [None, "beyond_limits", None, "beyond_limits", "not_evaluated"]


def test_rates_are_drawn_to_their_group_the_more_the_smaller_they_are() -> None:
    pooled = pool_rates(["x"] * 3 + ["y"], [0, 30, 60, 1], [4, 100, 100, 2], confidence=0.95)
    assert pooled.centre[:3].tolist() == pytest.approx([90 / 204] * 3)
    assert pooled.own_weight[0] < 0.5 < pooled.own_weight[1]
    assert pooled.value[0] > 0.1
    assert np.isnan(pooled.value[3])


def test_pooled_means_by_hand() -> None:
    # Variances 4 / 4 = 1 each: Q = 18, so between units (18 - 1) / (2 - 1) = 17; own weight 17 / 18.
    pooled = pool_means(["x", "x"], [2.0, 8.0], [4, 4], within_variance=4.0, confidence=0.95)
    assert pooled.centre.tolist() == pytest.approx([5.0, 5.0])
    assert pooled.own_weight.tolist() == pytest.approx([17 / 18] * 2)
    assert pooled.value.tolist() == pytest.approx([5 - 3 * 17 / 18, 5 + 3 * 17 / 18])
    # Alike units are one: the centre, known from both (variance 1 / 2).
    alike = pool_means(["x", "x"], [5.0, 5.1], [4, 4], within_variance=4.0, confidence=0.95)
    assert alike.value.tolist() == pytest.approx([5.05, 5.05])
    assert alike.hi[0] - alike.value[0] == pytest.approx(1.96 * math.sqrt(0.5), abs=1e-3)


@few
@given(st.lists(counts, min_size=2, max_size=8))
def test_a_pooled_value_lies_between_its_own_and_the_group(units: list[tuple[int, int]]) -> None:
    k, n = (np.array(column, dtype=float) for column in zip(*units, strict=True))
    groups = ["x"] * len(units)
    own = k / n
    rates = pool_rates(groups, k, n, confidence=0.95)
    means = pool_means(groups, own, n, within_variance=0.25, confidence=0.95)
    for pooled in (rates, means):
        assert (pooled.value >= np.minimum(own, pooled.centre) - 1e-9).all()
        assert (pooled.value <= np.maximum(own, pooled.centre) + 1e-9).all()
    assert (means.lo <= means.value).all()
    told = (rates.centre > 0) & (rates.centre < 1)
    assert (np.isfinite(rates.lo) == told).all()
    assert ((rates.lo < rates.hi) & (rates.lo >= 0) & (rates.hi <= 1))[told].all()


def test_kaplan_meier_by_hand() -> None:
    # At risk 5, 4, 2: survival 4/5, then 4/5 x 3/4 = 0.6; one leaves unseen at 3; at 4 one of two: 0.3.
    groups = ["a"] * 5 + ["b"] * 2
    durations = [1, 2, 3, 4, 5, 2, 2]
    observed = [True, True, False, True, False, False, False]
    curve = survival_at(groups, durations, observed, times=[0, 1, 2, 3, 4, 6])
    assert curve.labels.tolist() == ["a", "b"]
    assert curve.values[0].tolist() == pytest.approx([1, 0.8, 0.6, 0.6, 0.3, math.nan], nan_ok=True)
    assert curve.values[1].tolist() == pytest.approx([1, 1, 1, math.nan, math.nan, math.nan], nan_ok=True)
    waits = waiting_time(groups, durations, observed, quantiles=[0.4, 0.5, 0.9])
    assert waits.values[0].tolist() == pytest.approx([2, 4, math.nan], nan_ok=True)
    assert np.isnan(waits.values[1]).all()


@few
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.sampled_from([0.5, 0.9]))
def test_kaplan_meier_without_censoring_is_the_plain_share_and_quantile(days: list[int], quantile: float) -> None:
    groups, happened = ["a"] * len(days), [True] * len(days)
    curve = survival_at(groups, days, happened, times=range(22))
    assert curve.values[0] == pytest.approx([np.mean(np.array(days) > t) for t in range(22)])
    waits = waiting_time(groups, days, happened, quantiles=[quantile])
    assert waits.values[0, 0] == np.quantile(days, quantile, method="inverted_cdf")


def test_reliable_change_of_sd_6_and_reliability_one_half_is_1_96_sd() -> None:
    # sqrt(2) x sqrt(1 - 0.5) = 1, so one error of a difference is 6 points.
    assert reliable_change_index([20], [8], sd=6, r=0.5).tolist() == [-2.0]
    assert float(reliable_change_points(sd=6, r=0.5, confidence=0.95)) == pytest.approx(1.96 * 6, abs=1e-3)


def test_classes_of_change_follow_the_instruments_direction() -> None:
    # Reliable 6, case from 10, higher is worse: crosses; exactly 6, still a case; only 5; worse; was no case.
    worse = change_class(
        [15, 22, 12, 10, 9, math.nan],
        [9, 16, 7, 16, 2, 3],
        reliable_change=6,
        cut_off=10,
        higher_is_better=[False] * 6,
    )
    assert worse.to_pylist() == ["recovered", "improved", "no_change", "deteriorated", "improved", None]
    # Reliable 5, cut-off 25, higher is better: 25 itself is no case.
    better = change_class([18, 18, 26.1], [25, 24.9, 21.1], reliable_change=5, cut_off=25, higher_is_better=True)
    assert better.to_pylist() == ["recovered", "improved", "deteriorated"]


def test_effect_sizes_are_negative_where_it_got_better() -> None:
    assert effect_size([18, 16], [12, 24], sd=[6, 8], higher_is_better=[False, True]).tolist() == [-1.0, -1.0]


def test_severity_adjusted_effect_size_is_the_residual_of_last_on_base() -> None:
    line = fit_severity([10, 20, 10, 20, math.nan], [6, 10, 8, 12, 3])
    assert line is not None
    assert (line.slope, line.intercept, line.n) == pytest.approx((0.4, 3.0, 4))
    # Expected at 20: 11. One point better, one worse; higher is worse.
    adjusted = severity_adjusted_effect_size([20, 20], [10, 12], line, sd=5, higher_is_better=False)
    assert adjusted.tolist() == pytest.approx([-0.2, 0.2])
    assert fit_severity([10, 10, 10], [1, 2, 3]) is None


def test_spread_over_time_and_people() -> None:
    varied = coefficient_of_variation(["a", "a", "a", "b", "c", "c"], [8, 10, 12, 5, 1, math.nan])
    assert varied.values.tolist() == pytest.approx([0.2, math.nan, math.nan], nan_ok=True)
    shared = gini(["all", "one", "all", "one", "one", "one", "none"], [3, 0, 3, 8, 0, 0, 0])
    assert dict(zip(shared.labels, shared.values, strict=True)) == pytest.approx(
        {"all": 0.0, "one": 0.75, "none": math.nan}, nan_ok=True
    )
    # A day each by FTE would be 8 of 12 and 4 of 12.
    assert fairness_ratio(["t", "t"], [6, 6], [1.0, 0.5]).tolist() == pytest.approx([0.75, 1.5])
    assert np.isnan(fairness_ratio(["t", "t"], [6, 6], [1.0, math.nan])).all()


def test_no_rows_give_no_rows() -> None:
    assert xmr_chart([], [], baseline_points=12).num_rows == 0
    assert p_chart([], [], [], baseline_points=12).num_rows == 0
    assert pool_rates([], [], [], confidence=0.95).value.shape == (0,)
    assert survival_at([], [], [], times=[4]).values.shape == (0, 1)
    assert gini([], []).values.shape == (0,)
