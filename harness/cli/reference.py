"""docs/reference/settings.md, made from the fields of the settings, so that the page cannot disagree with the program.

``python -m harness.cli.reference`` writes it; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from harness.settings import Option, options

PAGE = Path("docs/reference/settings.md")

_HEAD = """\
# Settings

Every setting can be given in four places. Later ones win:

1. the default below,
2. `harness.toml` in the current folder: `workers = 3`, `source = ["module:v1.36.3", "module:v1.37.2"]`,
3. the environment: `HARNESS_WORKERS=3`; several values are separated by commas,
4. a flag of `harness run`, `harness up` or `pytest suites/`: `--workers 3`; a repeatable flag is given once per value.

A wrong key or value ends the command with exit code 2 and one line that names the place, the value and what is allowed. An empty
environment variable counts as not given. Durations are a number and a unit: `90s`, `30m`, `2h`, `7d`. Relative paths start at the
current folder.

| Flag | harness.toml | Environment | Default | Meaning |
|---|---|---|---|---|
"""


def settings_page() -> str:
    """The page's text."""
    return _HEAD + "".join(_row(option) for option in options())


def _row(option: Option) -> str:
    default = ", ".join(option.default) if option.repeatable else str(option.default)
    allowed = f" One of: {', '.join(f'`{choice}`' for choice in option.choices)}." if option.choices else ""
    flag = option.flag + ("" if option.choices or not option.metavar else f" {option.metavar}")
    return (
        f"| `{flag}` | `{option.key}` | `{option.variable}` | {f'`{default}`' if default else ''} "
        f"| {option.help}{allowed} |\n"
    )


if __name__ == "__main__":
    PAGE.write_text(settings_page())
