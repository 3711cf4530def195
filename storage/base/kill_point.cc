#include "storage/base/kill_point.h"

namespace turret {

void KillPoint(std::string_view) {}

}  // namespace turret
