#include "tools/bench/workload.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "engine/device_rows.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

// The finaliser of MurmurHash3 (Appleby, public domain): neighbouring indices become unrelated
// bits.
uint32_t mix(uint32_t x) {
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

// The same on a GPU, where rows beyond the first 64 MiB repeat those before: no table need fit into
// the host's memory.
void fill_quickly(const TableRows& rows, float limit, const DeviceStream& stream) {
  if (stream.device() == Device::kCpu) return fill_quickly(rows, limit);
  constexpr int64_t kElements = int64_t{16} << 20;
  TableRows first = rows;
  first.dims[0] = std::min(rows.rows(), ceil_div(kElements, rows.cols()));
  write_rows(first, stream, [&](const TableRows& host, int64_t) { fill_quickly(host, limit); });
  const auto row_bytes = static_cast<size_t>(rows.cols()) * lookup_bytes(rows.type);
  for (void* part : {rows.data, static_cast<void*>(rows.low)}) {
    auto* const begin = static_cast<std::byte*>(part);
    for (int64_t done = first.rows(); begin != nullptr && done < rows.rows(); done *= 2) {
      const int64_t more = std::min(done, rows.rows() - done);
      driver(stream.device())
          .copy(begin + static_cast<size_t>(done) * row_bytes, begin,
                static_cast<size_t>(more) * row_bytes, stream.native());
    }
  }
  stream.wait();
}

// Weights as a fresh model has them: tables within sqrt(1 / rows), layers within Xavier's bound.
void fill_model(Dlrm& model) {
  Parameters& dense = model.parameters();
  const DeviceStream& stream = dense.stream();
  for (const auto& table : model.embeddings().tables()) {
    fill_quickly(table->stored(), std::sqrt(1.0f / static_cast<float>(table->rows())), stream);
    if (table->state() == nullptr || stream.device() != Device::kCpu) continue;
    // Still zeros, but pages of their own.
    std::fill_n(table->state(), table->state_bytes() / sizeof(float), 0.0f);
  }
  for (int i = 0; i < static_cast<int>(dense.list().size()); ++i) {
    const Matrix m = dense.value(i);
    const float limit = std::sqrt(6.0f / static_cast<float>(m.rows() + m.cols()));
    fill_quickly(rows_of(m), limit, stream);
  }
}

}  // namespace

void fill_quickly(const TableRows& rows, float limit) {
  constexpr int64_t kGrain = int64_t{1} << 12;
  parallel_for(ceil_div(rows.size(), kGrain), [&](int64_t task) {
    const Range range{task * kGrain, std::min(rows.size(), (task + 1) * kGrain)};
    std::array<float, kGrain> values;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const auto bits = static_cast<int32_t>(mix(static_cast<uint32_t>(i)));
      values[static_cast<size_t>(i - range.begin)] =
          static_cast<float>(bits >> 8) * 0x1p-23f * limit;
    }
    write_floats(rows, range.begin, std::span(values).first(static_cast<size_t>(range.size())));
  });
}

UpdateRule bench_rule(UpdateKind kind) {
  return {.kind = kind, .learning_rate = kind == UpdateKind::kSgd ? 0.1 : 0.01};
}

bool Workload::Options::operator==(const Options& other) const {
  return config.name == other.config.name && config.batch == other.config.batch &&
         config.model.table_type == other.config.model.table_type && mode == other.mode &&
         optimizer == other.optimizer && zipf == other.zipf && device == other.device &&
         strict_fp32 == other.strict_fp32;
}

Workload::Workload(Options options)
    : options_(std::move(options)),
      batches_(make_batches(options_.config, options_.config.batch, options_.zipf)),
      row_use_(count_rows(batches_, options_.config.model.table_rows)),
      model_(options_.config.model, options_.mode, options_.optimizer, options_.device),
      step_(model_, bench_shape(options_.config), options_.config.batch,
            PlanOptions{.mode = options_.mode, .device = options_.device},
            StepOptions{.strict_fp32 = options_.strict_fp32}),
      rule_(bench_rule(options_.optimizer)) {
  fill_model(model_);
}

void Workload::run_step() {
  step_.feed(batches_[next_]);
  next_ = (next_ + 1) % batches_.size();
  step_.forward();
  if (options_.mode == Mode::kServe) {
    static_cast<void>(step_.predictions());
    return;
  }
  static_cast<void>(step_.losses());
  step_.backward(rule_);
}

std::vector<OpCost> Workload::costs() const {
  std::vector<OpCost> costs = step_costs(options_.config.model, options_.config.batch,
                                         options_.mode, options_.optimizer, row_use_);
  // The host's, beside the device's work.
  if (options_.device == Device::kCuda) costs.erase(costs.begin());
  return costs;
}

}  // namespace hotrow
