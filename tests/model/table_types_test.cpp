// Models whose tables are not floats, beside models whose tables are and begin with the same
// values. What the kernels do with such rows is in tests/kernels/embedding_types_test.cpp.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/dlrm_step.h"
#include "tests/reference/rounding_ref.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {

constexpr TableType kTypes[] = {TableType::kSplitBf16, TableType::kBf16, TableType::kFp16};

DlrmConfig config(TableType type) {
  DlrmConfig c;
  c.table_rows = {10, 301, 200};
  c.dim = 6;
  c.table_type = type;
  c.bottom = {3, 6};
  c.top = {5, 1};
  c.loss.kind = LossKind::kBce;
  c.seed = 77;
  return c;
}

// Plain, and with everything that makes tables of other kinds.
std::vector<DlrmConfig> compositions(TableType type) {
  std::vector<DlrmConfig> all(4, config(type));
  all[1].qr = QrConfig{.threshold = 150, .collisions = 4};
  all[2].mixed_dimensions = MixedDimensionConfig{.threshold = 150};
  all[3].weighted_pooling = WeightedPooling::kLearned;
  return all;
}

void initialise(Dlrm& model) {
  NumpyRandom stream(3);
  model.initialise(stream, InitOrder::kDefault);
}

float nearest(TableType type, float x) {
  switch (type) {
    case TableType::kBf16:
      return to_float(nearest_bf16(x));
    case TableType::kFp16:
      return to_float(nearest_fp16(x));
    default:
      return x;
  }
}

TEST(TableTypes, BeginWithTheSameDrawsRoundedToNearest) {
  for (TableType type : kTypes) {
    const std::vector<DlrmConfig> typed = compositions(type),
                                  plain = compositions(TableType::kFloat32);
    for (size_t i = 0; i < typed.size(); ++i) {
      Dlrm model(typed[i], Mode::kTrain, UpdateKind::kSgd);
      Dlrm floats(plain[i], Mode::kTrain, UpdateKind::kSgd);
      initialise(model);
      initialise(floats);
      const auto got = model.named_parameters(), want = floats.named_parameters();
      ASSERT_EQ(got.size(), want.size());
      for (size_t p = 0; p < got.size(); ++p) {
        std::vector<float> rounded = want[p].floats();
        if (got[p].value.type != TableType::kFloat32) {
          for (float& x : rounded) x = nearest(type, x);
        }
        EXPECT_EQ(got[p].floats(), rounded) << table_type_name(type) << " " << got[p].name;
        const bool table =
            got[p].name.starts_with("emb_l") && !got[p].name.ends_with("proj.weight");
        EXPECT_EQ(got[p].value.type, table ? type : TableType::kFloat32) << got[p].name;
      }
    }
  }
}

struct Trained {
  float prediction;
  std::vector<std::string> names;
  std::vector<std::vector<float>> values;
};

// One step of a model whose tables begin with numbers that every type can hold.
Trained one_step(const DlrmConfig& c, UpdateKind kind, int64_t step_number) {
  Dlrm model(c, Mode::kTrain, kind);
  initialise(model);
  for (const auto& table : model.embeddings().tables()) {
    std::vector<float> values;
    for (int64_t i = 0; i < table->rows() * table->dim(); ++i) {
      values.push_back(static_cast<float>(i * 71 % 255 - 127) / 256);
    }
    write_floats(table->stored(), 0, values);
  }
  BatchShape shape{.num_dense = 3, .categorical = {}};
  for (int64_t rows : c.table_rows) shape.categorical.push_back({"", rows, 3});
  DlrmStep step(model, shape, 20);
  step.feed(random_batch(c, 20, 3, 5));
  step.forward();
  Trained result{step.predictions()[7], {}, {}};
  step.backward({.kind = kind, .learning_rate = 0.1, .eps = 1e-8, .step = step_number});
  for (const Dlrm::Named& p : model.named_parameters()) {
    result.names.push_back(p.name);
    result.values.push_back(p.floats());
  }
  return result;
}

// The values of table number `table` after the step that a table of floats took, rounded.
std::vector<float> rounded(const std::vector<float>& values, const DlrmConfig& c, uint32_t table,
                           int64_t dim, int64_t step) {
  const reference::Format format = reference::format_of(c.table_type);
  std::vector<float> all;
  for (int64_t i = 0; i < std::ssize(values); ++i) {
    const uint32_t random =
        reference::random_bits({c.seed, table}, static_cast<uint64_t>(step), i / dim, i % dim);
    const uint16_t bits =
        reference::round_stochastically(values[static_cast<size_t>(i)], format, random);
    all.push_back(static_cast<float>(format.value(bits)));
  }
  return all;
}

TEST(TableTypes, AStepIsThatOfFloatsRounded) {
  constexpr int64_t kStep = 4'000'000'000;
  for (TableType type : kTypes) {
    for (UpdateKind kind :
         {UpdateKind::kSgd, UpdateKind::kAdagrad, UpdateKind::kRowwiseAdagrad, UpdateKind::kAdam}) {
      const std::vector<DlrmConfig> typed = compositions(type),
                                    plain = compositions(TableType::kFloat32);
      for (size_t i = 0; i < typed.size(); ++i) {
        const Trained got = one_step(typed[i], kind, kStep);
        const Trained want = one_step(plain[i], kind, kStep);
        EXPECT_EQ(got.prediction, want.prediction);
        uint32_t table = 0;
        for (size_t p = 0; p < want.names.size(); ++p) {
          const std::string& name = want.names[p];
          SCOPED_TRACE(
              fmt::format("{} rule {} {}", table_type_name(type), static_cast<int>(kind), name));
          const bool rounds = type != TableType::kSplitBf16 && name.starts_with("emb_l") &&
                              !name.ends_with("proj.weight");
          if (!rounds) {
            EXPECT_EQ(got.values[p], want.values[p]);
            continue;
          }
          const Embeddings tables(typed[i], Device::kCpu);
          const int64_t dim = tables.tables()[table]->dim();
          EXPECT_EQ(got.values[p], rounded(want.values[p], typed[i], table, dim, kStep));
          EXPECT_NE(got.values[p], want.values[p]) << "nothing to round";
          ++table;
        }
      }
    }
  }
}

TEST(TableTypes, MemoryIsThatOfTheRows) {
  const auto bytes = [](TableType type) {
    DlrmConfig c = config(type);
    c.table_rows = {100'000};
    c.dim = 16;
    c.bottom = {3, 16};
    return Dlrm(c, Mode::kTrain, UpdateKind::kSgd).memory()[0].bytes;
  };
  EXPECT_EQ(bytes(TableType::kFloat32), 6'400'000u);
  EXPECT_EQ(bytes(TableType::kSplitBf16), 6'400'000u);
  EXPECT_EQ(bytes(TableType::kBf16), 3'200'000u);
  EXPECT_EQ(bytes(TableType::kFp16), 3'200'000u);
}

}  // namespace
}  // namespace hotrow::test
