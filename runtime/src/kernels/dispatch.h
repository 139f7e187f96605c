#pragma once

// Ends a file of kernels, within `#if HWY_ONCE`: `function` returns the table that `Find` gives for the best
// instruction set that runs here, chosen once.
#define LEARN_RT_CHOSEN(Table, function, Find)                 \
  namespace learn_rt {                                         \
  HWY_EXPORT(Find);                                            \
  const Table& function() {                                    \
    static const Table& table = *HWY_DYNAMIC_DISPATCH(Find)(); \
    return table;                                              \
  }                                                            \
  }
