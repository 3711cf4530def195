// One line, told about in seconds of one day, and its books as text.
#pragma once

#include <string>
#include <vector>

#include "coordinator/coverage/coverage.h"
#include "gtest/gtest.h"
#include "tests/coordinator/coverage/floor_day.h"

namespace turret::test {

class LineBooks : public ::testing::Test {
 protected:
  using Spans = std::vector<std::pair<int64_t, int64_t>>;  // [begin, end), seconds of the day.

  LineBooks();
  /// A version of the enrolment that has the line "LDN-1" from `at_s` on.
  void Enrol(uint64_t version, int64_t at_s, int64_t proof_age_s = kDayS);
  void AddVersion(uint64_t version, int64_t at_s, const v1::Line* line = nullptr);
  /// A presence record of the node.
  void Listen(int64_t begin_s, int64_t end_s, uint64_t version, const Spans& busy = {});
  void Restart();    // Further records are of another run …
  void OtherNode();  // … or of another node.
  /// A call that is recorded from its first second to its last in these directions.
  CallId AddRecordedCall(int64_t begin_s, int64_t end_s,
                         const std::vector<v1::Direction>& directions = {v1::DIRECTION_OWN,
                                                                         v1::DIRECTION_FAR});
  void AddRunningCall(int64_t begin_s, int64_t reported_s);
  v1::ChannelOf Channel(v1::Direction direction) const;

  absl::StatusOr<v1::CoverageReport> Report(const std::string& line, const std::string& day, int64_t now_s);
  /// The books of one channel as they stand at `now_s`; fills `errors_` and `report_`.
  std::vector<std::string> Own(int64_t now_s) { return Books(0, now_s); }
  std::vector<std::string> Far(int64_t now_s) { return Books(1, now_s); }

  Entries entries_{77};
  v1::Line line_config_;
  v1::CoverageReport report_;
  std::vector<std::string> errors_;

 private:
  std::vector<std::string> Books(int channel, int64_t now_s);
  void AddCallFacts(const CallId& call, int64_t begin_s, int64_t end_s,
                    const std::vector<v1::Direction>& directions);

  LineId line_;
  NodeId node_;
  RunId run_;
  bool first_of_run_ = true;
};

}  // namespace turret::test
