#include "tests/floor/floor.h"

#include <time.h>

#include <algorithm>
#include <array>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "tests/floor/speech.h"

namespace turret::floor {
namespace {

constexpr std::array kNames = {"Ada Ashdown", "Ben Brandt",  "Carla Conti",  "Dirk de Vries",
                               "Elin Eklund", "Femi Falade", "Greta Gruber", "Hugo Herrera"};
constexpr std::array kParties = {"Marlow Pension", "Kestrel Capital", "Vondel Bank", "Tamar Insurance",
                                 "Ostrava Metals"};
constexpr absl::Duration kAnswerTimeout = absl::Seconds(20);

struct Running {
  size_t dialog = 0;
  CallTruth truth;
  bool placed = false;
  bool playing = false;
  bool done = false;
  absl::Time play_end;
};

absl::StatusOr<std::vector<int16_t>> Voice(const FloorOptions& options, int call, int side) {
  const auto wanted = static_cast<size_t>(absl::ToInt64Milliseconds(options.call_length)) * 8;
  const uint64_t seed = options.seed * 1000 + static_cast<uint64_t>(call) * 2 + static_cast<uint64_t>(side);
  if (!options.speech) return Murmur(seed, wanted);
  std::vector<int16_t> samples;
  for (int turn = 0; samples.size() < wanted; ++turn) {
    absl::StatusOr<std::vector<int16_t>> said =
        Speak(TraderLine(seed, turn), side == 0 ? "en-gb" : "en-us+f3");
    if (!said.ok()) return said.status();
    samples.insert(samples.end(), said->begin(), said->end());
  }
  samples.resize(wanted);
  return samples;
}

CallSpec SpecOf(const FloorOptions& options, int call) {
  const Trader trader = TraderOf(call % options.traders);
  CallSpec spec;
  spec.seed = options.seed * 100000 + static_cast<uint64_t>(call);
  spec.participants = {{trader.aor, trader.name}, {PartyAor(call), PartyName(call)}};
  spec.media = {{.label = "1", .participant = 0, .a_law = call % 2 == 0},
                {.label = "2", .participant = 1, .a_law = call % 2 == 0}};
  return spec;
}

absl::Status Prepare(const FloorOptions& options, int call, Running& running) {
  const CallSpec spec = SpecOf(options, call);
  running.truth.transport = options.tcp ? "tcp" : "udp";
  for (int side = 0; side < 2; ++side) {
    StreamTruth stream;
    stream.label = spec.media[static_cast<size_t>(side)].label;
    stream.aor = spec.participants[static_cast<size_t>(side)].aor;
    stream.name = spec.participants[static_cast<size_t>(side)].name;
    stream.ssrc = static_cast<uint32_t>(spec.seed * 2 + static_cast<uint64_t>(side)) * 2654435761U;
    stream.law = call % 2 == 0 ? Law::kALaw : Law::kMuLaw;
    stream.silent = call < options.silent_calls;
    if (!stream.silent) {
      absl::StatusOr<std::vector<int16_t>> voice = Voice(options, call, side);
      if (!voice.ok()) return voice.status();
      stream.payload = EncodeG711(stream.law, *voice);
    }
    running.truth.streams.push_back(std::move(stream));
  }
  return absl::OkStatus();
}

void SleepUntil(absl::Time when) {
  const timespec at = absl::ToTimespec(when);
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, nullptr);
}

class Floor {
 public:
  Floor(const FloorOptions& options, SipClient& sip, RtpPlayer& player)
      : options_(options), sip_(sip), player_(player) {}

