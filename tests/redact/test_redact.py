"""Secrets by shape and by value, plain and wrapped, in text, files and archives; and what only looks like one."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.redact import BLANK, Known, redact
from harness.redact.files import mask_folder, masked

SECRET = "aT0tally-Rand0m_Value/With+Signs="
KNOWN = Known(frozenset({SECRET}))
TOKEN = "abcdef.0123456789abcdef"
WRAPPED = [
    SECRET,
    quote(SECRET),
    quote(SECRET, safe=""),
    json.dumps({"a": SECRET}),
    base64.b64encode(SECRET.encode()).decode(),
    base64.urlsafe_b64encode(f'{{"value": "{SECRET}"}}'.encode()).decode(),
    base64.b64encode(base64.b64encode(f"x{SECRET}".encode())).decode(),
    base64.b64encode(gzip.compress(f"#cloud-config\nkey: {SECRET}\n".encode(), mtime=0)).decode(),
    quote(base64.b64encode(f"pass={SECRET}".encode()).decode(), safe=""),
]


def hidden(text: str) -> bool:
    return SECRET not in text and base64.b64encode(SECRET.encode()).decode().rstrip("=") not in text


@pytest.mark.parametrize("text", WRAPPED)
def test_a_known_secret_in_any_wrapping(text: str) -> None:
    clean = redact(f"before {text} after", KNOWN)
    assert BLANK in clean
    assert hidden(clean)
    assert clean.startswith("before ")
    assert clean.endswith(" after")


@settings(deadline=None)  # a busy host is no failure
@given(st.text(alphabet="abcXYZ019-_.~+/=", min_size=8, max_size=60), st.binary(max_size=40), st.binary(max_size=40))
def test_a_known_secret_anywhere_in_base64(secret: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    clean = redact(f"data: {encoded}", Known(frozenset({secret})))
    assume(clean)
    decoded = base64.b64decode(encoded)
    assert secret.encode() in decoded
    assert clean != f"data: {encoded}"


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(f"kubeadm join --token {TOKEN}".encode()).decode(),
        base64.b64encode(
            gzip.compress(b"-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----", mtime=0)
        ).decode(),
        quote(f"https://a.blob.core.windows.net/b?sv=1&sig=a+b/c=&token={TOKEN}", safe=""),
        "secret Abc8Q~" + "x" * 34,
        "AccountName=a;AccountKey=" + base64.b64encode(bytes(range(64))).decode(),
        base64.b64encode(bytes(range(64))).decode(),
    ],
)
def test_a_shape_in_any_wrapping(text: str) -> None:
    assert BLANK in redact(text)
    assert TOKEN not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "/usr/lib/python3/dist-packages/some/module_name/file.py:12: in function_name",
        base64.b64encode(b"a harmless sentence about pods and nodes").decode(),
        "sha256:" + "0123456789abcdef" * 4,
        "progress 100%25 of 12%20files",
        "azure:///subscriptions/01234567-89ab-cdef-0123-456789abcdef/resourceGroups/harness-20261128-1",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, KNOWN) == text


def test_a_short_value_is_not_looked_for() -> None:
    assert redact("a secret word", Known(frozenset({"secret"}))) == "a secret word"


def test_values_come_from_the_files_that_hold_them(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"client_id": "client-id-1", "client_secret": "server-secret-1"}))
    (tmp_path / "kubeconfig").write_text("  client-key-data: S0VZREFUQQ==\n  certificate-authority-data: Q0E=\n")
    (tmp_path / "json").write_text(json.dumps({"user": {"client-key-data": "SlNPTktFWQ=="}}))
    line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
    (tmp_path / "ssh-key").write_text(
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{line}\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    paths = [tmp_path / name for name in ("server.json", "kubeconfig", "json", "ssh-key", "missing")]
    assert Known.of_files(paths).values == {"server-secret-1", "S0VZREFUQQ==", "SlNPTktFWQ==", line}
    assert Known.of_environment({"AZURE_CLIENT_SECRET": "from-environment", "HOME": "/root"}).values == {
        "from-environment"
    }


def archives(text: bytes) -> dict[str, bytes]:
    """The text as files of several kinds."""
    packed, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        item = tarfile.TarInfo("logs/kubelet.log")
        item.size = len(text)
        tar.addfile(item, io.BytesIO(text))
    with zipfile.ZipFile(zipped, "w") as made:
        made.writestr("inner.tgz", packed.getvalue())
    return {"a.log": text, "a.log.gz": gzip.compress(text), "a.tgz": packed.getvalue(), "a.zip": zipped.getvalue()}


def test_files_and_archives_are_masked_in_place(tmp_path: Path) -> None:
    for name, data in archives(f"password {SECRET}\n".encode()).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "core").write_bytes(b"\xff\xfe\x00" + SECRET.encode())
    (tmp_path / "a.log").chmod(0o640)
    assert mask_folder(tmp_path, KNOWN) == 4
    assert mask_folder(tmp_path, KNOWN) == 0, "a second time finds nothing"
    assert (tmp_path / "a.log").stat().st_mode & 0o777 == 0o640
    assert gzip.decompress((tmp_path / "a.log.gz").read_bytes()).decode() == f"password {BLANK}\n"
    with tarfile.open(tmp_path / "a.tgz") as tar:
        member = tar.extractfile("logs/kubelet.log")
        assert member
        assert member.read().decode() == f"password {BLANK}\n"
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped, tarfile.open(fileobj=zipped.open("inner.tgz")) as tar:
        inner = tar.extractfile("logs/kubelet.log")
        assert inner
        assert SECRET.encode() not in inner.read()


@settings(deadline=None)  # a busy host is no failure
@given(st.binary(max_size=300))
def test_any_bytes_pass(data: bytes) -> None:
    assert masked(masked(data, KNOWN), KNOWN) == masked(data, KNOWN)


def test_an_archive_without_secrets_stays_as_it_is() -> None:
    for data in archives(b"nothing to see\n").values():
        assert masked(data, KNOWN) == data


def test_a_text_with_a_few_other_bytes_is_masked(tmp_path: Path) -> None:
    (tmp_path / "e2e.log").write_bytes(b"caf\xe9 " + SECRET.encode() + b" \xff\n")
    assert mask_folder(tmp_path, KNOWN) == 1
    assert (tmp_path / "e2e.log").read_bytes() == b"caf\xe9 " + BLANK.encode() + b" \xff\n"


def test_a_broken_archive_stays_and_keeps_no_other_file_from_being_masked(tmp_path: Path) -> None:
    packed = gzip.compress(b"x" * 10_000)
    broken = packed[:12] + b"\xff" * 8 + packed[20:]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.log", SECRET)
    locked = bytearray(zipped.getvalue())
    locked[6] |= 1  # says that it has a password, here and in the directory at its end
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.gz").write_bytes(broken)
    (tmp_path / "b.zip").write_bytes(bytes(locked))
    (tmp_path / "c.log").write_text(SECRET)
    assert mask_folder(tmp_path, KNOWN) == 1
    assert (tmp_path / "a.gz").read_bytes() == broken
    assert (tmp_path / "c.log").read_text() == BLANK
