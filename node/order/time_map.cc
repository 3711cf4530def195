#include "node/order/time_map.h"

#include <algorithm>

namespace turret::node {
namespace {

constexpr int64_t kWindowSeconds = 10;
constexpr double kWindowsMin = 6;         // A minute, before any drift is believed.
constexpr double kDriftPpbMax = 200'000;  // A worse oscillator is no oscillator.
constexpr double kSlewSeconds = 60;       // In which an offset that was found is taken in.
constexpr double kSlewPpbMax = 100'000;

}  // namespace

TimeMap::TimeMap(uint32_t clock_rate_hz, int64_t anchor_timestamp, int64_t anchor_utc_ns)
    : nominal_{.clock_rate_hz = clock_rate_hz,
               .anchor_timestamp = anchor_timestamp,
               .anchor_utc_ns = anchor_utc_ns},
      piece_(nominal_),
      window_begin_(anchor_timestamp) {}

void TimeMap::Observe(int64_t timestamp, int64_t arrival_utc_ns) {
  if (timestamp - window_begin_ >= kWindowSeconds * int64_t{nominal_.clock_rate_hz}) {
    CloseWindow();
    window_begin_ = timestamp;
  }
  residual_ns_ = arrival_utc_ns - ToUtc(timestamp);
  least_ns_ = std::min(least_ns_, residual_ns_);
  const int64_t against_nominal_ns = arrival_utc_ns - nominal_.ToUtc(timestamp);
  if (against_nominal_ns < least_nominal_ns_) {
    least_nominal_ns_ = against_nominal_ns;
    least_timestamp_ = timestamp;
  }
}

int64_t TimeMap::residual_least_ns() const {
  const int64_t least_ns = std::min(least_ns_, least_before_ns_);
  return least_ns == kNone ? 0 : least_ns;
}

void TimeMap::CloseWindow() {
  if (least_ns_ == kNone) return;
  const double x = static_cast<double>(least_timestamp_ - nominal_.anchor_timestamp) /
                   static_cast<double>(nominal_.clock_rate_hz);
  const auto y = static_cast<double>(least_nominal_ns_);
  windows_ += 1;
  sum_x_ += x;
  sum_y_ += y;
  sum_xx_ += x * x;
  sum_xy_ += x * y;
  least_before_ns_ = least_ns_;
  least_ns_ = least_nominal_ns_ = kNone;
}

bool TimeMap::IsLong(int64_t ticks) const {
  return ticks >= static_cast<int64_t>(kSlewSeconds) * int64_t{nominal_.clock_rate_hz};
}

bool TimeMap::IsBeyond(int64_t timestamp, int64_t next) const {
  return IsLong(next - timestamp) && next - timestamp > timestamp - nominal_.anchor_timestamp;
}

void TimeMap::Refit(int64_t timestamp, int64_t next) {
  if (windows_ < kWindowsMin) return;
  const double spread = windows_ * sum_xx_ - sum_x_ * sum_x_;
  if (spread <= 0) return;
  const double slope_ppb = (windows_ * sum_xy_ - sum_x_ * sum_y_) / spread;  // ns per s.
  const double intercept_ns = (sum_y_ - slope_ppb * sum_x_) / windows_;
  const double drift_ppb = std::clamp(slope_ppb, -kDriftPpbMax, kDriftPpbMax);
  const auto fitted_ns = [&](int64_t at) {  // Against the nominal line.
    return intercept_ns + slope_ppb * static_cast<double>(at - nominal_.anchor_timestamp) /
                              static_cast<double>(nominal_.clock_rate_hz);
  };
  if (IsLong(next - timestamp)) {
    // No audio is stretched by a step here; a slew would go on for the whole hole.
    piece_ = {.clock_rate_hz = nominal_.clock_rate_hz,
              .anchor_timestamp = next,
              .anchor_utc_ns = nominal_.ToUtc(next) + static_cast<int64_t>(fitted_ns(next)),
              .drift_ppb = static_cast<int64_t>(drift_ppb)};
    return;
  }
  const int64_t utc_ns = ToUtc(timestamp);
  const double offset_ns = fitted_ns(timestamp) - static_cast<double>(utc_ns - nominal_.ToUtc(timestamp));
  const double slew_ppb = std::clamp(offset_ns / kSlewSeconds, -kSlewPpbMax, kSlewPpbMax);
  piece_.drift_ppb = static_cast<int64_t>(drift_ppb + slew_ppb);
  piece_.anchor_timestamp = timestamp;
  piece_.anchor_utc_ns = utc_ns;
}

}  // namespace turret::node
