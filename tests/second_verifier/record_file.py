"""Record files (FORMAT.md): magic | (length | payload | check)*."""
import hashlib

MAGIC_BYTES = 8
PAYLOAD_MAX = 1 << 24
FRAME = 12  # Length and check.
STILLBORN_MAX = 4096


class Record:
    def __init__(self, index, offset, payload, good):
        self.index, self.offset, self.payload, self.good = index, offset, payload, good
        self.end = offset + FRAME + len(payload)


def record_at(data, index, offset):
    """The record at `offset`, its check may not fit; None when the file ends before it does."""
    if offset + FRAME > len(data):
        return None
    length = int.from_bytes(data[offset:offset + 4], "big")
    if length > PAYLOAD_MAX or offset + FRAME + length > len(data):
        return None
    end = offset + 4 + length
    check = hashlib.sha256(data[offset:end]).digest()[:8]
    return Record(index, offset, data[offset + 4:end], check == data[end:end + 8])


def records_of(data, stated):
    """Records, one after another. `stated(index, offset)` tells whether somebody vouches for a record there: such a
    record is followed by its length even when its check does not fit. The first other bad record ends the file."""
    offset, records = MAGIC_BYTES, []
    while True:
        record = record_at(data, len(records), offset)
        if record is None or (not record.good and not stated(len(records), offset)):
            return records
        records.append(record)
        offset = record.end


def good_records(data):
    return records_of(data, lambda index, offset: False)


def is_stillborn(records, data):
    """Nothing that could hold anything: no whole record, and not more than a crash at its birth leaves."""
    return not records and len(data) <= STILLBORN_MAX


def lacks_magic(data):
    """A crash at its birth: too short for a magic, or zeros where it should stand."""
    return len(data) < MAGIC_BYTES or (len(data) <= STILLBORN_MAX and not any(data[:MAGIC_BYTES]))


def end_of(records):
    return records[-1].end if records else MAGIC_BYTES


def single_record(data, magic):
    """Payload of a one-record file, None if it is broken."""
    records = good_records(data)
    if data[:MAGIC_BYTES] != magic or len(records) != 1 or records[0].end != len(data):
        return None
    return records[0].payload
