#include "coordinator/enrolment_watch.h"

#include "coordinator/enrolment/enrolment_file.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::coordinator {

absl::StatusOr<v1::EnrolmentChanged> ReadEnrolment(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(const Buffer raw, environment.ReadAll(path));
  absl::StatusOr<v1::EnrolmentChanged> parsed = ParseEnrolment(AsText(raw));
  if (!parsed.ok())
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(parsed.status().message())));
  return parsed;
}

EnrolmentWatch::Seen EnrolmentWatch::Now() const {
  std::error_code
      ignored;  // A file that cannot be looked at is like one that did not change: told when it is read.
  return {.changed = std::filesystem::last_write_time(path_, ignored),
          .size_bytes = std::filesystem::file_size(path_, ignored)};
}

absl::Status EnrolmentWatch::TakeUp() {
  taken_ = Now();
  TURRET_ASSIGN_OR_RETURN(const v1::EnrolmentChanged document, ReadEnrolment(environment_, path_));
  TURRET_ASSIGN_OR_RETURN(const v1::EnrolmentChanged in_force, archive_.Enrol(document));
  spdlog::info("enrolment version {} is in force: {} lines", in_force.version(), in_force.lines_size());
  return absl::OkStatus();
}

absl::Status EnrolmentWatch::Begin() {
  const absl::Status status = TakeUp();
  last_seen_ = taken_;
  if (status.ok() || archive_.enrolment().version() == 0 || !archive_.health().ok()) return status;
  spdlog::error("alarm: enrolment version {} stays in force: {}", archive_.enrolment().version(),
                status.ToString());
  return absl::OkStatus();
}

void EnrolmentWatch::Look() {
  const Seen now = Now();
  if (now != taken_ && now == last_seen_) ReadAgain();
  last_seen_ = now;
}

void EnrolmentWatch::ReadAgain() {
  if (const absl::Status status = TakeUp(); !status.ok())
    spdlog::error("alarm: enrolment version {} stays in force: {}", archive_.enrolment().version(),
                  status.ToString());
}

}  // namespace turret::coordinator
