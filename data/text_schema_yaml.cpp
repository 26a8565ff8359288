// The schema files of docs/schema.md.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "data/criteo_day.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kMaxColumns = 100'000;
constexpr int64_t kMaxIds = int64_t{1} << 40;
constexpr int64_t kMaxListValues = 65536;
constexpr int64_t kUsualListValues = 32;

using Node = YAML::Node;
using Names = std::initializer_list<std::string_view>;

std::string kind_of(const Node& node) {
  if (node.IsScalar()) return fmt::format("'{}'", node.Scalar().substr(0, 80));
  return node.IsSequence() ? "a list" : node.IsMap() ? "keys with values" : "nothing";
}

class SchemaFile {
 public:
  explicit SchemaFile(const std::string& origin) : origin_(origin) { out_.origin = origin; }

  TextSchema read(const std::string& yaml) {
    const Node root = parse(yaml);
    check_keys(root, {"separator", "header", "quotes", "columns", "missing", "label", "numerical",
                      "categorical", "time", "hash", "min_frequency"});
    read_layout(root);
    read_label(root);
    for (const Node& entry : groups(root, "numerical")) read_numerical(entry);
    for (const Node& entry : groups(root, "categorical")) read_categorical(root, entry);
    if (const Node time = root["time"]) {
      std::vector<ColumnRef> refs = refs_of(time);
      expect(refs.size() == 1, time, "time", "one column");
      out_.time = std::move(refs);
    }
    expect(!out_.schema.numerical.empty() || !out_.schema.categorical.empty(), root, "columns",
           "a column under numerical or categorical");
    return std::move(out_);
  }

