#include "tools/data/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/data_stats.h"
#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "model/report_text.h"
#include "tools/cli/progress_line.h"
#include "tools/cli/run_main.h"
#include "tools/data/input.h"

namespace hotrow {
namespace {

constexpr int64_t kBlockRows = 8192;
constexpr size_t kShownIds = 3;  // of a bag in the first rows
constexpr size_t kMostName = 32;
constexpr double kLongMean = 1e6;

struct FirstRow {
  double label = 0;
  std::vector<double> dense;
  std::vector<std::vector<uint64_t>> sparse;
};

// One pass over a data set.
struct Inspection {
  Schema schema;
  DataStats stats;
  std::vector<FirstRow> first;
  std::string bad;    // the report of lines that were skipped
  bool is_text;       // its categories are values without row ids
  bool whole = true;  // all rows were read

  Inspection(const Schema& s, bool text) : schema(s), stats(s), is_text(text) {}
  // How many more rows are wanted of `most`, where 0 stands for all.
  int64_t wanted(int64_t most) const {
    return most == 0 ? std::numeric_limits<int64_t>::max() : most - stats.rows();
  }

  template <class Block, class Values>
  void add(const Block& block, int64_t shown, Values&& values) {
    stats.add(block);
    for (int64_t b = 0; b < block.rows && std::ssize(first) < shown; ++b) {
      FirstRow& row = first.emplace_back();
      row.label = block.labels[static_cast<size_t>(b)];
      const auto at = block.dense.begin() + b * std::ssize(schema.numerical);
      row.dense.assign(at, at + std::ssize(schema.numerical));
      for (const auto& feature : block.sparse) {
        const auto& ids = values(feature);
        row.sparse.emplace_back(ids.begin() + feature.offsets[static_cast<size_t>(b)],
                                ids.begin() + feature.offsets[static_cast<size_t>(b) + 1]);
      }
    }
  }
};

struct InspectOptions {
  DataInput input;
  int64_t rows = 3, max_rows = 0;
  bool json = false;
};

template <class Show>
Inspection inspect_text(TextSource& source, const InspectOptions& o, Show&& show) {
  Inspection result(source.schema(), /*text=*/true);
  RawStream stream(source, o.input.source.errors, 2 * num_threads());
  for (RawRows rows; result.whole && stream.next(rows);) {  // what comes behind may be bad
    const int64_t wanted = result.wanted(o.max_rows);
    result.whole = rows.rows <= wanted;
    if (!result.whole) rows.cut(wanted);
    result.add(
        rows, o.rows, [](const RawFeature& f) -> const auto& { return f.keys; });
    show(source.fraction(), result.stats.rows());
  }
  stream.bad().finish();
  result.bad = stream.bad().report();
  return result;
}

template <class Show>
Inspection inspect_rows(RowSource& source, const InspectOptions& o, Show&& show) {
  Inspection result(source.schema(), /*text=*/false);
  const auto next_rows = [&] {
    return std::clamp<int64_t>(result.wanted(o.max_rows), 1, kBlockRows);
  };
  for (Rows rows; source.next(rows, next_rows());) {
    result.whole = result.wanted(o.max_rows) > 0;
    if (!result.whole) break;  // there is a row more
    result.add(
        rows, o.rows, [](const SparseFeature& f) -> const auto& { return f.ids; });
    show(share_of(result.stats.rows(), source.num_rows()), result.stats.rows());
  }
  return result;
}

double share(int64_t part, int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

// "0 %", "<0.01 %", "12.50 %": what is there is never shown as nothing.
std::string percent(int64_t part, int64_t all) {
  if (part == 0) return "0 %";
  const double value = 100 * share(part, all);
  return value < 0.01 ? "<0.01 %" : fmt::format("{:.2f} %", value);
}

// Of text only a hash is known.
std::string value_text(const CategoricalColumn& column, uint64_t value) {
  if (column.type == ColumnType::kText) return fmt::format("#{:016x}", value);
  if (column.type == ColumnType::kHex32) return fmt::format("{:08x}", value);
  return fmt::format("{}", static_cast<int64_t>(value));
}

// Rates with four decimals, what is large in short.
std::string mean_text(double x) {
  return std::abs(x) < kLongMean ? fmt::format("{:.4f}", x) : fmt::format("{:.6g}", x);
}

std::string number_text(double x) { return std::isnan(x) ? "-" : fmt::format("{:.6g}", x); }

// As wide as the longest name, within reason.
template <class Columns>
size_t width_of(const Columns& columns, std::string_view heading) {
  size_t width = heading.size();
  for (const auto& column : columns) width = std::max(width, column.name.size());
  return std::min(width, kMostName);
}

void print_numerical(const Inspection& data) {
  if (data.schema.numerical.empty()) return;
  const size_t width = width_of(data.schema.numerical, "numerical");
  fmt::print("\n{:<{}}  {:<8} {:<9} {:>8} {:>12} {:>12} {:>12}\n", "numerical", width, "type",
             "transform", "missing", "min", "max", "mean");
  for (size_t j = 0; j < data.schema.numerical.size(); ++j) {
    const NumericalColumn& column = data.schema.numerical[j];
    const NumericalStats s = data.stats.numerical(j);
    const bool none = s.missing == data.stats.rows();
    const auto text = [&](double x) { return none ? "-" : fmt::format("{:.7g}", x); };
    fmt::print("{:<{}.{}}  {:<8} {:<9} {:>8} {:>12} {:>12} {:>12}\n", column.name, width, width,
               name_of(column.type), name_of(column.transform),
               percent(s.missing, data.stats.rows()), text(s.min), text(s.max), text(s.mean));
  }
}

void print_categorical(const Inspection& data) {
  if (data.schema.categorical.empty()) return;
  const size_t width = width_of(data.schema.categorical, "categorical");
  fmt::print("\n{:<{}}  {:<8} {:>13} {:>13} {:>8} {:>7} {:>4} {:>7}  {}\n", "categorical", width,
             "type", "cardinality", "distinct", "missing", "ids/row", "most", "bits/id",
             "most frequent");
  for (size_t t = 0; t < data.schema.categorical.size(); ++t) {
    const CategoricalColumn& column = data.schema.categorical[t];
    const CategoricalStats s = data.stats.categorical(t);
    fmt::print("{:<{}.{}}  {:<8} {:>13} {:>13} {:>8} {:>7.2f} {:>4} {:>7.2f}  {}\n", column.name,
               width, width, name_of(column.type),
               column.cardinality > 0 ? with_commas(column.cardinality) : "-",
               with_commas(s.distinct), percent(s.missing, data.stats.rows()),
               share(s.values, data.stats.rows()), s.most_of_a_sample, s.entropy,
               s.top.empty() ? "-"
                             : fmt::format("{} ({})", value_text(column, s.top[0].value),
                                           percent(s.top[0].count, s.values)));
  }
}

void print_first(const Inspection& data) {
  if (data.first.empty()) return;
  fmt::print("\nfirst rows: label | numerical | categorical\n");
  for (const FirstRow& row : data.first) {
    std::string text = number_text(row.label) + " |";
    for (double x : row.dense) text += " " + number_text(x);
    text += " |";
    for (size_t t = 0; t < row.sparse.size(); ++t) {
      const std::vector<uint64_t>& bag = row.sparse[t];
      std::string ids = bag.empty() ? "-" : "";
      for (size_t k = 0; k < std::min(kShownIds, bag.size()); ++k) {
        ids += (k > 0 ? "," : "") + value_text(data.schema.categorical[t], bag[k]);
      }
      text += " " + ids + (bag.size() > kShownIds ? ",..." : "");
    }
    fmt::print("{}\n", text);
  }
}

// What to do next, where this data set needs it.
std::vector<std::string> hints(const Inspection& data) {
  std::vector<std::string> all;
  const LabelStats label = data.stats.label();
  if (label.others > 0) {
    all.push_back(
        fmt::format("labels from {:g} to {:g}: of the losses only --loss-function=mse "
                    "takes other labels than 0 and 1",
                    label.min, label.max));
  }
  const auto unknown = std::count_if(data.schema.categorical.begin(), data.schema.categorical.end(),
                                     [](const auto& column) { return column.cardinality == 0; });
  if (data.is_text && unknown > 0) {
    all.push_back(
        "the categories are values, not yet row ids: dlrm_train --data-set=tsv numbers "
        "them in each run, dlrm_data encode once");
  } else if (unknown > 0) {
    all.push_back(
        fmt::format("{} of {} tables have no known size: give the file its "
                    "_fea_count.npz (docs/formats.md) or train with --max-ind-range",
                    unknown, data.schema.categorical.size()));
  }
  return all;
}

void print_text(const Inspection& data, const std::string& path, std::string_view format) {
  fmt::print("{}: {}, {}{} rows, {} numerical and {} categorical columns, mean label {}\n", path,
             format, data.whole ? "" : "the first ", with_commas(data.stats.rows()),
             data.schema.num_dense(), data.schema.num_tables(), mean_text(data.stats.label().mean));
  if (!data.bad.empty()) fmt::print("left out {}\n", data.bad);
  print_numerical(data);
  print_categorical(data);
  print_first(data);
  const std::vector<std::string> notes = hints(data);
  if (!notes.empty()) fmt::print("\n");
  for (const std::string& note : notes) fmt::print("hint: {}\n", note);
}

using Json = nlohmann::ordered_json;

Json json_of(const NumericalColumn& column, const NumericalStats& s) {
  return {{"name", column.name},
          {"type", name_of(column.type)},
          {"transform", name_of(column.transform)},
          {"missing", s.missing},
          {"min", s.min},
          {"max", s.max},
          {"mean", s.mean}};
}

Json json_of(const CategoricalColumn& column, const CategoricalStats& s) {
  Json top = Json::array();
  for (const auto& entry : s.top) {
    top.push_back({{"value", value_text(column, entry.value)}, {"count", entry.count}});
  }
  return {{"name", column.name},
          {"type", name_of(column.type)},
          {"cardinality", column.cardinality},
          {"distinct", s.distinct},
          {"missing", s.missing},
          {"values", s.values},
          {"most_of_a_row", s.most_of_a_sample},
          {"max_id", column.type == ColumnType::kText ? -1 : s.max_id},
          {"entropy_bits", s.entropy},
          {"top", std::move(top)}};
}

void print_json(const Inspection& data, const std::string& path, std::string_view format) {
  const LabelStats label = data.stats.label();
  Json out = {{"path", path},
              {"format", format},
              {"rows", data.stats.rows()},
              {"all_rows", data.whole},
              {"label",
               {{"name", data.schema.label.name},
                {"mean", label.mean},
                {"min", label.min},
                {"max", label.max},
                {"other_than_0_and_1", label.others}}},
              {"numerical", Json::array()},
              {"categorical", Json::array()}};
  for (size_t j = 0; j < data.schema.numerical.size(); ++j)
    out["numerical"].push_back(json_of(data.schema.numerical[j], data.stats.numerical(j)));
  for (size_t t = 0; t < data.schema.categorical.size(); ++t)
    out["categorical"].push_back(json_of(data.schema.categorical[t], data.stats.categorical(t)));
  if (!data.bad.empty()) out["skipped"] = data.bad;
  // Names are bytes of a file and need not be UTF-8.
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

std::string parse(InspectOptions& o, int argc, const char* const* argv) {
  FlagSet flags("Shows what is in a data set: dlrm_data inspect IN",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Inspect");
  o.input.add_flags(flags);
  flags.integer("--rows", o.rows, {.min = 0, .max = 1'000'000}, "First rows to show");
  flags.integer("--max-rows", o.max_rows, {.min = 0}, "Read no more than so many; 0: all");
  flags.boolean("--json", o.json, "One JSON object instead of tables");
  std::string info = flags.parse(argc, argv);
  if (info.empty()) o.input.check();
  return info;
}

}  // namespace

int run_inspect(int argc, const char* const* argv) {
  InspectOptions o;
  if (show_info(parse(o, argc, argv))) return 0;
  set_num_threads(usable_cores());
  const std::atomic<bool>& stop = stop_on_signals();
  std::optional<ProgressLine> line(std::in_place);
  const auto show = [&](double fraction, int64_t rows) {
    if (stop) throw Interrupted("interrupted before the end");
    line->show("reading", fraction, rows, "rows");
  };
  const Format& format = o.input.format();
  o.input.check_part(format);
  const std::unique_ptr<TextSource> text = o.input.open_text(format);
  const Inspection data = text ? inspect_text(*text, o, show)
                               : inspect_rows(*format.open(o.input.path, o.input.source), o, show);
  line.reset();
  (o.json ? print_json : print_text)(data, o.input.path, format.name);
  return 0;
}

}  // namespace hotrow
