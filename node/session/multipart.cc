#include "node/session/multipart.h"

#include <optional>

#include "node/session/text.h"

namespace turret::node {
namespace {

std::string BareType(std::string_view content_type) {
  return CleanText(LowerCase(Trim(content_type.substr(0, content_type.find(';')))));
}

constexpr size_t kBoundaryBytesMax = 200;  // RFC 2046, 5.1.1 allows 70.

/// The boundary parameter, quoted or not.
std::string BoundaryOf(std::string_view content_type) {
  const std::string lower = LowerCase(content_type);
  const size_t name = lower.find("boundary");
  if (name == std::string::npos) return {};
  const size_t equals = lower.find_first_not_of(" \t", name + 8);
  if (equals == std::string::npos || lower[equals] != '=') return {};
  std::string_view value = Trim(content_type.substr(equals + 1));
  value = value.substr(0, kBoundaryBytesMax);
  if (!value.starts_with('"')) return std::string(Trim(value.substr(0, value.find(';'))));
  value.remove_prefix(1);
  std::string unquoted;
  for (size_t at = 0; at < value.size() && value[at] != '"'; ++at) {
    if (value[at] == '\\' && at + 1 < value.size()) ++at;
    unquoted += value[at];
  }
  return unquoted;
}

/// Makers leave the parameter out: then the first line that looks like a delimiter tells it.
std::string GuessBoundary(std::string_view body) {
  const std::string_view text = Trim(body);
  if (!text.starts_with("--")) return {};
  return std::string(Trim(text.substr(2, text.find('\n') - 2)).substr(0, kBoundaryBytesMax));
}

std::string_view WithoutLineEnd(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

BodyPart ParsePart(std::string_view part, bool& odd) {
  BodyPart out;
  while (true) {
    const size_t end = part.find('\n');
    if (end == std::string_view::npos) {  // Headers without a blank line: a part without a body.
      odd = true;
      out.body = std::string(part);
      return out;
    }
    const std::string_view line = WithoutLineEnd(part.substr(0, end + 1));
    part.remove_prefix(end + 1);
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = LowerCase(Trim(line.substr(0, colon)));
    if (name == "content-type" || name == "c") out.content_type = BareType(line.substr(colon + 1));
  }
  out.body = std::string(part);
  return out;
}

struct Delimiter {
  size_t begin;  // Of the line break before it, which belongs to it.
  size_t end;
  bool last;
};

/// The next line that begins with `--boundary`, at or after `from`.
std::optional<Delimiter> FindDelimiter(std::string_view body, const std::string& boundary, size_t from) {
  const std::string dashed = "--" + boundary;
  for (size_t at = body.find(dashed, from); at != std::string_view::npos; at = body.find(dashed, at + 1)) {
    if (at != 0 && body[at - 1] != '\n') continue;
    std::string_view rest = body.substr(at + dashed.size());
    const size_t line_end = rest.find('\n');
    rest = Trim(rest.substr(0, line_end));
    const bool last = rest == "--";
    if (!last && !rest.empty()) continue;  // A longer boundary that begins with ours.
    size_t begin = at;
    if (begin > from && body[begin - 1] == '\n') --begin;
    if (begin > from && body[begin - 1] == '\r') --begin;
    return Delimiter{
        begin, line_end == std::string_view::npos ? body.size() : at + dashed.size() + line_end + 1, last};
  }
  return std::nullopt;
}

}  // namespace

std::vector<BodyPart> SplitBody(std::string_view content_type, std::string_view body, bool& odd) {
  const BodyPart whole{BareType(content_type), std::string(body)};
  if (body.empty()) return {};
  if (!whole.content_type.starts_with("multipart/")) return {whole};
  std::string boundary = BoundaryOf(content_type);
  if (boundary.empty()) {
    odd = true;
    boundary = GuessBoundary(body);
  }
  std::optional<Delimiter> open = boundary.empty() ? std::nullopt : FindDelimiter(body, boundary, 0);
  if (!open) {
    odd = true;
    return {whole};
  }
  std::vector<BodyPart> parts;
  while (!open->last && open->end < body.size()) {
    const std::optional<Delimiter> close = FindDelimiter(body, boundary, open->end);
    if (!close || parts.size() == kBodyPartsMax) odd = true;  // Cut off, or too many: the rest is one part.
    const bool rest = !close || parts.size() == kBodyPartsMax;
    const size_t end = rest ? body.size() : close->begin;
    parts.push_back(ParsePart(body.substr(open->end, end - open->end), odd));
    if (rest) break;
    open = close;
  }
  if (parts.empty()) odd = true;
  return parts;
}

}  // namespace turret::node
