// Takes up the enrolment file whenever it is another one.
#pragma once

#include <filesystem>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "storage/base/file.h"

namespace turret::coordinator {

/// Errors: as the file system; InvalidArgument with the file, the line and what to write instead.
absl::StatusOr<v1::EnrolmentChanged> ReadEnrolment(Environment& environment, const std::string& path);

/// Not thread-safe. A broken file is told and changes nothing.
class EnrolmentWatch {
 public:
  EnrolmentWatch(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, std::string path,
                 Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : environment_(environment), path_(std::move(path)), archive_(archive) {}

  /// At start: a broken file is an error only when no enrolment is in force yet.
  [[nodiscard]] absl::Status Begin();
  /// Called every few seconds. A file that has just changed is left until it looks the same twice: half of a
  /// file that is still being written would retire the lines of the other half.
  void Look();
  /// Reads the file now, changed or not.
  void ReadAgain();

 private:
  struct Seen {
    std::filesystem::file_time_type changed;
    uintmax_t size_bytes = 0;
    bool operator==(const Seen&) const = default;
  };
  Seen Now() const;
  absl::Status TakeUp();

  Environment& environment_;
  const std::string path_;
  Archive& archive_;
  Seen taken_;
  Seen last_seen_;
};

}  // namespace turret::coordinator
