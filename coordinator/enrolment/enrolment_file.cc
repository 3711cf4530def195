#include "coordinator/enrolment/enrolment_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/util/message_differencer.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"
#include "storage/base/ids.h"
#include "storage/key/names.h"

namespace turret::coordinator {
namespace {

constexpr size_t kLinesMax = 200'000;
constexpr size_t kTextBytesMax = 256;
constexpr size_t kListMax = 32;
constexpr size_t kMistakesMax = 20;
constexpr int64_t kBitrateMin = 6'000;
constexpr int64_t kBitrateMax = 128'000;
constexpr absl::Duration kProofAgeDefault = absl::Hours(24);  // One trading day.
constexpr absl::Duration kProofAgeMax = absl::Hours(24 * 14);

using Keys = std::map<std::string, YAML::Node>;

// Rules are written as classes are.
bool IsName(std::string_view text) { return CheckClassName(text).ok(); }

// Reads the document and collects its mistakes, so that one run tells all of them.
class Reader {
 public:
  v1::EnrolmentChanged Document(const YAML::Node& root);
  absl::Status status() const {
    if (mistakes_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("enrolment: {}", fmt::join(mistakes_, "\n")));
  }

 private:
  void Mistake(const YAML::Node& at, std::string_view text) {
    if (mistakes_.size() < kMistakesMax)
      mistakes_.push_back(fmt::format("line {}: {}", at.Mark().line + 1, text));
  }
  Keys KeysOf(const YAML::Node& mapping, std::initializer_list<std::string_view> known);
  std::string Text(const YAML::Node& owner, const Keys& keys, const std::string& key, bool required);
  std::string StorageClass(const YAML::Node& owner, const Keys& keys);
  std::vector<std::string> Rules(const YAML::Node& owner, const Keys& keys);
  void Line(const YAML::Node& node, v1::Line& line);
  void Media(const Keys& keys, v1::Line& line);
  void Matchers(const YAML::Node& owner, const Keys& keys, v1::Line& line);

  std::vector<std::string> mistakes_;
  std::set<std::string> line_names_;
};

Keys Reader::KeysOf(const YAML::Node& mapping, std::initializer_list<std::string_view> known) {
  Keys keys;
  if (!mapping.IsMap()) {
    Mistake(mapping, fmt::format("want a mapping with the keys {}", fmt::join(known, ", ")));
    return keys;
  }
  for (const auto& pair : mapping) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end())
      Mistake(pair.first, fmt::format("unknown key `{}`; known are {}", key, fmt::join(known, ", ")));
    else if (!keys.emplace(key, pair.second).second)
      Mistake(pair.first, fmt::format("`{}` is given twice", key));
  }
  return keys;
}

std::string Reader::Text(const YAML::Node& owner, const Keys& keys, const std::string& key, bool required) {
  const auto found = keys.find(key);
  if (found == keys.end()) {
    if (required && owner.IsMap()) Mistake(owner, fmt::format("`{}` is missing", key));
    return "";
  }
  const YAML::Node& node = found->second;
  if (!node.IsScalar() || node.Scalar().empty() || node.Scalar().size() > kTextBytesMax) {
    Mistake(node, fmt::format("`{}` must be a text of 1 to {} bytes", key, kTextBytesMax));
    return "";
  }
  return node.Scalar();
}

std::string Reader::StorageClass(const YAML::Node& owner, const Keys& keys) {
  const std::string value = Text(owner, keys, "storage_class", true);
  if (value.empty()) return value;
  const YAML::Node& node = keys.at("storage_class");
  if (!IsName(value))
    Mistake(node, fmt::format("`storage_class` must be 1 to {} of a-z, 0-9 and -, no - first, such as mifid",
                              kClassBytesMax));
  else if (value == kNeverRecordClass)
    Mistake(node,
            "storage class `none` (never record) does not work yet, and a line that is left out is recorded "
            "as an "
            "orphan: let the SBC not send calls that must not be recorded");
  else if (IsBookClass(value))
    Mistake(node, fmt::format("storage class `{}` is reserved for books of the archive itself", value));
  return value;
}

