// One optimizer step in double, one parameter at a time, from the formulas of the papers.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/update_rule.h"
#include "tests/support/bounds.h"

namespace hotrow::reference {

struct Updated {
  std::vector<test::Exact> w, state;  // state: as the kernel lays it out, (2, n) for Adam
};

inline test::Exact weighted_mean(double old_value, double new_value, double beta) {
  test::Exact e;
  e.add_product(beta, old_value);
  e.add_product(1 - beta, new_value);
  e.magnitude += std::abs((1 - beta) * old_value);  // m + (1 - beta) (g - m) meets m twice
  return e;
}

inline Updated dense_update(const std::vector<float>& w, const std::vector<float>& state,
                            const std::vector<float>& g, const UpdateRule& rule) {
  const size_t n = w.size();
  Updated out{std::vector<test::Exact>(n), std::vector<test::Exact>(state.size())};
  for (size_t i = 0; i < n; ++i) {
    double direction = g[i];
    if (rule.kind == UpdateKind::kAdagrad || rule.kind == UpdateKind::kRowwiseAdagrad) {
      out.state[i].add(state[i]);
      out.state[i].add_product(g[i], g[i]);
      direction = g[i] / (std::sqrt(out.state[i].value) + rule.eps);
    } else if (rule.kind == UpdateKind::kAdam) {
      const double g2 = static_cast<double>(g[i]) * g[i];
      out.state[i] = weighted_mean(state[i], g[i], rule.beta1);
      out.state[n + i] = weighted_mean(state[n + i], g2, rule.beta2);
      const double t = static_cast<double>(rule.step);
      const double unbiased_m = out.state[i].value / (1 - std::pow(rule.beta1, t));
      const double unbiased_v = out.state[n + i].value / (1 - std::pow(rule.beta2, t));
      direction = unbiased_m / (std::sqrt(unbiased_v) + rule.eps);
      // Cancellation in m carries over to w.
      const double lost = out.state[i].magnitude - std::abs(out.state[i].value);
      out.w[i].magnitude += rule.learning_rate * lost / (1 - std::pow(rule.beta1, t)) /
                            (std::sqrt(unbiased_v) + rule.eps);
    }
    out.w[i].add(w[i]);
    out.w[i].add(-rule.learning_rate * direction);
  }
  return out;
}

}  // namespace hotrow::reference
