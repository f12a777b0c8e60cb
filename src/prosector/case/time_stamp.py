"""Answers of time-stamping authorities (RFC 3161): read, and held to roots and to the request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from rfc3161_client import (
    PKIStatus,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from prosector.errors import CaseError, FileFormatError

CERTIFICATES = 0xA0
"""Tag of the certificates in signed data (RFC 5652, 5.1)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp: of which hash (hex), when, by whom, and whether that was checked against a root certificate."""

    head: str
    at: datetime
    by: str
    trusted: bool


def read_stamp(answer: bytes, roots: bytes = b"") -> Stamp:
    """Read an authority's answer (RFC 3161, 2.4.2) and, where roots are given, check its signature up to them.

    Raises
    ------
    FileFormatError
        If it, or the roots, cannot be read.
    CaseError
        If the authority did not grant it, it stamps no sha256, or its signature does not hold.
    """
    try:
        response = _decoded(answer)
        if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            said = "; ".join(response.status_string) or f"status {response.status}"
            raise CaseError(f"the authority refused the time stamp: {said}")
        info = response.tst_info
        at, head = info.gen_time, info.message_imprint.message
    except ValueError as error:
        raise FileFormatError(f"this is no time-stamp response (RFC 3161): {error}") from error
    if len(head) != hashlib.sha256().digest_size:
        raise CaseError(f"the time stamp is of {len(head)} bytes, not of a sha256")
    if roots:
        _require_signed(response, head, roots)
    return Stamp(head.hex(), at, _signer(response), bool(roots))


def _require_signed(response: TimeStampResponse, head: bytes, roots: bytes) -> None:
    try:
        certificates = x509.load_pem_x509_certificates(roots)
    except ValueError as error:
        raise FileFormatError(f"the root certificates cannot be read: {error}") from error
    builder = VerifierBuilder()
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify(response, head)
    except (VerificationError, ValueError) as error:
        raise CaseError(f"the time stamp's signature does not hold: {error}") from error


def _signer(response: TimeStampResponse) -> str:
    """Subject of the certificate that signed, as far as the answer holds it."""
    infos = list(response.signed_data.signer_infos)
    for raw in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(raw)
        if any((certificate.issuer, certificate.serial_number) == (s.issuer, s.serial_number) for s in infos):
            return f"{certificate.subject.rfc4514_string()} (sha256 {certificate.fingerprint(SHA256()).hex()[:16]})"
    return "an authority whose certificate is not in the answer"


def require_nonce(request: bytes, answer: bytes) -> None:
    """Raise CaseError unless the answer repeats the request's nonce (RFC 3161, 2.4.2).

    In the DER of a request that asks for the certificate, the nonce is the INTEGER before the last BOOLEAN TRUE.
    """
    nonce = _decoded(answer).tst_info.nonce
    raw = b"" if nonce is None else nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    if not raw or not request.endswith(bytes((2, len(raw))) + raw + b"\x01\x01\xff"):
        raise CaseError("the time stamp answers another request: its nonce is not the one that was asked with")


def _decoded(answer: bytes) -> TimeStampResponse:
    return decode_timestamp_response(_in_order(answer))


def _in_order(answer: bytes) -> bytes:
    """The answer with its certificates in the order of DER (X.690, 11.6), which no signature covers.

    openssl, and with it many an authority, writes them in the order in which they lead to the root.
    """
    try:
        response = _parts(answer, 0, len(answer))[0]
        token = _parts(answer, *response[1:])[1]
        wrapped = _parts(answer, *token[1:])[1]
        signed_data = _parts(answer, *wrapped[1:])[0]
        found = next(p for p in _parts(answer, *signed_data[1:])[3:] if answer[p[0]] == CERTIFICATES)
        rows = sorted(answer[start:end] for start, _, end in _parts(answer, *found[1:]))
    except (IndexError, StopIteration):
        return answer  # whoever decodes it says what is wrong
    return answer[: found[1]] + b"".join(rows) + answer[found[2] :]


def _parts(der: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Elements one after the other: where each starts, where its content starts, where it ends."""
    found = []
    while start < end:
        length, body = der[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            length, body = int.from_bytes(der[body : body + size], "big"), body + size
        found.append((start, body, body + length))
        start = body + length
    return found
