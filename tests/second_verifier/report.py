"""What was read, and what is wrong with it and where."""
import json

COUNTS = ("entries", "heads", "books", "keys", "volumes", "segments", "streams", "segments_opened", "bodies_opened",
          "uncovered_bytes")


class Report:
    def __init__(self, archive):
        self.archive, self.findings, self.notes = archive, [], []
        self.counts = dict.fromkeys(COUNTS, 0)
        self.mode, self.size, self.trusted_size = "hashes", 0, None

    def wrong(self, what, file=None, entry=None, record=None, offset=None, ids=None):
        parts = [file, entry is not None and f"ledger entry {entry}", record is not None and f"record {record}",
                 offset is not None and f"offset {offset}", ids]
        finding = {"file": file, "entry": entry, "record": record, "offset_bytes": offset, "ids": ids,
                   "place": ", ".join(p for p in parts if p), "what": what}
        self.findings.append({k: v for k, v in finding.items() if v is not None})

    def exit_status(self):
        return 1 if self.findings else 0 if self.trusted_size is not None else 3

    def json(self):
        status = self.exit_status()
        fields = {"archive": self.archive, "counts": self.counts, "exit_status": status, "findings": self.findings,
                  "findings_total": len(self.findings), "freshness_proven": status == 0, "mode": self.mode,
                  "notes": self.notes, "size": self.size, "verified": not self.findings}
        if self.trusted_size is not None:
            fields["trusted_size"] = self.trusted_size
        return fields

    def json_text(self):
        return json.dumps(self.json(), indent=2, sort_keys=True)

    def text(self):
        c = self.counts
        lines = [f"WRONG  {f['place']}: {f['what']}" for f in self.findings]
        lines += [f"note   {note}" for note in self.notes]
        lines.append(f"read   {c['entries']} entries, {c['heads']} heads, {c['books']} key books, "
                     f"{c['volumes']} volumes, {c['segments']} segments of {c['streams']} streams")
        if self.mode == "full":
            lines.append(f"opened {c['segments_opened']} segments and {c['bodies_opened']} bodies")
        if c["uncovered_bytes"]:
            lines.append(f"note   {c['uncovered_bytes']} bytes are newer than the newest head")
        if self.findings:
            lines.append(f"NOT VERIFIED: {len(self.findings)} findings")
        elif self.trusted_size is None:
            lines.append(f"FRESHNESS UNPROVEN: nothing is wrong up to size {self.size}, but no head was given")
        else:
            lines.append(f"VERIFIED against the given head of size {self.trusted_size}; "
                         f"the archive's newest head has size {self.size}")
        return "\n".join(lines)
