#include "data/formats/column_facts.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "data/npz.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = "_fea_count.npz";
constexpr int64_t kMaxTables = 4096, kMaxCount = int64_t{1} << 32, kMaxHotness = 1 << 16;
constexpr int64_t kMaxDense = 1 << 20;

std::string own_path(const std::string& path) {
  fs::path stem(path);
  if (!stem.has_filename()) stem = stem.parent_path();
  return stem.replace_extension().string() + std::string(kEnding);
}

// The file by its name, or the only one of its kind; empty if there is none.
std::string find_file(const std::string& path) {
  std::string own = own_path(path);
  std::error_code ignored;
  if (fs::exists(own, ignored)) return own;
  const fs::path folder =
      fs::is_directory(path, ignored) ? fs::path(path) : fs::path(own).parent_path();
  std::string only;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    if (!entry.path().filename().string().ends_with(kEnding)) continue;
    if (!only.empty()) return "";
    only = entry.path().string();
  }
  return only;
}

std::vector<int64_t> read_integers(const NpzReader& npz, std::string_view name, int64_t high) {
  NpzMember member = npz.open(name);
  const NpyHeader& header = member.header();
  require<DataError>(header.shape.size() == 1 && header.size() <= kMaxTables,
                     "[{}] shape: got {} values in {} dimensions, expected a list of at most {}",
                     member.source(), header.size(), header.shape.size(), kMaxTables);
  std::vector<int64_t> values = npz.read(name).cast<int64_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    require<DataError>(values[i] >= 1 && values[i] <= high,
                       "[{}] value {}: got {}, expected a whole number from 1 to {}",
                       member.source(), i, values[i], high);
  }
  return values;
}

}  // namespace

std::optional<ColumnFacts> find_column_facts(const std::string& path) {
  ColumnFacts facts;
  facts.path = find_file(path);
  if (facts.path.empty()) return std::nullopt;
  const NpzReader npz(facts.path);
  facts.counts = read_integers(npz, "counts", kMaxCount);
  facts.hotness.assign(facts.counts.size(), 1);
  if (npz.contains("hotness")) facts.hotness = read_integers(npz, "hotness", kMaxHotness);
  require<DataError>(facts.hotness.size() == facts.counts.size(),
                     "[{}: array 'hotness'] values: got {}, expected {} as in counts", facts.path,
                     facts.hotness.size(), facts.counts.size());
  if (npz.contains("num_dense")) {
    const std::vector<int64_t> found = npz.read("num_dense").cast<int64_t>();
    require<DataError>(found.size() == 1 && found[0] >= 0 && found[0] <= kMaxDense,
                       "[{}: array 'num_dense'] numerical columns: got {}, expected one number "
                       "from 0 to {}",
                       facts.path, fmt::join(found, " "), kMaxDense);
    facts.num_dense = found[0];
  }
  if (npz.contains("dense_type")) {
    const std::string name = npz.read("dense_type").text();
    require<DataError>(name == "int32" || name == "float32",
                       "[{}: array 'dense_type'] type: got '{}', expected int32 or float32",
                       facts.path, name);
    facts.dense_type = parse_column_type(name);
  }
  return facts;
}

std::vector<int64_t> find_table_sizes(const std::string& path, int64_t num_tables) {
  const std::optional<ColumnFacts> facts = find_column_facts(path);
  if (!facts) return std::vector<int64_t>(static_cast<size_t>(num_tables), 0);
  require<DataError>(std::ssize(facts->counts) == num_tables,
                     "[{}: array 'counts'] tables: got {}, expected {} as {} has", facts->path,
                     facts->counts.size(), num_tables, path);
  return facts->counts;
}

void write_column_facts(const std::string& path, const ColumnFacts& facts) {
  const auto tables = std::ssize(facts.counts);
  const std::vector<int32_t> narrow(facts.counts.begin(), facts.counts.end());
  const bool fits = std::equal(narrow.begin(), narrow.end(), facts.counts.begin());
  const std::string type(name_of(facts.dense_type.value_or(ColumnType::kInt32)));
  const std::u32string text(type.begin(), type.end());
  const std::vector<int64_t> num_dense = {facts.num_dense.value_or(0)};

  NpzWriter npz(own_path(path));
  if (fits) {
    npz.add("counts", narrow, {tables});
  } else {
    npz.add("counts", facts.counts, {tables});
  }
  npz.add("hotness", facts.hotness, {tables});
  npz.add("num_dense", num_dense, {});
  npz.add("dense_type", {NpyType::kText, std::ssize(text) * 4, {}, false},
          std::as_bytes(std::span(text)));
  npz.finish();
}

}  // namespace hotrow
