"""Reads protobuf 3 messages as the .proto files of this repository describe them.

The schema is read from proto/turret/v1 itself; nothing is generated. Accepts and refuses what protobuf's own
parsers do: unknown fields are skipped, a field of another wire type is unknown, the last value of a scalar counts,
messages merge, one member of a oneof is set, strings are UTF-8.
"""
import re
import struct

_TOKEN = re.compile(r'//[^\n]*|"[^"]*"|[A-Za-z_][\w.]*|\d+|[{}=;<>,\[\]()]')
_VARINT = {"int64", "int32", "uint64", "uint32", "sint64", "bool", "enum"}


class WireError(Exception):
    """The bytes are not a message of that type."""


class Field:
    def __init__(self, name, number, kind, repeated=False, oneof=None, map_types=None):
        self.name, self.number, self.kind, self.repeated = name, number, kind, repeated
        self.oneof, self.map_types, self.message = oneof, map_types, None


class Type:
    def __init__(self, name):
        self.name, self.by_number = name, {}


class Message:
    """Fields are attributes; `which(oneof)` is the name of the member that is set."""

    def __init__(self, type_):
        self._oneofs = {}
        self._set = set()
        for field in type_.by_number.values():
            setattr(self, field.name, [] if field.repeated else _default(field))

    def which(self, oneof):
        return self._oneofs.get(oneof)

    def has(self, name):
        return name in self._set


def _default(field):
    return {"string": "", "bytes": b"", "message": None, "bool": False}.get(field.kind, 0)


class Schema:
    def __init__(self, proto_folder):
        self.types, self._enums = {}, set()
        for path in sorted(proto_folder.glob("*.proto")):
            tokens = [t for t in _TOKEN.findall(path.read_text()) if not t.startswith("//")]
            self._file(tokens)
        for scope, field in [(t.name, f) for t in self.types.values() for f in t.by_number.values()]:
            self._resolve(scope, field)

    def parse(self, name, data):
        type_ = self.types[name]
        message = Message(type_)
        _parse(type_, message, memoryview(data), 0)
        return message

    def _file(self, tokens):
        at = 0
        while at < len(tokens):
            if tokens[at] in ("message", "enum"):
                at = self._block(tokens, at, "")
            elif tokens[at] == "service":
                at = _skip_braces(tokens, at)
            else:
                at = tokens.index(";", at) + 1

    def _block(self, tokens, at, scope):
        name = scope + tokens[at + 1]
        if tokens[at] == "enum":
            self._enums.add(name)
            return _skip_braces(tokens, at)
        type_ = self.types[name] = Type(name)
        at, oneof = at + 3, None
        while tokens[at] != "}" or oneof:
            if tokens[at] == "}":
                at, oneof = at + 1, None
            elif tokens[at] in ("message", "enum"):
                at = self._block(tokens, at, name + ".")
            elif tokens[at] == "oneof":
                at, oneof = at + 3, tokens[at + 1]
            else:
                end = tokens.index(";", at)
                field = _field(tokens[at:end], oneof)
                type_.by_number[field.number] = field
                at = end + 1
        return at + 1

    def _resolve(self, scope, field):
        if field.map_types:
            entry = Type(f"{scope}.{field.name} entry")
            for number, (name, kind) in enumerate(zip(("key", "value"), field.map_types), 1):
                entry.by_number[number] = Field(name, number, kind)
                self._resolve(scope, entry.by_number[number])
            field.kind, field.message = "message", entry
            return
        if field.kind in _VARINT or field.kind in ("string", "bytes", "fixed32", "fixed64", "double"):
            return
        parts = scope.split(".")
        for depth in range(len(parts), -1, -1):
            full = ".".join(parts[:depth] + [field.kind])
            if full in self._enums:
                field.kind = "enum"
                return
            if full in self.types:
                field.kind, field.message = "message", self.types[full]
                return
        raise ValueError(f"{scope}.{field.name}: no type {field.kind}")


def _skip_braces(tokens, at):
    at, depth = tokens.index("{", at) + 1, 1
    while depth:
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        at += 1
    return at


