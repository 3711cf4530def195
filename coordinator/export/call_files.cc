#include "coordinator/export/call_files.h"

#include <optional>

#include "coordinator/export/metadata.h"
#include "coordinator/replay/call_channels.h"
#include "coordinator/replay/kept_frames.h"
#include "coordinator/replay/segment_cursor.h"
#include "coordinator/replay/wav.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr size_t kWindowSamples = kAudioRateHz;

absl::Status WriteWav(const Archive& archive, const CallPlan& plan, const std::string& path, BagWriter& bag) {
  const auto samples = static_cast<uint64_t>(plan.samples);
  TURRET_ASSIGN_OR_RETURN(CallMixer mixer, MakeMixer(archive, plan));
  TURRET_RETURN_IF_ERROR(bag.Begin(path));
  TURRET_RETURN_IF_ERROR(bag.Write(WavHeader(kAudioRateHz, plan.channels.size(), samples)));
  for (uint64_t left = samples; left > 0;) {
    const size_t window = std::min<uint64_t>(left, kWindowSamples);
    TURRET_ASSIGN_OR_RETURN(const std::vector<int16_t> interleaved, mixer.Next(window));
    Buffer pcm;
    AppendPcm(pcm, interleaved);
    TURRET_RETURN_IF_ERROR(bag.Write(pcm));
    left -= window;
  }
  return bag.End();
}

absl::Status WriteWavs(const Archive& archive, const CallPlan& plan, const std::string& folder,
                       BagWriter& bag) {
  TURRET_RETURN_IF_ERROR(WriteWav(archive, plan, folder + "audio.wav", bag));
  for (size_t i = 0; i < plan.channels.size(); ++i) {
    CallPlan one = plan;
    one.channels = {plan.channels[i]};
    TURRET_RETURN_IF_ERROR(WriteWav(archive, one, fmt::format("{}channel-{}.wav", folder, i + 1), bag));
  }
  return absl::OkStatus();
}

// The stream's file: frames or payload as they were kept.
class StreamFile {
 public:
  StreamFile(BagWriter& bag, ProofWriter::Stream& stream, const std::string& folder)
      : bag_(bag), stream_(stream), folder_(folder) {}

  absl::Status Add(const Plaintext& plaintext) {
    if (stream_.media.empty()) TURRET_RETURN_IF_ERROR(Begin(plaintext.body.media() == v1::SegmentBody::OPUS));
    ++stream_.segments;
    if (!frames_.has_value()) return bag_.Write(plaintext.media);
    TURRET_RETURN_IF_ERROR(frames_->Add(plaintext.body, plaintext.media));
    return bag_.Write(frames_->Take());
  }

  absl::Status End() {
    if (frames_.has_value()) {
      TURRET_RETURN_IF_ERROR(frames_->Finish());
      TURRET_RETURN_IF_ERROR(bag_.Write(frames_->Take()));
      for (const FileRun& run : frames_->kept_runs())
        stream_.runs.push_back({run.offset_bytes, run.length_bytes});
    }
    return bag_.End();
  }

 private:
  absl::Status Begin(bool opus) {
    stream_.media = opus ? "opus" : "payload";
    stream_.file = fmt::format("{}stream-{}.{}", folder_, stream_.id.ToHex(), stream_.media);
    if (opus) {
      OggOpusOptions options;
      options.serial = LoadU32(stream_.id.bytes());
      options.tags = {{"TURRET_CALL", stream_.call_id_hex}, {"TURRET_STREAM", stream_.id.ToHex()}};
      TURRET_ASSIGN_OR_RETURN(frames_, KeptFramesFile::Create(std::move(options), /*lead_in_samples=*/0));
    }
    return bag_.Begin(stream_.file);
  }

  BagWriter& bag_;
  ProofWriter::Stream& stream_;
  const std::string& folder_;
  std::optional<KeptFramesFile> frames_;
};

absl::Status WriteStream(const Archive& archive, const StreamId& id, const ExportedCall& call,
                         const std::string& folder, BagWriter& bag, ProofWriter& proofs) {
  ProofWriter::Stream stream{
      .id = id, .call_id_hex = ToHex(AsBytes(call.summary.call_id())), .media = {}, .file = {}, .runs = {}};
  StreamFile file(bag, stream, folder);
  TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive, id));
  for (size_t i = cursor.segments(); i > 0; --i) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<OpenedSegment> segment, cursor.Next());
    TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment->plaintext));
    TURRET_RETURN_IF_ERROR(file.Add(plaintext));
  }
  if (stream.segments == 0) return absl::OkStatus();
  TURRET_RETURN_IF_ERROR(file.End());
  return proofs.AddStream(stream, call.entries);
}

}  // namespace

absl::Status WriteCall(const Archive& archive, const ExportedCall& call, BagWriter& bag,
                       ProofWriter& proofs) {
  const std::string folder = fmt::format("data/calls/{}/", ToHex(AsBytes(call.summary.call_id())));
  TURRET_ASSIGN_OR_RETURN(const CallPlan plan, PlanCall(archive, call.summary));
  TURRET_RETURN_IF_ERROR(WriteWavs(archive, plan, folder, bag));
  for (const v1::StreamSummary& summary : call.summary.streams()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId id, StreamId::FromProto(summary.stream_id()));
    TURRET_RETURN_IF_ERROR(WriteStream(archive, id, call, folder, bag, proofs));
  }
  for (uint64_t index : call.entries) proofs.AddEntry(index, "call");
  std::vector<std::string> channels;
  for (const CallChannel& channel : plan.channels) channels.push_back(channel.name);
  return bag.File(folder + "metadata.json",
                  AsBytes(CallJson(call.summary, call.entries, channels, plan.begin_utc_ns)));
}

}  // namespace turret::coordinator
