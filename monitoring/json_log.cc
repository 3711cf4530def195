#include "monitoring/json_log.h"

#include "fmt/chrono.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "spdlog/formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace turret {
namespace {

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string program) : program_(std::move(program)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto since_epoch = message.time.time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count() % 1000;
    const auto level = spdlog::level::to_string_view(message.level);
    fmt::format_to(std::back_inserter(out),
                   R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","program":{},"message":{}}})"
                   "\n",
                   fmt::gmtime(std::chrono::system_clock::to_time_t(message.time)), ms,
                   std::string_view(level.data(), level.size()), Quoted(program_),
                   Quoted({message.payload.data(), message.payload.size()}));
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(program_);
  }

 private:
  const std::string program_;
};

}  // namespace

void LogAsJson(const std::string& program) {
  auto logger = spdlog::stderr_logger_mt(program);
  logger->set_formatter(std::make_unique<JsonFormatter>(program));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace turret
