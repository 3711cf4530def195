"""Tree heads: C2SP checkpoints, signed by the ledger's key."""
import base64
import re

from hashing import sha256
from record_file import end_of, lacks_magic, records_of
from sealing import signature_fits

_HEAD = re.compile(rb"(?P<signed>(?P<origin>turret-recorder/[0-9a-f]{32})\n(?P<size>0|[1-9]\d{0,18})\n"
                   rb"(?P<root>[A-Za-z0-9+/=]{44})\n)\n\xe2\x80\x94 (?P<name>\S+) (?P<signature>[A-Za-z0-9+/=]+)\n")


class Head:
    def __init__(self, ledger_id, size, root):
        self.ledger_id, self.size, self.root = ledger_id, size, root


def _base64(text):
    try:
        data = base64.b64decode(text, validate=True)
        return data if base64.b64encode(data) == text else None
    except ValueError:
        return None


def read_head(text, public_key):
    """(Head, None), or (None, what is wrong)."""
    match = _HEAD.fullmatch(text)
    if not match:
        return None, "is not a checkpoint"
    root, signature = _base64(match["root"]), _base64(match["signature"])
    if root is None or len(root) != 32 or signature is None or len(signature) != 68:
        return None, "is not a checkpoint"
    key_hash = sha256(match["name"], b"\x0a\x01", public_key)[:4]
    if match["name"] != match["origin"] or signature[:4] != key_hash \
            or not signature_fits(public_key, signature[4:], match["signed"]):
        return None, "the signature does not fit the ledger's public key"
    return Head(bytes.fromhex(match["origin"][16:].decode()), int(match["size"]), root), None


class StoredHeads:
    """All heads of `ledger/heads*` and the checkpoint: `in_force` is the newest, None without any."""

    def __init__(self, folder, public_key, report):
        self.stated = []  # (Head, place)
        self.uncovered = []  # (path, offset, bytes) behind the last head.
        self.in_force = None
        parts = sorted(folder.of("heads"), key=lambda file: file.part)
        last = None
        for file in parts:
            last = self._part(file, file is parts[-1], public_key, report, last) or last
        for number, file in enumerate(parts):
            if file.part != number:
                report.wrong(f"part {number} of the heads is missing", file="ledger/heads")
        for file in folder.of("checkpoint"):
            head = self._take(file.read(), public_key, report, {"file": file.path})
            last = max(filter(None, (last, head)), key=lambda head: head.size, default=None)
        if not folder.of("checkpoint"):
            report.wrong("is missing", file="ledger/checkpoint")
        self.in_force = last

    def _take(self, text, public_key, report, place):
        head, wrong = read_head(text, public_key)
        if head is None:
            report.wrong(wrong, **place)
        else:
            self.stated.append((head, place))
        return head

    def _part(self, file, is_last, public_key, report, before):
        data = file.read()
        stillborn = lacks_magic(data)
        if not stillborn and data[:8] != b"TRTHEAD1":
            report.wrong("the magic is not that of a file of heads", file=file.path)
            return None
        # Nothing accounts for the end of this file: in its last part a whole record with a bad check is no torn write.
        records, last = [] if stillborn else records_of(data, lambda index, offset: is_last), before
        for record in records:
            if not record.good:
                report.wrong("the record's check bytes do not fit", file=file.path, record=record.index,
                             offset=record.offset)
            report.counts["heads"] += 1
            place = {"file": file.path, "record": record.index, "offset": record.offset}
            head = self._take(record.payload, public_key, report, place)
            if head and last and head.size < last.size:
                report.wrong(f"a head of size {head.size} behind one of size {last.size}", **place)
            last = head or last
        end = 0 if stillborn else end_of(records)
        if end < len(data) and is_last:
            self.uncovered.append((file.path, end, len(data) - end))
        elif end < len(data):
            report.notes.append(f"{file.path}, offset {end}: {len(data) - end} bytes were left by a crash")
        return last if records else None


def check_heads(stated, roots, report):
    """Every head against the tree: `roots` gives the root of each size."""
    for head, place in stated:
        root = roots.get(head.size)
        if root is None:
            report.wrong(f"the head has size {head.size}, and the ledger has fewer entries", **place)
        elif root != head.root:
            report.wrong(f"the root of size {head.size} is not that of the ledger", **place)
