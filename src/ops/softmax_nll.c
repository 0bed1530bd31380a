#include "ops/softmax_nll.h"

#include <math.h>
#include <stdbool.h>

#include "base/elementary.h"
#include "base/error.h"
#include "ops/gemm.h"

/* A block holds about BLOCK_LOGITS logits (4 MB: they stay in the outer cache), but at least
 * MIN_TOKENS tokens, because each block reads all of W and dW: at V = 50304, C = 768 that is
 * 0.6 GB of memory traffic against 59 GFLOP. */
enum { BLOCK_LOGITS = 1 << 20, MIN_TOKENS = 256 };
/* Rows of the vocabulary, and tokens, per softmax task. CHUNK_ROWS is part of the arithmetic (each
 * chunk has its own sum); it bounds the length of a chain of additions. */
enum { CHUNK_ROWS = 512, CHUNK_TOKENS = 128 };

static int64_t most_tokens(int64_t vocab) {
    return lm_max(BLOCK_LOGITS / vocab, MIN_TOKENS);
}

/* Tokens per block at most: blocks as equal as possible, in whole cache lines. */
static int64_t block_length(int64_t tokens, int64_t vocab) {
    int64_t blocks = lm_max(lm_divide_up(tokens, most_tokens(vocab)), 1);
    return lm_round_up(lm_divide_up(tokens, blocks), 16);
}

typedef struct job {
    const lm_kernels *kernels;
    const lm_softmax_nll *s;
    int64_t length;         /* n: row stride of logits and of the sums */
    int64_t tokens;         /* of this block, <= n */
    int64_t chunks;         /* of the vocabulary */
    float *logits;          /* [V, n]: one column per token */
    float *max;             /* [chunks, n] */
    float *sum;             /* [chunks, n] */
    float *total;           /* [chunks, n]: sums of the logits, with label smoothing */
    float *picked;          /* [n]: logit of the target */
    float *scale;           /* [n]: grad_scale / sum */
    float *xs;              /* [n, C]: x rows times scale */
    const int32_t *targets; /* [tokens] of this block */
    lm_array x;             /* [tokens, C] of this block */
    int64_t left;           /* tokens from this block's first to its window's end */
    bool dw_begins;         /* with this block */
    float *dx;
} job;

/* The workspace of blocks of `length` tokens. */
static void take_pieces(job *j, lm_arena *block, int64_t length, int64_t channels, int64_t vocab) {
    j->length = length;
    j->chunks = lm_divide_up(vocab, CHUNK_ROWS);
    j->logits = lm_arena_array(block, vocab, length, sizeof(float));
    j->max = lm_arena_array(block, j->chunks, length, sizeof(float));
    j->sum = lm_arena_array(block, j->chunks, length, sizeof(float));
    j->total = lm_arena_array(block, j->chunks, length, sizeof(float));
    j->picked = lm_arena_floats(block, length);
    j->scale = lm_arena_floats(block, length);
    j->xs = lm_arena_array(block, length, channels, sizeof(float));
}

static int64_t chunk_rows(const job *j, int64_t chunk) {
    return lm_min(j->s->vocab - chunk * CHUNK_ROWS, CHUNK_ROWS);
}

static int64_t column_tasks(const job *j) {
    return lm_divide_up(j->tokens, CHUNK_TOKENS);
}

/* One chunk of vocabulary and tokens: task = chunk * column_tasks + column. */
typedef struct piece {
    int64_t rows, n; /* n tokens */
    float *logits, *max, *sum, *total;
} piece;

static piece piece_of(const job *j, int64_t task) {
    int64_t chunk = task / column_tasks(j), column = task % column_tasks(j) * CHUNK_TOKENS;
    return (piece){.rows = chunk_rows(j, chunk),
                   .n = lm_min(j->tokens - column, CHUNK_TOKENS),
                   .logits = j->logits + chunk * CHUNK_ROWS * j->length + column,
                   .max = j->max + chunk * j->length + column,
                   .sum = j->sum + chunk * j->length + column,
                   .total = j->total + chunk * j->length + column};
}

/* Soft cap and sums of the logits where the options ask for them, and their maximum. */
static void max_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    piece p = piece_of(j, task);
    (void)worker;
    float cap = j->s->softcap;
    for (int64_t i = 0; i < p.rows && cap > 0; i++)
        j->kernels->softcap_f32(p.n, 1.0f / cap, cap, p.logits + i * j->length, NULL);
    if (j->s->label_smoothing > 0) {
        for (int64_t i = 0; i < p.n; i++) p.total[i] = 0.0f;
        j->kernels->sum_rows_f32(p.rows, p.n, p.logits, j->length, p.total);
    }
    for (int64_t i = 0; i < p.n; i++) p.max[i] = -INFINITY;
    j->kernels->column_max_f32(p.rows, p.n, p.logits, j->length, p.max);
}

