"""Root and key files: their form without a secret, what they hold with the passphrase."""
import re

from record_file import single_record
from sealing import open_box, root_seal_key, scrypt, x25519_public
from wire import WireError

_DAY = r"\d{4}-\d\d-\d\d"


class CannotUse(Exception):
    """What the caller gave cannot be used."""


class KeyFile:
    def __init__(self, file, sealed, use):
        self.path, self.sealed, self.use, self.secret = file.path, sealed, use, None


def use_of(name):
    """The use that a key file's name tells; None for a name that no key file has."""
    month = re.fullmatch(r"month/([a-z0-9][a-z0-9-]{0,15})-(\d{4}-\d\d)", name)
    if month:
        return f"month:{month[1]}:{month[2]}"
    dated = re.fullmatch(rf"(intake|pairing)/({_DAY})", name)
    if dated:
        return f"{dated[1]}:{dated[2]}"
    return name if re.fullmatch(r"[a-z0-9-]+", name) else None


def read_key_files(folder, schema, report):
    files = []
    for file in folder.of("key"):
        payload, use = single_record(file.read(), b"TRTKEY01"), use_of(file.names["name"])
        if use is None:
            report.wrong("is not part of an archive", file=file.path)
        elif payload is None:
            report.wrong("is not one whole record", file=file.path)
        else:
            try:
                sealed = schema.parse("RootSealed", payload)
            except WireError:
                report.wrong("is no protobuf message RootSealed", file=file.path)
                continue
            if sealed.format_version != 1 or sealed.use != use or len(sealed.id) != 16:
                report.wrong("does not fit the file's name, or this reader", file=file.path)
            files.append(KeyFile(file, sealed, use))
    return files


def read_root_file(folder, schema, report):
    for file in folder.of("root"):
        payload = single_record(file.read(), b"TRTROOT1")
        if payload is None:
            report.wrong("is not one whole record", file=file.path)
            return None
        try:
            root = schema.parse("RootFile", payload)
        except WireError:
            report.wrong("is no protobuf message RootFile", file=file.path)
            return None
        if root.format_version != 1 or root.kdf != "scrypt":
            report.wrong("a version or key derivation that this reader does not know", file=file.path)
            return None
        return root
    return None


def open_root(root, passphrase):
    derived = scrypt(passphrase, root.salt, root.scrypt_n, root.scrypt_r, root.scrypt_p)
    aad = b"turret root v1" + root.scrypt_n.to_bytes(8, "big") + root.scrypt_r.to_bytes(4, "big") \
        + root.scrypt_p.to_bytes(4, "big") + root.salt
    key = derived and open_box(derived, root.sealed_root, aad)
    if key is None:
        raise CannotUse("the passphrase does not open keys/root.key")
    return key


def open_key_files(files, root_key, report):
    """Month keys by (class, yyyy-mm): (id, secret)."""
    months, sealing = {}, root_seal_key(root_key)
    for file in files:
        use = file.sealed.use.encode()
        file.secret = open_box(sealing, file.sealed.sealed, len(use).to_bytes(2, "big") + use + file.sealed.id)
        kind = file.use.split(":")
        if file.secret is None:
            report.wrong("does not open", file=file.path)
        elif kind[0] in ("month", "intake", "pairing") and len(kind) > 1 and len(file.secret) != 32:
            report.wrong("does not hold 32 bytes", file=file.path)
        elif kind[0] == "intake" and x25519_public(file.secret) != file.sealed.public_key:
            report.wrong("the public key is not that of the private key", file=file.path)
        elif kind[0] == "month":
            months[kind[1], kind[2]] = (file.sealed.id, file.secret)
    return months
