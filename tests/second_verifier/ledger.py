"""The ledger: blocks, entries, leaves."""
from hashing import MerkleTree, leaf_hash, sha256
from record_file import MAGIC_BYTES, lacks_magic, records_of
from wire import WireError

KINDS = {1: "LEDGER_CREATED", 2: "VOLUME_EXTENDED", 3: "VOLUME_CLOSED", 4: "BOOK_EXTENDED", 5: "CALL", 6: "COVERAGE",
         7: "ENROLMENT", 8: "RESTRICTED", 9: "INTAKE_KEY", 10: "BLOCK_CLOSED"}
_CLEAR_PART = {2: "volume", 3: "volume", 4: "book", 10: "block"}


class Entry:
    def __init__(self, index, leaf, leaf_bytes, sealed, place):
        self.index, self.leaf, self.leaf_bytes, self.sealed, self.place = index, leaf, leaf_bytes, sealed, place

    @property
    def kind(self):
        return KINDS.get(self.leaf.kind) if self.leaf else None


class Block:
    def __init__(self, file):
        self.file, self.data = file, file.read()
        self.first, self.part = int(file.names["first"], 16), file.part
        self.counted, self.end = 0, 0 if self.stillborn() else MAGIC_BYTES
        self.has_successor = False

    def stillborn(self):
        return lacks_magic(self.data)


class Ledger:
    """Entries below `size`: what a head states. What stands behind is `uncovered`, bytes by block."""

    def __init__(self, folder, size, schema, report):
        self.entries, self.roots, self.uncovered = [], [MerkleTree().root()], []
        self._schema, self._report, self._size = schema, report, size
        self.blocks = [Block(file) for file in folder.of("block")]
        self.blocks.sort(key=lambda block: (block.first, block.part))
        tree = MerkleTree()
        for block, following in self._in_order():
            self._read(block, following, tree)
        report.counts["entries"] = len(self.entries)
        if len(self.entries) < size:
            report.wrong(f"the ledger ends here, and a head of size {size} was signed", file="ledger",
                         entry=len(self.entries))

    def _in_order(self):
        """Blocks that begin below `size`, each with the next one that does; all of any other is uncovered."""
        counting = [block for block in self.blocks if block.first < self._size]
        for block in self.blocks:
            if block.first >= self._size:
                self.uncovered.append((block.file.path, 0, len(block.data)))
        for block, following in zip(counting, counting[1:] + [None]):
            block.has_successor = following is not None
            yield block, following

    def _read(self, block, following, tree):
        report, path = self._report, block.file.path
        if block.stillborn():
            return
        if block.data[:MAGIC_BYTES] != b"TRTLEDG1":
            report.wrong("the magic is not that of a ledger block", file=path)
            return
        if block.first != len(self.entries):
            report.wrong(f"begins with entry {block.first}, and the blocks before it end with "
                         f"{len(self.entries)} entries", file=path)
        records = records_of(block.data, lambda index, offset: block.first + index < self._size)
        limit = self._size if following is None else following.first
        block.counted = min(len(records), limit - block.first)
        if following is not None and block.counted < limit - block.first:
            report.wrong(f"ends with entry {block.first + block.counted}, and the next block begins with {limit}",
                         file=path)
        for record in records[:block.counted]:
            block.end = record.end
            index = block.first + record.index
            if not record.good:
                report.wrong("the record's check bytes do not fit", file=path, entry=index, offset=record.offset)
            self._entry(index, record, path, tree)
        if following is None:
            self.uncovered.append((block.file.path, block.end, len(block.data) - block.end))

    def _entry(self, index, record, path, tree):
        report, payload = self._report, record.payload
        place = {"file": path, "entry": index, "offset": record.offset}
        length = int.from_bytes(payload[:4], "big")
        if len(payload) < 4 or 4 + length > len(payload):
            report.wrong("the entry is cut short", **place)
            length = max(0, len(payload) - 4)
        leaf_bytes, sealed = payload[4:4 + length], payload[4 + length:]
        tree.append(leaf_hash(leaf_bytes))
        self.roots.append(tree.root())
        try:
            leaf = self._schema.parse("Leaf", leaf_bytes)
        except WireError:
            report.wrong("the leaf is no protobuf message Leaf", **place)
            leaf = None
        self.entries.append(Entry(index, leaf, leaf_bytes, sealed, place))


def check_leaves(ledger, ledger_id, public_key, report):
    """Form of each leaf, and the digest of its body."""
    seen = set()
    for entry in ledger.entries:
        leaf, place = entry.leaf, entry.place
        if leaf is None:
            continue
        if leaf.format_version != 1 or leaf.hash_algorithm != "sha256" or leaf.kind not in KINDS:
            report.wrong("a version, algorithm or kind that this reader does not know", **place)
        if leaf.ledger_id != ledger_id:
            report.wrong("the leaf is of another ledger", **place)
        if len(leaf.entry_id) != 16 or leaf.entry_id in seen:
            report.wrong("the entry's id is none, or that of an earlier entry", **place)
        seen.add(leaf.entry_id)
        if (leaf.kind == 1) != (entry.index == 0):
            report.wrong("LEDGER_CREATED is entry 0 and no other", **place)
        if leaf.kind == 1 and leaf.public_key != public_key:
            report.wrong("the ledger was created with another public key than the given one", **place)
        for part in ("volume", "book", "block"):
            if (getattr(leaf, part) is not None) != (_CLEAR_PART.get(leaf.kind) == part):
                report.wrong(f"the clear part '{part}' does not fit the kind {entry.kind}", **place)
        _check_body_digests(entry, report)


def _check_body_digests(entry, report):
    leaf = entry.leaf
    if not entry.sealed:
        if leaf.sealed_body_digest or leaf.body_key_id or leaf.body_book_id or leaf.body_opening_digest:
            report.wrong("the leaf states a body, and there is none", **entry.place)
    elif leaf.sealed_body_digest != sha256(entry.sealed):
        report.wrong("the sealed body is not what the leaf states", **entry.place)
    elif (len(leaf.body_book_id), len(leaf.body_key_id), len(leaf.body_opening_digest)) != (16, 16, 32):
        report.wrong("the leaf does not say where the body's key lies, or what it opens to", **entry.place)


def check_blocks_closed(ledger, report):
    """What stands behind the entries of a block that another block follows is stated in a BLOCK_CLOSED entry."""
    blocks = {(block.first, block.part): block for block in ledger.blocks}
    closed = set()
    for entry in ledger.entries:
        state = entry.leaf.block if entry.leaf else None
        if state is None:
            continue
        block = blocks.get((state.first_index, state.part))
        if block is None:
            report.wrong(f"closes block {state.first_index}, part {state.part}, and there is none", **entry.place)
            continue
        closed.add((block.first, block.part))
        tail = block.data[block.end:]
        stated = (state.records, state.bytes, state.tail_bytes)
        if not block.has_successor or stated != (block.counted, block.end, len(tail)) \
                or (tail and state.tail_digest != sha256(tail)):
            report.wrong("the block does not end as the entry states", file=block.file.path, entry=entry.index,
                         offset=block.end)
    for block in ledger.blocks:
        if block.has_successor and (block.first, block.part) not in closed and len(block.data) > block.end:
            report.wrong(f"{len(block.data) - block.end} bytes behind the last entry, and no entry closes the block",
                         file=block.file.path, offset=block.end)
