"""Where a setting comes from, which place wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from harness.errors import UsageError
from harness.settings import Settings, duration, load, options


def write(folder: Path, **values: Any) -> None:
    (folder / "harness.toml").write_text(tomli_w.dumps(values))


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    write(tmp_path, workers=3, tests=4, **{"control-planes": 5}, location="northeurope")
    settings = load({"tests": 6}, {"HARNESS_TESTS": "5", "HARNESS_WORKERS": "7"}, tmp_path)
    assert (settings.tests, settings.workers, settings.control_planes, settings.cloud) == (6, 7, 5, "local")
    assert settings.location == ("northeurope",)


def test_flags_that_were_not_given_change_nothing(tmp_path: Path) -> None:
    assert load({"cloud": None, "source": ()}, {}, tmp_path).cloud == "local"


def test_lists_are_separated_by_commas_in_the_environment(tmp_path: Path) -> None:
    assert load({}, {"HARNESS_SUITE": "volumes, conformance"}, tmp_path).suite == ("volumes", "conformance")


def test_paths_are_absolute_and_know_home(tmp_path: Path) -> None:
    settings = load({"reports": "out"}, {"HOME": "/somebody"}, tmp_path)
    assert settings.reports == tmp_path / "out"
    assert settings.cache == Path("/somebody/.cache/kubernetes-azure-harness")


def test_an_empty_variable_counts_as_not_given(tmp_path: Path) -> None:
    assert load({}, {"HARNESS_CLOUD": ""}, tmp_path).cloud == "local"


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    assert load({}, {"HARNESS_BUILD_ID": "7"}, tmp_path).cloud == "local"


@pytest.mark.parametrize(
    ("flags", "environ", "text", "words"),
    [
        ({"cloud": "gce"}, {}, "", ["--cloud", "'gce'", "local, azure"]),
        ({"tests": "0"}, {}, "", ["--tests", "1 or more"]),
        ({"deadline": "2 hours"}, {}, "", ["--deadline", "2 hours", "30m"]),
        ({"location": ("",)}, {}, "", ["--location"]),
        ({}, {"HARNESS_WORKERS": "two"}, "", ["HARNESS_WORKERS", "'two'", "whole number"]),
        ({}, {"HARNESS_SUORCE": "x"}, "", ["HARNESS_SUORCE", "did you mean HARNESS_SOURCE"]),
        ({}, {}, "clout = 'local'", ["harness.toml", "'clout'", "did you mean cloud?"]),
        ({}, {}, "workers = true", ["harness.toml: workers", "True"]),
        ({}, {}, "source = 1", ["harness.toml: source", "list of texts"]),
        ({}, {}, "cloud = ", ["harness.toml", "not valid TOML"]),
    ],
)
def test_bad_input_is_one_line_that_names_place_and_remedy(
    tmp_path: Path, flags: dict[str, Any], environ: dict[str, str], text: str, words: list[str]
) -> None:
    if text:
        (tmp_path / "harness.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load(flags, environ, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_settings_survive_json(tmp_path: Path) -> None:
    settings = load({"suite": ("volumes",), "keep": "always"}, {}, tmp_path)
    assert Settings.from_json(settings.to_json()) == settings


def test_a_plan_of_an_earlier_version_lacks_newer_settings(tmp_path: Path) -> None:
    raw = load({"workers": "3"}, {}, tmp_path).to_json()
    del raw["focus"], raw["cache"]
    assert Settings.from_json(raw).workers == 3
    assert (Settings.from_json(raw).focus, Settings.from_json(raw).cache) == ((), Settings().cache)


def test_files_are_found_from_where_they_were_named(tmp_path: Path) -> None:
    assert load({"deselect_from": ("a.txt", "/b.txt")}, {}, tmp_path).deselect_from == (
        str(tmp_path / "a.txt"),
        "/b.txt",
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("7d", 604800)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


def test_every_option_has_help_and_a_flag_of_its_own() -> None:
    flags = [option.flag for option in options()]
    assert len(set(flags)) == len(flags)
    assert all(option.help.endswith(".") for option in options())


def test_folders_of_sources_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "k8s").mkdir()
    given = {
        "source": ("path:k8s", "git:k8s@master", "git:https://example.org/k8s@master", "module:v1.37.2"),
        "component": ("etcd=path:~/etcd", "coredns=git:git@example.org:x/y@v1"),
    }
    settings = load(given, {"HOME": "/home/me"}, tmp_path)
    assert settings.source == (
        f"path:{tmp_path}/k8s",
        f"git:{tmp_path}/k8s@master",
        "git:https://example.org/k8s@master",
        "module:v1.37.2",
    )
    assert settings.component == ("etcd=path:/home/me/etcd", "coredns=git:git@example.org:x/y@v1")


def test_a_run_of_an_older_harness_can_be_read() -> None:
    raw = Settings().to_json()
    del raw["step_limit"]
    assert Settings.from_json({**raw, "a_setting_that_was_removed": 1}) == Settings()
