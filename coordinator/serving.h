// The archive with its services in front of it, from one opening to the next.
#pragma once

#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "coordinator/config.h"
#include "grpcpp/grpcpp.h"
#include "monitoring/metrics.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"

namespace turret::coordinator {

/// After a failure the archive is opened again: at once, then after ever longer pauses up to the longest.
inline constexpr absl::Duration kReopenPauseMin = absl::Seconds(1);
inline constexpr absl::Duration kReopenPauseMax = absl::Seconds(30);

/// Not thread-safe. What it borrows must outlive it.
///
/// What is in memory after a failure of storage may differ from what is on the disk: only opening the archive
/// again tells. So the services stop then, nodes find nobody who listens (they keep what is not
/// acknowledged), and as soon as the archive opens, on the same port, they go on.
class Serving {
 public:
  struct Seams {
    Environment& environment;
    Clock& clock;
    Random& random;
    CoordinatorMetrics& metrics;
  };
  /// Opens the archive and serves it. Errors: as Archive::Open and EnrolmentWatch::Begin; Unavailable when
  /// the port is taken.
  static absl::StatusOr<std::unique_ptr<Serving>> Start(const CoordinatorConfig& config,
                                                        std::string passphrase, Seams seams);
  /// Services first, then the archive, uncleanly if it failed.
  ~Serving();

  int port() const;
  LedgerId ledger() const;
  /// Called every few seconds: sees a failure, opens the archive again, looks at the enrolment file, and
  /// closes the calls of nodes that do not return. Errors: DataLoss when books or ledger hold less than they
  /// did: no further try mends that, and it serves no more.
  [[nodiscard]] absl::Status Tick();
  /// Reads the enrolment file now, changed or not.
  void ReadEnrolmentAgain();
  /// Ends the services and closes the archive.
  [[nodiscard]] absl::Status Stop();

 private:
  struct Open;  // What exists while the archive is open.
  Serving(const CoordinatorConfig& config, std::string passphrase, Seams seams);
  [[nodiscard]] absl::Status OpenArchive();
  [[nodiscard]] absl::Status StartServer(Open& open);
  [[nodiscard]] absl::Status TryAgain();

  const CoordinatorConfig config_;
  const std::string passphrase_;
  const Seams seams_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::string address_;
  int port_ = 0;
  std::unique_ptr<Open> open_;  // Null while storage does not work.
  absl::Duration next_try_;
  absl::Duration pause_ = kReopenPauseMin;
};

}  // namespace turret::coordinator
