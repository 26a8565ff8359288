// The only file that knows oneDNN. It serves 2.x, whose primitives are made from operation
// descriptors, and 3.x, which dropped them.
#include <omp.h>

#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc matrix(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  return {{rows, cols}, memory::data_type::f32, memory::dims{row_stride, col_stride}};
}

dnnl::matmul::primitive_desc describe(const GemmShape& s) {
  const memory::desc a = matrix(s.m, s.k, s.a_row_stride, s.a_col_stride);
  const memory::desc b = matrix(s.k, s.n, s.b_row_stride, s.b_col_stride);
  const memory::desc c = matrix(s.m, s.n, s.c_row_stride, 1);
  const memory::desc bias = s.has_bias ? matrix(1, s.n, s.n, 1) : memory::desc();
  dnnl::post_ops post;
  if (s.accumulate) post.append_sum(1.0f);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(post);
#if DNNL_VERSION_MAJOR >= 3
  return s.has_bias ? dnnl::matmul::primitive_desc(cpu_engine(), a, b, bias, c, attr)
                    : dnnl::matmul::primitive_desc(cpu_engine(), a, b, c, attr);
#else
  return dnnl::matmul::primitive_desc(
      s.has_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c), attr,
      cpu_engine());
#endif
}

// oneDNN splits work by the number of OpenMP threads that it sees, which would make bits depend on
// it.
void stay_on_this_thread() {
  thread_local bool done = false;
  if (!done) omp_set_num_threads(1);
  done = true;
}

void check(dnnl_status_t status, const char* what) {
  require<DeviceError>(status == dnnl_success,
                       "[gemm] oneDNN's {} failed: got status {}, expected 0", what,
                       static_cast<int>(status));
}

// Not fused: oneDNN's own ReLU makes 0 of NaN, which would hide a failed run. The tile is still in
// the cache.
void relu(float* c, const GemmShape& s) {
  for (int64_t i = 0; i < s.m; ++i) {
    float* row = c + i * s.c_row_stride;
#pragma omp simd
    for (int64_t j = 0; j < s.n; ++j) row[j] = 0.0f > row[j] ? 0.0f : row[j];
  }
}

// The memory objects that one worker hands to a primitive. They are made once: to make them at
// every call would allocate.
struct Arguments {
  Arguments(const dnnl::matmul::primitive_desc& pd, bool has_bias)
      : a(pd.src_desc(), cpu_engine(), nullptr),
        b(pd.weights_desc(), cpu_engine(), nullptr),
        c(pd.dst_desc(), cpu_engine(), nullptr),
        scratch(pd.scratchpad_desc(), cpu_engine()),
        stream(cpu_engine()) {
    if (has_bias) bias = memory(pd.bias_desc(), cpu_engine(), nullptr);
  }
  memory a, b, c, scratch, bias;
  dnnl::stream stream;
};

class OneDnnGemm final : public Gemm {
 public:
  explicit OneDnnGemm(const GemmShape& shape)
      : shape_(shape), descriptor_(describe(shape)), primitive_(descriptor_) {
    reserve(num_threads());
  }

  void reserve(int workers) {
    while (static_cast<int>(arguments_.size()) < workers) {
      arguments_.push_back(std::make_unique<Arguments>(descriptor_, shape_.has_bias));
    }
  }

  void run(float* c, const float* a, const float* b, const float* bias) const override {
    stay_on_this_thread();
    Arguments& args = *arguments_[static_cast<size_t>(worker_index())];
    set(args.a, a);
    set(args.b, b);
    set(args.c, c);
    dnnl_exec_arg_t list[5] = {{DNNL_ARG_SRC, args.a.get()},
                               {DNNL_ARG_WEIGHTS, args.b.get()},
                               {DNNL_ARG_DST, args.c.get()},
                               {DNNL_ARG_SCRATCHPAD, args.scratch.get()},
                               {}};
    int count = 4;
    if (shape_.has_bias) {
      set(args.bias, bias);
      list[count++] = {DNNL_ARG_BIAS, args.bias.get()};
    }
    check(dnnl_primitive_execute(primitive_.get(), args.stream.get(), count, list), "matmul");
    if (shape_.relu) relu(c, shape_);
  }

 private:
  static void set(memory& m, const float* data) {
    check(dnnl_memory_set_data_handle(m.get(), const_cast<float*>(data)), "set_data_handle");
  }

  GemmShape shape_;
  dnnl::matmul::primitive_desc descriptor_;
  dnnl::matmul primitive_;
  std::vector<std::unique_ptr<Arguments>> arguments_;  // one a worker
};

}  // namespace

const Gemm& prepare_gemm(const GemmShape& shape) {
  require(shape.m > 0 && shape.n > 0 && shape.k > 0,
          "[gemm] empty product: got m={} n={} k={}, expected at least 1 each", shape.m, shape.n,
          shape.k);
  stay_on_this_thread();
  static std::mutex mutex;
  static std::map<GemmShape, std::unique_ptr<OneDnnGemm>> kernels;
  const std::lock_guard lock(mutex);
  std::unique_ptr<OneDnnGemm>& kernel = kernels[shape];
  if (!kernel) kernel = std::make_unique<OneDnnGemm>(shape);
  kernel->reserve(num_threads());
  return *kernel;
}

std::string gemm_backend() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

}  // namespace hotrow
