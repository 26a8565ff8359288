// A whole DLRM in double, one scalar at a time: model/dlrm.h and the engine are tested against
// this.
//
// Nothing here is blocked, batched or derived by hand: a sample becomes a graph of scalars
// (tests/reference/scalar_graph.h), and gradients follow from the graph by the chain rule. Every
// number carries a bound of what fp32 arithmetic may do to it.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/batch.h"
#include "kernels/update_rule.h"
#include "model/config.h"
#include "tests/reference/scalar_graph.h"

namespace hotrow::reference {

class DlrmRef {
 public:
  // The layout of `config` is not trusted: tables and layers are what `add` brings.
  explicit DlrmRef(const DlrmConfig& config) : config_(config), one_(graph_.leaf({1, 0})) {}

  // A table or a dense parameter under its name in the reference, row-major.
  void add(const std::string& name, std::span<const float> values, int64_t cols,
           bool trainable = true) {
    Parameter p{graph_.size(), static_cast<int64_t>(values.size()), cols, trainable, {}};
    for (float v : values) graph_.leaf({v, 0});
    parameters_.emplace(name, std::move(p));
    leaves_ = graph_.size();
  }

  struct Result {
    std::vector<Value> predictions;
    Value loss;  // mean over the batch
  };
  // Forward, and if `gradients`, the gradients of all parameters.
  Result run(const Batch& batch, bool gradients) {
    if (gradients) graph_.clear_gradients();
    return accumulate(batch, gradients);
  }
  // The same, but gradients add to those that are there.
  Result accumulate(const Batch& batch, bool gradients = true) {
    const double scale = 1.0 / static_cast<double>(batch.rows);
    Result result;
    Sum total;
    for (int64_t b = 0; b < batch.rows; ++b) {
      const int p = predict(batch, b);
      const int l = sample_loss(p, batch.labels[static_cast<size_t>(b)]);
      result.predictions.push_back(graph_.value(p));
      total.add(graph_.value(l), {scale, 0});
      if (gradients) graph_.backward(l, scale, leaves_);
      graph_.shrink(leaves_);
    }
    result.loss = total.value();
    return result;
  }

  std::vector<Value> values(const std::string& name) const { return read(name, &Graph::value); }
  std::vector<Value> gradients(const std::string& name) const {
    return read(name, &Graph::gradient);
  }
  double value(const std::string& name, int64_t i) const { return graph_.value(leaf(name, i)).v; }
  void set(const std::string& name, int64_t i, double value) {
    graph_.set_leaf(leaf(name, i), {value, 0});
  }

  // SGD, Adagrad or row-wise Adagrad with the gradients that are there.
  void update(const UpdateRule& rule) {
    for (auto& [name, p] : parameters_) {
      if (!p.trainable) continue;
      const bool table = name.starts_with("emb_l") && name.find(".proj") == std::string::npos;
      const bool by_row = rule.kind == UpdateKind::kRowwiseAdagrad && table;
      p.state.resize(static_cast<size_t>(p.size));
      for (int64_t row = 0; row < p.size / p.cols; ++row) update_row(p, row, by_row, rule);
    }
  }

 private:
  struct Parameter {
    int first;  // leaf of its first value
    int64_t size, cols;
    bool trainable;
    std::vector<Value> state;
  };
  using Nodes = std::vector<int>;

  bool has(const std::string& name) const { return parameters_.contains(name); }
  int leaf(const std::string& name, int64_t i) const {
    return parameters_.at(name).first + static_cast<int>(i);
  }
  int leaf(const std::string& name, int64_t row, int64_t col) const {
    return leaf(name, row * parameters_.at(name).cols + col);
  }
  std::vector<Value> read(const std::string& name, Value (Graph::*get)(int) const) const {
    std::vector<Value> all;
    for (int64_t i = 0; i < parameters_.at(name).size; ++i)
      all.push_back((graph_.*get)(leaf(name, i)));
    return all;
  }

  int relu(int x) {
    const Value v = graph_.value(x);
    const bool unsure = std::abs(v.v) <= v.e;  // fp32 may stand on the other side of the kink
    return graph_.function(x, {std::max(v.v, 0.0), v.v > 0 || unsure ? v.e : 0},
                           {v.v > 0 ? 1.0 : 0.0, unsure ? 1.0 : 0.0});
  }
  // Where fp32 rounds 1 / (1 + e^-x) to 1 for sure, so does this: logarithms of 1 - p see the
  // difference.
  int sigmoid(int x) {
    const Value v = graph_.value(x);
    const double y = 1 / (1 + std::exp(-v.v)), slope = y * (1 - y);
    if (1 - y + slope * v.e < kEps / 8) return graph_.function(x, {1, 0}, {0, 0});
    const double e = slope * v.e + 4 * kEps * y;
    return graph_.function(x, {y, e}, {slope, std::abs(1 - 2 * y) * e + 2 * kEps * slope});
  }

