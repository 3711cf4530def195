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

absl::Status WriteWav(const Archive& archive, const CallPlan& plan, const std::string& path, BagWriter& bag) {
  TURRET_RETURN_IF_ERROR(bag.Begin(path));
  TURRET_RETURN_IF_ERROR(
      bag.Write(WavHeader(kAudioRateHz, plan.channels.size(), static_cast<uint64_t>(plan.samples))));
  TURRET_RETURN_IF_ERROR(ForEachWindow(archive, plan, [&](std::span<const int16_t> samples) {
    Buffer pcm;
    AppendPcm(pcm, samples);
    return bag.Write(pcm);
  }));
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
  StreamFile(BagWriter& bag, ProofWriter::Stream& stream, const std::string& folder, StreamPlacer placer)
      : bag_(bag), stream_(stream), folder_(folder), placer_(std::move(placer)) {}

  absl::Status Add(const Plaintext& plaintext) {
    if (stream_.media.empty()) TURRET_RETURN_IF_ERROR(Begin(plaintext.body.media() == v1::SegmentBody::OPUS));
    ++stream_.segments;
    if (!frames_.has_value()) return bag_.Write(plaintext.media);
    return frames_->Add(plaintext.body, plaintext.media);
  }

  absl::Status End() {
    if (frames_.has_value()) {
      TURRET_RETURN_IF_ERROR(frames_->Finish());
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
      TURRET_ASSIGN_OR_RETURN(
          frames_, KeptFramesFile::Create(std::move(options), placer_, /*begin_utc_ns=*/std::nullopt,
                                          [this](Bytes written) { return bag_.Write(written); }));
    }
    return bag_.Begin(stream_.file);
  }

  BagWriter& bag_;
  ProofWriter::Stream& stream_;
  const std::string& folder_;
  StreamPlacer placer_;
  std::optional<KeptFramesFile> frames_;
};

absl::Status WriteStream(const Archive& archive, const StreamId& id, StreamPlacer placer,
                         const ExportedCall& call, const std::string& folder, BagWriter& bag,
                         ProofWriter& proofs) {
  ProofWriter::Stream stream{
      .id = id, .call_id_hex = ToHex(AsBytes(call.summary.call_id())), .media = {}, .file = {}, .runs = {}};
  StreamFile file(bag, stream, folder, std::move(placer));
  TURRET_RETURN_IF_ERROR(
      ForEachSegment(archive, id, [&](uint64_t, const Plaintext& plaintext) { return file.Add(plaintext); }));
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
  for (const CallChannel& channel : plan.channels)
    for (const CallChannel::Stream& stream : channel.streams)
      TURRET_RETURN_IF_ERROR(WriteStream(archive, stream.id, StreamPlacer(plan.times, stream.begin_utc_ns),
                                         call, folder, bag, proofs));
  for (uint64_t index : call.entries) proofs.AddEntry(index, "call");
  std::vector<std::string> channels;
  for (const CallChannel& channel : plan.channels) channels.push_back(channel.name);
  return bag.File(folder + "metadata.json",
                  AsBytes(CallJson(call.summary, call.entries, {plan.begin_utc_ns, channels, plan.unsure})));
}

}  // namespace turret::coordinator
