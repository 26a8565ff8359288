// Recorded from NumPy 2.4.6 (str of a float32 or int64 array) and PyTorch 2.14 (repr of a tensor).
#include "model/print.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// 24-bit numbers of a linear congruential generator: the recording script made the same ones.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed) {}
  int64_t next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }

 private:
  uint32_t state_;
};

enum Kind { kUnit, kSigned, kAllMagnitudes, kIntegers, kNonFinite, kNumKinds };

float value(Kind kind, Numbers& numbers) {
  const float u = static_cast<float>(numbers.next()) * 0x1p-24f;
  switch (kind) {
    case kUnit:
      return u;
    case kSigned:
      return 2 * u - 1;
    case kAllMagnitudes:
      return std::ldexp(u - 0.5f, static_cast<int>(numbers.next() % 40 - 20));
    case kIntegers:
      return std::floor(u * 100) - 50;
    default:
      break;
  }
  constexpr float kWords[] = {kNan, kInf, -kInf};
  const int64_t k = numbers.next() % 7;
  return k < 3 ? kWords[k] : u - 0.5f;
}

int64_t product(const std::vector<int64_t>& dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

std::vector<float> values(Kind kind, const std::vector<int64_t>& dims, uint32_t seed) {
  Numbers numbers(seed);
  std::vector<float> out(static_cast<size_t>(product(dims)));
  for (float& x : out) x = value(kind, numbers);
  return out;
}

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

struct Recorded {
  Kind kind;
  std::vector<int64_t> dims;
  uint32_t seed;
  int precision;
  std::string text;
};

TEST(NumpyArray, MatchesRecordedTexts) {
  const Recorded recorded[] = {
      {kSigned, {3, 4}, 1, 5, R"([[-0.52709 -0.26146  0.00848  0.40977]
 [-0.89891 -0.26096  0.54953  0.11238]
 [-0.96701  0.27849 -0.4991  -0.15524]])"},
      {kUnit,
       {13},
       2,
       6,
       R"([0.236843 0.459974 0.18895  0.7419   0.71701  0.117229 0.2058   0.472341
 0.525208 0.696694 0.704177 0.10719  0.567551])"},
      {kAllMagnitudes,
       {7},
       3,
       5,
       R"([-3.20763e-05  7.12697e-07 -7.11205e-06  8.55231e-03 -4.66077e-01
 -3.50308e+02  6.77684e-07])"},
      {kNonFinite, {2, 5}, 4, 3, R"([[  nan 0.058   inf  -inf   nan]
 [ -inf   nan 0.42    nan 0.078]])"},
      {kIntegers, {2, 2, 2}, 5, 5, R"([[[-27.  23.]
  [-26.  35.]]

 [[ 21. -14.]
  [ -1. -28.]]])"},
      {kSigned, {2, 9}, 6, 0, R"([[-1.  1.  1.  1. -0. -1.  1. -1.  0.]
 [ 1.  0.  1. -0.  0. -0. -0.  0. -0.]])"},
  };
  for (const Recorded& r : recorded) {
    EXPECT_EQ(numpy_array(values(r.kind, r.dims, r.seed), r.dims, r.precision), r.text);
  }
}

TEST(TorchTensor, MatchesRecordedTexts) {
  const Recorded recorded[] = {
      {kUnit, {2, 4}, 1, 4, R"(tensor([[0.2365, 0.3693, 0.5042, 0.7049],
        [0.0505, 0.3695, 0.7748, 0.5562]]))"},
      {kSigned,
       {12},
       2,
       4,
       R"(tensor([-0.5263, -0.0801, -0.6221,  0.4838,  0.4340, -0.7655, -0.5884, -0.0553,
         0.0504,  0.3934,  0.4084, -0.7856]))"},
      {kAllMagnitudes,
       {5},
       3,
       4,
       R"(tensor([-3.2076e-05,  7.1270e-07, -7.1121e-06,  8.5523e-03, -4.6608e-01]))"},
      {kNonFinite, {2, 5}, 4, 4, R"(tensor([[   nan, 0.0584,    inf,   -inf,    nan],
        [  -inf,    nan, 0.4201,    nan, 0.0784]]))"},
      {kIntegers, {2, 2, 3}, 5, 4, R"(tensor([[[-27.,  23., -26.],
         [ 35.,  21., -14.]],

        [[ -1., -28., -45.],
         [ 36., -44., -34.]]]))"},
  };
  for (const Recorded& r : recorded) {
    EXPECT_EQ(torch_tensor(values(r.kind, r.dims, r.seed), r.dims, r.precision), r.text);
  }
}

