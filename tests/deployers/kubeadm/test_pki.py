from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.deployers.kubeadm.pki import make_pki, make_ssh_key


def test_administrator_is_signed_by_the_cluster() -> None:
    now = datetime.now(UTC)
    pki = make_pki(now)
    pair = pki.cluster.client("harness", "system:masters", now)
    certificate = x509.load_pem_x509_certificate(pair.public.encode())
    certificate.verify_directly_issued_by(pki.cluster.certificate)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert "O=system:masters" in certificate.subject.rfc4514_string()


def test_files_are_what_kubeadm_looks_for() -> None:
    files = make_pki(datetime.now(UTC)).files()
    for name in ("ca", "front-proxy-ca", "etcd/ca"):
        certificate = x509.load_pem_x509_certificate(files[f"{name}.crt"].encode())
        key = load_pem_private_key(files[f"{name}.key"].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert certificate.public_key() == key.public_key()
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert files["sa.pub"].startswith("-----BEGIN PUBLIC KEY-----")


def test_every_cluster_has_its_own_secrets() -> None:
    now = datetime.now(UTC)
    one, two = make_pki(now), make_pki(now)
    assert one.token != two.token
    assert len(one.token) == 23
    assert one.cluster.certificate.public_key() != two.cluster.certificate.public_key()
    assert make_ssh_key().public.startswith("ssh-ed25519 ")
