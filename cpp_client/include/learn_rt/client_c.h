/* The client for hosts in C: firmware hosts, motion planners, other languages (docs/firmware-hosts.md).
 *
 * It is learn_rt/client.h behind an opaque handle: nothing throws, what went wrong is text in a buffer of the caller's.
 * One thread at a time uses a client; what "any thread" says may run beside it. A call that never blocks takes no lock
 * and no memory, and makes no system call but one to wake a sleeper (none with LEARN_RT_WAIT_SPIN). */
#ifndef LEARN_RT_CLIENT_C_H
#define LEARN_RT_CLIENT_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct learn_rt_client learn_rt_client;

/* What is handed out when the model's answer is not there in time. */
enum {
  LEARN_RT_ON_MISS_HOLD = 0,    /* the last value */
  LEARN_RT_ON_MISS_ZERO = 1,    /* 0 */
  LEARN_RT_ON_MISS_NOMINAL = 2, /* the values given with the call, or else the spec's */
  LEARN_RT_ON_MISS_FALLBACK = 3 /* the answer of `fallback_model` */
};

/* When the stream goes on with another version of the model, once that is the server's stable one (docs/versions.md).
 */
enum {
  LEARN_RT_SWAP_PINNED = 0,   /* never */
  LEARN_RT_SWAP_NOW = 1,      /* between two samples */
  LEARN_RT_SWAP_AT_REST = 2,  /* when the samples have stood still for a whole window */
  LEARN_RT_SWAP_CROSSFADE = 3 /* over `crossfade_s` */
};

/* How predict waits, and over shared memory the server too. */
enum { LEARN_RT_WAIT_SLEEP = 0, LEARN_RT_WAIT_DOZE = 1, LEARN_RT_WAIT_SPIN = 2 };

/* What becomes of a value of a sample that is not fit (learn_rt::OnInput). */
enum { LEARN_RT_INPUT_PASS = 0, LEARN_RT_INPUT_HOLD = 1, LEARN_RT_INPUT_CLAMP = 2, LEARN_RT_INPUT_MISS = 3 };

/* Bits of learn_rt_prediction.flags. */
#define LEARN_RT_WARMING_UP 0x1u           /* the window is not full: the nominal value */
#define LEARN_RT_OUT_OF_TRAINED_RANGE 0x2u /* a signal is outside what training saw */
#define LEARN_RT_LIMITED 0x4u              /* the envelope changed the value */
#define LEARN_RT_REFUSED 0x8u              /* the model refused the sample: its window starts empty again */
#define LEARN_RT_LATE 0x10u                /* no answer in time */
#define LEARN_RT_DISCONNECTED 0x20u        /* no stream */
#define LEARN_RT_FAULT 0x10000u            /* a fault is latched, until learn_rt_clear_fault() */
#define LEARN_RT_UNFIT 0x20000u            /* a value of the sample was not fit */
#define LEARN_RT_REPLACED 0x40000u         /* a value of the sample was not fit, another stood in for it */
/* With one of these, the policy gave the values and not the model. */
#define LEARN_RT_BY_POLICY (LEARN_RT_LATE | LEARN_RT_DISCONNECTED | LEARN_RT_FAULT | LEARN_RT_UNFIT)

/* For one input signal; `signal` NULL: for every input that has none of its own. */
typedef struct {
  const char* signal;
  int not_finite, out_of_range, stale; /* LEARN_RT_INPUT_... */
  double stale_s, hold_s;
} learn_rt_input_policy;

/* Bounds of one output that are narrower than the spec's. */
typedef struct {
  const char* output;
  double value, rate, second;
} learn_rt_envelope;

/* To be filled by learn_rt_options_init() first: its `size` tells how much of it the caller knows. */
typedef struct {
  size_t size;
  const char* version;         /* a number or a label */
  int swap;                    /* LEARN_RT_SWAP_...; with another than PINNED, `version` must be a label */
  double crossfade_s;          /* of LEARN_RT_SWAP_CROSSFADE: above 0, to 60 */
  const char* const* failover; /* further addresses, tried in order */
  size_t n_failover;
  int on_miss;                /* LEARN_RT_ON_MISS_... */
  const char* fallback_model; /* a version folder; NULL: none */
  size_t fault_after;         /* misses in a row, after which the fault latches; 0: never */
  const learn_rt_input_policy* inputs;
  size_t n_inputs;
  const learn_rt_envelope* envelope;
  size_t n_envelope;
  double lead_s;     /* how far ahead of its tick a sample is pushed */
  size_t capacity;   /* samples and answers that can wait */
  const float* rest; /* a sample taken to have stood for ever before the first one; NULL: a cold start */
  size_t n_rest;
  const char* contract_hash; /* NULL: the served model's */
  double connect_timeout_s;
  int wait;                                             /* LEARN_RT_WAIT_... */
  int io_cpu;                                           /* that the I/O thread is pinned to; -1: any */
  const char *tls_ca, *tls_cert, *tls_key, *token_file; /* docs/security.md; NULL: none */
  const char* record;                                   /* a folder for recordings (docs/recording.md); NULL: none */
  double record_s;
} learn_rt_options;

