// The schema files of docs/schema.md.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "data/binary_file.h"
#include "data/criteo_day.h"
#include "data/parse_number.h"
#include "data/text_schema.h"
#include "data/yaml_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 24;
constexpr int64_t kMaxColumns = 100'000;
constexpr int64_t kMaxIds = int64_t{1} << 40;
constexpr int64_t kMaxListValues = 65536;
constexpr int64_t kUsualListValues = 32;
constexpr int64_t kMaxFrequency = std::numeric_limits<uint32_t>::max();

// One of the choices, the first where the key is not there.
template <class E>
E choice(const YamlFields& fields, const char* key,
         std::initializer_list<std::pair<std::string_view, E>> choices) {
  const YamlValue& value = fields.at(key);
  if (!value.is_there()) return choices.begin()->second;
  const std::string word = value.is_scalar() ? value.text_or_nothing(key) : "";
  std::string names;
  for (const auto& [name, meaning] : choices) {
    if (word == name) return meaning;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  value.expect(false, key, "one of " + names);
  return choices.begin()->second;
}

char separator(const YamlFields& fields, const char* key, char otherwise) {
  const YamlValue& value = fields.at(key);
  if (!value.is_there()) return otherwise;
  const std::string word = value.text_or_nothing(key);
  if (word == "comma") return ',';
  if (word == "tab") return '\t';
  constexpr std::string_view kRefused("\"\r\n\0", 4);
  value.expect(word.size() == 1 && kRefused.find(word[0]) == std::string_view::npos, key,
               "comma, tab or one character other than a quote, an end of line and NUL");
  return word[0];
}

bool boolean(const YamlFields& fields, const char* key, bool otherwise) {
  const YamlValue& value = fields.at(key);
  return value.is_there() ? value.boolean(key) : otherwise;
}

int64_t integer(const YamlFields& fields, const char* key, int64_t max, int64_t otherwise) {
  const YamlValue& value = fields.at(key);
  return value.is_there() ? value.integer(key, 1, max) : otherwise;
}

class SchemaFile {
 public:
  SchemaFile(const YamlValue& root, const std::string& origin)
      : root_(root),
        keys_(root.fields("schema",
                          {"label", "separator?", "header?", "quotes?", "columns?", "missing?",
                           "numerical?", "categorical?", "time?", "hash?", "min_frequency?"})) {
    out_.origin = origin;
  }

  TextSchema read() {
    read_layout();
    read_label();
    for (const YamlValue& entry : groups("numerical")) read_numerical(entry);
    for (const YamlValue& entry : groups("categorical")) read_categorical(entry);
    if (const YamlValue& time = keys_.at("time"); time.is_there()) {
      std::vector<ColumnRef> refs = refs_of(time);
      time.expect(refs.size() == 1, "time", "one column");
      out_.time = std::move(refs);
    }
    if (out_.schema.numerical.empty() && out_.schema.categorical.empty()) {
      root_.fail("schema", "a label alone", "a column under numerical or categorical");
    }
    return std::move(out_);
  }

 private:
  void read_layout() {
    out_.separator = separator(keys_, "separator", ',');
    out_.header = boolean(keys_, "header", false);
    out_.quotes = boolean(keys_, "quotes", out_.separator == ',');
    out_.missing = {""};
    if (const YamlValue& missing = keys_.at("missing"); missing.is_there()) {
      for (const YamlValue& one : missing.items("missing")) {
        out_.missing.push_back(one.text_or_nothing("missing"));
      }
    }
    const YamlValue& columns = keys_.at("columns");
    if (!columns.is_there()) return;
    columns.expect(!out_.header, "columns", "no names beside header: true");
    for (const YamlValue& one : columns.items("columns")) {
      const std::string name = one.text("columns");
      one.expect(std::find(names_.begin(), names_.end(), name) == names_.end(), "columns",
                 "names that differ");
      names_.push_back(name);
    }
    if (names_.empty()) columns.fail("columns", "an empty list", "a name at least");
    out_.num_columns = names_.size();
  }

  // The columns that a scalar names: a name, a 1-based place 3 or places 3-9.
  std::vector<ColumnRef> refs_of(const YamlValue& value) const {
    value.expect(value.is_scalar(), "column", "a name, a place or first-last");
    const std::string word = value.text("column");
    const std::string_view text = word;
    const size_t dash = text.find('-');
    int64_t first = 0, last = 0;
    const bool places = !value.is_quoted() && parse_number(text.substr(0, dash), first) &&
                        parse_number(text.substr(dash == std::string::npos ? 0 : dash + 1), last);
    if (places) return refs_of_places(value, first, last);
    if (out_.header) return {{word, 0, value.place()}};
    const auto found = std::find(names_.begin(), names_.end(), word);
    value.expect(found != names_.end(), "column",
                 names_.empty() ? "a place, for there is neither header: true nor a list of columns"
                                : "a name of the list of columns");
    return {{"", static_cast<size_t>(found - names_.begin()), value.place()}};
  }

  std::vector<ColumnRef> refs_of_places(const YamlValue& value, int64_t first, int64_t last) const {
    const int64_t end = names_.empty() ? kMaxColumns : std::ssize(names_);
    value.expect(1 <= first && first <= last && last <= end, "column",
                 fmt::format("places from 1 to {}", end));
    std::vector<ColumnRef> refs;
    for (int64_t p = first; p <= last; ++p) {
      refs.push_back({"", static_cast<size_t>(p - 1), value.place()});
    }
    return refs;
  }

  // Those of a group: the scalar itself, or what its key `columns` has, a scalar or a list.
  std::vector<ColumnRef> group_refs(const YamlValue& columns) const {
    if (columns.is_scalar()) return refs_of(columns);
    std::vector<ColumnRef> all;
    columns.expect(columns.is_list(), "columns", "a column or a list of them");
    for (const YamlValue& one : columns.items("columns")) {
      for (ColumnRef& ref : refs_of(one)) all.push_back(std::move(ref));
      one.expect(std::ssize(all) <= kMaxColumns, "columns",
                 fmt::format("at most {} columns in all", kMaxColumns));
    }
    if (all.empty()) columns.fail("columns", "an empty list", "a column at least");
    return all;
  }

  std::vector<YamlValue> groups(const char* key) const {
    const YamlValue& list = keys_.at(key);
    if (!list.is_there()) return {};
    list.expect(list.is_list(), key, "a list of columns and groups of them");
    std::vector<YamlValue> all = list.items(key);
    for (const YamlValue& one : all) {
      one.expect(one.is_scalar() || one.is_map(), key, "a column, or a group with the key columns");
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

  void read_label() {
    const YamlValue& label = keys_.at("label");
    label.expect(label.is_scalar() || label.is_map(), "label", "a column, or keys with values");
    YamlFields fields;
    if (label.is_map()) fields = label.fields("label", {"column", "at_least?", "equals?", "type?"});
    const YamlValue& column = label.is_map() ? fields.at("column") : label;
    std::vector<ColumnRef> refs = refs_of(column);
    column.expect(refs.size() == 1, "label", "one column");
    add(std::move(refs[0]), TextColumn::Role::kLabel, ColumnType::kText, 0);
    out_.schema.label.name = out_.columns.back().name;
    if (label.is_map()) read_label_rule(label, fields);
  }

  void read_label_rule(const YamlValue& label, const YamlFields& fields) {
    const YamlValue &at_least = fields.at("at_least"), &equals = fields.at("equals");
    const bool number = choice<bool>(fields, "type", {{"class", false}, {"float", true}});
    label.expect(number + at_least.is_there() + equals.is_there() <= 1, "label",
                 "at most one of at_least, equals and type: float");
    if (number) {
      out_.label.kind = LabelRule::Kind::kNumber;
      out_.schema.label.type = ColumnType::kFloat32;
    }
    if (at_least.is_there()) {
      out_.label = {LabelRule::Kind::kAtLeast, at_least.number("at_least"), ""};
    }
    if (equals.is_there()) {
      out_.label = {LabelRule::Kind::kEquals, 0, equals.text_or_nothing("equals")};
    }
  }

  void read_numerical(const YamlValue& group) {
    ColumnType type = ColumnType::kFloat64;
    Transform transform = Transform::kLog1p;
    YamlFields fields;
    if (group.is_map()) {
      fields = group.fields("group", {"columns", "type?", "transform?"});
      type = choice<ColumnType>(fields, "type",
                                {{"float", ColumnType::kFloat64}, {"int", ColumnType::kInt64}});
      transform = choice<Transform>(
          fields, "transform",
          {{"log1p", Transform::kLog1p}, {"log3p", Transform::kLog3p}, {"none", Transform::kNone}});
    }
    std::vector<NumericalColumn>& all = out_.schema.numerical;
    for (ColumnRef& ref : group_refs(group.is_map() ? fields.at("columns") : group)) {
      const TextColumn& column =
          add(std::move(ref), TextColumn::Role::kNumerical, type, all.size());
      all.push_back({column.name, type, Transform::kNone, transform});
    }
  }

  // How the file's own keys make row ids, where a group's do not.
  void read_default_rule(TextColumn& column) const {
    column.hash_rows = integer(keys_, "hash", kMaxIds, 0);
    column.min_frequency = integer(keys_, "min_frequency", kMaxFrequency, 0);
    if (column.hash_rows > 0 && column.min_frequency > 0) {
      root_.fail("ids", "hash and min_frequency", "at most one of them");
    }
  }

  // The keys of a group but `columns`.
  TextColumn read_rules(const YamlValue& group, const YamlFields& fields) const {
    TextColumn column;
    column.type = choice<ColumnType>(
        fields, "type",
        {{"text", ColumnType::kText}, {"int", ColumnType::kInt64}, {"hex", ColumnType::kHex32}});
    column.list_separator = separator(fields, "list", '\0');
    const bool list = column.list_separator != '\0';
    fields.at("list").expect(column.list_separator != out_.separator, "list",
                             "another separator than that of columns");
    fields.at("max_values")
        .expect(list || !fields.at("max_values").is_there(), "max_values", "it only beside list");
    column.max_values = integer(fields, "max_values", kMaxListValues, list ? kUsualListValues : 1);
    column.empty_is_zero = !list;
    column.hash_rows = integer(fields, "hash", kMaxIds, 0);
    column.cardinality = integer(fields, "cardinality", kMaxIds, 0);
    column.min_frequency = integer(fields, "min_frequency", kMaxFrequency, 0);
    const int rules =
        (column.hash_rows > 0) + (column.cardinality > 0) + (column.min_frequency > 0);
    if (rules > 1) {
      group.fail("ids", fmt::format("{} rules", rules),
                 "at most one of hash, cardinality and min_frequency");
    }
    fields.at("cardinality")
        .expect(column.cardinality == 0 || column.type != ColumnType::kText, "cardinality",
                "type: int or type: hex beside it");
    if (rules == 0) read_default_rule(column);
    return column;
  }

  void read_categorical(const YamlValue& group) {
    TextColumn rules;
    YamlFields fields;
    if (group.is_map()) {
      fields = group.fields("group", {"columns", "type?", "list?", "max_values?", "hash?",
                                      "cardinality?", "min_frequency?"});
      rules = read_rules(group, fields);
    } else {
      read_default_rule(rules);
    }
    std::vector<CategoricalColumn>& all = out_.schema.categorical;
    for (ColumnRef& ref : group_refs(group.is_map() ? fields.at("columns") : group)) {
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

  const YamlValue root_;
  const YamlFields keys_;
  TextSchema out_;
  std::vector<std::string> names_;  // of `columns`
  std::set<std::string> used_;
};

}  // namespace

TextSchema parse_text_schema(const std::string& yaml, const std::string& origin) {
  return SchemaFile(parse_yaml(yaml, origin), origin).read();
}

TextSchema load_text_schema(const std::string& path) {
  return parse_text_schema(read_small_file(path, kMostBytes), path);
}

TextSchema criteo_or_schema_file(const std::string& path, int64_t max_values) {
  return path.empty() ? criteo_text_schema(kCriteoDense, kCriteoTables, max_values)
                      : load_text_schema(path);
}

}  // namespace hotrow
