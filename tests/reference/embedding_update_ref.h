// Naive embedding update: the rules in double with their error bounds, and the documented order of
// kernels/embedding_update.h in float, one operation at a time, for comparison bit for bit on a CPU
// with fma.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/embedding_update.h"
#include "tests/reference/embedding_bag_ref.h"
#include "tests/support/bounds.h"

namespace hotrow::reference {

// One occurrence of a row.
struct Occurrence {
  int64_t bag;
  float weight;
  float scale;  // of the pooling
};
using Occurrences = std::vector<Occurrence>;

// All rows that occur, each with its occurrences in the order of the ids.
template <class Id>
std::map<int64_t, Occurrences> occurrences(const Bags<Id>& bags, int64_t batch, Pooling pooling) {
  std::map<int64_t, Occurrences> rows;
  for (int64_t b = 0; b < batch; ++b) {
    const float count = static_cast<float>(bags.offsets[b + 1] - bags.offsets[b]);
    const float scale = pooling == Pooling::kMean ? 1.0f / count : 1.0f;
    for (int64_t j = bags.offsets[b]; j < bags.offsets[b + 1]; ++j) {
      rows[bags.ids[j]].push_back({b, bags.weights ? bags.weights[j] : 1.0f, scale});
    }
  }
  return rows;
}

// ---- in double ----

struct ExactTable {
  std::vector<Exact> rows, state;
};

inline void add(Exact& sum, double factor, const Exact& x) {
  sum.value += factor * x.value;
  sum.magnitude += factor * x.magnitude;
}

inline Exact squared(const Exact& x) { return {x.value * x.value, x.magnitude * x.magnitude}; }

// x / (sqrt(s) + eps): an error of x enters as it is, a relative error of s with its half.
inline Exact over_root(const Exact& x, const Exact& s, double eps) {
  const double root = std::sqrt(s.value) + eps;
  const double relative = s.value > 0 ? s.magnitude / s.value : 0;
  return {x.value / root, (x.magnitude + relative * std::abs(x.value)) / root};
}

inline std::vector<Exact> row_gradient(const Occurrences& list, ConstMatrix dout,
                                       int64_t first_column, int64_t dim) {
  std::vector<Exact> g(static_cast<size_t>(dim));
  for (const Occurrence& o : list) {
    const float* x = dout.row(o.bag) + first_column;
    for (size_t d = 0; d < g.size(); ++d) g[d].add(double{o.scale} * o.weight * x[d]);
  }
  return g;
}

inline void apply_adam_exact(const UpdateRule& rule, Exact& w, Exact& m, Exact& v, const Exact& g) {
  const double step = static_cast<double>(rule.step);
  const double rate = rule.learning_rate * std::sqrt(1 - std::pow(rule.beta2, step)) /
                      (1 - std::pow(rule.beta1, step));
  m.value *= rule.beta1;
  v.value *= rule.beta2;
  add(m, 1 - rule.beta1, g);
  add(v, 1 - rule.beta2, squared(g));
  const Exact update = over_root(m, v, rule.eps);
  w.value -= rate * update.value;
  w.magnitude += rate * update.magnitude;
}

inline void apply_row_exact(const UpdateRule& rule, ExactTable& table, int64_t row, int64_t rows,
                            const std::vector<Exact>& g) {
  const auto size = static_cast<int64_t>(g.size());
  std::vector<Exact> update = g;
  if (rule.kind == UpdateKind::kRowwiseAdagrad) {
    Exact& s = table.state[static_cast<size_t>(row)];
    for (const Exact& x : g) add(s, 1.0 / static_cast<double>(size), squared(x));
    for (Exact& x : update) x = over_root(x, s, rule.eps);
  }
  for (size_t d = 0; d < g.size(); ++d) {
    const size_t at = static_cast<size_t>(row * size) + d;
    Exact& w = table.rows[at];
    if (rule.kind == UpdateKind::kAdam) {
      const size_t second = static_cast<size_t>(rows * size) + at;
      apply_adam_exact(rule, w, table.state[at], table.state[second], g[d]);
      continue;
    }
    if (rule.kind == UpdateKind::kAdagrad) {
      add(table.state[at], 1, squared(g[d]));
      update[d] = over_root(g[d], table.state[at], rule.eps);
    }
    w.value -= rule.learning_rate * update[d].value;
    w.magnitude += rule.learning_rate * update[d].magnitude;
  }
}

// What rows and state of the table become.
template <class Id>
ExactTable embedding_update_exact(const TableUpdate<Id>& table, ConstMatrix dout,
                                  int64_t first_column, Pooling pooling, const UpdateRule& rule) {
  const int64_t rows = table.rows.rows(), dim = table.rows.cols();
  ExactTable after;
  for (int64_t i = 0; i < rows * dim; ++i) {
    const float w = floats(table.rows).data[i];
    after.rows.push_back({w, std::abs(w)});
  }
  for (int64_t i = 0; i < embedding_state_size(rule.kind, rows, dim); ++i) {
    after.state.push_back({table.state[i], std::abs(table.state[i])});
  }
  for (const auto& [row, list] : occurrences(table.bags, dout.rows(), pooling)) {
    apply_row_exact(rule, after, row, rows, row_gradient(list, dout, first_column, dim));
  }
  return after;
}

// ---- in float, in order ----

inline float gradient_in_order(const Occurrences& list, ConstMatrix dout, int64_t column) {
  float sum = 0;
  for (size_t first = 0; first < list.size(); first += 64) {
    float chunk = 0;
    for (size_t i = first; i < std::min(list.size(), first + 64); ++i) {
      chunk = std::fma(list[i].weight * list[i].scale, dout.row(list[i].bag)[column], chunk);
    }
    sum = first == 0 ? chunk : sum + chunk;
  }
  return sum;
}

inline void apply_in_order(const UpdateRule& rule, float row_rate, float& w, float* s, float* s2,
                           float g) {
  const float lr = static_cast<float>(rule.learning_rate), eps = static_cast<float>(rule.eps);
  if (rule.kind == UpdateKind::kAdagrad) {
    *s = std::fma(g, g, *s);
    w = std::fma(-lr, g / (std::sqrt(*s) + eps), w);
  } else if (rule.kind == UpdateKind::kAdam) {
    const double step = static_cast<double>(rule.step);
    const double correction =
        std::sqrt(1 - std::pow(rule.beta2, step)) / (1 - std::pow(rule.beta1, step));
    *s = std::fma(static_cast<float>(1 - rule.beta1), g - *s, *s);
    *s2 = std::fma(static_cast<float>(1 - rule.beta2), std::fma(g, g, -*s2), *s2);
    const float rate = static_cast<float>(rule.learning_rate * correction);
    w = std::fma(-rate, *s / (std::sqrt(*s2) + eps), w);
  } else {
    w = std::fma(-row_rate, g, w);
  }
}

// Updates rows and state in place.
template <class Id>
void embedding_update_in_order(const TableUpdate<Id>& table, ConstMatrix dout, int64_t first_column,
                               Pooling pooling, const UpdateRule& rule) {
  const int64_t dim = table.rows.cols(), size = table.rows.size();
  float* rows = static_cast<float*>(table.rows.data);
  for (const auto& [row, list] : occurrences(table.bags, dout.rows(), pooling)) {
    std::vector<float> g;
    for (int64_t d = 0; d < dim; ++d) {
      g.push_back(gradient_in_order(list, dout, first_column + d));
    }
    float row_rate = static_cast<float>(rule.learning_rate);
    if (rule.kind == UpdateKind::kRowwiseAdagrad) {
      float& s = table.state[row];
      s += dot_in_order(g.data(), g.data(), dim) / static_cast<float>(dim);
      row_rate /= std::sqrt(s) + static_cast<float>(rule.eps);
    }
    for (int64_t d = 0; d < dim; ++d) {
      const int64_t at = row * dim + d;
      const bool adam = rule.kind == UpdateKind::kAdam;
      apply_in_order(rule, row_rate, rows[at], table.state ? table.state + at : nullptr,
                     adam ? table.state + size + at : nullptr, g[static_cast<size_t>(d)]);
    }
  }
}

}  // namespace hotrow::reference
