"""Key books: which file of a day ends where, and what the ledger states of each."""
from hashing import MerkleTree, leaf_hash, sha256
from record_file import MAGIC_BYTES, good_records, is_stillborn, records_of
from wire import WireError

SUITE = "hkdf-sha256+aes-256-gcm"


class Book:
    def __init__(self, file, ledger_id, schema, report):
        self.path, self.names, self.part, self.report = file.path, file.names, file.part, report
        self.klass, self.day = file.names["klass"], file.names["day"]
        self.data, self._schema, self.states = file.read(), schema, []
        self.header, self.records, self.parsed = None, [], []
        self.end = None         # (records, bytes) where the next file of the day says that this one ends.
        self.given_up = False
        first = good_records(self.data)[:1]
        self.stillborn = is_stillborn(first, self.data)
        first = first or records_of(self.data, lambda index, offset: index == 0)[:1]
        if not first:
            return
        record = self._parse(first[0])
        self.header = record.header if record and record.which("record") == "header" else None
        if self.data[:MAGIC_BYTES] != b"TRTBOOK1":
            report.wrong("the magic is not that of a key book", file=self.path)
        if self.header is None:
            report.wrong("record 0 is no header of a key book", file=self.path, record=0)
            return
        header = self.header
        wanted = (1, 16, ledger_id, self.klass, self.day, 16, "sha256", SUITE)
        if wanted != (header.format_version, len(header.book_id), header.ledger_id, header.book_class, header.day,
                      len(header.month_key_id), header.hash_algorithm, header.seal_algorithm):
            report.wrong("the header does not fit the book's name, the ledger, or this reader", file=self.path,
                         record=0)

    @property
    def id(self):
        return self.header.book_id if self.header else None

    def _parse(self, record):
        try:
            return self._schema.parse("BookRecord", record.payload)
        except WireError:
            return None

    def read_records(self):
        """Called when states and end are known."""
        covered = self.states[-1][1].bytes
        records = records_of(self.data, lambda index, offset: offset < covered)
        self.records = [record for record in records if record.end <= covered]
        limit = (0, MAGIC_BYTES) if self.given_up else self.end
        if limit is not None and (len(self.records), covered) != limit:
            self.report.wrong("does not end where the next file of its day says", file=self.path, offset=limit[1])
        for record in self.records:
            place = {"file": self.path, "record": record.index, "offset": record.offset}
            if not record.good:
                self.report.wrong("the record's check bytes do not fit", **place)
            parsed = self._parse(record)
            which = parsed.which("record") if parsed else None
            if which is None or (which == "header") != (record.index == 0):
                self.report.wrong("is no record of a key book", **place)
                parsed = None
            self.parsed.append(parsed)

    def check_states(self):
        tree, roots, ends = MerkleTree(), {0: sha256()}, {0: MAGIC_BYTES}
        for record in self.records:
            tree.append(leaf_hash(record.payload))
            roots[tree.size], ends[tree.size] = tree.root(), record.end
        before = None
        for entry, state in self.states:
            place = {"file": self.path, "entry": entry.index}
            if roots.get(state.records) != state.root or ends.get(state.records) != state.bytes:
                self.report.wrong(f"the first {state.records} records are not what the entry states", **place)
            if before and (state.records < before.records or state.bytes < before.bytes):
                self.report.wrong("the entry states less than the one before it", **place)
            if before and before.closed:
                self.report.wrong("an entry behind the one that closed the book", **place)
            if not state.closed and (state.tail_bytes or state.tail_digest):
                self.report.wrong("a tail of a book that is not closed", **place)
            before = state

    def check_end(self):
        """Bytes that no entry covers; of a closed book there are none."""
        entry, state = self.states[-1]
        tail = self.data[state.bytes:]
        if not state.closed:
            return len(tail)
        if len(tail) != state.tail_bytes or (tail and sha256(tail) != state.tail_digest):
            self.report.wrong(f"{len(tail)} bytes behind the last record are not the tail that the entry states",
                              file=self.path, entry=entry.index, offset=state.bytes)
        return 0


def _link(parts, report):
    """Goes back from the last file of a day: the file that a header names ends there, any other was given up."""
    counting = None
    for book in reversed(parts):
        if counting is None:
            counting = book
        elif counting.header and counting.header.previous_book_id == book.id:
            book.end = (counting.header.previous_records, counting.header.previous_bytes)
            counting = book
        else:
            book.given_up = True
    if counting and counting.header and counting.header.previous_records:
        report.wrong("the file of its day that the header names as the one before is missing", file=counting.path,
                     record=0)


def read_books(folder, ledger, ledger_id, schema, report, unnamed):
    """Books by id, of those that an entry names; any other goes to `unnamed`: (path, id, whether it is stillborn)."""
    states = {}
    for entry in ledger.entries:
        if entry.leaf and entry.leaf.book is not None:
            states.setdefault(entry.leaf.book.book_id, []).append((entry, entry.leaf.book))
    books, days, nameless = {}, {}, []
    for file in folder.of("book"):
        book = Book(file, ledger_id, schema, report)
        if book.id not in states:
            nameless.append(book)
            continue
        if book.id in books:
            report.wrong("a second file of this book", file=book.path)
        books[book.id] = book
        days.setdefault((book.klass, book.day), []).append(book)
    for parts in days.values():
        _link(sorted(parts, key=lambda book: book.part), report)
    for id_, book in books.items():
        book.states = states.pop(id_)
        book.read_records()
        book.check_states()
    for id_, stated in states.items():
        _find_given_up(id_, stated, nameless, report)
    unnamed += [(book.path, book.id, book.stillborn) for book in nameless]
    report.counts["books"] = len(books)
    _check_keys(books, report)
    return books


def _find_given_up(id_, stated, nameless, report):
    """A file without a record cannot tell its id: what its closing entry states of its bytes is all that names it."""
    entry, state = stated[-1]
    for book in nameless:
        tail = book.data[state.bytes:]
        if state.closed and state.records == 0 and len(tail) == state.tail_bytes and sha256(tail) == state.tail_digest:
            nameless.remove(book)
            return
    report.wrong("the book that the entry names is missing", entry=entry.index, ids=id_.hex())


def _check_keys(books, report):
    """Form of buckets and keys; a key id stands in one book only, and behind its bucket."""
    seen = set()
    for book in books.values():
        generations = {}
        for record, parsed in zip(book.records, book.parsed):
            place = {"file": book.path, "record": record.index, "offset": record.offset}
            if parsed is None:
                continue
            if parsed.bucket:
                number, generation = parsed.bucket.bucket, parsed.bucket.generation
                if number > 255 or generation <= generations.get(number, 0):
                    report.wrong("is no bucket, or its generation does not grow", **place)
                generations[number] = generation
            elif parsed.key:
                report.counts["keys"] += 1
                key = parsed.key
                if len(key.key_id) != 16 or len(key.node_id) not in (0, 16) or len(key.call_id) not in (0, 16) \
                        or key.use not in (1, 2, 3):
                    report.wrong("is no wrapped key", **place)
                    continue
                if key.key_id in seen:
                    report.wrong("the key's id stands in the books twice", **place)
                seen.add(key.key_id)
                if generations.get(key.key_id[0]) != key.generation:
                    report.wrong("the key's bucket does not stand before it", **place)