  Nodes mlp(const std::string& name, Nodes x, const std::function<int(int)>& last) {
    for (int layer = 0; has(name + "." + std::to_string(layer) + ".weight"); layer += 2) {
      const std::string prefix = name + "." + std::to_string(layer);
      const bool is_last = !has(name + "." + std::to_string(layer + 2) + ".weight");
      Nodes y;
      for (int64_t n = 0; n < parameters_.at(prefix + ".bias").size; ++n) {
        std::vector<std::pair<int, int>> terms{{leaf(prefix + ".bias", n), one_}};
        for (size_t k = 0; k < x.size(); ++k)
          terms.push_back({leaf(prefix + ".weight", n, int64_t(k)), x[k]});
        const int sum = graph_.dot(terms);
        y.push_back(is_last ? last(sum) : relu(sum));
      }
      x = y;
    }
    return x;
  }

  // Sum over the bag of row id / divide % modulo, each times its pooling weight.
  Nodes bag(const std::string& table, std::span<const int64_t> ids, int64_t divide, int64_t modulo,
            const std::string& weights = {}) {
    Nodes y;
    for (int64_t d = 0; d < parameters_.at(table).cols; ++d) {
      std::vector<std::pair<int, int>> terms;
      for (int64_t id : ids) {
        terms.push_back(
            {leaf(table, id / divide % modulo, d), weights.empty() ? one_ : leaf(weights, id)});
      }
      y.push_back(graph_.dot(terms));
    }
    return y;
  }

  Nodes feature(size_t t, std::span<const int64_t> ids) {
    const std::string emb = "emb_l." + std::to_string(t), pooling = "v_W_l." + std::to_string(t);
    const int64_t all = config_.table_rows[t];
    if (has(emb + ".weight"))
      return bag(emb + ".weight", ids, 1, all, has(pooling) ? pooling : std::string());
    if (has(emb + ".weight_q")) {
      const int64_t c = config_.qr->collisions;
      return combine(bag(emb + ".weight_q", ids, c, all), bag(emb + ".weight_r", ids, 1, c));
    }
    const Nodes narrow = bag(emb + ".embs.weight", ids, 1, all);
    const std::string projection = emb + ".proj.weight";
    if (!has(projection)) return narrow;
    Nodes y;
    for (int64_t n = 0; n < parameters_.at(projection).size / parameters_.at(projection).cols;
         ++n) {
      std::vector<std::pair<int, int>> terms;
      for (size_t k = 0; k < narrow.size(); ++k)
        terms.push_back({leaf(projection, n, int64_t(k)), narrow[k]});
      y.push_back(graph_.dot(terms));
    }
    return y;
  }

  Nodes combine(Nodes q, const Nodes& r) {
    const QrOperation operation = config_.qr->operation;
    if (operation == QrOperation::kConcat) {
      q.insert(q.end(), r.begin(), r.end());
      return q;
    }
    for (size_t d = 0; d < q.size(); ++d) {
      q[d] = operation == QrOperation::kAdd ? graph_.dot({{q[d], one_}, {r[d], one_}})
                                            : graph_.dot({{q[d], r[d]}});
    }
    return q;
  }

  Nodes interact(const std::vector<Nodes>& features) {
    Nodes z;
    if (config_.interaction == Interaction::kCat) {
      for (const Nodes& x : features) z.insert(z.end(), x.begin(), x.end());
      return z;
    }
    z = features[0];
    for (size_t i = 0; i < features.size(); ++i) {
      for (size_t j = 0; j < i + (config_.self_interaction ? 1 : 0); ++j) {
        std::vector<std::pair<int, int>> terms;
        for (size_t d = 0; d < features[i].size(); ++d)
          terms.push_back({features[i][d], features[j][d]});
        z.push_back(graph_.dot(terms));
      }
    }
    return z;
  }

  int predict(const Batch& batch, int64_t b) {
    const size_t width = batch.dense.size() / static_cast<size_t>(batch.rows),
                 row = static_cast<size_t>(b);
    Nodes dense;
    for (size_t i = 0; i < width; ++i)
      dense.push_back(graph_.leaf({batch.dense[row * width + i], 0}));
    std::vector<Nodes> features{mlp("bot_l", dense, [&](int x) { return relu(x); })};
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      const SparseFeature& s = batch.sparse[t];
      const int64_t begin = s.offsets[row], end = s.offsets[row + 1];
      features.push_back(feature(t, std::span(s.ids).subspan(size_t(begin), size_t(end - begin))));
    }
    const bool logits = config_.loss.kind == LossKind::kBceWithLogits;
    return mlp("top_l", interact(features), [&](int x) { return logits ? x : sigmoid(x); })[0];
  }

