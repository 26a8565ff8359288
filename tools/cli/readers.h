// From the data flags to readers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/reader.h"
#include "engine/rng.h"
#include "tools/cli/flags.h"

namespace hotrow {

// Called often while files are preprocessed or counted, with what is being done and the share of
// the file at hand that is behind; may throw to stop.
using PrepareProgress = std::function<void(std::string_view what, double fraction)>;

struct Readers {
  std::unique_ptr<Reader> train;
  std::unique_ptr<Reader> test;  // null: no test data
};

// Opens what the flags name; preprocesses Criteo files and counts a vocabulary where that is still
// to be done. Draws from `stream` as the reference does. `log` gets lines for a person. Throws what
// the readers and `progress` throw.
Readers open_readers(const TrainOptions& options, NumpyRandom& stream,
                     const std::function<void(std::string_view)>& log,
                     const PrepareProgress& progress = {});

// Puts a PrefetchReader around both, unless --prefetch-batches=0, --reuse-batches (training), or
// each update of random data may have a test in its middle. From here on the random stream that
// open_readers was given belongs to the readers.
void read_ahead(Readers& readers, const TrainOptions& options);

// Reader::max_bytes() of both.
int64_t max_bytes(const Readers& readers);

}  // namespace hotrow
