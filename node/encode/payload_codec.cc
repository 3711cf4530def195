#include "node/encode/payload_codec.h"

namespace turret::node {
namespace {

constexpr uint8_t kComfortNoise = 13;
constexpr size_t kEventBytes = 4;  // Event, flags and volume, duration.

struct StaticType {
  uint8_t payload_type;
  const char* name;
};
constexpr StaticType kStaticTypes[] = {{0, "PCMU"}, {3, "GSM"}, {4, "G723"},  {8, "PCMA"},
                                       {9, "G722"}, {13, "CN"}, {15, "G728"}, {18, "G729"}};

std::string NameOf(uint8_t payload_type, const v1::StreamOpened& stream) {
  if (payload_type == stream.payload_type()) return stream.codec();
  for (const StaticType& known : kStaticTypes)
    if (known.payload_type == payload_type) return known.name;
  return {};
}

}  // namespace

PayloadCodec CodecOf(uint8_t payload_type, const v1::StreamOpened& stream) {
  PayloadCodec codec;
  codec.name = NameOf(payload_type, stream);
  codec.is_g711 = IsG711(codec.name, codec.law);
  codec.comfort_noise = payload_type == kComfortNoise || codec.name == "CN";
  codec.one_byte_a_tick = codec.is_g711 || codec.name == "G722";  // 64 kbit/s at 8 kHz, also by RTP's clock.
  return codec;
}

bool LooksLikeEvent(const PayloadCodec& codec, Bytes payload) {
  return codec.name.empty() && payload.size() == kEventBytes;
}

PacketMedia MediaOf(const PayloadCodec& codec, Bytes payload) {
  if (codec.comfort_noise) return {.duration_ticks = 0, .comfort_noise = true};
  if (codec.one_byte_a_tick) return {.duration_ticks = static_cast<int64_t>(payload.size())};
  if (payload.empty()) return {.duration_ticks = 0};
  if (LooksLikeEvent(codec, payload)) return {.duration_ticks = LoadU16(payload.subspan(2))};
  return {.duration_ticks = -1};
}

}  // namespace turret::node
