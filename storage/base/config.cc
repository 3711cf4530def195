#include "storage/base/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr size_t kConfigBytesMax = size_t{1} * 1024 * 1024;
constexpr size_t kKeysMax = 1000;
constexpr int kDepthMax = 4;

struct Entry {
  std::string value;
  int line;
};

struct Mistake {
  int line;  // 0: of no line, a key that is missing.
  std::string text;
};

}  // namespace

struct ConfigReader::State {
  std::string name;
  std::map<std::string, Entry, std::less<>> entries;
  std::set<std::string, std::less<>> asked;
  std::vector<Mistake> mistakes;

  void Add(const YAML::Node& key, const YAML::Node& value, const std::string& prefix, int depth);
  void AddMapping(const YAML::Node& mapping, const std::string& prefix, int depth);
  const Entry* Ask(std::string_view key);
  void Reject(std::string_view key, const Entry& entry, std::string_view want);
};

void ConfigReader::State::AddMapping(const YAML::Node& mapping, const std::string& prefix, int depth) {
  for (const auto& pair : mapping) Add(pair.first, pair.second, prefix, depth);
}

void ConfigReader::State::Add(const YAML::Node& key, const YAML::Node& value, const std::string& prefix,
                              int depth) {
  const int line = key.Mark().line + 1;
  if (entries.size() + mistakes.size() >= kKeysMax) return;  // An alias can repeat a mapping without end.
  if (!key.IsScalar()) {
    mistakes.push_back({line, "a key must be a plain word"});
    return;
  }
  const std::string path = prefix.empty() ? key.Scalar() : prefix + "." + key.Scalar();
  if (value.IsMap() && depth < kDepthMax) {
    AddMapping(value, path, depth + 1);
  } else if (!value.IsScalar()) {
    mistakes.push_back({line, fmt::format("`{}` must be one value, not {}", path,
                                          value.IsSequence() ? "a list"
                                          : value.IsNull()   ? "empty"
                                                             : "a mapping")});
    asked.insert(path);
    entries.try_emplace(path, Entry{"", line});
  } else if (!entries.try_emplace(path, Entry{value.Scalar(), line}).second) {
    mistakes.push_back({line, fmt::format("`{}` is given twice", path)});
  }
}

const Entry* ConfigReader::State::Ask(std::string_view key) {
  asked.emplace(key);
  const auto found = entries.find(key);
  return found == entries.end() ? nullptr : &found->second;
}

// Values may be secret by mistake (a passphrase under the wrong key): errors name the key, never the value.
void ConfigReader::State::Reject(std::string_view key, const Entry& entry, std::string_view want) {
  mistakes.push_back({entry.line, fmt::format("`{}` must be {}", key, want)});
}

absl::StatusOr<ConfigReader> ConfigReader::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(fmt::format("{}: cannot be read; is the path right?", path));
  std::string text(kConfigBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return Parse(text, path);
}

absl::StatusOr<ConfigReader> ConfigReader::Parse(std::string_view yaml, std::string_view name_for_errors) {
  if (yaml.size() > kConfigBytesMax)
    return absl::InvalidArgumentError(fmt::format("{}: over {} bytes", name_for_errors, kConfigBytesMax));
  auto state = std::make_unique<State>();
  state->name = name_for_errors;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsMap() && !root.IsNull())
      return absl::InvalidArgumentError(fmt::format("{}:1: want `key: value` lines", name_for_errors));
    state->AddMapping(root, "", 1);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}:{}: not YAML: {}", name_for_errors, error.mark.line + 1, error.msg));
  }
  return ConfigReader(std::move(state));
}

std::string ConfigReader::RequiredString(std::string_view key) {
  const Entry* const entry = state_->Ask(key);
  if (entry == nullptr) {
    state_->mistakes.push_back({0, fmt::format("`{}` is missing", key)});
    return "";
  }
  if (entry->value.empty()) state_->Reject(key, *entry, "given");
  return entry->value;
}

std::string ConfigReader::String(std::string_view key, std::string_view fallback) {
  const Entry* const entry = state_->Ask(key);
  return entry == nullptr ? std::string(fallback) : entry->value;
}

int64_t ConfigReader::Integer(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const Entry* const entry = state_->Ask(key);
  if (entry == nullptr) return fallback;
  int64_t value = 0;
  if (absl::SimpleAtoi(absl::string_view(entry->value), &value) && value >= min && value <= max) return value;
  state_->Reject(key, *entry, fmt::format("a whole number from {} to {}", min, max));
  return fallback;
}

bool ConfigReader::Boolean(std::string_view key, bool fallback) {
  const Entry* const entry = state_->Ask(key);
  if (entry == nullptr) return fallback;
  if (entry->value == "true" || entry->value == "false") return entry->value == "true";
  state_->Reject(key, *entry, "true or false");
  return fallback;
}

absl::Duration ConfigReader::Duration(std::string_view key, absl::Duration fallback, absl::Duration min,
                                      absl::Duration max) {
  const Entry* const entry = state_->Ask(key);
  if (entry == nullptr) return fallback;
  absl::Duration value;
  if (absl::ParseDuration(entry->value, &value) && value >= min && value <= max) return value;
  state_->Reject(key, *entry,
                 fmt::format("a duration such as 100ms, 30s or 24h, from {} to {}", absl::FormatDuration(min),
                             absl::FormatDuration(max)));
  return fallback;
}

absl::Status ConfigReader::Finish() const {
  std::vector<Mistake> all = state_->mistakes;
  for (const auto& [key, entry] : state_->entries)
    if (!state_->asked.contains(key)) all.push_back({entry.line, fmt::format("unknown key `{}`", key)});
  if (all.empty()) return absl::OkStatus();
  std::stable_sort(all.begin(), all.end(),
                   [](const Mistake& a, const Mistake& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const Mistake& mistake : all)
    lines.push_back(mistake.line == 0 ? fmt::format("{}: {}", state_->name, mistake.text)
                                      : fmt::format("{}:{}: {}", state_->name, mistake.line, mistake.text));
  return absl::InvalidArgumentError(fmt::format("{}", fmt::join(lines, "\n")));
}

ConfigReader::ConfigReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader& ConfigReader::operator=(ConfigReader&&) noexcept = default;

}  // namespace turret