def _field(tokens, oneof):
    repeated = tokens[0] in ("repeated", "optional") and tokens.pop(0) == "repeated"
    map_types = None
    if tokens[0] == "map":
        map_types, repeated = (tokens[2], tokens[4]), True
        tokens = ["map"] + tokens[6:]
    return Field(tokens[1], int(tokens[3]), tokens[0], repeated, oneof, map_types)


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift >= 70:
            raise WireError("varint")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at


def _packed_varints(data):
    value = shift = 0
    for byte in data:
        if byte < 0x80:
            yield (value | byte << shift) & 0xFFFFFFFFFFFFFFFF
            value = shift = 0
        else:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= 70:
                raise WireError("varint")
    if shift:
        raise WireError("varint")


def _signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _scalar(kind, raw):
    if kind in ("int64",):
        return _signed(raw, 64)
    if kind in ("int32", "enum"):
        return _signed(raw, 32)
    if kind == "uint32":
        return raw & 0xFFFFFFFF
    if kind == "sint64":
        return (raw >> 1) ^ -(raw & 1)
    return bool(raw) if kind == "bool" else raw


def _chunk(data, at, length):
    if length > len(data) - at:
        raise WireError("cut short")
    return data[at:at + length], at + length


def _skip(data, at, wire, number, depth):
    if wire == 0:
        return _varint(data, at)[1]
    if wire == 2:
        length, at = _varint(data, at)
        return _chunk(data, at, length)[1]
    if wire in (1, 5):
        return _chunk(data, at, 8 if wire == 1 else 4)[1]
    if wire == 3 and depth < 100:
        while True:
            tag, at = _varint(data, at)
            if tag & 7 == 4:
                if tag >> 3 != number:
                    raise WireError("group")
                return at
            at = _skip(data, at, tag & 7, tag >> 3, depth + 1)
    raise WireError("wire type")


def _wire_of(kind):
    return 0 if kind in _VARINT else {"fixed32": 5, "fixed64": 1, "double": 1}.get(kind, 2)


def _read(kind, data, at):
    if kind in _VARINT:
        raw, at = _varint(data, at)
        return _scalar(kind, raw), at
    form = {"fixed32": "<I", "fixed64": "<Q", "double": "<d"}[kind]
    chunk, at = _chunk(data, at, struct.calcsize(form))
    return struct.unpack(form, chunk)[0], at


def _store(message, field, value):
    if field.repeated:
        getattr(message, field.name).append(value)
        return
    if field.oneof:
        before = message._oneofs.get(field.oneof)
        if before and before != field.name:
            setattr(message, before, None)
        message._oneofs[field.oneof] = field.name
    message._set.add(field.name)
    setattr(message, field.name, value)


def _parse(type_, message, data, depth):
    if depth > 100:
        raise WireError("depth")
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise WireError("field number")
        field = type_.by_number.get(number)
        if field is None or (wire != _wire_of(field.kind) and not (wire == 2 and field.repeated)):
            at = _skip(data, at, wire, number, depth)
        elif wire != 2:
            value, at = _read(field.kind, data, at)
            _store(message, field, value)
        else:
            length, at = _varint(data, at)
            chunk, at = _chunk(data, at, length)
            _length_delimited(message, field, chunk, depth)


def _length_delimited(message, field, chunk, depth):
    if field.kind == "message":
        value = None if field.repeated else getattr(message, field.name)
        value = value or Message(field.message)
        _parse(field.message, value, chunk, depth + 1)
        _store(message, field, value)
    elif field.kind == "bytes":
        _store(message, field, bytes(chunk))
    elif field.kind == "string":
        try:
            _store(message, field, str(chunk, "utf-8"))
        except UnicodeDecodeError as error:
            raise WireError("UTF-8") from error
    elif field.kind in _VARINT:
        getattr(message, field.name).extend(_scalar(field.kind, raw) for raw in _packed_varints(chunk))
    else:
        at = 0
        while at < len(chunk):
            value, at = _read(field.kind, chunk, at)
            _store(message, field, value)
