"""What conformance asks for, as e2e.test prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ginkgo.builds import make_build

from harness.builds.conformance import FILE, required_specs
from harness.errors import BuildError

TEXTS = ("[sig-b] it's two [Conformance]", "[sig-a] one [NodeConformance] [Conformance]", "[sig-a] three")


def test_asked_once_and_kept_beside_the_inventory(tmp_path: Path) -> None:
    build = make_build(tmp_path, *TEXTS)
    assert required_specs(build) == (TEXTS[1], TEXTS[0])
    (build / "bin" / "e2e.test").unlink()
    assert required_specs(build) == (TEXTS[1], TEXTS[0])
    assert sorted(path.name for path in build.iterdir()) == ["bin", FILE, "inventory.json"]


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    build = make_build(tmp_path, *TEXTS)
    (build / FILE).write_text('{"specs')
    assert len(required_specs(build)) == 2
    assert len(json.loads((build / FILE).read_text())["specs"]) == 2


@pytest.mark.parametrize(
    ("printed", "phrase"), [("", "not a conformance.yaml"), ("- a: b\n", "codename"), ("a: [", "not a")]
)
def test_an_answer_that_is_none(tmp_path: Path, printed: str, phrase: str) -> None:
    build = make_build(tmp_path, *TEXTS)
    (build / "conformance.yaml").write_text(printed)
    with pytest.raises(BuildError) as caught:
        required_specs(build)
    assert phrase in str(caught.value)
    assert not (build / FILE).exists()
