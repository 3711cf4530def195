// data/proof/ of a bag: what verify.sh rebuilds every digest from. Binary where it is hashed, text where it
// is a list; fields of a list are separated by one space, "-" stands for nothing, hashes are hex, a path is
// its hashes with commas.
//
//   head.txt, ledger-key.pem                the signed tree head and its key
//   streams.txt                             stream id, call id, "opus" | "payload", segments, audio file, and
//   of the
//                                           ledger's count of them: entry, offset of the stream's StreamEnd
//                                           in its body
//   segments.txt                            stream id, sequence, leaf index, leaves, ledger entry, path in
//   the volume segments/<stream id>/<sequence>.plain   opening | length | body | media: what the opening
//   digest in the leaf covers segments/<stream id>/<sequence>.leaf    0x00 | header (180) |
//   SHA-256(ciphertext | tag) entries.txt                             index, "export" | "call" | "volume",
//   offsets of the volume's root and of the
//                                           body's digest in the leaf file, path in the ledger
//   entries/<index>.leaf                    0x00 | leaf
//   entries/<index>.body                    opening | EntryBody
//   pages.txt                               stream id, offset, length: where in the .opus file the proven
//   frames lie
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/export/bag.h"
#include "coordinator/ingest/archive.h"
#include "storage/base/ids.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// A run of a stream's file that is proven bytes.
struct ProvenRun {
  uint64_t offset_bytes;
  uint64_t length_bytes;
};

/// Collects proofs while the calls are written, and writes the lists at the end. Not thread-safe. What it
/// borrows must outlive it.
class ProofWriter {
 public:
  ProofWriter(const Archive& archive, BagWriter& bag) : archive_(archive), bag_(bag) {}

  /// An entry of the export itself, or of a call: its leaf and its opened body.
  void AddEntry(uint64_t index, const std::string& what) { entries_.emplace(index, what); }

  struct Stream {
    StreamId id;
    std::string call_id_hex;
    std::string media;  // "opus" or "payload".
    std::string file;
    std::vector<ProvenRun> runs;  // Opus: of the file.
    uint64_t segments = 0;        // How many of the stream's segments the file holds.
  };
  /// Writes plaintext and leaf of each of the first `segments` segments.
  [[nodiscard]] absl::Status AddStream(const Stream& stream, const std::vector<uint64_t>& call_entries);

  /// Head, entries and lists. Returns the head that all is proven under.
  absl::StatusOr<v1::TreeHead> Finish();

 private:
  struct LeafFile {
    Buffer bytes;  // 0x00 | leaf.
    v1::Leaf leaf;
  };
  absl::StatusOr<const LeafFile*> LeafOf(uint64_t index);
  [[nodiscard]] absl::Status AddSegment(const StreamId& stream, const Index::Placed& placed, Bytes plaintext);
  /// "entry offset" of the stream's StreamEnd, or "- -".
  absl::StatusOr<std::string> FindEnd(const StreamId& stream, const std::vector<uint64_t>& call_entries);
  [[nodiscard]] absl::Status WriteEntry(uint64_t index, const std::string& what, uint64_t tree_size);

  const Archive& archive_;
  BagWriter& bag_;
  std::map<uint64_t, std::string> entries_;
  std::map<uint64_t, LeafFile> leaves_;
  std::string streams_text_;
  std::string segments_text_;
  std::string pages_text_;
  std::string entries_text_;
};

}  // namespace turret::coordinator
