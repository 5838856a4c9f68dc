"""The synthetic practice holds what it says, by plain counting over its resources and files."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from pacekeeper.testing import Practice, build_practice, plant

WEEK = timedelta(days=7)
LEAVE = {"pto", "sick", "holiday", "closure"}


def _bytes(practice: Practice) -> bytes:
    return orjson.dumps(vars(practice))


def _local(text: str) -> datetime:
    """Wall-clock time as written, without its offset."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


class Count:
    """Plain counts over a practice, by NPI and local Monday."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.npi = {p["id"]: next(i["value"] for i in p["identifier"]) for p in practice.resources["Practitioner"]}

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.practice.files[name])))

    @cached_property
    def weeks(self) -> list[date]:
        days = {_monday(_local(e["period"]["start"]).date()) for e in self.practice.resources["Encounter"]}
        return sorted(days)

    def sessions(self) -> Iterator[tuple[str, datetime, datetime, dict[str, Any]]]:
        """(npi, start, end, encounter) of finished sessions of plausible length; times are instants."""
        for encounter in self.practice.resources["Encounter"]:
            start, end = (datetime.fromisoformat(encounter["period"][side]) for side in ("start", "end"))
            if "partOf" in encounter or encounter["status"] != "finished":
                continue
            if not timedelta() < end - start <= timedelta(minutes=480):
                continue
            for participant in encounter["participant"]:
                yield self.npi[participant["individual"]["reference"].split("/")[1]], start, end, encounter

    @cached_property
    def direct_hours(self) -> dict[tuple[str, date], float]:
        found: dict[tuple[str, date], list[tuple[datetime, datetime]]] = defaultdict(list)
        for npi, start, end, _ in self.sessions():
            found[npi, _monday(start.date())].append((start.astimezone(UTC), end.astimezone(UTC)))
        return {key: _union(intervals) for key, intervals in found.items()}

    @cached_property
    def available_hours(self) -> dict[tuple[str, date], float]:
        """Offered hours less leave and protected time; a missing key = no source."""
        offered: dict[tuple[str, date], set[int]] = defaultdict(set)
        taken: dict[tuple[str, date], set[int]] = defaultdict(set)
        leave_days = set()
        for row in self.rows("schedule_blocks.csv"):
            start, end = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
            minutes = range(start.hour * 60 + start.minute, end.hour * 60 + end.minute)
            if row["type"] == "client_available":
                offered[row["staff_npi"], start.date()].update(minutes)
            if row["type"] in LEAVE or row["protected"] == "yes":
                taken[row["staff_npi"], start.date()].update(minutes)
            if row["type"] in LEAVE:
                leave_days.add((row["staff_npi"], start.date()))
        owner = {
            s["id"]: self.npi[s["actor"][0]["reference"].split("/")[1]] for s in self.practice.resources["Schedule"]
        }
        for slot in self.practice.resources["Slot"]:
            if slot["status"] in {"free", "busy"}:
                start, end = _local(slot["start"]), _local(slot["end"])
                minutes = range(start.hour * 60, end.hour * 60)
                offered[owner[slot["schedule"]["reference"].split("/")[1]], start.date()].update(minutes)
        calendar_weeks = {(npi, _monday(day)) for npi, day in offered}
        for role in self.practice.resources["PractitionerRole"]:
            npi = self.npi[role["practitioner"]["reference"].split("/")[1]]
            for block in role.get("availableTime", ()):
                begin, stop = int(block["availableStartTime"][:2]) * 60, int(block["availableEndTime"][:2]) * 60
                for weekday in block["daysOfWeek"]:
                    for week in self.weeks:
                        if (npi, week) not in calendar_weeks:
                            number = ("mon", "tue", "wed", "thu", "fri").index(weekday)
                            offered[npi, week + timedelta(days=number)].update(range(begin, stop))
        person = {row["employee_id"]: row["npi"] for row in self.rows("employees.csv")}
        ledger: Counter[tuple[str, date]] = Counter()
        for entry in {row["entry_id"]: row for row in self.rows("pto.csv")}.values():
            if entry["type"] in {"take", "sick", "parental"} and entry["approved"] != "no":
                ledger[person[entry["employee_id"]], date.fromisoformat(entry["date"])] += float(entry["hours"])  # type: ignore[assignment]  # hours
        found: dict[tuple[str, date], float] = defaultdict(float)
        for (npi, day), minutes_offered in offered.items():
            hours = len(minutes_offered - taken[npi, day]) / 60
            if (npi, day) not in leave_days:
                hours = max(0.0, hours - ledger[npi, day])
            found[npi, _monday(day)] += hours
        return dict(found)

    @cached_property
    def seats(self) -> dict[tuple[str, date], Counter[str]]:
        """Kept, no-show and unknown seats; a client's cancel after the start is a no-show."""
        found: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)
        for appointment in {a["id"]: a for a in self.practice.resources["Appointment"]}.values():
            start = datetime.fromisoformat(appointment["start"])
            npi = self.npi[appointment["participant"][1]["actor"]["reference"].split("/")[1]]
            reason = appointment.get("cancelationReason", {"coding": [{"code": ""}]})["coding"][0]["code"]
            late = [e["valueDateTime"] for e in appointment["extension"] if "valueDateTime" in e]
            state = {"fulfilled": "kept", "noshow": "no_show", "vendor-hold": "unknown"}.get(appointment["status"])
            if reason.startswith("pat") and late and datetime.fromisoformat(late[0]) >= start:
                state = "no_show"
            if state:
                found[npi, _monday(start.date())][state] += 1
        return found

    def four_weeks(self, npi: str, week: date) -> Counter[str]:
        return sum((self.seats[npi, week - n * WEEK] for n in range(4)), Counter())

    def active_clients(self, npi: str, week: date) -> int:
        """Clients with an open episode who were seen in 60 days, or have an appointment booked by then."""
        last = week + timedelta(days=6)
        managed = {
            e["patient"]["reference"]
            for e in self.practice.resources["EpisodeOfCare"]
            if self.npi[e["careManager"]["reference"].split("/")[1]] == npi
            and e["period"]["start"] <= last.isoformat()
            and e["period"].get("end", "9999") >= last.isoformat()
        }
        return len(managed & (self._seen(npi, last) | self._expected(npi, last)))

    def _seen(self, npi: str, last: date) -> set[str]:
        return {client for client, day in self.seen_days[npi] if last - timedelta(days=60) < day <= last}

    @cached_property
    def seen_days(self) -> dict[str, set[tuple[str, date]]]:
        found: dict[str, set[tuple[str, date]]] = defaultdict(set)
        for npi, start, _, encounter in self.sessions():
            if "subject" in encounter:
                found[npi].add((encounter["subject"]["reference"], start.date()))
        return found

    def _expected(self, npi: str, last: date) -> set[str]:
        return {client for client, created, start in self.held[npi] if created <= last.isoformat() < start}

    @cached_property
    def held(self) -> dict[str, list[tuple[str, str, str]]]:
        """Client, day of booking and day of every appointment that was not called off, by clinician."""
        found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for appointment in self.practice.resources["Appointment"]:
            client, clinician = (p["actor"]["reference"] for p in appointment["participant"][:2])
            if appointment["status"] in {"booked", "fulfilled", "noshow"}:
                days = appointment.get("created", "0")[:10], appointment["start"][:10]
                found[self.npi[clinician.split("/")[1]]].append((client, *days))
        return found


