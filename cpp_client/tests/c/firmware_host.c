#define _POSIX_C_SOURCE 199309L
/* The calls of learn_rt/client_c.h as a firmware host makes them, compiled as C99:
 *
 *   firmware_host ADDRESS MODEL < samples     one sample a line; prints its answer and flags, one line a sample
 *
 * It asks for each sample again on other streams, pushed ahead. Where the answers differ, or anything is not as the
 * header says, it exits with 1 and says what. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "learn_rt/client_c.h"

#define MAX_SAMPLES 4096
#define PATIENCE_NS 10000000000

static void fail(const char* what, const char* detail) {
  fprintf(stderr, "firmware_host: %s%s%s\n", what, detail[0] != '\0' ? ": " : "", detail);
  exit(1);
}

static void expect(int holds, const char* what) {
  if (!holds) fail("expected", what);
}

static learn_rt_client* must_open(const char* address, const char* model, const learn_rt_options* options) {
  char error[512];
  learn_rt_client* client = learn_rt_open(address, model, options, error, sizeof error);
  if (client == NULL) fail("cannot connect", error);
  expect(error[0] == '\0', "no error text beside a client");
  return client;
}

static size_t read_samples(float* samples, size_t n_features) {
  size_t n = 0;
  double value;
  while (n < MAX_SAMPLES * n_features && scanf("%lf", &value) == 1) samples[n++] = (float)value;
  if (n == 0 || n % n_features != 0) fail("the samples on stdin must hold whole samples", "");
  return n / n_features;
}

/* What cannot be is told in words, whole or cut, and gives no client. */
static void check_refusals(const char* address, const char* model) {
  char error[512], cut[9];
  learn_rt_options options;
  expect(learn_rt_open("nowhere", model, NULL, error, sizeof error) == NULL, "no client of no address");
  expect(strstr(error, "an address must be") != NULL, "the grammar of addresses in the error");
  expect(learn_rt_open("nowhere", model, NULL, cut, sizeof cut) == NULL && strlen(cut) == sizeof cut - 1, "a cut error");
  expect(learn_rt_open(NULL, model, NULL, NULL, 0) == NULL, "NULL for an address is no crash");
  learn_rt_options_init(&options);
  options.size = 8;
  expect(learn_rt_open(address, model, &options, error, sizeof error) == NULL, "no client of another options' size");
  expect(strstr(error, "learn_rt_options_init") != NULL, "what to do about the size");
  learn_rt_options_init(&options);
  options.on_miss = 17;
  expect(learn_rt_open(address, model, &options, error, sizeof error) == NULL, "no client of another policy");
  expect(strstr(error, "on_miss must be 0 to 3, got 17") != NULL, "the policies that there are");
  learn_rt_options_init(&options);
  options.swap = 4;
  expect(learn_rt_open(address, model, &options, error, sizeof error) == NULL, "no client of another swap");
  expect(strstr(error, "swap must be 0 to 3, got 4") != NULL, "the swaps that there are");
  options.swap = LEARN_RT_SWAP_CROSSFADE;
  options.crossfade_s = 61.0;
  expect(learn_rt_open(address, model, &options, error, sizeof error) == NULL, "no client of so long a crossfade");
  learn_rt_options_init(&options);
  options.n_failover = 2;
  expect(learn_rt_open(address, model, &options, error, sizeof error) == NULL, "no client of a missing list");
  learn_rt_close(NULL);
}

/* A fault latches after the misses that were asked for, and is cleared. */
static void check_fault(const char* address, const char* model, const float* sample) {
  learn_rt_options options;
  learn_rt_prediction prediction;
  learn_rt_stats stats;
  learn_rt_client* client;
  int i;
  learn_rt_input_policy policy = {NULL, LEARN_RT_INPUT_MISS, LEARN_RT_INPUT_PASS, LEARN_RT_INPUT_PASS, 0.0, 0.0};
  float* unfit;
  learn_rt_options_init(&options);
  options.fault_after = 2;
  options.inputs = &policy;
  options.n_inputs = 1;
  client = must_open(address, model, &options);
  unfit = malloc(learn_rt_n_features(client) * sizeof *unfit);
  expect(unfit != NULL, "memory");
  for (i = 0; i < (int)learn_rt_n_features(client); ++i) unfit[i] = NAN;
  for (i = 0; i < 2; ++i) {
    learn_rt_predict(client, unfit, PATIENCE_NS, NULL, &prediction);
    expect((prediction.flags & LEARN_RT_BY_POLICY) != 0, "the policy's answer to an unfit sample");
    expect(prediction.version == 0, "no version of the policy");
  }
  expect(learn_rt_fault(client) == 1, "a latched fault");
  learn_rt_predict(client, sample, PATIENCE_NS, NULL, &prediction);
  expect((prediction.flags & LEARN_RT_FAULT) != 0, "the fault in the flags");
  learn_rt_clear_fault(client);
  learn_rt_predict(client, sample, PATIENCE_NS, NULL, &prediction);
  expect((prediction.flags & LEARN_RT_BY_POLICY) == 0, "the model's answer after the fault");
  learn_rt_rehearse(client);
  learn_rt_latest(client, &prediction);
  learn_rt_read_stats(client, &stats);
  expect(stats.faults == 1 && stats.missed == 3 && stats.replaced == 2, "the counts of the fault");
  free(unfit);
  learn_rt_close(client);
}

