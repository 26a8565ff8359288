#include "data/formats/hugectr_norm.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "data/excerpt.h"
#include "data/formats/column_facts.h"
#include "data/formats/norm_file.h"
#include "data/parse_number.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxListBytes = 16 << 20;
constexpr size_t kShownName = 200;
constexpr int64_t kKeyEnd = int64_t{1} << 62;

// The names that a list of files has.
std::vector<std::string> read_list(const std::string& path) {
  const std::string text = read_small_file(path, kMaxListBytes);
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    lines.push_back(rest.substr(0, end));
    if (lines.back().ends_with('\r')) lines.back().remove_suffix(1);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  int64_t count = -1;
  const std::string_view first = lines[0];
  require<DataError>(parse_number(first, count) && count >= 1 && count < std::ssize(lines),
                     "[{}:1] number of files: got {}, expected a number up to {}, the lines that "
                     "follow",
                     path, quoted_excerpt(first), lines.size() - 1);
  return {lines.begin() + 1, lines.begin() + 1 + count};
}

// The file that line `line` of a list calls `name`.
std::string find_listed(const std::string& list, const std::string& name, size_t line) {
  const fs::path folder = fs::path(list).parent_path();
  std::error_code ignored;
  for (const fs::path& file : {folder / name, folder / fs::path(name).filename(), fs::path(name)}) {
    if (fs::is_regular_file(file, ignored)) return file;
  }
  // A list is text that anyone may have written: quoted as JSON, it stays on its line.
  const std::string quoted = nlohmann::json(name.substr(0, kShownName))
                                 .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  throw DataError(
      fmt::format("[{}:{}] file: got {}, expected the name of one beside the list or in its place",
                  list, line, quoted));
}

// The files of a list, or `path` itself if it is none.
std::vector<std::string> list_files(const std::string& path) {
  if (!path.ends_with(".txt")) return {path};
  std::vector<std::string> files = read_list(path);
  for (size_t i = 0; i < files.size(); ++i) files[i] = find_listed(path, files[i], i + 2);
  return files;
}

// What the files themselves tell of a slot.
struct SlotRange {
  int64_t most = 0, least = std::numeric_limits<int64_t>::max();  // keys of a sample
  int64_t largest = -1;                                           // key
};

void widen(std::vector<SlotRange>& slots, const NormFile::Sample& sample, const std::string& path) {
  for (size_t s = 0; s < slots.size(); ++s) {
    const int64_t begin = sample.offsets[s], end = sample.offsets[s + 1];
    slots[s].most = std::max(slots[s].most, end - begin);
    slots[s].least = std::min(slots[s].least, end - begin);
    for (int64_t k = begin; k < end; ++k) {
      const int64_t key = sample.keys[static_cast<size_t>(k)];
      require<DataError>(key >= 0 && key < kKeyEnd,
                         "[{}] slot {}: got key {}, expected from 0 to {}", path, s, key,
                         kKeyEnd - 1);
      slots[s].largest = std::max(slots[s].largest, key);
    }
  }
}