 private:
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? origin_
                          : fmt::format("{}:{}:{}", origin_, mark.line + 1, mark.column + 1);
  }

  void expect(bool ok, const Node& at, std::string_view what, std::string_view expected) const {
    require<DataError>(ok, "[{}] {}: got {}, expected {}", place(at.Mark()), what, kind_of(at),
                       expected);
  }

  Node parse(const std::string& yaml) const {
    try {
      Node root = YAML::Load(yaml);
      expect(root.IsMap(), root, "schema", "keys with values, a label among them");
      return root;
    } catch (const YAML::Exception& error) {
      throw DataError(fmt::format("[{}] no YAML: got '{}', expected keys with values",
                                  place(error.mark), error.msg));
    }
  }

  void check_keys(const Node& map, Names names) const {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const Node& key = entry.first;
      const bool known =
          key.IsScalar() && std::find(names.begin(), names.end(), key.Scalar()) != names.end();
      expect(known, key, "unknown key", fmt::format("one of {}", fmt::join(names, ", ")));
      expect(seen.insert(key.Scalar()).second, key, "repeated key", "each of them once");
    }
  }

  bool boolean(const Node& map, const char* key, bool otherwise) const {
    const Node node = map[key];
    if (!node) return otherwise;
    const bool yes = node.IsScalar() && node.Scalar() == "true";
    expect(yes || (node.IsScalar() && node.Scalar() == "false"), node, key, "true or false");
    return yes;
  }

  static bool as_integer(int64_t& value, std::string_view text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }

  int64_t integer(const Node& map, const char* key, int64_t max, int64_t otherwise) const {
    const Node node = map[key];
    if (!node) return otherwise;
    int64_t value = 0;
    expect(node.IsScalar() && as_integer(value, node.Scalar()) && value >= 1 && value <= max, node,
           key, fmt::format("an integer from 1 to {}", max));
    return value;
  }

  std::string text(const Node& node, std::string_view key) const {
    expect(node.IsScalar(), node, key, "a text (NULL and the like in quotes)");
    return node.Scalar();
  }

  // One of the choices, the first where the key is not there.
  template <class E>
  E choice(const Node& map, const char* key,
           std::initializer_list<std::pair<std::string_view, E>> choices) const {
    const Node node = map[key];
    if (!node) return choices.begin()->second;
    std::string names;
    for (const auto& [name, value] : choices) {
      if (node.IsScalar() && node.Scalar() == name) return value;
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    expect(false, node, key, "one of " + names);
    return choices.begin()->second;
  }

  char separator(const Node& map, const char* key, char otherwise) const {
    const Node node = map[key];
    if (!node) return otherwise;
    const std::string word = text(node, key);
    if (word == "comma") return ',';
    if (word == "tab") return '\t';
    constexpr std::string_view kRefused("\"\r\n\0", 4);
    expect(word.size() == 1 && kRefused.find(word[0]) == std::string_view::npos, node, key,
           "comma, tab or one character other than a quote, an end of line and NUL");
    return word[0];
  }

  void read_layout(const Node& root) {
    out_.separator = separator(root, "separator", ',');
    out_.header = boolean(root, "header", false);
    out_.quotes = boolean(root, "quotes", out_.separator == ',');
    out_.missing = {""};
    if (const Node missing = root["missing"]) {
      expect(missing.IsSequence(), missing, "missing", "a list of texts");
      for (const Node& one : missing) out_.missing.push_back(text(one, "missing"));
    }
    const Node columns = root["columns"];
    if (!columns) return;
    expect(!out_.header, columns, "columns", "no names beside header: true");
    expect(columns.IsSequence() && columns.size() > 0, columns, "columns", "a list of names");
    for (const Node& one : columns) {
      const std::string name = text(one, "columns");
      expect(!name.empty() && std::find(names_.begin(), names_.end(), name) == names_.end(), one,
             "columns", "names that differ");
      names_.push_back(name);
    }
    out_.num_columns = names_.size();
  }

  // The columns that a scalar names: a name, a 1-based place 3 or places 3-9.
  std::vector<ColumnRef> refs_of(const Node& node) const {
    expect(node.IsScalar() && !node.Scalar().empty(), node, "column",
           "a name, a place or first-last");
    const std::string& word = node.Scalar();
    const std::string_view text = word;
    const size_t dash = text.find('-');
    int64_t first = 0, last = 0;
    const bool places = node.Tag() != "!" && as_integer(first, text.substr(0, dash)) &&
                        as_integer(last, text.substr(dash == std::string::npos ? 0 : dash + 1));
    std::vector<ColumnRef> refs;
    if (places) {
      const int64_t end =
          out_.num_columns > 0 ? static_cast<int64_t>(out_.num_columns) : kMaxColumns;
      expect(1 <= first && first <= last && last <= end, node, "column",
             fmt::format("places from 1 to {}", end));
      for (int64_t p = first; p <= last; ++p) {
        refs.push_back({"", static_cast<size_t>(p - 1), place(node.Mark())});
      }
      return refs;
    }
    if (out_.header) return {{word, 0, place(node.Mark())}};
    const auto found = std::find(names_.begin(), names_.end(), word);
    expect(found != names_.end(), node, "column",
           names_.empty() ? "a place, for there is neither header: true nor a list of columns"
                          : "a name of the list of columns");
    return {{"", static_cast<size_t>(found - names_.begin()), place(node.Mark())}};
  }

  // Those of a group: `columns: ref` or `columns: [ref, ...]`, or the scalar itself.
  std::vector<ColumnRef> group_refs(const Node& group) const {
    if (group.IsScalar()) return refs_of(group);
    const Node columns = group["columns"];
    expect(columns.IsDefined(), group, "columns", "the key columns");
    if (columns.IsScalar()) return refs_of(columns);
    expect(columns.IsSequence() && columns.size() > 0, columns, "columns",
           "a column or a list of them");
    std::vector<ColumnRef> all;
    for (const Node& one : columns) {
      for (ColumnRef& ref : refs_of(one)) all.push_back(std::move(ref));
    }
    return all;
  }

  std::vector<Node> groups(const Node& root, const char* key) const {
    const Node list = root[key];
    if (!list) return {};
    expect(list.IsSequence(), list, key, "a list of columns and groups of them");
    std::vector<Node> all;
    for (const Node& one : list) {
      expect(one.IsScalar() || one.IsMap(), one, key, "a column, or a group with the key columns");
      all.push_back(one);
    }
    return all;
  }

  std::string name_of_column(const ColumnRef& ref) const {
    if (!ref.name.empty()) return ref.name;
    return names_.empty() ? fmt::format("column{}", ref.place + 1) : names_[ref.place];
  }

  // Adds a column that is read; each is read once.
  TextColumn& add(ColumnRef ref, TextColumn::Role role, ColumnType type, size_t index) {
    const std::string name = name_of_column(ref);
    require<DataError>(used_.insert(name).second,
                       "[{}] repeated column: got '{}' again, expected each of them once",
                       ref.origin, name);
    TextColumn& column = out_.columns.emplace_back();
    column.ref = std::move(ref);
    column.role = role;
    column.name = name;
    column.type = type;
    column.index = index;
    return column;
  }

  void read_label(const Node& root) {
    const Node label = root["label"];
    expect(label.IsDefined(), root, "label", "the key label");
    expect(label.IsScalar() || label.IsMap(), label, "label", "a column, or keys with values");
    if (label.IsMap()) check_keys(label, {"column", "at_least", "equals", "type"});
    const Node column = label.IsMap() ? label["column"] : label;
    expect(column.IsDefined(), label, "label", "the key column");
    std::vector<ColumnRef> refs = refs_of(column);
    expect(refs.size() == 1, column, "label", "one column");
    add(std::move(refs[0]), TextColumn::Role::kLabel, ColumnType::kText, 0);
    out_.schema.label.name = out_.columns.back().name;
    if (label.IsMap()) read_label_rule(label);
  }

  void read_label_rule(const Node& label) {
    const Node at_least = label["at_least"], equals = label["equals"];
    const bool number = choice<bool>(label, "type", {{"class", false}, {"float", true}});
    expect(number + at_least.IsDefined() + equals.IsDefined() <= 1, label, "label",
           "at most one of at_least, equals and type: float");
    if (number) {
      out_.label.kind = LabelRule::Kind::kNumber;
      out_.schema.label.type = ColumnType::kFloat32;
    }
    if (at_least) {
      double bound = 0;
      const bool ok = at_least.IsScalar() && YAML::convert<double>::decode(at_least, bound);
      expect(ok && std::isfinite(bound), at_least, "at_least", "a number");
      out_.label = {LabelRule::Kind::kAtLeast, bound, ""};
    }
    if (equals) out_.label = {LabelRule::Kind::kEquals, 0, text(equals, "equals")};
  }

  void read_numerical(const Node& group) {
    ColumnType type = ColumnType::kFloat64;
    Transform transform = Transform::kLog1p;
    if (group.IsMap()) {
      check_keys(group, {"columns", "type", "transform"});
      type = choice<ColumnType>(group, "type",
                                {{"float", ColumnType::kFloat64}, {"int", ColumnType::kInt64}});
      transform = choice<Transform>(
          group, "transform",
          {{"log1p", Transform::kLog1p}, {"log3p", Transform::kLog3p}, {"none", Transform::kNone}});
    }
    std::vector<NumericalColumn>& all = out_.schema.numerical;
    for (ColumnRef& ref : group_refs(group)) {
      const TextColumn& column =
          add(std::move(ref), TextColumn::Role::kNumerical, type, all.size());
      all.push_back({column.name, type, Transform::kNone, transform});
    }
  }

  // The keys of a group; without one of hash, cardinality and min_frequency, the file's own hash or
  // min_frequency.
  TextColumn categorical_group(const Node& root, const Node& group) const {
    TextColumn column;
    if (group.IsMap()) {
      check_keys(group,
                 {"columns", "type", "list", "max_values", "hash", "cardinality", "min_frequency"});
      column.type = choice<ColumnType>(
          group, "type",
          {{"text", ColumnType::kText}, {"int", ColumnType::kInt64}, {"hex", ColumnType::kHex32}});
      column.list_separator = separator(group, "list", '\0');
      const bool list = column.list_separator != '\0';
      expect(column.list_separator != out_.separator, group, "list",
             "another separator than that of columns");
      expect(list || !group["max_values"], group, "max_values", "it only beside list");
      column.max_values = integer(group, "max_values", kMaxListValues, list ? kUsualListValues : 1);
      column.empty_is_zero = !list;
      column.hash_rows = integer(group, "hash", kMaxIds, 0);
      column.cardinality = integer(group, "cardinality", kMaxIds, 0);
      column.min_frequency =
          integer(group, "min_frequency", std::numeric_limits<uint32_t>::max(), 0);
      const int rules =
          (column.hash_rows > 0) + (column.cardinality > 0) + (column.min_frequency > 0);
      expect(rules <= 1, group, "ids", "at most one of hash, cardinality and min_frequency");
      expect(column.cardinality == 0 || column.type != ColumnType::kText, group, "cardinality",
             "type: int or type: hex beside it");
      if (rules == 1) return column;
    }
    column.hash_rows = integer(root, "hash", kMaxIds, 0);
    column.min_frequency = integer(root, "min_frequency", std::numeric_limits<uint32_t>::max(), 0);
    expect(column.hash_rows == 0 || column.min_frequency == 0, root, "ids",
           "at most one of hash and min_frequency");
    return column;
  }

  void read_categorical(const Node& root, const Node& group) {
    const TextColumn rules = categorical_group(root, group);
    std::vector<CategoricalColumn>& all = out_.schema.categorical;
    for (ColumnRef& ref : group_refs(group)) {
      TextColumn& column =
          add(std::move(ref), TextColumn::Role::kCategorical, rules.type, all.size());
      column.list_separator = rules.list_separator;
      column.max_values = rules.max_values;
      column.empty_is_zero = rules.empty_is_zero;
      column.hash_rows = rules.hash_rows;
      column.cardinality = rules.cardinality;
      column.min_frequency = rules.min_frequency;
      all.push_back({column.name, rules.type, rules.cardinality, rules.max_values,
                     rules.list_separator == '\0'});
    }
  }

  const std::string& origin_;
  TextSchema out_;
  std::vector<std::string> names_;  // of `columns`
  std::set<std::string> used_;
};

}  // namespace

TextSchema parse_text_schema(const std::string& yaml, const std::string& origin) {
  try {
    return SchemaFile(origin).read(yaml);
  } catch (const YAML::Exception& error) {
    throw DataError(
        fmt::format("[{}] no schema: got '{}', expected keys with values", origin, error.msg));
  }
}

TextSchema load_text_schema(const std::string& path) {
  require<DataError>(std::filesystem::is_regular_file(path),
                     "[{}] no such file: got nothing or a folder, expected a schema file", path);
  std::ifstream file(path, std::ios::binary);
  const std::string yaml{std::istreambuf_iterator<char>(file), {}};
  require<DataError>(file.is_open() && !file.bad(),
                     "[{}] cannot be read: got an error, expected a schema file", path);
  return parse_text_schema(yaml, path);
}

TextSchema criteo_or_schema_file(const std::string& path, int64_t max_values) {
  return path.empty() ? criteo_text_schema(kCriteoDense, kCriteoTables, max_values)
                      : load_text_schema(path);
}

}  // namespace hotrow
