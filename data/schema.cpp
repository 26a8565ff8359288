#include "data/schema.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

struct TypeFacts {
  ColumnType type;
  std::string_view name;
  size_t bytes;
};

constexpr std::array kTypes = {
    TypeFacts{ColumnType::kBool, "bool", 1},       TypeFacts{ColumnType::kInt8, "int8", 1},
    TypeFacts{ColumnType::kInt16, "int16", 2},     TypeFacts{ColumnType::kInt32, "int32", 4},
    TypeFacts{ColumnType::kInt64, "int64", 8},     TypeFacts{ColumnType::kUint32, "uint32", 4},
    TypeFacts{ColumnType::kFloat16, "float16", 2}, TypeFacts{ColumnType::kFloat32, "float32", 4},
    TypeFacts{ColumnType::kFloat64, "float64", 8}, TypeFacts{ColumnType::kHex32, "hex32", 0},
    TypeFacts{ColumnType::kText, "text", 0}};

constexpr std::array kTransforms = {std::pair{Transform::kNone, std::string_view("none")},
                                    std::pair{Transform::kLog1p, std::string_view("log1p")},
                                    std::pair{Transform::kLog3p, std::string_view("log3p")}};

const TypeFacts& facts(ColumnType type) { return kTypes[static_cast<size_t>(type)]; }

}  // namespace

std::string_view name_of(ColumnType type) { return facts(type).name; }

std::string_view name_of(Transform transform) {
  return kTransforms[static_cast<size_t>(transform)].second;
}

ColumnType parse_column_type(std::string_view name) {
  std::string names;
  for (const TypeFacts& f : kTypes) {
    if (f.name == name) return f.type;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", f.name);
  }
  throw InvalidArgument(fmt::format("[type] got '{}', expected one of {}", name, names));
}

Transform parse_transform(std::string_view name) {
  for (const auto& [transform, text] : kTransforms) {
    if (text == name) return transform;
  }
  throw InvalidArgument(fmt::format("[transform] got '{}', expected none, log1p or log3p", name));
}

size_t size_of(ColumnType type) { return facts(type).bytes; }

Schema criteo_schema(int64_t num_dense, int64_t num_categorical) {
  Schema schema;
  for (int64_t j = 1; j <= num_dense; ++j) {
    schema.numerical.push_back({.name = fmt::format("I{}", j)});
  }
  for (int64_t t = 1; t <= num_categorical; ++t) {
    schema.categorical.push_back({.name = fmt::format("C{}", t), .type = ColumnType::kHex32});
  }
  return schema;
}

}  // namespace hotrow
