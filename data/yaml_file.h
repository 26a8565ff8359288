// Strict reading of small YAML files: every error is a DataError that names file:line:column.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotrow {

class YamlValue;
struct YamlEntry;
using YamlFields = std::map<std::string, YamlValue, std::less<>>;

// A value and the file that it stands in, whose name must outlive it.
class YamlValue {
 public:
  YamlValue(YAML::Node node, std::string_view file) : node_(std::move(node)), file_(file) {}

  // Throws: "[file:line:column] bad SUBJECT: got ..., expected ...".
  [[noreturn]] void fail(std::string_view subject, std::string_view got,
                         std::string_view expected) const;
  // The same with the value itself as what was got, unless `ok`.
  void expect(bool ok, std::string_view subject, std::string_view expected) const;

  // False for a field that the file does not have.
  bool is_there() const { return node_.IsDefined(); }
  // Whether it is there without a value: "key:" or "key: null".
  bool is_empty() const { return node_.IsNull(); }
  bool is_map() const { return node_.IsMap(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_scalar() const { return node_.IsScalar(); }
  bool is_quoted() const { return node_.Tag() == "!"; }
  // "file:line:column".
  std::string place() const;

  // The entries of a map in the order of the file; keys are texts, each once.
  std::vector<YamlEntry> entries(std::string_view subject) const;
  // The values of exactly `keys`; fails for a missing or another key. Those that end in '?' may be
  // missing.
  YamlFields fields(std::string_view subject, std::initializer_list<std::string_view> keys) const;
  std::vector<YamlValue> items(std::string_view subject) const;
  // Of a scalar.
  std::string text_or_nothing(std::string_view subject) const;
  std::string text(std::string_view subject) const;  // never empty
  bool boolean(std::string_view subject) const;
  int64_t integer(std::string_view subject, int64_t min, int64_t max) const;
  double number(std::string_view subject) const;  // finite

 private:
  std::string describe() const;

  YAML::Node node_;
  std::string_view file_;
};

struct YamlEntry {
  std::string name;
  YamlValue key, value;
};

// The one document of `text`. DataError on what is no YAML.
YamlValue parse_yaml(const std::string& text, std::string_view file);

// A scalar as YAML text: plain where that is safe, else in double quotes.
std::string yaml_quoted(std::string_view text);

}  // namespace hotrow