/* Samples pushed ahead get the answers that they get one by one, from pop and planned ahead. */
static void check_ahead(const char* address, const char* model, const float* samples, size_t n, const float* expected) {
  const struct timespec nap = {0, 1000000};
  learn_rt_options options;
  learn_rt_prediction prediction;
  learn_rt_client* client;
  size_t n_features, n_outputs, k;
  int naps = 0;
  learn_rt_options_init(&options);
  options.capacity = MAX_SAMPLES;
  client = must_open(address, model, &options);
  n_features = learn_rt_n_features(client);
  n_outputs = learn_rt_n_outputs(client);
  for (k = 0; k < n; ++k) expect(learn_rt_push(client, samples + k * n_features) == 1, "room for a sample");
  for (k = 0; k < n; ++k) {
    for (; learn_rt_pop(client, &prediction) == 0; ++naps) {
      expect(naps < 20000, "an answer within 20 s");
      nanosleep(&nap, NULL);
    }
    expect(prediction.sequence == k, "answers in order");
    expect(memcmp(prediction.values, expected + k * n_outputs, n_outputs * sizeof(float)) == 0, "the same answer");
  }
  expect(learn_rt_flush(client) == 1, "a flush");
  options.lead_s = (double)(n - 1) * learn_rt_dt_s(client);
  learn_rt_close(client);

  client = must_open(address, model, &options);
  expect(learn_rt_lead_ticks(client) == n - 1, "the lead in ticks");
  for (k = 0; k + 1 < n; ++k) expect(learn_rt_push(client, samples + k * n_features) == 1, "room for a plan");
  learn_rt_predict(client, samples + k * n_features, PATIENCE_NS, NULL, &prediction);
  expect(prediction.sequence == 0 && memcmp(prediction.values, expected, n_outputs * sizeof(float)) == 0,
         "the answer for now to a plan for later");
  learn_rt_due(client, n - 1, NULL, &prediction);
  expect(prediction.sequence == n - 1, "the tick that was asked for");
  learn_rt_close(client);
}

int main(int argc, char** argv) {
  learn_rt_options options;
  learn_rt_client* client;
  learn_rt_prediction prediction;
  learn_rt_stats stats;
  size_t n, n_features, n_outputs, k, i;
  float *samples, *answers;
  char text[512];
  if (argc != 3) {
    fprintf(stderr, "usage: firmware_host ADDRESS MODEL < samples\n");
    return 2;
  }
  check_refusals(argv[1], argv[2]);
  learn_rt_options_init(&options);
  client = must_open(argv[1], argv[2], &options);
  n_features = learn_rt_n_features(client);
  n_outputs = learn_rt_n_outputs(client);
  expect(learn_rt_dt_s(client) > 0.0 && strstr(learn_rt_spec_json(client), "\"dt_s\"") != NULL, "a spec");
  expect(learn_rt_endpoint(client, text, sizeof text) == strlen(argv[1]) && strcmp(text, argv[1]) == 0, "the address");
  samples = malloc(MAX_SAMPLES * n_features * sizeof *samples);
  answers = malloc(MAX_SAMPLES * n_outputs * sizeof *answers);
  expect(samples != NULL && answers != NULL, "memory");
  n = read_samples(samples, n_features);
  for (k = 0; k < n; ++k) {
    learn_rt_predict(client, samples + k * n_features, PATIENCE_NS, NULL, &prediction);
    expect(prediction.sequence == k && prediction.n_outputs == n_outputs, "the answer to this sample");
    expect((prediction.flags & LEARN_RT_BY_POLICY) == 0, "the model's own answer");
    expect(prediction.version == 1, "its version");
    memcpy(answers + k * n_outputs, prediction.values, n_outputs * sizeof *answers);
    for (i = 0; i < n_outputs; ++i) printf("%.9g ", (double)prediction.values[i]);
    printf("%" PRIu32 "\n", prediction.flags);
  }
  learn_rt_read_stats(client, &stats);
  expect(stats.pushed == n && stats.answered == n && stats.missed == 0, "every sample answered");
  expect(learn_rt_last_error(client, text, sizeof text) == 0 && text[0] == '\0', "no error");
  expect(learn_rt_dump(client, "test", text, sizeof text) == 0 && strstr(text, "nothing is recorded") != NULL,
         "no recording");
  learn_rt_close(client);
  check_ahead(argv[1], argv[2], samples, n, answers);
  check_fault(argv[1], argv[2], samples);
  free(samples);
  free(answers);
  return 0;
}
