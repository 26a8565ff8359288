#include "kernels/embedding_bag.h"

#include <algorithm>
#include <cstdint>

#include "kernels/argument_checks.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

// Registers hold arrays of vectors: only instruction sets whose vectors have one size will do.
// Those between the oldest and AVX2 would add compile time for machines that nobody trains on.
#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding_bag_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/embedding_rows_cpu-inl.h"

#ifndef HOTROW_KERNELS_EMBEDDING_BAG_TYPES  // what all instruction sets share
#define HOTROW_KERNELS_EMBEDDING_BAG_TYPES
namespace hotrow {
namespace {

// Some bags of one table. out points at the first column of the table in bag 0.
template <class Id>
struct Segment {
  float* out;
  int64_t out_stride;
  const TableLookup<Id>& table;
  Range bags;
  Pooling pooling;
};

// As Segment, of the gradient. dout points at the first column of the table in bag 0.
template <class Id>
struct WeightGrad {
  float* dweights;
  const float* dout;
  int64_t dout_stride;
  const TableLookup<Id>& table;
  Range bags;
  Pooling pooling;
};

}  // namespace
}  // namespace hotrow
#endif  // HOTROW_KERNELS_EMBEDDING_BAG_TYPES

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {

// One piece of columns of all bags in the segment. Only the piece at column 0 prefetches, and then
// whole rows.
template <int64_t kWidth, bool kWeighted, class Id, class T>
HWY_INLINE void pool_piece(const Segment<Id>& s, const T* rows, int64_t column) {
  const Bags<Id>& bags = s.table.bags;
  const int64_t dim = s.table.rows.cols();
  int64_t j = bags.begin(s.bags.begin);
  const int64_t ahead = rows_ahead<T>(dim);
  const int64_t fetch_end = column == 0 ? int64_t{bags.begin(s.bags.end)} : 0;
  for (int64_t k = j; k < std::min(j + ahead, fetch_end); ++k) {
    prefetch_row(rows + bags.ids[k] * dim, dim);
  }
  for (int64_t b = s.bags.begin; b < s.bags.end; ++b) {
    Piece<kWidth> sum;
    sum.clear();
    const int64_t count = bags.begin(b + 1) - j;
    for (const int64_t end = j + count; j < end; ++j) {
      if (j + ahead < fetch_end) prefetch_row(rows + bags.ids[j + ahead] * dim, dim);
      const T* row = rows + bags.ids[j] * dim + column;
      if constexpr (kWeighted) {
        sum.add_scaled(bags.weights[j], row);
      } else {
        sum.add(row);
      }
    }
    if (s.pooling == Pooling::kMean && count > 0) sum.scale(1.0f / static_cast<float>(count));
    sum.store(s.out + b * s.out_stride + column);
  }
}

// Calls f(elements of the rows, as what a lookup reads).
template <class F>
HWY_INLINE void with_elements(const ConstTableRows& rows, const F& f) {
  switch (rows.type) {
    case TableType::kFloat32:
      return f(rows.as<float>());
    case TableType::kSplitBf16:
    case TableType::kBf16:
      return f(rows.as<Bf16>());
    case TableType::kFp16:
      return f(rows.as<Fp16>());
  }
}

template <class Id>
void pool(const Segment<Id>& s) {
  with_elements(s.table.rows, [&](const auto* rows) HWY_ATTR {
    for_each_piece(s.table.rows.cols(), [&](auto width, int64_t column) HWY_ATTR {
      if (s.table.bags.weights != nullptr) {
        pool_piece<width(), true>(s, rows, column);
      } else {
        pool_piece<width(), false>(s, rows, column);
      }
    });
  });
}
void pool_int32(const Segment<int32_t>& s) { pool(s); }
void pool_int64(const Segment<int64_t>& s) { pool(s); }

template <class Id, class T>
HWY_INLINE void dot_with_rows(const WeightGrad<Id>& g, const T* rows) {
  const Bags<Id>& bags = g.table.bags;
  const int64_t dim = g.table.rows.cols();
  const int64_t last = bags.begin(g.bags.end), ahead = rows_ahead<T>(dim);
  for (int64_t b = g.bags.begin; b < g.bags.end; ++b) {
    const int64_t begin = bags.begin(b), end = bags.begin(b + 1);
    const float scale =
        g.pooling == Pooling::kMean && end > begin ? 1.0f / static_cast<float>(end - begin) : 1.0f;
    for (int64_t j = begin; j < end; ++j) {
      if (j + ahead < last) prefetch_row(rows + bags.ids[j + ahead] * dim, dim);
      g.dweights[j] = scale * dot(g.dout + b * g.dout_stride, rows + bags.ids[j] * dim, dim);
    }
  }
}
template <class Id>
void dot_with_any_rows(const WeightGrad<Id>& g) {
  with_elements(g.table.rows, [&](const auto* rows) HWY_ATTR { dot_with_rows(g, rows); });
}
void dot_with_rows_int32(const WeightGrad<int32_t>& g) { dot_with_any_rows(g); }
void dot_with_rows_int64(const WeightGrad<int64_t>& g) { dot_with_any_rows(g); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(pool_int32);
HWY_EXPORT(pool_int64);
HWY_EXPORT(dot_with_rows_int32);
HWY_EXPORT(dot_with_rows_int64);

// Of rows read: enough that a task's first rows, which nothing has fetched ahead, do not count.
constexpr int64_t kTaskBytes = 64 * 1024, kMostTaskBytes = 256 * 1024;
constexpr int64_t kTasks = 256;  // where they are not too small

// Bytes that the first `batch` bags of a table read and write.
template <class Id>
int64_t table_bytes(const TableLookup<Id>& table, int64_t batch) {
  const auto row = table.rows.cols() * static_cast<int64_t>(lookup_bytes(table.rows.type));
  const auto bag = table.rows.cols() * static_cast<int64_t>(sizeof(float));
  return table.bags.begin(batch) * row + batch * bag;
}

// Bags (over all tables) a task, from shapes alone.
int64_t bags_per_task(int64_t num_bags, int64_t bytes) {
  const int64_t task = std::clamp(bytes / kTasks, kTaskBytes, kMostTaskBytes);
  return std::max<int64_t>(1, num_bags * task / std::max<int64_t>(bytes, 1));
}

template <class Id>
void check_lookup(const char* op, const TableLookup<Id>& table, int64_t dim) {
  require(table.rows.cols() == dim, "[{}] tables of different width: got {}, expected {}", op,
          table.rows.cols(), dim);
}

template <class Id>
void pool_segment(const Segment<Id>& s) {
  if constexpr (sizeof(Id) == 4) {
    HWY_DYNAMIC_DISPATCH(pool_int32)(s);
  } else {
    HWY_DYNAMIC_DISPATCH(pool_int64)(s);
  }
}

}  // namespace

template <class Id>
void embedding_bag_forward(Matrix out, std::span<const TableLookup<Id>> tables,
                           int64_t first_column, Pooling pooling, CpuStream) {
  if (tables.empty()) return;
  const int64_t batch = out.rows(), dim = tables[0].rows.cols();
  const int64_t num_bags = batch * static_cast<int64_t>(tables.size());
  check_bag_columns("embedding_bag_forward", out.cols(), first_column, dim * std::ssize(tables));
  int64_t bytes = 0;
  for (const TableLookup<Id>& table : tables) {
    check_lookup("embedding_bag_forward", table, dim);
    bytes += table_bytes(table, batch);
  }
  if (num_bags == 0) return;
  // Bags are numbered through all tables, so that a task may end one table and begin the next.
  const int64_t tasks = ceil_div(num_bags, bags_per_task(num_bags, bytes));
  parallel_for(tasks, [&](int64_t task) {
    const Range bags = part(num_bags, tasks, task);
    for (int64_t bag = bags.begin; bag < bags.end;) {
      const int64_t t = bag / batch, end = std::min(bags.end, (t + 1) * batch);
      float* first = out.data + first_column + t * dim;
      pool_segment(Segment<Id>{first,
                               out.cols(),
                               tables[static_cast<size_t>(t)],
                               {bag - t * batch, end - t * batch},
                               pooling});
      bag = end;
    }
  });
}

template <class Id>
void embedding_bag_weight_grad(float* dweights, ConstMatrix dout, int64_t first_column,
                               const TableLookup<Id>& table, Pooling pooling, CpuStream) {
  const int64_t batch = dout.rows(), dim = table.rows.cols();
  check_bag_columns("embedding_bag_weight_grad", dout.cols(), first_column, dim);
  if (batch == 0) return;
  const int64_t tasks = ceil_div(batch, bags_per_task(batch, table_bytes(table, batch)));
  parallel_for(tasks, [&](int64_t task) {
    const WeightGrad<Id> grad{dweights, dout.data + first_column, dout.cols(),
                              table,    part(batch, tasks, task), pooling};
    if constexpr (sizeof(Id) == 4) {
      HWY_DYNAMIC_DISPATCH(dot_with_rows_int32)(grad);
    } else {
      HWY_DYNAMIC_DISPATCH(dot_with_rows_int64)(grad);
    }
  });
}

#define HOTROW_INSTANTIATE(Id)                                                                    \
  template void embedding_bag_forward(Matrix, std::span<const TableLookup<Id>>, int64_t, Pooling, \
                                      CpuStream);                                                 \
  template void embedding_bag_weight_grad(float*, ConstMatrix, int64_t, const TableLookup<Id>&,   \
                                          Pooling, CpuStream);
HOTROW_INSTANTIATE(int32_t)
HOTROW_INSTANTIATE(int64_t)
#undef HOTROW_INSTANTIATE

}  // namespace hotrow
#endif  // HWY_ONCE
