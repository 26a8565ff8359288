// The names of --table-dtype.
#pragma once

#include "kernels/core/table_rows.h"
#include "tools/cli/flag_set.h"

namespace hotrow {

inline FlagSet::Choices<TableType> table_types() {
  FlagSet::Choices<TableType> types;
  for (TableType type :
       {TableType::kFloat32, TableType::kSplitBf16, TableType::kBf16, TableType::kFp16}) {
    types.emplace_back(table_type_name(type), type);
  }
  return types;
}

}  // namespace hotrow
