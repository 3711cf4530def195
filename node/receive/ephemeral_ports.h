// The kernel's ephemeral ports: any program may be given one, so no port that must be had again lies there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace turret::node {

struct PortRange {
  uint16_t min = 0;
  uint16_t max = 0;  // Inclusive.
};

/// Of ip_local_port_range's text, "32768\t60999"; nullopt when that is none.
std::optional<PortRange> ParsePortRange(std::string_view text);

/// This machine's; nullopt when the kernel does not tell.
std::optional<PortRange> ReadEphemeralPorts();

/// What is wrong with media ports that are taken from `media`, and what to do; empty: nothing.
std::string WarnOfEphemeralPorts(const PortRange& media, const PortRange& ephemeral);

}  // namespace turret::node
