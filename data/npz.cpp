#include "data/npz.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <map>

#include "data/binary_file.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr std::string_view kSuffix = ".npy";

std::string open_failure(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

// The bytes are at fault, not the way to them.
bool is_foreign(int code) {
#ifdef ZIP_ER_TRUNCATED_ZIP  // since libzip 1.11
  if (code == ZIP_ER_TRUNCATED_ZIP) return true;
#endif
  return code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS;
}

// Why `path` is no readable zip archive, from its own bytes.
std::string describe_foreign(const std::string& path) {
  std::array<char, 4> start{};
  const BinaryInput file(path);
  if (file.size() == 0) return "an empty file";
  const auto some = std::min<size_t>(start.size(), static_cast<size_t>(file.size()));
  file.read(0, std::as_writable_bytes(std::span(start).first(some)));
  if (std::memcmp(start.data(), "PK\3\4", 4) == 0)
    return "a zip archive that is cut short or damaged";
  return "another kind of file";
}

struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;

}  // namespace

struct NpzMember::State {
  std::unique_ptr<zip_file_t, CloseMember> file;
  int64_t remaining;  // bytes, by the archive's directory
};

namespace {

// Why a read gave `got` bytes instead of what was expected: the library has no error for all of it.
std::string read_fault(zip_file_t* file, zip_int64_t got) {
  if (zip_error_code_zip(zip_file_get_error(file)) != ZIP_ER_OK) {
    return fmt::format("'{}'", zip_file_strerror(file));
  }
  return got > 0 ? "more bytes" : "the end of its data";
}

}  // namespace

NpzMember::NpzMember(std::unique_ptr<State> state, std::string source)
    : source_(std::move(source)), state_(std::move(state)) {
  header_ = decode_npy_header([this](std::span<std::byte> out) { read(out); }, source_);
  require<DataError>(header_.bytes() == state_->remaining,
                     "[{}] bytes of values: got {}, expected {} by the header", source_,
                     state_->remaining, header_.bytes());
}
NpzMember::NpzMember(NpzMember&&) noexcept = default;
NpzMember::~NpzMember() = default;

void NpzMember::read(std::span<std::byte> out) {
  require<DataError>(static_cast<int64_t>(out.size()) <= state_->remaining,
                     "[{}] the array is cut short: got {} bytes, expected {} more", source_,
                     state_->remaining, out.size());
  state_->remaining -= out.size();
  while (!out.empty()) {
    const zip_int64_t got = zip_fread(state_->file.get(), out.data(), out.size());
    require<DataError>(got > 0, "[{}] the array is damaged: got {}, expected {} more bytes",
                       source_, read_fault(state_->file.get(), got), out.size());
    out = out.subspan(got);
  }
  if (state_->remaining > 0) return;
  std::byte beyond;  // the library compares the CRC when it meets the end
  const zip_int64_t got = zip_fread(state_->file.get(), &beyond, 1);
  require<DataError>(got == 0,
                     "[{}] the array is damaged: got {}, expected its end with the right CRC",
                     source_, read_fault(state_->file.get(), got));
}

struct NpzReader::State {
  std::string path;
  uint64_t file_bytes = 0;
  Archive archive;
  std::vector<std::string> names;
  std::map<std::string, zip_uint64_t, std::less<>> index;
};

NpzReader::NpzReader(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->file_bytes = static_cast<uint64_t>(BinaryInput(path).size());
  int code = 0;
  state_->archive.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!state_->archive) {
    throw DataError(fmt::format("[{}] cannot be read: got {}, expected an .npz archive", path,
                                is_foreign(code) ? describe_foreign(path) : open_failure(code)));
  }
  const zip_int64_t count = zip_get_num_entries(state_->archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* entry = zip_get_name(state_->archive.get(), i, 0);
    std::string_view name = entry == nullptr ? "" : entry;
    if (!name.ends_with(kSuffix)) continue;
    name.remove_suffix(kSuffix.size());
    state_->names.emplace_back(name);
    state_->index.emplace(name, i);
  }
}
NpzReader::NpzReader(NpzReader&&) noexcept = default;
NpzReader::~NpzReader() = default;

const std::string& NpzReader::path() const { return state_->path; }
const std::vector<std::string>& NpzReader::names() const { return state_->names; }
bool NpzReader::contains(std::string_view name) const {
  return state_->index.find(name) != state_->index.end();
}

