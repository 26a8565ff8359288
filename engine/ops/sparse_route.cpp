#include "engine/ops/sparse_route.h"

#include <limits>

#include "engine/step.h"
#include "kernels/core/check.h"
#include "kernels/sparse_route.h"

namespace hotrow {
namespace {

std::vector<Tensor> infer(std::span<const Tensor> in, const Attributes& attributes) {
  require(in[0].dtype != DType::kFloat32,
          "[quotient_remainder] got float32, expected ids of int32 or int64");
  const int64_t collisions = attributes.as<int64_t>();
  require(
      collisions >= 1 &&
          (in[0].dtype == DType::kInt64 || collisions <= std::numeric_limits<int32_t>::max()),
      "[quotient_remainder] collisions: got {}, expected at least 1 and no more than an id holds",
      collisions);
  return {in[0], in[0]};
}

void forward(const Context& c) {
  dispatch_ids(c.tensor(0).dtype, [&](auto zero) {
    using Id = decltype(zero);
    dispatch(c.stream(), [&](auto stream) {
      quotient_remainder(c.out_ids<Id>(0), c.out_ids<Id>(1), c.in_ids<Id>(0), c.in_rows(0),
                         static_cast<Id>(c.attributes<int64_t>()), stream);
    });
  });
}

constexpr Op kQuotientRemainder{.name = "quotient_remainder",
                                .infer = infer,
                                .forward = forward,
                                .backward = nullptr,
                                .saves = {}};

}  // namespace

QuotientRemainder quotient_remainder(Tape& tape, Var ids, int64_t collisions) {
  const std::vector<Var> out = tape.apply(kQuotientRemainder, Attributes::of(collisions), {ids});
  return {out[0], out[1]};
}

}  // namespace hotrow
