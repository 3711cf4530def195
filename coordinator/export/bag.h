// A BagIt bag (RFC 8493), written file by file: payload first, then the tag files and the signed manifests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/export/cms.h"
#include "coordinator/export/export_sink.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"

namespace turret::coordinator {

inline constexpr size_t kExportChunkBytesMax = size_t{64} * 1024;

/// Not thread-safe. `sink` must outlive it. Usage: files under data/, one after another, then Finish.
class BagWriter {
 public:
  explicit BagWriter(const ExportSink& sink) : sink_(sink) {}

  /// Begins a file; the one before must have ended. `path`: relative, of [A-Za-z0-9._/-].
  [[nodiscard]] absl::Status Begin(const std::string& path, bool executable = false);
  [[nodiscard]] absl::Status Write(Bytes bytes);
  [[nodiscard]] absl::Status End();
  /// All three.
  [[nodiscard]] absl::Status File(const std::string& path, Bytes bytes, bool executable = false);

  /// Shown on every chunk from now on.
  void SetProgress(uint32_t calls_done, uint32_t calls_total);

  using Info = std::vector<std::pair<std::string, std::string>>;  // Lines of bag-info.txt.
  /// Tag files, manifests, signature. `info` is completed by the payload's size.
  [[nodiscard]] absl::Status Finish(Info info, const ExportSigner& signer, int64_t signed_utc_ns);

 private:
  struct Entry {
    std::string path;
    Digest digest;
  };
  [[nodiscard]] absl::Status Send();
  static std::string Manifest(const std::vector<Entry>& entries);

  const ExportSink& sink_;
  v1::ExportChunk chunk_;
  uint32_t calls_done_ = 0;
  uint32_t calls_total_ = 0;
  std::string path_;  // Of the file that is being written.
  std::optional<Sha256Stream> digest_;
  uint64_t payload_bytes_ = 0;
  std::vector<Entry> payload_;
  std::vector<Entry> tags_;
};

}  // namespace turret::coordinator
