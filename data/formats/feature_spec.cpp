#include "data/formats/feature_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "data/binary_file.h"
#include "data/yaml_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

using Kind = SpecColumn::Kind;

constexpr int64_t kMostBytes = int64_t{1} << 24;
constexpr int64_t kMaxCardinality = int64_t{1} << 40;

// Largest number of an integer type; 0 for any other.
int64_t largest_id(ColumnType type) {
  switch (type) {
    case ColumnType::kInt8:
      return std::numeric_limits<int8_t>::max();
    case ColumnType::kInt16:
      return std::numeric_limits<int16_t>::max();
    case ColumnType::kInt32:
      return std::numeric_limits<int32_t>::max();
    case ColumnType::kUint32:
      return std::numeric_limits<uint32_t>::max();
    case ColumnType::kInt64:
      return std::numeric_limits<int64_t>::max();
    default:
      return 0;
  }
}

class SpecParser {
 public:
  explicit SpecParser(const YamlValue& root)
      : sections_(root.fields("feature specification",
                              {"channel_spec", "feature_spec", "source_spec", "metadata?"})) {}

  FeatureSpec parse() {
    const YamlFields mappings = at("source_spec").fields("source_spec", {"train", "test"});
    spec_.csv = first_type(mappings.at("train")) == "csv";
    read_channels();
    read_features();
    spec_.train = read_mapping(mappings.at("train"));
    spec_.test = read_mapping(mappings.at("test"));
    read_metadata();
    return std::move(spec_);
  }

 private:
  const YamlValue& at(const char* section) const { return sections_.at(section); }

  static std::string first_type(const YamlValue& mapping) {
    const auto chunks = mapping.items("mapping");
    if (chunks.empty()) mapping.fail("mapping", "no chunk", "one at least");
    return chunks[0].fields("chunk", {"type", "features", "files"}).at("type").text("type");
  }

  void read_channels() {
    const YamlFields channels =
        at("channel_spec").fields("channel_spec", {"label", "numerical", "categorical"});
    const auto names = [&](const YamlValue& list, Kind kind) {
      std::vector<std::string> all;
      for (const YamlValue& item : list.items("channel")) {
        std::string name = item.text("feature name");
        const bool fresh = columns_.emplace(name, SpecColumn{kind, all.size()}).second;
        if (!fresh) item.fail("channel", fmt::format("'{}' twice", name), "each feature once");
        all.push_back(std::move(name));
      }
      return all;
    };
    const auto labels = names(channels.at("label"), Kind::kLabel);
    if (labels.size() != 1) {
      channels.at("label").fail("label channel", fmt::format("{} features", labels.size()), "one");
    }
    spec_.schema.label = {labels[0], ColumnType::kBool};
    const ColumnType numerical = spec_.csv ? ColumnType::kFloat64 : ColumnType::kFloat16;
    for (std::string& name : names(channels.at("numerical"), Kind::kNumerical)) {
      spec_.schema.numerical.push_back(
          {std::move(name), numerical, Transform::kNone, Transform::kNone});
    }
    for (std::string& name : names(channels.at("categorical"), Kind::kCategorical)) {
      spec_.schema.categorical.push_back({.name = std::move(name)});
    }
  }

  void read_features() {
    size_t known = 0;
    for (const auto& [name, where, facts] : at("feature_spec").entries("feature_spec")) {
      const auto column = columns_.find(name);
      if (column == columns_.end()) {
        facts.fail("feature", fmt::format("'{}'", name), "a feature of channel_spec");
      }
      ++known;
      read_feature(column->second, name, facts);
    }
    if (known != columns_.size()) {
      at("feature_spec")
          .fail("feature_spec", fmt::format("{} features", known),
                fmt::format("the {} of channel_spec", columns_.size()));
    }
  }

  void read_feature(SpecColumn column, std::string_view name, const YamlValue& facts) {
    const YamlFields fields =
        facts.fields(fmt::format("feature '{}'", name), {"dtype?", "cardinality?"});
    const YamlValue& dtype = fields.at("dtype");
    const std::optional<ColumnType> type = read_type(name, dtype, facts);
    switch (column.kind) {
      case Kind::kLabel:
        if (!spec_.csv && type != ColumnType::kBool) {
          dtype.fail(fmt::format("dtype of label '{}'", name), name_of(*type), "bool");
        }
        break;
      case Kind::kNumerical:
        if (!spec_.csv && type != ColumnType::kFloat16) {
          dtype.fail(fmt::format("dtype of numerical '{}'", name), name_of(*type), "float16");
        }
        break;
      case Kind::kCategorical:
        read_cardinality(spec_.schema.categorical[column.index], type, fields, facts);
    }
  }

  std::optional<ColumnType> read_type(std::string_view name, const YamlValue& field,
                                      const YamlValue& facts) const {
    if (spec_.csv) return std::nullopt;
    if (!field.is_there()) facts.fail(fmt::format("feature '{}'", name), "no dtype", "one");
    const std::string text = field.text("dtype");
    try {
      return parse_column_type(text);
    } catch (const InvalidArgument&) {
      field.fail(fmt::format("dtype of '{}'", name), fmt::format("'{}'", text),
                 "bool, float16 or an integer type such as int32");
    }
  }

