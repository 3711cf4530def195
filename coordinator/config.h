// What turret-coordinator is told in its configuration file (`turret-coordinator --help` prints
// kCoordinatorConfigHelp).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/rpc/credentials.h"

namespace turret::coordinator {

struct CoordinatorConfig {
  std::string archive;          // Directory: keys/ books/ volumes/ ledger/ index/.
  std::string enrolment;        // The enrolment file; read again when it changes.
  std::string passphrase_file;  // First line: passphrase of the root key.
  std::string listen;           // address:port of gRPC; port 0: any.
  TlsFiles tls;
  std::string metrics;  // address:port of /metrics; port 0: any.
  absl::Duration commit_interval;
  absl::Duration close_calls_after;
  std::string ready_file;  // JSON with the ports in use, written when the service is up; empty: none.
};

/// Errors: as ConfigReader, all mistakes at once.
absl::StatusOr<CoordinatorConfig> LoadCoordinatorConfig(const std::string& path);

inline constexpr std::string_view kCoordinatorConfigHelp =
    R"(Configuration file (YAML; an unknown key is an error):

  archive: /var/lib/turret                    # keys, key books, volumes, ledger, index
  enrolment: /etc/turret/enrolment.yaml       # the lines; read again when it changes, or at SIGHUP
  passphrase_file: /etc/turret/passphrase     # first line: passphrase of the root key, 12 bytes or more
  listen: 0.0.0.0:7400                        # nodes and turretctl
  tls:
    authority: /etc/turret/tls/authority.pem
    certificate: /etc/turret/tls/coordinator.pem   # role "coordinator" (see deploy/make-certificates --help)
    key: /etc/turret/tls/coordinator.key
  metrics: 127.0.0.1:9462
  commit_interval: 50ms                       # group commit; 5ms to 1s
  close_calls_after: 1h                       # running calls of a node that is away for so long are closed, with a gap
                                              # node_down; if it returns, what it says counts instead; 1m to 720h
  ready_file: /run/turret/ready               # optional
)";

}  // namespace turret::coordinator