std::vector<std::string> Reader::Rules(const YAML::Node& owner, const Keys& keys) {
  std::vector<std::string> rules;
  const auto found = keys.find("rules");
  if (found == keys.end()) {
    if (owner.IsMap()) Mistake(owner, "`rules` is missing, such as [mifid5]");
    return rules;
  }
  const YAML::Node& list = found->second;
  if (!list.IsSequence() || list.size() == 0 || list.size() > kListMax) {
    Mistake(list, fmt::format("`rules` must be a list of 1 to {} rules, such as [mifid5]", kListMax));
    return rules;
  }
  for (const YAML::Node& rule : list) {
    if (!rule.IsScalar() || !IsName(rule.Scalar()))
      Mistake(rule, fmt::format("a rule must be 1 to {} of a-z, 0-9 and -, no - first, such as mifid5",
                                kClassBytesMax));
    else
      rules.push_back(rule.Scalar());
  }
  return rules;
}

void Reader::Matchers(const YAML::Node& owner, const Keys& keys, v1::Line& line) {
  static const std::map<std::string, v1::Matcher::Field> kFields = {{"aor", v1::Matcher::AOR},
                                                                    {"label", v1::Matcher::LABEL},
                                                                    {"device", v1::Matcher::DEVICE},
                                                                    {"source", v1::Matcher::SOURCE}};
  const auto found = keys.find("match");
  if (found == keys.end()) {
    if (owner.IsMap()) Mistake(owner, "`match` is missing: nothing would ever be this line's call");
    return;
  }
  const YAML::Node& list = found->second;
  if (!list.IsSequence() || list.size() == 0 || list.size() > kListMax)
    return Mistake(
        list,
        fmt::format("`match` must be a list of 1 to {} entries such as {{ aor: \"sip:a@b\" }}", kListMax));
  for (const YAML::Node& item : list) {
    const Keys one = KeysOf(item, {"aor", "label", "device", "source"});
    if (item.IsMap() && item.size() != 1)
      Mistake(item, "a matcher has exactly one key: aor, label, device or source");
    for (const auto& [field, node] : one) {
      v1::Matcher& matcher = *line.add_matchers();
      matcher.set_field(kFields.at(field));
      matcher.set_pattern(Text(item, one, field, true));
    }
  }
}

void Reader::Media(const Keys& keys, v1::Line& line) {
  static const std::map<std::string, v1::Policy> kPolicies = {
      {"", v1::POLICY_OPUS}, {"opus", v1::POLICY_OPUS}, {"exact", v1::POLICY_EXACT}};
  static const std::map<std::string, v1::MediaProfile> kProfiles = {
      {"", v1::MEDIA_PROFILE_CONTINUOUS},
      {"continuous", v1::MEDIA_PROFILE_CONTINUOUS},
      {"silence-suppressed", v1::MEDIA_PROFILE_SILENCE_SUPPRESSED},
      {"push-to-talk", v1::MEDIA_PROFILE_PUSH_TO_TALK}};
  const YAML::Node none;
  if (const auto policy = kPolicies.find(Text(none, keys, "policy", false)); policy != kPolicies.end())
    line.set_policy(policy->second);
  else
    Mistake(keys.at("policy"), "`policy` must be exact or opus");
  if (const auto profile = kProfiles.find(Text(none, keys, "media_profile", false));
      profile != kProfiles.end())
    line.set_media_profile(profile->second);
  else
    Mistake(keys.at("media_profile"),
            "`media_profile` must be continuous, silence-suppressed or push-to-talk");
  if (keys.contains("opus_bitrate")) {
    const int64_t bitrate = keys.at("opus_bitrate").as<int64_t>(0);
    if (bitrate < kBitrateMin || bitrate > kBitrateMax)
      Mistake(keys.at("opus_bitrate"),
              fmt::format("`opus_bitrate` must be {} to {}", kBitrateMin, kBitrateMax));
    line.set_opus_bitrate(static_cast<uint32_t>(std::clamp(bitrate, kBitrateMin, kBitrateMax)));
  }
  absl::Duration proof_age = kProofAgeDefault;
  const std::string given = Text(none, keys, "proof_age", false);
  if (!given.empty() && (!absl::ParseDuration(given, &proof_age) || proof_age <= absl::ZeroDuration() ||
                         proof_age > kProofAgeMax))
    Mistake(keys.at("proof_age"), fmt::format("`proof_age` must be a duration such as 24h, up to {}",
                                              absl::FormatDuration(kProofAgeMax)));
  line.set_proof_age_ns(absl::ToInt64Nanoseconds(proof_age));
}

