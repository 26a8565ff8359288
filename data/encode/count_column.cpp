#include "data/encode/count_column.h"

#include <algorithm>
#include <filesystem>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "data/encode/key_table.h"
#include "data/encode/vocabulary_entries.h"

namespace hotrow {
namespace {

struct Count {
  uint64_t count = 0;
  uint64_t first = 0;  // place of the first occurrence among the column's values
};
using Table = KeyTable<Count>;
using Entry = Table::Entry;

constexpr size_t kBlock = 64;  // lookups whose cache misses overlap
constexpr int64_t kLargestBuffer = int64_t{64} << 10;

struct Before {
  IdOrder order;
  bool operator()(const Entry& a, const Entry& b) const {
    if (order == IdOrder::kFrequency && a.payload.count != b.payload.count) {
      return a.payload.count > b.payload.count;
    }
    return a.payload.first < b.payload.first;
  }
};

// places: null, or where each value's place among the table's entries goes.
void count_block(Table& table, std::span<const uint64_t> keys, uint64_t first, uint32_t* places) {
  uint64_t hashes[kBlock];
  table.hash_and_prefetch(hashes, keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!table.covers(hashes[i])) continue;
    Count* const count = table.find_or_add(keys[i], hashes[i]);
    if (count == nullptr) continue;
    if (count->count++ == 0) count->first = first + i;
    if (places != nullptr) places[i] = static_cast<uint32_t>(table.place_of(count));
  }
}

// One walk over the column. places: null, or one for each of its values.
void count_range(Table& table, uint32_t* places, const CountWork& work) {
  std::vector<uint64_t> keys;
  uint64_t first = 0;
  for (const Segment& segment : work.segments->all()) {
    segment.read_keys(keys, work.column);
    for (size_t at = 0; at < keys.size(); at += kBlock) {
      count_block(table, std::span(keys).subspan(at, std::min(kBlock, keys.size() - at)),
                  first + at, places == nullptr ? nullptr : places + first + at);
    }
    first += keys.size();
    work.progress->add(table.share() * static_cast<double>(keys.size()), 0);
  }
}

void sort_kept(std::vector<Entry>& entries, const CountWork& work) {
  const auto least = static_cast<uint64_t>(work.min_frequency);
  std::erase_if(entries, [least](const Entry& entry) { return entry.payload.count < least; });
  if (work.scheme.order == IdOrder::kFrequency) {
    std::sort(entries.begin(), entries.end(), Before{work.scheme.order});
  }
}

// From the place of each value among `all` entries to its row id; `kept` are those that have one.
void number(RowIds& ids, const std::vector<Entry>& kept, size_t all, const CountWork& work) {
  check_ids(work.scheme, std::ssize(kept), work.name);
  std::vector<uint32_t> rows(all, static_cast<uint32_t>(work.scheme.unseen_id));
  auto id = static_cast<uint32_t>(work.scheme.first_id);
  for (const Entry& entry : kept) rows[ids[entry.payload.first]] = id++;
  for (uint32_t& place : ids) place = rows[place];
}

// Entries on their way to the file, some at once.
class EntryWriter {
 public:
  explicit EntryWriter(const std::string& path) : out_(path) {}
  void add(const Entry& entry) {
    entries_.push_back({entry.key, entry.payload.count});
    if (entries_.size() == kAtOnce) flush();
  }
  FileFacts publish() {
    flush();
    return out_.publish();
  }

 private:
  static constexpr size_t kAtOnce = 4096;

  void flush() {
    out_.write(entries_.data(), entries_.size() * sizeof(VocabularyEntry));
    entries_.clear();
  }

  HashedFileWriter out_;
  std::vector<VocabularyEntry> entries_;
};

// A sorted run of entries in a file.
class Run {
 public:
  Run(const BinaryInput& file, int64_t begin, int64_t end, int64_t buffer)
      : file_(&file), at_(begin), end_(end), buffer_(static_cast<size_t>(buffer)) {
    refill();
  }
  bool empty() const { return place_ == filled_; }
  const Entry& front() const { return buffer_[place_]; }
  void pop() {
    if (++place_ == filled_) refill();
  }

 private:
  void refill() {
    place_ = 0;
    filled_ = static_cast<size_t>(std::min(end_ - at_, std::ssize(buffer_)));
    file_->read(at_ * static_cast<int64_t>(sizeof(Entry)),
                std::as_writable_bytes(std::span(buffer_).first(filled_)));
    at_ += static_cast<int64_t>(filled_);
  }

  const BinaryInput* file_;
  int64_t at_, end_;  // entries of the run that have not been read
  std::vector<Entry> buffer_;
  size_t place_ = 0, filled_ = 0;
};

// ends: where each run ends, in entries.
void merge_runs(EntryWriter& out, const std::string& path, const std::vector<int64_t>& ends,
                const CountWork& work) {
  const BinaryInput file(path);
  const auto entry_bytes = static_cast<int64_t>(sizeof(Entry));
  const int64_t share = work.budget / std::ssize(ends);
  const int64_t buffer = std::clamp(share, entry_bytes, kLargestBuffer) / entry_bytes;
  std::vector<Run> runs;
  for (size_t i = 0; i < ends.size(); ++i) {
    runs.emplace_back(file, i == 0 ? 0 : ends[i - 1], ends[i], buffer);
  }
  const auto after = [before = Before{work.scheme.order}](const Run* a, const Run* b) {
    return before(b->front(), a->front());
  };
  std::priority_queue<Run*, std::vector<Run*>, decltype(after)> next(after);
  for (Run& run : runs) {
    if (!run.empty()) next.push(&run);
  }
  while (!next.empty()) {
    Run* const run = next.top();
    next.pop();
    out.add(run->front());
    run->pop();
    if (!run->empty()) next.push(run);
  }
}

}  // namespace

FileFacts count_column(const CountWork& work) {
  const int64_t values = work.segments->total(work.column).values;
  EntryWriter out(work.path);
  const std::string runs_path = work.path + ".runs";
  std::vector<int64_t> ends;
  if (work.ids != nullptr) work.ids->resize(static_cast<size_t>(values));
  {
    // number() takes 4 bytes an entry besides.
    Table table(work.ids == nullptr ? work.budget : work.budget - work.budget / 8, values);
    HashedFileWriter runs(runs_path);
    while (table.next_range()) {
      count_range(table, work.ids == nullptr ? nullptr : work.ids->data(), work);
      std::vector<Entry>& entries = table.entries();
      const size_t all = entries.size();
      sort_kept(entries, work);
      if (table.covers_all()) {
        if (work.ids != nullptr) number(*work.ids, entries, all, work);
        for (const Entry& entry : entries) out.add(entry);
        return out.publish();
      }
      runs.write(entries.data(), entries.size() * sizeof(Entry));
      ends.push_back((ends.empty() ? 0 : ends.back()) + std::ssize(entries));
    }
    runs.publish();
  }
  if (work.ids != nullptr) work.ids->clear();
  merge_runs(out, runs_path, ends, work);
  std::filesystem::remove(runs_path);
  return out.publish();
}

}  // namespace hotrow
