#include "coordinator/replay/chunk_writer.h"

#include <algorithm>

#include "storage/base/status.h"

namespace turret::coordinator {

absl::Status ChunkWriter::Write(Bytes bytes) {
  while (!bytes.empty()) {
    std::string& data = *chunk_.mutable_data();
    const size_t here = std::min(bytes.size(), kPlayChunkBytesMax - data.size());
    data.append(AsText(bytes.first(here)));
    bytes = bytes.subspan(here);
    if (data.size() == kPlayChunkBytesMax) TURRET_RETURN_IF_ERROR(Flush());
  }
  return absl::OkStatus();
}

absl::Status ChunkWriter::Flush() {
  if (chunk_.data().empty()) return absl::OkStatus();
  TURRET_RETURN_IF_ERROR(sink_(chunk_));
  chunk_.mutable_data()->clear();
  return absl::OkStatus();
}

}  // namespace turret::coordinator
