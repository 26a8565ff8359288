#include "data/schema_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxHotness = std::numeric_limits<int32_t>::max();

Json to_json(const NumericalColumn& c) {
  return {{"name", c.name},
          {"type", name_of(c.type)},
          {"applied", name_of(c.applied)},
          {"transform", name_of(c.transform)}};
}

Json to_json(const CategoricalColumn& c) {
  return {{"name", c.name},
          {"type", name_of(c.type)},
          {"cardinality", c.cardinality},
          {"hotness", c.hotness},
          {"fixed_hotness", c.fixed_hotness}};
}

std::string text_of(const Json& json, const char* key) { return json.at(key).get<std::string>(); }

int64_t integer_of(const Json& json, const char* key, int64_t min, int64_t max) {
  const Json& value = json.at(key);
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(kMaxInt)) &&
      value.get<int64_t>() >= min && value.get<int64_t>() <= max;
  require<DataError>(fits, "{}: got {}, expected an integer from {} to {}", key, value.dump(), min,
                     max);
  return value.get<int64_t>();
}

NumericalColumn numerical_from(const Json& json) {
  return {.name = text_of(json, "name"),
          .type = parse_column_type(text_of(json, "type")),
          .applied = parse_transform(text_of(json, "applied")),
          .transform = parse_transform(text_of(json, "transform"))};
}

CategoricalColumn categorical_from(const Json& json) {
  return {.name = text_of(json, "name"),
          .type = parse_column_type(text_of(json, "type")),
          .cardinality = integer_of(json, "cardinality", 0, kMaxInt),
          .hotness = integer_of(json, "hotness", 1, kMaxHotness),
          .fixed_hotness = json.at("fixed_hotness").get<bool>()};
}

Schema schema_from(const Json& json) {
  Schema schema;
  const Json& label = json.at("label");
  schema.label = {.name = text_of(label, "name"),
                  .type = parse_column_type(text_of(label, "type"))};
  for (const Json& column : json.at("numerical")) {
    schema.numerical.push_back(numerical_from(column));
  }
  for (const Json& column : json.at("categorical")) {
    schema.categorical.push_back(categorical_from(column));
  }
  return schema;
}

}  // namespace

std::string schema_to_json(const Schema& schema) {
  Json json;
  json["label"] = {{"name", schema.label.name}, {"type", name_of(schema.label.type)}};
  json["numerical"] = Json::array();
  for (const NumericalColumn& c : schema.numerical) json["numerical"].push_back(to_json(c));
  json["categorical"] = Json::array();
  for (const CategoricalColumn& c : schema.categorical) json["categorical"].push_back(to_json(c));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Schema schema_from_json(std::string_view text, std::string_view source) {
  try {
    return schema_from(Json::parse(text));
  } catch (const std::exception& e) {  // of the library, of a name, of a number
    throw DataError(fmt::format("[{}] no schema: {}", source, e.what()));
  }
}

}  // namespace hotrow
