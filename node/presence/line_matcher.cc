#include "node/presence/line_matcher.h"

#include <optional>

namespace turret::node {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && MatchesPattern(prefix, text.substr(0, prefix.size()));
}

/// "<sip:ada@bank.example;user=phone>" is compared as "sip:ada@bank.example".
std::string_view BareAor(std::string_view aor) {
  if (const size_t open = aor.find('<'); open != std::string_view::npos) aor.remove_prefix(open + 1);
  return aor.substr(0, aor.find_first_of(";?>"));
}

std::string_view WithoutScheme(std::string_view aor) {
  for (const std::string_view scheme : {"sip:", "sips:", "tel:"})
    if (StartsWithIgnoringCase(aor, scheme)) return aor.substr(scheme.size());
  return aor;
}

std::optional<std::string> Fits(const v1::Matcher& matcher, const CallTraits& traits) {
  const auto first_of = [&](const std::vector<std::string>& values,
                            auto&& matches) -> std::optional<std::string> {
    for (const std::string& value : values)
      if (matches(matcher.pattern(), value)) return value;
    return std::nullopt;
  };
  switch (matcher.field()) {
    case v1::Matcher::AOR:
      return first_of(traits.aors, MatchesAor);
    case v1::Matcher::LABEL:
      return first_of(traits.labels, MatchesPattern);
    case v1::Matcher::DEVICE:
      return first_of({traits.device}, MatchesPattern);
    case v1::Matcher::SOURCE:
      return first_of({traits.source}, MatchesPattern);
    default:
      return std::nullopt;  // A field that a newer coordinator knows.
  }
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view value) {
  if (pattern.empty() || value.empty()) return false;
  size_t p = 0;
  size_t v = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (v < value.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = v;
    } else if (p < pattern.size() && Lower(pattern[p]) == Lower(value[v])) {
      ++p;
      ++v;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      v = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool MatchesAor(std::string_view pattern, std::string_view aor) {
  const std::string_view bare = BareAor(aor);
  return MatchesPattern(pattern, aor) || MatchesPattern(pattern, bare) ||
         MatchesPattern(pattern, WithoutScheme(bare));
}

std::vector<LineMatch> MatchLines(const v1::Enrolment& enrolment, const CallTraits& traits) {
  std::vector<LineMatch> matches;
  for (const v1::Line& line : enrolment.lines()) {
    if (line.retired_utc_ns() != 0) continue;
    for (const v1::Matcher& matcher : line.matchers()) {
      if (std::optional<std::string> value = Fits(matcher, traits)) {
        matches.push_back({&line, matcher.field(), *std::move(value)});
        break;
      }
    }
  }
  return matches;
}

}  // namespace turret::node
