// What a matrix product rounds its factors to before it multiplies.
#pragma once

namespace hotrow {

// kBfloat16: 8 significant bits, to nearest and ties to even; numbers below 2^-126 become 0, NaN
// stays NaN. Products are then exact and sums are fp32, as with kFloat32.
enum class Precision { kFloat32, kBfloat16 };

// Whether this machine multiplies bf16 with an instruction for it (AVX512-BF16). Where it does not,
// fp32 multiplies the rounded numbers, which takes longer than kFloat32.
bool has_fast_bf16();

}  // namespace hotrow
