// Models that PyTorch's DLRM trained for a few steps: every output, loss, gradient and final
// parameter again.
//
//   golden_steps_test                        reads every .npz of tests/golden/steps,
//   HOTROW_GOLDEN_STEPS=FOLDER ...           or of FOLDER; a folder without one fails
//   golden_steps_test cuda                   on a GPU
//
// Bound: a DLRM in double (tests/reference/dlrm_ref.h) says how far fp32 arithmetic may be off each
// number, from eps and the conditioning of all that led to it. Both sides of a comparison are fp32
// results, so they may differ by twice that, kSides. Every file is run with both id types, with 1
// and 3 threads, and with dead memory poisoned.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "data/npz.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

constexpr double kSides = 2;

using reference::Value;
using Json = nlohmann::json;

// One recorded run.
struct Golden {
  DlrmConfig config;
  UpdateRule rule;
  std::map<std::string, std::vector<float>> before, fixed, gradients, after;
  struct Step {
    Batch batch;
    std::vector<float> out;
    float loss;
  };
  std::vector<Step> steps;
};

UpdateRule update_rule(const Json& c) {
  const std::string name = c.at("optimizer");
  UpdateRule rule{.learning_rate = c.at("lr")};
  if (name == "adagrad") rule.kind = UpdateKind::kAdagrad;
  if (name == "rwsadagrad") rule.kind = UpdateKind::kRowwiseAdagrad;
  require(rule.kind != UpdateKind::kSgd || name == "sgd", "[golden] unknown optimizer '{}'", name);
  return rule;
}

DlrmConfig model_config(const Json& c) {
  DlrmConfig config;
  c.at("rows").get_to(config.table_rows);
  c.at("dim").get_to(config.dim);
  c.at("bot").get_to(config.bottom);
  c.at("top").get_to(config.top);
  config.interaction = c.at("interaction") == "cat" ? Interaction::kCat : Interaction::kDot;
  config.self_interaction = c.at("itself");
  const std::string loss = c.at("loss");
  require(loss == "mse" || loss == "bce", "[golden] unknown loss '{}'", loss);
  config.loss.kind = loss == "mse" ? LossKind::kMse : LossKind::kBce;
  if (const Json& qr = c.at("qr"); !qr.is_null()) {
    const std::map<std::string, QrOperation> operations{{"mult", QrOperation::kMultiply},
                                                        {"add", QrOperation::kAdd},
                                                        {"concat", QrOperation::kConcat}};
    config.qr = QrConfig{
        .threshold = qr.at(2), .collisions = qr.at(1), .operation = operations.at(qr.at(0))};
  }
  if (const Json& md = c.at("md"); !md.is_null()) {
    config.mixed_dimensions =
        MixedDimensionConfig{md.at("threshold"), md.at("temperature"), md.at("round")};
    const std::vector<int64_t> dims = md.at("dims");
    require(mixed_dimensions(config.table_rows, config.dim, *config.mixed_dimensions) == dims,
            "[golden] mixed dimensions differ from the recorded ones");
  }
  if (const Json& pooling = c.at("pooling"); !pooling.is_null()) {
    config.weighted_pooling =
        pooling == "fixed" ? WeightedPooling::kFixed : WeightedPooling::kLearned;
  }
  return config;
}

std::map<std::string, std::vector<float>> group(const NpzReader& npz, const std::string& prefix) {
  std::map<std::string, std::vector<float>> all;
  for (const std::string& name : npz.names()) {
    if (name.starts_with(prefix)) all[name.substr(prefix.size())] = npz.read(name).cast<float>();
  }
  return all;
}

