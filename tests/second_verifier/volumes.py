"""Volumes, their segments, and the chain of each stream."""
from hashing import MerkleTree, leaf_hash, sha256
from record_file import MAGIC_BYTES, is_stillborn, records_of
from wire import WireError

HEADER = 180
PLAINTEXT_MAX = 1 << 20


def class16(name):
    return name.encode().ljust(16, b"\0")


class Segment:
    def __init__(self, data, volume, record):
        self.data, self.volume, self.record = data, volume, record
        self.unit_id, self.stream_id = data[24:40], data[40:56]
        self.sequence = int.from_bytes(data[56:64], "big")
        self.predecessor, self.opening_digest = data[112:144], data[144:176]
        self.hash = sha256(data)
        self.place = {"file": volume.path, "record": record.index, "offset": record.offset,
                      "ids": f"stream {self.stream_id.hex()} sequence {self.sequence}"}


def segment_leaf(data):
    return leaf_hash(data[:HEADER] + sha256(data[HEADER:]))


class Volume:
    def __init__(self, file, states, ledger_id, schema, report):
        """`states`: (entry, VolumeState) of the ledger, in its order."""
        self.path, self.names, self.states, self.report = file.path, file.names, states, report
        self.data = file.read()
        self.covered = states[-1][1].bytes if states else 0
        self.segments = {}  # By leaf index.
        records = records_of(self.data, lambda index, offset: offset < self.covered)
        self.records = [record for record in records if record.end <= self.covered]
        self.stillborn = is_stillborn(records, self.data)
        if not self.records:
            return
        if self.data[:MAGIC_BYTES] != b"TRTVOL01":
            report.wrong("the magic is not that of a volume", file=self.path)
        self._header(ledger_id, schema)
        for record in self.records:
            if not record.good:
                report.wrong("the record's check bytes do not fit", file=self.path, record=record.index,
                             offset=record.offset)
            if record.index:
                self._segment(record, ledger_id)

    def _header(self, ledger_id, schema):
        place = {"file": self.path, "record": 0}
        try:
            header = schema.parse("VolumeHeader", self.records[0].payload)
        except WireError:
            self.report.wrong("the header is no protobuf message VolumeHeader", **place)
            return
        wanted = (1, bytes.fromhex(self.names["id"]), ledger_id, self.names["klass"], self.names["day"], "sha256")
        if wanted != (header.format_version, header.volume_id, header.ledger_id, header.storage_class, header.day,
                      header.hash_algorithm):
            self.report.wrong("the header does not fit the volume's name, the ledger, or this reader", **place)

    def _segment(self, record, ledger_id):
        data = record.payload
        place = {"file": self.path, "record": record.index, "offset": record.offset}
        if len(data) < HEADER + 16 or data[:8] != b"TSEG\1\1\0\0":
            self.report.wrong("is no segment that this reader knows", **place)
            return
        length = int.from_bytes(data[176:180], "big")
        segment = Segment(data, self, record)
        if length > PLAINTEXT_MAX or len(data) != HEADER + length + 16:
            self.report.wrong("the segment's length does not fit its header", **segment.place)
        if data[8:24] != ledger_id or data[64:80] != class16(self.names["klass"]):
            self.report.wrong("the segment is of another ledger or class", **segment.place)
        self.segments[record.index] = segment

    def check_states(self):
        tree, roots, ends = MerkleTree(), {}, {0: MAGIC_BYTES}
        for record in self.records:
            tree.append(leaf_hash(record.payload) if record.index == 0 else segment_leaf(record.payload))
            roots[tree.size], ends[tree.size] = tree.root(), record.end
        before = None
        for entry, state in self.states:
            place = {"file": self.path, "entry": entry.index}
            if roots.get(state.leaves) != state.root or ends.get(state.leaves) != state.bytes:
                self.report.wrong(f"the first {state.leaves} records are not what the entry states", **place)
            if before and (state.leaves < before[1].leaves or state.bytes < before[1].bytes):
                self.report.wrong("the entry states less than the one before it", **place)
            if before and before[0].kind == "VOLUME_CLOSED":
                self.report.wrong("an entry behind the one that closed the volume", **place)
            if entry.kind == "VOLUME_EXTENDED" and (state.tail_bytes or state.tail_digest):
                self.report.wrong("a tail of a volume that is not closed", **place)
            before = (entry, state)

    def check_end(self):
        """Bytes that no entry covers; of a closed volume there are none."""
        tail = self.data[self.covered:]
        if self.states[-1][0].kind != "VOLUME_CLOSED":
            return len(tail)
        entry, state = self.states[-1]
        if len(tail) != state.tail_bytes or (tail and sha256(tail) != state.tail_digest):
            self.report.wrong(f"{len(tail)} bytes behind the last record are not the tail that the entry states",
                              file=self.path, entry=entry.index, offset=self.covered)
        return 0


def read_volumes(folder, ledger, ledger_id, schema, report, unnamed):
    """Volumes by id, of those that an entry names; any other goes to `unnamed`: (path, id, whether it is stillborn)."""
    states = {}
    for entry in ledger.entries:
        if entry.leaf and entry.leaf.volume is not None:
            states.setdefault(entry.leaf.volume.volume_id, []).append((entry, entry.leaf.volume))
    volumes = {}
    for file in folder.of("volume"):
        id_ = bytes.fromhex(file.names["id"])
        volume = Volume(file, states.get(id_, []), ledger_id, schema, report)
        if id_ not in states:
            unnamed.append((file.path, id_, volume.stillborn))
            continue
        if id_ in volumes:
            report.wrong("a second file of this volume", file=file.path)
        volumes[id_] = volume
        volume.check_states()
    for id_, stated in states.items():
        if id_ not in volumes:
            report.wrong("the volume that the entry names is missing", entry=stated[0][0].index, ids=id_.hex())
    report.counts["volumes"] = len(volumes)
    return volumes


def check_streams(volumes, report):
    """Chains by stream id: sequences 0, 1, 2 … without a hole, each naming the hash of the one before."""
    streams = {}
    for volume in volumes.values():
        for segment in volume.segments.values():
            report.counts["segments"] += 1
            chain = streams.setdefault(segment.stream_id, {})
            if chain.setdefault(segment.sequence, segment) is not segment:
                report.wrong("the segment is there twice", **segment.place)
    for chain in streams.values():
        before = None
        for sequence, segment in sorted(chain.items()):
            expected = before.sequence + 1 if before else 0
            if sequence != expected:
                report.wrong(f"segments {expected} to {sequence - 1} of the stream are missing", **segment.place)
            elif segment.predecessor != (before.hash if before else bytes(32)):
                report.wrong("the segment names another predecessor than the one there is", **segment.place)
            if before and segment.unit_id != before.unit_id:
                report.wrong("the stream goes on in another unit", **segment.place)
            before = segment
    report.counts["streams"] = len(streams)
    return streams