/* Whether the gradient needs more of the logits than their exponentials. */
static bool keeps_logits(const job *j) {
    return j->dx && (j->s->softcap > 0 || j->s->label_smoothing > 0 || j->s->z_loss > 0);
}

/* exp(logit - max) and its sum, in place unless the gradient still needs the logits. The first
 * chunk's row of `max` holds the maximum of all chunks. */
static void exp_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    piece p = piece_of(j, task);
    (void)worker;
    for (int64_t i = 0; i < p.n; i++) p.sum[i] = 0.0f;
    const float *max = j->max + task % column_tasks(j) * CHUNK_TOKENS;
    if (keeps_logits(j))
        j->kernels->column_add_exp_f32(p.rows, p.n, p.logits, j->length, max, p.sum);
    else
        j->kernels->column_exp_in_place_f32(p.rows, p.n, p.logits, j->length, max, p.sum);
}

/* The logit of each token's target, before exp overwrites it. */
static void pick_targets(const job *j) {
    for (int64_t t = 0; t < j->tokens; t++) {
        LM_ASSERT(j->targets[t] >= 0 && j->targets[t] < j->s->vocab);
        j->picked[t] = j->logits[j->targets[t] * j->length + t];
    }
}

/* What label smoothing and z-loss add to the loss. */
static double more_loss(const job *j, int64_t t, double lse) {
    double smoothing = (double)j->s->label_smoothing, z = (double)j->s->z_loss, loss = 0;
    if (smoothing > 0)
        loss += smoothing * ((double)j->picked[t] - (double)j->total[t] / (double)j->s->vocab);
    return loss + z * lse * lse;
}

/* The losses, and the factors of the gradient: with e_v = exp(logit_v - max),
 *     dlogit_v = grad_scale (e_v / sum - [v = target]) = scale (e_v - sum [v = target])
 * with scale = grad_scale / sum. x and dx are multiplied by scale, as they are far smaller than e.
 * Where the logits are kept, gradient_task computes dlogit whole; with z-loss its first term is
 * grad_scale (1 + 2 z lse) / sum e_v. */
static void finish_tokens(const job *j, float *loss) {
    bool kept = keeps_logits(j), more = j->s->label_smoothing > 0 || j->s->z_loss > 0;
    for (int64_t t = 0; t < j->tokens; t++) {
        float sum = j->sum[t], log_sum = (float)lm_log((double)sum);
        double lse = (double)log_sum + (double)j->max[t];
        loss[t] = log_sum + j->max[t] - j->picked[t];
        if (more) loss[t] = (float)((double)loss[t] + more_loss(j, t, lse));
        j->scale[t] = j->s->grad_scale / sum;
        if (kept)
            j->scale[t] *= (float)(1.0 + 2.0 * (double)j->s->z_loss * lse);
        else
            j->logits[j->targets[t] * j->length + t] -= sum;
    }
}

/* The kept logits become their gradient, all factors included: with slope that of the soft cap,
 *     dlogit_v = (scale e_v - grad_scale (e / V + (1 - e) [v = target])) slope_v */
static void gradient_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_softmax_nll *s = j->s;
    piece p = piece_of(j, task);
    int64_t first = task / column_tasks(j) * CHUNK_ROWS;
    int64_t column = task % column_tasks(j) * CHUNK_TOKENS;
    float inv_cap = s->softcap > 0 ? 1.0f / s->softcap : 0.0f;
    float uniform = s->grad_scale * s->label_smoothing / (float)s->vocab;
    (void)worker;
    j->kernels->column_gradient_f32(p.rows, p.n, p.logits, j->length, j->max + column,
                                    j->scale + column, uniform, inv_cap);
    for (int64_t i = 0; i < p.n; i++) {
        int64_t row = j->targets[column + i] - first;
        float bent = j->picked[column + i] * inv_cap;
        if (row < 0 || row >= p.rows) continue;
        p.logits[row * j->length + i] -=
            s->grad_scale * (1.0f - s->label_smoothing) * (1.0f - bent * bent);
    }
}

enum { SCALE_TOKENS = 16 };

static void scale_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t c = j->s->channels, end = (task + 1) * SCALE_TOKENS;
    (void)worker;
    for (int64_t t = task * SCALE_TOKENS; t < end && t < j->tokens; t++) {
        float *to = j->xs + t * c;
        const float *x = lm_array_widen(j->kernels, c, lm_array_from(j->x, t * c), to);
        lm_array_store(j->kernels, c, x, lm_array_f32(to));
        j->kernels->scale_f32(c, j->scale[t], to);
    }
}

static void scale_dx(void *argument, const lm_gemm_block *b) {
    const job *j = argument;
    j->kernels->scale_rows_f32(b->m1 - b->m0, b->n1 - b->n0, j->scale + b->m0, b->c, b->c_row);
}

