#include "data/formats/transcode.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "data/binary_file.h"
#include "data/formats/feature_spec.h"
#include "data/formats/spec_csv.h"
#include "data/formats/split_binary.h"
#include "data/made_folder.h"
#include "engine/rng.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFlushBytes = size_t{1} << 18;

int64_t copy_rows(RowSink& sink, RowSource& source, int64_t chunk_rows, std::string_view what,
                  const RowProgress& progress) {
  Rows rows;
  int64_t count = 0;
  while (source.next(rows, chunk_rows)) {
    sink.write(rows);
    count += rows.rows;
    if (progress) progress(what, count);
  }
  return count;
}

void check_inside(const std::string& spec_file, const fs::path& path) {
  const bool up = std::find(path.begin(), path.end(), "..") != path.end();
  require<DataError>(path.is_relative() && !up && path.has_filename(),
                     "[{}] bad file: got '{}', expected a path below the output folder", spec_file,
                     path.string());
}

void append_field(std::string& text, SpecColumn column, const Schema& schema, NumpyRandom& random) {
  auto out = std::back_inserter(text);
  switch (column.kind) {
    case SpecColumn::Kind::kLabel:
      fmt::format_to(out, "{}", random.interval(1));
      break;
    case SpecColumn::Kind::kNumerical:
      fmt::format_to(out, "{}", random.uniform());
      break;
    case SpecColumn::Kind::kCategorical:
      const int64_t cardinality = schema.categorical[column.index].cardinality;
      fmt::format_to(out, "{}", random.interval(static_cast<uint64_t>(cardinality - 1)));
  }
}

void write_chunk(BinaryOutput& file, const SpecChunk& chunk, const Schema& schema, int64_t rows,
                 NumpyRandom& random) {
  std::string text;
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < chunk.columns.size(); ++i) {
      if (i > 0) text += ',';
      append_field(text, chunk.columns[i], schema, random);
    }
    text += '\n';
    if (text.size() < kFlushBytes && row + 1 < rows) continue;
    file.write(text);
    text.clear();
  }
  file.close();
}

}  // namespace

void count_cardinalities(std::span<int64_t> cardinalities, RowSource& rows, int64_t chunk_rows,
                         const RowProgress& progress) {
  rows.seek(0);
  Rows block;
  int64_t count = 0;
  while (rows.next(block, chunk_rows)) {
    for (size_t t = 0; t < block.sparse.size(); ++t) {
      for (int64_t id : block.sparse[t].ids) {
        cardinalities[t] = std::max(cardinalities[t], id + 1);
      }
    }
    count += block.rows;
    if (progress) progress("counting", count);
  }
}

TranscodeResult transcode(const TranscodeConfig& config, const RowProgress& progress) {
  require(config.chunk_rows >= 1, "[transcode] chunk: got {} rows, expected at least 1",
          config.chunk_rows);
  const std::string spec_file = (fs::path(config.input) / kFeatureSpecName).string();
  const FeatureSpec spec = read_feature_spec(spec_file);
  require<DataError>(spec.csv, "[{}] type of the chunks: got split_binary, expected csv",
                     spec_file);
  const auto train = open_spec_csv(spec, config.input, "train");
  const auto test = open_spec_csv(spec, config.input, "test");

  TranscodeResult result{spec.schema};
  std::vector<CategoricalColumn>& columns = result.schema.categorical;
  std::vector<int64_t> cardinalities;
  for (const CategoricalColumn& column : columns) cardinalities.push_back(column.cardinality);
  if (std::count(cardinalities.begin(), cardinalities.end(), 0) > 0) {
    count_cardinalities(cardinalities, *train, config.chunk_rows, progress);
    count_cardinalities(cardinalities, *test, config.chunk_rows, progress);
    for (size_t t = 0; t < columns.size(); ++t) columns[t].cardinality = cardinalities[t];
    train->seek(0);
    test->seek(0);
  }
  const auto train_sink = create_split_binary(config.output, result.schema, "train");
  const auto test_sink = create_split_binary(config.output, result.schema, "test");
  result.train_rows = copy_rows(*train_sink, *train, config.chunk_rows, "train", progress);
  result.test_rows = copy_rows(*test_sink, *test, config.chunk_rows, "test", progress);
  std::vector<const PendingFile*> all = train_sink->close(), of_test = test_sink->close();
  all.insert(all.end(), of_test.begin() + 1, of_test.end());  // the description is one of both
  publish_all(all);
  return result;
}

void generate_spec_csv(const std::string& spec_file, const std::string& folder, int64_t rows,
                       uint32_t seed) {
  require(rows >= 1, "[gen-csv] size: got {} rows, expected at least 1", rows);
  const std::string text = read_small_file(spec_file, int64_t{1} << 24);
  const FeatureSpec spec = parse_feature_spec(text, spec_file);
  require<DataError>(spec.csv, "[{}] type of the chunks: got split_binary, expected csv",
                     spec_file);
  for (const CategoricalColumn& column : spec.schema.categorical) {
    require<DataError>(column.cardinality > 0,
                       "[{}] cardinality of '{}': got auto, expected a number to draw ids from",
                       spec_file, column.name);
  }
  NumpyRandom random(seed);
  const MadeFolder made(folder);
  std::deque<MadeFolder> folders;  // below it; both outlive the files
  std::vector<std::unique_ptr<BinaryOutput>> files;
  std::set<fs::path> names;
  const auto add_file = [&](const fs::path& path) -> BinaryOutput& {
    const fs::path whole = folder / path;
    folders.emplace_back(whole.parent_path().string());
    return *files.emplace_back(std::make_unique<BinaryOutput>(whole.string()));
  };
  for (const auto* mapping : {&spec.train, &spec.test}) {
    for (const SpecChunk& chunk : *mapping) {
      require<DataError>(chunk.files.size() == 1,
                         "[{}] files of a chunk: got {}, expected one to generate", spec_file,
                         chunk.files.size());
      check_inside(spec_file, chunk.files[0]);
      require<DataError>(
          names.insert(fs::path(chunk.files[0]).lexically_normal()).second,
          "[{}] files of a chunk: got '{}' again, expected each file once to generate", spec_file,
          chunk.files[0]);
      write_chunk(add_file(chunk.files[0]), chunk, spec.schema, rows, random);
    }
  }
  BinaryOutput& description = add_file(kFeatureSpecName);
  description.write(text);
  description.close();
  std::vector<const PendingFile*> all;
  for (const auto& file : files) all.push_back(&file->pending());
  publish_all(all);
}

}  // namespace hotrow
