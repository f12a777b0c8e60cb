"""Signing keys: Ed25519, the private part encrypted at rest by a key that a passphrase stands for."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from prosector.errors import NotPermittedError

ARGON2 = {"iterations": 3, "lanes": 1, "memory_kib": 64 * 1024}
"""RFC 9106, second recommended option, with one lane: some 0.1 to 0.6 s a try."""


def new_private_key() -> bytes:
    """32 random bytes: an Ed25519 private key (RFC 8032)."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> str:
    """The public key, base64."""
    return encoded(Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw())


def sign(private_key: bytes, message: bytes) -> str:
    """Signature, base64."""
    return encoded(Ed25519PrivateKey.from_private_bytes(private_key).sign(message))


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether the signature is of this message by this key; false too for what is no key or signature."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def encrypt(private_key: bytes, passphrase: str) -> dict[str, Any]:
    """A private key for keeping: Argon2id (RFC 9106) makes the key, ChaCha20-Poly1305 (RFC 8439) encrypts."""
    salt, nonce = os.urandom(16), os.urandom(12)
    box = ChaCha20Poly1305(_derived(passphrase, salt, ARGON2)).encrypt(nonce, private_key, None)
    return {"kdf": "argon2id", **ARGON2, "salt": encoded(salt), "nonce": encoded(nonce), "box": encoded(box)}


def decrypt(kept: Mapping[str, Any], passphrase: str) -> bytes:
    """The private key, or NotPermittedError for a wrong passphrase."""
    parts = {name: base64.b64decode(kept[name]) for name in ("salt", "nonce", "box")}
    try:
        return ChaCha20Poly1305(_derived(passphrase, parts["salt"], kept)).decrypt(parts["nonce"], parts["box"], None)
    except InvalidTag:
        raise NotPermittedError("the passphrase is wrong") from None


def encoded(raw: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(raw).decode("ascii")


def _derived(passphrase: str, salt: bytes, cost: Mapping[str, Any]) -> bytes:
    kdf = Argon2id(
        salt=salt, length=32, iterations=cost["iterations"], lanes=cost["lanes"], memory_cost=cost["memory_kib"]
    )
    return kdf.derive(passphrase.encode())
