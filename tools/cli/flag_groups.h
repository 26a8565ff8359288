// The groups of dlrm_train's flags: each function registers one group with its defaults and ranges.
#pragma once

#include "tools/cli/flag_set.h"
#include "tools/cli/flags.h"

namespace hotrow {

void add_model_flags(FlagSet& flags, ModelOptions& model);
void add_data_flags(FlagSet& flags, DataOptions& data);
void add_training_flags(FlagSet& flags, TrainingOptions& training);
void add_output_flags(FlagSet& flags, OutputOptions& output);
// Flags of the reference that change nothing here, and those that a later release brings.
void add_other_flags(FlagSet& flags);

// Sizes beyond any machine; they keep products of two or three sizes inside int64.
inline constexpr int64_t kMaxRows = int64_t{1} << 40;   // of a table
inline constexpr int64_t kMaxWidth = int64_t{1} << 20;  // of a layer or an embedding
inline constexpr int64_t kMaxBatch = (int64_t{1} << 31) - 1;

}  // namespace hotrow
