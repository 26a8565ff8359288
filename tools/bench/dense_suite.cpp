#include <fmt/format.h>

#include <set>
#include <utility>

#include "engine/arena.h"
#include "kernels/concat.h"
#include "kernels/dense_update.h"
#include "kernels/interaction.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "tools/bench/suite.h"

namespace hotrow {
namespace {

// A matrix with memory of its own, uniform in [-limit, limit).
class Values {
 public:
  Values(int64_t rows, int64_t cols, float limit = 0.1f)
      : memory_(static_cast<size_t>(rows * cols) * sizeof(float)), rows_(rows), cols_(cols) {
    fill_quickly(matrix(), limit);
  }
  Matrix matrix() const { return {memory_.as<float>(), {rows_, cols_}}; }
  Vector vector() const { return {memory_.as<float>(), {rows_ * cols_}}; }
  float* data() const { return memory_.as<float>(); }

 private:
  Arena memory_;
  int64_t rows_, cols_;
};

struct Layer {
  int64_t B, K, N;
  bool dx;
  Precision precision;
  auto operator<=>(const Layer&) const = default;
};

// The different layers of a model. The bottom's first needs no gradient of its input.
std::set<Layer> layers(const BenchConfig& config) {
  std::vector<int64_t> top = config.model.top;
  top.insert(top.begin(), config.model.interaction_width());
  std::set<Layer> all;
  for (const std::vector<int64_t>& sizes : {config.model.bottom, top}) {
    for (size_t i = 0; i + 1 < sizes.size(); ++i) {
      all.insert(
          {config.batch, sizes[i], sizes[i + 1], i > 0 || sizes == top, config.model.precision});
    }
  }
  return all;
}

void time_linear_forward(benchmark::State& state, const Machine& machine, Layer l) {
  const Values x(l.B, l.K), w(l.N, l.K), bias(l.N, 1), y(l.B, l.N);
  const Floor floor = sum_floor(linear_forward_cost(l.B, l.K, l.N, l.precision), machine);
  time_op(state, floor, [&] {
    linear_forward(y.matrix(), x.matrix(), w.matrix(), bias.vector(), Activation::kRelu,
                   l.precision, CpuStream{});
  });
}

// As inside a chain: dz comes from the layer above and, with dx, goes to the one below.
void time_linear_backward(benchmark::State& state, const Machine& machine, Layer l) {
  const Values x(l.B, l.K), w(l.N, l.K), dw(l.N, l.K), db(l.N, 1);
  const Values dz(1, linear_dz_floats(l.B, l.N)), dx(1, linear_dz_floats(l.B, l.K));
  const LinearBackward args{.dx = l.dx ? Matrix{dx.data(), {l.B, l.K}} : Matrix{},
                            .dx_is_dz = l.dx,
                            .dw = dw.matrix(),
                            .db = db.vector(),
                            .dz = dz.data(),
                            .x = x.matrix(),
                            .w = w.matrix(),
                            .precision = l.precision};
  const Floor floor = sum_floor(linear_backward_cost(l.B, l.K, l.N, l.dx, l.precision), machine);
  time_op(state, floor, [&] { linear_backward(args, CpuStream{}); });
}

// Features as they lie in a step: the bottom MLP's output, and all bags side by side.
struct Features {
  Features(int64_t B, int64_t tables, int64_t D) : bottom(B, D), bags(B, tables * D) {}
  std::vector<Feature> list(int64_t D) const {
    std::vector<Feature> all{{bottom.data(), D}};
    const int64_t width = bags.matrix().cols();
    for (int64_t c = 0; c < width; c += D) all.push_back({bags.data() + c, width});
    return all;
  }
  std::vector<FeatureGrad> grads(int64_t D) const {
    std::vector<FeatureGrad> all;
    for (const Feature& f : list(D)) all.push_back({const_cast<float*>(f.data), f.stride, false});
    return all;
  }
  Values bottom, bags;
};

void time_dot(benchmark::State& state, const Machine& machine, const BenchConfig& config,
              bool forward) {
  const auto T = static_cast<int64_t>(config.model.table_rows.size());
  const int64_t B = config.batch, D = config.model.dim, F = T + 1;
  const Features x(B, T, D), dx(B, T, D);
  const Values z(B, config.model.interaction_width());
  const std::vector<Feature> features = x.list(D);
  const std::vector<FeatureGrad> grads = dx.grads(D);
  if (forward) {
    time_op(state, sum_floor(interaction_forward_cost(B, F, D), machine),
            [&] { interaction_forward(z.matrix(), features, D, false, CpuStream{}); });
  } else {
    time_op(state, sum_floor(interaction_backward_cost(B, F, D), machine),
            [&] { interaction_backward(grads, z.matrix(), features, D, false, CpuStream{}); });
  }
}

void time_cat(benchmark::State& state, const Machine& machine, const BenchConfig& config,
              bool forward) {
  const auto T = static_cast<int64_t>(config.model.table_rows.size());
  const int64_t B = config.batch, D = config.model.dim;
  const Features x(B, T, D);
  const Values z(B, config.model.interaction_width());
  const std::vector<Part> parts{{x.bottom.data(), D, D}, {x.bags.data(), T * D, T * D}};
  const std::vector<PartGrad> grads{{x.bottom.data(), D, D, false},
                                    {x.bags.data(), T * D, T * D, false}};
  const Floor floor = sum_floor(concat_cost(B, z.matrix().cols()), machine);
  time_op(state, floor, [&] {
    if (forward) {
      concat_forward(z.matrix(), parts, CpuStream{});
    } else {
      concat_backward(grads, z.matrix(), CpuStream{});
    }
  });
}

void time_loss(benchmark::State& state, const Machine& machine, const BenchConfig& config) {
  const int64_t B = config.batch;
  const Values p(B, 1, 0.4f), target(B, 1), dp(B, 1);
  for (int64_t b = 0; b < B; ++b) {
    p.data()[b] += 0.5f;
    target.data()[b] = static_cast<float>(b % 2);
  }
  float loss = 0;
  time_op(state, sum_floor(loss_cost(B), machine), [&] {
    loss_forward(&loss, p.data(), target.data(), B, config.model.loss, CpuStream{});
    loss_backward(dp.data(), p.data(), target.data(), B, config.model.loss, CpuStream{});
    benchmark::DoNotOptimize(loss);
  });
}

void time_dense_update(benchmark::State& state, const Machine& machine, int64_t n,
                       UpdateKind kind) {
  const Values w(n, 1), g(n, 1), s(dense_update_state_size(kind, n), 1, 0.0f);
  time_op(state, sum_floor(dense_update_cost(kind, n), machine),
          [&] { dense_update(w.data(), s.data(), g.data(), n, bench_rule(kind), CpuStream{}); });
}

}  // namespace

void register_dense_benchmarks(Suite& suite, const BenchConfig& config) {
  const Machine& machine = suite.machine;
  const auto add = [&](const std::string& op, const auto& body) {
    register_op(op, [&machine, body](benchmark::State& state) { body(state, machine); });
  };
  std::set<std::string> shapes;
  for (const Layer& l : layers(config)) {
    const std::string shape = fmt::format("{}/{}x{}x{}", config.name, l.B, l.K, l.N);
    if (shapes.insert(shape).second) {
      add("linear_forward/" + shape,
          [l](auto& state, const Machine& m) { time_linear_forward(state, m, l); });
    }
    add(fmt::format("linear_backward/{}{}", shape, l.dx ? "" : "/no_dx"),
        [l](auto& state, const Machine& m) { time_linear_backward(state, m, l); });
  }
  const auto time_interaction = config.model.interaction == Interaction::kDot ? time_dot : time_cat;
  for (bool forward : {true, false}) {
    add(fmt::format("interaction_{}/{}", forward ? "forward" : "backward", config.name),
        [=](auto& state, const Machine& m) { time_interaction(state, m, config, forward); });
  }
  add("loss/" + config.name,
      [config](auto& state, const Machine& m) { time_loss(state, m, config); });
  for (UpdateKind kind : {UpdateKind::kSgd, UpdateKind::kAdagrad}) {
    add(fmt::format("dense_update/{}/{}", config.name, optimizer_name(kind)),
        [kind, n = count_parameters(config.model)](auto& state, const Machine& m) {
          time_dense_update(state, m, n, kind);
        });
  }
}

}  // namespace hotrow
