#include "data/encode/encode.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "data/encode/count_column.h"
#include "data/encode/encode_column.h"
#include "data/encode/input_facts.h"
#include "data/encode/manifest.h"
#include "data/encode/parse_stage.h"
#include "data/encode/scratch.h"
#include "data/encode/segments.h"
#include "data/encode/vocabulary_file.h"
#include "data/encode/write_stage.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kReserved = int64_t{72} << 20;   // of max_memory: all but the columns' tables
constexpr int64_t kPieceBytes = int64_t{3} << 20;  // that a piece takes while it is parsed
constexpr int64_t kFewestPieces = 16;              // of a file, where memory allows it

json describe_source(const RawSource& source, const std::string& settings) {
  json work;
  work["inputs"] = describe_inputs(source.files());
  const Schema& schema = source.schema();
  for (const NumericalColumn& column : schema.numerical) {
    work["columns"].push_back({column.name, name_of(column.type)});
  }
  for (const CategoricalColumn& column : schema.categorical) {
    work["columns"].push_back({column.name, name_of(column.type)});
  }
  work["settings"] = json::parse(settings);
  return work;
}

json describe_scheme(const EncodeConfig& config) {
  return {{"order", name_of(config.scheme.order)},
          {"first_id", config.scheme.first_id},
          {"unseen_id", config.scheme.unseen_id},
          {"hash_rows", config.scheme.hash_rows},
          {"min_frequency", config.min_frequency},
          {"vocabulary", config.vocabulary.empty() ? json() : describe_input(config.vocabulary)}};
}

