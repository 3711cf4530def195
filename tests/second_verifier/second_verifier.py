#!/usr/bin/env python3
"""Checks the whole archive of a turret recorder, and names the place of what is wrong.

A second reader beside turret-verify, written from storage/FORMAT.md and the messages in proto/: whatever the two
do not agree on is an error in one of them, or in that page.

Exit status: 0 verified against the given head; 1 something is wrong; 2 usage: a bad option, or the head, key or
passphrase cannot be used; 3 nothing is wrong, but freshness is unproven: no head was given.
"""
import argparse
import json
import pathlib
import sys
import time

from books import read_books
from folder import Folder
from heads import StoredHeads, check_heads, read_head
from key_files import CannotUse, open_key_files, open_root, read_key_files, read_root_file
from ledger import Ledger, check_blocks_closed, check_leaves
from opened import check_placements, check_stream_ends, open_bodies, open_segments
from opened_books import open_books
from report import Report
from sealing import public_key_of
from volumes import check_streams, read_volumes
from wire import Schema

SCHEMA = Schema(pathlib.Path(__file__).resolve().parents[2] / "proto/turret/v1")


def verify(archive, public_key, kept, passphrase, at_rest):
    """Report on an archive; `kept` is a Head or None, `passphrase` None without secrets."""
    report = Report(archive)
    report.mode = "hashes" if passphrase is None else "full"
    report.trusted_size = kept.size if kept else None

    # Heads first, then the ledger, then what it names: whatever grows meanwhile is read later than what names it.
    heads = StoredHeads(Folder(archive), public_key, report)
    folder = Folder(archive)
    _look_around(folder, public_key, report)
    root = read_root_file(folder, SCHEMA, report)
    key_files = read_key_files(folder, SCHEMA, report)
    if passphrase is not None and root is None:
        return report
    root_key = open_root(root, passphrase) if passphrase is not None else None

    report.size = heads.in_force.size if heads.in_force else 0
    ledger = Ledger(folder, max(report.size, kept.size if kept else 0), SCHEMA, report)
    stated = heads.stated + ([(kept, {"file": "the given head"})] if kept else [])
    check_heads(stated, dict(enumerate(ledger.roots)), report)
    ledger_id = (kept or heads.in_force).ledger_id if kept or heads.in_force else b""
    if any(head.ledger_id != ledger_id for head, _ in stated):
        report.wrong("heads of more than one ledger", file="ledger/heads")
    check_leaves(ledger, ledger_id, public_key, report)
    check_blocks_closed(ledger, report)

    unnamed = []
    volumes = read_volumes(folder, ledger, ledger_id, SCHEMA, report, unnamed)
    books = read_books(folder, ledger, ledger_id, SCHEMA, report, unnamed)
    _settle_unnamed(unnamed, archive, public_key, at_rest, report)
    streams = check_streams(volumes, report)
    if root_key is not None:
        keys = open_books(books, open_key_files(key_files, root_key, report), ledger_id, report)
        open_segments(volumes, keys, SCHEMA, report)
        bodies = open_bodies(ledger, keys, SCHEMA, report)
        check_placements(ledger, bodies, volumes, report)
        check_stream_ends(bodies, streams, report)
    _settle_ends(heads, ledger, volumes, books, at_rest, report)
    return report


def _look_around(folder, public_key, report):
    for path in folder.strangers:
        report.wrong("is not part of an archive", file=path)
    for file in folder.of("replacement"):
        report.notes.append(f"{file.path}: a replacement that is being written, or was left by a crash")
    for file in folder.of("public key"):
        if public_key_of(file.read()) != public_key:
            report.wrong("is not the ledger's public key", file=file.path)
    if (folder.of("key") or report.mode == "full") and not folder.of("root"):
        report.wrong("is missing", file="keys/root.key")


