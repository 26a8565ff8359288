#include "data/encode/vocabulary_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "HRVOCAB1";
constexpr uint64_t kLargestHead = uint64_t{64} << 20;
constexpr uint64_t kAlignment = 8;
constexpr int64_t kUnlimited = int64_t{1} << 46;  // more than entries of 32-bit ids can take
constexpr auto kEntryBytes = static_cast<int64_t>(sizeof(VocabularyEntry));

struct Preamble {
  char magic[8];
  uint64_t head_bytes;
  uint64_t head_xxh3;
};

std::string hex(uint64_t value) { return fmt::format("{:016x}", value); }

std::string head_of(const VocabularyFile& vocabulary) {
  json head;
  head["order"] = name_of(vocabulary.scheme.order);
  head["first_id"] = vocabulary.scheme.first_id;
  head["unseen_id"] = vocabulary.scheme.unseen_id;
  head["hash_rows"] = vocabulary.scheme.hash_rows;
  head["columns"] = json::array();
  for (const VocabularyColumn& column : vocabulary.columns) {
    head["columns"].push_back({{"name", column.name},
                               {"type", name_of(column.type)},
                               {"entries", column.slice.entries},
                               {"xxh3", hex(column.xxh3)}});
  }
  std::string text = head.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

// The library would make any int64 of a fraction or of 1e20.
int64_t integer_of(const json& value, const std::string& path) {
  require<DataError>(value.is_number_integer(),
                     "[{}] not a vocabulary: got {}, expected an integer", path, value.dump());
  return value.get<int64_t>();
}

// `at`: where the first column's entries begin.
VocabularyFile parse_head(const std::string& text, const std::string& path, int64_t at) {
  VocabularyFile result;
  try {
    const json head = json::parse(text);
    result.scheme.order = parse_id_order(head.at("order").get<std::string>());
    result.scheme.first_id = integer_of(head.at("first_id"), path);
    result.scheme.unseen_id = integer_of(head.at("unseen_id"), path);
    result.scheme.hash_rows = integer_of(head.at("hash_rows"), path);
    for (const json& item : head.at("columns")) {
      VocabularyColumn column;
      column.name = item.at("name").get<std::string>();
      column.type = parse_column_type(item.at("type").get<std::string>());
      column.xxh3 = std::strtoull(item.at("xxh3").get<std::string>().c_str(), nullptr, 16);
      column.slice = {path, at, integer_of(item.at("entries"), path)};
      require<DataError>(
          column.slice.entries >= 0 && column.slice.entries < std::numeric_limits<uint32_t>::max(),
          "[{}] column {}: got {} entries, expected 0 to 2^32 - 2", path, column.name,
          column.slice.entries);
      at += column.slice.entries * kEntryBytes;
      result.columns.push_back(std::move(column));
    }
  } catch (const json::exception& error) {
    throw DataError(fmt::format("[{}] not a vocabulary: got '{}', expected the head of one", path,
                                error.what()));
  } catch (const InvalidArgument& error) {
    throw DataError(fmt::format("[{}] not a vocabulary: {}", path, error.what()));
  }
  return result;
}

void check_scheme(const IdScheme& scheme, const std::string& path) {
  const bool hash = scheme.order == IdOrder::kHash;
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  require<DataError>(
      scheme.first_id >= 0 && scheme.first_id < kMost && scheme.unseen_id >= IdScheme::kNoRow &&
          scheme.unseen_id < kMost && scheme.hash_rows >= (hash ? 1 : 0) &&
          scheme.hash_rows < kMost,
      "[{}] not a vocabulary: got rows {}, {} and {}, expected ids from 0 to 2^32 - 2", path,
      scheme.first_id, scheme.unseen_id, scheme.hash_rows);
}

int64_t end_of(const VocabularySlice& slice) { return slice.at + slice.entries * kEntryBytes; }

void check_entries(const BinaryInput& file, const VocabularyColumn& column) {
  const uint64_t found = hash_of(file, column.slice.at, end_of(column.slice));
  require<DataError>(found == column.xxh3,
                     "[{}] damaged entries of column {}: got XXH3 {}, expected {}", file.path(),
                     column.name, hex(found), hex(column.xxh3));
}

Preamble read_preamble(const BinaryInput& file) {
  Preamble preamble{};
  const auto bytes = static_cast<uint64_t>(file.size());
  const bool fits = bytes >= sizeof(preamble);
  if (fits) file.read(0, std::as_writable_bytes(std::span(&preamble, 1)));
  require<DataError>(fits && std::string_view(preamble.magic, sizeof(preamble.magic)) == kMagic,
                     "[{}] not a vocabulary: got other first bytes, expected {}", file.path(),
                     kMagic);
  require<DataError>(
      preamble.head_bytes <= kLargestHead && preamble.head_bytes <= bytes - sizeof(preamble) &&
          preamble.head_bytes % kAlignment == 0,
      "[{}] damaged head: got {} bytes of it, expected a multiple of 8 within the file's {}",
      file.path(), preamble.head_bytes, bytes);
  return preamble;
}

}  // namespace