void Reader::Line(const YAML::Node& node, v1::Line& line) {
  const Keys keys = KeysOf(node, {"name", "trader", "desk", "device", "policy", "opus_bitrate",
                                  "storage_class", "rules", "media_profile", "proof_age", "match"});
  if (!node.IsMap()) return;
  line.set_name(Text(node, keys, "name", true));
  if (!line.name().empty() && !line_names_.insert(line.name()).second)
    Mistake(node, fmt::format("line `{}` is already there", line.name()));
  line.set_trader(Text(node, keys, "trader", true));
  line.set_desk(Text(node, keys, "desk", true));
  line.set_device(Text(node, keys, "device", false));
  line.set_storage_class(StorageClass(node, keys));
  for (std::string& rule : Rules(node, keys)) line.add_rules(std::move(rule));
  Media(keys, line);
  Matchers(node, keys, line);
}

v1::EnrolmentChanged Reader::Document(const YAML::Node& root) {
  v1::EnrolmentChanged document;
  const Keys keys = KeysOf(root, {"orphans", "lines"});
  if (!root.IsMap()) return document;
  if (!keys.contains("orphans")) {
    Mistake(root, "`orphans` is missing, such as { storage_class: mifid, rules: [mifid7] }");
  } else {
    const YAML::Node& orphans = keys.at("orphans");
    const Keys orphan_keys = KeysOf(orphans, {"storage_class", "rules"});
    document.set_orphan_storage_class(StorageClass(orphans, orphan_keys));
    for (std::string& rule : Rules(orphans, orphan_keys)) document.add_orphan_rules(std::move(rule));
  }
  // A file without `lines` is a mistake, since it would retire every line; `lines: []` says so on purpose.
  if (!keys.contains("lines") || !keys.at("lines").IsSequence() || keys.at("lines").size() > kLinesMax) {
    Mistake(root, fmt::format("`lines` must be a list of at most {} lines", kLinesMax));
    return document;
  }
  for (const YAML::Node& node : keys.at("lines")) Line(node, *document.add_lines());
  return document;
}

}  // namespace

absl::StatusOr<v1::EnrolmentChanged> ParseEnrolment(std::string_view yaml) {
  if (yaml.size() > kEnrolmentBytesMax)
    return absl::InvalidArgumentError(
        fmt::format("enrolment: {} bytes, at most {}", yaml.size(), kEnrolmentBytesMax));
  Reader reader;
  v1::EnrolmentChanged document;
  try {
    document = reader.Document(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        fmt::format("enrolment: line {}: not YAML: {}", error.mark.line + 1, error.msg));
  }
  if (absl::Status status = reader.status(); !status.ok()) return status;
  document.set_document_digest(ToHex(Sha256(AsBytes(yaml))));
  return document;
}

absl::StatusOr<std::optional<v1::EnrolmentChanged>> NextEnrolment(const v1::EnrolmentChanged* previous,
                                                                  v1::EnrolmentChanged document,
                                                                  absl::Time now, Random& random) {
  const int64_t now_utc_ns = absl::ToUnixNanos(now);
  std::map<std::string_view, const v1::Line*> old_lines;
  if (previous != nullptr)
    for (const v1::Line& line : previous->lines()) old_lines[line.name()] = &line;
  for (v1::Line& line : *document.mutable_lines()) {
    const auto found = old_lines.find(line.name());
    const v1::Line* const old = found == old_lines.end() ? nullptr : found->second;
    if (old != nullptr) old_lines.erase(found);
    line.set_line_id(old == nullptr ? LineId::Make(random).ToProto() : old->line_id());
    const bool goes_on = old != nullptr && old->retired_utc_ns() == 0;
    line.set_enrolled_utc_ns(goes_on ? old->enrolled_utc_ns() : now_utc_ns);
  }
  if (previous != nullptr) {
    for (const v1::Line& line : previous->lines()) {
      if (!old_lines.contains(line.name())) continue;
      v1::Line& retired = *document.add_lines();
      retired = line;
      if (retired.retired_utc_ns() == 0) retired.set_retired_utc_ns(now_utc_ns);
    }
    document.set_version(previous->version());
    document.set_effective_utc_ns(previous->effective_utc_ns());
    if (google::protobuf::util::MessageDifferencer::Equals(*previous, document)) return std::nullopt;
  }
  document.set_version(document.version() + 1);
  document.set_effective_utc_ns(now_utc_ns);
  return document;
}

v1::Enrolment ForNode(const v1::EnrolmentChanged& enrolment) {
  v1::Enrolment told;
  told.set_version(enrolment.version());
  for (const v1::Line& line : enrolment.lines())
    if (line.retired_utc_ns() == 0) *told.add_lines() = line;
  told.set_orphan_storage_class(enrolment.orphan_storage_class());
  *told.mutable_orphan_rules() = enrolment.orphan_rules();
  return told;
}

}  // namespace turret::coordinator
