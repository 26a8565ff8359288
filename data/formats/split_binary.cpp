#include "data/formats/split_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "data/binary_file.h"
#include "data/formats/spec_csv.h"
#include "data/made_folder.h"
#include "data/transform.h"
#include "kernels/core/check.h"
#include "kernels/core/table_rows.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;
using Kind = SpecColumn::Kind;

constexpr int64_t kBlockRows = 65536;  // of a file at a time

std::string spec_path(const std::string& path) {
  return fs::is_directory(path) ? (fs::path(path) / kFeatureSpecName).string() : path;
}

// The folder "test" of a path becomes "validation", which has no mapping of its own.
std::string validation_path(const std::string& path) {
  const bool in_test = path.starts_with("test/");
  require<DataError>(in_test,
                     "[{}] validation data: got the test file '{}', expected one in the folder "
                     "'test', beside which 'validation' could lie",
                     kFeatureSpecName, path);
  return "validation" + path.substr(4);
}

const std::vector<SpecChunk>& mapping_of(const FeatureSpec& spec, const std::string& part) {
  require(part == "train" || part == "test" || part == "val",
          "[split-binary] part: got '{}', expected train, test or val", part);
  return part == "train" ? spec.train : spec.test;
}

template <class T>
void widen(int64_t* to, const std::byte* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    to[i] = value;
  }
}

void widen(int64_t* to, ColumnType type, const std::byte* from, int64_t count) {
  switch (type) {
    case ColumnType::kInt8:
      return widen<int8_t>(to, from, count);
    case ColumnType::kInt16:
      return widen<int16_t>(to, from, count);
    case ColumnType::kUint32:
      return widen<uint32_t>(to, from, count);
    case ColumnType::kInt64:
      return widen<int64_t>(to, from, count);
    default:
      return widen<int32_t>(to, from, count);
  }
}

class SplitBinarySource : public RowSource {
 public:
  SplitBinarySource(FeatureSpec spec, const fs::path& folder, const std::string& part)
      : schema_(std::move(spec.schema)), folder_(folder.string()) {
    for (const SpecChunk& chunk : mapping_of(spec, part)) {
      const std::string& name = chunk.files[0];
      add_file(chunk.columns[0], (folder / (part == "val" ? validation_path(name) : name)).string(),
               static_cast<int64_t>(chunk.columns.size()));
    }
  }

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> files() const override {
    std::vector<std::string> names;
    for (const File& file : files_) names.push_back(file.input.path());
    return names;
  }
  int64_t num_rows() const override { return num_rows_; }
  bool can_seek() const override { return true; }
  void seek(int64_t row) override {
    check_seek(folder_, row);
    row_ = row;
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(schema_);
    rows.source = folder_;
    rows.first_row = row_;
    const int64_t count = std::min({max_rows, num_rows_ - row_, kBlockRows});
    if (count <= 0) return false;
    for (const File& file : files_) read_file(rows, file, count);
    rows.rows = count;
    row_ += count;
    return true;
  }

 private:
  struct File {
    SpecColumn column;
    int64_t row_bytes;
    BinaryInput input;
  };

  void add_file(SpecColumn column, std::string path, int64_t columns) {
    const size_t bytes =
        column.kind == Kind::kCategorical
            ? size_of(schema_.categorical[column.index].type)
            : size_of(column.kind == Kind::kLabel ? schema_.label.type : schema_.numerical[0].type);
    File file{column, columns * static_cast<int64_t>(bytes), BinaryInput(std::move(path))};
    const BinaryInput& input = file.input;
    require<DataError>(input.size() > 0,
                       "[{}] the file is empty: got 0 bytes, expected {} a sample", input.path(),
                       file.row_bytes);
    require<DataError>(input.size() % file.row_bytes == 0,
                       "[{}] bad length: got {} bytes, expected a multiple of {} (one sample; {} "
                       "bytes too many)",
                       input.path(), input.size(), file.row_bytes, input.size() % file.row_bytes);
    const int64_t rows = input.size() / file.row_bytes;
    require<DataError>(files_.empty() || rows == num_rows_,
                       "[{}] bad length: got {} bytes / {} = {} samples, expected the {} of {}",
                       input.path(), input.size(), file.row_bytes, rows, num_rows_,
                       files_.empty() ? "" : files_[0].input.path());
    num_rows_ = rows;
    files_.push_back(std::move(file));
  }

  void read_file(Rows& rows, const File& file, int64_t count) {
    bytes_.resize(static_cast<size_t>(count * file.row_bytes));
    file.input.read(row_ * file.row_bytes, bytes_);
    switch (file.column.kind) {
      case Kind::kLabel:
        return read_labels(rows, file, count);
      case Kind::kNumerical:
        return read_numericals(rows, file, count);
      case Kind::kCategorical:
        return read_ids(rows, file, count);
    }
  }

