"""The beans of Jenkins' API: what jobs, builds and the queue look like to clients, with Jenkins' own class names."""

from __future__ import annotations

from dataclasses import dataclass

from .export import Bean, Hidden, Map, Ref
from .model import Build, Item, Model
from .work import JOBS, Parameter

_MOST = 100
"""``builds`` of a job shows so many; ``allBuilds`` all of them."""


def suite_bean(suite: Bean) -> Bean:
    """A suite of ``testReport``; its properties, and those of its cases, are maps."""
    cases = [{**case, "properties": Map(case.get("properties", {}))} for case in suite["cases"]]
    return {**suite, "properties": Map(suite.get("properties", {})), "cases": cases}


@dataclass(frozen=True)
class Beans:
    """Made afresh for each request: addresses in them begin as the request's own."""

    model: Model
    root: str

    def server(self) -> Bean:
        top = dict.fromkeys(name.partition("/")[0] for name in JOBS)
        return {
            "_class": "hudson.model.Hudson",
            "mode": "NORMAL",
            "nodeDescription": "the Jenkins controller's built-in node",
            "quietingDown": False,
            "useCrumbs": True,
            "url": self.root,
            "jobs": [Ref(lambda name=name: self.named(name), ("name", "url", "color")) for name in top],
        }

    def named(self, name: str) -> Bean:
        return self.job(name) if name in JOBS else self.folder(name)

    def folder(self, name: str) -> Bean:
        inside = [job for job in JOBS if job.startswith(f"{name}/")]
        return {
            "_class": "com.cloudbees.hudson.plugins.folder.Folder",
            "fullName": name,
            "name": name,
            "url": self.job_url(name),
            "jobs": [Ref(lambda job=job: self.job(job), ("name", "url", "color")) for job in inside],
        }

    def job(self, name: str) -> Bean:
        builds = [Ref(lambda build=build: self.build(build)) for build in self.model.of(name)]
        last = self.permalinks(name)
        queued = next((item for item in self.model.waiting() if item.job == name), None)
        parameters = [self._definition(parameter) for parameter in JOBS[name].parameters]
        definitions = {"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": parameters}
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
            "actions": [{}],
            "description": "",
            "displayName": name.rpartition("/")[2],
            "fullName": name,
            "name": name.rpartition("/")[2],
            "url": self.job_url(name),
            "buildable": True,
            "builds": builds[:_MOST],
            "allBuilds": Hidden(builds),
            "color": "blue",
            "firstBuild": builds[-1] if builds else None,
            "inQueue": queued is not None,
            "keepDependencies": False,
            **{link: Ref(lambda to=to: self.build(to)) if to else None for link, to in last.items()},
            "nextBuildNumber": (self.model.of(name)[0].number if builds else 0) + 1,
            "property": [definitions] if parameters else [],
            "queueItem": self.item(queued) if queued else None,
            "concurrentBuild": JOBS[name].concurrent,
        }

    def permalinks(self, name: str) -> dict[str, Build | None]:
        """Names that stand for the newest build of a kind, in a job's bean and in addresses."""
        wanted = {
            "lastBuild": (None, "SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"),
            "lastCompletedBuild": ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"),
            "lastFailedBuild": ("FAILURE",),
            "lastStableBuild": ("SUCCESS",),
            "lastSuccessfulBuild": ("SUCCESS", "UNSTABLE"),
            "lastUnstableBuild": ("UNSTABLE",),
            "lastUnsuccessfulBuild": ("UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"),
        }
        return {
            link: next((build for build in self.model.of(name) if build.result in results), None)
            for link, results in wanted.items()
        }

    def build(self, build: Build) -> Bean:
        neighbours = {number: self.model.build(build.job, build.number + number) for number in (-1, 1)}
        before, after = (Ref(lambda at=at: self.build(at)) if at else None for at in neighbours.values())
        report = [] if build.work.report is None or build.building else [self._counts(build)]
        name = build.display_name or f"#{build.number}"
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "actions": [*self._actions(build), {}, *report],
            "artifacts": [],
            "building": build.building,
            "description": build.description or None,
            "displayName": name,
            "duration": 0 if build.building else int(1000 * (build.ends - build.started)),
            "estimatedDuration": -1,
            "executor": None,
            "fullDisplayName": f"{build.job.replace('/', ' » ')} {name}",
            "id": str(build.number),
            "inProgress": build.building,
            "keepLog": False,
            "number": build.number,
            "queueId": build.queue_id,
            "result": build.result,
            "timestamp": int(build.started * 1000),
            "url": f"{self.job_url(build.job)}{build.number}/",
            "changeSets": [],
            "culprits": [],
            "nextBuild": after,
            "previousBuild": before,
        }

    def queue(self) -> Bean:
        return {
            "_class": "hudson.model.Queue",
            "discoverableItems": [],
            "items": [self.item(item) for item in self.model.waiting()],
        }

    def item(self, item: Item) -> Bean:
        build = self.model.build(item.job, item.number) if item.number else None
        why = self.model.why(item)
        kind = (
            "LeftItem"
            if item.left
            else "BlockedItem"
            if "progress" in why
            else "BuildableItem"
            if why
            else "WaitingItem"
        )
        secret = {parameter.name for parameter in JOBS[item.job].parameters if parameter.kind != "String"}
        bean: Bean = {
            "_class": f"hudson.model.Queue${kind}",
            "actions": self._actions(item),
            "blocked": kind == "BlockedItem",
            "buildable": kind == "BuildableItem",
            "id": item.id,
            "inQueueSince": int(item.since * 1000),
            "params": "".join(f"\n{key}={value}" for key, value in item.parameters.items() if key not in secret),
            "stuck": False,
            "task": Ref(lambda: self.job(item.job), ("name", "url", "color")),
            "url": f"queue/item/{item.id}/",
            "why": None if item.left else why or f"In the quiet period. Expires in {item.quiet} sec",
        }
        if item.left:
            bean |= {
                "cancelled": item.cancelled,
                "executable": Ref(lambda: self.build(build)) if build else None,
            }
        return bean

    def computer(self) -> Bean:
        busy = [Ref(lambda build=build: self.build(build)) for build in self.model.builds if build.building]
        one = {"_class": "hudson.model.Hudson$MasterComputer", "displayName": "Built-In Node", "offline": False}
        executors = [{"currentExecutable": build, "idle": False, "number": index} for index, build in enumerate(busy)]
        computer = {**one, "executors": [], "oneOffExecutors": Hidden(executors)}
        return {"_class": "hudson.model.ComputerSet", "busyExecutors": len(busy), "computer": [computer]}

    def test_report(self, build: Build) -> Bean | None:
        if build.work.report is None or build.building:
            return None
        suites = [
            {"duration": 0.0, "id": None, "timestamp": None, "stdout": None, "stderr": None, **suite_bean(suite)}
            for suite in build.work.report["suites"]
        ]
        head = {"_class": "hudson.tasks.junit.TestResult", "duration": 0.0, "empty": not suites}
        return {**head, **build.work.report, "suites": suites}

    def job_url(self, name: str) -> str:
        return f"{self.root}job/{name.replace('/', '/job/')}/"

    def _actions(self, of: Build | Item) -> list[Bean]:
        cause = {
            "_class": "hudson.model.Cause$UserIdCause",
            "shortDescription": f"Started by user {of.user}",
            "userId": of.user,
            "userName": of.user,
        }
        causes: Bean = {"_class": "hudson.model.CauseAction", "causes": [cause]}
        kinds = {parameter.name: parameter.kind for parameter in JOBS[of.job].parameters}
        values = [self._value(name, kinds[name], value) for name, value in of.parameters.items()]
        return [{"_class": "hudson.model.ParametersAction", "parameters": values}, causes] if values else [causes]

    def _value(self, name: str, kind: str, value: str) -> Bean:
        """Neither what is in a file nor what is a password is shown."""
        if kind == "String":
            return {"_class": "hudson.model.StringParameterValue", "name": name, "value": value}
        place = "hudson.model" if kind == "Password" else "io.jenkins.plugins.file_parameters"
        return {"_class": f"{place}.{kind}ParameterValue", "name": name}

    def _definition(self, parameter: Parameter) -> Bean:
        kind = f"{parameter.kind}ParameterDefinition"
        value = {"_class": "hudson.model.StringParameterValue", "name": parameter.name, "value": parameter.default}
        return {
            "_class": f"hudson.model.{kind}",
            "defaultParameterValue": value,
            "description": "",
            "name": parameter.name,
            "type": kind,
        }

    def _counts(self, build: Build) -> Bean:
        report = build.work.report or {}
        counts = {key: report[key] for key in ("failCount", "skipCount")}
        total = sum(report[key] for key in ("failCount", "passCount", "skipCount"))
        kind = "hudson.tasks.junit.TestResultAction"
        return {"_class": kind, **counts, "totalCount": total, "urlName": "testReport"}
