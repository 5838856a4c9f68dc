"""From landed sheets to measures and anonymous staff answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pacekeeper import expr
from pacekeeper.connector import EntityMapping
from pacekeeper.expr import RawTables, Table, Value, literal, null
from pacekeeper_connectors.questionnaire.spec import Measure, Staff

_NOT_MAPPED = "answer_not_mapped"
# 1.1 x 10 is 11, not a hair more.
_DIGITS = 6


def sheet_value_maps(measures: Sequence[Measure], staff: Sequence[Staff]) -> dict[str, Mapping[str, str]]:
    """Scores and respondents by answer code: `<measure>_answer`, `<measure>_respondent`; a site may override them."""
    found: dict[str, Mapping[str, str]] = {}
    for measure in measures:
        found[f"{measure.label}_answer"] = measure.scores
        found[f"{measure.label}_respondent"] = measure.respondents
    for survey in staff:
        found[f"{survey.label}_answer"] = {code: f"{value:g}" for code, value in (survey.answers or {}).items()}
    return found


def sheet_mappings(measures: Sequence[Measure], staff: Sequence[Staff], *, domain: str) -> tuple[EntityMapping, ...]:
    """Mappings of a source's sheets. domain: of the client identifier."""
    found: list[EntityMapping] = []
    if measures:
        found += [
            EntityMapping("measure_response", "response", _Measures(measures).measure_response),
            EntityMapping("measure_item", "answer", _Measures(measures).measure_item),
            EntityMapping("client_identifier", "client", _identifiers(domain)),
        ]
    if staff:
        found += [
            EntityMapping("survey_wave", "staff_wave", survey_wave),
            EntityMapping("staff_survey_response", "staff_sheet", staff_survey_response),
            EntityMapping("staff_survey_item", "staff_answer", _StaffItems(staff).staff_survey_item),
        ]
    return tuple(found)


