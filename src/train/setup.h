/* What every training run starts from: the config made whole, the corpora open and checked, and the
 * plan of memory, arithmetic and disk, before anything large is allocated. */
#ifndef LM_TRAIN_SETUP_H
#define LM_TRAIN_SETUP_H

#include "comm/comm.h"
#include "config/config.h"
#include "data/skips.h"
#include "data/sources.h"
#include "dist/traffic.h"
#include "model/model.h"
#include "report/summary.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_train_plan {
    lm_model_plan model;
    /* Bytes of memory, beside the model's: */
    uint64_t optimizer;               /* states */
    lm_optimizer_work optimizer_work; /* of a step, beside updates by element */
    uint64_t gaps;     /* of the weights, those whose average is kept in the optimizer's states */
    uint64_t average;  /* of the others */
    uint64_t lanes;    /* gradients of lanes that wait for others */
    uint64_t exchange; /* what arrives from other processes */
    uint64_t layers;   /* weights as they were before the step, for log.layers_every */
    uint64_t batch;    /* tokens of a micro-batch, losses of the batch */
    uint64_t saving;   /* while a checkpoint is written */
    uint64_t memory;   /* all of these and the model's */
    /* Bytes of disk, at most: */
    uint64_t checkpoint; /* one */
    uint64_t disk;       /* all that are kept, and the one being written */
    int64_t micro_batch; /* windows computed at once, at most, in each of the lanes abreast */
    int64_t abreast;     /* lanes computed at once, each by one thread; 1: one, by all threads */
    int64_t step_tokens; /* train.batch * context_length: of a step, at most */
    double tokens;       /* of the whole run */
    double samples;      /* windows of the whole run (lm_pace_windows) */
    bool overflow;       /* some figure does not fit: refused */
} lm_train_plan;

typedef struct lm_setup {
    lm_config *config; /* model resolved */
    lm_comm *comm;     /* the processes that share the run; NULL: this one alone */
    int ranks, rank;   /* of that, or 1, 0; the plan may be that of others (train/forecast.c) */
    bool in_turn;      /* lanes are computed one after another, as in several processes */
    lm_kernels kernels;
    int threads;
    int threads_asked;         /* by OMP_NUM_THREADS, which lowered the number to it; 0: not so */
    lm_sources train;          /* a mixture */
    lm_sources val;            /* empty: no validation */
    bool keep;                 /* lm_model_use.keep; set after opening */
    lm_skips skips;            /* windows of train that the run passes over */
    char tokenizer[64];        /* the name of its kind; "" when not known */
    uint64_t tokenizer_digest; /* of its file; 0: it has none */
    lm_text tokenizer_file;    /* that file: a member of each checkpoint */
    lm_text kept;              /* what came in with run.init_from: a member of each, interop.json */
    lm_tokenizer *tokens_of;   /* the tokenizer itself; NULL: not known */
    double bytes_per_token;    /* of the first validation set; 0 when not known */
    lm_train_plan plan;
} lm_setup;

/* With run.init_from: opens what that names (a checkpoint, a run, a model of another program)
 * into *from and takes keys of the model that the config leaves out from it (lm_config_inherit);
 * without, *from is closed. A run to be resumed that has a resolved.json takes them from there.
 * *said receives lines: checkpoints passed over, keys that differ. */
lm_status lm_setup_inherit(lm_config *config, bool resume, lm_saved *from, lm_text *said,
                           lm_error *err);
/* After opening: takes the tokenizer from there when the data does not say it, and what is kept. */
lm_status lm_setup_adopt(lm_setup *s, const lm_saved *from, lm_error *err);

/* Opens and validates the corpora, takes vocab_size from the manifest when the config leaves it
 * out, resolves the model and makes the plan. threads 0: as many as run.threads says; when that is
 * 0 too, lm_cpu_threads. A long check of the corpora says on stderr how far it is, unless quiet. */
lm_status lm_setup_open(lm_setup *s, lm_config *config, int threads, lm_isa_mask isas, bool quiet,
                        lm_error *err);
/* The same for one of several processes: threads that are left open are its share of those CPUs
 * that it may use together with others, and the plan is that of its part. */
lm_status lm_setup_open_shared(lm_setup *s, lm_comm *comm, lm_config *config, int threads,
                               lm_isa_mask isas, bool quiet, lm_error *err);
void lm_setup_close(lm_setup *s); /* zero-initialised or twice is fine */

/* The run that is resumed has data.offsets of this value, and the config does not say otherwise. */
lm_status lm_setup_take_offsets(lm_setup *s, bool offsets, lm_error *err);

/* Fills in what a config leaves to its data (data.tokenizer, model.vocab_size) and to other keys of
 * the model. When that fails, what does not depend on the data is filled in all the same. */
lm_status lm_setup_resolve(lm_config *config, lm_error *err);

/* Appends a line for each corpus of which something is not used (lm_sampler_print_unused), and one
 * for data.skip. */
void lm_setup_print_unused(const lm_setup *s, lm_text *out);

/* Appends a line ("warning: ...") for each thing that is allowed but that hardly anyone means. */
void lm_setup_warnings(const lm_setup *s, lm_text *out);

/* ---- the plan ---------------------------------------------------------------------------------*/

/* Fills s->plan, for an open corpus and a resolved model. With train.micro_batch = 0, its
 * micro-batch is the largest that fits the memory, up to so many tokens that more at once are no
 * faster. */
lm_status lm_setup_plan(lm_setup *s, lm_error *err);
/* What the run's model is made for, with so many windows computed at once. */
lm_model_use lm_setup_model_use(const lm_setup *s, int64_t micro_batch);
/* The arrays of a step's windows, from an arena that measures too. micro_batch: of all lanes
 * abreast. */
typedef struct lm_setup_batch {
    int32_t *tokens;      /* [micro_batch, context_length + 1] */
    int32_t *behind;      /* [micro_batch, model.multi_token.count]: the tokens that follow; NULL:
                             they are no targets */
    double *losses;       /* [train.batch]: of the windows */
    uint64_t *digests;    /* the same */
    double *lane_squares; /* [train.lanes]: squared norms of the lanes' gradients; NULL: not taken
                             (train.noise_scale) */
} lm_setup_batch;
lm_setup_batch lm_setup_take_batch(const lm_setup *s, int64_t micro_batch, lm_arena *arena);
/* Refuses a plan that this machine's memory cannot hold, with figures. */
lm_status lm_setup_check_memory(const lm_setup *s, lm_error *err);
/* The same, and one that the run directory's disk cannot hold. */
lm_status lm_setup_check_limits(const lm_setup *s, lm_error *err);
/* The parts of the plan's memory, which add up to it; returns how many there are: the first ones
 * always, and those that the config asks for. */
enum { LM_SETUP_MEMORY_PARTS = 10, LM_SETUP_MEMORY_ALWAYS = 7 };
int lm_setup_memory(const lm_setup *s, lm_summary_memory parts[LM_SETUP_MEMORY_PARTS]);
/* What travels of the model between so many processes. */
lm_traffic_model lm_setup_traffic(const lm_setup *s, int ranks);
/* How so many processes share the lanes, and what they send: lines of the plan. */
void lm_setup_print_ranks(const lm_setup *s, int ranks, lm_text *out);
/* The plan as text, for people. */
void lm_setup_print_plan(const lm_setup *s, lm_text *out);

#endif
