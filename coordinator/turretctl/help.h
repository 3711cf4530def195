// What --help says below the options.
#pragma once

namespace turret::turretctl::help {

inline constexpr char kAbout[] = "Find, hear, prove and export what the turret recorder holds.";

inline constexpr char kFooter[] = R"(
First steps:
  turretctl lines                                   which lines are recorded
  turretctl calls --from today                      today's calls
  turretctl calls --id 3f9a1c                       all that is known of one
  turretctl play 3f9a1c --reason "complaint 4711"   its audio, one channel a participant
  turretctl coverage LDN-EQ-014/1 today             what was recorded, and what is missing
  turretctl export 3f9a1c --reason "request 12/26" -o request-12
  turretctl ledger head --save head.txt             keep this where nobody of IT can reach it

Times are UTC: 2026-11-24T09:30:00Z, "2026-11-24 09:30", 2026-11-24, now, today, yesterday,
or a span before now: -90m, -2h, -3d.

Exit codes:
  0  done                      4  not allowed, or not known to the coordinator
  1  failed otherwise          5  no connection to the coordinator
  2  wrong usage               6  what is stored is not as it should be
  3  not found
)";

inline constexpr char kCalls[] = R"(
All that is given must fit. Names and numbers match whole, whatever the case and punctuation.
  turretctl calls --trader "Ada Ashdown" --from -2h
  turretctl calls --party +442071234567 --from 2026-11-01 --until 2026-12-01
  turretctl --json calls --from today | jq -r .call_id
)";

inline constexpr char kPlay[] = R"(
A gap is silence in the file, and is listed. The ledger records who fetched what and why before the
first byte is sent.
  turretctl play 3f9a1c --reason "complaint 4711"
  turretctl play 3f9a1c --reason "complaint 4711" -o - | aplay
  turretctl play 3f9a1c --reason "codec check" --raw 14-1 -o payload.alaw
)";

inline constexpr char kExport[] = R"(
The folder becomes a BagIt bag: WAV, the stored audio itself, metadata, gap list, proofs, signature, and
verify.sh, which needs only a POSIX shell, openssl and sha256sum.
  turretctl export 3f9a1c 77b0e2 --reason "request 12/26" -o request-12 && request-12/verify.sh
)";

inline constexpr char kCoverage[] = R"(
Every second of an enrolled line is recorded, idle (with evidence from the source), paused (the source
said so) or gap (with a cause). turretctl adds the four up again; exit code 6 when they are not the
enrolled time.
  turretctl coverage LDN-EQ-014/1 yesterday --intervals
)";

inline constexpr char kLedgerHead[] = R"(
Whoever keeps a head would notice a rewritten past. A file given to --save is replaced by a later head of
the same ledger only. Check an archive against it with turret-verify.
  turretctl ledger head --save /media/usb/head.txt
)";

inline constexpr char kIndexCheck[] = R"(
The index is a view of the ledger. This rebuilds it beside the running one and compares all rows; exit
code 6 when they differ.
)";

}  // namespace turret::turretctl::help
