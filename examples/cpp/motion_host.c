/* A motion host in C: the plan is pushed ahead of the machine, and every tick takes its offset by its number.
 *
 *   motion_host ADDRESS MODEL LEAD_S < plan.txt > commands.txt
 *
 * A line of the plan is one tick, the model's inputs in order, x and y first (x y z vx vy of the printer's). A line of the
 * commands is that tick's x and y with the model's offsets, and the flags. docs/firmware-hosts.md tells where the two
 * halves of the loop go in a real host. */
#define _POSIX_C_SOURCE 200112L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "learn_rt/client_c.h"

enum { MAX_TICKS = 1 << 20 };

static void sleep_until(struct timespec* tick, double dt_s) {
  tick->tv_nsec += (long)(dt_s * 1e9);
  while (tick->tv_nsec >= 1000000000) {
    tick->tv_nsec -= 1000000000;
    ++tick->tv_sec;
  }
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, tick, NULL) != 0) {
  }
}

int main(int argc, char** argv) {
  const learn_rt_input_policy held = {NULL, LEARN_RT_INPUT_HOLD, LEARN_RT_INPUT_PASS, LEARN_RT_INPUT_PASS, 0.0, 0.05};
  char error[512];
  learn_rt_options options;
  learn_rt_client* client;
  learn_rt_prediction offset;
  learn_rt_stats stats;
  struct timespec tick;
  size_t n_values = 0, n_features, n, pushed = 0, k, i;
  int flushed = 0;
  float* plan = malloc(MAX_TICKS * sizeof *plan);
  if (argc != 4 || plan == NULL) {
    fprintf(stderr, "usage: motion_host ADDRESS MODEL LEAD_S < plan.txt > commands.txt\n");
    return 2;
  }
  while (n_values < MAX_TICKS && scanf("%f", &plan[n_values]) == 1) ++n_values;

  learn_rt_options_init(&options);
  options.lead_s = atof(argv[3]);
  options.fault_after = 50; /* ticks by policy in a row, after which somebody is to look */
  options.inputs = &held;
  options.n_inputs = 1;
  client = learn_rt_open(argv[1], argv[2], &options, error, sizeof error);
  if (client == NULL) {
    fprintf(stderr, "motion_host: %s\n", error);
    return 1;
  }
  n_features = learn_rt_n_features(client);
  n = n_values / n_features;
  if (n == 0 || learn_rt_n_outputs(client) < 2) {
    fprintf(stderr, "motion_host: a line of the plan holds %zu numbers, and the model answers at least 2\n", n_features);
    return 1;
  }
  clock_gettime(CLOCK_MONOTONIC, &tick);
  for (k = 0; k < n; ++k) {
    /* The planner: as far ahead as the lead, and the preview that the model looks ahead itself. */
    const size_t preview = learn_rt_preview(client);
    while (pushed < n && pushed <= k + preview + learn_rt_lead_ticks(client) &&
           learn_rt_push(client, plan + pushed * n_features)) {
      ++pushed;
    }
    if (pushed == n && !flushed) flushed = learn_rt_flush(client); /* the plan ends: its last tick stands */
    if (k == 0) { /* the machine starts when the queue is full */
      for (i = 0; i <= learn_rt_lead_ticks(client); ++i) sleep_until(&tick, learn_rt_dt_s(client));
    }
    /* The machine: this tick's command, whatever happened. */
    learn_rt_due(client, k + preview, NULL, &offset);
    printf("%.6f %.6f %" PRIu32 "\n", (double)plan[k * n_features] + (double)offset.values[0],
           (double)plan[k * n_features + 1] + (double)offset.values[1], offset.flags);
    sleep_until(&tick, learn_rt_dt_s(client));
  }
  learn_rt_read_stats(client, &stats);
  fprintf(stderr, "ticks %zu, by policy %" PRIu64 ", reconnects %" PRIu64 ", fault %d\n", n, stats.missed,
          stats.reconnects, learn_rt_fault(client));
  learn_rt_close(client);
  free(plan);
  return 0;
}
