"""Opens day keys, bucket keys and keys of the books."""
from sealing import open_box
from volumes import class16

SECRET = 32


class OpenedKey:
    def __init__(self, book, key, secret):
        self.book, self.key, self.secret = book, key, secret


def _number(value):
    return value.to_bytes(4, "big")


def _secret(key, wrapped, aad):
    secret = open_box(key, wrapped, aad)
    return secret if secret is not None and len(secret) == SECRET else None


def open_books(books, months, ledger_id, report):
    """All keys by (book id, key id)."""
    keys = {}
    for book in books.values():
        if book.header and book.records and not book.given_up:
            _open_book(book, months, ledger_id, report, keys)
    return keys


def _open_book(book, months, ledger_id, report, keys):
    header = book.header
    month_id, month_key = months.get((book.klass, book.day[:7]), (None, None))
    day_key = None
    if month_id != header.month_key_id:
        report.wrong("there is no file of the book's month key", file=book.path, record=0)
    else:
        aad = b"turret day key v1" + ledger_id + header.book_id + month_id + class16(book.klass) + book.day.encode()
        day_key = _secret(month_key, header.wrapped_day_key, aad)
        if day_key is None:
            report.wrong("the day key does not open", file=book.path, record=0)
    if day_key is None:
        return
    scope, buckets = ledger_id + header.book_id, {}
    for record, parsed in zip(book.records, book.parsed):
        place = {"file": book.path, "record": record.index, "offset": record.offset}
        if parsed and parsed.bucket:
            bucket = parsed.bucket
            name = (bucket.bucket, bucket.generation)
            buckets[name] = _secret(day_key, bucket.wrapped,
                                    b"turret bucket key v1" + scope + _number(name[0]) + _number(name[1]))
            if buckets[name] is None:
                report.wrong("the bucket key does not open", **place)
        elif parsed and parsed.key and len(parsed.key.key_id) == 16:
            key = parsed.key
            bucket_key = buckets.get((key.key_id[0], key.generation))
            aad = b"turret wrapped key v1" + scope + key.key_id + key.call_id.ljust(16, b"\0") \
                + key.node_id.ljust(16, b"\0") + _number(key.use & 0xFFFFFFFF) + _number(key.generation)
            secret = bucket_key and _secret(bucket_key, key.wrapped, aad)
            if secret is None:
                report.wrong("the key does not open", **place)
            else:
                keys[header.book_id, key.key_id] = OpenedKey(book, key, secret)
