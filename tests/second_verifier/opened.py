"""With the keys: every segment and every body opens, and is what its digests and the entries say."""
from hashing import sha256
from plaintext import read_plaintext, wrong_with
from sealing import open_box, open_segment
from wire import WireError

UNIT = 1


def open_segments(volumes, keys, schema, report):
    units = {key.key.key_id: key for key in keys.values() if key.key.use == UNIT}
    for volume in volumes.values():
        for segment in volume.segments.values():
            key = units.get(segment.unit_id)
            if key is None:
                report.wrong("no book holds the key of the segment's unit", **segment.place)
                continue
            if (key.book.klass, key.book.day) != (volume.names["klass"], volume.names["day"]):
                report.wrong("the unit's key lies in the book of another class or day", **segment.place)
            wrong = _open_segment(segment, key, schema)
            if wrong:
                report.wrong(wrong, **segment.place)
            else:
                report.counts["segments_opened"] += 1


def _open_segment(segment, key, schema):
    plaintext = open_segment(key.secret, segment.data)
    if plaintext is None:
        return "the segment does not open"
    if sha256(plaintext) != segment.opening_digest:
        return "the plaintext is not what the opening digest says"
    body, media = read_plaintext(plaintext, schema)
    if body is None:
        return media
    if body.call_id not in (b"", key.key.call_id):
        return "the segment's call is not that of its unit's key"
    return wrong_with(body, media)


def open_bodies(ledger, keys, schema, report):
    """Bodies by entry index."""
    bodies = {}
    for entry in ledger.entries:
        leaf = entry.leaf
        if leaf is None or not entry.sealed:
            continue
        key = keys.get((leaf.body_book_id, leaf.body_key_id))
        if key is None:
            report.wrong("no book holds the key of the body", **entry.place)
            continue
        plaintext = open_box(key.secret, entry.sealed, leaf.ledger_id + leaf.entry_id)
        if plaintext is None:
            report.wrong("the body does not open", **entry.place)
        elif len(plaintext) < 32 or sha256(plaintext) != leaf.body_opening_digest:
            report.wrong("the body is not what its opening digest says", **entry.place)
        else:
            try:
                body = bodies[entry.index] = schema.parse("EntryBody", plaintext[32:])
                report.counts["bodies_opened"] += 1
                if (body.volume_contents is None) != (leaf.volume is None):
                    report.wrong("the body is not what the entry's kind asks for", **entry.place)
            except WireError:
                report.wrong("the body is no protobuf message EntryBody", **entry.place)
    return bodies


def check_placements(ledger, bodies, volumes, report):
    """Each VOLUME_EXTENDED places exactly the segments that it adds."""
    leaves = {}
    for entry in ledger.entries:
        state = entry.leaf.volume if entry.leaf else None
        if state is None:
            continue
        before = leaves.get(state.volume_id, 1)
        leaves[state.volume_id] = max(before, state.leaves)
        volume = volumes.get(state.volume_id)
        if volume is None or (entry.sealed and entry.index not in bodies):
            continue
        contents = bodies[entry.index].volume_contents if entry.sealed else None
        _check_contents(entry, state, contents, volume, range(before, max(before, state.leaves)), report)


def _check_contents(entry, state, contents, volume, added, report):
    place = {"file": volume.path, "entry": entry.index}
    placements = contents.placements if contents else []
    if contents and (contents.volume_id, contents.storage_class, contents.day) != (
            state.volume_id, volume.names["klass"], volume.names["day"]):
        report.wrong("the body speaks of another volume than the leaf", **place)
    if sorted(p.leaf_index for p in placements) != list(added):
        report.wrong("the body does not place exactly the segments that the entry adds", **place)
    for placed in placements:
        segment = volume.segments.get(placed.leaf_index)
        if segment is None:
            continue
        record = segment.record
        stated = (placed.stream_id, placed.sequence, placed.offset_bytes, placed.record_bytes, placed.segment_hash,
                  placed.unit_id)
        if stated != (segment.stream_id, segment.sequence, record.offset, record.end - record.offset, segment.hash,
                      segment.unit_id):
            report.wrong("the entry states another place or hash of the segment", **{**segment.place, **place})


def check_stream_ends(bodies, streams, report):
    """What the end of a call says of its streams: count of the segments and hash of the last."""
    for index, body in bodies.items():
        ended = body.fact.call_ended if body.fact else None
        for end in ended.streams if ended else ():
            chain = streams.get(end.stream_id, {})
            ids, last = f"stream {end.stream_id.hex()}", chain.get(end.segments - 1)
            if end.segments > len(chain):
                report.wrong(f"the entry states {end.segments} segments, and the volumes hold {len(chain)}",
                             entry=index, ids=ids)
            elif last and last.hash != end.last_segment_hash:
                report.wrong("the entry states another hash of the stream's last segment", entry=index, ids=ids)
