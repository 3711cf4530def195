#include "tests/floor/truth.h"

#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace turret::floor {
namespace {

nlohmann::json ToJson(const StreamTruth& stream) {
  nlohmann::json losses = nlohmann::json::array();
  for (const auto& loss : stream.Losses())
    losses.push_back({{"first_packet", loss.first_packet}, {"packets", loss.packets}});
  return {{"label", stream.label},
          {"aor", stream.aor},
          {"name", stream.name},
          {"codec", stream.law == Law::kALaw ? "PCMA" : "PCMU"},
          {"ssrc", stream.ssrc},
          {"packets", stream.packets.size()},
          {"datagrams_sent", stream.datagrams_sent()},
          {"first_due_utc_ns", stream.packets.empty() ? 0 : stream.packets.front().due_utc_ns},
          {"packet_samples", stream.packet_samples},
          {"losses", losses}};
}

}  // namespace

std::vector<uint8_t> StreamTruth::SentPayload() const {
  std::vector<uint8_t> sent;
  for (size_t i = 0; i < packets.size(); ++i) {
    if (packets[i].lost) continue;
    const auto begin = payload.begin() + static_cast<ptrdiff_t>(i * packet_samples);
    sent.insert(sent.end(), begin, begin + packet_samples);
  }
  return sent;
}

uint64_t StreamTruth::datagrams_sent() const {
  uint64_t count = 0;
  for (const SentPacket& packet : packets) count += packet.lost ? 0 : static_cast<uint64_t>(packet.copies);
  return count;
}

std::vector<StreamTruth::Loss> StreamTruth::Losses() const {
  std::vector<Loss> losses;
  for (uint32_t i = 0; i < packets.size(); ++i) {
    if (!packets[i].lost) continue;
    if (!losses.empty() && losses.back().first_packet + losses.back().packets == i)
      ++losses.back().packets;
    else
      losses.push_back({i, 1});
  }
  return losses;
}

absl::Status WriteTruth(const FloorTruth& truth, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  nlohmann::json calls = nlohmann::json::array();
  for (size_t i = 0; i < truth.calls.size(); ++i) {
    const CallTruth& call = truth.calls[i];
    nlohmann::json streams = nlohmann::json::array();
    for (const StreamTruth& stream : call.streams) {
      streams.push_back(ToJson(stream));
      std::ofstream file(fmt::format("{}/{}-{}.payload", directory, i, stream.label), std::ios::binary);
      const std::vector<uint8_t> sent = stream.SentPayload();
      file.write(reinterpret_cast<const char*>(sent.data()), static_cast<std::streamsize>(sent.size()));
    }
    calls.push_back({{"sip_call_id", call.sip_call_id},
                     {"transport", call.transport},
                     {"established", call.established},
                     {"final_status", call.final_status},
                     {"answered_utc_ns", call.answered_utc_ns},
                     {"ended_utc_ns", call.ended_utc_ns},
                     {"streams", streams}});
  }
  std::ofstream out(directory + "/truth.json");
  out << nlohmann::json({{"datagrams_sent", truth.datagrams_sent}, {"calls", calls}}).dump(2) << '\n';
  if (!out.flush()) return absl::UnavailableError("cannot write " + directory + "/truth.json");
  return absl::OkStatus();
}

}  // namespace turret::floor