// Reads all of a file; the text of what is wrong with it, or nothing.
std::string try_file(const std::string& path, int64_t key_bytes) {
  try {
    NormFile file(path);
    for (NormFile::Sample sample; file.next(sample, key_bytes);) {
    }
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

class NormSource : public RowSource {
 public:
  explicit NormSource(const std::string& path) : path_(path), files_(list_files(path)) {
    for (const std::string& name : files_) check_header(name);
    find_key_bytes();
    const ColumnFacts facts = find_facts();
    key_begin_ = facts.key_begin;
    schema_ = criteo_schema(header_.dense_dim, header_.slot_num);
    schema_.label.type = ColumnType::kFloat32;
    for (NumericalColumn& column : schema_.numerical) {
      column.type = ColumnType::kFloat32;
      column.transform = Transform::kNone;
    }
    for (size_t t = 0; t < schema_.num_tables(); ++t) {
      schema_.categorical[t] = {schema_.categorical[t].name,
                                key_bytes_ == 4 ? ColumnType::kUint32 : ColumnType::kInt64,
                                facts.counts[t], facts.hotness[t], facts.variable[t] == 0};
    }
    seek(0);
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return files_; }
  int64_t num_rows() const override { return num_rows_; }
  bool can_seek() const override { return false; }
  void seek(int64_t row) override {
    check_seek(path_, row);
    at_ = 0;
    next_file_ = 0;
    file_.reset();
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.source = path_;
    rows.first_row = at_;
    while (rows.rows < max_rows && next_sample()) append(rows);
    return rows.rows > 0;
  }

 private:
  void check_header(const std::string& name) {
    const NormFile file(name);
    const NormHeader& found = file.header();
    if (num_rows_ == 0 && name == files_.front()) header_ = found;
    require<DataError>(found.dense_dim == header_.dense_dim && found.slot_num == header_.slot_num,
                       "[{}] columns: got {} numerical and {} slots, expected {} and {} as {} has",
                       name, found.dense_dim, found.slot_num, header_.dense_dim, header_.slot_num,
                       files_.front());
    num_rows_ += found.records;
  }

  void find_key_bytes() {
    const std::string narrow = try_file(files_.front(), 4);
    if (narrow.empty()) return;
    key_bytes_ = 8;
    const std::string wide = try_file(files_.front(), 8);
    require<DataError>(wide.empty(), "{} (read with keys of 4 bytes; with 8: {})", narrow, wide);
  }

  // What the file beside this one does not say, the samples tell.
  ColumnFacts find_facts() {
    ColumnFacts facts = find_column_facts(path_).value_or(ColumnFacts{});
    const auto slots = static_cast<size_t>(header_.slot_num);
    const size_t found = facts.num_tables.value_or(slots);
    require<DataError>(found == slots, "[{}] tables: got {}, expected {} as {} has slots",
                       facts.path, found, slots, path_);
    if (facts.key_begin.empty()) facts.key_begin.resize(slots);
    if (facts.counts.empty() || facts.hotness.empty()) scan(facts);
    if (facts.variable.empty()) facts.variable.resize(slots);
    return facts;
  }

  void scan(ColumnFacts& facts) {
    std::vector<SlotRange> slots(facts.key_begin.size());
    seek(0);
    while (next_sample()) widen(slots, sample_, file_->path());
    const bool sizes = facts.counts.empty(), bags = facts.hotness.empty();
    if (bags) facts.variable.clear();
    for (size_t t = 0; t < slots.size(); ++t) {
      const int64_t last = slots[t].largest - facts.key_begin[t];
      if (sizes) facts.counts.push_back(std::max<int64_t>(last, 0) + 1);
      if (!bags) continue;
      facts.hotness.push_back(std::max<int64_t>(slots[t].most, 1));
      facts.variable.push_back(slots[t].least == facts.hotness.back() ? 0 : 1);
    }
  }

  bool next_sample() {
    while (!file_ || !file_->next(sample_, key_bytes_)) {
      if (next_file_ == files_.size()) return false;
      file_.emplace(files_[next_file_++]);
    }
    return true;
  }

  void append(Rows& rows) {
    require<DataError>(std::isfinite(sample_.values[0]),
                       "[{}] row {}, label: got {}, expected a finite number", path_, at_,
                       sample_.values[0]);
    rows.labels.push_back(sample_.values[0]);
    rows.dense.insert(rows.dense.end(), sample_.values.begin() + 1, sample_.values.end());
    for (size_t t = 0; t < schema_.num_tables(); ++t) append_ids(rows.sparse[t], t);
    ++rows.rows;
    ++at_;
  }

  void append_ids(SparseFeature& feature, size_t t) const {
    const CategoricalColumn& column = schema_.categorical[t];
    const int64_t begin = sample_.offsets[t], count = sample_.offsets[t + 1] - begin;
    require<DataError>(count == column.hotness || (count < column.hotness && !column.fixed_hotness),
                       "[{}] row {}, column {}: got {} ids, expected {}{}", path_, at_, column.name,
                       count, column.fixed_hotness ? "" : "at most ", column.hotness);
    for (int64_t k = begin; k < begin + count; ++k) {
      const int64_t key = sample_.keys[static_cast<size_t>(k)], first = key_begin_[t];
      require<DataError>(key >= first && key - first < column.cardinality,
                         "[{}] row {}, column {}: got key {}, expected from {} to {}", path_, at_,
                         column.name, key, first, first + column.cardinality - 1);
      feature.ids.push_back(key - first);
    }
    feature.offsets.push_back(std::ssize(feature.ids));
  }

  const std::string path_;
  const std::vector<std::string> files_;
  NormHeader header_;
  int64_t num_rows_ = 0, key_bytes_ = 4;
  Schema schema_;
  std::vector<int64_t> key_begin_;

  std::optional<NormFile> file_;
  size_t next_file_ = 0;
  NormFile::Sample sample_;
  int64_t at_ = 0;
};

bool fits(const std::string& path) {
  if (!path.ends_with(".txt") && !path.ends_with(".data")) return false;
  try {
    NormFile file(path.ends_with(".txt") ? find_listed(path, read_list(path).front(), 2) : path);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

std::unique_ptr<RowSource> open_hugectr_norm(const std::string& path, const SourceOptions&) {
  return std::make_unique<NormSource>(path);
}

constinit const Format kHugectrNorm = {"hugectr-norm",
                                       "HugeCTR's Norm: a list NAME.txt of files, any hotness",
                                       fits,
                                       open_hugectr_norm,
                                       create_hugectr_norm,
                                       ".txt"};

}  // namespace hotrow
