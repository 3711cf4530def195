// A real Prometheus scrapes both programs.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  close(fd);
  return ntohs(address.sin_port);
}

std::optional<double> Query(uint16_t port, const std::string& query) {
  const nlohmann::json answer =
      nlohmann::json::parse(HttpGet(port, "/api/v1/query?query=" + query), nullptr, false);
  if (!answer.is_object() || answer["data"]["result"].empty()) return std::nullopt;
  double sum = 0;
  for (const nlohmann::json& sample : answer["data"]["result"])
    sum += std::stod(sample["value"][1].get<std::string>());
  return sum;
}

// C07: what is missing shows where the bank's own monitoring looks.
TEST(PrometheusTest, ScrapesTheGapsAndCountsOfBothPrograms) {
  ClusterOptions options;
  options.enrolment = floor::EnrolmentYaml(1, "exact");
  auto cluster = Cluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const TemporaryFolder folder;
  WriteFileOrDie(
      folder / "prometheus.yml",
      fmt::format(
          "global: {{ scrape_interval: 500ms }}\nscrape_configs:\n  - job_name: turret\n    static_configs:\n"
          "      - targets: ['127.0.0.1:{}', '127.0.0.1:{}']\n",
          (*cluster)->node_metrics_port(), (*cluster)->coordinator_metrics_port()));
  const uint16_t port = FreePort();
  auto prometheus = Process::Start(
      {"prometheus", "--config.file=" + (folder / "prometheus.yml"),
       "--storage.tsdb.path=" + (folder / "tsdb"), fmt::format("--web.listen-address=127.0.0.1:{}", port)},
      folder / "log");
  ASSERT_TRUE(prometheus.ok()) << prometheus.status();

  floor::FloorOptions floor_options;
  floor_options.server = (*cluster)->sip_address();
  floor_options.traders = 1;
  floor_options.calls = 1;
  floor_options.call_length = absl::Seconds(5);
  floor_options.speech = false;
  floor_options.impairments.loss = 0.05;
  const auto truth = floor::RunFloor(floor_options);
  ASSERT_TRUE(truth.ok()) << truth.status();
  double lost_seconds = 0;
  for (const floor::StreamTruth& stream : truth->calls[0].streams)
    for (const auto& loss : stream.Losses()) lost_seconds += 0.02 * loss.packets;
  ASSERT_GT(lost_seconds, 0);

  const auto gaps = [&] {
    return Query(port, "turret_capture_gap_seconds_total{cause=\"packet_loss\",job=\"turret\"}");
  };
  EXPECT_TRUE(WaitUntil([&] { return gaps().value_or(0) >= lost_seconds - 1e-6; }, absl::Seconds(20)))
      << ReadFileOrEmpty(folder / "log");
  for (const char* name :
       {"turret_capture_gaps_open", "turret_capture_recorded_seconds_total",
        "turret_rtp_packets_received_total", "turret_rtp_packets_lost_total", "turret_rtp_packets_late_total",
        "turret_rtp_packets_duplicate_total", "turret_replication_lag_seconds",
        "turret_replication_lag_bytes", "turret_spool_bytes", "turret_clock_divergence_seconds",
        "turret_ledger_entries", "turret_archive_segments_total"})
    EXPECT_TRUE(WaitUntil([&] { return Query(port, name).has_value(); }, absl::Seconds(10))) << name;
  ExpectVerified(**cluster);
}

}  // namespace
}  // namespace turret::test