def _union(intervals: list[tuple[datetime, datetime]]) -> float:
    hours, reached = 0.0, None
    for start, end in sorted(intervals):
        begin = start if reached is None else max(start, reached)
        if end > begin:
            hours += (end - begin).total_seconds() / 3600
        reached = end if reached is None else max(reached, end)
    return hours


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice()


@pytest.fixture(scope="module")
def count(practice: Practice) -> Count:
    return Count(practice)


def _scale(count: Count, npi: str, week: date) -> float:
    rows = [
        row
        for row in count.rows("employees.csv")
        if row["npi"] == npi and row["start_date"] <= week.isoformat() and (row["end_date"] or "9") >= week.isoformat()
    ]
    return min(float(rows[0]["fte"]), 1.0) if rows and rows[0]["fte"] else 1.0


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (build_practice(clinicians=6, weeks=14, seed=seed) for seed in (3, 3, 4))
    assert _bytes(first) == _bytes(again)
    assert _bytes(first) != _bytes(other)


def test_size_follows_the_arguments() -> None:
    small, large = build_practice(clinicians=3, weeks=4), build_practice(clinicians=44, weeks=6)
    assert len(Count(small).weeks) == 4
    assert len({Count(large).npi[p] for p in Count(large).npi}) == 43, "one of 44 is in HR only"


def test_a_clinician_is_the_same_in_a_larger_practice() -> None:
    small, large = build_practice(clinicians=3, weeks=14), build_practice(clinicians=5, weeks=14)
    size = len(small.resources["Encounter"])
    assert large.resources["Encounter"][:size] == small.resources["Encounter"]