typedef struct {
  uint64_t sequence; /* of the sample that it answers, from 0 */
  uint32_t flags;
  uint32_t n_outputs;
  int64_t version;     /* of the model that gave the values; 0: the policy did, or it is not known */
  int64_t latency_ns;  /* push to the answer's arrival; of predict, to its return */
  const float* values; /* n_outputs values, the client's: copy what is to outlast its next call */
} learn_rt_prediction;

typedef struct {
  uint64_t pushed, answered, missed, late, overruns, reconnects, duplicated, disordered, garbled, replaced, faults;
} learn_rt_stats;

/* Writes the defaults. */
void learn_rt_options_init(learn_rt_options* options);

/* Connects to `model` at `address` (inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT, shm:NAME);
 * `options` NULL: the defaults. NULL when that fails, with the cause in `error` (cut to `error_size`, always ended by a
 * zero; may be NULL). Blocks. */
learn_rt_client* learn_rt_open(const char* address, const char* model, const learn_rt_options* options, char* error,
                               size_t error_size);
/* Ends the stream; NULL is taken. Blocks. */
void learn_rt_close(learn_rt_client* client);

/* Never blocks. Takes a sample of learn_rt_n_features() values; 0 when the ring is full. */
int learn_rt_push(learn_rt_client* client, const float* sample);
/* Never blocks. Takes the oldest answer out; 0 when there is none. */
int learn_rt_pop(learn_rt_client* client, learn_rt_prediction* prediction);
/* Returns within `deadline_ns`, always: the answer to the sample, or the policy's. With a lead, the sample is the plan
 * for learn_rt_lead_ticks() ticks from now, and the answer that for now. `nominal`: learn_rt_n_outputs() values, or
 * NULL. */
void learn_rt_predict(learn_rt_client* client, const float* sample, int64_t deadline_ns, const float* nominal,
                      learn_rt_prediction* prediction);
/* Never blocks. The newest answer, or the policy's when a sample was pushed and none came. Once a tick. */
void learn_rt_latest(learn_rt_client* client, learn_rt_prediction* prediction);
/* Never blocks. The answer to the sample of this number if it is there, or the policy's. Once a tick, rising. */
void learn_rt_due(learn_rt_client* client, uint64_t sequence, const float* nominal, learn_rt_prediction* prediction);
/* Never blocks. Pushes the last sample `preview` times more; 0 when there is no room, or no sample yet. */
int learn_rt_flush(learn_rt_client* client);
/* Never blocks. Ends a latched fault. */
void learn_rt_clear_fault(learn_rt_client* client);
/* Never blocks. Brings what the next predict needs back into the caches, in about a microsecond: for a loop that polls
 * the clock, shortly before its tick. */
void learn_rt_rehearse(learn_rt_client* client);

/* Any thread. */
int learn_rt_fault(const learn_rt_client* client); /* 1: a fault is latched */
void learn_rt_read_stats(const learn_rt_client* client, learn_rt_stats* stats);
size_t learn_rt_n_features(const learn_rt_client* client);
size_t learn_rt_n_outputs(const learn_rt_client* client);
size_t learn_rt_preview(const learn_rt_client* client);
size_t learn_rt_lead_ticks(const learn_rt_client* client);
double learn_rt_dt_s(const learn_rt_client* client);
/* spec.json, as long as the client lives. */
const char* learn_rt_spec_json(const learn_rt_client* client);
/* Any thread but the control thread: they take a lock and memory. Why the stream is down, or an empty text; and the
 * address in use. Return the length of the whole text, of which `size` - 1 characters at most are written. */
size_t learn_rt_last_error(const learn_rt_client* client, char* text, size_t size);
size_t learn_rt_endpoint(const learn_rt_client* client, char* text, size_t size);
/* Any thread but the control thread: it blocks. Writes what is kept of the stream to a file in `record`, and its path
 * to `path`; 0 when that fails, and then the cause. */
int learn_rt_dump(learn_rt_client* client, const char* reason, char* path, size_t size);

#ifdef __cplusplus
}
#endif

#endif
