/* N-gram tables: the last k tokens together have a row of a table of their own, which is added to
 * the embedding of the last one. That costs no products, and what counting n-grams knows need not
 * be learned by matrices (bigram embeddings of modded-nanogpt's records; Clark et al. 2022 and Roy
 * et al. 2022 for larger models).
 *
 * With c_0 the token, c_1 the one before it and so on, where V stands for a token before the window
 * or before the document, the k tokens are one of
 *
 *     n(k) = V (V+1)^(k-1),  number  c_0 + V (c_1 + (V+1) (c_2 + (V+1) (c_3 + ...)))
 *
 * A table of n(k) rows has a row for each: that number. A smaller one hashes: from h = 0, for each
 * of c_0, c_1, ..., c_{k-1} in this order, in 64 bits without sign,
 *
 *     h <- (h + c + 1) * 0x9E3779B97F4A7C15,  h <- h XOR (h >> 32)
 *
 * and the row is (h >> 32) * rows >> 32. N-grams of one row share it. */
#ifndef LM_NN_NGRAM_H
#define LM_NN_NGRAM_H

#include <stdbool.h>

#include "ops/compute.h"
#include "ops/lines.h"

enum { LM_NGRAM_TABLES_MOST = 8, LM_NGRAM_ORDER_LEAST = 2, LM_NGRAM_ORDER_MOST = 16 };

typedef struct lm_ngram_table {
    int64_t order; /* k */
    int64_t rows;  /* < 2^31 */
} lm_ngram_table;

/* n(k); -1: it is 2^31 or more. */
int64_t lm_ngram_count(int64_t vocab, int64_t order);
/* The table's rows with so many tokens: n(k) where it gives none (0), and no more than n(k). 0: it
 * gives none, and n(k) is 2^31 or more. */
int64_t lm_ngram_fit(const lm_ngram_table *t, int64_t vocab);

/* Rows of a token, which has `before` tokens in front of it: newest[0] is the token, newest[-1] the
 * one before it, down to newest[-before]. out[k * stride] overwritten with the row in tables[k];
 * orders rise. */
void lm_ngram_rows(const lm_ngram_table *tables, int64_t n, int64_t vocab, const int32_t *newest,
                   int64_t before, int32_t *out, int64_t stride);

/* The tables at work, for `tokens` tokens. */
typedef struct lm_ngram {
    int64_t tokens, channels, n;              /* B*T, C, tables */
    const int32_t *rows;                      /* [n, B*T] */
    const float *w[LM_NGRAM_TABLES_MOST];     /* [rows, C] each */
    float *dw[LM_NGRAM_TABLES_MOST];          /* backward: [rows, C] each */
    lm_line_set *lines[LM_NGRAM_TABLES_MOST]; /* backward: receive the rows that occur */
} lm_ngram;

/* y [B*T, C] += the tokens' rows, tables in rising order. */
void lm_ngram_forward(const lm_compute *compute, const lm_ngram *g, float *y);
/* dw[k][row of token i] += dy[i], tokens in rising order: each element is one chain over the
 * tokens, to which further calls add. Adds the rows to `lines`. */
void lm_ngram_backward(const lm_compute *compute, const lm_ngram *g, const float *dy);
/* x [lines of the set, C]: the lines in the set become 0. */
void lm_ngram_clear(const lm_compute *compute, lm_line_set *set, int64_t channels, float *x);

#endif
