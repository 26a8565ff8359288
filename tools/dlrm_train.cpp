// Trains a DLRM from the command line; see README.md.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "kernels/core/precision.h"
#include "model/inference_benchmark.h"
#include "model/trainer.h"
#include "tools/cli/debug_output.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/flags.h"
#include "tools/cli/readers.h"
#include "tools/cli/run_main.h"

namespace hotrow {
namespace {

UpdateRule update_rule(TrainingOptions::Optimizer optimizer) {
  using Optimizer = TrainingOptions::Optimizer;
  UpdateRule rule;
  switch (optimizer) {
    case Optimizer::kSgd:
      rule.kind = UpdateKind::kSgd;
      break;
    case Optimizer::kAdagrad:
      rule.kind = UpdateKind::kAdagrad;
      break;
    case Optimizer::kRwsAdagrad:
      rule.kind = UpdateKind::kRowwiseAdagrad;
      break;
    case Optimizer::kAdam:
      rule.kind = UpdateKind::kAdam;
      rule.eps = 1e-8;
      break;
  }
  return rule;
}

LossConfig loss_config(const ModelOptions& m) {
  using Loss = ModelOptions::Loss;
  LossConfig loss;
  loss.kind = m.loss == Loss::kMse   ? LossKind::kMse
              : m.loss == Loss::kBce ? LossKind::kBce
                                     : LossKind::kWeightedBce;
  loss.threshold = m.loss_threshold;
  loss.weight0 = static_cast<float>(m.loss_weights[0]);
  loss.weight1 = static_cast<float>(m.loss_weights[1]);
  return loss;
}

DlrmConfig model_config(const TrainOptions& options, const BatchShape& shape) {
  const ModelOptions& m = options.model;
  DlrmConfig c;
  for (const CategoricalShape& column : shape.categorical) c.table_rows.push_back(column.rows);
  c.dim = m.sparse_feature_size;
  c.table_type = m.table_type;
  const int64_t first = m.mlp_bot.front();
  require(first == 0 || first == shape.num_dense,
          "ERROR: arch-dense-feature-size {} does not match first dim of bottom mlp {} (the data "
          "has {} dense features; set the first size of --arch-mlp-bot)",
          shape.num_dense, first, shape.num_dense);
  c.bottom = m.mlp_bot;
  c.bottom.front() = shape.num_dense;  // as the reference: a data set knows its dense features
  c.top = m.mlp_top;
  c.interaction =
      m.interaction == ModelOptions::Interaction::kCat ? Interaction::kCat : Interaction::kDot;
  c.self_interaction = m.interaction_itself;
  c.weighted_pooling = m.weighted_pooling == ModelOptions::Pooling::kFixed ? WeightedPooling::kFixed
                       : m.weighted_pooling == ModelOptions::Pooling::kLearned
                           ? WeightedPooling::kLearned
                           : WeightedPooling::kNone;
  if (m.qr) {
    c.qr =
        QrConfig{m.qr_threshold, m.qr_collisions,
                 m.qr_operation == ModelOptions::QrOperation::kAdd      ? QrOperation::kAdd
                 : m.qr_operation == ModelOptions::QrOperation::kConcat ? QrOperation::kConcat
                                                                        : QrOperation::kMultiply};
  }
  if (m.md)
    c.mixed_dimensions = MixedDimensionConfig{m.md_threshold, m.md_temperature, m.md_round_dims};
  c.loss = loss_config(m);
  c.precision = m.precision;
  c.seed = options.training.seed;
  return c;
}

TrainerConfig trainer_config(const TrainOptions& o) {
  const TrainingOptions& t = o.training;
  TrainerConfig c;
  c.rule = update_rule(t.optimizer);
  c.learning_rate =
      LrPolicy(t.learning_rate, t.lr_warmup_steps, t.lr_decay_start_step, t.lr_decay_steps);
  c.accumulate = t.accumulate;
  c.epochs = t.epochs;
  c.num_batches = o.data.num_batches;
  c.print_freq = o.output.print_freq;
  c.test_freq = t.test_freq;
  c.test_at_end = o.data.generation == DataOptions::Generation::kDataset &&
                  (o.data.set == DataOptions::Set::kTsv || !o.data.train_data.empty());
  c.accuracy_threshold = t.accuracy_threshold;
  c.auc_threshold = t.auc_threshold;
  c.plan.mode = t.inference_only ? Mode::kServe : Mode::kTrain;
  c.plan.device = t.use_gpu ? Device::kCuda : Device::kCpu;
  c.step.strict_fp32 = t.strict_fp32;
  return c;
}

ReportConfig report_config(const TrainOptions& o) {
  ReportConfig c;
  c.terminal = is_terminal(stdout);
  c.print_time = o.output.print_time;
  c.print_wall_time = o.output.print_wall_time;
  c.json_log = o.output.json_log;
  c.epochs = o.training.epochs;
  return c;
}

void start_threads(const TrainingOptions& t) {
  if (!t.pin_threads) return set_num_threads(t.num_threads);
  std::vector<int> cpus = core_cpus(allowed_cpus());
  require(
      t.num_threads <= std::ssize(cpus),
      "[--pin-threads] needs a physical core for each thread: got --num-threads={} and {} of them, "
      "expected no more threads than cores",
      t.num_threads, cpus.size());
  cpus.resize(static_cast<size_t>(t.num_threads));
  set_num_threads(t.num_threads, cpus);
}

// Throws DeviceError where there is no such device, before anything is read.
void print_device(const TrainOptions& options, const PrintLine& print) {
  if (options.training.use_gpu) {
    const std::string name = driver(Device::kCuda).name();
    print("Using 1 GPU(s)...");
    return print(name);
  }
  print("Using CPU...");
  if (options.model.precision == Precision::kBfloat16 && !has_fast_bf16()) {
    print("This CPU has no instructions for bf16: --dtype=fp32 would be faster");
  }
}

void print_memory(const Dlrm& model, const std::vector<MemoryUse>& steps, const Readers& readers,
                  Report& report) {
  std::vector<MemoryUse> memory = model.memory();
  memory.insert(memory.end(), steps.begin(), steps.end());
  memory.push_back({"batches read ahead, at most", static_cast<size_t>(max_bytes(readers))});
  report.memory(memory);
}

void benchmark(const TrainOptions& options, Dlrm& model, const TrainerConfig& config,
               const Readers& readers, Report& report, const std::atomic<bool>& stop) {
  InferenceBenchmark timed(model, *readers.test, options.training.inference_batch_sizes,
                           config.plan, config.step);
  print_memory(model, timed.memory(), readers, report);
  const auto start = std::chrono::steady_clock::now();
  timed.run(report, stop);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report.finished({.test = seconds.count()}, stop);
}

void run(const TrainOptions& options, const std::atomic<bool>& stop) {
  start_threads(options.training);
  Report report(report_config(options));
  report.config(options.settings);
  const PrintLine print = [&](std::string_view text) { report.line(text); };
  print_device(options, print);

  NumpyRandom stream(options.training.seed);
  const auto progress = [&](std::string_view what, double fraction) {
    if (stop) throw Interrupted("interrupted before training, no model was trained");
    report.preparing(what, fraction);
  };
  Readers readers = open_readers(options, stream, print, progress);
  const TrainerConfig config = trainer_config(options);
  const DlrmConfig architecture = model_config(options, readers.train->shape());
  check_config(architecture);
  if (options.output.debug_mode) {
    print_architecture(architecture, print);
    print_data(*readers.train, options.data.num_batches, print);
  }
  Dlrm model(architecture, config.plan.mode, config.rule.kind, config.plan.device);
  model.initialise(stream, options.data.readme_order ? InitOrder::kReadme : InitOrder::kDefault);
  if (options.output.debug_mode)
    print_parameters("initial", model, options.output.print_precision, print);

  read_ahead(readers, options);
  if (!options.training.inference_batch_sizes.empty())
    return benchmark(options, model, config, readers, report, stop);
  Trainer trainer(model, config, *readers.train, readers.test.get(), report, stop);
  print_memory(model, trainer.memory(), readers, report);
  if (options.training.inference_only) {
    report.started();
    trainer.test(std::nullopt);
  } else {
    trainer.train();
    if (options.output.debug_mode)
      print_parameters("updated", model, options.output.print_precision, print);
  }
  report.finished(trainer.seconds(), stop);
}

int train(int argc, char** argv) {
  const TrainOptions options = parse_train_options(argc, argv);
  if (show_info(options.info)) return 0;
  const std::atomic<bool>& stop = stop_on_signals();
  run(options, stop);
  return stop ? 130 : 0;
}

}  // namespace
}  // namespace hotrow

int main(int argc, char** argv) {
  return hotrow::run_main("dlrm_train", [&] { return hotrow::train(argc, argv); });
}
