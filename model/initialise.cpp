// Initial values, in the order in which the reference draws them; tables of 16 bits hold the same
// draws rounded to nearest.
#include <cmath>
#include <vector>

#include "engine/device_rows.h"
#include "model/dlrm.h"

namespace hotrow {
namespace {

class Filler {
 public:
  // Of rows of the stream's device.
  explicit Filler(const DeviceStream& stream) : stream_(&stream) {}

  // Draws in the order of the elements; draw() gives a number.
  template <class Draw>
  void fill(const TableRows& rows, const Draw& draw) const {
    write_rows(rows, *stream_, [&](const TableRows& m, int64_t) {
      std::vector<float> row(static_cast<size_t>(m.cols()));
      for (int64_t r = 0; r < m.rows(); ++r) {
        for (float& x : row) x = static_cast<float>(draw());
        write_floats(m, r * m.cols(), row);
      }
    });
  }
  void uniform(const TableRows& rows, double low, double high, NumpyRandom& stream) const {
    fill(rows, [&] { return stream.uniform(low, high); });
  }
  void normal(const TableRows& rows, double sigma, NumpyRandom& stream) const {
    fill(rows, [&] { return stream.normal(0.0, sigma); });
  }

 private:
  const DeviceStream* stream_;
};

}  // namespace

// The reference draws quotient-remainder tables and projections from PyTorch's stream, which no
// other program repeats: here they come from a stream of their own, with the distributions that the
// papers ask for (the reference's quotient tables are U[sqrt(1/n), 1) by a slip).
void Dlrm::initialise_tables(NumpyRandom& stream) {
  NumpyRandom own(config_.seed ^ 0x9E3779B9u);
  const Filler filler(parameters_.stream());
  const auto bound = [](int64_t rows) { return std::sqrt(1.0 / static_cast<double>(rows)); };
  for (const Embeddings::Feature& feature : embeddings_.list()) {
    const bool split = feature.remainder != nullptr;
    const double limit = bound(feature.rows);
    filler.uniform(feature.table->stored(), -limit, limit, split ? own : stream);
    if (split) filler.uniform(feature.remainder->stored(), -limit, limit, own);
    if (feature.pooling_weights != nullptr)
      filler.fill(feature.pooling_weights->stored(), [] { return 1.0; });
  }
  for (int i = 0; i < static_cast<int>(parameters_.list().size()); ++i) {
    if (!parameters_.list()[static_cast<size_t>(i)].name.starts_with("emb_l")) continue;
    const Matrix projection = parameters_.value(i);
    const double limit =
        std::sqrt(6.0 / static_cast<double>(projection.rows() + projection.cols()));  // Xavier
    filler.uniform(rows_of(projection), -limit, limit, own);
  }
}

void Dlrm::initialise(NumpyRandom& stream, InitOrder order) {
  initialise_tables(stream);
  const Filler filler(parameters_.stream());
  for (int i = 0; i < static_cast<int>(parameters_.list().size()); ++i) {
    const std::string& name = parameters_.list()[static_cast<size_t>(i)].name;
    const Matrix m = parameters_.value(i);
    if (name.starts_with("emb_l")) continue;
    if (order == InitOrder::kReadme) {
      filler.uniform(rows_of(m), 0.0, 1.0, stream);
    } else if (name.ends_with("bias")) {
      filler.normal(rows_of(m), std::sqrt(1.0 / static_cast<double>(m.rows())), stream);
    } else {
      filler.normal(rows_of(m), std::sqrt(2.0 / static_cast<double>(m.rows() + m.cols())), stream);
    }
  }
}

}  // namespace hotrow