def test_all_five_states_are_planted(practice: Practice) -> None:
    assert {planted.state for planted in practice.answer_key} == {"pass", "warn", "breach", "unknown", "exempt"}


def test_as_of_is_the_end_of_the_last_week_in_the_western_zone(practice: Practice) -> None:
    assert practice.as_of == datetime(2026, 4, 6, 6, tzinfo=UTC)
    for resources in practice.resources.values():
        for resource in resources:
            assert datetime.fromisoformat(resource["meta"]["lastUpdated"].replace("Z", "+00:00")) < practice.as_of


def test_every_reference_resolves(practice: Practice) -> None:
    known = {f"{kind}/{r['id']}" for kind, resources in practice.resources.items() for r in resources}
    missing = {r for resources in practice.resources.values() for one in resources for r in _references(one)} - known
    assert missing == set()


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_ids_are_unique_but_for_the_planted_duplicate(practice: Practice) -> None:
    repeats = {
        kind: [i for i, n in Counter(r["id"] for r in resources).items() if n > 1]
        for kind, resources in practice.resources.items()
    }
    assert sum(len(found) for found in repeats.values()) == practice.dirt["appointment_duplicate"] == 1
    first, last = practice.resources["Appointment"][0], practice.resources["Appointment"][-1]
    assert first == last


def test_planted_direct_hours_hold_with_their_margin(practice: Practice, count: Count) -> None:
    for planted in (p for p in practice.answer_key if p.guardrail == "direct_hours" and p.state != "unknown"):
        scale = _scale(count, planted.subject, planted.period)
        recent = [count.direct_hours.get((planted.subject, planted.period - n * WEEK), 0.0) for n in range(4)]
        over = sum(hours > 30 * scale for hours in recent)
        assert planted.margin is not None
        if planted.state == "breach":
            single, pattern = recent[0] - 35 * scale, recent[0] - 30 * scale
            assert single >= planted.margin or (over >= 3 and pattern >= planted.margin), planted
        else:
            assert 22 * scale + planted.margin <= recent[0] <= 35 * scale - planted.margin, planted
            assert over < 3, planted


def test_nobody_else_comes_near_the_ceiling(practice: Practice, count: Count) -> None:
    planted = {(p.subject, p.period) for p in practice.answer_key if p.guardrail == "direct_hours"}
    for (npi, week), hours in count.direct_hours.items():
        if (npi, week) not in planted:
            assert hours <= 21.5 * _scale(count, npi, week), (npi, week)


def test_planted_utilization_holds_with_its_margin(practice: Practice, count: Count) -> None:
    low = Counter[str]()
    for planted in (p for p in practice.answer_key if p.guardrail == "utilization"):
        available = count.available_hours.get((planted.subject, planted.period))
        direct = count.direct_hours.get((planted.subject, planted.period), 0.0)
        if planted.why == "no source says when this clinician is available":
            assert available is None
            continue
        assert available is not None, planted
        if planted.margin is None:
            assert planted.state in {"exempt", "unknown"}
            assert available == 0 or available <= 6 or "unknown status" in planted.why, planted
            continue
        ratio, margin = direct / available, planted.margin
        if "low week" in planted.why:
            assert ratio <= 0.70 - margin, planted
            low[planted.subject] += 1
            assert planted.state == ("pass" if low[planted.subject] < 3 else "breach")
        elif planted.state == "exempt":
            assert ratio <= 0.70 - margin, planted
        elif planted.state == "breach":
            assert ratio >= 0.90 + margin, planted
        else:
            assert 0.85 + margin <= ratio <= 0.90 - margin, planted


def test_everybody_else_is_used_between_072_and_083(practice: Practice, count: Count) -> None:
    planted = {(p.subject, p.period) for p in practice.answer_key if p.guardrail == "utilization"}
    calls = {_monday(s.date()): n for n, s, _, e in count.sessions() if e["type"][0]["coding"][0]["code"] == "crisis"}
    checked = 0
    for (npi, week), available in count.available_hours.items():
        if (npi, week) in planted or week not in count.weeks or available < 8 or calls.get(week) == npi:
            continue
        assert 0.72 <= count.direct_hours.get((npi, week), 0.0) / available <= 0.83, (npi, week)
        checked += 1
    assert checked > 700


