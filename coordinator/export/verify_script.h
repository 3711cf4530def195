// verify.sh, as it stands beside this file, embedded by the build.
#pragma once

#include <string_view>

namespace turret::coordinator {

extern const std::string_view kVerifyScript;

}  // namespace turret::coordinator
