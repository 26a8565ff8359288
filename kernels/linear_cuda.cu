#include "kernels/linear_cuda.cuh"

#include "kernels/core/async.cuh"
#include "kernels/core/carver.h"
#include "kernels/core/columns.cuh"
#include "kernels/core/vec.cuh"
#include "kernels/core/warp.cuh"
#include "kernels/linear_shapes.h"

namespace hotrow {
namespace {

constexpr int kThreads = kLinearThreads;
constexpr int kWarps = kThreads / kWarpSize;

// ---- activations

template <int kVec>
__global__ void __launch_bounds__(kThreads)
    add_bias(float* y, const float* bias, Activation activation, MatrixCover cover) {
  Columns<kVec> v[MatrixCover::kRowsEach];  // all under way before the first is used
  cover.for_each([&](int i, int64_t row, int64_t vector) {
    v[i] = load_columns<kVec>(y + (row * cover.vectors + vector) * kVec);
  });
  cover.for_each([&](int i, int64_t row, int64_t vector) {
#pragma unroll
    for (int c = 0; c < kVec; ++c) {
      const float b = bias == nullptr ? 0.0f : __ldg(bias + vector * kVec + c);
      v[i].x[c] = activate(v[i].x[c] + b, activation);
    }
    store_columns<kVec>(y + (row * cover.vectors + vector) * kVec, v[i]);
  });
}

// y = act(y + bias); y is aligned to 16 bytes.
void finish_forward(Matrix y, const float* bias, Activation activation, CudaStream stream) {
  if (bias == nullptr && activation == Activation::kNone) return;
  const bool wide = y.cols() % 4 == 0;
  const MatrixCover cover(y.rows(), wide ? y.cols() / 4 : y.cols());
  launch("linear_forward", wide ? add_bias<4> : add_bias<1>, cover.shape(), stream, y.data, bias,
         activation, cover);
}

template <Activation kActivation>
__device__ float derivative(float dy, float y) {
  if constexpr (kActivation == Activation::kRelu) {
    return y > 0 ? dy : 0.0f;
  } else if constexpr (kActivation == Activation::kSigmoid) {
    return dy * (y * (1.0f - y));
  } else {
    return dy;
  }
}

// Vectors of four where all addresses allow it, and single numbers behind them. dz may be dy.
template <Activation kActivation>
__global__ void __launch_bounds__(kThreads)
    gate(float* dz, const float* dy, const float* y, int64_t n, bool vectors) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * 4;
  if (vectors && i + 4 <= n) {
    Float4 v = load4(dy + i);
    const Float4 out = kActivation == Activation::kNone ? Float4{} : load4(y + i);
#pragma unroll
    for (int c = 0; c < 4; ++c) v[c] = derivative<kActivation>(v[c], out[c]);
    return store4(dz + i, v);
  }
  for (int64_t j = i; j < std::min(i + 4, n); ++j) {
    dz[j] = derivative<kActivation>(dy[j], kActivation == Activation::kNone ? 0.0f : y[j]);
  }
}

template <Activation kActivation>
void launch_gate(float* dz, const float* dy, const float* y, int64_t n, CudaStream stream) {
  const bool vectors = is_aligned16(dz) && is_aligned16(dy) && is_aligned16(y);
  launch("activation_backward", gate<kActivation>, {ceil_div(n, 4 * kThreads), kThreads}, stream,
         dz, dy, y, n, vectors);
}

// ---- sums down columns

int64_t num_parts(int64_t rows) { return std::clamp<int64_t>(ceil_div(rows, 256), 1, 64); }

// A warp's lanes have 2^shift columns, and as many rows below each other as there is room for.
__global__ void __launch_bounds__(kThreads) sum_parts(float* sums, const float* in, int64_t rows,
                                                      int64_t columns, int shift, unsigned parts) {
  const int side = 1 << shift, height = kWarpSize >> shift;
  const int64_t part = blockIdx.x % parts, end = rows * (part + 1) / parts;
  const int64_t column = int64_t{blockIdx.x / parts} * side + (lane() & (side - 1));
  float sum = 0;
  if (column < columns) {
#pragma unroll 8
    for (int64_t row = rows * part / parts + warp_in_block() * height + (lane() >> shift);
         row < end; row += kWarps * height) {
      sum += __ldg(in + row * columns + column);
    }
  }
  for (int h = kWarpSize / 2; h >= side; h /= 2) sum += __shfl_xor_sync(kFullMask, sum, h);
  float* of_warp = dynamic_shared<float>();
  of_warp[threadIdx.x] = sum;
  __syncthreads();
  if (static_cast<int>(threadIdx.x) >= side || column >= columns) return;
  for (int warp = 1; warp < kWarps; ++warp) sum += of_warp[warp * kWarpSize + lane()];
  sums[part * columns + column] = sum;
}

// ---- copies of rows that are whole 16 bytes

template <class T>
constexpr int kInVector = 16 / static_cast<int>(sizeof(T));

int64_t round_up(int64_t n, int64_t to) { return ceil_div(n, to) * to; }

__device__ void store_vector(float* to, const float (&v)[4]) {
  store4(to, {{v[0], v[1], v[2], v[3]}});
}
__device__ void store_vector(Bf16* to, const float (&v)[8]) {
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    words[i] = round_factor(v[2 * i]).bits | uint32_t{round_factor(v[2 * i + 1]).bits} << 16;
  }
  *reinterpret_cast<uint4*>(aligned16(to)) = make_uint4(words[0], words[1], words[2], words[3]);
}