def test_planted_no_shows_hold_with_their_margin(practice: Practice, count: Count) -> None:
    planted = {(p.subject, p.period): p for p in practice.answer_key if p.guardrail == "no_show"}
    for week in count.weeks:
        for npi in set(count.npi.values()):
            seats, expected = count.four_weeks(npi, week), planted.get((npi, week))
            total = seats["kept"] + seats["no_show"]
            ratio = seats["no_show"] / total if total else 0.0
            if expected is None:
                assert total < 20 or ratio <= 0.085, (npi, week, seats)
                assert not seats["unknown"]
            elif expected.state == "breach":
                assert total >= 40
                assert expected.margin is not None
                assert ratio >= 0.10 + expected.margin, (expected, seats)
            else:
                assert total < 20 or seats["unknown"], expected


def test_planted_caseloads_hold_with_their_margin(practice: Practice, count: Count) -> None:
    planted = [p for p in practice.answer_key if p.guardrail == "active_caseload"]
    for one in (p for p in planted if p.period in {count.weeks[5], count.weeks[14], count.weeks[-1]}):
        active = count.active_clients(one.subject, one.period)
        assert active == {"breach": 68, "warn": 55}[one.state]
    named = {one.subject for one in planted}
    for npi in sorted(set(count.npi.values()) - named):
        assert count.active_clients(npi, count.weeks[14]) <= 46 * _scale(count, npi, count.weeks[14])


def test_the_week_of_the_clock_change_has_sessions_in_both_zones_with_the_right_offsets(practice: Practice) -> None:
    starts = [e["period"]["start"] for e in practice.resources["Encounter"]]
    before = {s[-6:] for s in starts if "2026-03-02" <= s[:10] <= "2026-03-07"}
    after = {s[-6:] for s in starts if "2026-03-09" <= s[:10] <= "2026-03-14"}
    assert before == {"-05:00", "-07:00"}
    assert after == {"-04:00", "-06:00"}


def test_a_session_runs_over_the_skipped_hour(practice: Practice) -> None:
    night = [e for e in practice.resources["Encounter"] if e["period"]["start"].startswith("2026-03-08T01:30")]
    assert [e["period"] for e in night] == [{"start": "2026-03-08T01:30:00-05:00", "end": "2026-03-08T03:30:00-04:00"}]


def test_the_dirt_is_there_as_often_as_listed(practice: Practice, count: Count) -> None:
    appointments = practice.resources["Appointment"]
    lengths = [
        datetime.fromisoformat(e["period"]["end"]) - datetime.fromisoformat(e["period"]["start"])
        for e in practice.resources["Encounter"]
    ]
    observations = practice.resources["Observation"]
    blocks = Counter(row["block_id"] for row in count.rows("schedule_blocks.csv"))
    assert practice.dirt == {
        "appointment_status_unmapped": sum(a["status"] == "vendor-hold" for a in appointments),
        "cancel_reason_unmapped": sum("zz-legacy-7" in json.dumps(a) for a in appointments),
        "modality_unmapped": sum("hologram" in json.dumps(a) for a in appointments),
        "session_status_unknown": sum(e["status"] == "unknown" for e in practice.resources["Encounter"]),
        "session_zero_minutes": lengths.count(timedelta()),
        "session_600_minutes": lengths.count(timedelta(minutes=600)),
        "session_entered_in_error": sum(e["status"] == "entered-in-error" for e in practice.resources["Encounter"]),
        "phq9_total_not_whole": sum(o.get("valueQuantity", {}).get("value") == 18.42 for o in observations),
        "phq9_item_out_of_range": sum("derivedFrom" in o and o["valueInteger"] > 3 for o in observations),
        "appointment_duplicate": len(appointments) - len({a["id"] for a in appointments}),
        "csv_broken_date": sum(row["start_date"] == "2025-13-40" for row in count.rows("employees.csv")),
        "csv_duplicate_row": len(count.rows("pto.csv")) - len({tuple(r.items()) for r in count.rows("pto.csv")}),
        "csv_duplicate_id": sum(n > 1 for n in blocks.values()),
    }
    assert all(practice.dirt.values())


