#include "coordinator/config.h"

#include "storage/base/config.h"
#include "storage/base/status.h"

namespace turret::coordinator {

absl::StatusOr<CoordinatorConfig> LoadCoordinatorConfig(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(ConfigReader reader, ConfigReader::Load(path));
  CoordinatorConfig config;
  config.archive = reader.RequiredString("archive");
  config.enrolment = reader.RequiredString("enrolment");
  config.passphrase_file = reader.RequiredString("passphrase_file");
  config.listen = reader.String("listen", "127.0.0.1:7400");
  config.tls = {reader.RequiredString("tls.authority"), reader.RequiredString("tls.certificate"),
                reader.RequiredString("tls.key")};
  config.metrics = reader.String("metrics", "127.0.0.1:9462");
  config.commit_interval =
      reader.Duration("commit_interval", absl::Milliseconds(50), absl::Milliseconds(5), absl::Seconds(1));
  config.close_calls_after =
      reader.Duration("close_calls_after", absl::Hours(1), absl::Minutes(1), absl::Hours(720));
  config.ready_file = reader.String("ready_file", "");
  TURRET_RETURN_IF_ERROR(reader.Finish());
  return config;
}

}  // namespace turret::coordinator
