// Times ops and whole models beside the floor that this machine sets; see README.md.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/pending_file.h"
#include "engine/topology.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tools/bench/onednn_gemm.h"
#include "tools/bench/single_run.h"
#include "tools/bench/suite.h"
#include "tools/cli/flag_set.h"
#include "tools/cli/run_main.h"
#include "tools/cli/table_types.h"

namespace hotrow {
namespace {

constexpr int64_t kMaxBatch = int64_t{1} << 24;
constexpr int64_t kMaxIters = 1'000'000;

struct BenchOptions {
  std::string config;
  Mode mode = Mode::kTrain;
  UpdateKind optimizer = UpdateKind::kSgd;
  int64_t batch = -1;
  int iters = 30, warmup = 5;
  int threads = usable_cores();
  double zipf = 0;
  Precision precision = Precision::kFloat32;
  int64_t max_rows = -1;
  TableType table_type = TableType::kFloat32;
  bool use_gpu = false;
  bool strict_fp32 = false;
  int64_t probe_side = GpuProbe{}.side;
  std::string json;
};

Device device(const BenchOptions& o) { return o.use_gpu ? Device::kCuda : Device::kCpu; }
GpuProbe probe(const BenchOptions& o) {
  return {.strict_fp32 = o.strict_fp32, .side = o.probe_side};
}

// Flags of one model's run; a suite has its own idea of them.
constexpr const char* kSingleFlags[] = {"--mode", "--optimizer", "--iters", "--warmup", "--zipf"};

void add_flags(FlagSet& flags, BenchOptions& o) {
  flags.group("One model, one line of JSON");
  flags.text("--config", o.config, "Its name: " + bench_config_names());
  flags.choice<Mode>("--mode", o.mode, {{"train", Mode::kTrain}, {"inference", Mode::kServe}},
                     "What a step is");
  flags.choice<UpdateKind>("--optimizer", o.optimizer,
                           {{"sgd", UpdateKind::kSgd},
                            {"adagrad", UpdateKind::kAdagrad},
                            {"rwsadagrad", UpdateKind::kRowwiseAdagrad}},
                           "Of tables and layers; rwsadagrad: row-wise on tables");
  flags.integer("--iters", o.iters, {.min = 1, .max = kMaxIters}, "Steps that count");
  flags.integer("--warmup", o.warmup, {.min = 0, .max = kMaxIters}, "Steps before them");
  flags.real("--zipf", o.zipf, {.min = 0, .max = 10},
             "Exponent of a power law that ids follow; 0: uniform");
  flags.group("General");
  flags.integer("--batch", o.batch, {.min = 1, .max = kMaxBatch, .unset = -1},
                "Samples a step; -1: the model's own");
  flags.choice<Precision>("--dtype", o.precision,
                          {{"fp32", Precision::kFloat32}, {"bf16", Precision::kBfloat16}},
                          "Factors of the layers' matrix products");
  flags.integer("--threads", o.threads, {.min = 1, .max = 1024}, "Threads");
  flags.integer("--max-rows", o.max_rows, {.min = 1, .unset = -1},
                "Cut larger tables to so many rows; -1: none");
  flags.choice<TableType>("--table-dtype", o.table_type, table_types(), "Rows of the tables");
  flags.boolean("--use-gpu", o.use_gpu,
                "Kernels and models on the first GPU of CUDA_VISIBLE_DEVICES");
  flags.boolean("--strict-fp32", o.strict_fp32, "... products in fp32, not in TF32");
  flags.integer("--probe-side", o.probe_side, {.min = 16, .max = 1 << 15},
                "... side of the matrices that it is measured with");
  flags.text("--json", o.json, "Also write the results to this file");
}

char g_partial[PATH_MAX];  // of --json, which an interrupted run must not leave behind

extern "C" void remove_partial(int signal) {
  unlink(g_partial);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// The file of --json, if any. Created at once: a run must not find at its end that it cannot.
std::unique_ptr<PendingFile> open_json(const BenchOptions& o) {
  if (o.json.empty()) return nullptr;
  auto file = std::make_unique<PendingFile>(o.json);
  errno = ENAMETOOLONG;
  file->check(file->partial().size() < sizeof g_partial);
  file->partial().copy(g_partial, sizeof g_partial - 1);
  for (int signal : {SIGINT, SIGTERM}) std::signal(signal, remove_partial);
  errno = 0;
  file->check(std::ofstream(file->partial()).is_open());
  return file;
}

void run_one(const BenchOptions& o) {
  SingleRun run{
      {bench_config(o.config, o.max_rows), o.mode, o.optimizer, o.zipf, device(o), o.strict_fp32},
      o.iters,
      o.warmup,
      o.probe_side};
  run.workload.config.model.precision = o.precision;
  if (o.batch > 0) run.workload.config.batch = o.batch;
  run.workload.config.model.table_type = o.table_type;
  const std::unique_ptr<PendingFile> file = open_json(o);
  const std::string line = run_single(run);
  std::puts(line.c_str());
  if (!file) return;
  errno = 0;
  file->check(static_cast<bool>(std::ofstream(file->partial()) << line << std::endl));
  file->publish();
}

// `words`: the program's name and the flags of Google Benchmark.
void run_suite(const BenchOptions& o, std::vector<std::string> words) {
  const std::unique_ptr<PendingFile> file = open_json(o);
  if (file) {
    words.push_back("--benchmark_out=" + file->partial());
    words.push_back("--benchmark_out_format=json");
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  benchmark::Initialize(&argc, argv.data());
  require(argc == 1, "[{}] is not a flag of Google Benchmark, expected one of those of --help",
          argv[1]);

  Suite suite{.machine = measure_for(device(o), o.precision, probe(o)),
              .max_rows = o.max_rows,
              .precision = o.precision,
              .table_type = o.table_type,
              .batch = o.batch,
              .strict_fp32 = o.strict_fp32,
              .stream = DeviceStream(device(o))};
  benchmark::AddCustomContext("engine", "hotrow " HOTROW_VERSION);
  if (o.use_gpu) benchmark::AddCustomContext("device", driver(device(o)).name());
  if (!o.use_gpu) benchmark::AddCustomContext("floor_of", onednn_version());
  benchmark::AddCustomContext("dtype", arithmetic_name(o.precision, device(o), o.strict_fp32));
  benchmark::AddCustomContext("table_dtype", table_type_name(o.table_type));
  benchmark::AddCustomContext("threads", std::to_string(suite.machine.threads));
  for (const auto& [name, rate] : describe_rates(suite.machine)) {
    benchmark::AddCustomContext(name, fmt::format("{:.1f}", rate));
  }
  register_suite(suite);
  require(benchmark::RunSpecifiedBenchmarks() > 0,
          "[--benchmark_filter] matches no benchmark, expected a pattern that does "
          "(see --benchmark_list_tests)");
  if (!file) return;
  errno = ENOSPC;  // Google Benchmark does not look whether it could write
  std::ifstream written(file->partial());
  file->check(nlohmann::json::accept(written));
  file->publish();
}

void run(int argc, const char* const* argv) {
  std::vector<const char*> own{argv[0]};
  std::vector<std::string> passed{argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).starts_with("--benchmark_")) {
      passed.push_back(argv[i]);
    } else {
      own.push_back(argv[i]);
    }
  }
  BenchOptions options;
  FlagSet flags(
      "Times ops and models beside the floor that this machine sets. Without --config: all, with\n"
      "Google Benchmark, which has flags of its own (--benchmark_filter=REGEX, "
      "--benchmark_list_tests, ...)",
      "dlrm_bench (Hotrow) " HOTROW_VERSION);
  add_flags(flags, options);
  if (show_info(flags.parse(static_cast<int>(own.size()), own.data()))) return;
  if (options.max_rows < 0) options.max_rows = kAllRows;
  for (const char* flag : {"--strict-fp32", "--probe-side"}) {
    require(options.use_gpu || !flags.given(flag),
            "[{}] is for a GPU: got no --use-gpu, expected both", flag);
  }
  require(!options.strict_fp32 || options.precision == Precision::kFloat32,
          "[--strict-fp32] does not go with --dtype=bf16: got both, expected one of them");
  set_num_threads(options.threads);
  if (flags.given("--config")) {
    require(passed.size() == 1, "[{}] is for the suite: got --config too, expected one of the two",
            passed.back());
    return run_one(options);
  }
  for (const char* flag : kSingleFlags) {
    require(!flags.given(flag), "[{}] is for one model: got no --config, expected its name", flag);
  }
  run_suite(options, std::move(passed));
}

}  // namespace
}  // namespace hotrow

int main(int argc, char** argv) {
  return hotrow::run_main("dlrm_bench", [&] {
    hotrow::run(argc, argv);
    return 0;
  });
}
