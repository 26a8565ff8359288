#include "model/report.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "model/report_text.h"

namespace hotrow {
namespace {

// What a report writes, with a clock that the test moves.
class ReportTest : public testing::Test {
 protected:
  ReportTest() : out_(std::tmpfile()) {
    config_.out = out_;
    config_.now = [this] { return now_; };
  }
  ~ReportTest() override {
    std::fclose(out_);
    if (!config_.json_log.empty()) std::filesystem::remove(config_.json_log);
  }

  // Everything since the last call.
  std::string text() {
    std::fflush(out_);
    std::string all;
    std::fseek(out_, read_, SEEK_SET);
    for (int c = std::fgetc(out_); c != EOF; c = std::fgetc(out_)) all += static_cast<char>(c);
    read_ = std::ftell(out_);
    return all;
  }

  void log_to_file() {
    config_.json_log = testing::TempDir() + "hotrow_report_test_" +
                       testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
  }
  std::vector<nlohmann::json> events() const {
    std::vector<nlohmann::json> out;
    std::ifstream file(config_.json_log);
    for (std::string line; std::getline(file, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  std::FILE* out_;
  long read_ = 0;
  double now_ = 100;
  ReportConfig config_;
};

Metrics metrics(double accuracy, std::optional<double> auc) {
  Metrics m;
  m.samples = 16000;
  m.accuracy = accuracy;
  m.auc = auc;
  m.log_loss = 0.45231;
  m.normalized_entropy = 0.8123;
  m.calibration = 1.012;
  m.base_rate = 0.255;
  m.base_accuracy = 0.745;
  return m;
}

TEST_F(ReportTest, PrintsTheMeanLossSinceTheLastLine) {
  Report report(config_);
  report.started();
  EXPECT_EQ(text(), "time/loss/accuracy (if enabled):\n");
  report.step({1, 3, 0}, 2, 0.5, 0.010);
  report.step({2, 3, 0}, 1, 2.0, 0.020);
  report.train_line({2, 3, 0});
  EXPECT_EQ(text(), "Finished training it 2/3 of epoch 0, -1.00 ms/it, loss 1.000000\n");
  report.step({3, 3, 0}, 5, 0.049903, 0.020);
  report.train_line({3, 3, 0});
  EXPECT_EQ(text(), "Finished training it 3/3 of epoch 0, -1.00 ms/it, loss 0.049903\n");
  EXPECT_THROW(report.train_line({3, 3, 0}), InvalidArgument);
}

TEST_F(ReportTest, PrintsTimesWhereAsked) {
  config_.print_time = true;
  config_.print_wall_time = true;
  Report report(config_);
  report.step({1, kUnknownCount, 2}, 2, 0.5, 0.010);
  report.step({2, kUnknownCount, 2}, 2, 0.5, 0.0131);
  report.train_line({2, kUnknownCount, 2});
  const std::regex line(
      R"(Finished training it 2/\? of epoch 2, 11\.55 ms/it, loss 0\.500000 \(\d\d:\d\d\)\n)");
  const std::string got = text();
  EXPECT_TRUE(std::regex_match(got, line)) << got;
}

TEST_F(ReportTest, NotANumberHasNoSign) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double loss : {nan, -nan}) {
    EXPECT_EQ(finished_training({1, 2, 0}, -1, loss, std::nullopt),
              "Finished training it 1/2 of epoch 0, -1.00 ms/it, loss nan");
  }
}

TEST_F(ReportTest, LabelsThatAreNoProbabilitiesHaveASquaredError) {
  Metrics m = metrics(0.25, std::nullopt);
  m.log_loss = m.normalized_entropy = m.calibration = m.base_accuracy = std::nullopt;
  m.mse = 6.25;
  m.mean_score = 0.98765;
  m.base_rate = 3.5;
  EXPECT_EQ(
      metrics_line(m),
      " MSE 6.250000, RMSE 2.500000, mean prediction 0.9877, mean label 3.5000, 16,000 samples");
}

TEST_F(ReportTest, TestLinesAreThoseOfTheReferenceFollowedByOurs) {
  Report report(config_);
  report.test_started(Position{4, 8, 1});
  EXPECT_TRUE(report.test_finished(metrics(0.53125, 0.7674)));
  EXPECT_EQ(text(),
            "Testing at - 4/8 of epoch 1,\n"
            " accuracy 53.125 %, best 53.125 %\n"
            " AUC 0.767400, log loss 0.452310, NE 0.812300, calibration 1.0120, accuracy 53.125 % "
            "(the commoner label alone: 74.500 %), 16,000 samples\n");
  report.test_started(std::nullopt);
  report.test_finished(metrics(0, std::nullopt));
  EXPECT_EQ(text().substr(0, 68),
            "Testing for inference only\n accuracy 0.000 %, best 53.125 %\n AUC n/a");
}

// In the reference the best values never move, and a first accuracy of 0 is not the best.
TEST_F(ReportTest, BestValuesAreTheBest) {
  Report report(config_);
  EXPECT_FALSE(report.best_auc());
  EXPECT_TRUE(report.test_finished(metrics(0, 0.6)));
  EXPECT_TRUE(report.test_finished(metrics(0.5, std::nullopt)));
  EXPECT_FALSE(report.test_finished(metrics(0.5, 0.8)));
  EXPECT_FALSE(report.test_finished(metrics(0.25, 0.7)));
  EXPECT_EQ(report.best_accuracy(), 0.5);
  EXPECT_EQ(report.best_auc(), 0.8);
}

TEST_F(ReportTest, WarnsOfConstantPredictions) {
  Report report(config_);
  Metrics m = metrics(0.5, 0.5);
  m.constant_scores = true;
  report.test_finished(m);
  EXPECT_NE(text().find(" warning: every test sample got the same prediction"), std::string::npos);
}

TEST_F(ReportTest, AFileHasPlainLinesOnly) {
  Report report(config_);
  report.started();
  text();
  for (int64_t i = 1; i <= 50; ++i) {
    now_ += 1;
    report.step({i, 100, 0}, 8, 0.5, 0.01);
    report.test_step(i, 50);
  }
  EXPECT_EQ(text(), "");
}

TEST_F(ReportTest, ATerminalHasOneLineRewrittenInPlace) {
  config_.terminal = true;
  config_.epochs = 2;
  Report report(config_);
  report.started();
  text();
  now_ += 10;
  report.step({50, 100, 0}, 20000, 0.45231, 0.01);
  EXPECT_EQ(text(), "\repoch 1/2  it 50/100  2,000 samples/s  loss 0.452310  ETA 25:00\x1b[K");
  now_ += 0.05;  // too early for another one
  report.step({51, 100, 0}, 20000, 0.5, 0.01);
  EXPECT_EQ(text(), "");
  report.train_line({51, 100, 0});
  EXPECT_EQ(text().substr(0, 24), "\r\x1b[KFinished training it");
  now_ += 9.95;
  report.step({52, kUnknownCount, 0}, 20000, 0.25, 0.01);
  EXPECT_EQ(text(), "\repoch 1/2  it 52/?  3,000 samples/s  loss 0.250000  ETA ?\x1b[K");
}

TEST_F(ReportTest, PreparingShowsOnATerminalOnly) {
  Report(config_).preparing("counting values", 0.254);
  EXPECT_EQ(text(), "");
  config_.terminal = true;
  Report(config_).preparing("counting values", 0.254);
  EXPECT_EQ(text(), "\rcounting values: 25 %\x1b[K\r\x1b[K");
}

// Iterations of all epochs that no integer holds.
TEST_F(ReportTest, TimeLeftOfAnEndlessRun) {
  config_.terminal = true;
  config_.epochs = std::numeric_limits<int64_t>::max();
  Report report(config_);
  report.started();
  text();
  now_ += 1;
  report.step({1, 10, 0}, 2, 0.5, 1);
  EXPECT_NE(text().find("ETA 2777"), std::string::npos);
}

TEST_F(ReportTest, TestPassesDoNotCountAsTrainingTime) {
  config_.terminal = true;
  Report report(config_);
  report.started();
  now_ += 5;
  report.step({1, 3, 0}, 1000, 0.5, 5);
  report.test_started(Position{1, 3, 0});
  text();
  now_ += 100;
  report.test_step(3, 10);
  EXPECT_EQ(text(), "\rtesting 3/10\x1b[K");
  report.test_finished(metrics(0.5, 0.5));
  now_ += 5;
  text();
  report.step({2, 3, 0}, 1000, 0.5, 5);
  EXPECT_EQ(text(), "\repoch 1/1  it 2/3  200 samples/s  loss 0.500000  ETA 0:05\x1b[K");
}

TEST_F(ReportTest, AnErrorStartsOnItsOwnLine) {
  config_.terminal = true;
  {
    Report report(config_);
    report.step({1, 3, 0}, 1, 0.5, 5);
    EXPECT_NE(text(), "");
  }
  EXPECT_EQ(text(), "\r\x1b[K");
}

TEST_F(ReportTest, MemoryTable) {
  Report report(config_);
  report.memory(std::vector<MemoryUse>{{"tables", 3 << 20}, {"activations", 1536}});
  EXPECT_EQ(text(),
            "\nmemory by purpose:\n"
            "  tables          3.0 MiB\n"
            "  activations     1.5 KiB\n"
            "  total           3.0 MiB\n");
}

TEST_F(ReportTest, MemoryTableOfAGpu) {
  Report report(config_);
  report.memory(std::vector<MemoryUse>{{"tables", 3 << 20, Device::kCuda},
                                       {"batch, pinned", 1536},
                                       {"activations", 1 << 20, Device::kCuda},
                                       {"batches", 512}});
  EXPECT_EQ(text(),
            "\nmemory by purpose:\n"
            "  tables                3.0 MiB\n"
            "  activations           1.0 MiB\n"
            "  total on the GPU      4.0 MiB\n"
            "  batch, pinned         1.5 KiB\n"
            "  batches                 512 B\n"
            "  total on the host     2.0 KiB\n");
}

TEST_F(ReportTest, Summary) {
  Report report(config_);
  report.started();
  now_ += 4;
  report.step({1, 1, 0}, 12000, 0.5, 1);
  report.test_started(Position{1, 1, 0});
  now_ += 1;
  report.test_finished(metrics(0.53125, 0.7674));
  text();
  report.finished(
      {.data = 1, .feed = 0.25, .forward = 0.5, .backward = 0.75, .update = 0.25, .test = 1},
      false);
  const std::string got = text();
  const std::string want =
      "\nsummary\n"
      "  time               5.00 s\n"
      "    data wait        1.00 s   20.0 %\n"
      "    feed             0.25 s    5.0 %\n"
      "    forward          0.50 s   10.0 %\n"
      "    backward         0.75 s   15.0 %\n"
      "    update           0.25 s    5.0 %\n"
      "    test             1.00 s   20.0 %\n"
      "    other            1.25 s   25.0 %\n"
      "  trained       12,000 samples in 1 iterations, 3,000 samples/s\n"
      "  peak memory   ";
  EXPECT_EQ(got.substr(0, want.size()), want);
  const std::string rest =
      "\n  last test     AUC 0.767400, log loss 0.452310, NE 0.812300, calibration 1.0120, "
      "accuracy "
      "53.125 % (the commoner label alone: 74.500 %), 16,000 samples\n"
      "  best test     AUC 0.767400, accuracy 53.125 %\n";
  EXPECT_EQ(got.substr(got.find("\n  last test")), rest);
}

TEST_F(ReportTest, SummaryOfAnInterruptedRunThatDidNothing) {
  Report report(config_);
  report.finished({}, true);
  const std::string got = text();
  EXPECT_EQ(got.substr(0, 23), "\nsummary (interrupted)\n");
  EXPECT_EQ(got.find("nan"), std::string::npos) << got;
}

TEST_F(ReportTest, LogsOneJsonObjectALine) {
  log_to_file();
  {
    Report report(config_);
    const std::vector<std::pair<std::string, std::string>> flags = {{"data-size", "12"},
                                                                    {"json-log", "not \xff UTF-8"}};
    report.config(flags);
    report.memory(std::vector<MemoryUse>{{"tables", 96}});
    report.started();
    now_ += 2;
    report.step({1, kUnknownCount, 0}, 12, 0.5, 0.25);
    report.train_line({1, kUnknownCount, 0});
    report.test_started(Position{1, kUnknownCount, 0});
    now_ += 3;
    report.test_finished(metrics(0.75, std::nullopt));
    report.finished({.data = 1, .feed = 0.5}, true);
  }
  const auto log = events();
  ASSERT_EQ(log.size(), 5u);
  EXPECT_EQ(log[0]["event"], "config");
  EXPECT_EQ(log[0]["flags"]["data-size"], "12");
  EXPECT_EQ(log[1], (nlohmann::json{{"event", "memory"}, {"bytes", {{"tables", 96}}}}));
  EXPECT_EQ(log[2]["event"], "train");
  EXPECT_EQ(log[2]["loss"], 0.5);
  EXPECT_EQ(log[2]["ms_per_iteration"], 250.0);
  EXPECT_TRUE(log[2]["iterations"].is_null());
  EXPECT_EQ(log[2]["samples_per_second"], 6.0);
  EXPECT_EQ(log[3]["event"], "test");
  EXPECT_EQ(log[3]["accuracy"], 0.75);
  EXPECT_TRUE(log[3]["auc"].is_null());
  EXPECT_EQ(log[3]["seconds"], 3.0);
  EXPECT_EQ(log[4]["event"], "summary");
  EXPECT_EQ(log[4]["interrupted"], true);
  EXPECT_EQ(log[4]["seconds"]["total"], 5.0);
  EXPECT_EQ(log[4]["seconds"]["data"], 1.0);
  EXPECT_EQ(log[4]["seconds"]["feed"], 0.5);
  EXPECT_EQ(log[4]["seconds"]["other"], 3.5);
  EXPECT_EQ(log[4]["test"]["log_loss"], 0.45231);
}

TEST_F(ReportTest, LogsTheStepOfAGpuAsOne) {
  const PhaseSeconds seconds{
      .data = 1, .forward = 0.5, .backward = 0.75, .update = 0.25, .on_gpu = true};
  log_to_file();
  {
    Report report(config_);
    report.started();
    now_ += 5;
    report.finished(seconds, false);
  }
  const nlohmann::json logged = events().at(0)["seconds"];
  EXPECT_EQ(logged["gpu_step"], 1.5);
  EXPECT_EQ(logged["other"], 2.5);
  EXPECT_FALSE(logged.contains("backward"));
}

TEST_F(ReportTest, AJsonLogThatCannotBeWritten) {
  ReportConfig config = config_;  // the fixture removes only files of its own
  config.json_log = "/no/such/folder/log.json";
  try {
    Report report(config);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_STREQ(
        e.what(),
        "[--json-log] cannot create the file: got '/no/such/folder/log.json' (No such file "
        "or directory), expected a name in a folder that can be written");
  }
  config.json_log = "/dev/full";
  Report report(config);
  report.config({});
  try {
    report.finished({}, false);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(),
                 "[--json-log] writing failed: got an error on '/dev/full', expected all events in "
                 "it (is the disk full?)");
  }
}

}  // namespace
}  // namespace hotrow
