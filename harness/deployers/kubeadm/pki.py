"""The cluster's certificate authorities, made before its machines exist.

kubeadm takes authorities it finds in /etc/kubernetes/pki and makes only the leaf certificates. Because the harness holds the
authorities first, it can write the administrator's kubeconfig while the machines still boot, and workers can verify the API
server without having to ask it for its certificate. Elliptic curves (P-256), because RSA keys take seconds on a busy machine.

Source: https://kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=30)
"""Clusters live for hours; ``--keep`` ends after days."""
_SKEW = timedelta(hours=1)
"""How far a machine's clock may be behind ours."""


@dataclass(frozen=True)
class KeyPair:
    """A certificate (or public key) and its private key, both PEM."""

    public: str
    private: str


@dataclass(frozen=True)
class Authority:
    """A certificate authority that can still sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> KeyPair:
        return KeyPair(_pem(self.certificate), _private(self.key))

    def client(self, user: str, group: str, now: datetime) -> KeyPair:
        """A client certificate for this user in this group."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group), x509.NameAttribute(NameOID.COMMON_NAME, user)]
        )
        certificate = (
            _builder(subject, self.certificate.subject, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(leaf=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return KeyPair(_pem(certificate), _private(key))


@dataclass(frozen=True)
class ClusterPki:
    """Everything secret that all machines of a cluster agree on."""

    cluster: Authority
    front_proxy: Authority
    etcd: Authority
    service_accounts: KeyPair
    """Key that signs service account tokens."""
    token: str
    """Bootstrap token of the workers: ``abcdef.0123456789abcdef``."""

    def files(self) -> Mapping[str, str]:
        """Path below /etc/kubernetes/pki -> content, as kubeadm expects them on a control plane."""
        found: dict[str, str] = {"sa.key": self.service_accounts.private, "sa.pub": self.service_accounts.public}
        for name, authority in (("ca", self.cluster), ("front-proxy-ca", self.front_proxy), ("etcd/ca", self.etcd)):
            found[f"{name}.crt"] = authority.pem.public
            found[f"{name}.key"] = authority.pem.private
        return found


def make_pki(now: datetime) -> ClusterPki:
    """Fresh authorities and a fresh token."""
    alphabet = string.ascii_lowercase + string.digits
    word = "".join(secrets.choice(alphabet) for _ in range(22))
    signer = ec.generate_private_key(ec.SECP256R1())
    return ClusterPki(
        cluster=_authority("kubernetes", now),
        front_proxy=_authority("front-proxy-ca", now),
        etcd=_authority("etcd-ca", now),
        service_accounts=KeyPair(_public(signer), _private(signer)),
        token=f"{word[:6]}.{word[6:]}",
    )


def make_ssh_key() -> KeyPair:
    """An ed25519 key for the machines' administrator, in OpenSSH's formats; Azure refuses a Linux machine without one."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return KeyPair(public.decode(), private.decode())


def _authority(name: str, now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(leaf=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
    )


def _usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=not leaf,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