  // The loss as a function of the prediction, or of its logit where the two slopes would cancel.
  int sample_loss(int prediction, double target) {
    const LossKind kind = config_.loss.kind;
    if (kind == LossKind::kBce || kind == LossKind::kWeightedBce)
      return cross_entropy(prediction, target);
    const Value p = graph_.value(prediction);
    if (kind == LossKind::kMse) return squared_error(prediction, p, target);
    const double s = 1 / (1 + std::exp(-p.v));
    const double y = -target * std::log(s) - (1 - target) * std::log(1 - s);
    return graph_.function(prediction, {y, std::abs(s - target) * p.e + 2 * kEps * y},
                           {s - target, s * (1 - s) * p.e + 2 * kEps * std::abs(s - target)});
  }
  int squared_error(int prediction, Value p, double target) {
    const auto [x, clamped] = clamp(p.v);
    const double slope = 2 * (x - target), e = std::abs(slope) * p.e + 2 * kEps * slope * slope;
    return graph_.function(prediction, {slope * slope / 4, e},
                           clamped ? Value{} : Value{slope, 2 * p.e + 2 * kEps * std::abs(slope)});
  }
  // d/dlogit = dl/dp p (1 - p) = p - T, but 0 where p (1 - p) is 0; logarithms end at -100.
  int cross_entropy(int prediction, double target) {
    const LossConfig& c = config_.loss;
    const double w = c.kind == LossKind::kBce ? 1 : target < 1 ? c.weight0 : c.weight1;
    const Value p = graph_.value(prediction);
    const auto [x, clamped] = clamp(p.v);
    const double y =
        -target * std::max(std::log(x), -100.0) - (1 - target) * std::max(std::log(1 - x), -100.0);
    const double q = std::max(x * (1 - x), 1e-12);
    const double slope = (x - target) / q * p.v * (1 - p.v);
    const double e = p.e + 4 * kEps * std::abs(slope);
    return graph_.function(graph_.operand(prediction),
                           {w * y, w * (std::abs(x - target) / q * p.e + 2 * kEps * y)},
                           clamped || p.v == 1 ? Value{} : Value{w * slope, w * e});
  }
  // The loss threshold, and whether it changed p.
  std::pair<double, bool> clamp(double p) const {
    const double t = config_.loss.threshold;
    if (t == 0 || (p >= t && p <= 1 - t)) return {p, false};
    return {std::min(std::max(p, t), 1 - t), true};
  }

  void update_row(Parameter& p, int64_t row, bool by_row, const UpdateRule& rule) {
    const int first = p.first + static_cast<int>(row * p.cols);
    const bool adaptive = rule.kind != UpdateKind::kSgd;
    Sum mean;
    for (int d = 0; by_row && d < p.cols; ++d) {
      const Value g = graph_.gradient(first + d);
      mean.add({g.v / static_cast<double>(p.cols), g.e / static_cast<double>(p.cols)}, g);
    }
    for (int d = 0; d < p.cols; ++d) {
      const Value g = graph_.gradient(first + d), w = graph_.value(first + d);
      Value direction = g;
      if (adaptive) {
        Value& state = p.state[static_cast<size_t>(row * p.cols + d)];
        Sum sum;
        sum.add(state, {1, 0});
        by_row ? sum.add(mean.value(), {1, 0}) : sum.add(g, g);
        state = sum.value();
        direction = scaled(g, state, rule.eps, by_row ? static_cast<double>(p.cols) : 1);
      }
      Sum after;
      after.add(w, {1, 0});
      after.add(direction, {-rule.learning_rate, 0});
      graph_.set_leaf(first + d, after.value());
    }
  }

  // g / (sqrt(state) + eps), which cannot leave [-sqrt(D), sqrt(D)], so neither can its error twice
  // that.
  static Value scaled(Value g, Value state, double eps, double D) {
    if (g.v == 0 && g.e == 0) return {};
    const double root = std::sqrt(state.v), slope = root > 0 ? state.e / (2 * root) : 0;
    const double y = g.v / (root + eps);
    const double e = (g.e + std::abs(y) * slope) / (root + eps) + 4 * kEps * std::abs(y);
    return {y, std::min(e, 2 * std::sqrt(D))};
  }

  DlrmConfig config_;
  Graph graph_;
  int one_;
  int leaves_ = 0;
  std::map<std::string, Parameter> parameters_;
};

}  // namespace hotrow::reference
