#include "model/dlrm.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/device_rows.h"
#include "engine/ops/interaction.h"
#include "engine/ops/loss.h"
#include "model/mlp.h"

namespace hotrow {

DlrmVars Dlrm::record(Tape& tape, std::span<const int64_t> max_ids, int64_t mini_batches) {
  DlrmVars v;
  v.dense = tape.input("dense", config_.bottom.front());
  for (size_t t = 0; t < max_ids.size(); ++t) {
    v.bags.push_back(tape.sparse_input(fmt::format("table {}", t), max_ids[t]));
  }
  const Var x = mlp(tape, "bot_l", v.dense, config_.bottom, Activation::kRelu, config_.precision);
  std::vector<Var> features = embeddings_.features(tape, v.bags);
  features.insert(features.begin(), x);
  const Var z = config_.interaction == Interaction::kCat
                    ? concat(tape, std::move(features))
                    : dot_interaction(tape, std::move(features), config_.feature_dim(),
                                      config_.self_interaction);
  std::vector<int64_t> top = config_.top;
  top.insert(top.begin(), config_.interaction_width());
  const bool logits = config_.loss.kind == LossKind::kBceWithLogits;
  v.prediction = mlp(tape, "top_l", z, top, logits ? Activation::kNone : Activation::kSigmoid,
                     config_.precision);
  v.target = tape.input("target", 1);
  v.loss = loss(tape, v.prediction, v.target, config_.loss, mini_batches);
  return v;
}

Dlrm::Dlrm(DlrmConfig config, Mode mode, UpdateKind optimizer, Device device)
    : config_((check_config(config), std::move(config))), embeddings_(config_, device) {
  Tape shapes(parameters_, 1);
  record(shapes, std::vector<int64_t>(config_.table_rows.size(), 1));
  parameters_.allocate(mode == Mode::kTrain, optimizer, device);
  if (mode == Mode::kServe) return;
  for (const std::unique_ptr<Table>& table : embeddings_.tables()) table->prepare_state(optimizer);
}

std::vector<float> Dlrm::Named::floats() const { return read_rows(value, *stream); }

std::vector<Dlrm::Named> Dlrm::named_parameters() {
  const DeviceStream* stream = &parameters_.stream();
  std::vector<Named> all;
  for (const std::unique_ptr<Table>& table : embeddings_.tables()) {
    if (table->trainable())
      all.push_back({table->name(), table->stored(), table->name().starts_with("v_W_l"), stream});
  }
  // Projections of mixed dimensions belong to their table.
  const auto& dense = parameters_.list();
  for (int i = 0; i < static_cast<int>(dense.size()); ++i) {
    const std::string& name = dense[static_cast<size_t>(i)].name;
    const TableRows value = rows_of(parameters_.value(i));
    if (!name.starts_with("emb_l")) {
      all.push_back({name, value, name.ends_with("bias"), stream});
      continue;
    }
    const std::string table = name.substr(0, name.find(".proj")) + ".embs.weight";
    const auto place =
        std::find_if(all.begin(), all.end(), [&](const Named& n) { return n.name == table; });
    all.insert(place + 1, {name, value, false, stream});
  }
  return all;
}

std::vector<MemoryUse> Dlrm::memory() const {
  const Device device = parameters_.device();
  MemoryUse weights{"embedding tables", 0, device};
  MemoryUse state{"embedding optimizer state", 0, device};
  for (const std::unique_ptr<Table>& table : embeddings_.tables()) {
    weights.bytes += table->weight_bytes();
    state.bytes += table->state_bytes();
  }
  std::vector<MemoryUse> all{weights, state};
  for (const MemoryUse& use : parameters_.memory()) all.push_back(use);
  return all;
}

}  // namespace hotrow
