// Shuffles and votes: what lanes exchange when they meet.
#include <bit>

#include "tests/support/cuda_on_host/device_functions.h"

namespace hotrow::cuda_on_host {
namespace {

struct Exchange {
  uint64_t value;
  int from;         // lane whose value is wanted
  uint64_t result;  // that value, or the mask of lanes that a vote found
};
Exchange& of(void* operand) { return *static_cast<Exchange*>(operand); }

void complete_shuffle(unsigned mask, void* const* operands) {
  for_lanes(mask, [&](int lane) {
    Exchange& mine = of(operands[lane]);
    const bool there = (mask >> mine.from & 1) != 0;
    mine.result = there ? of(operands[mine.from]).value : ~uint64_t{0};
  });
}
constexpr Collective kShuffles[] = {{"__shfl_sync", complete_shuffle},
                                    {"__shfl_up_sync", complete_shuffle},
                                    {"__shfl_down_sync", complete_shuffle},
                                    {"__shfl_xor_sync", complete_shuffle}};

void complete_vote(unsigned mask, void* const* operands) {
  unsigned set = 0;
  for_lanes(mask, [&](int lane) { set |= unsigned(of(operands[lane]).value) << lane; });
  for_lanes(mask, [&](int lane) { of(operands[lane]).result = set; });
}
constexpr Collective kVotes[] = {{"__syncwarp", complete_vote},
                                 {"__ballot_sync", complete_vote},
                                 {"__any_sync", complete_vote},
                                 {"__all_sync", complete_vote}};

void complete_match(unsigned mask, void* const* operands) {
  for_lanes(mask, [&](int lane) {
    unsigned equal = 0;
    for_lanes(mask, [&](int other) {
      equal |= unsigned(of(operands[other]).value == of(operands[lane]).value) << other;
    });
    of(operands[lane]).result = equal;
  });
}
constexpr Collective kMatch = {"__match_any_sync", complete_match};

// The PTX ISA manual, "shfl.sync": a source beyond the lane's segment of `width` lanes is the lane
// itself, but for kXor one in a segment before it.
int source_lane(Shuffle how, int argument, int width) {
  const int lane = current_lane(), first = lane & ~(width - 1), last = first + width - 1;
  switch (how) {
    case Shuffle::kFrom:
      return first + (argument & (width - 1));
    case Shuffle::kUp:
      return lane - argument >= first ? lane - argument : lane;
    case Shuffle::kDown:
      return lane + argument <= last ? lane + argument : lane;
    case Shuffle::kXor:
      return (lane ^ argument) <= last ? lane ^ argument : lane;
  }
  return lane;
}

}  // namespace

uint64_t shuffle(Shuffle how, unsigned mask, uint64_t value, int argument, int width, Where where) {
  const Collective& what = kShuffles[static_cast<int>(how)];
  check(width > 0 && width <= kLanes && std::has_single_bit(static_cast<unsigned>(width)),
        "{} with a width of {}, expected 1, 2, 4, 8, 16 or 32", what.name, width);
  check(how == Shuffle::kFrom || (argument >= 0 && argument < kLanes),
        "{} by {} lanes, expected 0 to 31", what.name, argument);
  Exchange exchange{value, source_lane(how, argument, width), 0};
  meet_warp(what, mask, &exchange, where);
  return exchange.result;
}

unsigned vote(Vote kind, unsigned mask, bool flag, Where where) {
  Exchange exchange{flag, 0, 0};
  meet_warp(kVotes[static_cast<int>(kind)], mask, &exchange, where);
  return static_cast<unsigned>(exchange.result);
}

unsigned match_any(unsigned mask, uint64_t value, Where where) {
  Exchange exchange{value, 0, 0};
  meet_warp(kMatch, mask, &exchange, where);
  return static_cast<unsigned>(exchange.result);
}

}  // namespace hotrow::cuda_on_host
