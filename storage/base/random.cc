#include "storage/base/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace turret {

void SystemRandom::Fill(std::span<uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace turret
