#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/arena.h"
#include "engine/device_rows.h"
#include "engine/dispatch.h"
#include "engine/gpu_step.h"
#include "engine/lists.h"
#include "kernels/concat.h"
#include "kernels/dense_update.h"
#include "kernels/interaction.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "tools/bench/suite.h"

namespace hotrow {
namespace {

// A matrix with memory of its own on the device of a suite, uniform in [-limit, limit).
class Values {
 public:
  Values(const Suite& suite, int64_t rows, int64_t cols, float limit = 0.1f)
      : Values(suite, rows, cols,
               [limit](const TableRows& host, int64_t) { fill_quickly(host, limit); }) {}
  // As fill() writes them on the host.
  Values(const Suite& suite, int64_t rows, int64_t cols,
         const std::function<void(const TableRows&, int64_t)>& fill)
      : memory_(static_cast<size_t>(rows * cols) * sizeof(float), suite.stream.device()),
        rows_(rows),
        cols_(cols) {
    if (rows * cols > 0) write_rows(rows_of(matrix()), suite.stream, fill);
  }
  Matrix matrix() const { return {memory_.as<float>(), {rows_, cols_}}; }
  Vector vector() const { return {memory_.as<float>(), {rows_ * cols_}}; }
  float* data() const { return memory_.as<float>(); }

 private:
  Arena memory_;
  int64_t rows_, cols_;
};

// What kernels of a GPU need beside their operands; null for the CPU.
std::unique_ptr<GpuStep> make_gpu(const Suite& suite, size_t workspace_bytes = 0) {
  if (suite.stream.device() == Device::kCpu) return nullptr;
  return std::make_unique<GpuStep>(
      GpuStep::Options{.workspace_bytes = workspace_bytes, .strict_fp32 = suite.strict_fp32});
}

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

// Calls body with the last arguments of a layer's kernels.
template <class Body>
void dispatch_layer(const Suite& suite, GpuStep* gpu, const Body& body) {
  dispatch(suite.stream, [&](auto stream) {
    if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
      body(gpu->gemms(), stream);
    } else {
      body(stream);
    }
  });
}

// Of x and dx: on a GPU an interaction gives rows of whole 16 bytes, with zeros behind.
int64_t input_columns(const Suite& suite, const Layer& l) {
  return l.dx && suite.stream.device() == Device::kCuda ? whole_row(l.K) : l.K;
}

std::unique_ptr<GpuStep> make_gpu(const Suite& suite, const Layer& l) {
  const bool cpu = suite.stream.device() == Device::kCpu;
  const int64_t columns = input_columns(suite, l);
  return make_gpu(suite, cpu ? 0 : linear_workspace_bytes(l.B, columns, l.K, l.N, l.precision));
}

Values make_input(const Suite& suite, const Layer& l) {
  return Values(suite, l.B, input_columns(suite, l), [&](const TableRows& host, int64_t) {
    fill_quickly(host, 0.1f);
    for (int64_t b = 0; b < host.rows(); ++b)
      std::fill(host.as<float>() + b * host.cols() + l.K, host.as<float>() + (b + 1) * host.cols(),
                0.0f);
  });
}

void time_linear_forward(benchmark::State& state, const Suite& suite, Layer l) {
  const Values x = make_input(suite, l);
  const Values w(suite, l.N, l.K), bias(suite, l.N, 1), y(suite, l.B, l.N);
  const auto gpu = make_gpu(suite, l);
  const Floor floor = sum_floor(linear_forward_cost(l.B, l.K, l.N, l.precision), suite.machine);
  time_op(state, suite, floor, [&] {
    dispatch_layer(suite, gpu.get(), [&](auto&&... last) {
      linear_forward(y.matrix(), x.matrix(), w.matrix(), bias.vector(), Activation::kRelu,
                     l.precision, last...);
    });
  });
}

// As inside a chain: dz comes from the layer above and, with dx, goes to the one below.
void time_linear_backward(benchmark::State& state, const Suite& suite, Layer l) {
  const int64_t columns = input_columns(suite, l);
  const Values x = make_input(suite, l);
  const Values w(suite, l.N, l.K), dw(suite, l.N, l.K), db(suite, l.N, 1);
  const Values dz(suite, 1, linear_dz_floats(l.B, l.N)),
      dx(suite, 1, linear_dz_floats(l.B, columns));
  const LinearBackward args{.dx = l.dx ? Matrix{dx.data(), {l.B, columns}} : Matrix{},
                            .dx_is_dz = l.dx,
                            .dw = dw.matrix(),
                            .db = db.vector(),
                            .dz = dz.data(),
                            .x = x.matrix(),
                            .w = w.matrix(),
                            .precision = l.precision};
  const auto gpu = make_gpu(suite, l);
  const Floor floor =
      sum_floor(linear_backward_cost(l.B, l.K, l.N, l.dx, l.precision), suite.machine);
  time_op(state, suite, floor, [&] {
    dispatch_layer(suite, gpu.get(), [&](auto&&... last) { linear_backward(args, last...); });
  });
}

// Features as they lie in a step: the bottom MLP's output, and all bags side by side.
struct Features {
  Features(const Suite& suite, int64_t B, int64_t tables, int64_t D)
      : bottom(suite, B, D), bags(suite, B, tables * D) {}
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

void time_dot(benchmark::State& state, const Suite& suite, const BenchConfig& config,
              bool forward) {
  const auto T = static_cast<int64_t>(config.model.table_rows.size());
  const int64_t B = config.batch, D = config.model.dim, F = T + 1;
  const Features x(suite, B, T, D), dx(suite, B, T, D);
  const Values z(suite, B, config.model.interaction_width());
  Lists lists;
  lists.add(x.list(D));
  lists.add(dx.grads(D));
  lists.place(suite.stream.device());
  const auto features = lists.get<Feature>(0);
  const auto grads = lists.get<FeatureGrad>(1);
  const Cost cost =
      forward ? interaction_forward_cost(B, F, D) : interaction_backward_cost(B, F, D);
  time_op(state, suite, sum_floor(cost, suite.machine), [&] {
    dispatch(suite.stream, [&](auto stream) {
      if (forward) {
        interaction_forward(z.matrix(), features, D, false, stream);
      } else {
        interaction_backward(grads, z.matrix(), features, D, false, stream);
      }
    });
  });
}

void time_cat(benchmark::State& state, const Suite& suite, const BenchConfig& config,
              bool forward) {
  const auto T = static_cast<int64_t>(config.model.table_rows.size());
  const int64_t B = config.batch, D = config.model.dim;
  const Features x(suite, B, T, D);
  const Values z(suite, B, config.model.interaction_width());
  Lists lists;
  lists.add(std::vector<Part>{{x.bottom.data(), D, D}, {x.bags.data(), T * D, T * D}});
  lists.add(
      std::vector<PartGrad>{{x.bottom.data(), D, D, false}, {x.bags.data(), T * D, T * D, false}});
  lists.place(suite.stream.device());
  const auto parts = lists.get<Part>(0);
  const auto grads = lists.get<PartGrad>(1);
  const Floor floor = sum_floor(concat_cost(B, z.matrix().cols()), suite.machine);
  time_op(state, suite, floor, [&] {
    dispatch(suite.stream, [&](auto stream) {
      if (forward) {
        concat_forward(z.matrix(), parts, stream);
      } else {
        concat_backward(grads, z.matrix(), stream);
      }
    });
  });
}

void time_loss(benchmark::State& state, const Suite& suite, const BenchConfig& config) {
  const int64_t B = config.batch;
  const Values p(suite, B, 1, [](const TableRows& host, int64_t) {
    fill_quickly(host, 0.4f);
    std::for_each_n(host.as<float>(), host.size(), [](float& x) { x += 0.5f; });
  });
  const Values target(suite, B, 1, [](const TableRows& host, int64_t) {
    for (int64_t b = 0; b < host.size(); ++b) host.as<float>()[b] = static_cast<float>(b % 2);
  });
  const Values dp(suite, B, 1), loss(suite, 1, 1);
  const Device device = suite.stream.device();
  const size_t scratch_bytes = device == Device::kCpu ? 0 : loss_scratch_bytes(B);
  const Arena scratch(scratch_bytes, device);
  time_op(state, suite, sum_floor(loss_cost(B), suite.machine), [&] {
    dispatch(suite.stream, [&](auto stream) {
      const LossConfig& c = config.model.loss;
      if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
        loss_forward(loss.data(), p.data(), target.data(), B, c, {scratch.data(), scratch_bytes},
                     stream);
      } else {
        loss_forward(loss.data(), p.data(), target.data(), B, c, stream);
      }
      loss_backward(dp.data(), p.data(), target.data(), B, c, stream);
    });
  });
}

void time_dense_update(benchmark::State& state, Suite& suite, int64_t n, UpdateKind kind) {
  const Values w(suite, n, 1), g(suite, n, 1);
  const Values s(suite, dense_update_state_size(kind, n), 1, 0.0f);
  const UpdateRule rule = bench_rule(kind);
  const auto gpu = make_gpu(suite);
  if (gpu) gpu->set_rule(rule, suite.stream);
  time_op(state, suite, sum_floor(dense_update_cost(kind, n), suite.machine), [&] {
    dispatch(suite.stream, [&](auto stream) {
      if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
        dense_update(w.data(), s.data(), g.data(), n, kind, gpu->constants(), stream);
      } else {
        dense_update(w.data(), s.data(), g.data(), n, rule, stream);
      }
    });
  });
}

}  // namespace

