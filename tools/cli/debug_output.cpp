#include "tools/cli/debug_output.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "model/print.h"

namespace hotrow {
namespace {

void print_mlp(const char* name, const std::vector<int64_t>& sizes, const PrintLine& print) {
  print(fmt::format("mlp {} arch {} layers, with input to output dimensions:", name,
                    sizes.size() - 1));
  print(numpy_array(sizes));
}

void print_batch(const Batch& batch, int64_t num_dense, const PrintLine& print) {
  print(torch_tensor(batch.dense, {batch.rows, num_dense}));
  std::vector<int64_t> lengths;
  std::string ids = "[";
  for (const SparseFeature& feature : batch.sparse) {
    for (int64_t b = 0; b < batch.rows; ++b) {
      lengths.push_back(feature.offsets[static_cast<size_t>(b) + 1] -
                        feature.offsets[static_cast<size_t>(b)]);
    }
    if (ids.size() > 1) ids += ", ";
    ids += torch_tensor(feature.ids, {static_cast<int64_t>(feature.ids.size())});
  }
  print(torch_tensor(lengths, {static_cast<int64_t>(batch.sparse.size()), batch.rows},
                     TorchInt::kInt32));
  print(ids + "]");
  print(torch_tensor(batch.labels, {batch.rows, 1}));
}

}  // namespace

void print_architecture(const DlrmConfig& config, const PrintLine& print) {
  print("model arch:");
  std::vector<int64_t> top = config.top;
  top.insert(top.begin(), config.interaction_width());
  print_mlp("top", top, print);
  print("# of interactions");
  print(fmt::format("{}", config.interaction_width()));
  print_mlp("bot", config.bottom, print);
  print("# of features (sparse and dense)");
  print(fmt::format("{}", config.table_rows.size() + 1));
  print("dense feature size");
  print(fmt::format("{}", config.bottom.front()));
  print("sparse feature size");
  const std::string dim =
      config.mixed_dimensions
          ? python_list(mixed_dimensions(config.table_rows, config.dim, *config.mixed_dimensions))
          : fmt::format("{}", config.dim);
  print(dim);
  print(fmt::format("# of embeddings (= # of sparse features) {}, with dimensions {}x:",
                    config.table_rows.size(), dim));
  print(numpy_array(config.table_rows));
}

void print_data(Reader& reader, int64_t num_batches, const PrintLine& print) {
  print("data (inputs and targets):");
  reader.rewind();
  Batch batch;
  for (int64_t j = 0; (num_batches <= 0 || j < num_batches) && reader.next(batch); ++j) {
    print(fmt::format("mini-batch: {}", j));
    print_batch(batch, reader.shape().num_dense, print);
  }
}

void print_parameters(std::string_view title, Dlrm& model, int precision, const PrintLine& print) {
  print(fmt::format("{} parameters (weights and bias):", title));
  for (const Dlrm::Named& p : model.named_parameters()) {
    std::vector<int64_t> dims{p.value.rows()};
    if (!p.is_vector) dims.push_back(p.value.cols());
    print(numpy_array(p.floats(), dims, precision));
  }
}

}  // namespace hotrow
