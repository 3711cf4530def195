// Files as a tamperer or a crash would leave them, on a file system in memory where there is one: property
// tests write thousands.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "storage/base/file.h"

namespace turret::test {

/// First base of a fixture: its TemporaryFolder lies in memory, unless TMPDIR says otherwise.
struct InMemory {
  InMemory() {
    if (std::filesystem::exists("/dev/shm")) setenv("TMPDIR", "/dev/shm", /*overwrite=*/0);
  }
};

inline void Unprotect(const std::string& path) {
  PosixEnvironment().Protect(path, Protection::kNone).IgnoreError();
}

inline void Overwrite(const std::string& path, Bytes bytes) {
  Unprotect(path);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  ASSERT_TRUE(file.good()) << path;
}

inline void RemoveAll(const std::string& directory) {
  if (!std::filesystem::exists(directory)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) Unprotect(entry.path().string());
  std::filesystem::remove_all(directory);
}

/// Flags are not copied.
inline void CopyAll(const std::string& from, const std::string& to) {
  RemoveAll(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

inline Buffer WithFlippedBit(Bytes bytes, size_t bit) {
  Buffer altered = ToBuffer(bytes);
  altered[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  return altered;
}

}  // namespace turret::test