static void gradients(const lm_compute *compute, job *j) {
    const lm_softmax_nll *s = j->s;
    int64_t c = s->channels, n = j->length;
    bool kept = keeps_logits(j);
    if (kept)
        lm_pool_run(compute->pool, j->chunks * column_tasks(j), gradient_task, j);
    else
        lm_pool_run(compute->pool, lm_divide_up(j->tokens, SCALE_TOKENS), scale_task, j);
    lm_gemm dx = {.m = j->tokens,
                  .n = c,
                  .k = s->vocab,
                  .a = lm_array_f32(j->logits),
                  .a_row = 1,
                  .a_col = n,
                  .b = lm_array_f32(s->w),
                  .b_row = c,
                  .b_col = 1,
                  .c = j->dx,
                  .c_row = c,
                  .finish = kept ? NULL : scale_dx,
                  .argument = j};
    lm_gemm_multiply(compute, &dx);
    lm_gemm dw = {.m = s->vocab,
                  .n = c,
                  .k = j->tokens,
                  .a = lm_array_f32(j->logits),
                  .a_row = n,
                  .a_col = 1,
                  .b = kept ? j->x : lm_array_f32(j->xs),
                  .b_row = c,
                  .b_col = 1,
                  .k_part = s->window,
                  .k_first = j->left,
                  .init = j->dw_begins ? NULL : s->dw,
                  .init_row = c,
                  .c = s->dw,
                  .c_row = c};
    lm_gemm_multiply(compute, &dw);
}

static void run_block(const lm_compute *compute, job *j, float *loss) {
    const lm_softmax_nll *s = j->s;
    lm_gemm logits = {.m = s->vocab,
                      .n = j->tokens,
                      .k = s->channels,
                      .a = lm_array_f32(s->w),
                      .a_row = s->channels,
                      .a_col = 1,
                      .b = j->x,
                      .b_row = 1,
                      .b_col = s->channels,
                      .c = j->logits,
                      .c_row = j->length};
    lm_gemm_multiply(compute, &logits);

    int64_t tasks = j->chunks * column_tasks(j);
    lm_pool_run(compute->pool, tasks, max_task, j);
    for (int64_t chunk = 1; chunk < j->chunks; chunk++)
        j->kernels->column_max_f32(1, j->tokens, j->max + chunk * j->length, j->length, j->max);
    if (s->label_smoothing > 0)
        j->kernels->sum_rows_f32(j->chunks - 1, j->tokens, j->total + j->length, j->length,
                                 j->total);
    pick_targets(j);
    lm_pool_run(compute->pool, tasks, exp_task, j);
    j->kernels->sum_rows_f32(j->chunks - 1, j->tokens, j->sum + j->length, j->length, j->sum);
    finish_tokens(j, loss);
    if (j->dx) gradients(compute, j);
}

/* How many tokens the block at t has: an odd number before its end in a window of odd length would
 * part a pair of tokens, which then goes to the next block whole. */
static int64_t tokens_from(const job *j, int64_t t) {
    int64_t tokens = lm_min(j->s->tokens - t, j->length), after = tokens - j->left;
    if (tokens == j->s->tokens - t) return tokens;
    int64_t odd = (after < 0 ? tokens : after % j->s->window) % 2;
    return tokens - odd;
}

void lm_softmax_nll_f32(const lm_compute *compute, const lm_softmax_nll *s) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_LOSS_HEAD);
    job j = {.kernels = compute->kernels, .s = s};
    LM_ASSERT(!s->dx == !s->dw);
    lm_arena block =
        lm_arena_over(s->block, lm_softmax_nll_block_bytes(s->tokens, s->channels, s->vocab));
    take_pieces(&j, &block, block_length(s->tokens, s->vocab), s->channels, s->vocab);
    for (int64_t t = 0; t < s->tokens; t += j.tokens) {
        j.left = s->window > 0 ? s->window - t % s->window : 0;
        j.tokens = s->window > 0 ? tokens_from(&j, t) : lm_min(s->tokens - t, j.length);
        j.x = lm_array_from(s->x, t * s->channels);
        j.dx = s->dx ? s->dx + t * s->channels : NULL;
        j.dw_begins = s->dw_begins && t == 0;
        j.targets = s->targets + t;
        run_block(compute, &j, s->loss + t);
    }
    lm_phase_leave(compute->phases, before);
}

size_t lm_softmax_nll_block_bytes(int64_t tokens, int64_t channels, int64_t vocab) {
    job j;
    lm_arena measure = lm_arena_measuring();
    /* a block of fewer tokens may be longer than one of more */
    int64_t length = lm_round_up(lm_min(tokens, most_tokens(vocab)), 16);
    take_pieces(&j, &measure, length, channels, vocab);
    return measure.used;
}
