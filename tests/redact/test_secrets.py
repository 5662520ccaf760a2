"""Secrets become known while a run goes on, and looking for them costs next to nothing where there are none."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.redact import BLANK, Known
from harness.redact.secrets import Secrets

VALUE = "a3ViZWNvbmZpZy1rZXk"
WORDS = st.text("ab-%", min_size=8, max_size=12)
"""Of few characters, so that pieces of one are pieces of others, too."""


def kubeconfig(path: Path, value: str) -> None:
    path.write_text(f"users:\n- user:\n    client-key-data: {value}\n")


def test_a_file_that_comes_later_is_read(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    secrets = Secrets(lambda: [path])
    assert secrets.mask(f"with {VALUE}") == f"with {VALUE}"
    kubeconfig(path, VALUE)
    assert secrets.mask(f"with {VALUE}") == f"with {BLANK}"


def test_what_was_known_stays_known(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    secrets = Secrets(lambda: [path], {"AZURE_CLIENT_SECRET": "of-the-principal"})
    kubeconfig(path, VALUE)
    assert secrets.known.values == {VALUE, "of-the-principal"}
    kubeconfig(path, "b3RoZXI-of-a-second-attempt")
    assert secrets.known.values == {VALUE, "of-the-principal", "b3RoZXI-of-a-second-attempt"}
    path.unlink()
    assert secrets.mask(VALUE) == BLANK


def test_nothing_is_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    kubeconfig(path, VALUE)
    secrets = Secrets(lambda: [path])
    assert secrets.known is secrets.known


@given(st.sets(WORDS, min_size=1, max_size=4), st.text("ab-%", max_size=40), st.text("ab-%", max_size=40), st.data())
def test_none_is_overlooked_wherever_it_stands(values: set[str], before: str, after: str, data: st.DataObject) -> None:
    known = Known(frozenset(values))
    value = data.draw(st.sampled_from(sorted(values)))
    assert value not in known.blank(before + value + after)


def test_none_of_many_is_overlooked_in_a_long_text() -> None:
    values = [f"secret-number-{number:04}-of-many" for number in range(60)]
    known = Known(frozenset(values))
    for shift, value in enumerate(values):
        text = "x" * (10_000 + shift) + value + "y" * 10_000
        assert known.blank(text) == "x" * (10_000 + shift) + BLANK + "y" * 10_000