void register_dense_benchmarks(Suite& suite, const BenchConfig& config) {
  const auto add = [&](const std::string& op, const auto& body) {
    register_op(op, [&suite, body](benchmark::State& state) { body(state, suite); });
  };
  std::set<std::string> shapes;
  for (const Layer& l : layers(config)) {
    const std::string shape = fmt::format("{}/{}x{}x{}", config.name, l.B, l.K, l.N);
    if (shapes.insert(shape).second) {
      add("linear_forward/" + shape,
          [l](auto& state, Suite& on) { time_linear_forward(state, on, l); });
    }
    add(fmt::format("linear_backward/{}{}", shape, l.dx ? "" : "/no_dx"),
        [l](auto& state, Suite& on) { time_linear_backward(state, on, l); });
  }
  const auto time_interaction = config.model.interaction == Interaction::kDot ? time_dot : time_cat;
  for (bool forward : {true, false}) {
    add(fmt::format("interaction_{}/{}", forward ? "forward" : "backward", config.name),
        [=](auto& state, Suite& on) { time_interaction(state, on, config, forward); });
  }
  add("loss/" + config.name, [config](auto& state, Suite& on) { time_loss(state, on, config); });
  for (UpdateKind kind : {UpdateKind::kSgd, UpdateKind::kAdagrad}) {
    add(fmt::format("dense_update/{}/{}", config.name, optimizer_name(kind)),
        [kind, n = count_parameters(config.model)](auto& state, Suite& on) {
          time_dense_update(state, on, n, kind);
        });
  }
}

}  // namespace hotrow