  void read_cardinality(CategoricalColumn& column, std::optional<ColumnType> type,
                        const YamlFields& fields, const YamlValue& facts) const {
    const std::string subject = fmt::format("cardinality of '{}'", column.name);
    const YamlValue& cardinality = fields.at("cardinality");
    if (!cardinality.is_there()) facts.fail(subject, "none", spec_.csv ? "one, or auto" : "one");
    const bool is_auto =
        spec_.csv && cardinality.is_scalar() && cardinality.text(subject) == "auto";
    column.cardinality = is_auto ? 0 : cardinality.integer(subject, 1, kMaxCardinality);
    if (!type) return;
    const int64_t most = largest_id(*type);
    if (most == 0) {
      fields.at("dtype").fail(fmt::format("dtype of categorical '{}'", column.name), name_of(*type),
                              "an integer type");
    }
    if (column.cardinality - 1 > most) {
      cardinality.fail(
          subject, fmt::to_string(column.cardinality),
          fmt::format("ids that fit {}, the largest of which is {}", name_of(*type), most));
    }
    column.type = *type;
  }

  std::vector<SpecChunk> read_mapping(const YamlValue& mapping) const {
    std::vector<SpecChunk> chunks;
    std::map<std::string, bool> seen;
    for (const YamlValue& item : mapping.items("mapping")) {
      const YamlFields fields = item.fields("chunk", {"type", "features", "files"});
      const std::string type = fields.at("type").text("type");
      if (type != (spec_.csv ? "csv" : "split_binary")) {
        fields.at("type").fail("type of a chunk", fmt::format("'{}'", type),
                               spec_.csv ? "csv like the first chunk" : "split_binary");
      }
      SpecChunk chunk;
      for (const YamlValue& feature : fields.at("features").items("features")) {
        const std::string name = feature.text("feature name");
        const auto column = columns_.find(name);
        const std::string got = fmt::format("'{}'", name);
        if (column == columns_.end()) feature.fail("chunk", got, "a feature of channel_spec");
        if (!seen.emplace(name, true).second) {
          feature.fail("chunk", got + " twice", "each feature once a mapping");
        }
        chunk.columns.push_back(column->second);
      }
      for (const YamlValue& file : fields.at("files").items("files")) {
        chunk.files.push_back(file.text("file"));
      }
      check_chunk(chunk, fields);
      chunks.push_back(std::move(chunk));
    }
    if (seen.size() != columns_.size()) {
      mapping.fail("mapping", fmt::format("{} features", seen.size()),
                   fmt::format("the {} of channel_spec", columns_.size()));
    }
    return chunks;
  }

  void check_chunk(const SpecChunk& chunk, const YamlFields& fields) const {
    const YamlValue &features = fields.at("features"), &files = fields.at("files");
    if (chunk.columns.empty()) features.fail("chunk", "no feature", "one at least");
    if (chunk.files.empty()) files.fail("chunk", "no file", "one at least");
    if (spec_.csv) return;
    if (chunk.files.size() != 1) {
      files.fail("chunk", fmt::format("{} files", chunk.files.size()), "one");
    }
    if (chunk.columns[0].kind != Kind::kNumerical) {
      if (chunk.columns.size() != 1) {
        features.fail("chunk", fmt::format("{} features", chunk.columns.size()),
                      "a label or a categorical alone");
      }
      return;
    }
    bool ordered = chunk.columns.size() == spec_.schema.num_dense();
    for (size_t i = 0; i < chunk.columns.size() && ordered; ++i) {
      ordered = chunk.columns[i].kind == Kind::kNumerical && chunk.columns[i].index == i;
    }
    if (!ordered) {
      features.fail(
          "numerical chunk", "other features",
          fmt::format("the {} of the numerical channel in its order", spec_.schema.num_dense()));
    }
  }

  void read_metadata() {
    const YamlValue& metadata = at("metadata");
    if (!metadata.is_map()) return;
    for (const auto& [key, where, value] : metadata.entries("metadata")) {
      if (key != "applied_transforms") continue;
      const auto names = value.items(key);
      if (names.size() != spec_.schema.num_dense()) {
        value.fail(key, fmt::format("{} names", names.size()),
                   fmt::format("one for each of the {} numericals", spec_.schema.num_dense()));
      }
      for (size_t j = 0; j < names.size(); ++j) {
        NumericalColumn& column = spec_.schema.numerical[j];
        const std::string name = names[j].text(key);
        if (name != "none" && name != "log1p" && name != "log3p") {
          names[j].fail(key, fmt::format("'{}'", name), "none, log1p or log3p");
        }
        column.applied = column.transform = parse_transform(name);
      }
    }
  }

