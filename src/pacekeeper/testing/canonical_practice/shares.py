"""How often each feature occurs in a generated practice: every number that is not the size or the seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Shares are 0 to 1, of what the name ends with; roles are shares of the clinicians.

    Where a share of ten or more clinicians is above 0, at least one of them has the feature.
    """

    # People
    supervisor: float = 0.07
    prescriber: float = 0.10
    intern: float = 0.10
    tester: float = 0.05
    owner_clinician: float = 0.02
    other_staff: float = 0.05
    second_account_clinician: float = 0.08
    contractor_clinician: float = 0.12
    part_time_clinician: float = 0.20
    fte_change_clinician: float = 0.08
    hired_clinician: float = 0.12
    leaving_clinician: float = 0.12
    rehired_clinician: float = 0.05
    parental_clinician: float = 0.05
    on_call_clinician: float = 0.15
    group_clinician: float = 0.16
    overloaded_clinician: float = 0.08
    underbooked_clinician: float = 0.08
    template_clinician: float = 0.15
    no_availability_clinician: float = 0.05
    # Days
    sick_day_week: float = 0.02
    half_day_week: float = 0.02
    holiday_not_booked: float = 0.5
    # Clients and episodes
    returning_episode: float = 0.08
    shared_prescriber_client: float = 0.4
    couple_episode: float = 0.06
    family_episode: float = 0.02
    transferred_episode: float = 0.03
    bulk_cancel_episode: float = 0.10
    never_closed_episode: float = 0.05
    duplicate_client: float = 0.015
    unmatched_client: float = 0.01
    conflicting_client: float = 0.004
    deceased_episode: float = 0.02
    telehealth_client: float = 0.35
    minor_client: float = 0.12
    weekly_client: float = 0.45
    # Appointments
    booked_seat: float = 0.98
    no_show: float = 0.055
    late_cancel: float = 0.03
    advance_cancel: float = 0.045
    cancel_at_start: float = 0.004
    switched_seat: float = 0.05
    cancel_time_unknown: float = 0.008
    clinician_cancel: float = 0.012
    rescheduled: float = 0.02
    entered_in_error: float = 0.005
    unknown_appointment: float = 0.0015
    unreviewed_appointment: float = 0.0015
    booked_at_unknown: float = 0.02
    # Sessions
    kept_without_session: float = 0.005
    scheduled_duration_session: float = 0.15
    nominal_duration_session: float = 0.05
    entered_duration_session: float = 0.10
    partial_session: float = 0.015
    voided_session: float = 0.002
    unknown_session: float = 0.0015
    unreviewed_session: float = 0.0015
    on_call_week: float = 0.35
    overlapping_week: float = 0.05
    # Notes, messages, log
    missing_note: float = 0.02
    unsigned_note: float = 0.01
    late_note: float = 0.04
    evening_note: float = 0.12
    night_note: float = 0.01
    early_note: float = 0.01
    amended_note: float = 0.03
    thread_appointment: float = 0.22
    answered_message: float = 0.78
    night_message: float = 0.06
    internal_mail_day: float = 0.3
    # Outcomes
    measured_visit: float = 0.85
    missing_item_response: float = 0.03
    refused_response: float = 0.02
    item_nine_client: float = 0.10
    perinatal_client: float = 0.06
    alert_with_action: float = 0.7
    # Billing
    unlinked_charge: float = 0.03
    late_claim: float = 0.02
    denied_claim: float = 0.07
    reversed_claim: float = 0.015
    secondary_payer_client: float = 0.06
    no_show_fee: float = 0.25
    unbalanced_remit: float = 0.04
    provider_adjusted_remit: float = 0.06
    # Surveys, work and change
    survey_answered: float = 0.75
    report_delivered: float = 0.9
    cancelled_supervision: float = 0.08
    capacity_flag_month: float = 0.08
    weighted_episode: float = 0.8
