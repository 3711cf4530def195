#include "node/config.h"

#include "storage/base/config.h"
#include "storage/base/file.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int64_t kGib = int64_t{1} << 30;

}  // namespace

absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(ConfigReader reader, ConfigReader::Load(path));
  NodeConfig config;
  config.name = reader.RequiredString("name");
  config.coordinator = reader.RequiredString("coordinator");
  config.tls = {reader.RequiredString("tls.authority"), reader.RequiredString("tls.certificate"),
                reader.RequiredString("tls.key")};
  config.state_directory = reader.RequiredString("state_directory");
  config.node_key = reader.String("node_key", "/run/turret-node/node.key");
  config.spool_directory = reader.String("spool.directory", JoinPath(config.state_directory, "spool"));
  config.spool_bytes_max =
      static_cast<uint64_t>(reader.Integer("spool.bytes_max", 8 * kGib, kGib / 8, 65536 * kGib));
  config.sip_udp = reader.String("sip.udp", "");
  config.sip_tcp = reader.String("sip.tcp", "");
  config.rtp_address = reader.String("rtp.address", "127.0.0.1");
  config.rtp_advertised = reader.String("rtp.advertised", config.rtp_address);
  config.rtp_port_min = static_cast<uint16_t>(reader.Integer("rtp.port_min", 20000, 1024, 65534));
  config.rtp_port_max = static_cast<uint16_t>(reader.Integer("rtp.port_max", 31999, 1025, 65535));
  config.presence_interval =
      reader.Duration("presence_interval", absl::Minutes(1), absl::Milliseconds(200), absl::Minutes(10));
  config.metrics = reader.String("metrics", "127.0.0.1:9461");
  config.workers = static_cast<int>(reader.Integer("workers", 1, 1, 64));
  config.ready_file = reader.String("ready_file", "");
  TURRET_RETURN_IF_ERROR(reader.Finish());
  if (config.sip_udp.empty() && config.sip_tcp.empty())
    return absl::InvalidArgumentError(path + ": neither sip.udp nor sip.tcp is set: no call could come in");
  if (config.rtp_port_min >= config.rtp_port_max)
    return absl::InvalidArgumentError(path + ": rtp.port_min must be below rtp.port_max");
  return config;
}

}  // namespace turret::node
