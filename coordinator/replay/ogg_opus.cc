#include "coordinator/replay/ogg_opus.h"

#include <ogg/ogg.h>

#include <algorithm>

namespace turret::coordinator {
namespace {

constexpr uint32_t kPageSamplesMax = kOggOpusRateHz;  // RFC 7845 3: pages of about a second at most.
constexpr char kVendor[] = "turret-recorder";

void StoreLittle(Buffer& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// RFC 7845 5.1.
Buffer IdHeader(const OggOpusOptions& options) {
  Buffer header = ToBuffer(AsBytes("OpusHead"));
  const uint8_t family = options.channels == 1 ? 0 : options.channels <= 8 ? 1 : 255;
  StoreLittle(header, 1, 1);
  StoreLittle(header, options.channels, 1);
  StoreLittle(header, options.pre_skip_48k, 2);
  StoreLittle(header, options.input_rate_hz, 4);
  StoreLittle(header, 0, 2);  // Output gain.
  header.push_back(family);
  if (family == 0) return header;
  StoreLittle(header, options.channels, 1);  // Streams …
  StoreLittle(header, 0, 1);                 // … none of them coupled.
  for (uint8_t channel = 0; channel < options.channels; ++channel) header.push_back(channel);
  return header;
}

void StoreText(Buffer& out, std::string_view text) {
  StoreLittle(out, text.size(), 4);
  Append(out, AsBytes(text));
}

// RFC 7845 5.2.
Buffer CommentHeader(const OggOpusOptions& options) {
  Buffer header = ToBuffer(AsBytes("OpusTags"));
  StoreText(header, kVendor);
  StoreLittle(header, options.tags.size(), 4);
  for (const auto& [name, value] : options.tags) StoreText(header, name + "=" + value);
  return header;
}

}  // namespace

struct OggOpusWriter::State {
  struct Queued {  // A packet's bytes that no page holds yet.
    uint64_t bytes = 0;
    bool tracked = false;
  };
  struct Held {
    Buffer bytes;
    uint32_t samples_48k = 0;
    bool tracked = false;
  };
  ogg_stream_state stream{};
  Buffer out;
  uint64_t file_bytes = 0;
  uint64_t samples_48k = 0;
  uint64_t page_samples_48k = 0;
  int64_t packets = 0;
  std::deque<Queued> queued;
  std::vector<FileRun> runs;
  std::unique_ptr<Held> last;  // Held back: the last packet carries the end of the file.

  ~State() { ogg_stream_clear(&stream); }
  void Push(Bytes packet, int64_t granule, bool tracked, bool ends);
  void Flush();
  void Account(uint64_t body_offset, uint64_t body_bytes);
};

void OggOpusWriter::State::Push(Bytes packet, int64_t granule, bool tracked, bool ends) {
  ogg_packet op{};
  op.packet = const_cast<uint8_t*>(packet.data());  // libogg's interface; it copies.
  op.bytes = static_cast<long>(packet.size());
  op.b_o_s = packets == 0 ? 1 : 0;
  op.e_o_s = ends ? 1 : 0;
  op.granulepos = granule;
  op.packetno = packets++;
  ogg_stream_packetin(&stream, &op);
  queued.push_back({packet.size(), tracked});
}

void OggOpusWriter::State::Flush() {
  ogg_page page;
  while (ogg_stream_flush(&stream, &page) != 0) {
    Append(out, {page.header, static_cast<size_t>(page.header_len)});
    Append(out, {page.body, static_cast<size_t>(page.body_len)});
    Account(file_bytes + static_cast<uint64_t>(page.header_len), static_cast<uint64_t>(page.body_len));
    file_bytes += static_cast<uint64_t>(page.header_len + page.body_len);
  }
  page_samples_48k = 0;
}

void OggOpusWriter::State::Account(uint64_t body_offset, uint64_t body_bytes) {
  while (body_bytes > 0 && !queued.empty()) {
    Queued& packet = queued.front();
    const uint64_t here = std::min(packet.bytes, body_bytes);
    if (packet.tracked && here > 0) {
      if (!runs.empty() && runs.back().offset_bytes + runs.back().length_bytes == body_offset)
        runs.back().length_bytes += here;
      else
        runs.push_back({body_offset, here});
    }
    body_offset += here;
    body_bytes -= here;
    packet.bytes -= here;
    if (packet.bytes == 0) queued.pop_front();
  }
}

OggOpusWriter::OggOpusWriter(const OggOpusOptions& options) : state_(std::make_unique<State>()) {
  ogg_stream_init(&state_->stream, static_cast<int>(options.serial));
  for (const Buffer& header : {IdHeader(options), CommentHeader(options)}) {
    state_->Push(header, 0, /*tracked=*/false, /*ends=*/false);
    state_->Flush();  // Each on pages of its own.
  }
}
OggOpusWriter::~OggOpusWriter() = default;
OggOpusWriter::OggOpusWriter(OggOpusWriter&&) noexcept = default;
OggOpusWriter& OggOpusWriter::operator=(OggOpusWriter&&) noexcept = default;

void OggOpusWriter::Add(Bytes packet, uint32_t samples_48k, bool tracked) {
  State& state = *state_;
  if (state.last != nullptr) {
    if (state.page_samples_48k + state.last->samples_48k > kPageSamplesMax) state.Flush();
    state.page_samples_48k += state.last->samples_48k;
    state.Push(state.last->bytes, static_cast<int64_t>(state.samples_48k), state.last->tracked,
               /*ends=*/false);
  }
  state.samples_48k += samples_48k;
  state.last = std::make_unique<State::Held>(State::Held{ToBuffer(packet), samples_48k, tracked});
}

uint64_t OggOpusWriter::samples_48k() const { return state_->samples_48k; }

void OggOpusWriter::Finish(uint64_t end_samples_48k) {
  State& state = *state_;
  if (state.last == nullptr) return;
  const uint64_t end =
      std::clamp(end_samples_48k, state.samples_48k - state.last->samples_48k, state.samples_48k);
  state.Push(state.last->bytes, static_cast<int64_t>(end), state.last->tracked, /*ends=*/true);
  state.last.reset();
  state.Flush();
}

Buffer OggOpusWriter::Take() { return std::exchange(state_->out, {}); }
const std::vector<FileRun>& OggOpusWriter::tracked_runs() const { return state_->runs; }

}  // namespace turret::coordinator
