// The metrics of one program and the HTTP endpoint that Prometheus scrapes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/exposer.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace turret {

/// Declares metrics, then serves them. Declaring is for the constructor of its owner; the metrics themselves
/// are thread-safe. What it returns lives as long as the exporter.
class Exporter {
 public:
  Exporter();
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  prometheus::Counter& Counter(std::string_view name, std::string_view help) ABSL_ATTRIBUTE_LIFETIME_BOUND;
  prometheus::Gauge& Gauge(std::string_view name, std::string_view help) ABSL_ATTRIBUTE_LIFETIME_BOUND;
  /// Buckets for things that a disk does: 0.5 ms to 5 s.
  prometheus::Histogram& SecondsHistogram(std::string_view name,
                                          std::string_view help) ABSL_ATTRIBUTE_LIFETIME_BOUND;
  /// Families with labels: told with their help from the start, though no series exists before the first
  /// value.
  prometheus::Family<prometheus::Counter>& Counters(std::string_view name,
                                                    std::string_view help) ABSL_ATTRIBUTE_LIFETIME_BOUND;
  prometheus::Family<prometheus::Gauge>& Gauges(std::string_view name,
                                                std::string_view help) ABSL_ATTRIBUTE_LIFETIME_BOUND;

  /// Serves GET /metrics on "host:port" ("[::1]:9100" too; port 0: the kernel chooses) and 404 on all else.
  /// Errors: InvalidArgument (no such address), FailedPrecondition (serves already), Unavailable (cannot
  /// bind).
  [[nodiscard]] absl::Status Serve(const std::string& address);
  /// The bound port; 0 before Serve.
  uint16_t port() const;

 private:
  class Declared;
  std::shared_ptr<Declared> declared_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string host_;  // That exposer_ is bound to.
};

}  // namespace turret