int64_t VocabularyFile::rows(size_t column) const {
  return scheme.order == IdOrder::kHash ? scheme.hash_rows
                                        : scheme.first_id + columns[column].slice.entries;
}

VocabularyFile open_vocabulary(const std::string& path) {
  const BinaryInput file(path);
  const Preamble preamble = read_preamble(file);
  std::string head(preamble.head_bytes, '\0');
  file.read(sizeof(preamble), std::as_writable_bytes(std::span(head)));
  require<DataError>(XXH3_64bits(head.data(), head.size()) == preamble.head_xxh3,
                     "[{}] damaged head: got XXH3 {}, expected {}", path,
                     hex(XXH3_64bits(head.data(), head.size())), hex(preamble.head_xxh3));
  const auto begin = static_cast<int64_t>(sizeof(preamble) + head.size());
  VocabularyFile result = parse_head(head, path, begin);
  check_scheme(result.scheme, path);
  const int64_t end = result.columns.empty() ? begin : end_of(result.columns.back().slice);
  require<DataError>(file.size() == end,
                     "[{}] wrong length: got {} bytes, expected {} + {} entries of {} = {}", path,
                     file.size(), begin, (end - begin) / kEntryBytes, kEntryBytes, end);
  for (const VocabularyColumn& column : result.columns) check_entries(file, column);
  return result;
}

FileFacts write_vocabulary(HashedFileWriter& out, const VocabularyFile& vocabulary) {
  const std::string head = head_of(vocabulary);
  Preamble preamble{};
  kMagic.copy(preamble.magic, kMagic.size());
  preamble.head_bytes = head.size();
  preamble.head_xxh3 = XXH3_64bits(head.data(), head.size());
  out.write(&preamble, sizeof(preamble));
  out.write(head.data(), head.size());
  for (const VocabularyColumn& column : vocabulary.columns) {
    const VocabularySlice& slice = column.slice;
    if (slice.entries == 0) continue;
    for_each_part(BinaryInput(slice.path), slice.at, end_of(slice),
                  [&out](std::span<const std::byte> part) { out.write(part.data(), part.size()); });
  }
  return out.close();
}

void check_vocabulary_fits(const VocabularyFile& vocabulary, const Schema& schema,
                           const std::string& path) {
  require<DataError>(vocabulary.columns.size() == schema.num_tables(),
                     "[{}] another data set's vocabulary: got {} columns, expected {}", path,
                     vocabulary.columns.size(), schema.num_tables());
  for (size_t c = 0; c < schema.num_tables(); ++c) {
    const VocabularyColumn& got = vocabulary.columns[c];
    const CategoricalColumn& expected = schema.categorical[c];
    require<DataError>(
        got.name == expected.name && got.type == expected.type,
        "[{}] another data set's vocabulary: got column {} ({}) at place {}, expected {} ({})",
        path, got.name, name_of(got.type), c + 1, expected.name, name_of(expected.type));
  }
}

ColumnIds::ColumnIds(const VocabularyFile& vocabulary, size_t column)
    : scheme_(vocabulary.scheme),
      column_(column),
      table_(kUnlimited, vocabulary.columns[column].slice.entries) {
  table_.next_range();
  for_each_entry(vocabulary.columns[column].slice, scheme_.first_id,
                 [this](uint64_t key, uint32_t id) { *table_.find_or_add(key, mix64(key)) = id; });
}

int64_t ColumnIds::id(uint64_t key) const {
  if (scheme_.order == IdOrder::kHash) return hashed_id(key, column_, scheme_.hash_rows);
  const uint32_t* const found = table_.find(key, mix64(key));
  return found == nullptr ? scheme_.unseen_id : *found;
}

}  // namespace hotrow
