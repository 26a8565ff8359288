// The NumPy files of TorchRec's Criteo pipeline, a folder of days 0, 1, 2, ...:
//
//   day_{i}_dense.npy    float32 (N, D)     numerical values, log(x + 3) taken
//   day_{i}_labels.npy   int32 (N, 1)       0 or 1
//   day_{i}_sparse.npy   int32 (N, T)       ids, one a table                       ("torchrec")
//   day_{i}_sparse_multi_hot.npz  "0" .. "25", int32 (N, h_t) each, not deflated   ("multi-hot")
//
// Source: torchrec.datasets.criteo, torchrec_dlrm/data/multi_hot_criteo.py of
// facebookresearch/dlrm. Ids as TorchRec's preprocessing gives them are 0 for nothing, 1 for a
// value below the frequency threshold, and 2 and up for the others; they are passed on as they
// stand. Table sizes come from
// *_fea_count.npz in the folder (column_facts.h), and are not known without.
#pragma once

#include <memory>
#include <string>

#include "data/formats.h"

namespace hotrow {

// All days of the folder `path`, one after the other; other types and orders of the arrays are
// taken too. Seekable. DataError: a day without one of its files, arrays of different lengths,
// columns that differ between days, and ids that are no whole numbers from 0 up or outside a known
// table size.
std::unique_ptr<RowSource> open_torchrec(const std::string& path, const SourceOptions& options);
// The same with ids from multi-hot files, from front to back only.
std::unique_ptr<RowSource> open_multi_hot(const std::string& path, const SourceOptions& options);

// Write one day, day_0, into the folder `path`, and the column facts day_fea_count.npz. Raw
// numerical values become log(x + 3) where training wants a logarithm of them. InvalidArgument:
// values with another transform applied, samples that differ in their number of ids, and, for
// "torchrec", more than one.
std::unique_ptr<RowSink> create_torchrec(const std::string& path, const Schema& schema,
                                         const SinkOptions& options);
std::unique_ptr<RowSink> create_multi_hot(const std::string& path, const Schema& schema,
                                          const SinkOptions& options);

extern const Format kTorchrec, kMultiHot;

}  // namespace hotrow
