#include "engine/plan.h"

#include <algorithm>
#include <numeric>

#include "kernels/core/alignment.h"
#include "kernels/core/check.h"
#include "kernels/core/gemm.h"

namespace hotrow {
namespace {

size_t at(Var v) { return static_cast<size_t>(v.index); }

// A layer may keep its gradient as panels (kernels/linear.h), which are never smaller.
size_t gradient_bytes(const Tensor& tensor) {
  return static_cast<size_t>(panel_floats(tensor.cols, tensor.rows)) * sizeof(float);
}

class Planner {
 public:
  Planner(const Tape& tape, const std::vector<Var>& results, PlanOptions options)
      : tape_(tape), results_(results) {
    require(!results.empty(), "[plan] got no result, expected at least one");
    const Tape::VarInfo& first = tape.info(results[0]);
    const bool loss = first.kind == Tape::Kind::kValue && record(first.source).op->is_loss;
    require(options.mode == Mode::kServe || loss,
            "[plan] cannot train on '{}': expected a loss as the first result", first.name);
    plan_.options = options;
  }

  Plan run() {
    find_order();
    find_columns();
    find_gradients();
    find_lifetimes();
    place();
    return std::move(plan_);
  }

 private:
  bool training() const { return plan_.options.mode == Mode::kTrain; }
  const Record& record(int r) const { return tape_.records()[static_cast<size_t>(r)]; }

  // Records that a result depends on, in the order in which they were recorded.
  void find_order() {
    std::vector<bool> needed(tape_.vars().size());
    for (Var v : results_) needed[at(v)] = true;
    for (int r = static_cast<int>(tape_.records().size()) - 1; r >= 0; --r) {
      const Record& rec = record(r);
      if (std::none_of(rec.out.begin(), rec.out.end(), [&](Var v) { return needed[at(v)]; }))
        continue;
      plan_.order.push_back(r);
      for (Var v : rec.in) needed[at(v)] = true;
    }
    std::reverse(plan_.order.begin(), plan_.order.end());
    require(!plan_.order.empty(), "[plan] nothing to do: got results that no op makes");
    plan_.times = static_cast<int>(plan_.order.size()) * (training() ? 2 : 1);
  }

  // On a GPU a product wants rows of whole 16 bytes. All who read a padded var must know of it.
  void find_columns() {
    for (const Tape::VarInfo& info : tape_.vars()) plan_.columns.push_back(info.tensor.cols);
    if (plan_.options.device == Device::kCpu) return;
    for (int r : plan_.order) {
      const Record& rec = record(r);
      if (rec.op->pads_output && may_be_padded(rec.out[0]))
        plan_.columns[at(rec.out[0])] = whole_row(tape_.tensor(rec.out[0]).cols);
    }
  }

  bool may_be_padded(Var v) const {
    const auto is_v = [&](Var other) { return other.index == v.index; };
    return std::none_of(results_.begin(), results_.end(), is_v) &&
           std::all_of(plan_.order.begin(), plan_.order.end(), [&](int r) {
             const Record& rec = record(r);
             const auto first = rec.in.begin() + (rec.op->takes_padding ? 1 : 0);
             return std::none_of(first, rec.in.end(), is_v);
           });
  }

  // As it lies in memory.
  Tensor tensor(Var v) const {
    Tensor tensor = tape_.tensor(v);
    tensor.cols = plan_.columns[at(v)];
    return tensor;
  }

  void find_gradients() {
    plan_.runs_backward.resize(tape_.records().size());
    plan_.has_gradient.resize(tape_.vars().size());
    plan_.accumulate.resize(tape_.records().size());
    if (!training()) return;
    std::vector<bool> wants(tape_.vars().size());
    for (size_t v = 0; v < wants.size(); ++v)
      wants[v] = tape_.vars()[v].kind == Tape::Kind::kParameter;
    for (int r : plan_.order) {
      const Record& rec = record(r);
      if (rec.op->backward == nullptr) continue;
      const bool any =
          std::any_of(rec.in.begin(), rec.in.end(), [&](Var v) { return wants[at(v)]; }) ||
          (rec.op->updates_tables != nullptr && rec.op->updates_tables(rec.attributes));
      for (Var v : rec.out) wants[at(v)] = any;
    }
    // A record runs backward if the loss reaches one of its outputs. The first writer of a
    // gradient, in the order of the backward pass, overwrites; so nothing is ever cleared.
    std::vector<bool> reached(tape_.vars().size());
    reached[at(results_[0])] = true;
    for (auto r = plan_.order.rbegin(); r != plan_.order.rend(); ++r) {
      const Record& rec = record(*r);
      if (std::none_of(rec.out.begin(), rec.out.end(),
                       [&](Var v) { return reached[at(v)] && wants[at(v)]; }))
        continue;
      plan_.runs_backward[static_cast<size_t>(*r)] = true;
      std::vector<bool>& accumulate = plan_.accumulate[static_cast<size_t>(*r)];
      for (Var v : rec.in) {
        accumulate.push_back(reached[at(v)]);
        if (wants[at(v)]) reached[at(v)] = plan_.has_gradient[at(v)] = true;
      }
    }
  }