  absl::Status Run(std::vector<Running>& calls) {
    const absl::Time begin = absl::Now();
    size_t done = 0;
    while (done < calls.size()) {
      const absl::Time now = absl::Now();
      done = 0;
      for (size_t i = 0; i < calls.size(); ++i) {
        if (absl::Status status = Step(calls[i], static_cast<int>(i), begin, now); !status.ok())
          return status;
        done += calls[i].done ? 1 : 0;
      }
      const absl::Time next = player_.SendDue(absl::Now());
      sip_.Poll(absl::ZeroDuration());
      SleepUntil(std::min(next, absl::Now() + absl::Milliseconds(2)));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Step(Running& call, int index, absl::Time begin, absl::Time now) {
    if (call.done) return absl::OkStatus();
    if (!call.placed) {
      if (now >= begin + options_.stagger * index) {
        call.dialog = sip_.Invite(SpecOf(options_, index));
        call.placed = true;
        call.play_end = now + kAnswerTimeout;
      }
      return absl::OkStatus();
    }
    Dialog& dialog = sip_.dialog(call.dialog);
    if (dialog.state == Dialog::State::kInviting && now > call.play_end)
      return absl::UnavailableError(fmt::format("no answer to INVITE from {} within 20 s", options_.server));
    if (dialog.state == Dialog::State::kFailed) Finish(call, dialog);
    if (dialog.state == Dialog::State::kConfirmed && !call.playing) Play(call, dialog, index, now);
    if (call.playing && dialog.state == Dialog::State::kConfirmed && now >= call.play_end)
      sip_.Bye(call.dialog);
    if (dialog.state == Dialog::State::kEnded) Finish(call, dialog);
    return absl::OkStatus();
  }

  void Play(Running& call, const Dialog& dialog, int index, absl::Time now) {
    call.playing = true;
    call.truth.established = true;
    for (size_t side = 0; side < call.truth.streams.size(); ++side) {
      StreamTruth& stream = call.truth.streams[side];
      stream.port = side < dialog.ports.size() ? dialog.ports[side] : uint16_t{0};
      Impairments impairments = options_.impairments;
      impairments.seed = impairments.seed * 1'000'003 + static_cast<uint64_t>(index) * 2 + side;
      // Streams are spread evenly over a packet time, so that they are not all due at once.
      const absl::Duration phase =
          absl::Microseconds((static_cast<int64_t>(index) * 2 + static_cast<int64_t>(side)) * 7919 % 20000);
      if (!stream.silent) player_.Add(stream, impairments, now + phase);
    }
    call.play_end = now + options_.call_length + absl::Milliseconds(60) + options_.tail;
    if (options_.progress) options_.progress(fmt::format("call {} of {} is on", index + 1, options_.calls));
  }

  void Finish(Running& call, const Dialog& dialog) {
    call.done = true;
    call.truth.sip_call_id = dialog.call_id;
    call.truth.final_status = dialog.final_status;
    call.truth.answered_utc_ns = dialog.answered_utc_ns;
    call.truth.ended_utc_ns = dialog.ended_utc_ns;
  }

  const FloorOptions& options_;
  SipClient& sip_;
  RtpPlayer& player_;
};

}  // namespace

Trader TraderOf(int index) {
  const std::string name = kNames[static_cast<size_t>(index) % kNames.size()];
  std::string user = name.substr(0, name.find(' '));
  std::transform(user.begin(), user.end(), user.begin(), [](unsigned char c) { return std::tolower(c); });
  const int round = index / static_cast<int>(kNames.size());
  if (round > 0) user += fmt::format("{}", round);
  return {round > 0 ? fmt::format("{} {}", name, round) : name, fmt::format("sip:{}@bank.example", user),
          fmt::format("LDN-EQ-{:03d}/1", index + 1)};
}

std::string PartyAor(int call) { return fmt::format("sip:+4420794600{:02d}@client.example", call % 100); }
std::string PartyName(int call) { return kParties[static_cast<size_t>(call) % kParties.size()]; }

std::string EnrolmentYaml(int traders, const std::string& policy) {
  std::string yaml = "orphans: { storage_class: mifid, rules: [mifid7] }\nlines:\n";
  for (int i = 0; i < traders; ++i) {
    const Trader trader = TraderOf(i);
    yaml += fmt::format(
        "  - name: {}\n    trader: {}\n    desk: London Equities\n    policy: {}\n    storage_class: mifid\n"
        "    rules: [mifid5]\n    match: [ {{ aor: \"{}\" }} ]\n",
        trader.line, trader.name, policy, trader.aor);
  }
  return yaml;
}

absl::StatusOr<FloorTruth> RunFloor(const FloorOptions& options) {
  std::vector<Running> calls(static_cast<size_t>(options.calls));
  for (size_t i = 0; i < calls.size(); ++i)
    if (absl::Status status = Prepare(options, static_cast<int>(i), calls[i]); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<SipClient>> sip = SipClient::Connect(options.server, options.tcp);
  if (!sip.ok()) return sip.status();
  absl::StatusOr<std::unique_ptr<RtpPlayer>> player = RtpPlayer::Create();
  if (!player.ok()) return player.status();
  if (absl::Status status = Floor(options, **sip, **player).Run(calls); !status.ok()) return status;
  FloorTruth truth;
  truth.datagrams_sent = (*player)->datagrams_sent();
  for (Running& call : calls) truth.calls.push_back(std::move(call.truth));
  return truth;
}

}  // namespace turret::floor
