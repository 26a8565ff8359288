#include <algorithm>

#include "kernels/concat.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

template <class AnyPart>
void check_parts(const char* op, std::span<const AnyPart> parts, ConstMatrix whole) {
  int64_t cols = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    require(parts[i].width >= 0, "[{}] bad width of part {}: got {}, expected >= 0", op, i,
            parts[i].width);
    require(parts[i].stride >= parts[i].width,
            "[{}] rows of part {} overlap: got a stride of {}, expected >= {}", op, i,
            parts[i].stride, parts[i].width);
    cols += parts[i].width;
  }
  require(whole.cols() == cols, "[{}] wrong number of columns: got {}, expected {}", op,
          whole.cols(), cols);
}

// Calls body(row) for all rows, in tasks of about 128 KiB.
template <class Body>
void for_each_row(ConstMatrix m, const Body& body) {
  const int64_t rows = m.rows();
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 15) / std::max<int64_t>(1, m.cols()));
  parallel_for(ceil_div(rows, grain), [&](int64_t task) {
    const int64_t end = std::min(rows, (task + 1) * grain);
    for (int64_t b = task * grain; b < end; ++b) body(b);
  });
}

}  // namespace

void concat_forward(Matrix out, std::span<const Part> parts, CpuStream) {
  check_parts("concat", parts, out);
  for_each_row(out, [&](int64_t b) {
    float* to = out.row(b);
    for (const Part& part : parts) to = std::copy_n(part.data + b * part.stride, part.width, to);
  });
}

void concat_backward(std::span<const PartGrad> dparts, ConstMatrix dout, CpuStream) {
  check_parts("concat backward", dparts, dout);
  for_each_row(dout, [&](int64_t b) {
    const float* from = dout.row(b);
    for (const PartGrad& part : dparts) {
      float* to = part.data + b * part.stride;
      if (part.accumulate) {
        for (int64_t c = 0; c < part.width; ++c) to[c] += from[c];
      } else {
        std::copy_n(from, part.width, to);
      }
      from += part.width;
    }
  });
}

}  // namespace hotrow
