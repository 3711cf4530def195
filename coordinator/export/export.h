// Exports: a BagIt bag (RFC 8493) that a regulator verifies without us, with a POSIX shell, openssl and sha256sum.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

using ExportSink = std::function<absl::Status(const v1::ExportChunk&)>;

/// Writes the ledger entry, then the bag file by file. No key leaves. Errors: InvalidArgument without a reason or
/// calls; NotFound naming the call; DataLoss when a segment does not verify: an export is whole or is none.
[[nodiscard]] absl::Status Export(Archive& archive, const v1::ExportRequest& request, const std::string& who,
                                  const std::string& certificate_digest, const ExportSink& sink);

/// SHA-256 of the verify.sh that this version puts into its bags: published in the README.
std::string VerifyScriptDigest();

}  // namespace turret::coordinator
