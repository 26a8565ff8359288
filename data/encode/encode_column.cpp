#include "data/encode/encode_column.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "data/encode/key_table.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr size_t kBlock = 64;  // lookups whose cache misses overlap
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

using Dictionary = KeyTable<uint32_t>;

// Puts what belongs to the table's range into it.
void load(Dictionary& table, const IdWork& work) {
  for_each_entry(work.vocabulary, work.scheme.first_id, [&table](uint64_t key, uint32_t id) {
    const uint64_t hash = mix64(key);
    uint32_t* const found = table.covers(hash) ? table.find_or_add(key, hash) : nullptr;
    if (found != nullptr) *found = id;
  });
}

// ids[i] = the row of keys[i], where the table has it.
void look_up(std::span<uint32_t> ids, const Dictionary& table, std::span<const uint64_t> keys) {
  uint64_t hashes[kBlock];
  for (size_t begin = 0; begin < keys.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, keys.size());
    table.hash_and_prefetch(hashes, keys.subspan(begin, end - begin));
    for (size_t i = begin; i < end; ++i) {
      if (!table.covers(hashes[i - begin])) continue;
      const uint32_t* const found = table.find(keys[i], hashes[i - begin]);
      if (found != nullptr) ids[i] = *found;
    }
  }
}

void hash_keys(std::span<uint32_t> ids, std::span<const uint64_t> keys, const IdWork& work) {
  for (size_t i = 0; i < keys.size(); ++i) {
    ids[i] = static_cast<uint32_t>(hashed_id(keys[i], work.column, work.scheme.hash_rows));
  }
}

[[noreturn]] void reject_unseen(const IdWork& work, int64_t row, uint64_t key) {
  throw DataError(fmt::format(
      "[column {}] a value without a row id: got {:#x} in sample {}, expected a value of the "
      "vocabulary (a convention with a row for unseen values takes it)",
      work.name, key, row));
}

// Number of the sample, 0-based in the data set, that holds the value at `place` of a segment.
int64_t row_of(const IdWork& work, const Segment& in, size_t place) {
  int64_t row = 0;
  for (const Segment& segment : work.segments->all()) {
    if (&segment == &in) break;
    row += segment.rows();
  }
  std::vector<uint32_t> lengths(static_cast<size_t>(in.rows()));
  in.read_lengths(lengths, work.column, 0);
  for (size_t b = 0; b < lengths.size() && place >= lengths[b]; ++b, ++row) place -= lengths[b];
  return row;
}

void fill_unseen(std::span<uint32_t> ids, const IdWork& work, const Segment& segment,
                 std::span<const uint64_t> keys) {
  const auto unseen = static_cast<uint32_t>(work.scheme.unseen_id);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] != kNone) continue;
    if (work.scheme.unseen_id == IdScheme::kNoRow) {
      reject_unseen(work, row_of(work, segment, i), keys[i]);
    }
    ids[i] = unseen;
  }
}

// One walk over the column. before: ids of the walks before, null for the first.
FileFacts walk(const IdWork& work, const Dictionary& table, const BinaryInput* before,
               const std::string& path) {
  HashedFileWriter out(path);
  std::vector<uint64_t> keys;
  std::vector<uint32_t> ids;
  for (const Segment& segment : work.segments->all()) {
    segment.read_keys(keys, work.column);
    ids.assign(keys.size(), kNone);
    if (before != nullptr) before->read(out.bytes(), std::as_writable_bytes(std::span(ids)));
    look_up(ids, table, keys);
    if (table.last()) fill_unseen(ids, work, segment, keys);
    out.write(ids.data(), ids.size() * sizeof(uint32_t));
    work.progress->add(table.share() * static_cast<double>(keys.size()), 0);
  }
  return out.publish();
}

FileFacts hash_column(const IdWork& work) {
  HashedFileWriter out(work.path);
  std::vector<uint64_t> keys;
  std::vector<uint32_t> ids;
  for (const Segment& segment : work.segments->all()) {
    segment.read_keys(keys, work.column);
    ids.resize(keys.size());
    hash_keys(ids, keys, work);
    out.write(ids.data(), ids.size() * sizeof(uint32_t));
    work.progress->add(static_cast<double>(keys.size()), 0);
  }
  return out.publish();
}

// What `walk` and hash_column do, in memory. table: null to hash.
void walk(std::span<uint32_t> ids, const Dictionary* table, const IdWork& work) {
  std::vector<uint64_t> keys;
  for (const Segment& segment : work.segments->all()) {
    segment.read_keys(keys, work.column);
    const std::span<uint32_t> part = ids.first(keys.size());
    if (table == nullptr) {
      hash_keys(part, keys, work);
    } else {
      look_up(part, *table, keys);
      if (table->last()) fill_unseen(part, work, segment, keys);
    }
    work.progress->add((table == nullptr ? 1 : table->share()) * static_cast<double>(keys.size()),
                       0);
    ids = ids.subspan(keys.size());
  }
}

}  // namespace

void encode_column(RowIds& ids, const IdWork& work) {
  check_ids(work.scheme, work.vocabulary.entries, work.name);
  ids.assign(static_cast<size_t>(work.segments->total(work.column).values), kNone);
  if (work.scheme.order == IdOrder::kHash) return walk(ids, nullptr, work);
  Dictionary table(work.budget, work.vocabulary.entries);
  while (table.next_range()) {
    load(table, work);
    walk(ids, &table, work);
  }
}

FileFacts encode_column(const IdWork& work) {
  check_ids(work.scheme, work.vocabulary.entries, work.name);
  if (work.scheme.order == IdOrder::kHash) return hash_column(work);
  Dictionary table(work.budget, work.vocabulary.entries);
  FileFacts facts;
  std::string before;
  for (int64_t pass = 0; table.next_range(); ++pass) {
    load(table, work);
    const std::string path =
        table.last() ? work.path : fmt::format("{}.pass-{}", work.path, pass % 2);
    std::optional<BinaryInput> ids;
    if (!before.empty()) ids.emplace(before);
    facts = walk(work, table, ids ? &*ids : nullptr, path);
    if (!before.empty()) std::filesystem::remove(before);
    before = path;
  }
  return facts;
}

}  // namespace hotrow
