#include "node/sockets/passed_descriptors.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "fmt/format.h"

namespace turret::node {
namespace {

constexpr int kFirst = 3;
constexpr int kPassedMax = 1 << 20;

std::optional<int> NumberIn(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0) return std::nullopt;
  return number;
}

std::string NextName(std::string_view& names) {
  const size_t colon = names.find(':');
  const std::string_view name = names.substr(0, colon);
  names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
  return std::string(name.empty() ? "unknown" : name);
}

void Forget() {
  for (const char* variable : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) unsetenv(variable);
}

// Whoever stands in the way moves behind all of them.
absl::Status MakeWay(int at, int behind, std::vector<NamedDescriptor>& descriptors) {
  for (NamedDescriptor& other : descriptors) {
    if (other.descriptor.get() != at) continue;
    const int moved = fcntl(at, F_DUPFD_CLOEXEC, behind);
    if (moved < 0) return absl::InternalError(fmt::format("pass descriptors: errno {}", errno));
    other.descriptor.Reset(moved);
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<NamedDescriptor> TakePassedDescriptors() {
  const std::optional<int> count = NumberIn("LISTEN_FDS");
  const bool ours = NumberIn("LISTEN_PID") == getpid();
  const char* const joined = std::getenv("LISTEN_FDNAMES");
  std::string_view names(joined == nullptr ? "" : joined);
  std::vector<NamedDescriptor> passed;
  for (int fd = kFirst; ours && count.has_value() && *count <= kPassedMax && fd < kFirst + *count; ++fd) {
    std::string name = NextName(names);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) passed.push_back({std::move(name), Descriptor(fd)});
  }
  Forget();
  return passed;
}

size_t PassedNamesBytes(const std::vector<NamedDescriptor>& descriptors) {
  size_t bytes = 0;
  for (const NamedDescriptor& each : descriptors) bytes += each.name.size() + 1;
  return bytes;
}

absl::Status PassDescriptors(std::vector<NamedDescriptor> descriptors) {
  Forget();
  if (descriptors.empty()) return absl::OkStatus();
  const int behind = kFirst + static_cast<int>(descriptors.size());
  std::string names;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    const int at = kFirst + static_cast<int>(i);
    Descriptor& passed = descriptors[i].descriptor;
    if (passed.get() == at) {
      fcntl(at, F_SETFD, 0);
    } else {
      if (absl::Status free = MakeWay(at, behind, descriptors); !free.ok()) return free;
      if (dup2(passed.get(), at) < 0)
        return absl::InternalError(fmt::format("pass descriptors: errno {}", errno));
      passed.Reset(at);
    }
    names += (i == 0 ? "" : ":") + descriptors[i].name;
  }
  for (NamedDescriptor& each : descriptors) (void)each.descriptor.Release();
  setenv("LISTEN_FDS", fmt::format("{}", descriptors.size()).c_str(), 1);
  setenv("LISTEN_PID", fmt::format("{}", getpid()).c_str(), 1);
  setenv("LISTEN_FDNAMES", names.c_str(), 1);
  return absl::OkStatus();
}

}  // namespace turret::node
