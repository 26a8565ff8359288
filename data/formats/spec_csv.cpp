#include "data/formats/spec_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "data/excerpt.h"
#include "data/line_reader.h"
#include "data/parse_number.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

using Kind = SpecColumn::Kind;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
constexpr int64_t kBlockRows = 65536;

class FieldParser {
 public:
  FieldParser(const CsvLine& line, std::string_view field) : line_(line), field_(field) {
    while (!field_.empty() && is_space(field_.front())) field_.remove_prefix(1);
    while (!field_.empty() && is_space(field_.back())) field_.remove_suffix(1);
  }

  // NaN: empty.
  double number(std::string_view column) const {
    if (field_.empty()) return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    if (!parse_number(field_, value) || !std::isfinite(value)) fail(column, "a finite number");
    return value;
  }

  // In [0, limit).
  int64_t integer(std::string_view column, int64_t limit) const {
    int64_t value = 0;
    auto [stop, error] = std::from_chars(field_.begin(), field_.end(), value);
    if (error == std::errc() && stop != field_.end() && *stop == '.') {
      do {
        ++stop;
      } while (stop != field_.end() && *stop == '0');
    }
    if (error != std::errc() || stop != field_.end() || value < 0 || value >= limit) {
      fail(column, limit == kNoLimit ? "an integer of at least 0"
                                     : fmt::format("an integer from 0 to {}", limit - 1));
    }
    return value;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t'; }

  [[noreturn]] void fail(std::string_view column, std::string_view expected) const {
    throw DataError(fmt::format("[{}:{}:{}] bad value of {}: got {}, expected {}", line_.file,
                                line_.number, field_.data() - line_.text.data() + 1, column,
                                quoted_excerpt(field_), expected));
  }

  const CsvLine& line_;
  std::string_view field_;
};

void parse_field(Rows& rows, size_t row, const FieldParser& field, SpecColumn column,
                 const Schema& schema) {
  switch (column.kind) {
    case Kind::kLabel:
      rows.labels[row] = static_cast<double>(field.integer(schema.label.name, 2));
      break;
    case Kind::kNumerical:
      rows.dense[row * schema.num_dense() + column.index] =
          field.number(schema.numerical[column.index].name);
      break;
    case Kind::kCategorical: {
      const CategoricalColumn& facts = schema.categorical[column.index];
      rows.sparse[column.index].ids[row] =
          field.integer(facts.name, facts.cardinality > 0 ? facts.cardinality : kNoLimit);
    }
  }
}

// The lines of a chunk's files, one after the other.
class ChunkLines {
 public:
  ChunkLines(const SpecChunk& chunk, const std::filesystem::path& folder) : chunk_(chunk) {
    for (const std::string& file : chunk.files) files_.push_back((folder / file).string());
  }

  const SpecChunk& chunk() const { return chunk_; }
  const std::vector<std::string>& files() const { return files_; }
  const std::string& file() const { return files_[file_ < files_.size() ? file_ : file_ - 1]; }

  bool next(CsvLine& line) {
    for (; file_ < files_.size(); ++file_, reader_.reset()) {
      if (!reader_) reader_.emplace(files_[file_]);
      if (!reader_->next(line.text)) continue;
      line.file = files_[file_];
      line.number = reader_->line_number();
      return true;
    }
    return false;
  }

  void rewind() {
    file_ = 0;
    reader_.reset();
  }

 private:
  const SpecChunk& chunk_;
  std::vector<std::string> files_;
  size_t file_ = 0;
  std::optional<LineReader> reader_;
};

class SpecCsvSource : public RowSource {
 public:
  SpecCsvSource(FeatureSpec spec, const std::string& folder, const std::string& part)
      : spec_(std::move(spec)) {
    require(part == "train" || part == "test",
            "[feature_spec csv] part: got '{}', expected train or test", part);
    for (const SpecChunk& chunk : part == "train" ? spec_.train : spec_.test) {
      chunks_.emplace_back(chunk, folder);
    }
  }

