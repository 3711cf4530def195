// Refused access: counted each time, and a ledger entry for each, but for one caller's same mistake no more
// than one a minute: a misconfigured program that tries again and again must not fill the ledger.
#pragma once

#include <map>
#include <string>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/archive.h"
#include "monitoring/metrics.h"
#include "proto/rpc/credentials.h"

namespace turret::coordinator {

inline constexpr absl::Duration kRefusalEntryInterval = absl::Minutes(1);

/// Thread-safe. Blocks until an entry is durable.
class AccessRefusals {
 public:
  AccessRefusals(Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND,
                 CoordinatorMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : archive_(archive), metrics_(metrics) {}

  /// `why` is one of a few fixed words: the metric's label. `detail` goes to the ledger alone.
  void Refused(const Peer& peer, const std::string& method, const std::string& why,
               const std::string& detail);

 private:
  bool IsDue(const std::string& what) ABSL_LOCKS_EXCLUDED(mutex_);

  Archive& archive_;
  CoordinatorMetrics& metrics_;
  absl::Mutex mutex_;
  std::map<std::string, absl::Duration> last_entry_
      ABSL_GUARDED_BY(mutex_);  // Elapsed time, by certificate and method.
};

}  // namespace turret::coordinator