// Rows of `columns` floats as vectors of T, with zeros behind each row.
template <class T>
__global__ void __launch_bounds__(kThreads)
    copy_rows(T* to, const float* from, int64_t columns, MatrixCover cover) {
  constexpr int kSize = kInVector<T>;
  cover.for_each([&](int, int64_t row, int64_t vector) {
    const float* in = from + row * columns + vector * kSize;
    const int64_t left = columns - vector * kSize;
    float v[kSize];
#pragma unroll
    for (int c = 0; c < kSize; c += 4) {
      if (c + 4 <= left && is_aligned16(in)) {
        const Float4 four = load4_read_only(in + c);
#pragma unroll
        for (int i = 0; i < 4; ++i) v[c + i] = four[i];
      } else {
#pragma unroll
        for (int i = c; i < c + 4; ++i) v[i] = i < left ? __ldg(in + i) : 0.0f;
      }
    }
    store_vector(to + (row * cover.vectors + vector) * kSize, v);
  });
}

// The columns of `to` from rows of `stride` floats.
__global__ void __launch_bounds__(kThreads)
    uncopy_rows(float* to, const float* from, int64_t stride, bool accumulate, MatrixCover cover) {
  cover.for_each([&](int, int64_t row, int64_t column) {
    float* at = to + row * cover.vectors + column;
    const float v = from[row * stride + column];
    *at = accumulate ? *at + v : v;
  });
}

template <class T>
CudaFactor copy_factor(void* copy, ConstMatrix m, CudaStream stream) {
  const int64_t vectors = ceil_div(m.cols(), kInVector<T>);
  const MatrixCover cover(m.rows(), vectors);
  launch("linear", copy_rows<T>, cover.shape(), stream, static_cast<T*>(copy), m.data, m.cols(),
         cover);
  return {copy, vectors * kInVector<T>};
}

// ---- products

// What a layer takes of the workspace; null where it needs none.
struct LayerScratch {
  void *x = nullptr, *w = nullptr, *dz = nullptr;  // copies of factors
  float *dx = nullptr, *dw = nullptr;              // copies of results; that of dx lies over x's
  float* sums = nullptr;
  size_t bytes;

  LayerScratch(const void* workspace, int64_t B, int64_t x_columns, int64_t K, int64_t N,
               Precision precision) {
    Carver carver(workspace);
    const auto take = [&](int64_t numbers, int64_t size) {
      return carver.take<void>(static_cast<size_t>(numbers * size));
    };
    const bool one = N == 1;
    sums = static_cast<float*>(
        take(std::max(num_parts(B) * N, one ? one_output_floats(B, K) : 0), sizeof(float)));
    const bool bf16 = precision == Precision::kBfloat16;
    const bool odd_x = x_columns % 4 != 0, odd_w = K % 4 != 0;
    if (!one && (bf16 || odd_w)) {
      const int64_t size = bf16 ? sizeof(Bf16) : sizeof(float);
      const int64_t stride = round_up(K, 16 / size), floats = whole_row(K);
      const int64_t dx_bytes = odd_x ? B * floats * int64_t{sizeof(float)} : 0;
      if (bf16 || odd_x) x = take(std::max(B * stride * size, dx_bytes), 1);
      w = take(N * stride, size);
      if (bf16) dz = take(B * round_up(N, 8), size);
      if (odd_x) dx = static_cast<float*>(x);
      if (odd_w) dw = static_cast<float*>(take(N * floats, sizeof(float)));
    }
    bytes = carver.scratch_bytes();
  }
};

// The products of a layer, whose sizes are those of x (B, K) and w (N, K).
class LayerProducts {
 public:
  LayerProducts(ConstMatrix x, ConstMatrix w, Precision precision, GemmContext& gemms,
                CudaStream stream)
      : scratch_(gemms.workspace().data(), x.rows(), x.cols(), w.cols(), w.rows(), precision),
        bf16_(precision == Precision::kBfloat16),
        gemms_(gemms),
        stream_(stream) {
    const size_t got = gemms.workspace().size(),
                 needed = linear_workspace_bytes(x.rows(), x.cols(), w.cols(), w.rows(), precision);
    require(got >= needed, "[linear] workspace too small: got {} bytes, expected at least {}", got,
            needed);
  }
  const LayerScratch& scratch() const { return scratch_; }

