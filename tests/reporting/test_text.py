from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.redact import redact
from harness.reporting.text import clean, line

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\n"
    + ("c2VjcmV0" * 8 + "\n") * 20
    + "-----END RSA PRIVATE KEY-----"
)


@settings(deadline=None)  # a busy host is no failure
@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_becomes_legal_xml(text: str) -> None:
    element = ElementTree.Element("a", {"b": line(text)})
    element.text = clean(text)
    ElementTree.fromstring(ElementTree.tostring(element, encoding="unicode"))
    element.text.encode("utf-8")


def test_colours_titles_and_line_ends_go() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07and\r\nnext\rlast\x00") == "red and\nnext\nlast\ufffd"


def test_a_long_text_keeps_both_ends_and_says_what_is_missing() -> None:
    text = "\n".join(f"line {number}" for number in range(100_000))
    short = clean(text, 1000)
    assert len(short) < 1100
    assert short.startswith("line 0\n")
    assert short.endswith("\nline 99999")
    assert "characters left out" in short


def test_a_text_that_shrinks_by_cleaning_still_says_what_is_missing() -> None:
    assert "characters left out" in clean("\x1b[31m" * 10_000, 1000)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Ij.eyJpc3MiOiJrdWJlcm5ldGVz.c2ln", "eyJ"),
        ("header 'authorization': 'Bearer abc123def456ghi789jkl'", "abc123"),
        ("PUT https://x.blob.core.windows.net/b/k8s.tar?sv=2024&sig=a%2Bb%3D&se=1", "a%2Bb"),
        ("kubeadm join 10.0.0.4:6443 --token abcdef.0123456789abcdef", "0123456789abcdef"),
        (f"wrote\n{KEY}\ndone", "c2VjcmV0"),
        (KEY[:-40], "c2VjcmV0"),
        (KEY[60:], "c2VjcmV0"),
        ("client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF", "LS0tLS1C"),
        ('{"client_secret": "p~8Q.xyz"}', "p~8Q"),
    ],
)
def test_secrets_are_blanked(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "[sig-auth] ServiceAccounts should mount an API token into pods",
        "bearer authentication is enabled; secret key is rotated",
        "pod webserver-7d4b9c is Running at 10.244.1.7, took 123456.789 s",
        "expected -----BEGIN CERTIFICATE----- in ca.crt",
        "system.deploymentsstatus and module.nondeterministic",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_cut_through_a_key_shows_neither_half() -> None:
    text = "before\n" * 100 + KEY * 3 + "\nafter" * 100
    assert "c2VjcmV0" not in clean(text, 2000)
