// What the columns of a data set are: the one description that all formats share.
//
// A file of clicks has one label, numerical columns and categorical columns. Formats differ in how
// they store them and in what they know about them; a Schema says both, so that a data set can be
// read, checked, converted and trained on without its format being named again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

// How a file stores a value.
enum class ColumnType {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint32,
  kFloat16,
  kFloat32,
  kFloat64,
  kHex32,  // up to 8 hexadecimal digits of text
  kText,
};

// What a model gets for a stored number x; a missing value becomes 0 after it. Both logarithms take
// max(x, 0): natural, in float32.
enum class Transform {
  kNone,
  kLog1p,  // log(x + 1): facebookresearch/dlrm, MLPerf
  kLog3p,  // log(x + 3): NVIDIA's DLRM, TorchRec
};

struct LabelColumn {
  std::string name = "label";
  ColumnType type = ColumnType::kInt32;
};

struct NumericalColumn {
  std::string name;
  ColumnType type = ColumnType::kInt32;
  Transform applied = Transform::kNone;  // is in the stored values already
  Transform transform =
      Transform::kLog1p;  // what training wants, applied when read unless `applied`
};

struct CategoricalColumn {
  std::string name;
  ColumnType type = ColumnType::kInt32;
  int64_t cardinality = 0;    // ids are in [0, cardinality); 0: not known
  int64_t hotness = 1;        // ids of a sample, at the most
  bool fixed_hotness = true;  // each sample has exactly `hotness` ids
};

struct Schema {
  LabelColumn label;
  std::vector<NumericalColumn> numerical;      // in the order in which the model gets them
  std::vector<CategoricalColumn> categorical;  // one a table, in table order

  size_t num_dense() const { return numerical.size(); }
  size_t num_tables() const { return categorical.size(); }
};

std::string_view name_of(ColumnType type);      // "int32", "hex32", ...
std::string_view name_of(Transform transform);  // "none", "log1p", "log3p"
// InvalidArgument that lists the names, for anything else.
ColumnType parse_column_type(std::string_view name);
Transform parse_transform(std::string_view name);

// Bytes of one value; 0 for text of any kind.
size_t size_of(ColumnType type);

// A raw Criteo file's columns: label, I1 .. I13 (log1p), C1 .. C26 of kHex32.
Schema criteo_schema(int64_t num_dense = 13, int64_t num_categorical = 26);

}  // namespace hotrow
