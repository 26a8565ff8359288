#include "data/formats/native_journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/binary_file.h"
#include "data/encode/hashed_file.h"
#include "data/parse_number.h"

namespace hotrow {
namespace {

constexpr std::string_view kBlock = "block-", kRows = "rows-";

// Padded, so that the order of names is the order of offsets.
std::string name_at(std::string_view what, uint64_t offset) {
  return fmt::format("{}{:018}", what, offset);
}

// Whether the bytes of `file` where this block was hold it still.
bool is_there(const std::string& file, const std::string& name, const FileFacts& facts) {
  if (!name.starts_with(kBlock)) return true;
  int64_t first = 0;
  if (!parse_number(std::string_view(name).substr(kBlock.size()), first)) return false;
  const BinaryInput data(file);
  if (facts.bytes < 0 || facts.bytes > data.size() || first < 0) return false;
  std::vector<std::byte> bytes(static_cast<size_t>(facts.bytes));
  data.read(first, bytes);
  return XXH3_64bits(bytes.data(), bytes.size()) == facts.xxh3;
}

}  // namespace

NativeJournal::NativeJournal(const std::string& path, std::string_view work,
                             const Manifest::Progress& progress)
    : scratch_(path + ".convert"),
      manifest_(scratch_.path(), "blocks", work, progress,
                [this](const std::string& name, const FileFacts& facts) {
                  return is_there(data(), name, facts);
                }) {
  scratch_.clean({});
}

NativeJournal::~NativeJournal() {
  if (!has_blocks()) remove();
}

bool NativeJournal::has_blocks() const {
  const auto& listed = manifest_.files();
  return std::any_of(listed.begin(), listed.end(),
                     [](const auto& file) { return file.first.starts_with(kBlock); });
}

std::vector<NativeJournal::Block> NativeJournal::blocks_from(uint64_t begin) const {
  std::vector<Block> blocks;
  for (uint64_t offset = begin;; offset += blocks.back().entry.bytes) {
    const auto block = manifest_.files().find(name_at(kBlock, offset)),
               rows = manifest_.files().find(name_at(kRows, offset)),
               none = manifest_.files().end();
    if (block == none || rows == none) return blocks;
    blocks.push_back({{offset, static_cast<uint64_t>(block->second.bytes),
                       static_cast<uint64_t>(rows->second.bytes), block->second.xxh3},
                      rows->second.xxh3});
  }
}

void NativeJournal::add(const Block& block) {
  const native::BlockEntry& entry = block.entry;
  manifest_.add(name_at(kRows, entry.offset), {static_cast<int64_t>(entry.rows), block.digest});
  manifest_.add(name_at(kBlock, entry.offset), {static_cast<int64_t>(entry.bytes), entry.checksum});
}

uint64_t digest_of(const Rows& rows) {
  const HashState state = new_hash();
  const auto add = [&](const auto& values) {
    XXH3_64bits_update(state.get(), values.data(), values.size() * sizeof values[0]);
  };
  add(rows.labels);
  add(rows.dense);
  for (const SparseFeature& feature : rows.sparse) {
    add(feature.offsets);
    add(feature.ids);
  }
  return XXH3_64bits_digest(state.get());
}

}  // namespace hotrow
