#include "tests/floor/pcap.h"

#include <fstream>

namespace turret::floor {
namespace {

void Little32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}
void Big16(std::string& out, uint32_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}
void Big32(std::string& out, uint32_t value) {
  Big16(out, value >> 16);
  Big16(out, value & 0xFFFF);
}

std::string Frame(const StreamTruth& stream, uint32_t index) {
  const SentPacket& packet = stream.packets[index];
  std::string frame(12, '\0');
  Big16(frame, 0x0800);
  const uint32_t udp_bytes = 8 + 12 + stream.packet_samples;
  frame += '\x45';
  frame += '\0';
  Big16(frame, 20 + udp_bytes);
  Big32(frame, index << 16);
  frame += '\x40';
  frame += '\x11';
  Big16(frame, 0);
  Big32(frame, 0x7F000001);
  Big32(frame, 0x7F000001);
  Big16(frame, 40000);
  Big16(frame, 40002);
  Big16(frame, udp_bytes);
  Big16(frame, 0);
  frame += '\x80';
  frame += static_cast<char>((stream.law == Law::kALaw ? 8 : 0) | (index == 0 ? 0x80 : 0));
  Big16(frame, packet.sequence);
  Big32(frame, packet.timestamp);
  Big32(frame, stream.ssrc);
  frame.append(reinterpret_cast<const char*>(&stream.payload[size_t{index} * stream.packet_samples]),
               stream.packet_samples);
  return frame;
}

}  // namespace

absl::Status WritePcap(StreamTruth& stream, const std::string& path) {
  stream.packets.resize(stream.payload.size() / stream.packet_samples);
  std::string file;
  Little32(file, 0xA1B2C3D4);
  Little32(file, 0x00040002);
  Little32(file, 0);
  Little32(file, 0);
  Little32(file, 65535);
  Little32(file, 1);
  for (uint32_t i = 0; i < stream.packets.size(); ++i) {
    stream.packets[i].sequence = static_cast<uint16_t>(1 + i);
    stream.packets[i].timestamp = i * stream.packet_samples;
    const std::string frame = Frame(stream, i);
    const uint64_t micros = uint64_t{i} * stream.packet_samples * 125;
    Little32(file, static_cast<uint32_t>(1'000'000'000 + micros / 1'000'000));
    Little32(file, static_cast<uint32_t>(micros % 1'000'000));
    Little32(file, static_cast<uint32_t>(frame.size()));
    Little32(file, static_cast<uint32_t>(frame.size()));
    file += frame;
  }
  std::ofstream out(path, std::ios::binary);
  out << file;
  if (!out.flush()) return absl::UnavailableError("cannot write " + path);
  return absl::OkStatus();
}

}  // namespace turret::floor
