// The only file that knows oneDNN. It serves 2.x, whose primitives are made from operation
// descriptors, and 3.x, which dropped them.
#include "tools/bench/onednn_gemm.h"

#include <fmt/format.h>
#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

using dnnl::memory;

memory::desc matrix(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride,
                    Precision precision = Precision::kFloat32) {
  return {{rows, cols},
          precision == Precision::kBfloat16 ? memory::data_type::bf16 : memory::data_type::f32,
          memory::dims{row_stride, col_stride}};
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const memory::desc& a,
                                      const memory::desc& b, const memory::desc& c) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c};
#else
  return {dnnl::matmul::desc(a, b, c), engine};
#endif
}

// The memory objects that one worker hands to the primitive.
struct Arguments {
  memory a, b, c;
  dnnl::stream stream;
};

class Product {
 public:
  Product(int64_t rows, int64_t cols, int64_t depth, int64_t c_stride, Precision precision)
      : engine_(dnnl::engine::kind::cpu, 0),
        a_(matrix(rows, depth, depth, 1, precision)),
        b_(matrix(depth, cols, 1, depth, precision)),
        c_(matrix(rows, cols, c_stride, 1)),
        primitive_(describe(engine_, a_, b_, c_)) {
    for (int i = 0; i < num_threads(); ++i) {
      arguments_.push_back({memory(a_, engine_, nullptr), memory(b_, engine_, nullptr),
                            memory(c_, engine_, nullptr), dnnl::stream(engine_)});
    }
  }

  void run(float* c, const void* a, const void* b) {
    omp_set_num_threads(1);  // of this thread's calls: the caller cuts the work
    Arguments& args = arguments_[static_cast<size_t>(worker_index())];
    args.a.set_data_handle(const_cast<void*>(a));
    args.b.set_data_handle(const_cast<void*>(b));
    args.c.set_data_handle(c);
    primitive_.execute(
        args.stream, {{DNNL_ARG_SRC, args.a}, {DNNL_ARG_WEIGHTS, args.b}, {DNNL_ARG_DST, args.c}});
    args.stream.wait();
  }

 private:
  dnnl::engine engine_;
  memory::desc a_, b_, c_;
  dnnl::matmul primitive_;
  std::vector<Arguments> arguments_;
};

}  // namespace

OneDnnGemm make_onednn_gemm(int64_t rows, int64_t cols, int64_t depth, int64_t c_stride,
                            Precision precision) {
  std::shared_ptr<Product> product;
  try {
    product = std::make_shared<Product>(rows, cols, depth, c_stride, precision);
  } catch (const dnnl::error& e) {
    if (e.status != dnnl_unimplemented) throw;
    return {};
  }
  return [product](float* c, const void* a, const void* b) { product->run(c, a, b); };
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

}  // namespace hotrow