  void find_lifetimes() {
    plan_.values.resize(tape_.vars().size());
    plan_.gradients.resize(tape_.vars().size());
    plan_.kept.resize(tape_.vars().size());
    plan_.forward_scratch.resize(tape_.records().size());
    plan_.backward_scratch.resize(tape_.records().size());
    plan_.prepared.resize(tape_.records().size());
    for (size_t v = 0; v < plan_.values.size(); ++v) {
      const Tape::VarInfo& info = tape_.vars()[v];
      if (info.kind == Tape::Kind::kInput)
        plan_.values[v] = {info.tensor.bytes(), 0, plan_.times - 1};
    }
    for (int i = 0; i < static_cast<int>(plan_.order.size()); ++i) {
      const int r = plan_.order[static_cast<size_t>(i)];
      use_forward(r, plan_.forward_time(i));
      if (plan_.runs_backward[static_cast<size_t>(r)]) use_backward(r, i);
    }
    for (Var v : results_) plan_.values[at(v)].dies = plan_.times - 1;
  }

  ScratchBytes scratch(const Record& rec) const {
    if (rec.op->scratch == nullptr) return {};
    std::vector<Tensor> in;
    for (Var v : rec.in) in.push_back(tensor(v));
    return rec.op->scratch(in, rec.attributes, plan_.options.device);
  }

  void use_forward(int r, int time) {
    const Record& rec = record(r);
    for (Var v : rec.in) read(v, time);
    for (Var v : rec.out) plan_.values[at(v)] = {tensor(v).bytes(), time, time};
    const ScratchBytes bytes = scratch(rec);
    plan_.forward_scratch[static_cast<size_t>(r)] = {bytes.forward, time, time};
    plan_.workspace_bytes = std::max(plan_.workspace_bytes, bytes.workspace);
  }

  void use_backward(int r, int position) {
    const Record& rec = record(r);
    const int time = plan_.backward_time(position);
    if (rec.op->saves.inputs) {
      for (Var v : rec.in) read(v, time);
    }
    for (Var v : rec.out) {
      if (rec.op->saves.outputs) read(v, time);
      if (plan_.has_gradient[at(v)]) plan_.gradients[at(v)].dies = time;
    }
    for (Var v : rec.in) {
      if (!plan_.has_gradient[at(v)] || tape_.info(v).kind == Tape::Kind::kParameter) continue;
      // Later records come earlier in the backward pass: the last one seen here is the first
      // writer.
      plan_.gradients[at(v)].bytes = gradient_bytes(tensor(v));
      plan_.gradients[at(v)].born = time;
    }
    const ScratchBytes bytes = scratch(rec);
    plan_.backward_scratch[static_cast<size_t>(r)] = {bytes.backward, time, time};
    plan_.prepared[static_cast<size_t>(r)] = {bytes.prepared, plan_.forward_time(position), time};
  }

  void read(Var v, int time) {
    Slot& slot = plan_.values[at(v)];
    slot.dies = std::max(slot.dies, time);
  }

  // One after the other from the start of the arena.
  void place_kept() {
    const auto keep = [&](Var v) {
      Slot& slot = plan_.values[at(v)];
      if (slot.bytes == 0 || plan_.kept[at(v)]) return;
      plan_.kept[at(v)] = true;
      slot.offset = plan_.kept_bytes;
      plan_.kept_bytes += align_up(slot.bytes);
    };
    for (int v = 0; v < static_cast<int>(plan_.values.size()); ++v) {
      if (tape_.info({v}).kind == Tape::Kind::kInput) keep({v});
    }
    plan_.input_bytes = plan_.kept_bytes;
    for (Var v : results_) keep(v);
  }

  // What is kept, then the others, largest first, each at the lowest offset that is free for its
  // whole life.
  void place() {
    place_kept();
    plan_.arena_bytes = plan_.kept_bytes;
    std::vector<Slot*> slots;
    std::vector<const Slot*> placed;  // by offset
    for (size_t v = 0; v < plan_.values.size(); ++v) {
      Slot& slot = plan_.values[v];
      if (plan_.kept[v]) {
        placed.push_back(&slot);
      } else if (slot.bytes > 0) {
        slots.push_back(&slot);
      }
    }
    for (auto* list :
         {&plan_.gradients, &plan_.forward_scratch, &plan_.backward_scratch, &plan_.prepared}) {
      for (Slot& slot : *list) {
        if (slot.bytes > 0) slots.push_back(&slot);
      }
    }
    const auto by_offset = [](const Slot* a, const Slot* b) { return a->offset < b->offset; };
    std::sort(placed.begin(), placed.end(), by_offset);
    std::stable_sort(slots.begin(), slots.end(),
                     [](const Slot* a, const Slot* b) { return a->bytes > b->bytes; });
    for (Slot* slot : slots) {
      size_t offset = 0;
      for (const Slot* other : placed) {
        const bool together =
            !plan_.options.reuse || (slot->born <= other->dies && other->born <= slot->dies);
        if (!together) continue;
        if (offset + slot->bytes <= other->offset) break;
        offset = std::max(offset, align_up(other->offset + other->bytes));
      }
      slot->offset = offset;
      plan_.arena_bytes = std::max(plan_.arena_bytes, align_up(offset + slot->bytes));
      placed.insert(std::upper_bound(placed.begin(), placed.end(), slot, by_offset), slot);
    }
  }

  const Tape& tape_;
  const std::vector<Var>& results_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const Tape& tape, const std::vector<Var>& results, PlanOptions options) {
  return Planner(tape, results, options).run();
}

std::vector<MemoryUse> Plan::memory() const {
  const char* rest =
      options.mode == Mode::kTrain ? "activations, their gradients, scratch" : "activations";
  return {{"batch", input_bytes, options.device},
          {rest, arena_bytes - input_bytes, options.device}};
}

}  // namespace hotrow