// On one line. Names of files need not be UTF-8, JSON must be.
std::string text_of(const json& work) {
  return work.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string file_of(std::string_view what, size_t column) {
  return fmt::format("{}-{:03}", what, column);
}

class Encoder {
 public:
  Encoder(RawSource& source, EncodeConfig config, const OpenSink& open_sink,
          const EncodeProgress& progress)
      : source_(source),
        config_(std::move(config)),
        open_sink_(open_sink),
        progress_(progress),
        columns_(source.schema().num_tables()) {
    std::error_code none;  // of an empty name
    const fs::path output = fs::absolute(config_.output, none).lexically_normal();
    require(output.has_filename(), "[output] got '{}', expected the name of a file or folder",
            config_.output);
    folder_ = output.parent_path().string();
    name_ = output.filename().string();
  }

  EncodeResult run() {
    check_scheme();
    json work = describe_source(source_, config_.source_settings);
    const std::string parse_work = text_of(work);
    work["scheme"] = describe_scheme(config_);
    const std::string column_work = text_of(work);
    work["dense"] = name_of(config_.dense);
    // What is whole has been made of good lines, and the bad ones among them are told again.
    work["on_error"] = {static_cast<int>(config_.errors.on_error), config_.errors.max_errors};
    work["output"] = json::parse(config_.output_settings);
    const std::string scratch_path = folder_ + "/" + name_ + ".encode";
    Manifest output(folder_, name_, text_of(work), checking());
    if (output.done()) {
      if (fs::exists(scratch_path)) Scratch(scratch_path).remove();
      return {.was_there = true};
    }
    const Scratch scratch(scratch_path);
    scratch.clean({folder_, folder_ + "/" + name_});
    Manifest parsed(scratch.path(), "parse", parse_work, checking());
    ParsedText text = parse_to_segments(source_, parsed, parse_memory(), config_.errors, progress_);
    segments_.emplace(std::move(text.segments));
    malloc_trim(0);  // the columns need what parsing took
    ids_.resize(columns_);
    start_vocabulary();
    if (segments_->in_memory()) {
      number_in_memory(scratch.path());
    } else {
      count(scratch.path(), column_work);
      encode_columns(scratch.path(), column_work);
    }
    EncodeResult result = write(output);
    result.bad_lines = text.bad_lines;
    scratch.remove();
    return result;
  }

 private:
  void check_scheme() {
    if (!config_.vocabulary.empty()) {
      vocabulary_ = open_vocabulary(config_.vocabulary);
      check_vocabulary_fits(vocabulary_, source_.schema(), config_.vocabulary);
      config_.scheme = vocabulary_.scheme;
      config_.min_frequency.clear();
    }
    const IdScheme& scheme = config_.scheme;
    std::vector<int64_t>& least = config_.min_frequency;
    if (least.empty()) least.assign(columns_, scheme.min_frequency);
    require(least.size() == columns_, "[min_frequency] got {} columns, expected {}", least.size(),
            columns_);
    require(config_.max_memory >= EncodeConfig::kSmallestMemory,
            "[--max-memory] too little: got {} bytes, expected at least {}", config_.max_memory,
            EncodeConfig::kSmallestMemory);
    if (scheme.order == IdOrder::kHash) {
      require(scheme.hash_rows >= 1, "[hash_rows] got {}, expected at least 1", scheme.hash_rows);
      return;
    }
    require(scheme.unseen_id != IdScheme::kNoRow || !config_.vocabulary.empty() ||
                std::all_of(least.begin(), least.end(), [](int64_t k) { return k <= 1; }),
            "[min_frequency] rare values have no row: got a least frequency of {} where no row is "
            "kept for them, expected 1 (or another convention)",
            least.empty() ? 1 : *std::max_element(least.begin(), least.end()));
  }

  // Of what a run before has left.
  Manifest::Progress checking() const {
    return [this](double fraction) {
      if (progress_) progress_({"check", fraction});
    };
  }

  ParseMemory parse_memory() const {
    const int64_t wanted = std::max<int64_t>(kFewestPieces, 2 * num_threads());
    return {.held_bytes = std::max<int64_t>(config_.max_memory - kReserved, 0) / 2,
            .pieces = std::clamp<int64_t>(config_.max_memory / 4 / kPieceBytes, 1, wanted)};
  }

  // Of each thread that has one of `columns` columns.
  int64_t budget(int64_t columns) const {
    const auto threads = std::min<int64_t>(num_threads(), std::max<int64_t>(1, columns));
    const int64_t held =
        segments_->in_memory() ? std::max<int64_t>(config_.max_memory - kReserved, 0) / 2 : 0;
    return std::max(config_.max_memory - kReserved - held, config_.max_memory / 4) / threads;
  }

  double all_values() const {
    double values = 0;
    for (size_t c = 0; c < columns_; ++c) {
      values += static_cast<double>(segments_->total(c).values);
    }
    return values;
  }

  // Makes `prefix`-c for each column c that the manifest has not, with make(c, path), which gives
  // the file's facts.
  template <class Make>
  void make_columns(Manifest& manifest, std::string_view prefix, StageProgress& progress,
                    Make&& make) {
    order_.clear();
    for (size_t c = 0; c < columns_; ++c) {
      if (manifest.has(file_of(prefix, c))) {
        progress.add(static_cast<double>(segments_->total(c).values), 0);
      } else {
        order_.push_back(c);
      }
    }
    parallel_for(std::ssize(order_), [&](int64_t i) {
      const size_t c = order_[static_cast<size_t>(i)];
      const std::string name = file_of(prefix, c);
      manifest.add(name, make(c, manifest.path_of(name)));
    });
    manifest.finish();
  }

  bool counts() const {
    return config_.vocabulary.empty() && config_.scheme.order != IdOrder::kHash;
  }

  void start_vocabulary() {
    if (!config_.vocabulary.empty()) return;
    vocabulary_.scheme = config_.scheme;
    for (const CategoricalColumn& column : source_.schema().categorical) {
      vocabulary_.columns.push_back({column.name, column.type, {}, XXH3_64bits("", 0)});
    }
  }

  CountWork count_work(size_t c, const std::string& path, StageProgress& progress) const {
    return {.segments = &*segments_,
            .column = c,
            .name = vocabulary_.columns[c].name,
            .scheme = config_.scheme,
            .min_frequency = config_.min_frequency[c],
            .budget = budget(std::ssize(order_)),
            .path = path,
            .progress = &progress};
  }

  IdWork id_work(size_t c, const std::string& path, StageProgress& progress) const {
    return {.segments = &*segments_,
            .column = c,
            .name = vocabulary_.columns[c].name,
            .scheme = config_.scheme,
            .vocabulary = vocabulary_.columns[c].slice,
            .budget = budget(std::ssize(order_)),
            .path = path,
            .progress = &progress};
  }

  void set_vocabulary(size_t c, const std::string& path, const FileFacts& facts) {
    vocabulary_.columns[c].xxh3 = facts.xxh3;
    vocabulary_.columns[c].slice = {path, 0,
                                    facts.bytes / static_cast<int64_t>(sizeof(VocabularyEntry))};
  }

  // Nothing of it is kept for another run: it takes seconds.
  void number_in_memory(const std::string& folder) {
    StageProgress progress(progress_, counts() ? "count" : "encode", all_values());
    for (size_t c = 0; c < columns_; ++c) order_.push_back(c);
    parallel_for(std::ssize(order_), [&](int64_t i) {
      const auto c = static_cast<size_t>(i);
      if (counts()) {
        const std::string path = folder + "/" + file_of("vocabulary", c);
        CountWork work = count_work(c, path, progress);
        work.ids = &ids_[c].ids;
        set_vocabulary(c, path, count_column(work));
        if (std::ssize(ids_[c].ids) == segments_->total(c).values) return;
      }
      encode_column(ids_[c].ids, id_work(c, "", progress));
    });
  }

  void count(const std::string& folder, const std::string& work) {
    if (!counts()) return;
    Manifest manifest(folder, "count", work, checking());
    StageProgress progress(progress_, "count", all_values());
    make_columns(manifest, "vocabulary", progress, [&](size_t c, const std::string& path) {
      return count_column(count_work(c, path, progress));
    });
    for (size_t c = 0; c < columns_; ++c) {
      const std::string name = file_of("vocabulary", c);
      set_vocabulary(c, manifest.path_of(name), manifest.files().at(name));
    }
  }

  void encode_columns(const std::string& folder, const std::string& work) {
    Manifest manifest(folder, "encode", work, checking());
    StageProgress progress(progress_, "encode", all_values());
    make_columns(manifest, "ids", progress, [&](size_t c, const std::string& path) {
      return encode_column(id_work(c, path, progress));
    });
    for (size_t c = 0; c < columns_; ++c) ids_[c].path = manifest.path_of(file_of("ids", c));
  }

  Schema output_schema() const {
    Schema schema = source_.schema();
    for (size_t c = 0; c < columns_; ++c) {
      const SegmentColumn& total = segments_->total(c);
      CategoricalColumn& column = schema.categorical[c];
      column.cardinality = vocabulary_.rows(c);
      column.type =
          column.cardinality <= int64_t{1} << 31 ? ColumnType::kInt32 : ColumnType::kInt64;
      column.hotness = std::max<int64_t>(1, total.max_length);
      column.fixed_hotness = segments_->rows() > 0 && total.min_length == column.hotness;
    }
    if (config_.dense == Transform::kNone) return schema;
    for (NumericalColumn& column : schema.numerical) {
      column.type = ColumnType::kFloat32;
      column.applied = column.transform = config_.dense;
    }
    return schema;
  }

  EncodeResult write(Manifest& output) {
    EncodeResult result;
    result.rows = segments_->rows();
    result.schema = output_schema();
    const std::string vocabulary = name_ + ".vocabulary";
    HashedFileWriter vocabulary_file(output.path_of(vocabulary));
    const FileFacts facts = write_vocabulary(vocabulary_file, vocabulary_);
    const std::unique_ptr<RowSink> sink = open_sink_(result.schema);
    write_rows({.segments = &*segments_,
                .ids = &ids_,
                .schema = &result.schema,
                .dense = config_.dense,
                .sink = sink.get()},
               progress_);
    std::vector<const PendingFile*> all = sink->close();
    result.losses = sink->losses();
    const std::vector<std::string> files = names_of(all);
    // The one that was given stays: it is the same, and nobody may have another.
    if (!is_given(vocabulary_file.path())) all.push_back(&vocabulary_file.pending());
    publish_all(all);
    sink->published();
    if (files.empty()) return result;  // nothing to compare with
    output.add(vocabulary, facts);
    std::vector<FileFacts> found(files.size());
    parallel_for(std::ssize(files) + 1, [&](int64_t i) {
      if (i == std::ssize(files)) return give_back();
      found[static_cast<size_t>(i)] = facts_of(output.path_of(files[static_cast<size_t>(i)]));
    });
    for (size_t i = 0; i < files.size(); ++i) output.add(files[i], found[i]);
    output.finish();
    return result;
  }

  // From folder_ on.
  std::vector<std::string> names_of(const std::vector<const PendingFile*>& files) const {
    std::vector<std::string> names;
    for (const PendingFile* file : files) {
      const fs::path path = fs::absolute(file->path()).lexically_normal();
      names.push_back(path.lexically_relative(folder_).generic_string());
    }
    return names;
  }

  bool is_given(const std::string& path) const {
    std::error_code missing;
    return !config_.vocabulary.empty() && fs::equivalent(config_.vocabulary, path, missing);
  }

  // The memory of the columns, which is work for the system.
  void give_back() {
    segments_.reset();
    ids_.clear();
  }

  RawSource& source_;
  EncodeConfig config_;
  const OpenSink& open_sink_;
  const EncodeProgress& progress_;
  size_t columns_;
  std::string folder_, name_;  // of the output
  std::optional<Segments> segments_;
  VocabularyFile vocabulary_;
  std::vector<size_t> order_;  // columns of the stage at work
  std::vector<IdColumn> ids_;  // one a column
};

}  // namespace

EncodeResult encode(RawSource& source, const EncodeConfig& config, const OpenSink& open_sink,
                    const EncodeProgress& progress) {
  return Encoder(source, config, open_sink, progress).run();
}

}  // namespace hotrow
