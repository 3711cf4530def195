"""SHA-256 and Merkle trees (RFC 9162, 2.1)."""
import hashlib


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def leaf_hash(data):
    return sha256(b"\0", data)


class MerkleTree:
    """Grows leaf by leaf; holds the roots of the whole subtrees from left to right only."""

    def __init__(self):
        self.size = 0
        self._subtrees = []  # (leaves, root), sizes fall.

    def append(self, leaf):
        size, root = 1, leaf
        while self._subtrees and self._subtrees[-1][0] == size:
            left = self._subtrees.pop()[1]
            size, root = size * 2, sha256(b"\1", left, root)
        self._subtrees.append((size, root))
        self.size += 1

    def root(self):
        if not self._subtrees:
            return sha256()
        root = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            root = sha256(b"\1", left, root)
        return root
