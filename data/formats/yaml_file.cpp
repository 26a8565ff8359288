#include "data/formats/yaml_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "data/criteo_line.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::string place(std::string_view file, const YAML::Mark& mark) {
  return mark.is_null() ? fmt::format("{}", file)
                        : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

}  // namespace

void YamlValue::fail(std::string_view subject, std::string_view got,
                     std::string_view expected) const {
  throw DataError(fmt::format("[{}] bad {}: got {}, expected {}", place(file_, node_.Mark()),
                              subject, got, expected));
}

std::string YamlValue::describe() const {
  switch (node_.Type()) {
    case YAML::NodeType::Map:
      return "a map";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return quoted_excerpt(node_.Scalar());
    default:
      return "nothing";
  }
}

std::vector<std::pair<std::string, YamlValue>> YamlValue::entries(std::string_view subject) const {
  if (!is_map()) fail(subject, describe(), "a map");
  std::vector<std::pair<std::string, YamlValue>> entries;
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const YamlValue key(entry.first, file_);
    std::string name = key.text(subject);
    if (!seen.insert(name).second)
      key.fail(subject, quoted_excerpt(name) + " twice", "each key once");
    entries.emplace_back(std::move(name), YamlValue(entry.second, file_));
  }
  return entries;
}

std::vector<YamlValue> YamlValue::fields(std::string_view subject,
                                         std::initializer_list<std::string_view> keys) const {
  std::vector<YamlValue> values(keys.size(), YamlValue(YAML::Node(), file_));
  std::vector<bool> found(keys.size(), false);
  std::string names;
  for (std::string_view key : keys) names += fmt::format("{}{}", names.empty() ? "" : ", ", key);
  for (auto& entry : entries(subject)) {
    const std::string& name = entry.first;
    YamlValue& value = entry.second;
    const auto key = std::find_if(keys.begin(), keys.end(), [&](std::string_view k) {
      return k == name || (k.ends_with('?') && k.substr(0, k.size() - 1) == name);
    });
    if (key == keys.end()) value.fail(subject, "the key " + quoted_excerpt(name), "only " + names);
    values[static_cast<size_t>(key - keys.begin())] = value;
    found[static_cast<size_t>(key - keys.begin())] = true;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view key = keys.begin()[i];
    if (!found[i] && !key.ends_with('?')) fail(subject, "no key " + quoted_excerpt(key), names);
  }
  return values;
}

std::vector<YamlValue> YamlValue::items(std::string_view subject) const {
  if (!is_list()) fail(subject, describe(), "a list");
  std::vector<YamlValue> items;
  for (const auto& item : node_) items.emplace_back(item, file_);
  return items;
}

std::string YamlValue::text(std::string_view subject) const {
  if (!node_.IsScalar() || node_.Scalar().empty()) fail(subject, describe(), "a text");
  return node_.Scalar();
}

int64_t YamlValue::integer(std::string_view subject, int64_t min, int64_t max) const {
  const std::string digits = node_.IsScalar() ? node_.Scalar() : "";
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end || value < min || value > max) {
    fail(subject, describe(), fmt::format("an integer from {} to {}", min, max));
  }
  return value;
}

YamlValue parse_yaml(const std::string& text, std::string_view file) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    require<DataError>(documents.size() == 1, "[{}] got {} YAML documents, expected one", file,
                       documents.size());
    return {documents[0], file};
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("[{}] bad YAML: got {}, expected a document that can be parsed",
                                place(file, error.mark), quoted_excerpt(error.msg)));
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