  void read_labels(Rows& rows, const File& file, int64_t count) {
    rows.labels.resize(static_cast<size_t>(count));
    for (int64_t b = 0; b < count; ++b) {
      const auto value = static_cast<unsigned>(bytes_[static_cast<size_t>(b)]);
      require<DataError>(value <= 1, "[{}] row {}: got label {}, expected 0 or 1",
                         file.input.path(), row_ + b, value);
      rows.labels[static_cast<size_t>(b)] = value;
    }
  }

  void read_numericals(Rows& rows, const File& file, int64_t count) {
    const auto width = static_cast<int64_t>(schema_.num_dense());
    rows.dense.resize(static_cast<size_t>(count * width));
    for (size_t i = 0; i < rows.dense.size(); ++i) {
      Fp16 half;
      std::memcpy(&half.bits, bytes_.data() + i * sizeof(half.bits), sizeof(half.bits));
      rows.dense[i] = to_float(half);
      require<DataError>(std::isfinite(rows.dense[i]),
                         "[{}] row {}, column {}: got {}, expected a finite number",
                         file.input.path(), row_ + static_cast<int64_t>(i) / width,
                         schema_.numerical[i % schema_.num_dense()].name, rows.dense[i]);
    }
  }

  void read_ids(Rows& rows, const File& file, int64_t count) {
    const CategoricalColumn& column = schema_.categorical[file.column.index];
    SparseFeature& feature = rows.sparse[file.column.index];
    feature.ids.resize(static_cast<size_t>(count));
    feature.offsets.resize(static_cast<size_t>(count) + 1);
    widen(feature.ids.data(), column.type, bytes_.data(), count);
    for (int64_t b = 0; b < count; ++b) {
      feature.offsets[static_cast<size_t>(b) + 1] = b + 1;
      const int64_t id = feature.ids[static_cast<size_t>(b)];
      require<DataError>(id >= 0 && id < column.cardinality,
                         "[{}] row {}, column {}: got id {}, expected one below its cardinality {}",
                         file.input.path(), row_ + b, column.name, id, column.cardinality);
    }
  }

  Schema schema_;
  std::string folder_;  // in error texts, where a row has values of several files
  std::vector<File> files_;
  int64_t num_rows_ = 0, row_ = 0;
  std::vector<std::byte> bytes_;
};

template <class T>
void narrow(std::vector<std::byte>& to, const std::vector<int64_t>& ids) {
  to.resize(ids.size() * sizeof(T));
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto value = static_cast<T>(ids[i]);
    std::memcpy(to.data() + i * sizeof(T), &value, sizeof(T));
  }
}

// The values that `schema` is stored as: all transforms applied.
Schema stored_schema(Schema schema) {
  for (auto& column : schema.numerical) {
    if (column.applied == Transform::kNone) column.applied = column.transform;
    column.transform = column.applied;
  }
  return schema;
}

class SplitBinarySink : public RowSink {
 public:
  SplitBinarySink(const std::string& folder, const Schema& schema, const std::string& part)
      : schema_(schema),
        spec_(split_binary_spec(stored_schema(schema))),
        folder_(folder),
        transforms_(schema.numerical.begin(), schema.numerical.end()) {
    for (const CategoricalColumn& column : schema.categorical) {
      require(column.hotness == 1,
              "[split-binary] column {}: got up to {} ids a sample, expected 1 (the format has no "
              "room for more)",
              column.name, column.hotness);
    }
    refuse_other_formats(folder, "split-binary");
    agree_with_other_parts();
    describe_losses();
    for (const SpecChunk& chunk : mapping_of(spec_, part)) {
      const std::string& name = chunk.files[0];
      const fs::path path = folder_ / (part == "val" ? validation_path(name) : name);
      if (files_.empty()) made_.emplace(path.parent_path().string());
      files_.emplace_back(chunk.columns[0], path.string());
    }
  }

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override {
    for (File& file : files_) {
      switch (file.column.kind) {
        case Kind::kLabel:
          encode_labels(rows);
          break;
        case Kind::kNumerical:
          encode_numericals(rows);
          break;
        case Kind::kCategorical:
          encode_ids(rows, file.column.index);
      }
      file.output.write(bytes_);
    }
  }

  std::vector<const PendingFile*> close() override {
    description_.emplace((folder_ / kFeatureSpecName).string());
    description_->write(feature_spec_text(spec_));
    description_->close();
    std::vector<const PendingFile*> all = {&description_->pending()};
    for (File& file : files_) {
      file.output.close();
      all.push_back(&file.output.pending());
    }
    return all;
  }

 private:
  struct File {
    File(SpecColumn c, std::string path) : column(c), output(std::move(path)) {}
    SpecColumn column;
    BinaryOutput output;
  };

