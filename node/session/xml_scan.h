// A look at XML before any parser sees it: how deep it nests, and whether it holds what metadata never does.
#pragma once

#include <string_view>

namespace turret::node {

struct XmlScan {
  int depth_max = 0;
  bool doctype =
      false;  // Where entities are declared; ours are never loaded or expanded, but no honest source has any.
  bool binary = false;  // A NUL byte: UTF-16 or no text at all.
};

/// One pass, no allocation; broken XML is counted as far as its tags tell.
XmlScan ScanXml(std::string_view xml);

}  // namespace turret::node
