#include "node/session/xml_scan.h"

#include <algorithm>

namespace turret::node {
namespace {

/// Position behind `end`, at or after `from`; the end of the text when it is not there.
size_t SkipPast(std::string_view xml, std::string_view end, size_t from) {
  const size_t at = xml.find(end, from);
  return at == std::string_view::npos ? xml.size() : at + end.size();
}

/// Position of the `>` of a tag that begins at `from`: one within quotes is none.
size_t TagEnd(std::string_view xml, size_t from) {
  char quote = 0;
  for (size_t at = from; at < xml.size(); ++at) {
    if (quote != 0) {
      if (xml[at] == quote) quote = 0;
    } else if (xml[at] == '"' || xml[at] == '\'') {
      quote = xml[at];
    } else if (xml[at] == '>') {
      return at;
    }
  }
  return xml.size();
}

}  // namespace

XmlScan ScanXml(std::string_view xml) {
  XmlScan scan;
  scan.binary = xml.find('\0') != std::string_view::npos;
  int depth = 0;
  for (size_t at = xml.find('<'); at != std::string_view::npos && at < xml.size(); at = xml.find('<', at)) {
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with("<!--")) {
      at = SkipPast(xml, "-->", at + 4);
    } else if (rest.starts_with("<![CDATA[")) {
      at = SkipPast(xml, "]]>", at);
    } else if (rest.starts_with("<?")) {
      at = SkipPast(xml, "?>", at);
    } else if (rest.starts_with("<!")) {
      scan.doctype = true;
      at += 2;
    } else if (rest.starts_with("</")) {
      --depth;
      at += 2;
    } else {
      const size_t end = TagEnd(xml, at);
      scan.depth_max = std::max(scan.depth_max, ++depth);
      if (end > at && end < xml.size() && xml[end - 1] == '/') --depth;
      at = std::max(end, at + 1);
    }
  }
  return scan;
}

}  // namespace turret::node
