// Rows, as files give them, and batches, as training wants them.
//
// A batch that is filled piece by piece is sized first: size_batch(), then put_rows() or
// RowSource::fill() for one piece after the other, from row 0 on, then cut_batch() if it was too
// large. Memory that a batch has is used again.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "data/batch.h"
#include "data/rows.h"
#include "data/schema.h"

namespace hotrow {

// Dense values of a sample. Data without numerical columns get one that is always 0, which the
// bottom layers need.
size_t dense_width(const Schema& schema);

// The shape of batches of this schema; with max_ind_range > 0 no table has more rows than that, and
// ids are to be taken modulo it. InvalidArgument, with `source` in its text: a column of unknown
// cardinality, unless max_ind_range says it.
BatchShape batch_shape(const Schema& schema, std::string_view source, int64_t max_ind_range = 0);

// Sizes all vectors for `rows` samples, bags of one size full; those of different sizes grow with
// what is put into them.
void size_batch(Batch& batch, const Schema& schema, int64_t rows);

// Drops all samples but the first `rows`.
void cut_batch(Batch& batch, const Schema& schema, int64_t rows);

// Writes `rows` into the samples from `at` on, as training gets them: transformed, missing numbers
// as 0. DataError that names file, column, row and id for an id outside [0, cardinality), where the
// cardinality is known, else for a negative one; for a bag of a size that the schema does not
// allow. Labels are as they are: see check_labels(). Sets batch.source if at == 0.
void put_rows(Batch& batch, int64_t at, const Rows& rows, const Schema& schema);

// out = the samples of `from` that `places` lists, in that order; each bag whole.
void gather_rows(Batch& out, const Batch& from, const Schema& schema,
                 std::span<const int64_t> places, int64_t at);

// DataError that names the first of `labels` that is not among `allowed`; labels[0] is that of row
// `first_row`.
void check_labels(std::span<const float> labels, Labels allowed, std::string_view source,
                  const LabelColumn& column, int64_t first_row);

// The error for an id that does not fit: [source] column, row, got, expected.
[[noreturn]] void throw_bad_id(std::string_view source, const CategoricalColumn& column,
                               int64_t row, int64_t id);

}  // namespace hotrow
