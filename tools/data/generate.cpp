#include "tools/data/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "data/formats.h"
#include "data/generated_rows.h"
#include "data/made_folder.h"
#include "data/planted_files.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"
#include "model/report_text.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/cli/values.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 40;
constexpr int64_t kMaxDense = 4096, kMaxHotness = 4096;
constexpr int64_t kFewestTestRows = 2;  // of planted data, which have both labels
constexpr int64_t kBlockRows = 4096;

struct GenerateOptions {
  PlantedConfig planted;  // rows, test_rows, seed and folder count for both kinds
  std::string to;         // a format; empty: planted
  std::string tables, schema_file, hotness, locality_file;
  bool variable_hotness = false;
  int64_t num_dense = 13;
  GenerateConfig random;
};

void add_flags(FlagSet& flags, GenerateOptions& options) {
  using Ids = GenerateConfig::Ids;
  PlantedConfig& planted = options.planted;
  flags.group("Generate");
  flags.integer("--rows", planted.rows, {1, kMaxRows}, "Samples of the training data");
  flags.integer("--test-rows", planted.test_rows, {0, kMaxRows},
                "Samples of the test data; with --to, none by default");
  flags.integer("--seed", planted.seed, {0, std::numeric_limits<uint32_t>::max()},
                "The same seed writes the same files");
  flags.text("--out", planted.folder,
             "Folder for the files of train and test data; made if it is not there");
  flags.boolean("--gz", planted.gzip, "Write train.tsv.gz and test.tsv.gz instead");
  flags.group("Any shape and format");
  flags.text("--to", options.to, "Format to write; empty: Criteo's, with a known best AUC");
  flags.text("--tables", options.tables, "Rows of each table: 1000,50,2000000");
  flags.text("--schema-file", options.schema_file,
             "... or columns by a schema file (docs/schema.md), each with cardinality or hash");
  flags.integer("--dense", options.num_dense, {0, kMaxDense}, "Numerical columns");
  flags.text("--hotness", options.hotness, "Ids of a sample in each table: 1,1,20, or one for all");
  flags.boolean("--variable-hotness", options.variable_hotness,
                "Samples have one to --hotness ids, not exactly so many");
  flags.choice("--ids", options.random.ids,
               {{"uniform", Ids::kUniform},
                {"zipf", Ids::kZipf},
                {"locality", Ids::kLocality},
                {"trace", Ids::kTrace}},
               "How popular the rows of a table are");
  flags.real("--zipf", options.random.zipf, {0, 4},
             "Popularity falls as rank to the power of -this");
  flags.text("--locality-file", options.locality_file, "Histograms of accesses, for locality");
  flags.text("--trace-file", options.random.trace_file,
             "Profiles of dlrm_data trace, for trace; j stands for the table's number");
}

// "3,1,20".
std::vector<int64_t> parse_list(const std::string& flag, const std::string& text, int64_t most) {
  std::vector<int64_t> numbers;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    numbers.push_back(parse_integer(flag, text.substr(begin, end - begin), {1, most}));
    begin = end + 1;
  }
  return numbers;
}

// The columns that `path` describes, holding ids below the rows that it names, as many in a list as
// it may have at the most where the format wants it so.
Schema read_schema(const std::string& path, const Format& format) {
  const TextSchema text = load_text_schema(path);
  Schema schema = text.schema;
  for (NumericalColumn& column : schema.numerical) {
    if (column.type == ColumnType::kInt64) column.type = ColumnType::kInt32;
  }
  for (const TextColumn& from : text.columns) {
    if (from.role != TextColumn::Role::kCategorical) continue;
    CategoricalColumn& column = schema.categorical[from.index];
    column.type = ColumnType::kInt32;
    column.cardinality = std::max(from.cardinality, from.hash_rows);
    column.fixed_hotness = column.fixed_hotness || format.exact_lists;
    require<DataError>(column.cardinality > 0,
                       "[{}] column '{}': got no number of rows, expected cardinality or hash",
                       from.ref.origin, column.name);
  }
  return schema;
}

// `locality` gives tables their hotness where no flag does.
Schema make_schema(const GenerateOptions& options, const Format& format) {
  if (!options.schema_file.empty()) return read_schema(options.schema_file, format);
  require(!options.tables.empty(),
          "[--tables] is missing: got none, expected --tables=ROWS,... or --schema-file=FILE");
  const std::vector<int64_t> rows = parse_list("--tables", options.tables, kMaxRows);
  std::vector<int64_t> hotness = {1};
  if (!options.hotness.empty()) {
    hotness = parse_list("--hotness", options.hotness, kMaxHotness);
  } else if (options.random.ids == GenerateConfig::Ids::kLocality) {
    hotness = {std::max<int64_t>(1, static_cast<int64_t>(options.random.locality.mean_pooling))};
  }
  require(hotness.size() == 1 || hotness.size() == rows.size(),
          "[--hotness] got {} numbers, expected one, or one for each of the {} tables",
          hotness.size(), rows.size());
  Schema schema = criteo_schema(options.num_dense, std::ssize(rows));
  for (size_t t = 0; t < rows.size(); ++t) {
    CategoricalColumn& column = schema.categorical[t];
    column.type = ColumnType::kInt32;
    column.cardinality = rows[t];
    column.hotness = hotness[hotness.size() == 1 ? 0 : t];
    column.fixed_hotness = !options.variable_hotness;
  }
  return schema;
}

