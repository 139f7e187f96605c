#pragma once

/* What liblearn_rt_torchscript.so offers: C only, so that libtorch's C++ and ours never meet. */

#include <stddef.h>

#define LEARN_RT_TORCHSCRIPT_SYMBOL "learn_rt_torchscript_v3"

extern "C" {

struct learn_rt_torchscript_shape {
  size_t window, n_features, horizon, n_actions, n_outputs;
  /* Of a stateful model: its states' shapes without the batch, `ranks[i]` dimensions each, one after another. */
  size_t n_states;
  const size_t *ranks, *dimensions;
};

/* Each call that can fail returns 0 or writes its cause, ended by 0 and cut to `error_size`, and returns -1. */
struct learn_rt_torchscript {
  /* Loads and freezes a scripted module that maps [batch, window, n_features] (window 0: [batch, n_features]) to
     [batch, n_outputs], and warms it up. With a horizon above 0 it takes [batch, horizon, n_actions] too, and maps to
     [batch, horizon, n_outputs]. With states (window and horizon 0) it takes them too, after [batch, n_features], and
     gives the next ones after the answers. */
  int (*load)(const char* file, const struct learn_rt_torchscript_shape* shape, void** module, char* error,
              size_t error_size);
  /* `actions` is null without a horizon. */
  int (*infer)(void* module, const float* x, const float* actions, size_t batch, float* y, char* error,
               size_t error_size);
  /* One step of one stream: `states` hold the states, and then the next ones. `y` may be null. */
  int (*step)(void* module, const float* x, float* const* states, float* y, char* error, size_t error_size);
  void (*unload)(void* module);
};

typedef const learn_rt_torchscript* (*learn_rt_torchscript_entry)(void);
}
