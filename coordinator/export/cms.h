// CMS signatures (RFC 5652) of exports: detached, ECDSA P-256, by a certificate of the archive's own.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/key/key_tree.h"

namespace turret::coordinator {

/// The export certificate with its key. Thread-safe.
class ExportSigner {
 public:
  /// Loads key and certificate from the key tree; makes both on first use (self-signed, valid for 20 years
  /// from `now_utc_ns`: what it signed is looked at after seven).
  static absl::StatusOr<ExportSigner> Open(KeyTree& keys, const std::string& ledger_id_hex,
                                           int64_t now_utc_ns);

  const std::string& certificate_pem() const;
  /// SHA-256 of the certificate's DER, hex: what is published and pinned.
  const std::string& certificate_digest() const;

  /// DER. Always of one length and one form, but for subject key id, signing time, digest and ECDSA value:
  /// verify.sh compares the rest byte for byte.
  absl::StatusOr<Buffer> Sign(Bytes content, int64_t signed_utc_ns) const;

  ~ExportSigner();
  ExportSigner(ExportSigner&&) noexcept;
  ExportSigner& operator=(ExportSigner&&) noexcept;

 private:
  struct State;
  explicit ExportSigner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::coordinator
