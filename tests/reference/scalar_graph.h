// Scalars in double, what they were made of, and how far fp32 arithmetic may carry them off.
//
// A value carries a bound of the error that the same computation in fp32 makes, to first order:
// errors of operands are propagated in full, and a sum of n products adds its own roundings, (2 +
// sqrt(n)) eps sum|term| as tests/support/bounds.h has it. So a bound is as wide as the numbers'
// condition asks for, and no wider.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/bounds.h"

namespace hotrow::reference {

inline constexpr double kEps = std::numeric_limits<float>::epsilon();

struct Value {
  double v = 0;
  double e = 0;  // |fp32 result - v| stays below
};

class Sum {
 public:
  void add(Value a, Value b) {  // a b
    ++terms_;
    value_ += a.v * b.v;
    magnitude_ += std::abs(a.v * b.v);
    carried_ += std::abs(a.v) * b.e + std::abs(b.v) * a.e;
  }
  Value value() const {
    if (terms_ == 0) return {};
    return {value_, carried_ + test::bound_k(terms_) * kEps * magnitude_};
  }

 private:
  int64_t terms_ = 0;
  double value_ = 0, magnitude_ = 0, carried_ = 0;
};

// Scalars and what they were made of. A node is its index.
class Graph {
 public:
  int leaf(Value value) {
    nodes_.push_back({value, {}, {}});
    return static_cast<int>(nodes_.size()) - 1;
  }
  // Sum of products of pairs of nodes.
  int dot(const std::vector<std::pair<int, int>>& pairs) {
    Sum sum;
    for (auto [a, b] : pairs) sum.add(nodes_[at(a)].value, nodes_[at(b)].value);
    const size_t first = pairs_.size();
    pairs_.insert(pairs_.end(), pairs.begin(), pairs.end());
    nodes_.push_back({sum.value(), {}, {}, first, pairs.size()});
    return static_cast<int>(nodes_.size()) - 1;
  }
  // y = f(x), dy/dx = slope.
  int function(int x, Value y, Value slope) {
    pairs_.push_back({x, x});
    nodes_.push_back({y, {}, slope, pairs_.size() - 1, 1, true});
    return static_cast<int>(nodes_.size()) - 1;
  }
  // What a function was applied to.
  int operand(int node) const { return pairs_[nodes_[at(node)].first].first; }
  Value value(int node) const { return nodes_[at(node)].value; }
  Value gradient(int node) const { return nodes_[at(node)].adjoint.value(); }
  void set_leaf(int node, Value value) { nodes_[at(node)].value = value; }

  // Adds seed * d result / d node to the gradient of every node; nodes below `leaves` have no
  // operands.
  void backward(int result, double seed, int leaves) {
    nodes_[at(result)].adjoint.add({seed, 0}, {1, 0});
    for (int n = result; n >= leaves; --n) backward_node(nodes_[at(n)]);
  }
  // Forgets all nodes from `size` on.
  int size() const { return static_cast<int>(nodes_.size()); }
  void shrink(int size) {
    nodes_.resize(at(size));
    pairs_.clear();  // leaves have none
  }
  void clear_gradients() {
    for (Node& node : nodes_) node.adjoint = {};
  }

 private:
  struct Node {
    Value value;
    Sum adjoint;
    Value slope;
    size_t first = 0, pairs = 0;  // in pairs_
    bool is_function = false;
  };
  static size_t at(int node) { return static_cast<size_t>(node); }

  void backward_node(const Node& node) {
    const Value g = node.adjoint.value();
    for (size_t i = node.first; i < node.first + node.pairs; ++i) {
      const auto [a, b] = pairs_[i];
      if (node.is_function) {
        nodes_[at(a)].adjoint.add(g, node.slope);
      } else {
        const Value va = nodes_[at(a)].value, vb = nodes_[at(b)].value;
        nodes_[at(a)].adjoint.add(g, vb);
        nodes_[at(b)].adjoint.add(g, va);
      }
    }
  }

  std::vector<Node> nodes_;
  std::vector<std::pair<int, int>> pairs_;
};

}  // namespace hotrow::reference
