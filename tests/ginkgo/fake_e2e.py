#!/usr/bin/env python3
"""Speaks e2e.test's side of ginkgo's parallel protocol over HTTP; what a spec does is in its name.

``passes``, ``fails``, ``fails once``, ``skips``, ``dies``, ``hangs`` (ends when interrupted), ``deaf`` (does not), ``lies``
(reports another spec), ``sleeps 0.2``. Reads the specs from inventory.json beside its folder, and leaves a line in ``ran.log``
there for each one run.
``--list-conformance-tests`` prints conformance.yaml of that folder, or else what upstream's would be for these specs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


class InterruptedSpecError(Exception):
    pass


def list_conformance() -> None:
    kept = HOME / "conformance.yaml"
    specs = json.loads((HOME / "inventory.json").read_text())["specs"]
    names = [spec["text"] for spec in specs if "Conformance" in spec["labels"]]
    lines = [f"- testname: a test\n  codename: {json.dumps(name)}\n  release: v1.9, v1.16" for name in names]
    print(kept.read_text() if kept.exists() else "\n".join(lines))


def main() -> None:
    flags = dict(argument.lstrip("-").partition("=")[::2] for argument in sys.argv[1:])
    tempfile.mkdtemp(prefix="test-kuberc")  # as upstream's, which never removes it
    assert os.environ["GINKGO_PARALLEL_PROTOCOL"] == "HTTP"
    assert "KUBECONFIG" not in os.environ
    url, process = flags["ginkgo.parallel.host"], int(flags["ginkgo.parallel.process"])
    specs = json.loads((HOME / "inventory.json").read_text())["specs"]
    call(url, "/suite-will-begin", {})
    state = call(url, "/before-suite-state")["State"] if process > 1 else "passed"
    broken = (HOME / "broken").exists()
    report(url, {"LeafNodeType": "SynchronizedBeforeSuite", "State": "failed" if broken else state,
                 "Failure": {"Message": "no nodes"} if broken else None})  # fmt: skip
    print("started", flush=True)
    parallel = [spec for spec in specs if not spec["serial"]]
    while not broken and (index := call(url, "/counter")["Index"]) < len(parallel):
        run(url, parallel[index])
    if process == 1:
        call(url, "/have-nonprimary-procs-finished")
        focus = re.compile(flags["ginkgo.focus"])
        for spec in [spec for spec in specs if spec["serial"]]:
            run(url, spec, skip=not focus.search(f"Kubernetes e2e suite {spec['text']}"))


def run(url: str, spec: dict, *, skip: bool = False) -> None:
    text, began = spec["text"], datetime.now(UTC)
    document = {
        "LeafNodeType": "It", "LeafNodeText": text.partition(" ")[2], "ContainerHierarchyTexts": [text.partition(" ")[0]],
        "State": "skipped" if skip else "passed", "StartTime": began.isoformat(),
        "CapturedGinkgoWriterOutput": f"output of {text}\n",
        "SpecEvents": [{"SpecEventType": "By", "Message": "looking", "TimelineLocation": {"Time": began.isoformat()}}],
    }  # fmt: skip
    if not skip:
        with (HOME / "ran.log").open("a") as log:
            log.write(f"{os.getpid()} {text}\n")
        try:
            document |= behave(url, text)
        except InterruptedSpecError:
            document |= {"State": "interrupted", "Failure": {"Message": "InterruptedSpecError by User"}}
    document["RunTime"] = int((datetime.now(UTC) - began).total_seconds() * 1e9)
    report(url, document)


def behave(url: str, text: str) -> dict:
    if "dies" in text:
        print("panic: dies", flush=True)
        os._exit(3)
    if match := re.search(r"sleeps ([\d.]+)", text):
        time.sleep(float(match[1]))
    if "hangs" in text or "deaf" in text:
        signal.signal(signal.SIGINT, signal.SIG_IGN if "deaf" in text else interrupt)
        signal.signal(signal.SIGUSR1, lambda *_: call(url, "/progress-report", {"CurrentStepText": "waiting for ever"}))
        signal.signal(signal.SIGQUIT, dump)
        (HOME / "hanging").touch()
        time.sleep(60)
    if "fails" in text and not ("fails once" in text and (HOME / "ran.log").read_text().count(f" {text}\n") > 1):
        location = {"FileName": "k8s.io/kubernetes@v1.37.2/test/e2e/apps/job.go", "LineNumber": 12}
        return {"State": "failed", "Failure": {"Message": "expected 1, got 2\nmore", "Location": location}}
    if "skips" in text:
        return {"State": "skipped", "Failure": {"Message": "needs IPv6"}}
    return {"LeafNodeText": "another"} if "lies" in text else {}


def dump(*_: object) -> None:
    """As Go does it."""
    print("SIGQUIT: quit\n" + "".join(f"goroutine {n} [select]:\n" for n in range(2000)), flush=True)
    os._exit(2)


def interrupt(*_: object) -> None:
    raise InterruptedSpecError


def report(url: str, document: dict) -> None:
    call(url, "/did-run", document)


def call(url: str, path: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url + path, data)) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if error.code != 425:
                sys.exit(0 if error.code == 410 else 1)
            time.sleep(0.05)


list_conformance() if "--list-conformance-tests" in sys.argv else main()