def _settle_unnamed(unnamed, archive, public_key, at_rest, report):
    """Files that no entry names: stillborn; or newer than the heads that were read first, and named soon; or wrong."""
    for _ in range(0 if at_rest else 20):
        if all(stillborn for _, _, stillborn in unnamed):
            break
        time.sleep(0.1)
        scratch = Report(archive)
        head = StoredHeads(Folder(archive), public_key, scratch).in_force
        ledger = Ledger(Folder(archive), head.size if head else 0, SCHEMA, scratch)
        leaves = [entry.leaf for entry in ledger.entries if entry.leaf]
        named = {leaf.volume.volume_id for leaf in leaves if leaf.volume} | {
            leaf.book.book_id for leaf in leaves if leaf.book}
        unnamed = [file for file in unnamed if file[1] not in named]
    for path, _, stillborn in unnamed:
        if stillborn:
            report.notes.append(f"{path}: holds no record; left by a crash")
        else:
            report.wrong("no ledger entry names this file", file=path)


def _settle_ends(heads, ledger, volumes, books, at_rest, report):
    """What no signed head covers: counted, and wrong when nobody writes to the archive."""
    uncovered = heads.uncovered + ledger.uncovered
    for item in [*volumes.values(), *books.values()]:
        length = item.check_end()
        uncovered.append((item.path, len(item.data) - length, length))
    for path, offset, length in uncovered:
        if not at_rest:
            report.counts["uncovered_bytes"] += length
        elif length:
            report.wrong(f"{length} bytes from here on are in no signed head", file=path, offset=offset)


def _arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="folder with ledger, volumes, books and keys")
    parser.add_argument("--key", required=True, help="the ledger's public key: PEM, or 64 hex digits")
    parser.add_argument("--head", help="a signed tree head that was kept outside of the archive")
    parser.add_argument("--hashes", action="store_true", help="check hashes and signatures alone: needs no secret")
    parser.add_argument("--passphrase-file", help="passphrase of keys/root.key: opens every segment and body too")
    parser.add_argument("--at-rest", action="store_true", help="nobody writes to the archive: what is newer than its "
                        "newest head is wrong, too")
    parser.add_argument("--json", action="store_true", help="machine-readable report")
    return parser.parse_args(argv)


def run(argv):
    """(Report, arguments) of one command line."""
    arguments = _arguments(argv)
    if arguments.hashes == bool(arguments.passphrase_file):
        raise CannotUse("say either --hashes, or --passphrase-file FILE to open everything")
    try:
        public_key = public_key_of(pathlib.Path(arguments.key).read_bytes())
        if public_key is None:
            raise CannotUse(f"{arguments.key}: is no Ed25519 public key (PEM or 64 hex digits)")
        kept = passphrase = None
        if arguments.head:
            kept, wrong = read_head(pathlib.Path(arguments.head).read_bytes(), public_key)
            if kept is None:
                raise CannotUse(f"{arguments.head}: {wrong}")
        if arguments.passphrase_file:
            passphrase = pathlib.Path(arguments.passphrase_file).read_bytes().removesuffix(b"\n")
        if not pathlib.Path(arguments.archive).is_dir():
            raise CannotUse(f"{arguments.archive}: is no folder")
        return verify(arguments.archive, public_key, kept, passphrase, arguments.at_rest), arguments
    except OSError as error:
        raise CannotUse(str(error)) from error


def run_jobs(path):
    """Command lines from a file, each a JSON array on a line of its own; one JSON report a line."""
    for line in pathlib.Path(path).read_text().splitlines():
        try:
            answer = run(json.loads(line))[0].json()
        except CannotUse as error:
            answer = {"exit_status": 2, "error": str(error)}
        print(json.dumps(answer))


def main():
    if sys.argv[1:2] == ["--jobs"]:
        run_jobs(sys.argv[2])
        return 0
    try:
        report, arguments = run(sys.argv[1:])
    except CannotUse as error:
        print(f"second_verifier: {error}", file=sys.stderr)
        return 2
    print(report.json_text() if arguments.json else report.text())
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
