// turret-floor: plays a trading floor to a recorder, and writes down what it sent.
#include <iostream>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/floor/floor.h"

int main(int argc, char** argv) {
  turret::floor::FloorOptions options;
  std::string transport = "udp";
  std::string truth_directory;
  std::string enrolment_policy;
  double seconds = 10;
  int stagger_ms = 500;
  bool murmur = false;
  CLI::App app(
      "Plays a trading floor over SIPREC and RTP to a recorder on this machine, and lists what it sent.");
  app.add_option("--server", options.server, "SIP address of the recorder")->capture_default_str();
  app.add_option("--transport", transport, "udp or tcp")
      ->check(CLI::IsMember({"udp", "tcp"}))
      ->capture_default_str();
  app.add_option("--traders", options.traders, "traders on the floor")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--calls", options.calls, "calls to place")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--seconds", seconds, "length of each call")
      ->check(CLI::Range(0.1, 36000.0))
      ->capture_default_str();
  app.add_option("--stagger-ms", stagger_ms, "between the starts of two calls")->capture_default_str();
  app.add_option("--silent-calls", options.silent_calls, "so many of the calls get no RTP at all")
      ->capture_default_str();
  app.add_option("--loss", options.impairments.loss, "probability that a packet is lost")
      ->capture_default_str();
  app.add_option("--reorder", options.impairments.reorder, "probability that a packet comes 30 ms late")
      ->capture_default_str();
  app.add_option("--duplicate", options.impairments.duplicate, "probability that a packet comes twice")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of everything random")->capture_default_str();
  app.add_flag("--murmur", murmur, "noise instead of speech: for load");
  app.add_option("--truth", truth_directory, "folder for truth.json and the payloads sent");
  app.add_option("--print-enrolment", enrolment_policy,
                 "print the enrolment file of this floor with this policy, and stop");
  CLI11_PARSE(app, argc, argv);

  if (!enrolment_policy.empty()) {
    std::cout << turret::floor::EnrolmentYaml(options.traders, enrolment_policy);
    return 0;
  }
  options.tcp = transport == "tcp";
  options.speech = !murmur;
  options.call_length = absl::Seconds(seconds);
  options.stagger = absl::Milliseconds(stagger_ms);
  options.impairments.seed = options.seed;
  options.progress = [](const std::string& line) { std::cerr << line << std::endl; };
  const absl::StatusOr<turret::floor::FloorTruth> truth = turret::floor::RunFloor(options);
  if (!truth.ok()) {
    std::cerr << "turret-floor: " << truth.status().message() << std::endl;
    return 1;
  }
  if (!truth_directory.empty()) {
    if (const absl::Status written = turret::floor::WriteTruth(*truth, truth_directory); !written.ok()) {
      std::cerr << "turret-floor: " << written.message() << std::endl;
      return 1;
    }
  }
  uint64_t refused = 0;
  for (const auto& call : truth->calls) refused += call.established ? 0 : 1;
  std::cout << fmt::format("{} calls placed, {} refused, {} datagrams sent\n", truth->calls.size(), refused,
                           truth->datagrams_sent);
  return refused == 0 ? 0 : 2;
}
