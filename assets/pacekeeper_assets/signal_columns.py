"""Columns of `systemic_signal` and `clinician_signal`, and of what they are computed from."""

from __future__ import annotations

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs

_JUDGED = Needs(required=((Input("clinician", ("clinician_key",)),),))
_ROLES = Needs(required=((Input("clinician", ("clinician_key", "role")),),))
_CANCELLED = Needs(
    required=(
        (
            Input(
                "appointment",
                ("clinician_key", "client_key", "start_at"),
                {"status": ("cancelled",), "cancelled_by": ("clinician",)},
            ),
        ),
    )
)
_KEYS = (
    MartColumn("guardrail_id", "text", "", "Guardrail of the policy."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
)
_COUNTS = (
    MartColumn("week_end_at", "instant", "UTC", "End of the week, in the last of the zones."),
    MartColumn(
        "evaluable_n",
        "count",
        "clinicians",
        "Clinicians whose verdict of the week is pass, warn or breach.",
        needs=_JUDGED,
    ),
    MartColumn(
        "out_of_band_n",
        "count",
        "clinicians",
        "Those of them whose verdict is warn or breach.",
        needs=_JUDGED,
        rules=("U23",),
    ),
)
_WEEKS_N = MartColumn(
    "weeks_n", "count", "weeks", "Weeks up to this one in which anybody could be judged.", needs=_JUDGED
)
_OTHERS = (
    MartColumn(
        "others_known_n",
        "count",
        "verdicts",
        "Balancing: verdicts of the other weekly guardrails in the week that are pass, warn or breach.",
        needs=_JUDGED,
    ),
    MartColumn(
        "others_out_n",
        "count",
        "verdicts",
        "Those of them that are warn or breach: what got worse beside it.",
        needs=_JUDGED,
    ),
)

CHART_COLUMNS = (
    *_KEYS,
    *_COUNTS,
    MartColumn("numerator", "number", "see guardrail", "Sum of the numerators that are known. Null: none is."),
    MartColumn("denominator", "number", "see guardrail", "Sum of the denominators that are known. Null: none is."),
    _WEEKS_N,
    *_OTHERS,
    MartColumn("signal", "text", "", "Signal of the p-chart."),
    MartColumn("side", "text", "", "above or below. Null: no signal."),
)

POINT_COLUMNS = (
    MartColumn("clinician_key", "text", "", "Key of the person."),
    *_KEYS,
    MartColumn("state", "text", "", "warn or breach."),
    MartColumn("reason", "text", "", "Reason of the verdict."),
    MartColumn("value", "number", "see guardrail", "Value of the verdict."),
    MartColumn("numerator", "number", "see guardrail", "Its numerator."),
    MartColumn("denominator", "number", "see guardrail", "Its denominator."),
    MartColumn("streak", "count", "weeks", "Its streak."),
    MartColumn("role", "text", "", "Role of the clinician."),
    MartColumn("peers_n", "count", "clinicians", "Others of that role who could be judged."),
    MartColumn("peers_meeting_n", "count", "clinicians", "Those of them who pass."),
    MartColumn("weeks_out_n", "count", "weeks", "Weeks out of band among the last known ones."),
    MartColumn("others_known_n", "count", "verdicts", "Known verdicts of other weekly guardrails."),
    MartColumn("others_out_n", "count", "verdicts", "Those out of band."),
    MartColumn("centre", "number", "ratio", "Rate of the whole practice in the week."),
    MartColumn("funnel_zone", "text", "", "Zone of the funnel plot."),
)

_CLASSIFIED = (
    "systemic: policy systemic.share of those who can be judged, and at least min_out, are out of band; or the chart "
    "of the practice signals above, and it is not one person alone; or a practice-wide guardrail of policy "
    "systemic.inputs is in breach; "
)

CLINICIAN_COLUMNS = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    *_KEYS,
    MartColumn("state", "text", "", "warn or breach."),
    MartColumn("reason", "text", "", "Reason of the verdict."),
    MartColumn("value", "number", "see guardrail", "Value of the verdict.", needs=_JUDGED),
    MartColumn(
        "weeks_out_n",
        "count",
        "weeks",
        "Weeks out of band among the last eight that could be judged, this one included.",
        needs=_JUDGED,
    ),
    MartColumn(
        "peers_n",
        "count",
        "clinicians",
        "Other clinicians of the same role who could be judged by the guardrail in the week.",
        needs=_ROLES,
        rules=("U23",),
    ),
    MartColumn(
        "peers_meeting_ratio",
        "number",
        "ratio",
        "Those of peers_n who pass / peers_n. Null: no peers, or fewer than policy systemic.min_clinicians in the "
        "practice could be judged.",
        needs=_ROLES,
        rules=("U23",),
    ),
    MartColumn(
        "funnel_zone",
        "text",
        "",
        "Of guardrails whose rate counts something (policy systemic.counted_rates): where the clinician lies around "
        "the practice's rate of the week: inside, alert_ (beyond 95 %) or alarm_ (beyond 99.8 %) low or high; "
        "insufficient: below policy systemic.funnel_min_n, or another guardrail.",
    ),
    MartColumn(
        "clinician_cancel_n",
        "count",
        "seats",
        "Seats of the week cancelled by clinician, practice or system. Null: no source of appointments knows the "
        "person.",
        needs=_CANCELLED,
    ),
    *_OTHERS,
    MartColumn(
        "classification",
        "text",
        "",
        _CLASSIFIED
        + "insufficient_data: too few clinicians or weeks to tell, or no peers to compare with; individual_pattern: "
        "beyond the 99.8 % limits or long enough under the floor or over the ceiling (of a guardrail that the policy "
        "judges by several weeks), while nothing is systemic, policy systemic.peers_meeting of the peers pass, and, of "
        "floors, inquiries met the open slots; "
        "common_cause: otherwise.",
        rules=("U23",),
    ),
)

SYSTEMIC_COLUMNS = (
    *_KEYS,
    *_COUNTS,
    MartColumn("share", "number", "ratio", "out_of_band_n / evaluable_n. Null: nobody could be judged.", needs=_JUDGED),
    _WEEKS_N,
    MartColumn(
        "practice_chart_signal",
        "text",
        "",
        "What a p-chart of share over the weeks of the guardrail shows (the first policy systemic.baseline_weeks are "
        "the baseline): beyond_limits, two_of_three, four_of_five, eight_on_side, insufficient (too few weeks, or "
        "nobody was out of band in the baseline) or not_evaluated. Null: no signal.",
    ),
    MartColumn("practice_chart_side", "text", "", "above or below. Null: no signal."),
    MartColumn(
        "inputs_n",
        "count",
        "guardrails",
        "Practice-wide guardrails of policy systemic.inputs whose last verdict by the week's end is a breach.",
        needs=_JUDGED,
        rules=("T11", "T12"),
    ),
    MartColumn("systemic_inputs", "text", "", "Their ids. Null: none."),
    MartColumn(
        "individual_n",
        "count",
        "clinicians",
        "Clinicians of the week with classification individual_pattern in clinician_signal.",
        needs=_JUDGED,
    ),
    *_OTHERS,
    MartColumn(
        "classification",
        "text",
        "",
        _CLASSIFIED
        + "insufficient_data: fewer than policy systemic.min_out could be judged, or fewer than baseline_weeks weeks; "
        "individual_pattern: individual_n is above 0; common_cause: otherwise.",
    ),
)
