"""HKDF, sealed boxes and segments (FORMAT.md), the signature of a tree head."""
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

BOX_OVERHEAD = 50


def hkdf(key, salt, info, length):
    secret = hmac.digest(salt, key, "sha256")
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac.digest(secret, block + info + bytes([counter]), "sha256")
        out, counter = out + block, counter + 1
    return out[:length]


def _open(key, salt, info, aad, sealed):
    material = hkdf(key, salt, info, 44)
    try:
        return AESGCM(material[:32]).decrypt(material[32:], sealed, aad)
    except InvalidTag:
        return None


def open_box(key, box, aad):
    """Plaintext of a sealed box, None if it does not open."""
    if len(box) < BOX_OVERHEAD or box[0] != 1 or box[1] != 1:
        return None
    return _open(key, box[2:34], b"turret sealed box v1", box[:34] + aad, box[34:])


def open_segment(key, segment):
    return _open(key, segment[80:112], b"turret segment v1", segment[:180], segment[180:])


def scrypt(passphrase, salt, n, r, p):
    """Derived key, None for parameters that cannot be used."""
    try:
        return hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + (1 << 20), dklen=32)
    except (ValueError, OverflowError, MemoryError):
        return None


def root_seal_key(root):
    return hkdf(root, bytes(32), b"turret root seal v1", 32)


def public_key_of(text):
    """The 32 bytes of an Ed25519 key: PEM, or 64 hex digits. None if it is neither."""
    try:
        if len(text.strip()) == 64:
            return bytes.fromhex(text.strip().decode())
        key = load_pem_public_key(text)
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    except (ValueError, UnicodeDecodeError):
        pass
    return None


def signature_fits(public_key, signature, text):
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
        return True
    except (InvalidSignature, ValueError):
        return False


def x25519_public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
