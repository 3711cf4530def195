#include "node/receive/ephemeral_ports.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "fmt/format.h"

namespace turret::node {
namespace {

constexpr char kSetting[] = "/proc/sys/net/ipv4/ip_local_port_range";
constexpr std::string_view kBlanks = " \t\n";

}  // namespace

std::optional<PortRange> ParsePortRange(std::string_view text) {
  PortRange range;
  for (uint16_t* const bound : {&range.min, &range.max}) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *bound);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  if (text.find_first_not_of(kBlanks) != std::string_view::npos || range.min > range.max) return std::nullopt;
  return range;
}

std::optional<PortRange> ReadEphemeralPorts() {
  std::ifstream file(kSetting);
  std::string line;
  std::getline(file, line);
  return ParsePortRange(line);
}

std::string WarnOfEphemeralPorts(const PortRange& media, const PortRange& ephemeral) {
  if (media.max < ephemeral.min || ephemeral.max < media.min) return {};
  return fmt::format(
      "media ports {} to {} lie in the ephemeral range {} to {} of this machine: another program may be "
      "given the "
      "port of a running call while this one restarts. Choose rtp.port_min and rtp.port_max outside of it, "
      "or set "
      "net.ipv4.ip_local_reserved_ports",
      media.min, media.max, ephemeral.min, ephemeral.max);
}

}  // namespace turret::node