  const Schema& schema() const override { return spec_.schema; }
  std::vector<std::string> files() const override {
    std::vector<std::string> names;
    for (const ChunkLines& chunk : chunks_) {
      names.insert(names.end(), chunk.files().begin(), chunk.files().end());
    }
    return names;
  }
  int64_t num_rows() const override { return num_rows_; }
  bool can_seek() const override { return false; }
  void seek(int64_t row) override {
    check_seek(chunks_[0].file(), row);
    for (ChunkLines& chunk : chunks_) chunk.rewind();
    row_ = 0;
  }

  bool next(Rows& rows, int64_t max_rows) override {
    rows.start(spec_.schema);
    rows.source = chunks_[0].file();
    rows.first_row = row_;
    const int64_t most = std::min(max_rows, kBlockRows);
    resize(rows, most);
    // The first chunk says how many rows there are. One line more than that shows one that is
    // longer.
    rows.rows = read_chunk(rows, chunks_[0], most);
    const bool at_end = rows.rows < most;
    for (size_t i = 1; i < chunks_.size(); ++i) {
      const int64_t got = read_chunk(rows, chunks_[i], rows.rows + (at_end ? 1 : 0));
      require<DataError>(got == rows.rows,
                         "[{}] bad number of lines: got {} {}, expected the {} of {} (the n-th "
                         "lines of all chunks are one sample)",
                         chunks_[i].file(), row_ + got, got > rows.rows ? "or more" : "in all",
                         got > rows.rows ? fmt::to_string(row_ + rows.rows) : "number",
                         chunks_[0].file());
    }
    resize(rows, rows.rows);
    row_ += rows.rows;
    if (at_end) num_rows_ = row_;
    return rows.rows > 0;
  }

 private:
  void resize(Rows& rows, int64_t count) const {
    const auto size = static_cast<size_t>(count);
    rows.labels.resize(size);
    rows.dense.resize(size * spec_.schema.num_dense());
    for (SparseFeature& feature : rows.sparse) {
      feature.ids.resize(size);
      feature.offsets.resize(size + 1);
      std::iota(feature.offsets.begin(), feature.offsets.end(), 0);
    }
  }

  int64_t read_chunk(Rows& rows, ChunkLines& lines, int64_t most) const {
    CsvLine line;
    int64_t row = 0;
    for (; row < most && lines.next(line); ++row) {
      parse_spec_csv_line(rows, row, line, lines.chunk(), spec_.schema);
    }
    return row;
  }

  FeatureSpec spec_;
  std::vector<ChunkLines> chunks_;
  int64_t row_ = 0, num_rows_ = kUnknown;
};

}  // namespace

void parse_spec_csv_line(Rows& rows, int64_t row, const CsvLine& line, const SpecChunk& chunk,
                         const Schema& schema) {
  size_t begin = 0, field = 0;
  for (bool more = true; more; ++field) {
    const size_t end = std::min(line.text.find(',', begin), line.text.size());
    more = end < line.text.size();
    require<DataError>(field < chunk.columns.size(),
                       "[{}:{}:{}] too many fields: got more than {}, expected one a feature of "
                       "the chunk",
                       line.file, line.number, begin + 1, chunk.columns.size());
    const FieldParser parser(line, line.text.substr(begin, end - begin));
    parse_field(rows, static_cast<size_t>(row), parser, chunk.columns[field], schema);
    begin = end + 1;
  }
  require<DataError>(field == chunk.columns.size(),
                     "[{}:{}:{}] too few fields: got {}, expected {}, one a feature of the chunk",
                     line.file, line.number, line.text.size() + 1, field, chunk.columns.size());
}

std::unique_ptr<RowSource> open_spec_csv(FeatureSpec spec, const std::string& folder,
                                         const std::string& part) {
  return std::make_unique<SpecCsvSource>(std::move(spec), folder, part);
}

}  // namespace hotrow
