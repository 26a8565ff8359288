#include "data/yaml_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <sstream>

#include "data/excerpt.h"
#include "data/parse_number.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::string place_of(std::string_view file, const YAML::Mark& mark) {
  return mark.is_null() ? fmt::format("{}", file)
                        : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

// Where documents begin, and nothing else of them.
struct DocumentStarts : YAML::EventHandler {
  using Mark = YAML::Mark;
  using Anchor = YAML::anchor_t;
  using Style = YAML::EmitterStyle::value;

  void OnDocumentStart(const Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, Anchor) override {}
  void OnAlias(const Mark&, Anchor) override {}
  void OnScalar(const Mark&, const std::string&, Anchor, const std::string&) override {}
  void OnSequenceStart(const Mark&, const std::string&, Anchor, Style) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark&, const std::string&, Anchor, Style) override {}
  void OnMapEnd() override {}

  std::vector<Mark> marks;
};

// The key of `fields` without the '?' that it may end in.
std::string_view name_of_key(std::string_view key) {
  return key.ends_with('?') ? key.substr(0, key.size() - 1) : key;
}

}  // namespace

std::string YamlValue::place() const { return place_of(file_, node_.Mark()); }

void YamlValue::fail(std::string_view subject, std::string_view got,
                     std::string_view expected) const {
  throw DataError(fmt::format("[{}] bad {}: got {}, expected {}", place(), subject, got, expected));
}

void YamlValue::expect(bool ok, std::string_view subject, std::string_view expected) const {
  if (!ok) fail(subject, describe(), expected);
}

std::string YamlValue::describe() const {
  switch (node_.Type()) {
    case YAML::NodeType::Map:
      return "keys with values";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return quoted_excerpt(node_.Scalar());
    default:
      return "nothing";
  }
}

std::vector<YamlEntry> YamlValue::entries(std::string_view subject) const {
  expect(is_map(), subject, "keys with values");
  std::vector<YamlEntry> entries;
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const YamlValue key(entry.first, file_);
    std::string name = key.text(subject);
    if (!seen.insert(name).second) {
      key.fail(subject, quoted_excerpt(name) + " twice", "each key once");
    }
    entries.push_back({std::move(name), key, YamlValue(entry.second, file_)});
  }
  return entries;
}

YamlFields YamlValue::fields(std::string_view subject,
                             std::initializer_list<std::string_view> keys) const {
  std::vector<std::string_view> names;
  for (std::string_view key : keys) names.push_back(name_of_key(key));
  YamlFields found;
  for (const auto& [name, key, value] : entries(subject)) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      key.fail(subject, "the key " + quoted_excerpt(name),
               fmt::format("only {}", fmt::join(names, ", ")));
    }
    found.emplace(name, value);
  }
  for (std::string_view key : keys) {
    const bool added =
        found.emplace(name_of_key(key), YamlValue(YAML::Node(YAML::NodeType::Undefined), file_))
            .second;
    if (added && !key.ends_with('?')) {
      fail(subject, "no key " + quoted_excerpt(key), fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  return found;
}

std::vector<YamlValue> YamlValue::items(std::string_view subject) const {
  expect(is_list(), subject, "a list");
  std::vector<YamlValue> items;
  for (const auto& item : node_) items.emplace_back(item, file_);
  return items;
}

std::string YamlValue::text_or_nothing(std::string_view subject) const {
  expect(is_scalar(), subject,
         is_empty() ? "a text (in quotes if it is NULL or the like)" : "a text");
  return node_.Scalar();
}

std::string YamlValue::text(std::string_view subject) const {
  std::string text = text_or_nothing(subject);
  expect(!text.empty(), subject, "a text");
  return text;
}

bool YamlValue::boolean(std::string_view subject) const {
  const std::string word = is_scalar() ? node_.Scalar() : "";
  expect(word == "true" || word == "false", subject, "true or false");
  return word == "true";
}

int64_t YamlValue::integer(std::string_view subject, int64_t min, int64_t max) const {
  int64_t value = 0;
  const bool fits =
      is_scalar() && parse_number(node_.Scalar(), value) && value >= min && value <= max;
  expect(fits, subject, fmt::format("an integer from {} to {}", min, max));
  return value;
}

double YamlValue::number(std::string_view subject) const {
  double value = 0;
  const bool ok = is_scalar() && YAML::convert<double>::decode(node_, value);
  expect(ok && std::isfinite(value), subject, "a number");
  return value;
}

YamlValue parse_yaml(const std::string& text, std::string_view file) {
  try {
    // YAML::Load stops where the first document does, and LoadAll may go on for ever behind it.
    std::istringstream input(text);
    YAML::Parser parser(input);
    DocumentStarts starts;
    while (starts.marks.size() < 2 && parser.HandleNextDocument(starts)) {
    }
    if (starts.marks.size() == 2) {
      throw DataError(fmt::format("[{}] bad YAML: got more after the document, expected its end",
                                  place_of(file, starts.marks[1])));
    }
    return {YAML::Load(text), file};
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("[{}] bad YAML: got {}, expected a document that can be parsed",
                                place_of(file, error.mark), quoted_excerpt(error.msg)));
  }
}

std::string yaml_quoted(std::string_view text) {
  constexpr std::array<std::string_view, 10> kWords = {"true", "false", "null", "yes", "no",
                                                       "on",   "off",   "y",    "n",   "nan"};
  std::string lower(text);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool plain =
      !lower.empty() && is_letter(lower[0]) &&
      std::all_of(
          lower.begin(), lower.end(),
          [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/'; }) &&
      std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
  if (plain) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace hotrow