  void agree_with_other_parts() const {
    const std::string path = (folder_ / kFeatureSpecName).string();
    if (!fs::exists(path)) return;
    const std::string there = feature_spec_text(read_feature_spec(path));
    require<DataError>(there == feature_spec_text(spec_),
                       "[{}] describes other columns or cardinalities than this data: got a data "
                       "set of its own, expected one of which this is a part (remove it, or write "
                       "to another folder)",
                       path);
  }

  void describe_losses() {
    if (schema_.num_dense() > 0) {
      losses_.push_back(
          "numerical columns are transformed and rounded to float16, and missing values become 0");
    }
  }

  [[noreturn]] static void refuse(const Rows& rows, size_t row, std::string_view column,
                                  const std::string& got, std::string_view expected) {
    throw DataError(fmt::format("[{}] row {}, column {}: got {}, expected {}", rows.source,
                                rows.first_row + static_cast<int64_t>(row), column, got, expected));
  }

  void encode_labels(const Rows& rows) {
    bytes_.resize(rows.labels.size());
    for (size_t b = 0; b < rows.labels.size(); ++b) {
      const double label = rows.labels[b];
      if (label != 0 && label != 1) {
        refuse(rows, b, schema_.label.name, fmt::to_string(label), "0 or 1 for split-binary");
      }
      bytes_[b] = static_cast<std::byte>(label == 1);
    }
  }

  void encode_numericals(const Rows& rows) {
    bytes_.resize(rows.dense.size() * sizeof(uint16_t));
    const size_t width = schema_.num_dense();
    for (size_t i = 0; i < rows.dense.size(); ++i) {
      const Fp16 half = nearest_fp16(transforms_[i % width](rows.dense[i]));
      if (!std::isfinite(to_float(half))) {
        refuse(rows, i / width, schema_.numerical[i % width].name, fmt::to_string(rows.dense[i]),
               "a number that float16 can hold (at most 65504)");
      }
      std::memcpy(bytes_.data() + i * sizeof(half.bits), &half.bits, sizeof(half.bits));
    }
  }

  void encode_ids(const Rows& rows, size_t table) {
    const CategoricalColumn& column = spec_.schema.categorical[table];
    const SparseFeature& feature = rows.sparse[table];
    for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
      const int64_t count = feature.offsets[b + 1] - feature.offsets[b];
      if (count != 1) {
        refuse(rows, b, column.name, fmt::format("{} ids", count), "1 for split-binary");
      }
      if (feature.ids[b] < 0 || feature.ids[b] >= column.cardinality) {
        refuse(rows, b, column.name, fmt::format("id {}", feature.ids[b]),
               fmt::format("one below its cardinality {}", column.cardinality));
      }
    }
    if (column.type == ColumnType::kInt8) return narrow<int8_t>(bytes_, feature.ids);
    if (column.type == ColumnType::kInt16) return narrow<int16_t>(bytes_, feature.ids);
    narrow<int32_t>(bytes_, feature.ids);
  }

  Schema schema_;     // of the rows that come
  FeatureSpec spec_;  // of the files
  fs::path folder_;
  std::vector<Transformer> transforms_;  // one a numerical
  std::optional<MadeFolder> made_;       // outlives the files in it
  std::deque<File> files_;
  std::optional<BinaryOutput> description_;
  std::vector<std::string> losses_;
  std::vector<std::byte> bytes_;
};

}  // namespace

bool fits_feature_spec(const std::string& path) {
  std::error_code ignored;
  const fs::path file(path);
  return fs::is_regular_file(fs::is_directory(file, ignored) ? file / kFeatureSpecName : file,
                             ignored) &&
         (fs::is_directory(file, ignored) || file.filename() == kFeatureSpecName);
}

std::unique_ptr<RowSource> open_feature_spec(const std::string& path, const std::string& part) {
  const std::string file = spec_path(path);
  FeatureSpec spec = read_feature_spec(file);
  const fs::path folder = fs::path(file).parent_path();
  if (spec.csv) return open_spec_csv(std::move(spec), folder.string(), part);
  return std::make_unique<SplitBinarySource>(std::move(spec), folder, part);
}

std::unique_ptr<RowSink> create_split_binary(const std::string& folder, const Schema& schema,
                                             const std::string& part) {
  return std::make_unique<SplitBinarySink>(folder, schema, part);
}

constinit const Format kSplitBinary = {
    "split-binary",
    "NVIDIA DLRM: a folder with feature_spec.yaml",
    fits_feature_spec,
    [](const std::string& path, const SourceOptions& options) {
      return open_feature_spec(path, options.part);
    },
    [](const std::string& path, const Schema& schema, const SinkOptions& options) {
      return create_split_binary(path, schema, options.part);
    },
    "",
    true};

}  // namespace hotrow
