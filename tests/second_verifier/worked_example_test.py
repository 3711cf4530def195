"""The second reader opens the worked example at the end of storage/FORMAT.md, and it is what the page says."""
import pathlib
import re
import types
import unittest

import second_verifier as program
from folder import ArchiveFile
from hashing import MerkleTree, leaf_hash, sha256
from heads import read_head
from key_files import CannotUse, KeyFile, open_key_files, open_root, use_of
from ledger import Ledger, check_leaves
from opened import open_bodies
from opened_books import OpenedKey, open_books
from books import read_books
from plaintext import read_plaintext, wrong_with
from record_file import good_records, single_record
from report import Report
from sealing import open_box, open_segment
from volumes import read_volumes, segment_leaf

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "storage/FORMAT.md").read_text()
LEDGER_ID = bytes(range(16))
DAY = "2026-11-02"


def block(name):
    kind, text = re.search(rf"^```(hex|text) {re.escape(name)}\n(.*?)^```", PAGE, re.M | re.S).groups()
    return bytes.fromhex(text) if kind == "hex" else text.encode()


class File(ArchiveFile):
    def __init__(self, path, content, **names):
        super().__init__("", path, "", names, len(content))
        self.read = lambda: content


def folder(*files):
    return types.SimpleNamespace(of=lambda kind: [file for file in files if file.kind_of == kind])


def only(kind, file):
    file.kind_of = kind
    return folder(file)


class WorkedExample(unittest.TestCase):
    def setUp(self):
        self.report = Report("example")

    def tearDown(self):
        self.assertEqual(self.report.findings, [])

    def ledger(self):
        file = File("ledger/0000000000000000.blk", block("ledger-block"), first="0" * 16)
        return Ledger(only("block", file), 2, program.SCHEMA, self.report)

    def test_the_sealed_box_opens(self):
        self.assertEqual(open_box(block("box-key"), block("sealed-box"), b"aad"), b"plaintext")
        self.assertIsNone(open_box(block("box-key"), block("sealed-box"), b"aae"))

    def test_the_segment_opens_and_its_tables_fit(self):
        segment = block("segment")
        self.assertEqual(open_segment(block("unit-key"), segment), block("segment-plaintext"))
        self.assertEqual(sha256(block("segment-plaintext")), segment[144:176])
        self.assertEqual(sha256(segment), block("segment-hash"))
        self.assertEqual(segment_leaf(segment), block("segment-leaf"))
        body, media = read_plaintext(block("segment-plaintext"), program.SCHEMA)
        self.assertIsNone(wrong_with(body, media))
        self.assertEqual(media, b"payload0payload1")
        self.assertEqual((body.codec, body.packets.sequence_delta, body.packets.flags, body.call_id),
                         ("PCMA", [700, 1], [1, 0], b"\x44" * 16))
        self.assertIsNotNone(wrong_with(body, media + b"!"))

    def test_the_volume_is_what_its_root_says(self):
        records = good_records(block("volume"))
        tree = MerkleTree()
        tree.append(leaf_hash(records[0].payload))
        tree.append(segment_leaf(records[1].payload))
        self.assertEqual(tree.root(), block("volume-root"))
        state = program.SCHEMA.parse("VolumeState", b"")
        state.volume_id, state.leaves, state.root, state.bytes = LEDGER_ID, 2, tree.root(), records[1].end
        leaf = types.SimpleNamespace(volume=state)
        entry = types.SimpleNamespace(leaf=leaf, index=1, kind="VOLUME_EXTENDED")
        file = File("a.vol", block("volume"), id=LEDGER_ID.hex(), klass="mifid", day=DAY)
        volumes = read_volumes(only("volume", file), types.SimpleNamespace(entries=[entry]), LEDGER_ID, program.SCHEMA,
                               self.report, [])
        self.assertEqual(volumes[LEDGER_ID].check_end(), 0)
        self.assertEqual(volumes[LEDGER_ID].segments[1].hash, block("segment-hash"))

    def test_the_passphrase_opens_the_root_the_month_key_and_the_book(self):
        root_file = program.SCHEMA.parse("RootFile", single_record(block("root-file"), b"TRTROOT1"))
        root = open_root(root_file, b"correct horse battery staple")
        self.assertEqual(root, bytes(range(0x20, 0x40)))
        with self.assertRaises(CannotUse):
            open_root(root_file, b"wrong horse")
        sealed = program.SCHEMA.parse("RootSealed", single_record(block("month-key-file"), b"TRTKEY01"))
        file = types.SimpleNamespace(path="keys/month/mifid-2026-11.key")
        self.assertEqual(sealed.use, use_of("month/mifid-2026-11"))
        months = open_key_files([KeyFile(file, sealed, sealed.use)], root, self.report)
        self.assertEqual(months["mifid", "2026-11"][1], block("month-key"))

        records = good_records(block("key-book"))
        state = program.SCHEMA.parse("BookState", b"")
        state.book_id, state.records, state.bytes = LEDGER_ID, 3, records[2].end
        state.root = block("key-book-root")
        entry = types.SimpleNamespace(leaf=types.SimpleNamespace(book=state), index=1)
        file = File("a.book", block("key-book"), klass="mifid", day=DAY, part=None)
        books = read_books(only("book", file), types.SimpleNamespace(entries=[entry]), LEDGER_ID, program.SCHEMA,
                           self.report, [])
        keys = open_books(books, months, LEDGER_ID, self.report)
        self.assertEqual(keys[LEDGER_ID, b"\x22" * 16].secret, block("unit-key"))

    def test_the_ledger_is_what_its_heads_say(self):
        ledger = self.ledger()
        check_leaves(ledger, LEDGER_ID, block("signing-public-key"), self.report)
        self.assertEqual(ledger.entries[1].leaf_bytes, block("leaf"))
        self.assertEqual(leaf_hash(block("leaf")), block("leaf-hash"))
        texts = [record.payload for record in good_records(block("ledger-heads"))]
        self.assertEqual(texts[-1], block("checkpoint"))
        for text in texts:
            head, _ = read_head(text, block("signing-public-key"))
            self.assertEqual(head.root, ledger.roots[head.size])

    def test_the_body_of_an_entry_opens(self):
        ledger = self.ledger()
        self.assertEqual(ledger.entries[1].sealed, block("sealed-body"))
        key = OpenedKey(None, None, block("body-key"))
        bodies = open_bodies(ledger, {(b"\x66" * 16, b"\x77" * 16): key}, program.SCHEMA, self.report)
        self.assertEqual(bodies[1].which("what"), "accessed")
        self.assertEqual((bodies[1].accessed.action, bodies[1].accessed.who), (1, "compliance-1"))

    def test_no_bit_of_a_head_is_free(self):
        for at, byte in enumerate(block("checkpoint")):
            for bit in range(8):
                text = bytearray(block("checkpoint"))
                text[at] = byte ^ 1 << bit
                self.assertIsNone(read_head(bytes(text), block("signing-public-key"))[0], f"byte {at} bit {bit}")


if __name__ == "__main__":
    unittest.main()
