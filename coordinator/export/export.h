// Exports: a BagIt bag (RFC 8493) that a regulator verifies without us, with a POSIX shell, openssl and
// sha256sum.
//
//   bagit.txt bag-info.txt manifest-sha256.txt tagmanifest-sha256.txt
//   export-certificate.pem signature.p7s          CMS (RFC 5652), detached, over tagmanifest-sha256.txt
//   verify.sh
//   data/calls.csv data/gaps.csv
//   data/calls/<call id>/metadata.json
//   data/calls/<call id>/audio.wav channel-<n>.wav
//   data/calls/<call id>/stream-<stream id>.opus  Ogg Opus of the kept frames; or .payload: the payload as
//   sent data/proof/                                   see proofs.h
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/export/export_sink.h"
#include "coordinator/ingest/archive.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// Writes the ledger entry, then the bag file by file. No key leaves. Errors: InvalidArgument without a
/// reason or calls; NotFound naming the call; DataLoss when a segment does not verify: an export is whole or
/// is none.
[[nodiscard]] absl::Status Export(Archive& archive, const v1::ExportRequest& request, const std::string& who,
                                  const std::string& certificate_digest, const ExportSink& sink);

/// SHA-256 (hex) of the certificate that signs the exports of this archive, made when missing: published by
/// the bank, and pinned by whoever verifies.
absl::StatusOr<std::string> ExportCertificateDigest(Archive& archive);

/// SHA-256 of the verify.sh that this version puts into its bags: published in the README.
std::string VerifyScriptDigest();

}  // namespace turret::coordinator
