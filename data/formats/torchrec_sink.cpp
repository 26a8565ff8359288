// Samples into TorchRec's NumPy files.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "data/formats/column_facts.h"
#include "data/formats/records.h"
#include "data/formats/schema_losses.h"
#include "data/formats/segment_spill.h"
#include "data/formats/torchrec.h"
#include "data/made_folder.h"
#include "data/npy_file.h"
#include "data/npz.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

// The logarithm that is still to be taken of all numerical columns.
Transform missing_transform(const Schema& schema, const std::string& path) {
  Transform missing = Transform::kNone;
  for (const NumericalColumn& column : schema.numerical) {
    require(column.applied == Transform::kNone || column.applied == Transform::kLog3p,
            "[{}] column {}: got values with {} applied, expected raw ones or log3p", path,
            column.name, name_of(column.applied));
    const bool raw = column.applied == Transform::kNone && column.transform != Transform::kNone;
    if (raw) missing = Transform::kLog3p;
    require(&column == schema.numerical.data() || raw == (missing != Transform::kNone),
            "[{}] column {}: got a transform unlike that of the columns before it, expected the "
            "same for all",
            path, column.name);
  }
  return missing;
}

RecordLayout layout_of(const Schema& schema) {
  RecordLayout layout = {
      std::ssize(schema.numerical), ColumnType::kFloat32, ColumnType::kInt32, {}};
  for (const CategoricalColumn& column : schema.categorical)
    layout.hotness.push_back(column.hotness);
  return layout;
}

// What the files will give, the logarithm apart, which is a loss of its own.
Schema read_back(const Schema& schema, bool takes_log) {
  Schema out = criteo_schema(std::ssize(schema.numerical), std::ssize(schema.categorical));
  for (size_t j = 0; j < schema.num_dense(); ++j) {
    out.numerical[j].applied = takes_log ? schema.numerical[j].applied : Transform::kLog3p;
    out.numerical[j].transform = takes_log ? schema.numerical[j].transform : Transform::kLog3p;
  }
  for (size_t t = 0; t < schema.num_tables(); ++t) {
    const std::string name = std::move(out.categorical[t].name);
    out.categorical[t] = schema.categorical[t];
    out.categorical[t].name = name;
  }
  return out;
}

// Days but the one that is written would be read as more of the same data set.
void refuse_other_days(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    const bool day = name.starts_with("day_") && std::isdigit(static_cast<uint8_t>(name[4])) &&
                     (name.ends_with(".npy") || name.ends_with(".npz"));
    require<DataError>(!day || name.starts_with("day_0_"),
                       "[{}] is in the way: got a day of another data set, expected none but day_0 "
                       "in the output folder (remove it, or write to another folder)",
                       entry.path().string());
  }
}

class TorchrecSink : public RowSink {
 public:
  TorchrecSink(const std::string& folder, const Schema& schema, SinkOptions options, bool multi_hot)
      : folder_(folder),
        options_(std::move(options)),
        layout_(layout_of(schema)),
        transform_(missing_transform(schema, folder)),
        packer_(schema, layout_, folder, transform_),
        losses_(schema_losses(schema, read_back(schema, transform_ != Transform::kNone))),
        words_(layout_.words()) {
    require(layout_.num_dense > 0 && !layout_.hotness.empty(),
            "[{}] columns: got {} numerical and {} categorical, expected at least one of each",
            folder, layout_.num_dense, layout_.hotness.size());
    const int64_t tables = std::ssize(layout_.hotness);
    for (size_t t = 0; t < layout_.hotness.size() && !multi_hot; ++t) {
      require(layout_.hotness[t] == 1,
              "[{}] column {}: got {} ids a sample, expected 1 (the format multi-hot takes more)",
              folder, schema.categorical[t].name, layout_.hotness[t]);
    }
    if (transform_ != Transform::kNone) {
      losses_.push_back("numerical values become log(x + 3) in float32, and missing ones 0");
    }
    refuse_other_days(folder);
    refuse_other_formats(folder, multi_hot ? "multi-hot" : "torchrec");
    made_.emplace(folder);
    dense_.emplace(day_file("dense.npy"), NpyType::kFloat32, 4, layout_.num_dense);
    labels_.emplace(day_file("labels.npy"), NpyType::kInt32, 4, 1);
    if (multi_hot) {
      spill_.emplace(folder, layout_.hotness);
    } else {
      ids_.emplace(day_file("sparse.npy"), NpyType::kInt32, 4, tables);
    }
  }

