// Configuration files: YAML, read strictly. A key that nobody asked for is an error with its line number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace turret {

/// One mapping of a YAML file. Not thread-safe. Usage: ask for every key, then Finish().
class ConfigReader {
 public:
  /// Errors: NotFound; InvalidArgument ("node.yaml:7: …") when it is not a mapping of scalars and mappings.
  static absl::StatusOr<ConfigReader> Load(const std::string& path);
  static absl::StatusOr<ConfigReader> Parse(std::string_view yaml, std::string_view name_for_errors);

  /// A nested key is written "tls.key". Mistakes are collected and told by Finish().
  std::string RequiredString(std::string_view key);
  std::string String(std::string_view key, std::string_view fallback);
  int64_t Integer(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  bool Boolean(std::string_view key, bool fallback);
  absl::Duration Duration(std::string_view key, absl::Duration fallback, absl::Duration min,
                          absl::Duration max);

  /// InvalidArgument that lists every mistake: missing, malformed, out of bounds, unknown keys, each with its
  /// line.
  [[nodiscard]] absl::Status Finish() const;

  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;
  ConfigReader& operator=(ConfigReader&&) noexcept;

 private:
  struct State;
  explicit ConfigReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret
