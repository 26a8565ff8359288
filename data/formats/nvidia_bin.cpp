#include "data/formats/nvidia_bin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "data/binary_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSizesName = "model_size.json";
constexpr int64_t kMostBytes = int64_t{1} << 20;
constexpr int64_t kNumericals = 13;
constexpr int64_t kBlockRows = 8192;
constexpr size_t kWord = 4;

class NvidiaBinSource : public RowSource {
 public:
  NvidiaBinSource(Schema schema, std::string path)
      : schema_(std::move(schema)),
        words_(1 + schema_.num_dense() + schema_.num_tables()),
        input_(std::move(path)) {
    const auto row_bytes = static_cast<int64_t>(words_ * kWord);
    require<DataError>(input_.size() > 0,
                       "[{}] the file is empty: got 0 bytes, expected samples of {} bytes",
                       input_.path(), row_bytes);
    require<DataError>(input_.size() % row_bytes == 0,
                       "[{}] bad length: got {} bytes, expected a multiple of {} (4 bytes each of "
                       "label, {} numericals and {} ids; {} bytes too many)",
                       input_.path(), input_.size(), row_bytes, schema_.num_dense(),
                       schema_.num_tables(), input_.size() % row_bytes);
    num_rows_ = input_.size() / row_bytes;
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override { return {input_.path()}; }
  int64_t num_rows() const override { return num_rows_; }
  bool can_seek() const override { return true; }
  void seek(int64_t row) override {
    check_seek(input_.path(), row);
    row_ = row;
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.source = input_.path();
    rows.first_row = row_;
    const int64_t count = std::min({max_rows, num_rows_ - row_, kBlockRows});
    if (count <= 0) return false;
    bytes_.resize(static_cast<size_t>(count) * words_ * kWord);
    input_.read(row_ * static_cast<int64_t>(words_ * kWord), bytes_);
    for (rows.rows = 0; rows.rows < count; ++rows.rows) read_row(rows);
    row_ += count;
    return true;
  }

 private:
  template <class T>
  T word(int64_t row, size_t index) const {
    T value;
    std::memcpy(&value, bytes_.data() + (static_cast<size_t>(row) * words_ + index) * kWord, kWord);
    return value;
  }

  template <class T>
  void check(bool ok, std::string_view column, T got, std::string_view expected) const {
    require<DataError>(ok, "[{}] row {}, column {}: got {}, expected {}", input_.path(), row_ + at_,
                       column, got, expected);
  }

  void read_row(Rows& rows) {
    at_ = rows.rows;
    const auto label = word<int32_t>(at_, 0);
    check(label == 0 || label == 1, schema_.label.name, label, "0 or 1");
    rows.labels.push_back(label);
    for (size_t j = 0; j < schema_.num_dense(); ++j) {
      const auto value = word<float>(at_, 1 + j);
      check(std::isfinite(value), schema_.numerical[j].name, value, "a finite number");
      rows.dense.push_back(value);
    }
    for (size_t t = 0; t < schema_.num_tables(); ++t) {
      const auto id = word<int32_t>(at_, 1 + schema_.num_dense() + t);
      check(id >= 0 && id < schema_.categorical[t].cardinality, schema_.categorical[t].name, id,
            "an id of at most its entry in model_size.json");
      rows.sparse[t].ids.push_back(id);
      rows.sparse[t].offsets.push_back(at_ + 1);
    }
  }

  Schema schema_;
  size_t words_;  // of a sample
  BinaryInput input_;
  int64_t num_rows_ = 0, row_ = 0;
  int64_t at_ = 0;  // the sample of the block that is being read
  std::vector<std::byte> bytes_;
};

}  // namespace

Schema parse_model_size(const std::string& text, std::string_view file) {
  Schema schema = criteo_schema(kNumericals, 0);
  for (NumericalColumn& column : schema.numerical) {
    column.type = ColumnType::kFloat32;
    column.transform = Transform::kNone;
  }
  std::set<std::string> names;
  const auto twice = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& key) {
    if (depth != 1 || event != nlohmann::json::parse_event_t::key) return true;
    const auto name = key.get<std::string>();
    require<DataError>(names.insert(name).second,
                       "[{}] bad sizes: got the key '{}' twice, expected each once", file, name);
    schema.categorical.push_back({.name = name});
    return true;
  };
  const auto sizes = nlohmann::json::parse(text, twice, /*allow_exceptions=*/false);
  require<DataError>(sizes.is_object() && !sizes.empty(),
                     "[{}] bad sizes: got no JSON map, expected the largest id of each table",
                     file);
  for (CategoricalColumn& column : schema.categorical) {
    const auto& size = sizes[column.name];
    const bool fits =
        size.is_number_integer() && size >= 0 && size < std::numeric_limits<int32_t>::max();
    require<DataError>(fits, "[{}] bad size of '{}': got {}, expected an integer from 0 to {}",
                       file, column.name, size.dump(-1, ' ', true).substr(0, 40),
                       std::numeric_limits<int32_t>::max() - 1);
    column.cardinality = size.get<int64_t>() + 1;
  }
  return schema;
}

std::unique_ptr<RowSource> open_nvidia_bin(const std::string& folder, const std::string& part) {
  require(part == "train" || part == "test" || part == "val",
          "[nvidia-bin] part: got '{}', expected train, test or val", part);
  const std::string sizes = (fs::path(folder) / kSizesName).string();
  const std::string name = (part == "val" ? "validation" : part) + "_data.bin";
  return std::make_unique<NvidiaBinSource>(
      parse_model_size(read_small_file(sizes, kMostBytes), sizes),
      (fs::path(folder) / name).string());
}

bool fits_nvidia_bin(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(fs::path(path) / kSizesName, ignored);
}

constinit const Format kNvidiaBin = {"nvidia-bin",
                                     "NVIDIA DLRM before splitting: a folder with model_size.json",
                                     fits_nvidia_bin,
                                     [](const std::string& path, const SourceOptions& options) {
                                       return open_nvidia_bin(path, options.part);
                                     },
                                     nullptr,
                                     "",
                                     true};

}  // namespace hotrow
