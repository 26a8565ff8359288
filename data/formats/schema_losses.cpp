#include "data/formats/schema_losses.h"

#include <fmt/format.h>

namespace hotrow {
namespace {

// "a, b, c and 23 more" of the columns for which `lost` says so; empty if there are none.
class Columns {
 public:
  void add(const std::string& name) {
    if (count_ < kShown) text_ += (count_ > 0 ? ", " : "") + name;
    ++count_;
  }
  bool empty() const { return count_ == 0; }
  std::string text() const {
    return count_ <= kShown ? text_ : fmt::format("{} and {} more", text_, count_ - kShown);
  }

 private:
  static constexpr int kShown = 4;
  std::string text_;
  int count_ = 0;
};

}  // namespace

std::vector<std::string> schema_losses(const Schema& written, const Schema& read_back) {
  Columns names, transforms, applied, sizes, hotness;
  if (written.label.name != read_back.label.name) names.add(written.label.name);
  for (size_t j = 0; j < written.num_dense(); ++j) {
    const NumericalColumn &from = written.numerical[j], &to = read_back.numerical[j];
    if (from.name != to.name) names.add(from.name);
    if (from.applied != to.applied) applied.add(from.name);
    if (from.applied == to.applied && from.transform != to.transform) transforms.add(from.name);
  }
  for (size_t t = 0; t < written.num_tables(); ++t) {
    const CategoricalColumn &from = written.categorical[t], &to = read_back.categorical[t];
    if (from.name != to.name) names.add(from.name);
    if (from.cardinality != 0 && from.cardinality != to.cardinality) sizes.add(from.name);
    if (from.hotness != to.hotness || from.fixed_hotness != to.fixed_hotness)
      hotness.add(from.name);
  }
  std::vector<std::string> losses;
  const auto add = [&](const Columns& columns, std::string_view what) {
    if (!columns.empty()) losses.push_back(fmt::format("{} {}", what, columns.text()));
  };
  add(names, "the format has its own names for the columns");
  add(transforms, "the format does not say which transform training wants for");
  add(applied, "the format does not say which transform lies in the stored values of");
  add(sizes, "the format does not hold the table sizes of");
  add(hotness, "the format does not hold the most ids a sample of");
  return losses;
}

}  // namespace hotrow
