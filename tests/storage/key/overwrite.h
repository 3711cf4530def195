// Writes a file as a tamperer or a crash would leave it: no syncs, which would make property tests slow.
#pragma once

#include <fstream>
#include <string>

#include "storage/base/bytes.h"

namespace turret::test {

inline void Overwrite(const std::string& path, Bytes bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline Buffer WithFlippedBit(Bytes bytes, size_t bit) {
  Buffer altered = ToBuffer(bytes);
  altered[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  return altered;
}

}  // namespace turret::test
