"""The files of an archive by what they are."""
import os
import re
import stat

_CLASS = r"[a-z0-9][a-z0-9-]{0,15}"
_DAY = r"\d{4}-\d\d-\d\d"
_KINDS = [
    ("volume", re.compile(rf"volumes/(?P<klass>{_CLASS})/(?P<day>{_DAY})/(?P<id>[0-9a-f]{{32}})\.vol")),
    ("book", re.compile(rf"books/(?P<klass>{_CLASS})/(?P<day>{_DAY})(\.(?P<part>[1-9]\d*))?\.book")),
    ("block", re.compile(r"ledger/(?P<first>[0-9a-f]{16})(\.(?P<part>[1-9]\d*))?\.blk")),
    ("heads", re.compile(r"ledger/heads(\.(?P<part>[1-9]\d*))?")),
    ("checkpoint", re.compile(r"ledger/checkpoint")),
    ("public key", re.compile(r"ledger/public\.pem")),
    ("root", re.compile(r"keys/root\.key")),
    ("key", re.compile(r"keys/(?P<name>.+)\.key")),
    ("lock", re.compile(r"lock")),
    ("replacement", re.compile(r"(ledger/checkpoint|ledger/public\.pem|keys/.+\.key)\.tmp")),
]
_FOLDERS = {"books", "keys", "ledger", "volumes"}
_VIEWS = ("index", "index-check")
_REPLACEMENT_MAX = 64 << 10


class ArchiveFile:
    def __init__(self, archive, path, kind, names, size):
        self.archive, self.path, self.kind, self.names, self.size = archive, path, kind, names, size
        self.part = int(names.get("part") or 0)

    def read(self):
        with open(os.path.join(self.archive, self.path), "rb") as file:
            return file.read()


class Folder:
    def __init__(self, archive):
        self.files, self.strangers = [], []
        for folder, folders, names in os.walk(archive):
            inside = os.path.relpath(folder, archive)
            if inside == ".":
                self.strangers += [name for name in folders if name not in _FOLDERS and name not in _VIEWS]
                folders[:] = [name for name in folders if name in _FOLDERS]
            for name in names + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
                self._add(archive, os.path.normpath(os.path.join(inside, name)))
        self.files.sort(key=lambda file: file.path)

    def of(self, kind):
        return [file for file in self.files if file.kind == kind]

    def _add(self, archive, path):
        try:
            status = os.lstat(os.path.join(archive, path))
        except FileNotFoundError:
            return  # A replacement that has taken its place meanwhile.
        limit = {"lock": 0, "replacement": _REPLACEMENT_MAX}
        for kind, pattern in _KINDS:
            match = pattern.fullmatch(path)
            if match and stat.S_ISREG(status.st_mode) and status.st_size <= limit.get(kind, status.st_size):
                self.files.append(ArchiveFile(archive, path, kind, match.groupdict(), status.st_size))
                return
        self.strangers.append(path)