def test_what_must_occur_occurs(practice: Practice, count: Count) -> None:
    appointments = practice.resources["Appointment"]
    assert {"booked", "fulfilled", "noshow", "cancelled", "entered-in-error"} <= {a["status"] for a in appointments}
    ahead = [a for a in appointments if datetime.fromisoformat(a["start"]) >= practice.as_of]
    assert ahead
    assert all(datetime.fromisoformat(a["created"]) < practice.as_of for a in ahead)
    types = Counter(e["type"][0]["coding"][0]["code"] for e in practice.resources["Encounter"])
    assert set(types) == {"intake", "individual", "couple", "family", "group", "crisis", "testing", "medication"}
    assert {e["class"]["code"] for e in practice.resources["Encounter"]} == {"AMB", "VR", "HH"}
    assert any(len(e.get("participant", ())) == 2 for e in practice.resources["Encounter"]), "co-therapists"
    nine = [o for o in practice.resources["Observation"] if o["id"].endswith("-item9")]
    assert any(o["valueInteger"] > 0 for o in nine)
    sizes = Counter(len(o["hasMember"]) for o in practice.resources["Observation"] if "hasMember" in o)
    assert set(sizes) == {9, 10}, "a total and nine items, or one item fewer"
    assert any("end" in e["period"] for e in practice.resources["EpisodeOfCare"])
    assert any(p.get("deceasedBoolean") for p in practice.resources["Patient"])
    accounts = Counter(count.npi.values())
    assert sorted(accounts.values())[-1] == 2, "one person has two accounts"
    assert len({row["npi"] for row in count.rows("employees.csv") if row["npi"]} - set(accounts)) == 1, "one in HR only"


def test_some_clients_miss_two_appointments_in_a_row(practice: Practice) -> None:
    by_client = defaultdict(list)
    for appointment in practice.resources["Appointment"]:
        if appointment["status"] in {"fulfilled", "noshow"}:
            client = appointment["participant"][0]["actor"]["reference"]
            by_client[client].append((appointment["start"], appointment["status"]))
    runs = [
        client
        for client, found in by_client.items()
        if any(a[1] == b[1] == "noshow" for a, b in zip(sorted(found), sorted(found)[1:], strict=False))
    ]
    assert len(runs) >= 20


def test_totals_are_the_sum_of_their_items(practice: Practice) -> None:
    items: dict[str, list[int]] = defaultdict(list)
    totals = {}
    for one in practice.resources["Observation"]:
        if "derivedFrom" in one:
            items[one["derivedFrom"][0]["reference"].split("/")[1]].append(one["valueInteger"])
        elif "valueInteger" in one and not one["id"].endswith("-gad7"):
            totals[one["id"]] = one["valueInteger"]
    wrong = [total for total in totals if sum(items[total]) != totals[total]]
    assert len(wrong) == practice.dirt["phq9_item_out_of_range"]


def test_written_files_are_what_was_built(practice: Practice, tmp_path: Path) -> None:
    small = build_practice(clinicians=2, weeks=3)
    small.write(tmp_path)
    assert (tmp_path / "employees.csv").read_text() == small.files["employees.csv"]
    lines = (tmp_path / "fhir" / "Appointment.ndjson").read_bytes().splitlines()
    assert [orjson.loads(line) for line in lines] == small.resources["Appointment"]
    key = orjson.loads((tmp_path / "answer_key.json").read_bytes())
    assert len(key["verdicts"]) == len(small.answer_key)


def test_canaries_reach_every_field_and_are_the_same_each_time() -> None:
    practice, again = build_practice(clinicians=5, weeks=4), build_practice(clinicians=5, weeks=4)
    canaries = plant(practice)
    assert canaries == plant(again)
    assert _bytes(practice) == _bytes(again)
    text = _bytes(practice).decode()
    assert all(canary in text for canary in canaries)
    assert len(canaries) > 150
    for kind, resources in practice.resources.items():
        for resource in resources:
            assert "CANARY" in resource["id"]
            assert "CANARY" in resource["comment"], kind
    for row in csv.DictReader(io.StringIO(practice.files["employees.csv"])):
        assert "CANARY" in row["employee_id"]


def test_canaries_leave_references_and_shared_identifiers_joined() -> None:
    practice = build_practice(clinicians=5, weeks=4)
    plant(practice)
    known = {f"{kind}/{r['id']}" for kind, resources in practice.resources.items() for r in resources}
    assert {r for rs in practice.resources.values() for one in rs for r in _references(one)} <= known
    count = Count(practice)
    assert set(count.npi.values()) <= {row["npi"] for row in count.rows("employees.csv")}


def test_canaries_slip_into_codes_and_dates_of_a_few_records() -> None:
    practice = build_practice(clinicians=5, weeks=4)
    plant(practice)
    slipped = [a for a in practice.resources["Appointment"] if "CANARY" in a["status"] or "CANARY" in a["start"]]
    assert len(slipped) == 2
    assert all("mother" in a["status"] + a["start"] for a in slipped)
