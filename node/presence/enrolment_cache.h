// What the coordinator told the node: enrolment, intake keys, ledger id. Kept sealed on disk under the node
// key, so that a node records on without its coordinator, also after a restart.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "node/encode/pipeline.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

/// Thread-safe.
class EnrolmentCache final : public IntakeKeys {
 public:
  /// Reads the file if there is one; one that does not open (the node key is gone) counts as none.
  static absl::StatusOr<std::unique_ptr<EnrolmentCache>> Open(Environment& environment,
                                                              const std::string& path, SecretKey key,
                                                              Random& random);
  /// Takes up, then stores; durable on return. Errors: FailedPrecondition when it names another ledger
  /// (nothing is taken up); as the file system (taken up in memory all the same: capture goes on).
  [[nodiscard]] absl::Status Update(const v1::Welcome& welcome);
  bool ready() const;  // Has a ledger id and an intake key: calls can be taken.
  std::shared_ptr<const v1::Enrolment> enrolment() const;
  absl::StatusOr<v1::IntakeKey> For(const std::string& day) const override;
  LedgerId ledger() const override;

 private:
  EnrolmentCache(Environment& environment, std::string path, SecretKey key, Random& random);
  Environment& environment_;
  const std::string path_;
  const SecretKey key_;
  Random& random_;
  absl::Mutex store_mutex_;  // Guards the file; taken before mutex_, so that readers never wait for the disk.
  mutable absl::Mutex mutex_;
  v1::Welcome welcome_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const v1::Enrolment> enrolment_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::node
