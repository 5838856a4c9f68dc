"""The systems of the demo practice: built, served on loopback or written to folders, and named in its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pacekeeper.testing import FhirServer, build_practice
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper.testing.survey_corpus import SurveyCorpus, build_surveys
from pacekeeper.testing.x12_files import BillingFiles, billing_files
from pacekeeper_app.demo_home import ServedSurveys, port_before, write_demo_home

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome
    from pacekeeper.testing import PlantedBreach, Practice

_PAGE_SIZE = 500
_Server = TypeVar("_Server", FhirServer, RedcapServer)


@dataclass(frozen=True)
class DemoSystems:
    """What the EHR and the HR files, the billing files and the survey system of one practice hold."""

    practice: Practice
    billing: BillingFiles
    surveys: SurveyCorpus

    @property
    def answer_key(self) -> tuple[PlantedBreach, ...]:
        """What was planted in any of them."""
        return (*self.practice.answer_key, *self.billing.answer_key, *self.surveys.answer_key)


@dataclass(frozen=True)
class ServedPractice:
    """The systems while their servers run, and the home whose settings name them."""

    systems: DemoSystems
    ehr: FhirServer
    redcap: RedcapServer
    home: PracticeHome


def build_systems(*, clinicians: int = 40, weeks: int = 28, seed: int = 7, first_kind: int = 0) -> DemoSystems:
    """The systems of a practice, equal for equal arguments; those of `build_practice`."""
    practice = build_practice(clinicians=clinicians, weeks=weeks, seed=seed, first_kind=first_kind)
    surveys = build_surveys(_without_measures(practice), seed=seed, every=1)
    return DemoSystems(practice, billing_files(practice, seed=seed), surveys)


@contextmanager
def serve_practice(systems: DemoSystems, folder: Path, *, with_directory: bool = False) -> Iterator[ServedPractice]:
    """Serve the systems, on the ports that `folder` names from before where these are free, and write its home."""
    with ExitStack() as running:
        ehr = running.enter_context(
            _listening(
                lambda port: FhirServer(systems.practice.resources, page_size=_PAGE_SIZE, port=port),
                port_before(folder, "ehr"),
            )
        )
        redcap = running.enter_context(
            _listening(lambda port: RedcapServer(systems.surveys.projects, port=port), port_before(folder, "surveys"))
        )
        home = write_demo_home(
            folder,
            systems.practice,
            base_url=ehr.url,
            token=ehr.token or "",
            billing=systems.billing,
            surveys=ServedSurveys(systems.surveys, redcap.api_url),
            with_office=True,
            with_directory=with_directory,
        )
        yield ServedPractice(systems, ehr, redcap, home)


def _without_measures(practice: Practice) -> Practice:
    """The sessions of clients who answer no questionnaire in the EHR: nobody is asked the same in two systems."""
    asked = {observation["subject"]["reference"] for observation in practice.resources["Observation"]}
    sessions = [e for e in practice.resources["Encounter"] if e.get("subject", {}).get("reference") not in asked]
    return replace(practice, resources={**practice.resources, "Encounter": sessions})


@contextmanager
def _listening(make: Callable[[int], _Server], port: int) -> Iterator[_Server]:
    """The server on that port, or on any free one where it is taken."""
    server = make(port)
    try:
        server.start()
    except OSError:
        server = make(0)
        server.start()
    try:
        yield server
    finally:
        server.stop()
