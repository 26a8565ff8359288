#include "data/formats/column_facts.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "data/excerpt.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = "_fea_count.npz";
constexpr int64_t kMaxTables = 4096, kMaxCount = int64_t{1} << 62, kMaxHotness = 1 << 16;
constexpr int64_t kMaxKey = int64_t{1} << 62;
constexpr int64_t kMaxDense = 1 << 20;

std::string own_path(const std::string& path) {
  fs::path stem(path);
  if (!stem.has_filename()) stem = stem.parent_path();
  // Of no other ending: day.1 and day.2 have facts of their own.
  if (stem.extension() == ".bin" || stem.extension() == ".txt") stem.replace_extension();
  return stem.string() + std::string(kEnding);
}

// The only file of its kind beside or in `path`; empty if there is none, or more than one.
std::string only_file(const std::string& path) {
  std::error_code ignored;
  const fs::path folder =
      fs::is_directory(path, ignored) ? fs::path(path) : fs::path(path).parent_path();
  std::string only;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    if (!entry.path().filename().string().ends_with(kEnding)) continue;
    if (!only.empty()) return "";
    only = entry.path().string();
  }
  return only;
}

// A list of whole numbers in [low, high], one a table; empty without such an array.
std::vector<int64_t> read_list(ColumnFacts& facts, const NpzReader& npz, std::string_view name,
                               int64_t low, int64_t high) {
  if (!npz.contains(name)) return {};
  const NpzMember member = npz.open(name);
  const NpyHeader& header = member.header();
  require<DataError>(header.shape.size() == 1 && header.size() <= kMaxTables,
                     "[{}] shape: got {} values in {} dimensions, expected a list of at most {}",
                     member.source(), header.size(), header.shape.size(), kMaxTables);
  std::vector<int64_t> values = npz.read(name).cast<int64_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    require<DataError>(values[i] >= low && values[i] <= high,
                       "[{}] value {}: got {}, expected a whole number from {} to {}",
                       member.source(), i, values[i], low, high);
  }
  const size_t tables = facts.num_tables.value_or(values.size());
  require<DataError>(values.size() == tables,
                     "[{}] values: got {}, expected {} as the lists before it have",
                     member.source(), values.size(), tables);
  facts.num_tables = tables;
  return values;
}

// A number from 0 to `high`; nothing without such an array.
std::optional<int64_t> read_number(const NpzReader& npz, std::string_view name,
                                   std::string_view what, int64_t high) {
  if (!npz.contains(name)) return std::nullopt;
  const std::vector<int64_t> found = npz.read(name).cast<int64_t>();
  require<DataError>(found.size() == 1 && found[0] >= 0 && found[0] <= high,
                     "[{}] {}: got {}, expected one number from 0 to {}", npz.open(name).source(),
                     what, fmt::join(found, " "), high);
  return found[0];
}

ColumnFacts read_facts(const std::string& path) {
  ColumnFacts facts;
  facts.path = path;
  const NpzReader npz(path);
  facts.counts = read_list(facts, npz, "counts", 1, kMaxCount);
  facts.hotness = read_list(facts, npz, "hotness", 1, kMaxHotness);
  const std::vector<int64_t> variable = read_list(facts, npz, "variable", 0, 1);
  facts.variable.assign(variable.begin(), variable.end());
  facts.key_begin = read_list(facts, npz, "key_begin", 0, kMaxKey);
  facts.num_dense = read_number(npz, "num_dense", "numerical columns", kMaxDense);
  facts.rows = read_number(npz, "rows", "samples", kMaxCount);
  if (npz.contains("dense_type")) {
    const std::string name = npz.read("dense_type").text();
    require<DataError>(name == "int32" || name == "float32",
                       "[{}: array 'dense_type'] type: got {}, expected int32 or float32",
                       facts.path, quoted_excerpt(name));
    facts.dense_type = parse_column_type(name);
  }
  return facts;
}

}  // namespace

std::optional<ColumnFacts> find_column_facts(const std::string& path) {
  const std::string own = own_path(path);
  std::error_code ignored;
  if (!fs::exists(own, ignored)) return std::nullopt;
  return read_facts(own);
}

std::vector<int64_t> find_table_sizes(const std::string& path, int64_t num_tables) {
  std::optional<ColumnFacts> facts = find_column_facts(path);
  const std::string only = facts ? "" : only_file(path);
  if (!only.empty()) facts = read_facts(only);
  const auto tables = static_cast<size_t>(num_tables);
  if (!facts) return std::vector<int64_t>(tables, 0);
  const size_t found = facts->num_tables.value_or(tables);
  require<DataError>(found == tables, "[{}] tables: got {}, expected {} as {} has", facts->path,
                     found, tables, path);
  return facts->counts.empty() ? std::vector<int64_t>(tables, 0) : facts->counts;
}

ColumnFacts ColumnFacts::of(const Schema& schema) {
  ColumnFacts facts;
  for (const CategoricalColumn& column : schema.categorical) {
    facts.counts.push_back(column.cardinality);
    facts.hotness.push_back(column.hotness);
    facts.variable.push_back(column.fixed_hotness ? 0 : 1);
    facts.key_begin.push_back(0);
  }
  facts.num_tables = schema.num_tables();
  facts.num_dense = std::ssize(schema.numerical);
  return facts;
}

NpzWriter write_column_facts(const std::string& path, const ColumnFacts& facts) {
  const auto tables = std::ssize(facts.counts);
  const std::vector<int32_t> narrow(facts.counts.begin(), facts.counts.end());
  const bool fits = std::equal(narrow.begin(), narrow.end(), facts.counts.begin());
  const std::string type(name_of(facts.dense_type.value_or(ColumnType::kInt32)));
  const std::u32string text(type.begin(), type.end());
  const std::vector<int64_t> num_dense = {facts.num_dense.value_or(0)},
                             rows = {facts.rows.value_or(0)};

  NpzWriter npz(own_path(path));
  if (fits) {
    npz.add("counts", narrow, {tables});
  } else {
    npz.add("counts", facts.counts, {tables});
  }
  npz.add("hotness", facts.hotness, {tables});
  npz.add("variable", {NpyType::kBool, 1, {tables}, false},
          std::as_bytes(std::span(facts.variable)));
  npz.add("key_begin", facts.key_begin, {tables});
  npz.add("num_dense", num_dense, {});
  if (facts.rows) npz.add("rows", rows, {});
  npz.add("dense_type", {NpyType::kText, std::ssize(text) * 4, {}, false},
          std::as_bytes(std::span(text)));
  npz.write();
  return npz;
}

}  // namespace hotrow
