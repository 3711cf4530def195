"""What a segment's plaintext must be: opening | length | SegmentBody | media."""
from hashing import sha256
from wire import WireError

PAYLOAD, OPUS = 1, 2
PACKET_COLUMNS = ("sequence_delta", "timestamp_delta", "arrival_delta_ns", "payload_bytes", "payload_digest", "flags")
FRAME_COLUMNS = ("timestamp_delta", "frame_bytes", "duration_samples", "starts_run")


def _rows(table, columns):
    """Rows of a table, None when its columns differ in length."""
    lengths = {len(getattr(table, column)) for column in columns}
    return lengths.pop() if len(lengths) == 1 else None


def read_plaintext(plaintext, schema):
    """(SegmentBody, media), or (None, what is wrong)."""
    length = int.from_bytes(plaintext[32:36], "big")
    if len(plaintext) < 36 or 36 + length > len(plaintext):
        return None, "the plaintext is cut short"
    try:
        return schema.parse("SegmentBody", plaintext[36:36 + length]), plaintext[36 + length:]
    except WireError:
        return None, "the body is no protobuf message SegmentBody"


def wrong_with(body, media):
    """What does not fit in a segment's tables, or None."""
    packets, frames = body.packets, body.frames
    if body.media not in (PAYLOAD, OPUS):
        return "the kind of media is not known"
    if packets is not None and _rows(packets, PACKET_COLUMNS) is None:
        return "the columns of the packet table differ in length"
    if body.media == PAYLOAD:
        if sum(packets.payload_bytes if packets else ()) != len(media):
            return "the packet table does not account for every media byte"
        if sha256(body.payload_opening, media) != body.payload_digest:
            return "the payload is not what its digest says"
        return None
    if frames is not None and _rows(frames, FRAME_COLUMNS) is None:
        return "the columns of the frame table differ in length"
    if sum(frames.frame_bytes if frames else ()) != len(media):
        return "the frame table does not account for every media byte"
    if len(body.payload_digest) != 32 or len(body.payload_opening) != 32:
        return "there is no digest of the payload"
    return None
