#include "engine/step.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/sparse_route.h"

namespace hotrow {
namespace {

using Clock = std::chrono::steady_clock;

// Adds the time since the last lap to one of the sums.
class Laps {
 public:
  void add_to(double& sum) {
    const Clock::time_point now = Clock::now();
    sum += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

bool updates_tables(const Record& record) {
  return record.op->updates_tables != nullptr && record.op->updates_tables(record.attributes);
}

}  // namespace

Step::Step(const Tape& tape, Plan plan, StepOptions options)
    : tape_(&tape), plan_(std::move(plan)), options_(options), arena_(plan_.arena_bytes) {
  dispatch(options_.device, [](auto) {});  // a device that this build lacks is refused here
  require(tape.parameters().allocated(),
          "[step] parameters have no memory yet: call Parameters::allocate() before");
  id_counts_.assign(static_cast<size_t>(tape.sparse_inputs()), 0);
  values_.resize(tape.vars().size());
  gradients_.resize(tape.vars().size());
  for (size_t v = 0; v < values_.size(); ++v) {
    const Tape::VarInfo& info = tape.vars()[v];
    if (info.kind == Tape::Kind::kParameter) {
      values_[v] = reinterpret_cast<std::byte*>(tape.parameters().value(info.source).data);
      if (plan_.has_gradient[v]) {
        gradients_[v] = reinterpret_cast<std::byte*>(tape.parameters().gradient(info.source).data);
        require(gradients_[v] != nullptr,
                "[step] '{}' has no gradient: call Parameters::allocate() for training before",
                info.name);
      }
    } else {
      values_[v] = address(plan_.values[v]);
      gradients_[v] = address(plan_.gradients[v]);
    }
  }
}

void Step::set_rows(int64_t rows) {
  require(rows >= 0 && rows <= tape_->batch(),
          "[step] batch does not fit: got {} samples, expected at most {}", rows, tape_->batch());
  rows_ = rows;
}

int64_t Step::live_rows(const Tensor& tensor) const {
  if (tensor.axis.source == Axis::kFixed) return tensor.rows;
  return tensor.axis.source == Axis::kSamples ? rows_
                                              : id_counts_[static_cast<size_t>(tensor.axis.source)];
}

Matrix Step::input(Var v) {
  const Tape::VarInfo& info = tape_->info(v);
  require(info.kind == Tape::Kind::kInput && info.tensor.dtype == DType::kFloat32,
          "[step] '{}' is not a dense input: expected a Var of Tape::input()", info.name);
  return {reinterpret_cast<float*>(values_[static_cast<size_t>(v.index)]),
          {rows_, info.tensor.cols}};
}

int64_t Step::set_bags(SparseVar v, std::span<const int64_t> offsets, std::span<const int64_t> ids,
                       int64_t table_rows) {
  const Tape::VarInfo& info = tape_->info(v.ids);
  const int64_t count = static_cast<int64_t>(ids.size());
  require(count <= info.tensor.rows,
          "[step] too many ids for '{}': got {} in one batch, expected at most {}", info.name,
          count, info.tensor.rows);
  require(static_cast<int64_t>(offsets.size()) == rows_ + 1 && offsets.front() == 0 &&
              offsets.back() == count,
          "[step] offsets of '{}' do not fit: got {} of them, expected {} from 0 to {}", info.name,
          offsets.size(), rows_ + 1, count);
  id_counts_[static_cast<size_t>(info.source)] = count;
  int64_t bad_offset = -1, bad_id = -1;
  dispatch_ids(info.tensor.dtype, [&](auto zero) {
    using Id = decltype(zero);
    Id* to_offsets = reinterpret_cast<Id*>(values_[static_cast<size_t>(v.offsets.index)]);
    Id* to_ids = reinterpret_cast<Id*>(values_[static_cast<size_t>(v.ids.index)]);
    dispatch(options_.device, [&](auto stream) {
      bad_offset = copy_offsets(to_offsets, offsets.data(), rows_, count, stream);
      bad_id = copy_ids(to_ids, ids.data(), count, table_rows, stream);
    });
  });
  require(bad_offset < 0,
          "[step] offsets of '{}' do not fit: got a fall at {}, expected them to rise from 0 to {}",
          info.name, bad_offset, count);
  return bad_id;
}

void Step::poison(int time) {
  for (const std::vector<Slot>* slots : {&plan_.values, &plan_.gradients, &plan_.scratch}) {
    for (const Slot& slot : *slots) {
      const bool result_or_input = slot.dies == plan_.times - 1;
      if (slot.bytes > 0 && slot.dies == time && !result_or_input)
        std::memset(address(slot), 0xFF, slot.bytes);
    }
  }
}

void Step::forward() {
  Laps laps;
  for (size_t i = 0; i < plan_.order.size(); ++i) {
    const int r = plan_.order[i];
    tape_->records()[static_cast<size_t>(r)].op->forward(Context(*this, r, nullptr));
    if (options_.poison) poison(plan_.forward_time(static_cast<int>(i)));
  }
  laps.add_to(times_.forward);
}

void Step::backward(const UpdateRule& rule) {
  require(plan_.options.mode == Mode::kTrain,
          "[step] backward: got a plan for serving, expected one for training");
  Laps laps;
  for (size_t i = plan_.order.size(); i-- > 0;) {
    const int r = plan_.order[i];
    const Record& record = tape_->records()[static_cast<size_t>(r)];
    if (!plan_.runs_backward[static_cast<size_t>(r)]) continue;
    record.op->backward(Context(*this, r, &rule));
    laps.add_to(updates_tables(record) ? times_.update : times_.backward);
    if (options_.poison) poison(plan_.backward_time(static_cast<int>(i)));
  }
  tape_->parameters().update(rule);
  laps.add_to(times_.update);
}

ConstMatrix Step::value(Var v) const {
  const Tensor& tensor = tape_->tensor(v);
  const Slot& slot = plan_.values[static_cast<size_t>(v.index)];
  const bool parameter = tape_->info(v).kind == Tape::Kind::kParameter;
  require(tensor.dtype == DType::kFloat32 &&
              (parameter || (slot.bytes > 0 && slot.dies == plan_.times - 1)),
          "[step] '{}' is not kept: expected numbers that are a result of the plan",
          tape_->info(v).name);
  return {reinterpret_cast<const float*>(values_[static_cast<size_t>(v.index)]),
          {live_rows(tensor), tensor.cols}};
}

StepTimes Step::take_times() { return std::exchange(times_, {}); }

Context::Context(const Step& step, int index, const UpdateRule* rule)
    : step_(&step),
      index_(index),
      record_(&step.tape_->records()[static_cast<size_t>(index)]),
      rule_(rule) {}

Matrix Context::matrix(const std::vector<std::byte*>& addresses, Var v) const {
  const Tensor& tensor = step_->tape_->tensor(v);
  require(tensor.dtype == DType::kFloat32, "[{}] got ids '{}', expected numbers", record_->op->name,
          step_->tape_->info(v).name);
  return {reinterpret_cast<float*>(addresses[static_cast<size_t>(v.index)]),
          {step_->live_rows(tensor), tensor.cols}};
}

std::span<std::byte> Context::scratch() const {
  const Slot& slot = step_->plan_.scratch[static_cast<size_t>(index_)];
  return {step_->address(slot), slot.bytes};
}

}  // namespace hotrow
