#include "data/reader.h"

#include "kernels/core/check.h"

namespace hotrow {

void Reader::seek(int64_t pass, int64_t batch) {
  require(pass >= 0 && batch >= 0,
          "[reader] seek: got batch {} of pass {}, expected numbers from 0 on", batch, pass);
  rewind();
  Batch skipped;
  for (int64_t k = 0; k < batch; ++k) {
    require(next(skipped), "[reader] seek: got batch {} of a pass of {}, expected one of them",
            batch, k);
  }
}

}  // namespace hotrow