class _Measures:
    """Mappings of client sheets; scores depend on the measure."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = tuple(measures)

    def measure_response(self, raw: RawTables) -> Table:
        """One row per form. The total is recomputed where every item is answered; with items missing there is none."""
        t = raw.response
        a = self._scored(raw)
        a = a.filter(a.is_answer)
        sums = a.group_by(sums_of=a.sheet).agg(answered=a.item_no.nunique(), item_sum=a.value.sum())
        t = t.left_join(sums, t.row_key == sums.sums_of)
        unit = self._by_measure(t, lambda m: literal(float(10**m.facts.decimals)), literal(1.0))
        source_total = (t.total.cast("float64") * unit).round(_DIGITS)
        expected = self._by_measure(t, lambda m: literal(len(m.items)), null("int64"))
        answered = t.answered.coalesce(literal(0))
        t = t.mutate(stated=source_total, expected=expected, given=answered)
        is_whole = t.given == t.expected
        total = expr.cases((t.expected == 0, t.stated), (is_whole, t.item_sum), else_=null("float64"))
        is_complete = total.notnull() & t.is_submitted.coalesce(literal(True))  # noqa: FBT003  a value, not a flag
        return t.select(
            response_key=t.id,
            client_key=t.client,
            instrument=t.instrument,
            administered_at=t.administered_at,
            completed_at=t.completed_at,
            respondent=self._respondent(raw, t),
            total=total,
            source_total=t.stated,
            items_missing=(t.expected > 0).ifelse(t.expected - t.given, null("int64")),
            status=is_complete.ifelse("complete", "partial"),
            scoring_version=t.instrument + literal("-sum-1"),
        )

    def measure_item(self, raw: RawTables) -> Table:
        """One row per answer, as scored; a code that no map knows is out of scope, and its item counts as missing."""
        a = self._scored(raw)
        return a.select(
            response_key=a.response,
            item_no=a.item_no,
            value=a.value,
            out_of_scope=a.value.isnull().ifelse(_NOT_MAPPED, null("string")),
        )

    def _scored(self, raw: RawTables) -> Table:
        """Answers with response (its key), sheet (its row), value (the score) and is_answer (in the item's range)."""
        r = raw.response.select(sheet="row_key", response="id", measure="measure")
        t = raw.answer.join(r, raw.answer.parent_key == r.sheet)
        score = self._by_measure(t, lambda m: _score(raw, t, m), null("float64"))
        lowest = self._by_measure(t, lambda m: literal(float(m.facts.item_min)), null("float64"))
        highest = self._by_measure(t, lambda m: literal(float(m.facts.item_max)), null("float64"))
        t = t.mutate(value=score, lowest=lowest, highest=highest)
        is_answer = (t.value >= t.lowest) & (t.value <= t.highest) & (t.value == t.value.floor())
        return t.mutate(is_answer=is_answer)

    def _respondent(self, raw: RawTables, table: Table) -> Value:
        def of(measure: Measure) -> Value:
            if not measure.respondents:
                return table.respondent.coalesce(literal("unknown"))
            return raw.value_map(f"{measure.label}_respondent", table.respondent)

        return self._by_measure(table, of, literal("unknown"))

    def _by_measure(self, table: Table, value: Callable[[Measure], Value], otherwise: Value) -> Value:
        branches = [(table.measure == measure.label, value(measure)) for measure in self._measures]
        return expr.cases(*branches, else_=otherwise)


def _score(raw: RawTables, table: Table, measure: Measure) -> Value:
    """The score of an answer code; a number beyond the instrument's range stays, for the contract to refuse."""
    score = raw.value_map(f"{measure.label}_answer", table.answer).try_cast("float64")
    if measure.answers is None:
        score = score.coalesce(_number(table.answer))
    if not measure.reversed_items:
        return score
    is_reversed = table.item_no.isin(sorted(measure.reversed_items))
    ends = measure.facts.item_min + measure.facts.item_max
    return is_reversed.ifelse(literal(float(ends)) - score, score)


def _identifiers(domain: str) -> Callable[[RawTables], Table]:
    def client_identifier(raw: RawTables) -> Table:
        """One row per client on a form: the identifier by which other sources' records of the client are met."""
        c = raw.client
        return c.select(client_key=c.id, domain=literal(domain), match_key=c.match_key)

    return client_identifier


def survey_wave(raw: RawTables) -> Table:
    """One row per wave and team of the mapping file."""
    w = raw.staff_wave
    return w.select(wave_key=w.wave, team_key=w.team, invited_n=w.invited, opens_on=w.opens_on, closes_on=w.closes_on)


def staff_survey_response(raw: RawTables) -> Table:
    """One row per anonymous sheet."""
    s = raw.staff_sheet
    return s.select(
        response_token=s.id, wave_key=s.wave, team_key=s.team, instrument=s.instrument, submitted_week=s.week
    )


class _StaffItems:
    """Mapping of staff answers; scores depend on the survey."""

    def __init__(self, staff: Sequence[Staff]) -> None:
        self._staff = tuple(staff)

    def staff_survey_item(self, raw: RawTables) -> Table:
        """One row per answer; a code that is neither mapped nor a number is out of scope."""
        s = raw.staff_sheet.select(sheet="row_key", token="id", survey="survey")  # noqa: S106  a column
        t = raw.staff_answer.join(s, raw.staff_answer.parent_key == s.sheet)
        value = expr.cases(
            *((t.survey == survey.label, _staff_value(raw, t, survey)) for survey in self._staff),
            else_=null("float64"),
        )
        return t.select(
            response_token=t.token,
            item=t.item,
            value=value,
            out_of_scope=value.isnull().ifelse(_NOT_MAPPED, null("string")),
        )


def _staff_value(raw: RawTables, table: Table, survey: Staff) -> Value:
    if survey.answers is None:
        return _number(table.answer)
    mapped = raw.value_map(f"{survey.label}_answer", table.answer).try_cast("float64")
    # One choice of a checkbox field (`barrier___2`): 1 or 0, whatever the codes of the other items mean.
    return table.item.contains("___").ifelse(_number(table.answer), mapped)


def _number(answer: Value) -> Value:
    """An answer code that is a plain number; null for others, `nan` and `inf` among them."""
    return answer.re_search(r"^-?[0-9]+([.][0-9]+)?$").ifelse(answer.try_cast("float64"), null("float64"))
