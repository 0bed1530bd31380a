/* Tiny transformers whose weights and tokens are derived from integers, as
 * tests/golden/make_transformer.py derives them. */
#ifndef LM_TESTS_SUPPORT_TRANSFORMER_H
#define LM_TESTS_SUPPORT_TRANSFORMER_H

#include "model/model.h"

typedef struct transformer_case {
    const char *name;
    int64_t batch;
    lm_model_options o; /* before lm_model_resolve */
} transformer_case;
enum { TRANSFORMERS = 12 };
extern const transformer_case transformer_cases[TRANSFORMERS];

/* Resolved. */
lm_model_options transformer_options(const transformer_case *c);
/* Fails the test when it cannot be had. Dropout is seeded as the golden files are. */
lm_model *transformer_create(const lm_model_options *o, int64_t batch, bool training,
                             lm_compute *compute);
void transformer_fill(lm_model *m);
/* [batch, time+1] for any batch and time; row b is the same whatever the batch. */
void transformer_tokens(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                        int64_t vocab);

#endif