NpzMember NpzReader::open(std::string_view name) const {
  const auto found = state_->index.find(name);
  require<DataError>(found != state_->index.end(),
                     "[{}] no array '{}': got {}, expected it among them", state_->path, name,
                     fmt::join(state_->names, " "));
  std::string source = fmt::format("{}: array '{}'", state_->path, name);
  zip_stat_t stat;
  zip_stat_init(&stat);
  auto member = std::make_unique<NpzMember::State>();
  if (zip_stat_index(state_->archive.get(), found->second, 0, &stat) == 0) {
    member->file.reset(zip_fopen_index(state_->archive.get(), found->second, 0));
  }
  require<DataError>(member->file != nullptr, "[{}] cannot be read: got '{}', expected an array",
                     source, zip_strerror(state_->archive.get()));
  // No deflated byte expands beyond 1032, and the file has all of them: forged sizes must not
  // decide how much memory is taken.
  const zip_uint64_t stored = std::min<zip_uint64_t>(stat.comp_size, state_->file_bytes);
  require<DataError>(stat.size / 1032 <= stored,
                     "[{}] size: got {} bytes out of {}, expected at "
                     "most 1032 a byte",
                     source, stat.size, stored);
  member->remaining = static_cast<int64_t>(stat.size);
  return NpzMember(std::move(member), std::move(source));
}

NpyArray NpzReader::read(std::string_view name) const {
  NpzMember member = open(name);
  return read_npy_values(
      member.header(), [&](std::span<std::byte> out) { member.read(out); }, member.source());
}

namespace {

// What one added member will give, as the zip library pulls it: the header, then blocks of rows.
struct Entry {
  std::string name, start;
  NpyHeader header;
  NpzWriter::RowProducer produce;
  int64_t units = 0;  // what `produce` counts: rows, or values
  std::function<void(double)> progress;
  zip_error_t error;
  std::exception_ptr failure;

  std::vector<std::byte>
      block;  // what has been produced and not yet pulled lies in [at, block.size())
  size_t at = 0;
  int64_t next_unit = 0;

  int64_t total_bytes() const { return static_cast<int64_t>(start.size()) + header.bytes(); }

