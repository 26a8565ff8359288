// Initial values, in the order in which the reference draws them; tables of 16 bits hold the same
// draws rounded to nearest.
#include <cmath>
#include <vector>

#include "model/dlrm.h"

namespace hotrow {
namespace {

void fill_uniform(const TableRows& m, double low, double high, NumpyRandom& stream) {
  std::vector<float> row(static_cast<size_t>(m.cols()));
  for (int64_t r = 0; r < m.rows(); ++r) {
    for (float& x : row) x = static_cast<float>(stream.uniform(low, high));
    write_floats(m, r * m.cols(), row);
  }
}

void fill_normal(Matrix m, double sigma, NumpyRandom& stream) {
  for (int64_t i = 0; i < m.size(); ++i) m.data[i] = static_cast<float>(stream.normal(0.0, sigma));
}

}  // namespace

// The reference draws quotient-remainder tables and projections from PyTorch's stream, which no
// other program repeats: here they come from a stream of their own, with the distributions that the
// papers ask for (the reference's quotient tables are U[sqrt(1/n), 1) by a slip).
void Dlrm::initialise_tables(NumpyRandom& stream) {
  NumpyRandom own(config_.seed ^ 0x9E3779B9u);
  const auto bound = [](int64_t rows) { return std::sqrt(1.0 / static_cast<double>(rows)); };
  for (const Embeddings::Feature& feature : embeddings_.list()) {
    const bool split = feature.remainder != nullptr;
    fill_uniform(feature.table->stored(), -bound(feature.rows), bound(feature.rows),
                 split ? own : stream);
    if (split)
      fill_uniform(feature.remainder->stored(), -bound(feature.rows), bound(feature.rows), own);
    if (feature.pooling_weights != nullptr) {
      const Matrix ones = feature.pooling_weights->weights();
      std::fill_n(ones.data, ones.size(), 1.0f);
    }
  }
  for (int i = 0; i < static_cast<int>(parameters_.list().size()); ++i) {
    if (!parameters_.list()[static_cast<size_t>(i)].name.starts_with("emb_l")) continue;
    const Matrix projection = parameters_.value(i);
    const double limit =
        std::sqrt(6.0 / static_cast<double>(projection.rows() + projection.cols()));  // Xavier
    fill_uniform({projection.data, projection.dims}, -limit, limit, own);
  }
}

void Dlrm::initialise(NumpyRandom& stream, InitOrder order) {
  initialise_tables(stream);
  for (int i = 0; i < static_cast<int>(parameters_.list().size()); ++i) {
    const std::string& name = parameters_.list()[static_cast<size_t>(i)].name;
    const Matrix m = parameters_.value(i);
    if (name.starts_with("emb_l")) continue;
    if (order == InitOrder::kReadme) {
      fill_uniform({m.data, m.dims}, 0.0, 1.0, stream);
    } else if (name.ends_with("bias")) {
      fill_normal(m, std::sqrt(1.0 / static_cast<double>(m.rows())), stream);
    } else {
      fill_normal(m, std::sqrt(2.0 / static_cast<double>(m.rows() + m.cols())), stream);
    }
  }
}

}  // namespace hotrow