void check_stop() {
  if (stop_on_signals()) throw Interrupted("interrupted, nothing written");
}

int64_t file_bytes(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    const auto bytes = std::filesystem::file_size(path, ignored);
    return ignored ? 0 : static_cast<int64_t>(bytes);
  }
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path, ignored)) {
    if (file.is_regular_file()) bytes += static_cast<int64_t>(file.file_size());
  }
  return bytes;
}

std::string path_of_part(const Format& format, const std::string& folder, const std::string& part) {
  const bool together = format.parts && format.ending.empty();
  return together ? folder : fmt::format("{}/{}{}", folder, part, format.ending);
}

int64_t write_part(const Format& format, const Schema& schema, const std::string& folder,
                   const GenerateConfig& config, ProgressLine& line,
                   std::vector<std::string>& losses) {
  SinkOptions sink_options;
  sink_options.part = config.part == 0 ? "train" : "test";
  const std::string path = path_of_part(format, folder, sink_options.part);
  const MadeFolder made(path == folder ? folder
                                       : std::filesystem::path(path).parent_path().string());
  const auto source = generate_rows(schema, config);
  const auto sink = format.create(path, schema, sink_options);
  int64_t done = 0;
  for (Rows rows; source->next(rows, kBlockRows);) {
    check_stop();
    sink->write(rows);
    done += rows.rows;
    line.show(fmt::format("generating {}", sink_options.part),
              static_cast<double>(done) / static_cast<double>(config.rows), done, "rows");
  }
  sink->finish();
  for (const std::string& loss : sink->losses()) {
    if (std::find(losses.begin(), losses.end(), loss) == losses.end()) losses.push_back(loss);
  }
  return done;
}

int generate_format(GenerateOptions& options, const FlagSet& flags) {
  for (const char* flag : {"--tables", "--dense", "--hotness", "--variable-hotness"}) {
    require(options.schema_file.empty() || !flags.given(flag),
            "[{}] does not go with --schema-file: got both, expected one of them", flag);
  }
  require(!flags.given("--gz"), "[--gz] does not go with --to: got both, expected one of them");
  const Format& format = output_format(options.to);
  GenerateConfig& config = options.random;
  if (config.ids == GenerateConfig::Ids::kLocality) {
    require(!options.locality_file.empty(),
            "[--locality-file] is missing: got none, expected one for --ids=locality");
    config.locality = read_locality(options.locality_file);
  }
  require(config.ids != GenerateConfig::Ids::kTrace || !config.trace_file.empty(),
          "[--trace-file] is missing: got none, expected one for --ids=trace");
  const Schema schema = make_schema(options, format);
  config.seed = options.planted.seed;
  config.rows = options.planted.rows;
  ProgressLine line;
  std::vector<std::string> losses;
  const std::string& folder = options.planted.folder;
  int64_t rows = write_part(format, schema, folder, config, line, losses);
  if (flags.given("--test-rows") && options.planted.test_rows > 0) {
    config.part = 1;
    config.rows = options.planted.test_rows;
    rows += write_part(format, schema, folder, config, line, losses);
  }
  print_losses(losses);
  const double seconds = std::max(line.seconds(), 1e-9);
  const int64_t bytes = file_bytes(folder);
  fmt::print("wrote {} as {}: {} rows, {:.1f} MB, in {:.1f} s ({} rows/s)\n", folder, format.name,
             with_commas(rows), static_cast<double>(bytes) / 1e6, seconds,
             short_number(static_cast<double>(rows) / seconds));
  return 0;
}

int generate_planted(const PlantedConfig& config) {
  parse_integer("--test-rows", std::to_string(config.test_rows), {kFewestTestRows, kMaxRows});
  ProgressLine line;
  const PlantedFiles files = write_planted(config, [&](int64_t lines) {
    check_stop();
    const auto all = static_cast<double>(config.rows + config.test_rows);
    line.show("generating", static_cast<double>(lines) / all, lines, "lines");
  });
  std::printf(
      "wrote %s, %s and %s\nbest AUC %.4f, best log loss %.4f, base rate %.4f (test file)\n"
      "row ids: dlrm_data encode --max-ids-per-field=32 %s OUT\n",
      files.train.c_str(), files.test.c_str(), files.facts.c_str(), files.truth.best_auc,
      files.truth.best_log_loss, files.truth.base_rate, files.train.c_str());
  return 0;
}

}  // namespace

int run_generate(int argc, const char* const* argv) {
  GenerateOptions options;
  FlagSet flags(
      "Writes train.tsv, test.tsv and planted.json: Criteo-shaped clicks with a known best AUC;\n"
      "or, with --to, samples of any shape in any format, as train and test in the folder --out",
      "dlrm_data (Hotrow) " HOTROW_VERSION);
  add_flags(flags, options);
  if (show_info(flags.parse(argc, argv))) return 0;
  require(!options.planted.folder.empty(),
          "[--out] is missing: got no folder, expected --out=FOLDER");
  stop_on_signals();
  if (!options.to.empty()) return generate_format(options, flags);
  for (const char* flag :
       {"--tables", "--schema-file", "--dense", "--hotness", "--variable-hotness", "--ids",
        "--zipf", "--locality-file", "--trace-file"}) {
    require(!flags.given(flag), "[{}] got a value without --to, expected --to=NAME with it", flag);
  }
  return generate_planted(options.planted);
}

}  // namespace hotrow
