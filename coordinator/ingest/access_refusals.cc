#include "coordinator/ingest/access_refusals.h"

#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace turret::coordinator {

bool AccessRefusals::IsDue(const std::string& what) {
  const absl::Duration now = archive_.clock().Elapsed();
  absl::MutexLock lock(&mutex_);
  std::erase_if(last_entry_, [&](const auto& entry) { return now - entry.second >= kRefusalEntryInterval; });
  return last_entry_.emplace(what, now).second;
}

void AccessRefusals::Refused(const Peer& peer, const std::string& method, const std::string& why,
                             const std::string& detail) {
  metrics_.AccessRefused(why);
  spdlog::warn("{} refused, {}: certificate {}", method, why, peer.certificate_digest);
  if (!IsDue(fmt::format("{}/{}/{}", peer.certificate_digest, method, why))) return;
  v1::EntryBody body;
  v1::AccessRefused& refused = *body.mutable_access_refused();
  refused.set_who(peer.common_name);
  refused.set_certificate_digest(peer.certificate_digest);
  refused.set_method(method);
  refused.set_why(detail);
  refused.set_utc_ns(absl::ToUnixNanos(archive_.clock().Utc()));
  const absl::Status recorded = archive_.Record(v1::RESTRICTED, "access", body).status();
  if (!recorded.ok()) spdlog::error("a refusal has no ledger entry: {}", recorded.ToString());
}

}  // namespace turret::coordinator
