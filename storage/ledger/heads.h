// All signed tree heads of a ledger, in the order of their signing: where a rewrite began can be found with
// them. FORMAT.md, "Heads and checkpoint".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/file.h"
#include "storage/base/record_file.h"

namespace turret {

inline constexpr uint64_t kHeadsBytesMax = uint64_t{64} * 1024 * 1024;

/// Not thread-safe.
class Heads {
 public:
  /// Reads back from the last part until a head is found.
  static absl::StatusOr<std::unique_ptr<Heads>> Open(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                     const std::string& directory);

  /// Text of the last head that was there at Open; nullopt: none.
  const std::optional<std::string>& last() const { return last_; }
  /// Adds a head. Durable on return. When the file breaks, the head goes to a further part.
  [[nodiscard]] absl::Status Append(const std::string& text);
  /// Every head of every part, oldest first.
  [[nodiscard]] absl::Status ForEach(const std::function<absl::Status(std::string_view text)>& visit) const;

 private:
  Heads(Environment& environment, std::string directory)
      : environment_(environment), directory_(std::move(directory)) {}
  std::string PathOf(uint32_t part) const;
  absl::StatusOr<ScanResult> Scan(uint32_t part, const std::function<void(std::string_view)>& visit) const;
  absl::Status EnsureWriter();
  absl::Status AppendOnce(const std::string& text);

  Environment& environment_;
  const std::string directory_;
  uint32_t parts_ = 0;
  std::optional<uint64_t> reopen_bytes_;  // The last part goes on at this size.
  std::optional<RecordWriter> writer_;
  std::optional<std::string> last_;
};

}  // namespace turret