Golden::Step read_step(const NpzReader& npz, const std::string& prefix, size_t tables) {
  Golden::Step step;
  Batch& batch = step.batch;
  batch.dense = npz.read(prefix + "dense").cast<float>();
  batch.labels = npz.read(prefix + "target").cast<float>();
  batch.rows = static_cast<int64_t>(batch.labels.size());
  for (size_t t = 0; t < tables; ++t) {
    SparseFeature feature{npz.read(fmt::format("{}offsets_{}", prefix, t)).cast<int64_t>(),
                          npz.read(fmt::format("{}indices_{}", prefix, t)).cast<int64_t>()};
    feature.offsets.push_back(static_cast<int64_t>(feature.ids.size()));
    batch.sparse.push_back(std::move(feature));
  }
  step.out = npz.read(prefix + "out").cast<float>();
  step.loss = npz.read(prefix + "loss").cast<float>().at(0);
  return step;
}

Golden read_golden(const std::string& path) {
  const NpzReader npz(path);
  const Json c = Json::parse(npz.read("config").text());
  Golden golden{model_config(c),
                update_rule(c),
                group(npz, "p0/"),
                {},
                group(npz, "g0/"),
                group(npz, "p1/"),
                {}};
  for (auto& [table, weights] : group(npz, "fixed_weights/"))
    golden.fixed["v_W_l." + table] = weights;
  for (int s = 0; s < c.at("steps").get<int>(); ++s) {
    golden.steps.push_back(read_step(npz, fmt::format("b{}/", s), golden.config.table_rows.size()));
  }
  require(!golden.steps.empty(), "[golden] {}: got no step, expected at least one", path);
  return golden;
}

// The run in double: expected values with their bounds.
struct Expected {
  std::vector<reference::DlrmRef::Result> steps;
  std::map<std::string, std::vector<Value>> gradients, after;
};

// Where the largest share of a bound was used. Anything that is not a number counts as infinitely
// much.
struct Worst {
  double used = 0;
  std::string place = "nothing";
  int64_t compared = 0;

  void compare(float got, float want, double bound, const std::string& where) {
    ++compared;
    const double difference = std::abs(static_cast<double>(got) - want);
    double share = difference == 0 ? 0 : difference / (kSides * bound);
    if (!(share <= std::numeric_limits<double>::max()))
      share = std::numeric_limits<double>::infinity();
    if (share <= used) return;
    used = share;
    place =
        fmt::format("{}: got {}, recorded {}, allowed {:.3g}", where, got, want, kSides * bound);
  }
  void compare(const std::vector<float>& got, const std::vector<float>& want,
               const std::vector<Value>& ref, const std::string& where) {
    require(got.size() == want.size() && ref.size() == want.size(),
            "[golden] {}: got {} numbers, recorded {}", where, got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i)
      compare(got[i], want[i], ref[i].e, fmt::format("{}[{}]", where, i));
  }
};

struct Variant {
  DType ids;
  int threads;
  Device device = Device::kCpu;
};

class GoldenRun {
 public:
  explicit GoldenRun(const Golden& golden) : golden_(golden) {
    reference::DlrmRef ref = make(Variant{DType::kInt32, 1}, golden.rule.kind)->reference();
    for (size_t s = 0; s < golden.steps.size(); ++s) {
      expected_.steps.push_back(ref.run(golden.steps[s].batch, true));
      for (const auto& [name, unused] : golden.gradients) {
        if (s == 0) expected_.gradients[name] = ref.gradients(name);
      }
      ref.update(golden.rule);
    }
    for (const auto& [name, unused] : golden.after) expected_.after[name] = ref.values(name);
  }

  void compare(const Variant& variant, Worst& worst) const {
    set_num_threads(variant.threads);
    const auto run = make(variant, golden_.rule.kind);
    for (size_t s = 0; s < golden_.steps.size(); ++s) {
      const Golden::Step& step = golden_.steps[s];
      run->feed(step.batch);
      run->forward();
      worst.compare(run->predictions(), step.out, expected_.steps[s].predictions,
                    fmt::format("b{}/out", s));
      worst.compare(run->loss(), step.loss, expected_.steps[s].loss.e, fmt::format("b{}/loss", s));
      run->backward(golden_.rule);
    }
    compare_all(run->values(), golden_.after, expected_.after, "p1/", worst);
    auto bounds = expected_.gradients;
    for (auto& [name, values] : bounds) {  // a difference of stored values loses a rounding of each
      for (size_t i = 0; i < values.size(); ++i)
        values[i].e += reference::kEps * std::abs(golden_.before.at(name)[i]);
    }
    const auto once = make(variant, UpdateKind::kSgd);
    compare_all(once->gradients_by_sgd(golden_.steps[0].batch), golden_.gradients, bounds, "g0/",
                worst);
  }

