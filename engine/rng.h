// NumPy's legacy RandomState, draw for draw, so that a run repeats the numbers of programs written
// on it.
//
// Source: the MT19937 generator of Matsumoto and Nishimura, "Mersenne Twister" (ACM TOMACS 8(1),
// 1998), and the polar method of Marsaglia and Bray (SIAM Review 6(3), 1964); the order of draws is
// that of numpy.random.seed / rand / normal / permutation.
//
// Bit-equality with recorded numbers needs double arithmetic without fused multiply-adds
// (-ffp-contract=off).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace hotrow {

// Not safe to call from two threads.
class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) { this->seed(seed); }

  // As numpy.random.seed(int): also forgets a stored Gaussian.
  void seed(uint32_t seed);

  uint32_t next_u32() {
    if (next_ == kWords) refill();
    return outputs_[next_++];
  }
  // random_sample(): [0, 1) with 53 bits, two 32-bit draws.
  double uniform() {
    const uint32_t high = next_u32() >> 5;
    const uint32_t low = next_u32() >> 6;
    return (high * 0x1p26 + low) * 0x1p-53;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // normal(mean, sigma): polar Box-Muller; every second call uses the stored value.
  double normal(double mean, double sigma);
  // A uniform integer in [0, max], by masked rejection as in legacy shuffle; no draw if max is 0.
  uint64_t interval(uint64_t max);
  // permutation(n): Fisher-Yates from the end.
  std::vector<int64_t> permutation(int64_t n);

 private:
  static constexpr int kWords = 624;

  // Advances the state by kWords draws. A block at a time because it vectorises: measured four
  // times faster than std::mt19937, and a random data set takes hundreds of millions of draws.
  void refill();

  std::array<uint32_t, kWords> state_;
  std::array<uint32_t, kWords> outputs_;  // the tempered state
  int next_ = kWords;                     // the first output not yet drawn
  std::optional<double> stored_gauss_;
};

}  // namespace hotrow
