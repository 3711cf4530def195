#include "monitoring/exporter.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <exception>
#include <thread>

#include "fmt/format.h"

namespace turret {
namespace {

const prometheus::Histogram::BucketBoundaries kSecondsBuckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                              0.1,    0.25,  0.5,    1.0,   2.5,  5.0};

// The HTTP server behind would take "9100s" (TLS), lists and bare ports (all interfaces): only one plain
// address here.
absl::Status CheckAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint16_t port = 0;
  const char* const end = address.data() + address.size();
  if (colon != std::string::npos && colon > 0 && address.find(',') == std::string::npos) {
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error == std::errc{} && stop == end) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("metrics address \"{}\": write host:port, for instance 127.0.0.1:9470", address));
}

// True when something accepted.
bool KnockOn(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepted = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return accepted;
}

}  // namespace

/// The registry leaves out families without a series; a scrape of a fresh program shall tell all names all
/// the same.
class Exporter::Declared final : public prometheus::Collectable {
 public:
  void Declare(std::string_view name, std::string_view help, prometheus::MetricType type) {
    prometheus::MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
  }
  prometheus::Registry& registry() { return registry_; }

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> all = families_;
    for (prometheus::MetricFamily& collected : registry_.Collect())
      for (prometheus::MetricFamily& family : all)
        if (family.name == collected.name) family = std::move(collected);
    return all;
  }

 private:
  prometheus::Registry registry_;
  std::vector<prometheus::MetricFamily> families_;
};

Exporter::Exporter() : declared_(std::make_shared<Declared>()) {}

// The HTTP server looks at its stop flag when a connection comes, or every two seconds: so connections come.
Exporter::~Exporter() {
  constexpr int kKnocksMax = 10'000;
  const uint16_t bound = port();
  if (bound == 0) return;
  std::thread stopping([this] { exposer_.reset(); });
  for (int knock = 0; knock < kKnocksMax && KnockOn(host_, bound); ++knock) {
  }
  stopping.join();
}

prometheus::Family<prometheus::Counter>& Exporter::Counters(std::string_view name, std::string_view help) {
  declared_->Declare(name, help, prometheus::MetricType::Counter);
  return prometheus::BuildCounter()
      .Name(std::string(name))
      .Help(std::string(help))
      .Register(declared_->registry());
}

prometheus::Family<prometheus::Gauge>& Exporter::Gauges(std::string_view name, std::string_view help) {
  declared_->Declare(name, help, prometheus::MetricType::Gauge);
  return prometheus::BuildGauge()
      .Name(std::string(name))
      .Help(std::string(help))
      .Register(declared_->registry());
}

prometheus::Counter& Exporter::Counter(std::string_view name, std::string_view help) {
  return Counters(name, help).Add({});
}

prometheus::Gauge& Exporter::Gauge(std::string_view name, std::string_view help) {
  return Gauges(name, help).Add({});
}

prometheus::Histogram& Exporter::SecondsHistogram(std::string_view name, std::string_view help) {
  declared_->Declare(name, help, prometheus::MetricType::Histogram);
  return prometheus::BuildHistogram()
      .Name(std::string(name))
      .Help(std::string(help))
      .Register(declared_->registry())
      .Add({}, kSecondsBuckets);
}

absl::Status Exporter::Serve(const std::string& address) {
  if (exposer_ != nullptr) return absl::FailedPreconditionError("metrics are served already");
  if (absl::Status checked = CheckAddress(address); !checked.ok()) return checked;
  try {  // The library throws; no exception of its passes here.
    exposer_ = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/2);
    exposer_->RegisterCollectable(declared_);
    host_ = address.substr(0, address.rfind(':'));
    if (host_.starts_with('[') && host_.ends_with(']')) host_ = host_.substr(1, host_.size() - 2);
  } catch (const std::exception& error) {
    exposer_.reset();
    return absl::UnavailableError(
        fmt::format("cannot serve metrics on {}: is the port taken? ({})", address, error.what()));
  }
  return absl::OkStatus();
}

uint16_t Exporter::port() const {
  if (exposer_ == nullptr) return 0;
  const std::vector<int> ports = exposer_->GetListeningPorts();
  return ports.empty() ? 0 : static_cast<uint16_t>(ports.front());
}

}  // namespace turret
