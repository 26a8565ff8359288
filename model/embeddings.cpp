#include "model/embeddings.h"

#include <fmt/format.h>

#include <utility>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding_bag.h"
#include "engine/ops/interaction.h"
#include "engine/ops/linear.h"
#include "engine/ops/sparse_route.h"
#include "kernels/core/parallel.h"

namespace hotrow {

Embeddings::Embeddings(const DlrmConfig& config, Device device)
    : config_(config), device_(device), dims_(config.table_rows.size(), config.dim) {
  if (config.mixed_dimensions)
    dims_ = mixed_dimensions(config.table_rows, config.dim, *config.mixed_dimensions);
  for (size_t t = 0; t < config.table_rows.size(); ++t) add_feature(t);
  if (config.weighted_pooling == WeightedPooling::kNone) return;
  for (size_t t = 0; t < features_.size(); ++t) {
    features_[t].pooling_weights = add(Table(fmt::format("v_W_l.{}", t), features_[t].rows, 1,
                                             config.weighted_pooling == WeightedPooling::kLearned,
                                             TableType::kFloat32, {}, device_));
  }
}

Table* Embeddings::add(Table table) {
  return tables_.emplace_back(std::make_unique<Table>(std::move(table))).get();
}

Table* Embeddings::add_rows(const std::string& name, int64_t rows, int64_t dim) {
  const RoundingKey rounding{config_.seed, static_cast<uint32_t>(tables_.size())};
  return add(Table(name, rows, dim, true, config_.table_type, rounding, device_));
}

void Embeddings::add_feature(size_t t) {
  const int64_t rows = config_.table_rows[t];
  Feature feature;
  feature.rows = rows;
  if (config_.qr && rows > config_.qr->threshold) {
    const int64_t collisions = config_.qr->collisions;
    feature.table =
        add_rows(fmt::format("emb_l.{}.weight_q", t), ceil_div(rows, collisions), config_.dim);
    feature.remainder = add_rows(fmt::format("emb_l.{}.weight_r", t), collisions, config_.dim);
  } else if (config_.mixed_dimensions && rows > config_.mixed_dimensions->threshold) {
    feature.table = add_rows(fmt::format("emb_l.{}.embs.weight", t), rows, dims_[t]);
    if (dims_[t] != config_.dim) feature.projection = fmt::format("emb_l.{}.proj.weight", t);
  } else {
    feature.table = add_rows(fmt::format("emb_l.{}.weight", t), rows, config_.dim);
  }
  features_.push_back(feature);
}

// Quotients and remainders are pooled apart and the two sums combined: the reference's order.
Var Embeddings::quotient_remainder_feature(Tape& tape, const Feature& feature, SparseVar bags) {
  const QuotientRemainder ids = quotient_remainder(tape, bags.ids, config_.qr->collisions);
  const Var q = embedding_bag(tape, {{feature.table, {bags.offsets, ids.quotient}}}, Pooling::kSum);
  const Var r =
      embedding_bag(tape, {{feature.remainder, {bags.offsets, ids.remainder}}}, Pooling::kSum);
  switch (config_.qr->operation) {
    case QrOperation::kMultiply:
      return multiply(tape, q, r);
    case QrOperation::kAdd:
      return hotrow::add(tape, q, r);
    case QrOperation::kConcat:
      break;
  }
  return concat(tape, {q, r});
}

std::vector<Var> Embeddings::features(Tape& tape, std::span<const SparseVar> bags) {
  std::vector<Var> parts;
  std::vector<Lookup> plain;
  const auto flush = [&] {
    if (!plain.empty())
      parts.push_back(embedding_bag(tape, std::exchange(plain, {}), Pooling::kSum));
  };
  for (size_t t = 0; t < features_.size(); ++t) {
    const Feature& feature = features_[t];
    if (feature.remainder != nullptr) {
      flush();
      parts.push_back(quotient_remainder_feature(tape, feature, bags[t]));
    } else if (!feature.projection.empty()) {
      flush();
      const Var pooled = embedding_bag(tape, {{feature.table, bags[t]}}, Pooling::kSum);
      parts.push_back(linear(tape, pooled,
                             tape.parameter(feature.projection, config_.dim, feature.table->dim()),
                             config_.precision));
    } else if (feature.pooling_weights != nullptr) {
      plain.push_back(
          {feature.table, bags[t], gather(tape, *feature.pooling_weights, bags[t].ids)});
    } else {
      plain.push_back({feature.table, bags[t]});
    }
  }
  flush();
  return parts;
}

}  // namespace hotrow