  YamlFields sections_;
  FeatureSpec spec_;
  std::map<std::string, SpecColumn> columns_;
};

std::string name_in(const Schema& schema, SpecColumn column) {
  if (column.kind == Kind::kLabel) return yaml_quoted(schema.label.name);
  return yaml_quoted(column.kind == Kind::kNumerical ? schema.numerical[column.index].name
                                                     : schema.categorical[column.index].name);
}

void append_mapping(std::string& text, const FeatureSpec& spec, std::string_view name,
                    const std::vector<SpecChunk>& chunks) {
  text += fmt::format("  {}:\n", name);
  for (const SpecChunk& chunk : chunks) {
    text += "  - features:\n";
    for (SpecColumn column : chunk.columns) text += "    - " + name_in(spec.schema, column) + "\n";
    text += "    files:\n";
    for (const std::string& file : chunk.files) text += "    - " + yaml_quoted(file) + "\n";
    text += "    type: split_binary\n";
  }
}

}  // namespace

FeatureSpec parse_feature_spec(const std::string& text, std::string_view file) {
  return SpecParser(parse_yaml(text, file)).parse();
}

FeatureSpec read_feature_spec(const std::string& path) {
  return parse_feature_spec(read_small_file(path, kMostBytes), path);
}

// Sections and keys in the order of the alphabet, as the files of NVIDIA's own tools have them.
std::string feature_spec_text(const FeatureSpec& spec) {
  const Schema& schema = spec.schema;
  std::string text = "channel_spec:\n  categorical:";
  if (schema.categorical.empty()) text += " []";
  text += '\n';
  for (const auto& column : schema.categorical) text += "  - " + yaml_quoted(column.name) + "\n";
  text += "  label:\n  - " + yaml_quoted(schema.label.name) + "\n  numerical:";
  text += schema.numerical.empty() ? " []\n" : "\n";
  for (const auto& column : schema.numerical) text += "  - " + yaml_quoted(column.name) + "\n";
  text += "feature_spec:\n";
  for (const auto& column : schema.categorical) {
    text += fmt::format("  {}:\n    cardinality: {}\n    dtype: {}\n", yaml_quoted(column.name),
                        column.cardinality, name_of(column.type));
  }
  text += fmt::format("  {}:\n    dtype: bool\n", yaml_quoted(schema.label.name));
  for (const auto& column : schema.numerical) {
    text += fmt::format("  {}:\n    dtype: float16\n", yaml_quoted(column.name));
  }
  const bool transformed = std::any_of(schema.numerical.begin(), schema.numerical.end(),
                                       [](auto& c) { return c.applied != Transform::kNone; });
  text += transformed ? "metadata:\n  applied_transforms:\n" : "metadata: {}\n";
  for (const auto& column : schema.numerical) {
    if (transformed) text += fmt::format("  - {}\n", name_of(column.applied));
  }
  text += "source_spec:\n";
  append_mapping(text, spec, "test", spec.test);
  append_mapping(text, spec, "train", spec.train);
  return text;
}

ColumnType split_binary_type(int64_t cardinality) {
  for (ColumnType type : {ColumnType::kInt8, ColumnType::kInt16, ColumnType::kInt32}) {
    if (cardinality >= 1 && cardinality < largest_id(type)) return type;
  }
  throw InvalidArgument(
      fmt::format("[split-binary] cardinality: got {}, expected one from 1 to {} (of a column that "
                  "is not known yet, count it first)",
                  cardinality, largest_id(ColumnType::kInt32) - 1));
}

FeatureSpec split_binary_spec(Schema schema) {
  std::map<std::string_view, int> names = {{schema.label.name, 1}};
  for (const auto& column : schema.numerical) ++names[column.name];
  for (const auto& column : schema.categorical) ++names[column.name];
  for (const auto& [name, count] : names) {
    require(count == 1 && !name.empty(),
            "[split-binary] column names: got '{}' {} times, expected texts that differ", name,
            count);
  }
  FeatureSpec spec;
  schema.label.type = ColumnType::kBool;
  for (auto& column : schema.numerical) column.type = ColumnType::kFloat16;
  for (auto& column : schema.categorical) column.type = split_binary_type(column.cardinality);
  for (const std::string part : {"train", "test"}) {
    std::vector<SpecChunk>& chunks = part == "train" ? spec.train : spec.test;
    SpecChunk numerical{{}, {part + "/numerical.bin"}};
    for (size_t j = 0; j < schema.num_dense(); ++j) {
      numerical.columns.push_back({Kind::kNumerical, j});
    }
    if (schema.num_dense() > 0) chunks.push_back(std::move(numerical));
    chunks.push_back({{{Kind::kLabel, 0}}, {part + "/label.bin"}});
    for (size_t t = 0; t < schema.num_tables(); ++t) {
      chunks.push_back({{{Kind::kCategorical, t}}, {fmt::format("{}/cat_{}.bin", part, t)}});
    }
  }
  spec.schema = std::move(schema);
  return spec;
}

}  // namespace hotrow
