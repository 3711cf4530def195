#include "storage/ledger/block_name.h"

#include <charconv>

#include "fmt/format.h"

namespace turret {
namespace {

constexpr size_t kIndexDigits = 16;
constexpr std::string_view kHeads = "heads";

uint32_t PartAt(const std::string& name, size_t position) {
  uint32_t part = 0;
  if (position < name.size()) std::from_chars(name.data() + position, name.data() + name.size(), part);
  return part;
}

}  // namespace

std::string FileNameOf(const BlockName& name) {
  return name.part == 0 ? fmt::format("{:016x}.blk", name.first_index)
                        : fmt::format("{:016x}.{}.blk", name.first_index, name.part);
}

std::optional<BlockName> ParseBlockName(const std::string& file_name) {
  if (file_name.size() < kIndexDigits) return std::nullopt;
  BlockName name;
  std::from_chars(file_name.data(), file_name.data() + kIndexDigits, name.first_index, 16);
  name.part = PartAt(file_name, kIndexDigits + 1);
  if (FileNameOf(name) != file_name) return std::nullopt;
  return name;
}

std::string HeadsFileName(uint32_t part) {
  return part == 0 ? std::string(kHeads) : fmt::format("{}.{}", kHeads, part);
}

std::optional<uint32_t> ParseHeadsFileName(const std::string& file_name) {
  const uint32_t part = PartAt(file_name, kHeads.size() + 1);
  if (HeadsFileName(part) != file_name) return std::nullopt;
  return part;
}

}  // namespace turret