  const std::vector<std::string>& losses() const override { return losses_; }

  void write(const Rows& rows) override {
    const std::span<const uint32_t> records = packer_.pack(rows);
    labels_->write(cut(records, 0, 1));
    dense_->write(cut(records, 1, layout_.num_dense));
    const int64_t begin = 1 + layout_.num_dense;
    const std::span<const std::byte> ids = cut(records, begin, words_ - begin);
    if (ids_) return ids_->write(ids);
    spill_->put({reinterpret_cast<const uint32_t*>(ids.data()), ids.size() / 4});
  }

  std::vector<const PendingFile*> close() override {
    for (std::optional<NpyWriter>* file : {&dense_, &labels_, &ids_}) {
      if (*file) (*file)->close();
    }
    ColumnFacts facts = ColumnFacts::of(packer_.schema());
    facts.counts = packer_.table_sizes();
    facts.dense_type = ColumnType::kFloat32;
    if (spill_) write_multi_hot();
    facts_file_.emplace(write_column_facts(folder_ + "/day", facts));
    const bool logs = transform_ != Transform::kNone;  // which say of missing values what is lost
    for (std::string& loss : packer_.losses()) {
      if (!logs) losses_.push_back(std::move(loss));
    }
    return {&facts_file_->pending(), &dense_->pending(),
            spill_ ? &bags_->pending() : &ids_->pending(), &labels_->pending()};
  }

 private:
  std::string day_file(std::string_view what) const {
    return fmt::format("{}/day_0_{}", folder_, what);
  }

  // Words begin .. begin + count of each record.
  std::span<const std::byte> cut(std::span<const uint32_t> records, int64_t begin, int64_t count) {
    cut_.clear();
    for (auto at = records.begin(); at != records.end(); at += words_) {
      cut_.insert(cut_.end(), at + begin, at + begin + count);
    }
    return std::as_bytes(std::span(cut_));
  }

  // Not deflated, whatever the options say: TorchRec maps it into memory.
  void write_multi_hot() {
    bags_.emplace(day_file("sparse_multi_hot.npz"), NpzWriter::Compression::kStored);
    for (size_t t = 0; t < layout_.hotness.size(); ++t) {
      bags_->add_values(
          fmt::to_string(t), npy_header<int32_t>({spill_->rows(), layout_.hotness[t]}),
          [this, t](int64_t first, std::span<std::byte> out) {
            spill_->give({reinterpret_cast<uint32_t*>(out.data()), out.size() / 4}, t, first);
          });
    }
    bags_->write(options_.progress);
  }

  const std::string folder_;
  const SinkOptions options_;
  const RecordLayout layout_;
  const Transform transform_;
  RecordPacker packer_;
  std::vector<std::string> losses_;
  const int64_t words_;
  std::optional<MadeFolder> made_;  // outlives the files in it
  std::optional<NpyWriter> dense_, labels_, ids_;
  std::optional<SegmentSpill> spill_;  // of multi-hot ids, until they go into
  std::optional<NpzWriter> bags_, facts_file_;
  std::vector<uint32_t> cut_;
};

}  // namespace

std::unique_ptr<RowSink> create_torchrec(const std::string& path, const Schema& schema,
                                         const SinkOptions& options) {
  return std::make_unique<TorchrecSink>(path, schema, options, false);
}
std::unique_ptr<RowSink> create_multi_hot(const std::string& path, const Schema& schema,
                                          const SinkOptions& options) {
  return std::make_unique<TorchrecSink>(path, schema, options, true);
}

}  // namespace hotrow
