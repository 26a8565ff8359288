// Deep learning recommendation model.
//
// Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation
// Systems" (2019).
#pragma once

#include <string>
#include <vector>

#include "engine/parameters.h"
#include "engine/plan.h"
#include "engine/rng.h"
#include "engine/tape.h"
#include "kernels/core/table_rows.h"
#include "model/config.h"
#include "model/embeddings.h"

namespace hotrow {

// The values of one recorded DLRM that the outside writes or reads.
struct DlrmVars {
  Var dense, target;            // (B, num_dense), (B, 1)
  std::vector<SparseVar> bags;  // a table
  Var prediction;               // (B, 1), click probabilities
  Var loss;                     // (mini-batches, 1)
};

// Where initial values come from. kReadme is the order of an early release, whose sample output is
// in the reference's README: MLPs uniform in [0, 1).
enum class InitOrder { kDefault, kReadme };

// Owns what is learned. Any number of tapes share it.
class Dlrm {
 public:
  // All that is learned lies on `device`.
  Dlrm(DlrmConfig config, Mode mode, UpdateKind optimizer, Device device = Device::kCpu);

  // Records the whole model. max_ids[t]: most ids of table t in one batch. mini_batches: see
  // engine/ops/loss.h.
  DlrmVars record(Tape& tape, std::span<const int64_t> max_ids, int64_t mini_batches = 1);

  // Draws tables, then bottom, then top MLP from NumPy's stream, number for number as the
  // reference.
  void initialise(NumpyRandom& stream, InitOrder order);

  struct Named {
    std::string name;
    ConstTableRows value;  // on the model's device
    bool is_vector;
    const DeviceStream* stream;

    std::vector<float> floats() const;  // as all steps so far leave them
  };
  // Everything that is learned, under the reference's names and in its order: tables, then MLPs.
  std::vector<Named> named_parameters();

  const DlrmConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Embeddings& embeddings() const { return embeddings_; }
  std::vector<MemoryUse> memory() const;

 private:
  void initialise_tables(NumpyRandom& stream);

  DlrmConfig config_;
  Embeddings embeddings_;
  Parameters parameters_;
};

}  // namespace hotrow
