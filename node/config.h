// What turret-node is told in its configuration file (`turret-node --help` prints kNodeConfigHelp).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/rpc/credentials.h"

namespace turret::node {

struct NodeConfig {
  std::string name;         // Of this node, for people; its id is random and kept in the state directory.
  std::string coordinator;  // host:port
  TlsFiles tls;
  std::string state_directory;  // Node id and what the coordinator told, sealed.
  std::string spool_directory;
  uint64_t spool_bytes_max = 0;
  std::string node_key;  // File that seals spool and state; belongs on a tmpfs.
  std::string sip_udp;   // address:port; empty: off. Port 0: any.
  std::string sip_tcp;
  std::string rtp_address;     // Media sockets are bound here …
  std::string rtp_advertised;  // … and this address stands in the answer's c= line.
  uint16_t rtp_port_min = 0;
  uint16_t rtp_port_max = 0;
  absl::Duration presence_interval;
  std::string metrics;     // address:port of /metrics; port 0: any.
  int workers = 1;         // Encoder threads.
  std::string ready_file;  // JSON with the ports in use, written when calls can be taken; empty: none.
};

/// Errors: as ConfigReader, all mistakes at once.
absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path);

inline constexpr std::string_view kNodeConfigHelp = R"(Configuration file (YAML; an unknown key is an error):

  name: node-1                        # of this node, in logs and metrics
  coordinator: recorder.bank.example:7400
  tls:
    authority: /etc/turret/tls/authority.pem
    certificate: /etc/turret/tls/node-1.pem     # role "node" (see deploy/make-certificates --help)
    key: /etc/turret/tls/node-1.key
  state_directory: /var/lib/turret-node         # node id, enrolment and intake keys (sealed)
  node_key: /run/turret-node/node.key           # seals spool and state; keep it on a tmpfs. Default: this
  spool: { directory: /var/lib/turret-node/spool, bytes_max: 8589934592 }   # defaults: below state_directory, 8 GiB
  sip: { udp: "192.0.2.10:5060", tcp: "192.0.2.10:5060" }                   # leave one out to switch it off
  rtp: { address: 192.0.2.10, advertised: 192.0.2.10, port_min: 20000, port_max: 31999 }
  presence_interval: 60s              # one record of what was listened on; 200ms to 10m
  metrics: 127.0.0.1:9461
  workers: 1                          # encoder threads
  ready_file: /run/turret-node/ready  # optional
)";

}  // namespace turret::node
