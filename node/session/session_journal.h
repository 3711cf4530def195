// The session journal: which calls run, and all that a new process needs to take them up. Small and of its
// own, so that it is read in an instant, and costs one sync when something is to be said (durable before
// said).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/journal.pb.h"

namespace turret::node {

/// Threading: every method from any thread. `environment` and `random` must outlive it.
class SessionJournal {
 public:
  /// Reads what an earlier process left in `directory`, and begins the next file with it. What does not open
  /// with `key` is moved aside as *.unopened, and counted: the caller alarms, and starts empty. Errors: as
  /// Environment.
  static absl::StatusOr<std::unique_ptr<SessionJournal>> Open(
      Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, const std::string& directory, SecretKey key,
      Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// What runs now, in the order of call ids; after Open: what the earlier process left.
  std::vector<v1::JournaledDialog> Dialogs() const;
  /// In memory, NOT on disk, until a Commit. Put replaces what was known of the dialog's call.
  void Put(v1::JournaledDialog dialog);
  void Forget(const CallId& call);
  /// And its media ports are free since `freed_utc_ns`: remembered for kPortRest.
  void Forget(const CallId& call, int64_t freed_utc_ns);
  /// The journal, as it stands now, knows of each call that began or ended in the spool below `position`,
  /// which is durable: the next start need not read further back. As Put: with the next Commit.
  void Settle(uint64_t position);
  /// The last one; after Open, the earlier process's. Nullopt: the spool must be read from its beginning.
  std::optional<uint64_t> settled() const;
  /// Ports that were freed, each with when: those of calls that are over, at `now_utc_ns`.
  std::map<uint16_t, int64_t> Freed(int64_t now_utc_ns) const;
  bool dirty() const;
  /// Writes and syncs everything that was put and forgotten before the call. After an error nothing of
  /// earlier commits is lost, and the next Commit writes all of it into a new file. Errors: as Environment.
  [[nodiscard]] absl::Status Commit();

  uint64_t files_unopened() const;  // By Open.
  uint64_t commits_failed() const;  // By the disk; also where a new file made it good at once.
  uint64_t size_bytes() const;      // Of the present file; 0: it is broken.
  ~SessionJournal();

 private:
  struct State;
  explicit SessionJournal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
