"""The password header of NBIA's retriever, and who asks by it.

The password is AES in ECB mode, its key made of a text that every retriever is given (NBIA): that hides it
from a glance and from nobody else. So servers take passwords here only where that is switched on.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from filmroom.errors import AccessDenied
from filmroom.model.access import Viewer
from filmroom.model.accounts import GUEST_LOGIN
from filmroom.server.service import Call, Service

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

SECRET_NAME = "retriever-key"  # noqa: S105 - under which the catalogue keeps it
_LONGEST = 4_096


def encrypt(password: str, key: str) -> str:
    """Return the header's text for a password, as the retriever makes it."""
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(128).padder()
    padded = padder.update(password.encode()) + padder.finalize()
    encryptor = _cipher(key).encryptor()
    return (encryptor.update(padded) + encryptor.finalize()).hex().upper()


def decrypt(text: str, key: str) -> str:
    """Return the password of a header's text. :raises AccessDenied: when it was not made with that key."""
    from cryptography.hazmat.primitives.padding import PKCS7

    try:
        if len(text) > _LONGEST:
            raise ValueError
        decryptor = _cipher(key).decryptor()
        padded = decryptor.update(bytes.fromhex(text)) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:  # not hexadecimal, not whole blocks, wrongly padded, no text
        raise AccessDenied("The password cannot be read.") from None


def _cipher(key: str) -> Cipher[modes.ECB]:
    # Imported where it is needed: few servers take passwords here.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # Java's generator "SHA1PRNG", seeded with the text, gives these as its first 128 bits.
    first = hashlib.sha1(key.encode(), usedforsecurity=False).digest()
    raw = hashlib.sha1(first, usedforsecurity=False).digest()[:16]
    return Cipher(algorithms.AES(raw), modes.ECB())  # noqa: S305 - what the retriever speaks


async def retriever_viewer(service: Service, call: Call, user: str) -> Viewer:
    """Return who asks: the access token's account, else the user's, else the public.

    :param user: the login that the request names. It counts with the header ``password`` alone.
    :raises AccessDenied: for a wrong password, and for any where passwords are not taken.
    :raises TooManyAttempts: when too many were wrong.
    """
    given = call.request.headers.get("password", "")
    if "authorization" in call.request.headers or user in {"", GUEST_LOGIN} or not given:
        return call.visible.viewer
    if not service.servlet_passwords:
        raise AccessDenied("Passwords are not taken here; use an access token.")
    client = call.request.client
    address = client.host if client else ""

    def check() -> Viewer:
        password = decrypt(given, service.catalog.installation_secret(SECRET_NAME))
        return service.catalog.tokens().check_password(user, password, address=address)

    return await service.guard.attempt(user, address, lambda: service.in_thread(check))
