// A program, recorded once: which ops run in which order on which values. No math happens here.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/device.h"
#include "engine/parameters.h"
#include "engine/tensor.h"

namespace hotrow {

class Context;
class Lists;
class Table;

// The attributes of one record: up to 64 bytes of a plain struct.
class Attributes {
 public:
  template <class T>
  static Attributes of(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kBytes);
    Attributes attributes;
    std::memcpy(attributes.bytes_.data(), &value, sizeof(T));
    return attributes;
  }
  template <class T>
  T as() const {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    return value;
  }

 private:
  static constexpr size_t kBytes = 64;
  std::array<std::byte, kBytes> bytes_{};
};

// What its backward pass reads; everything else may be overwritten once the forward pass is
// through.
struct Saves {
  bool inputs = false;
  bool outputs = false;
};

// What an op needs to itself: while it runs, from prepare to the end of backward, and of a GPU's
// workspace for matrix products, which all share.
struct ScratchBytes {
  size_t forward = 0, backward = 0, prepared = 0, workspace = 0;
};

// An op is a few plain pointers and no state. Contract of the functions:
// - infer checks the inputs against the attributes, throws InvalidArgument `[op] ...` or gives the
// outputs;
// - forward writes every live row of its outputs;
// - backward reads the gradients of its outputs, which it may overwrite, and for each input i whose
//   in_grad(i) has data overwrites it or, where accumulate(i) says so, adds to it. Null: no
//   gradient flows.
// On a GPU the functions queue work, and what they queue for a full batch is recorded once and then
// replayed. So they neither wait nor take memory of the device, and queue the same at every call:
// of the rule they see its kind, and the rest as constants() on the device; launches follow from
// the capacity of an input whose rows are ids, never from how many it has, unless an output of the
// op has as many rows (then nobody replays the step). Context throws where it can tell.
struct Op {
  const char* name;
  std::vector<Tensor> (*infer)(std::span<const Tensor> in, const Attributes& attributes);
  void (*forward)(const Context& context);
  void (*backward)(const Context& context);
  Saves saves;
  // Null: none.
  ScratchBytes (*scratch)(std::span<const Tensor> in, const Attributes& attributes,
                          Device device) = nullptr;
  // Of a GPU, where backward runs: queues what depends on ids and offsets alone, on the stream of
  // this context, beside the forward pass from here on. It writes prepared(), which backward reads,
  // and reads what backward may read too. Null: nothing.
  void (*prepare)(const Context& context) = nullptr;
  // Adds the lists that its kernels take, once the step has its memory; Context::list() finds them
  // in that order. Null: none.
  void (*add_lists)(const Context& context, Lists& lists) = nullptr;
  // True if backward must run even when no input wants a gradient, because it updates tables; null:
  // never.
  bool (*updates_tables)(const Attributes& attributes) = nullptr;
  // Gradients begin here: backward reads none of its output.
  bool is_loss = false;
  // On a GPU the rows of its output may be longer, so that they are whole 16 bytes: what it does
  // not use becomes 0.
  bool pads_output = false;
  // Its first input may have such rows, and the input's gradient with it.
  bool takes_padding = false;
};

struct Record {
  const Op* op;
  Attributes attributes;
  std::vector<Var> in, out;
};

// The bags of one sparse feature: offsets (B + 1) and ids (N), both of the tape's id type.
struct SparseVar {
  Var offsets, ids;
};

class Tape {
 public:
  enum class Kind { kInput, kParameter, kValue };
  struct VarInfo {
    std::string name;
    Tensor tensor;
    Kind kind;
    int source;  // of a parameter: its index in Parameters; of a value: the record that makes it
  };

  // `batch` is the largest number of samples in a step. Ids are int32 unless a table or a batch is
  // too large for it, then int64.
  Tape(Parameters& parameters, int64_t batch, DType id_type = DType::kInt32);

  // Filled by the caller before each step; (B, cols) fp32.
  Var input(const std::string& name, int64_t cols);
  // At most `max_ids` ids a batch in all bags together.
  SparseVar sparse_input(const std::string& name, int64_t max_ids);
  // A trainable (rows, cols) of the shared Parameters.
  Var parameter(const std::string& name, int64_t rows, int64_t cols);
  // Appends a record; infers or throws.
  std::vector<Var> apply(const Op& op, const Attributes& attributes, std::vector<Var> in);
  // Keeps a list of tables alive at one address, for attributes to point to. A trainable table may
  // come once a tape: a second update in the same step would start from rows that the first has
  // changed.
  std::span<Table* const> keep(std::vector<Table*> tables);

  int64_t batch() const { return batch_; }
  int sparse_inputs() const { return sparse_inputs_; }
  Parameters& parameters() const { return *parameters_; }
  const std::vector<VarInfo>& vars() const { return vars_; }
  const std::vector<Record>& records() const { return records_; }
  const VarInfo& info(Var v) const { return vars_[static_cast<size_t>(v.index)]; }
  const Tensor& tensor(Var v) const { return info(v).tensor; }
  std::vector<Tensor> tensors(std::span<const Var> vars) const;

 private:
  Var add(std::string name, Tensor tensor, Kind kind, int source);

  Parameters* parameters_;
  int64_t batch_;
  DType id_type_;
  int sparse_inputs_ = 0;
  std::vector<VarInfo> vars_;
  std::vector<Record> records_;
  std::deque<std::vector<Table*>> kept_;
  std::set<const Table*> kept_tables_;  // trainable ones
};

}  // namespace hotrow