  void rewind() {
    const auto* bytes = reinterpret_cast<const std::byte*>(start.data());
    block.assign(bytes, bytes + start.size());
    at = 0;
    next_unit = 0;
  }
  bool refill() {
    if (header.bytes() == 0 || next_unit == units) return false;
    if (progress) progress(static_cast<double>(next_unit) / static_cast<double>(units));
    const int64_t unit_bytes = header.bytes() / units;
    const int64_t count = std::min(std::max<int64_t>((1 << 20) / unit_bytes, 1), units - next_unit);
    block.resize(count * unit_bytes);
    produce(next_unit, block);
    next_unit += count;
    at = 0;
    return true;
  }
  int64_t pull(std::byte* out, size_t capacity) {
    size_t done = 0;
    while (done < capacity && (at < block.size() || refill())) {
      const size_t n = std::min(capacity - done, block.size() - at);
      std::memcpy(out + done, block.data() + at, n);
      done += n;
      at += n;
    }
    return static_cast<int64_t>(done);
  }
};

// The zip library's view of an Entry. No exception may cross it: pull's is kept for finish().
zip_int64_t serve(void* user, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  Entry& entry = *static_cast<Entry*>(user);
  switch (command) {
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN:
      entry.rewind();
      return 0;
    case ZIP_SOURCE_READ:
      try {
        return entry.pull(static_cast<std::byte*>(data), length);
      } catch (...) {
        entry.failure = std::current_exception();
        zip_error_set(&entry.error, ZIP_ER_READ, 0);
        return -1;
      }
    case ZIP_SOURCE_STAT: {
      zip_stat_t* stat = static_cast<zip_stat_t*>(data);
      zip_stat_init(stat);
      stat->size = entry.total_bytes();
      stat->valid |= ZIP_STAT_SIZE;
      return sizeof(*stat);
    }
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&entry.error, data, length);
    case ZIP_SOURCE_CLOSE:
      entry.block = {};
      return 0;
    case ZIP_SOURCE_FREE:
      return 0;  // NpzWriter owns the entry
    default:
      zip_error_set(&entry.error, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

}  // namespace

struct NpzWriter::State {
  State(std::string path, Compression c) : file(std::move(path)), compression(c) {}
  const std::string& path() const { return file.path(); }

  PendingFile file;
  Compression compression;
  std::vector<std::unique_ptr<Entry>> entries;
};

NpzWriter::NpzWriter(std::string path, Compression compression)
    : state_(std::make_unique<State>(std::move(path), compression)) {}
NpzWriter::NpzWriter(NpzWriter&&) noexcept = default;
NpzWriter::~NpzWriter() = default;

void NpzWriter::add(const std::string& name, NpyHeader header, RowProducer produce) {
  const int64_t rows = header.shape.empty()   ? 1
                       : header.fortran_order ? header.shape.back()
                                              : header.shape.front();
  add_entry(name, std::move(header), rows, std::move(produce));
}

void NpzWriter::add_values(const std::string& name, NpyHeader header, ValueProducer produce) {
  const int64_t values = header.size();
  add_entry(name, std::move(header), values, std::move(produce));
}

void NpzWriter::add_entry(const std::string& name, NpyHeader header, int64_t units,
                          RowProducer produce) {
  for (const auto& other : state_->entries) {
    require(other->name != name, "[{}] array '{}' added twice: got a second, expected one",
            state_->path(), name);
  }
  auto entry = std::make_unique<Entry>();
  entry->name = name;
  entry->start = encode_npy_header(header);
  entry->header = std::move(header);
  entry->produce = std::move(produce);
  entry->units = units;
  zip_error_init(&entry->error);
  state_->entries.push_back(std::move(entry));
}

void NpzWriter::add(const std::string& name, NpyHeader header, std::span<const std::byte> values) {
  require(static_cast<int64_t>(values.size()) == header.bytes(),
          "[{}] bytes of array '{}' to write: got {}, expected {} by its shape", state_->path(),
          name, values.size(), header.bytes());
  add(name, std::move(header),
      [values, at = size_t{0}](int64_t first_row, std::span<std::byte> out) mutable {
        if (first_row == 0) at = 0;
        std::memcpy(out.data(), values.data() + at, out.size());
        at += out.size();
      });
}

namespace {

DataError write_error(const std::string& path, const std::string& reason) {
  return DataError(fmt::format(
      "[{}] cannot be written: got '{}', expected a folder with room to write in", path, reason));
}

void add_member(zip_t* archive, Entry& entry, zip_int32_t method, const std::string& path) {
  zip_source_t* source = zip_source_function(archive, serve, &entry);
  const std::string name = entry.name + std::string(kSuffix);
  const zip_int64_t at = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (at < 0) {
    zip_source_free(source);
    throw write_error(path, zip_strerror(archive));
  }
  constexpr zip_uint32_t kLevel = 6;  // NumPy's; libzip's own 9 takes five times as long
  constexpr zip_uint16_t kDate =
      (1 << 5) | 1;  // 1980-01-01, as NumPy: the clock must not show in the bytes
  if (zip_set_file_compression(archive, at, method, kLevel) < 0 ||
      zip_file_set_dostime(archive, at, 0, kDate, 0) < 0) {
    throw write_error(path, zip_strerror(archive));
  }
}

}  // namespace

const PendingFile& NpzWriter::pending() const { return state_->file; }

void NpzWriter::finish(const std::function<void(double)>& progress) {
  write(progress);
  state_->file.publish();
}

void NpzWriter::write(const std::function<void(double)>& progress) {
  const std::string& path = state_->path();
  require(!state_->entries.empty(), "[{}] arrays to write: got none, expected at least one", path);
  int code = 0;
  // The library appends an ending of its own while it writes, and renames when all is there.
  Archive archive(zip_open(state_->file.partial().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (archive == nullptr) throw write_error(path, open_failure(code));
  const bool deflate = state_->compression == Compression::kDeflate;
  for (const auto& entry : state_->entries) {
    entry->progress = progress;
    add_member(archive.get(), *entry, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, path);
  }
  if (zip_close(archive.get()) == 0) {
    archive.release();
    return;
  }
  for (const auto& entry : state_->entries) {
    if (entry->failure) std::rethrow_exception(entry->failure);
  }
  throw write_error(path, zip_strerror(archive.get()));
}

}  // namespace hotrow
