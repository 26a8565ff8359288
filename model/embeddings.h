// The embedding tables of a model, and how a batch's bags become feature vectors: plain, or
// composed by the quotient-remainder, mixed-dimension or weighted-pooling trick.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/table.h"
#include "engine/tape.h"
#include "model/config.h"

namespace hotrow {

class Embeddings {
 public:
  // Takes memory of `device` for all tables; rows are zero.
  Embeddings(const DlrmConfig& config, Device device);

  // Records the lookups of all features. The parts hold them in table order, each (B, feature_dim)
  // or several of them side by side: neighbouring tables without a trick share one lookup.
  std::vector<Var> features(Tape& tape, std::span<const SparseVar> bags);

  // How one feature is made. Tables: the plain or mixed-dimension one, or quotient and remainder.
  struct Feature {
    int64_t rows = 0;  // ids are in [0, rows)
    Table* table = nullptr;
    Table* remainder = nullptr;        // quotient-remainder
    Table* pooling_weights = nullptr;  // (rows, 1), weighted pooling
    std::string projection;            // mixed dimension: name of the (d0, d) parameter, or empty
  };
  const std::vector<Feature>& list() const { return features_; }
  // Every table, in the order in which the reference lists its parameters.
  const std::vector<std::unique_ptr<Table>>& tables() const { return tables_; }

 private:
  Table* add(Table table);
  Table* add_rows(const std::string& name, int64_t rows, int64_t dim);
  void add_feature(size_t t);
  Var quotient_remainder_feature(Tape& tape, const Feature& feature, SparseVar bags);

  DlrmConfig config_;
  Device device_;
  std::vector<int64_t> dims_;  // a table
  std::vector<Feature> features_;
  std::vector<std::unique_ptr<Table>> tables_;
};

}  // namespace hotrow
