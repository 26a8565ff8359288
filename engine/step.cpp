#include "engine/step.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "engine/profile_range.h"
#include "kernels/core/check.h"
#include "kernels/sparse_route.h"

namespace hotrow {

// Adds the time since the last lap to one of the sums.
class Step::Laps {
 public:
  void add_to(double& sum) {
    const Clock::time_point now = Clock::now();
    sum += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

namespace {

// Bytes that take about as long to copy as a copy takes to begin.
constexpr size_t kBytesOfACall = size_t{64} << 10;

bool updates_tables(const Record& record) {
  return record.op->updates_tables != nullptr && record.op->updates_tables(record.attributes);
}

}  // namespace

Step::Step(const Tape& tape, Plan plan, StepOptions options)
    : tape_(&tape),
      plan_(std::move(plan)),
      options_(options),
      stream_(&tape.parameters().stream()),
      arena_(plan_.arena_bytes, plan_.options.device, "the batch and the activations of a step"),
      inbox_(arena_, plan_.input_bytes, "the batch of a step"),
      results_(arena_.device(), arena_.data() + plan_.input_bytes,
               plan_.kept_bytes - plan_.input_bytes, "the results of a step"),
      id_counts_(static_cast<size_t>(tape.sparse_inputs())),
      values_(tape.vars().size()),
      gradients_(tape.vars().size()),
      results_there_(plan_.options.device) {
  require(tape.parameters().allocated(),
          "[step] parameters have no memory yet: call Parameters::allocate() before");
  require(stream_->device() == plan_.options.device,
          "[step] parameters lie on another device than the step: got {}, expected {}",
          device_name(stream_->device()), device_name(plan_.options.device));
  live_.reserve(values_.size());
  for (size_t v = 0; v < values_.size(); ++v) bind(v);
  make_lists();
  if (stream_->device() == Device::kCuda)
    gpu_ = std::make_unique<GpuStep>(GpuStep::Options{plan_.workspace_bytes, options_.strict_fp32});
}

// Gives a var its addresses.
void Step::bind(size_t v) {
  const Tape::VarInfo& info = tape_->vars()[v];
  if (info.kind != Tape::Kind::kParameter) {
    values_[v] = address(plan_.values[v]);
    gradients_[v] = address(plan_.gradients[v]);
    return;
  }
  const Parameters& parameters = tape_->parameters();
  values_[v] = reinterpret_cast<std::byte*>(parameters.value(info.source).data);
  if (!plan_.has_gradient[v]) return;
  gradients_[v] = reinterpret_cast<std::byte*>(parameters.gradient(info.source).data);
  require(gradients_[v] != nullptr,
          "[step] '{}' has no gradient: call Parameters::allocate() for training before",
          info.name);
}

void Step::make_lists() {
  first_list_.resize(tape_->records().size());
  for (int r : plan_.order) {
    const Record& record = tape_->records()[static_cast<size_t>(r)];
    first_list_[static_cast<size_t>(r)] = lists_.count();
    if (record.op->add_lists != nullptr)
      record.op->add_lists(Context(*this, r, nullptr, *stream_), lists_);
    for (Var v : record.out) counts_ids_ = counts_ids_ || tape_->tensor(v).axis.source >= 0;
  }
  lists_.place(stream_->device());
}

void Step::set_rows(int64_t rows) {
  require(rows >= 0 && rows <= tape_->batch(),
          "[step] batch does not fit: got {} samples, expected at most {}", rows, tape_->batch());
  inbox_.wait();
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
  return {inbox_.as<float>(plan_.values[static_cast<size_t>(v.index)].offset),
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
    Id* to_offsets = inbox_.as<Id>(plan_.values[static_cast<size_t>(v.offsets.index)].offset);
    Id* to_ids = inbox_.as<Id>(plan_.values[static_cast<size_t>(v.ids.index)].offset);
    bad_offset = copy_offsets(to_offsets, offsets.data(), rows_, count, CpuStream{});
    bad_id = copy_ids(to_ids, ids.data(), count, table_rows, CpuStream{});
  });
  require(bad_offset < 0,
          "[step] offsets of '{}' do not fit: got a fall at {}, expected them to rise from 0 to {}",
          info.name, bad_offset, count);
  return bad_id;
}

void Step::poison(int time) {
  const auto fill = [&](const Slot& slot) {
    if (slot.bytes > 0 && slot.dies == time)
      driver(stream_->device()).fill(address(slot), 0xFF, slot.bytes, stream_->native());
  };
  for (size_t v = 0; v < plan_.values.size(); ++v) {
    if (!plan_.kept[v]) fill(plan_.values[v]);
  }
  for (auto* slots :
       {&plan_.gradients, &plan_.forward_scratch, &plan_.backward_scratch, &plan_.prepared})
    std::for_each(slots->begin(), slots->end(), fill);
}

// What the batch has filled of the inputs: all of it for most models, far less where bags are of
// any length.
std::span<const ByteRange> Step::live_inputs() {
  live_.clear();
  for (size_t v = 0; v < values_.size(); ++v) {
    const Tape::VarInfo& info = tape_->vars()[v];
    if (info.kind != Tape::Kind::kInput) continue;
    const size_t begin = plan_.values[v].offset;
    const auto numbers = static_cast<size_t>(live_rows(info.tensor) * info.tensor.cols);
    const size_t end = begin + numbers * size_of(info.tensor.dtype);
    if (!live_.empty() && begin - live_.back().end < kBytesOfACall) {
      live_.back().end = end;
    } else {
      live_.push_back({begin, end});
    }
  }
  return live_;
}

void Step::queue_forward() {
  for (size_t i = 0; i < plan_.order.size(); ++i) {
    const int r = plan_.order[i];
    const Op& op = *tape_->records()[static_cast<size_t>(r)].op;
    const ProfileRange range(op.name);
    if (gpu_ != nullptr && op.prepare != nullptr && plan_.runs_backward[static_cast<size_t>(r)])
      op.prepare(Context(*this, r, nullptr, gpu_->side().fork(*stream_)));
    op.forward(Context(*this, r, nullptr, *stream_));
    if (options_.poison) poison(plan_.forward_time(static_cast<int>(i)));
  }
  if (gpu_ != nullptr) gpu_->side().join(*stream_);
}

void Step::forward() {
  const ProfileRange range("forward");
  Laps laps;
  if (gpu_ != nullptr) inbox_.send(live_inputs(), *stream_);
  const auto work = [this] { queue_forward(); };
  replays() ? gpu_->forward().queue(*stream_, std::ref(work)) : work();
  results_.download(0, plan_.kept_bytes - plan_.input_bytes, *stream_);
  results_there_.record(*stream_);
  laps.add_to(times_.forward);
}

void Step::update_parameters(const UpdateRule& rule, CpuStream) {
  tape_->parameters().update(rule);
}

void Step::update_parameters(const UpdateRule& rule, CudaStream stream) {
  tape_->parameters().update(rule.kind, gpu_->constants(), stream);
}

void Step::queue_backward(const UpdateRule& rule, Laps& laps) {
  for (size_t i = plan_.order.size(); i-- > 0;) {
    const int r = plan_.order[i];
    const Record& record = tape_->records()[static_cast<size_t>(r)];
    if (!plan_.runs_backward[static_cast<size_t>(r)]) continue;
    const ProfileRange range(record.op->name);
    record.op->backward(Context(*this, r, &rule, *stream_));
    laps.add_to(updates_tables(record) ? times_.update : times_.backward);
    if (options_.poison) poison(plan_.backward_time(static_cast<int>(i)));
  }
  const ProfileRange range("dense_update");
  dispatch(*stream_, [&](auto stream) { update_parameters(rule, stream); });
  laps.add_to(times_.update);
}

void Step::backward(const UpdateRule& rule) {
  Laps laps;
  require(plan_.options.mode == Mode::kTrain,
          "[step] backward: got a plan for serving, expected one for training");
  check_update_rule("step", rule);
  const ProfileRange range("backward");
  if (gpu_ != nullptr) gpu_->set_rule(rule, *stream_);
  const auto work = [&] { queue_backward(rule, laps); };
  replays() ? gpu_->backward().queue(*stream_, std::ref(work)) : work();
  laps.add_to(times_.backward);
}

ConstMatrix Step::value(Var v) const {
  const Tensor& tensor = tape_->tensor(v);
  require(tensor.dtype == DType::kFloat32 && plan_.kept[static_cast<size_t>(v.index)],
          "[step] '{}' is not kept: expected numbers that are a result of the plan",
          tape_->info(v).name);
  if (gpu_ != nullptr) {
    const ProfileRange range("wait for results");
    Laps laps;
    results_there_.wait();
    laps.add_to(times_.forward);
  }
  const size_t offset = plan_.values[static_cast<size_t>(v.index)].offset;
  const bool is_input = offset < plan_.input_bytes;
  return {is_input ? inbox_.as<const float>(offset)
                   : results_.as<const float>(offset - plan_.input_bytes),
          {live_rows(tensor), tensor.cols}};
}

std::vector<MemoryUse> Step::memory() const {
  std::vector<MemoryUse> all = plan_.memory();
  if (gpu_ == nullptr) return all;
  all.push_back({"the next batch", inbox_.bytes(), Device::kCuda});
  all.push_back({"workspace of matrix products", gpu_->workspace_bytes(), Device::kCuda});
  all.push_back({"batch and results, pinned", plan_.kept_bytes});
  return all;
}

StepTimes Step::take_times() { return std::exchange(times_, {}); }

Context::Context(const Step& step, int index, const UpdateRule* rule, const DeviceStream& stream)
    : step_(&step),
      index_(index),
      record_(&step.tape_->records()[static_cast<size_t>(index)]),
      rule_(rule),
      stream_(&stream) {}

const UpdateRule& Context::rule() const {
  require(step_->gpu_ == nullptr, "[{}] asks for a rule on a GPU: expected constants()",
          record_->op->name);
  return *rule_;
}

int64_t Context::live_rows(Var v) const {
  const Tensor& tensor = step_->tape_->tensor(v);
  require(tensor.axis.source < 0 || !step_->replays(),
          "[{}] asks how many ids '{}' has: expected an op whose work does not depend on it, or "
          "with an output of as many rows",
          record_->op->name, step_->tape_->info(v).name);
  return step_->live_rows(tensor);
}

Matrix Context::matrix(const std::vector<std::byte*>& addresses, Var v) const {
  const Tensor& tensor = step_->tape_->tensor(v);
  require(tensor.dtype == DType::kFloat32, "[{}] got ids '{}', expected numbers", record_->op->name,
          step_->tape_->info(v).name);
  const auto i = static_cast<size_t>(v.index);
  return {reinterpret_cast<float*>(addresses[i]), {live_rows(v), step_->plan_.columns[i]}};
}

std::span<std::byte> Context::bytes(const std::vector<Slot>& slots) const {
  const Slot& slot = slots[static_cast<size_t>(index_)];
  return {step_->address(slot), slot.bytes};
}

std::span<std::byte> Context::scratch() const {
  const Plan& plan = step_->plan_;
  return bytes(rule_ == nullptr ? plan.forward_scratch : plan.backward_scratch);
}

}  // namespace hotrow
