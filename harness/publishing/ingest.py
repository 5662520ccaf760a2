"""Publishing into a Jenkins from elsewhere, by its ingest job: no API takes JUnit for any build, but a job can take a file.

The job is jenkins/Jenkinsfile.ingest, and what it takes is in jenkins/README.md. A run has one build there, known by its parameter
RUN_ID; one that FAILED or was ABORTED has published nothing and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.jenkins.address import JobAddress
from harness.jenkins.connection import Connection, Credentials
from harness.jenkins.errors import JenkinsError, LostError, RefusedError
from harness.jenkins.follow import follow, number_of
from harness.jenkins.job import Build, Job, Ordered
from harness.jenkins.patience import Patience
from harness.jenkins.trigger import Order, place
from harness.publishing.api import Publication, Published, Tell
from harness.publishing.archive import pack
from harness.publishing.state import Record, State, alone
from harness.reporting import words

JOB = "kubernetes-azure-ingest"
"""Of a server whose address names no job."""
_ARCHIVE = ".published.zip"
_TAIL = 20
"""Lines of the log of a build that failed."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class IngestPublisher:
    """An ingest job."""

    address: JobAddress
    credentials: Credentials | None
    patience: Patience

    def publish(self, publication: Publication, tell: Tell) -> Published:
        """One build for the run, to its end."""
        connection = Connection(self.address.server, self.credentials, self.patience.pace)
        one = _One(Job(connection, self.address), publication, replace(self.patience, tell=tell))
        try:
            with alone(publication.folder, self.patience.left):
                return one.publish()
        finally:
            connection.close()


@dataclass(frozen=True)
class _One:
    """One publication to one job; each step is written down when it is done, and can be done again."""

    job: Job
    publication: Publication
    patience: Patience

    def publish(self) -> Published:
        already = self._already()
        if already:
            return Published(already.url, already=True)
        while True:
            ordered, sent = self._ordered()
            try:
                return self._to_the_end(ordered, sent)
            except LostError as error:
                self._note(Record())
                self.patience.tell(f"{error.last_seen}; ordering it again")

    def _to_the_end(self, ordered: Ordered, sent: bool) -> Published:
        log: list[str] = []
        number = number_of(self.job, ordered, self.patience)
        self._note(Record(queue_id=ordered.queue_id, number=number))
        build = follow(self.job, number, self.patience, log.append)
        if build.failed:
            self._note(Record())  # the next call orders it anew
            tail = "".join(log).splitlines()[-_TAIL:]
            raise JenkinsError(
                f"publish {self.publication.run}",
                awaited=f"build {number} of {self.job.address.url}",
                last_seen=f"it ended as {build.result}",
                hint=f"read {build.url}console, then publish again",
                log_tail="\n".join(tail),
            )
        self._describe(build)
        self._note(Record(queue_id=ordered.queue_id, number=number, done=True))
        return Published(build.url, already=not sent)

    @property
    def _state(self) -> State:
        return State(self.publication.folder)

    @property
    def _place(self) -> str:
        """With the run's id: somebody may copy the folder to make another run of it."""
        return f"{self.job.address.url} {self.publication.run}"

    @property
    def _record(self) -> Record:
        return self._state.of(self._place)

    def _note(self, record: Record) -> None:
        self._state.set(self._place, record)

    def _already(self) -> Build | None:
        """The build of a publication that was finished, if Jenkins still has it."""
        record = self._record
        if not record.done:
            return None
        build = self._insist("look for", lambda: self.job.build(record.number))
        return build if build and not build.failed and build.queue_id == record.queue_id else None

    def _ordered(self) -> tuple[Ordered, bool]:
        record = self._record
        self._archive.unlink(missing_ok=True)  # of somebody who was killed; the run's reports may be newer
        if not (record.ordering or record.queue_id):
            self._insist("look at the parameters of", lambda: self.job.check({*self._form, "ARCHIVE"}))
        order = Order(self._form, {"RUN_ID": self.publication.run}, files=self._files, unsettled=record.ordering)
        placed = place(self.job, order, self.patience, lambda: self._note(Record(ordering=True)))
        self._note(Record(queue_id=placed.ordered.queue_id, number=placed.ordered.number))
        self._archive.unlink(missing_ok=True)
        return placed.ordered, placed.sent

    @property
    def _form(self) -> Mapping[str, str]:
        told = self.publication
        return {"RUN_ID": told.run, "DISPLAY_NAME": told.display_name, "DESCRIPTION": told.description}

    def _files(self) -> Mapping[str, Path]:
        if not self._archive.exists():
            pack(self.publication.folder, self._archive, f"reports/{self.publication.run}")
            self.patience.tell(f"sending {words.size(self._archive.stat().st_size)} to {self.job.address.url}")
        return {"ARCHIVE": self._archive}

    @property
    def _archive(self) -> Path:
        return self.publication.folder / _ARCHIVE

    def _describe(self, build: Build) -> None:
        """The job does that by itself if its plugins and permissions let it."""
        told = self.publication
        if (build.display_name, build.description) == (told.display_name, told.description):
            return
        try:
            self._insist("describe", lambda: self.job.describe(build.number, told.display_name, told.description))
        except RefusedError as error:
            self.patience.tell(f"name and description are left as the job set them: {error.last_seen}")

    def _insist(self, doing: str, ask: Callable[[], _T]) -> _T:
        return self.patience.insist(f"{doing} {self.job.address.url}", ask)