  CudaFactor factor(ConstMatrix m, void* copy) const {
    if (copy == nullptr) return {m.data, m.cols()};
    return bf16_ ? copy_factor<Bf16>(copy, m, stream_) : copy_factor<float>(copy, m, stream_);
  }
  static CudaFactor transposed(CudaFactor factor) {
    factor.layout = GemmLayout::kColumns;
    return factor;
  }
  // c (+)= a b with k columns of a.
  void run(Matrix c, float* copy, CudaFactor a, CudaFactor b, int64_t k,
           bool accumulate = false) const {
    const int64_t columns = copy == nullptr ? c.cols() : whole_row(c.cols());
    gemms_.run({.m = c.rows(),
                .n = columns,
                .k = k,
                .c = copy == nullptr ? c.data : copy,
                .c_stride = columns,
                .a = a,
                .b = b,
                .bf16 = bf16_,
                .accumulate = accumulate && copy == nullptr,
                .taken = scratch_.bytes},
               stream_);
    if (copy == nullptr) return;
    const MatrixCover cover(c.rows(), c.cols());
    launch("linear", uncopy_rows, cover.shape(), stream_, c.data, copy, columns, accumulate, cover);
  }

 private:
  LayerScratch scratch_;
  bool bf16_;
  GemmContext& gemms_;
  CudaStream stream_;
};

}  // namespace

void sum_down(float* sums, const float* in, int64_t rows, int64_t columns, int64_t parts,
              CudaStream stream) {
  const auto needed = static_cast<unsigned>(std::min<int64_t>(columns, kWarpSize));
  const int shift = std::countr_zero(std::bit_ceil(needed));
  launch("linear_backward", sum_parts,
         {ceil_div(columns, 1 << shift) * parts, kThreads, kThreads * sizeof(float)}, stream, sums,
         in, rows, columns, shift, static_cast<unsigned>(parts));
}

void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, GemmContext& gemms, CudaStream stream) {
  check_linear_forward(y, x, w, bias, true);
  if (y.size() == 0) return;
  if (w.rows() == 1) return one_output_forward(y, x, w, bias, activation, precision, stream);
  const LayerProducts products(x, w, precision, gemms, stream);
  const CudaFactor a = products.factor(x, products.scratch().x);
  const CudaFactor b = products.factor(w, products.scratch().w);
  products.run(y, nullptr, a, LayerProducts::transposed(b), a.stride);
  finish_forward(y, bias.data, activation, stream);
}

void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CudaStream stream) {
  check_activation_backward(dy, y, activation);
  switch (activation) {
    case Activation::kNone:
      return launch_gate<Activation::kNone>(dz, dy.data, nullptr, dy.size(), stream);
    case Activation::kRelu:
      return launch_gate<Activation::kRelu>(dz, dy.data, y.data, dy.size(), stream);
    case Activation::kSigmoid:
      return launch_gate<Activation::kSigmoid>(dz, dy.data, y.data, dy.size(), stream);
  }
}

size_t linear_workspace_bytes(int64_t B, int64_t x_columns, int64_t K, int64_t N,
                              Precision precision) {
  return GemmContext::workspace_bytes(LayerScratch(nullptr, B, x_columns, K, N, precision).bytes);
}

void linear_backward(const LinearBackward& a, GemmContext& gemms, CudaStream stream) {
  check_linear_backward(a, true);
  const int64_t B = a.x.rows(), N = a.w.rows();
  const LayerProducts products(a.x, a.w, a.precision, gemms, stream);
  const LayerScratch& scratch = products.scratch();
  if (a.db.data != nullptr) {
    sum_down(scratch.sums, a.dz, B, N, num_parts(B), stream);
    sum_down(a.db.data, scratch.sums, num_parts(B), N, 1, stream);
  }
  if (B == 0) {
    const size_t bytes = static_cast<size_t>(a.dw.size()) * sizeof(float);
    return check_cuda(
        cudaMemsetAsync(a.dw.data, 0, bytes, static_cast<cudaStream_t>(stream.native)),
        "linear_backward", "setting dw to zero");
  }
  if (N == 1) return one_output_backward(a, scratch.sums, stream);
  const CudaFactor dz = products.factor({a.dz, {B, N}}, scratch.dz);
  const CudaFactor x = products.factor(a.x, scratch.x);
  products.run(a.dw, scratch.dw, LayerProducts::transposed(dz), x, B);
  if (a.dx.data == nullptr) return;
  const CudaFactor w = products.factor(a.w, scratch.w);
  products.run(a.dx, scratch.dx, dz, w, N, a.accumulate_dx);
  if (a.dx_is_dz) {
    launch_gate<Activation::kRelu>(a.dx.data, a.dx.data, a.x.data, a.dx.size(), stream);
  }
}

}  // namespace hotrow
