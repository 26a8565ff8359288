// The CUDA kernels of kernels/elementwise.h: the bits of the CPU's.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/elementwise.h"
#include "tests/reference/elementwise_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {

using Floats = std::vector<float>;

constexpr int64_t kSizes[] = {0, 1, 3, 4, 37, 255, 1023, 1024, 1025, 4099};
constexpr float kUntouched = 12345;

// n floats on the device that begin `shift` floats after an aligned address, and one more.
class Operand {
 public:
  Operand(const Floats& values, size_t shift) : shift_(shift), memory_(padded(values, shift)) {}
  float* data() { return memory_.data() + shift_; }
  Floats get() const {
    const Floats all = memory_.get();
    EXPECT_EQ(all.back(), kUntouched);
    EXPECT_EQ(all[0], shift_ > 0 ? kUntouched : all[0]);
    return {all.begin() + static_cast<int64_t>(shift_), all.end() - 1};
  }

 private:
  static Floats padded(const Floats& values, size_t shift) {
    Floats all(shift, kUntouched);
    all.insert(all.end(), values.begin(), values.end());
    all.push_back(kUntouched);
    return all;
  }
  size_t shift_;
  test::DeviceVector<float> memory_;
};

// call(out, a, b, n, stream) leaves the same bits in `out` on both backends, wherever the operands
// lie.
template <class Call>
void expect_same_bits(const Call& call) {
  const auto check = [&](int64_t n, size_t out_shift, size_t a_shift) {
    const Floats a = test::test_floats(n, 1), b = test::test_floats(n, 2);
    Floats out = test::test_floats(n, 3);
    Operand device_out(out, out_shift), device_a(a, a_shift), device_b(b, 0);
    call(device_out.data(), device_a.data(), device_b.data(), n, CudaStream{});
    call(out.data(), a.data(), b.data(), n, CpuStream{});
    EXPECT_EQ(device_out.get(), out) << n << ", shifts " << out_shift << " " << a_shift;
  };
  test::for_each_fma_instruction_set([&] {
    for (int64_t n : kSizes) {
      cuda_on_host::set_schedule_seed(static_cast<uint64_t>(n));
      for (size_t shift : {0, 1, 2, 3}) {
        check(n, shift, 0);
        check(n, 0, shift);
      }
    }
  });
}

TEST(ElementwiseCuda, CopiesAndAdds) {
  for (bool accumulate : {false, true}) {
    expect_same_bits([&](float* out, const float* a, const float*, int64_t n, auto stream) {
      copy(out, a, n, accumulate, stream);
    });
  }
  expect_same_bits([](float* out, const float* a, const float* b, int64_t n, auto stream) {
    add(out, a, b, n, stream);
  });
}

TEST(ElementwiseCuda, Multiplies) {
  expect_same_bits([](float* out, const float* a, const float* b, int64_t n, auto stream) {
    multiply(out, a, b, n, stream);
  });
  for (bool accumulate : {false, true}) {
    expect_same_bits([&](float* out, const float* a, const float* b, int64_t n, auto stream) {
      multiply_backward({out, accumulate, nullptr, false}, a, b, a, n, stream);
    });
    expect_same_bits([&](float* out, const float* a, const float* b, int64_t n, auto stream) {
      multiply_backward({nullptr, false, out, accumulate}, a, b, b, n, stream);
    });
  }
}

TEST(ElementwiseCuda, WorksInPlace) {
  expect_same_bits([](float* out, const float* a, const float*, int64_t n, auto stream) {
    add(out, out, a, n, stream);
    multiply(out, a, out, n, stream);
  });
}

TEST(ElementwiseCuda, GradientOfASquareAddsBothHalves) {
  const test::DeviceVector<float> dout(Floats{2, 3, 5}), a(Floats{7, 11, 13});
  test::DeviceVector<float> da(Floats{0, 0, 0});
  multiply_backward({da.data(), false, da.data(), true}, dout.data(), a.data(), a.data(), 3,
                    CudaStream{});
  EXPECT_EQ(da.get(), (Floats{28, 66, 130}));
}

TEST(ElementwiseCuda, MatchesDouble) {
  const int64_t n = 1025;
  const Floats dout = test::test_floats(n, 4), a = test::test_floats(n, 5);
  const Floats b = test::test_floats(n, 6), before = test::test_floats(n, 7);
  Operand out(dout, 0), x(a, 0), y(b, 0), da(before, 0), db(before, 0);
  multiply_backward({da.data(), true, db.data(), false}, out.data(), x.data(), y.data(), n,
                    CudaStream{});
  const auto want = reference::multiply_backward(dout, a, b, before, true, before, false);
  EXPECT_TRUE(test::within_bound(da.get(), want.da, 2));
  EXPECT_TRUE(test::within_bound(db.get(), want.db, 2));
}

TEST(ElementwiseCuda, RefusesANegativeSize) {
  float* const x = nullptr;
  const CudaStream s;
  EXPECT_EQ(test::error_text([&] { copy(x, x, -1, false, s); }),
            "[copy] bad number of elements: got -1, expected >= 0");
  EXPECT_EQ(test::error_text([&] { add(x, x, x, -2, s); }),
            "[add] bad number of elements: got -2, expected >= 0");
  EXPECT_EQ(test::error_text([&] { multiply(x, x, x, -3, s); }),
            "[multiply] bad number of elements: got -3, expected >= 0");
  EXPECT_EQ(test::error_text([&] {
              multiply_backward({x, false, x, true}, x, x, x, -4, s);
            }),
            "[multiply backward] bad number of elements: got -4, expected >= 0");
}

}  // namespace
}  // namespace hotrow