 private:
  std::unique_ptr<DlrmHarness> make(const Variant& variant, UpdateKind optimizer) const {
    HarnessOptions o{.optimizer = optimizer,
                     .id_type = variant.ids,
                     .plan = {.device = variant.device},
                     .step = {.poison = true, .strict_fp32 = true}};
    for (const Golden::Step& step : golden_.steps) {
      o.batch = std::max(o.batch, step.batch.rows);
      for (const SparseFeature& s : step.batch.sparse) {
        o.max_ids = std::max(o.max_ids, static_cast<int64_t>(s.ids.size()));
      }
    }
    auto harness = std::make_unique<DlrmHarness>(golden_.config, o);
    for (const auto* parameters : {&golden_.before, &golden_.fixed}) {
      for (const auto& [name, values] : *parameters) harness->set(name, values);
    }
    return harness;
  }

  static void compare_all(const std::map<std::string, std::vector<float>>& got,
                          const std::map<std::string, std::vector<float>>& want,
                          const std::map<std::string, std::vector<Value>>& bounds,
                          const std::string& prefix, Worst& worst) {
    require(got.size() == want.size(), "[golden] {}: got {} parameters, recorded {}", prefix,
            got.size(), want.size());
    for (const auto& [name, values] : want)
      worst.compare(got.at(name), values, bounds.at(name), prefix + name);
  }

  const Golden& golden_;
  Expected expected_;
};

std::vector<Variant> variants_of(Device device) {
  if (device == Device::kCuda) return {{DType::kInt32, 1, device}, {DType::kInt64, 1, device}};
  return {{DType::kInt32, 1}, {DType::kInt32, 3}, {DType::kInt64, 1}, {DType::kInt64, 3}};
}

bool check_file(const std::filesystem::path& path, Device device) {
  const Golden golden = read_golden(path.string());
  const GoldenRun run(golden);
  Worst worst;
  for (const Variant& variant : variants_of(device)) run.compare(variant, worst);
  const bool ok = worst.compared > 0 && worst.used <= 1;
  fmt::print("{:4} {}: {} numbers, {:.1f} % of the bound used at {}\n", ok ? "ok" : "FAIL",
             path.filename().string(), worst.compared, 100 * worst.used, worst.place);
  return ok;
}

int check_folder(const std::filesystem::path& folder, Device device) {
  std::set<std::filesystem::path> files;
  require<DataError>(std::filesystem::is_directory(folder),
                     "[golden] no folder '{}' (run this from the sources' root)", folder.string());
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".npz") files.insert(entry.path());
  }
  require<DataError>(!files.empty(), "[golden] no .npz file in '{}'", folder.string());
  int failed = 0;
  for (const auto& file : files) {
    try {
      if (!check_file(file, device)) ++failed;
    } catch (const std::exception& e) {
      fmt::print("FAIL {}: {}\n", file.filename().string(), e.what());
      ++failed;
    }
  }
  fmt::print("{} of {} files passed\n", static_cast<int>(files.size()) - failed, files.size());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hotrow::test

int main(int argc, char** argv) {
  const bool on_gpu = argc > 1 && std::string(argv[1]) == "cuda";
  const char* folder = std::getenv("HOTROW_GOLDEN_STEPS");
  try {
    return hotrow::test::check_folder(folder != nullptr ? folder : "tests/golden/steps",
                                      on_gpu ? hotrow::Device::kCuda : hotrow::Device::kCpu);
  } catch (const std::exception& e) {
    fmt::print(stderr, "FAIL {}\n", e.what());
    return 1;
  }
}