TEST(Print, MatchesRecordedEdgeValues) {
  struct Edge {
    std::vector<float> data;
    const char *numpy, *torch;
  };
  const Edge recorded[] = {
      {{0.0f, -0.0f}, "[ 0. -0.]", "tensor([0., -0.])"},
      {{1e-4f, 0.05f}, "[0.0001 0.05  ]", "tensor([1.0000e-04, 5.0000e-02])"},
      {{9.9e-5f, 0.05f}, "[9.9e-05 5.0e-02]", "tensor([9.9000e-05, 5.0000e-02])"},
      {{1.0f, 1000.0f}, "[   1. 1000.]", "tensor([   1., 1000.])"},
      {{1.0f, 1000.5f}, "[1.0000e+00 1.0005e+03]", "tensor([1.0000e+00, 1.0005e+03])"},
      {{999999.5f}, "[999999.5]", "tensor([999999.5000])"},
      {{1000000.0f}, "[1.e+06]", "tensor([1000000.])"},
      {{kNan}, "[nan]", "tensor([nan])"},
      {{kInf}, "[inf]", "tensor([inf])"},
      {{-kInf, 1.0f}, "[-inf   1.]", "tensor([-inf, 1.])"},
      {{1e-45f}, "[1.e-45]", "tensor([1.4013e-45])"},
      {{3.4028235e38f}, "[3.40282e+38]", "tensor([3.4028e+38])"},
      {{0.1f, 1.0f}, "[0.1 1. ]", "tensor([0.1000, 1.0000])"},
      {{0.125f}, "[0.125]", "tensor([0.1250])"},
      {{16777216.0f, 0.5f}, "[1.67772e+07 5.00000e-01]", "tensor([1.6777e+07, 5.0000e-01])"},
  };
  for (const Edge& e : recorded) {
    const std::vector<int64_t> dims = {std::ssize(e.data)};
    EXPECT_EQ(numpy_array(e.data, dims, 5), e.numpy);
    EXPECT_EQ(torch_tensor(e.data, dims, 4), e.torch);
  }
}

// Too long to read: for each shape one hash of the texts of all five kinds, with precisions that
// rotate.
TEST(Print, MatchesRecordedHashesOfLongTexts) {
  struct Hashes {
    std::vector<int64_t> dims;
    uint64_t numpy, torch;
  };
  const Hashes recorded[] = {
      {{1}, 13402531351514362754u, 4978344300968547798u},
      {{2}, 9475889660368809976u, 7621657942041048844u},
      {{1, 1}, 10011964717468923146u, 9821502077610434063u},
      {{5, 13}, 15252248543182857926u, 6903802504432551313u},
      {{1000}, 11541448102166925334u, 8831877458852983374u},
      {{1001}, 15967405685519060560u, 11861789162442032805u},
      {{3, 334}, 18115410968819399345u, 780434596980683191u},
      {{40, 26}, 11632793294050060304u, 15967515575698080422u},
      {{7, 11, 13}, 14122593907849024092u, 716792940742007190u},
      {{11, 10, 10}, 1500831604834141961u, 6045117833261748974u},
      {{8, 9, 4, 4}, 13610618045200728012u, 9410472968053872564u},
      {{300, 2}, 10386015454091337133u, 3580374722537657497u},
      {{501, 2}, 410444895087909627u, 16482866148392106510u},
      {{2, 501}, 162450415227887448u, 13540480262440603077u},
  };
  constexpr int kPrecisions[] = {5, 6, 4, 2, 8};
  uint32_t shape = 0;
  for (const Hashes& r : recorded) {
    std::string numpy, torch;
    for (uint32_t kind = 0; kind < kNumKinds; ++kind) {
      const int precision = kPrecisions[(shape + kind) % 5];
      const auto data = values(static_cast<Kind>(kind), r.dims, 100 + 10 * shape + kind);
      numpy += numpy_array(data, r.dims, precision);
      torch += torch_tensor(data, r.dims, precision);
    }
    EXPECT_EQ(fnv1a(numpy), r.numpy) << "shape " << shape << "\n" << numpy;
    EXPECT_EQ(fnv1a(torch), r.torch) << "shape " << shape << "\n" << torch;
    ++shape;
  }
}

