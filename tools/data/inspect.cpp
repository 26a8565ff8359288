#include "tools/data/inspect.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

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
  std::string bad;  // the report of lines that were skipped

  explicit Inspection(const Schema& s) : schema(s), stats(s) {}

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
  Inspection result(source.schema());
  RawStream stream(source, o.input.source.errors, 2 * num_threads());
  for (RawRows rows; stream.next(rows);) {
    result.add(
        rows, o.rows, [](const RawFeature& f) -> const auto& { return f.keys; });
    show(source.fraction(), result.stats.rows());
    if (o.max_rows > 0 && result.stats.rows() >= o.max_rows) break;
  }
  stream.bad().finish();
  result.bad = stream.bad().report();
  return result;
}

template <class Show>
Inspection inspect_rows(RowSource& source, const InspectOptions& o, Show&& show) {
  Inspection result(source.schema());
  const auto all = static_cast<double>(source.num_rows());
  for (Rows rows; source.next(rows, kBlockRows);) {
    result.add(
        rows, o.rows, [](const SparseFeature& f) -> const auto& { return f.ids; });
    show(all > 0 ? static_cast<double>(result.stats.rows()) / all : -1.0, result.stats.rows());
    if (o.max_rows > 0 && result.stats.rows() >= o.max_rows) break;
  }
  return result;
}

double share(int64_t part, int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

// Of text only a hash is known.
std::string value_text(const CategoricalColumn& column, uint64_t value) {
  if (column.type == ColumnType::kText) return fmt::format("#{:016x}", value);
  if (column.type == ColumnType::kHex32) return fmt::format("{:08x}", value);
  return fmt::format("{}", static_cast<int64_t>(value));
}

std::string number_text(double x) { return std::isnan(x) ? "-" : fmt::format("{:.6g}", x); }

void print_numerical(const Inspection& data) {
  if (data.schema.numerical.empty()) return;
  fmt::print("\n{:<16} {:<8} {:<9} {:>8} {:>12} {:>12} {:>12}\n", "numerical", "type", "transform",
             "missing", "min", "max", "mean");
  for (size_t j = 0; j < data.schema.numerical.size(); ++j) {
    const NumericalColumn& column = data.schema.numerical[j];
    const NumericalStats s = data.stats.numerical(j);
    fmt::print("{:<16} {:<8} {:<9} {:>6.2f} % {:>12.6g} {:>12.6g} {:>12.6g}\n", column.name,
               name_of(column.type), name_of(column.transform),
               100 * share(s.missing, data.stats.rows()), s.min, s.max, s.mean);
  }
}

void print_categorical(const Inspection& data) {
  if (data.schema.categorical.empty()) return;
  fmt::print("\n{:<16} {:<8} {:>12} {:>10} {:>8} {:>7} {:>8} {:>8}  {}\n", "categorical", "type",
             "cardinality", "distinct", "missing", "ids/row", "entropy", "top", "most frequent");
  for (size_t t = 0; t < data.schema.categorical.size(); ++t) {
    const CategoricalColumn& column = data.schema.categorical[t];
    const CategoricalStats s = data.stats.categorical(t);
    const double top = s.top.empty() ? 0 : share(s.top[0].count, s.values);
    fmt::print("{:<16} {:<8} {:>12} {:>10} {:>6.2f} % {:>7.2f} {:>8.2f} {:>6.2f} %  {}\n",
               column.name, name_of(column.type),
               column.cardinality > 0 ? with_commas(column.cardinality) : "-",
               with_commas(s.distinct), 100 * share(s.missing, data.stats.rows()),
               share(s.values, data.stats.rows()), s.entropy, 100 * top,
               s.top.empty() ? "" : value_text(column, s.top[0].value));
  }
}

void print_first(const Inspection& data) {
  if (data.first.empty()) return;
  fmt::print("\nfirst rows\n");
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

nlohmann::json as_json(const Inspection& data, const std::string& path, std::string_view format) {
  using nlohmann::json;
  json out = {{"path", path},
              {"format", format},
              {"rows", data.stats.rows()},
              {"label", {{"name", data.schema.label.name}, {"mean", data.stats.label_mean()}}},
              {"numerical", json::array()},
              {"categorical", json::array()}};
  for (size_t j = 0; j < data.schema.numerical.size(); ++j) {
    const NumericalColumn& column = data.schema.numerical[j];
    const NumericalStats s = data.stats.numerical(j);
    out["numerical"].push_back({{"name", column.name},
                                {"type", name_of(column.type)},
                                {"transform", name_of(column.transform)},
                                {"missing", s.missing},
                                {"min", s.min},
                                {"max", s.max},
                                {"mean", s.mean}});
  }
  for (size_t t = 0; t < data.schema.categorical.size(); ++t) {
    const CategoricalColumn& column = data.schema.categorical[t];
    const CategoricalStats s = data.stats.categorical(t);
    json top = json::array();
    for (const auto& entry : s.top) {
      top.push_back({{"value", value_text(column, entry.value)}, {"count", entry.count}});
    }
    out["categorical"].push_back({{"name", column.name},
                                  {"type", name_of(column.type)},
                                  {"cardinality", column.cardinality},
                                  {"distinct", s.distinct},
                                  {"missing", s.missing},
                                  {"values", s.values},
                                  {"most_of_a_row", s.most_of_a_sample},
                                  {"max_id", s.max_id},
                                  {"entropy_bits", s.entropy},
                                  {"top", std::move(top)}});
  }
  if (!data.bad.empty()) out["skipped"] = data.bad;
  return out;
}

std::string parse(InspectOptions& o, int argc, const char* const* argv) {
  FlagSet flags("Shows what is in a data set: dlrm_data inspect IN",
                "dlrm_data (Hotrow) " HOTROW_VERSION);
  flags.group("Inspect");
  o.input.add_flags(flags);
  flags.integer("--rows", o.rows, {.min = 0, .max = 1'000'000}, "First rows to show");
  flags.integer("--max-rows", o.max_rows, {.min = 0}, "Read no more than about so many; 0: all");
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
  if (o.json) {
    std::printf("%s\n", as_json(data, o.input.path, format.name).dump(2).c_str());
    return 0;
  }
  fmt::print("{}: {}, {} rows, {} numerical and {} categorical columns, mean label {:.4f}\n",
             o.input.path, format.name, with_commas(data.stats.rows()), data.schema.num_dense(),
             data.schema.num_tables(), data.stats.label_mean());
  if (!data.bad.empty()) fmt::print("left out {}\n", data.bad);
  print_numerical(data);
  print_categorical(data);
  print_first(data);
  return 0;
}

}  // namespace hotrow
