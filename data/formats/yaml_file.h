// Strict reading of small YAML files: every error is a DataError that names file:line:column.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotrow {

// A value and the file that it stands in, which must outlive it.
class YamlValue {
 public:
  YamlValue(YAML::Node node, std::string_view file) : node_(std::move(node)), file_(file) {}

  // Throws: "[file:line:column] bad SUBJECT: got ..., expected ...".
  [[noreturn]] void fail(std::string_view subject, std::string_view got,
                         std::string_view expected) const;

  bool is_map() const { return node_.IsMap(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_empty() const { return node_.IsNull(); }
  // The entries of a map in the order of the file; keys are texts, each once.
  std::vector<std::pair<std::string, YamlValue>> entries(std::string_view subject) const;
  // The values of exactly `keys`, in their order; fails for a missing or another key. Those that
  // end in '?' may be missing and are an empty value then.
  std::vector<YamlValue> fields(std::string_view subject,
                                std::initializer_list<std::string_view> keys) const;
  std::vector<YamlValue> items(std::string_view subject) const;
  // Of a scalar, never empty.
  std::string text(std::string_view subject) const;
  int64_t integer(std::string_view subject, int64_t min, int64_t max) const;

 private:
  std::string describe() const;

  YAML::Node node_;
  std::string_view file_;
};

// The one document of `text`. DataError on what is no YAML.
YamlValue parse_yaml(const std::string& text, std::string_view file);

// A scalar as YAML text: plain where that is safe, else in double quotes.
std::string yaml_quoted(std::string_view text);

}  // namespace hotrow
