/* The tiny transformers of tests/golden/models.json, whose weights and tokens are derived from
 * integers as tests/golden/make_transformer.py derives them. */
#ifndef LM_TESTS_SUPPORT_TRANSFORMER_H
#define LM_TESTS_SUPPORT_TRANSFORMER_H

#include "model/model.h"

typedef struct transformer_case {
    char name[32]; /* "": behind the last case */
    int64_t batch;
    lm_model_options o; /* resolved */
} transformer_case;
enum { TRANSFORMERS_MOST = 32 };

/*     for (const transformer_case *c = transformer_cases(); *c->name; c++) ...
 * Read on the first call; fails the test when that fails. */
const transformer_case *transformer_cases(void);
const transformer_case *transformer_named(const char *name);
/* GPT-2 of 124M parameters, with 50304 tokens; to be resolved. */
lm_model_options transformer_gpt2_124m(void);

/* Runs a cmocka group of one test per case, each with layers_compute and its case as the state;
 * returns what main returns. */
int transformer_run_tests(const char *group, void (*test)(void **state));

/* Passes of up to `batch` windows, and in training eight of them per gradient. */
lm_model_use transformer_use(int64_t batch, bool training);
/* Made for that. Fails the test
 * when it cannot be had. Dropout is seeded as the golden files are. */
lm_model *transformer_create(const lm_model_options *o, int64_t batch, bool training,
                             lm_compute *compute);
void transformer_fill(lm_model *m);
/* [batch, time+1] for any batch and time; row b is the same whatever the batch. */
void transformer_tokens(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                        int64_t vocab);
/* The `count` tokens behind each of those rows, [batch, count]. */
void transformer_tokens_behind(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                               int64_t count, int64_t vocab);

#endif
