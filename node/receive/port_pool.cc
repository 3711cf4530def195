#include "node/receive/port_pool.h"

#include <algorithm>

namespace turret::node {

PortPool::PortPool(uint16_t port_min, uint16_t port_max, absl::Duration rest) : rest_(rest) {
  for (uint32_t port = port_min + port_min % 2u; port + 1 <= port_max; port += 2)
    free_.push_back(static_cast<uint16_t>(port));
}

std::optional<uint16_t> PortPool::Take(absl::Duration now) {
  for (; !resting_.empty() && now - resting_.front().first >= rest_; resting_.pop_front())
    free_.push_back(resting_.front().second);
  if (free_.empty()) return std::nullopt;
  const uint16_t port = free_.front();
  free_.pop_front();
  return port;
}

bool PortPool::TakeThis(uint16_t port) {
  if (std::erase(free_, port) != 0) return true;
  return std::erase_if(resting_, [port](const auto& resting) { return resting.second == port; }) != 0;
}

void PortPool::Rest(uint16_t port, absl::Duration since) {
  if (std::erase(free_, port) == 0) return;
  resting_.insert(std::ranges::upper_bound(resting_, std::pair(since, port)), {since, port});
}

}  // namespace turret::node