TEST(Print, MatchesRecordedIntegers) {
  struct Hashes {
    int64_t count, modulus;
    uint64_t numpy, torch, torch_int32;  // the last as one row of a matrix
  };
  const Hashes recorded[] = {
      {1, 10, 15884994243398742820u, 7310734180674547270u, 6479267611332487751u},
      {3, 1000, 10579498363609002241u, 12571652164317915351u, 13787603857429296526u},
      {26, 1000000, 10654102037717778300u, 10424094270254883214u, 17480652816454696111u},
      {1001, 50, 9388955855248556100u, 1683096873617624068u, 9547308270292919403u},
  };
  for (const Hashes& r : recorded) {
    Numbers numbers(9);
    std::vector<int64_t> data(static_cast<size_t>(r.count));
    for (int64_t& x : data) x = numbers.next() % r.modulus;
    EXPECT_EQ(fnv1a(numpy_array(data)), r.numpy) << numpy_array(data);
    EXPECT_EQ(fnv1a(torch_tensor(data, {r.count})), r.torch);
    EXPECT_EQ(fnv1a(torch_tensor(data, {1, r.count}, TorchInt::kInt32)), r.torch_int32)
        << torch_tensor(data, {1, r.count}, TorchInt::kInt32);
  }
}

TEST(Print, EmptyArraysNameWhatTheirElementsCannotShow) {
  const std::vector<float> floats;
  const std::vector<int64_t> ints;
  EXPECT_EQ(numpy_array(floats, {0, 3}, 5), "[]");
  EXPECT_EQ(numpy_array(ints), "[]");
  EXPECT_EQ(torch_tensor(floats, {0}), "tensor([])");
  EXPECT_EQ(torch_tensor(floats, {0, 3}), "tensor([], size=(0, 3))");
  EXPECT_EQ(torch_tensor(ints, {0}), "tensor([], dtype=torch.int64)");
  EXPECT_EQ(torch_tensor(ints, {2, 0}, TorchInt::kInt32),
            "tensor([], size=(2, 0), dtype=torch.int32)");
}

TEST(Print, PythonList) {
  EXPECT_EQ(python_list(std::vector<int64_t>{2, 2, 1}), "[2, 2, 1]");
  EXPECT_EQ(python_list({}), "[]");
}

TEST(Print, RefusesWhatDoesNotFit) {
  const std::vector<float> six(6);
  EXPECT_EQ(test::error_text([&] {
              numpy_array(six, {2, 2}, 5);
            }),
            "[print] dimensions do not fit the data: got 6 elements, expected 4");
  EXPECT_EQ(test::error_text([&] { torch_tensor(six, {}, 4); }),
            "[print] array has no dimensions: got 0, expected at least 1");
  EXPECT_EQ(test::error_text([&] {
              torch_tensor(six, {-2, -3}, 4);
            }),
            "[print] dimension is negative: got -2, expected at least 0");
  EXPECT_EQ(test::error_text([&] { numpy_array(six, {6}, -1); }),
            "[print] precision is negative: got -1, expected at least 0");
  EXPECT_EQ(test::error_text([&] { torch_tensor(six, {6}, -1); }),
            "[print] precision is negative: got -1, expected at least 0");
}

}  // namespace
}  // namespace hotrow
