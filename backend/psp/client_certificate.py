"""A merchant's client certificate: what a profile keeps of it, as a TLS context.

Source: `docs/reference/psp/swish.md#base-and-access`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from backend.core.context import Backend

FIELDS = ("certificate", "key", "passphrase", "ca")
"""The credentials of a client certificate, each as it is or in base64. `certificate` is PEM with
its chain, or PKCS #12. `key` is PEM, if it is not in the first. `passphrase` belongs to either.
`ca` is the PEM of the authority that signs the provider's own certificate (without it, the
machine's authorities are used)."""
_PEM = b"-----BEGIN "


class CertificateUnusable(ValueError):
    """The certificate cannot be read, or key and certificate do not belong together. The text
    repeats nothing of either."""


def client_with(ctx: Backend, credentials: Mapping[str, Any]) -> httpx.AsyncClient:
    """Return the HTTP client with a profile's certificate. There is one for each certificate, kept
    with its connections. Without a certificate it is the common client. CertificateUnusable."""
    given = {name: str(credentials.get(name) or "") for name in FIELDS}
    if not (given["certificate"] or given["ca"]):
        return ctx.http
    name = hashlib.sha256("\n".join(given[one] for one in FIELDS).encode()).hexdigest()
    return ctx.http_with(name, lambda: tls_context(**given))


def tls_context(
    certificate: str = "", key: str = "", passphrase: str = "", ca: str = ""
) -> ssl.SSLContext:
    """Return the TLS context for calls to a provider that asks for our certificate.
    CertificateUnusable."""
    try:
        context = ssl.create_default_context(cadata=_bytes(ca).decode() if ca else None)
        # With TLS 1.3 a certificate is refused only after the request was written, and often only
        # by closing the connection. A payment that was never asked for would then look like a lost
        # one.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            _bear(context, *_pair(_bytes(certificate), _bytes(key), passphrase.encode() or None))
    except (ValueError, TypeError, ssl.SSLError, OSError) as error:
        raise CertificateUnusable(
            "the client certificate, its key or its CA is unusable"
        ) from error
    return context


def _bytes(given: str) -> bytes:
    """Return PEM as it is, and anything else decoded from base64."""
    raw = given.strip().encode()
    if not raw or raw.startswith(_PEM):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        return raw


def _pair(certificate: bytes, key: bytes, passphrase: bytes | None) -> tuple[bytes, bytes, bytes]:
    """Return chain, key and passphrase. Both are PEM. The key is encrypted under a new passphrase,
    since it goes through a file."""
    once = secrets.token_hex(32).encode()
    if _PEM in certificate:
        private = load_pem_private_key(key or certificate, passphrase)
        chain = certificate
    else:
        found = pkcs12.load_pkcs12(certificate, passphrase)
        if found.key is None or found.cert is None:
            raise ValueError("no key or no certificate in it")
        private = found.key
        certificates = [found.cert, *found.additional_certs]
        chain = b"".join(one.certificate.public_bytes(Encoding.PEM) for one in certificates)
    sealed = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(once))
    return chain, sealed, once


def _bear(context: ssl.SSLContext, chain: bytes, key: bytes, passphrase: bytes) -> None:
    """Load the certificate. OpenSSL reads only files. They exist only for this call, and the key in
    them is encrypted."""
    with tempfile.TemporaryDirectory(prefix="gavekort-") as folder:
        chain_file, key_file = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain_file.write_bytes(chain)
        key_file.write_bytes(key)
        context.load_cert_chain(chain_file, key_file, passphrase)
