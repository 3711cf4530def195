// data/calls/<call id>/ of a bag: audio and metadata of one call.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/export/bag.h"
#include "coordinator/export/proofs.h"
#include "coordinator/ingest/archive.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

struct ExportedCall {
  v1::CallSummary summary;
  std::vector<uint64_t> entries;  // Ledger indexes of all that was said of it.
};

/// Writes the call's files, and what proves them. Errors: DataLoss when a segment does not verify.
[[nodiscard]] absl::Status WriteCall(const Archive& archive, const ExportedCall& call, BagWriter& bag,
                                     ProofWriter& proofs);

}  // namespace turret::coordinator
