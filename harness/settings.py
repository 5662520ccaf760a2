"""Every setting of the harness: defaults < harness.toml < HARNESS_* environment < flags.

The fields of :class:`Settings` are the one list: command-line flags (``harness ...`` and ``pytest ...``), environment names and
keys of harness.toml are all made from it, and so is docs/reference/settings.md. A field's metadata holds its help and, where
the set is closed, what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import getpass
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UsageError

FILE = "harness.toml"
PREFIX = "HARNESS_"
AXES = ("source", "deployer", "location")
"""What a cell is made of."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _setting(default: Any, help: str, *, choices: tuple[str, ...] = (), metavar: str = "", least: int = 1) -> Any:
    """A field with its help text; ``choices`` closes the set of allowed values, ``least`` is the smallest number."""
    return field(default=default, metadata={"help": help, "choices": choices, "metavar": metavar, "least": least})


def duration(text: str) -> float:
    """Seconds of a duration: ``90s``, ``30m``, ``2h``, ``1.5h``, ``7d``; raises ``UsageError`` for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration", hint="write a number and a unit: 90s, 30m, 2h or 7d")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Settings:
    """What one run is asked to do. Tuples are repeatable flags; paths are absolute once loaded."""

    cloud: str = _setting("local", "Cloud to run on.", choices=("local", "azure"))
    source: tuple[str, ...] = _setting(
        ("module:v1.37.2",),
        "Kubernetes to test: module:VERSION, path:DIR, git:URL@REF, release:VERSION or ci:latest (repeatable).",
        metavar="SOURCE",
    )
    component: tuple[str, ...] = _setting(
        (),
        "What runs beside Kubernetes, from elsewhere than usual: cloud-provider-azure=path:DIR (repeatable).",
        metavar="NAME=SOURCE",
    )
    release_mirror: str = _setting(
        "https://dl.k8s.io",
        "Where release: and ci: sources are fetched from, laid out like the default.",
        metavar="URL",
    )
    matrix: str = _setting(
        "",
        "Take the cells of this file, with their suites and owners; --source, --deployer, --location and --suite choose among them.",
        metavar="FILE",
    )
    changed_since: str = _setting(
        "",
        "Run what changes of the checkouts since this commit, branch or tag may break, and a core set.",
        metavar="REF",
    )
    deployer: tuple[str, ...] = _setting(("kubeadm",), "How clusters come up (repeatable).", metavar="NAME")
    location: tuple[str, ...] = _setting(("westeurope",), "Cloud location (repeatable).", metavar="NAME")
    failover_location: tuple[str, ...] = _setting(
        (),
        "Where a cell goes, in this order, when its location has no room: quota or capacity (repeatable).",
        metavar="NAME",
    )
    suite: tuple[str, ...] = _setting(
        (), "Suites under suites/ to run; all when not given (repeatable).", metavar="NAME"
    )
    conformance: str = _setting(
        "fast",
        "Which conformance specs: a fast selection over every SIG, or the whole label.",
        choices=("fast", "full"),
    )
    label_filter: str = _setting(
        "", "Only specs whose labels fit, in ginkgo's label language: 'sig-apps && !Slow'.", metavar="FILTER"
    )
    focus: tuple[str, ...] = _setting(
        (), "Only specs in whose text this regular expression is found (repeatable: one of them).", metavar="REGEX"
    )
    skip: tuple[str, ...] = _setting(
        (), "No specs in whose text this regular expression is found (repeatable).", metavar="REGEX"
    )
    deselect_from: tuple[str, ...] = _setting(
        (),
        "Leave out the tests that FILE lists: a node id or spec name a line, `# reason` (repeatable).",
        metavar="FILE",
    )
    tests: int = _setting(
        12, "Tests at the same time; they mostly wait, so this follows the cluster, not the CPUs.", metavar="N"
    )
    clusters: int = _setting(
        0,
        "Clusters of each cell: Serial specs run on some while the others go on; 0: what suits the suites and the cloud.",
        metavar="N",
        least=0,
    )
    cells: int = _setting(
        0,
        "Cells whose tests run at the same time, in the order of the plan, while the next comes up; 0: what suits the cloud.",
        metavar="N",
        least=0,
    )
    reruns: int = _setting(
        0,
        "Run a failed test again, this often at most, after everything else; one that then passes is flaky.",
        metavar="N",
        least=0,
    )
    infra_reruns: int = _setting(
        0,
        "The same for tests that failed for reasons of the infrastructure only, such as a dead process.",
        metavar="N",
        least=0,
    )
    control_planes: int = _setting(1, "Control-plane machines of a cluster.", metavar="N")
    workers: int = _setting(2, "Worker machines of a cluster; conformance needs two.", metavar="N")
    deadline: str = _setting("2h", "Limit for the whole run, teardown included: 90s, 30m, 2h.", metavar="DURATION")
    step_limit: str = _setting(
        "", "Limit of the Jenkins step around the run; --deadline has to be shorter.", metavar="DURATION"
    )
    agent_limit: str = _setting(
        "", "Limit of the agent that the run is on; --step-limit has to be shorter.", metavar="DURATION"
    )
    keep: str = _setting("never", "Keep clusters after the run.", choices=("never", "on-failure", "always"))
    leftovers: str = _setting(
        "report",
        "What tests leave in a cluster is listed; fail: it also fails the run.",
        choices=("report", "fail"),
    )
    expires: str = _setting("6h", "Age at which sweep may delete what the run left.", metavar="DURATION")
    owner: str = _setting("", "Owner tag; the login name when not given.", metavar="NAME")
    reports: Path = _setting(Path("reports"), "Folder that receives one folder a run.", metavar="DIR")
    cache: Path = _setting(
        Path("~/.cache/kubernetes-azure-harness"), "Builds and images, content-addressed.", metavar="DIR"
    )
    cache_limit: int = _setting(
        60,
        "Size of the cache, from which a new build removes what was not used for longest (never what was in use within a day).",
        metavar="GIB",
    )
    state: Path = _setting(
        Path("~/.local/state/kubernetes-azure-harness"), "Local Azure's store and machines.", metavar="DIR"
    )
    subscription: str = _setting("", "Azure subscription id; AZURE_SUBSCRIPTION_ID when not given.", metavar="ID")
    vm_size: str = _setting("Standard_D2s_v5", "Size of every machine.", metavar="SIZE")
    storage_account: str = _setting(
        "", "Storage account for builds on Azure (nodes fetch from it by SAS URL).", metavar="NAME"
    )
    waits: str = _setting(
        "auto",
        "Shorten what tests wait for (etcd compaction, kubelet's periods) where it changes nothing of what they test; auto: on local.",
        choices=("auto", "short", "upstream"),
    )
    patience: int = _setting(
        1,
        "How many times longer than usual machines and clusters may take to answer, on a slow host such as an emulated one.",
        metavar="N",
    )
    hold: str = _setting("10s", "How long a cluster must stay ready before tests start.", metavar="DURATION")
    standstill: str = _setting(
        "5m", "Give a cluster up when nothing new was seen of its bring-up for so long.", metavar="DURATION"
    )

    def changed(self, **values: Any) -> Settings:
        """A copy with these fields replaced."""
        return dataclasses.replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Plain data that :meth:`from_json` reads back."""
        return {
            item.name: str(value) if isinstance(value := getattr(self, item.name), Path) else value
            for item in dataclasses.fields(self)
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Settings:
        """Read what :meth:`to_json` wrote; also an earlier version's, which lacks newer settings: its clusters have to be removable."""
        values: dict[str, Any] = {
            item.name: Path(raw[item.name])
            if isinstance(item.default, Path)
            else tuple(raw[item.name])
            if isinstance(item.default, tuple)
            else raw[item.name]
            for item in dataclasses.fields(cls)
            if item.name in raw
        }
        return cls(**values)


@dataclass(frozen=True)
class Option:
    """One setting as a command-line flag; ``harness ...`` and ``pytest ...`` both make theirs from these."""

    name: str
    """Field of :class:`Settings`."""
    help: str
    metavar: str
    choices: tuple[str, ...]
    default: Any
    least: int = 1
    """Smallest number allowed, where the value is one."""

    @property
    def flag(self) -> str:
        """``--control-planes``."""
        return f"--{self.key}"

    @property
    def key(self) -> str:
        """Key of harness.toml: ``control-planes``."""
        return self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Environment name: ``HARNESS_CONTROL_PLANES``."""
        return PREFIX + self.name.upper()

    @property
    def repeatable(self) -> bool:
        """May be given several times; in the environment, values are separated by commas."""
        return isinstance(self.default, tuple)

    @property
    def allowed(self) -> str:
        """What may be written, for messages."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if isinstance(self.default, int):
            return f"a whole number, {self.least} or more"
        if self.metavar == "DURATION":
            return "a number and a unit: 90s, 30m, 2h or 7d"
        return "text" if not self.repeatable else "text, or a list of texts"

    def parse(self, raw: Any, base: Path, home: Path) -> Any:
        """The field's value; raises ``ValueError`` when ``raw`` is not allowed. Relative paths start at ``base``."""
        if self.repeatable:
            parts = [raw] if isinstance(raw, str) else list(raw) if isinstance(raw, list | tuple) else []
            if not parts:
                raise ValueError
            return tuple(self._place(self._text(part), base, home) for part in parts)
        if isinstance(self.default, int):
            if isinstance(raw, bool) or not isinstance(raw, int | str) or int(raw) < self.least:
                raise ValueError
            return int(raw)
        text = self._text(raw)
        if self.metavar == "DURATION":
            duration(text)
        if isinstance(self.default, Path):
            return _absolute(text, base, home)
        return self._place(text, base, home)

    def _place(self, text: str, base: Path, home: Path) -> str:
        """One of several values, with the path in it made absolute, if it has one."""
        if self.metavar == "FILE":
            return str(_absolute(text, base, home))
        return _located(text, base, home) if "SOURCE" in self.metavar else text

    def _text(self, raw: Any) -> str:
        if not isinstance(raw, str) or not raw.strip() or (self.choices and raw not in self.choices):
            raise ValueError
        return raw.strip()


def options() -> tuple[Option, ...]:
    """Every setting, in the order of the fields."""
    return tuple(
        Option(
            item.name,
            item.metadata["help"],
            item.metadata["metavar"],
            item.metadata["choices"],
            item.default,
            item.metadata["least"],
        )
        for item in dataclasses.fields(Settings)
    )


def load(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings for this command.

    :param flags: field name -> value; None and an empty tuple or list mean "not given".
    :param environ: the process's environment.
    :param cwd: absolute; holds harness.toml, if there is one.
    :raises UsageError: one line naming the place, the value and what is allowed.
    """
    home = Path(environ.get("HOME") or Path.home())
    known = {option.name: option for option in options()}
    values: dict[str, Any] = {
        name: _absolute(str(option.default), cwd, home)
        for name, option in known.items()
        if isinstance(option.default, Path)
    }
    given = (*_from_file(cwd / FILE, known), *_from_environment(environ, known), *_from_flags(flags, known))
    values |= _parsed(given, cwd, home)
    if values.get("matrix"):  # which says what there is; what was not asked for leaves nothing out
        values = dict.fromkeys(AXES, ()) | values
    settings = Settings(**values)
    return settings.changed(
        owner=settings.owner or environ.get("SUDO_USER") or environ.get("USER") or _login(),
        subscription=settings.subscription or environ.get("AZURE_SUBSCRIPTION_ID", ""),
    )


def overridden(settings: Settings, flags: Mapping[str, Any], cwd: Path) -> Settings:
    """These settings (those of an existing run) with the flags that were given on top; errors as :func:`load`."""
    known = {option.name: option for option in options()}
    return settings.changed(**_parsed(_from_flags(flags, known), cwd, Path.home()))


_Given = tuple[Option, Any, str]
"""An option, the value as written, and where it was written."""


def _parsed(given: Iterable[_Given], cwd: Path, home: Path) -> dict[str, Any]:
    values = {}
    for option, raw, place in given:
        try:
            values[option.name] = option.parse(raw, cwd, home)
        except (ValueError, UsageError) as error:
            raise UsageError(f"{place}: {raw!r} is not allowed", hint=f"allowed: {option.allowed}") from error
    return values


def _from_file(path: Path, known: Mapping[str, Option]) -> Iterator[_Given]:
    try:
        raw = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}", hint="correct that line, or remove the file") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    for key, value in raw.items():
        option = known.get(key.replace("-", "_"))
        if option is None:
            keys = [item.key for item in known.values()]
            raise UsageError(f"{path}: unknown key {key!r}", hint=_suggestion(key, keys))
        yield option, value, f"{path}: {key}"


def _from_environment(environ: Mapping[str, str], known: Mapping[str, Option]) -> Iterator[_Given]:
    """Names that resemble none of ours belong to somebody else and are left alone."""
    variables = {option.variable: option for option in known.values()}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or not environ[name]:
            continue
        option = variables.get(name)
        if option is not None:
            value = environ[name]
            yield option, value.split(",") if option.repeatable else value, name
        elif close := difflib.get_close_matches(name, variables, n=1, cutoff=0.85):
            raise UsageError(f"environment: unknown name {name}", hint=f"did you mean {close[0]}?")


def _from_flags(flags: Mapping[str, Any], known: Mapping[str, Option]) -> Iterator[_Given]:
    for name, value in flags.items():
        if value is not None and not (known[name].repeatable and not value):
            yield known[name], value, known[name].flag


def _suggestion(word: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(word, allowed, n=1)
    return (f"did you mean {close[0]}? " if close else "") + "allowed: " + ", ".join(allowed)


def _absolute(text: str, base: Path, home: Path) -> Path:
    path = home / text[2:] if text.startswith("~/") else home if text == "~" else Path(text)
    return base / path


def _located(text: str, base: Path, home: Path) -> str:
    """A source; a folder in it becomes absolute, because other processes read it in other folders."""
    match = re.fullmatch(r"((?:[a-z0-9-]+=)?(?:path|git):)([^@]+)(.*)", text)
    if match is None:
        return text
    path = _absolute(match[2], base, home)
    return f"{match[1]}{path}{match[3]}" if match[1].endswith("path:") or path.is_dir() else text


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return "unknown"
