#include "ops/softmax_nll.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/elementary.h"
#include "base/error.h"
#include "ops/gemm.h"

/* A block holds about BLOCK_LOGITS logits (4 MB: they stay in the outer cache), but as each block
 * reads all of W and dW, no fewer than LEAST tokens, and up to MOST where the caller has room: at
 * V = 50304, C = 768 a block moves 0.6 GB of weights and gradients for 0.23 GFLOP a token. */
enum { BLOCK_LOGITS = 1 << 20, LEAST_TOKENS = 256, LEAST_TOKENS_BF16 = 512, MOST_TOKENS = 1024 };
/* Rows of the vocabulary, and tokens, per softmax task: long rows where there are chunks enough for
 * many threads. CHUNK_ROWS is part of the arithmetic (each chunk has its own sum); it bounds the
 * length of a chain of additions. */
enum { CHUNK_ROWS = 512, CHUNK_TOKENS = 128, LONG_TOKENS = 512, MANY_CHUNKS = 32 };

typedef struct job {
    const lm_kernels *kernels;
    const lm_softmax_nll *s;
    bool bf16;
    bool in_place;         /* e takes the place of the logits, at bf16 too */
    int64_t length, slice; /* tokens of a block at most, of a slice of it */
    int64_t chunks;        /* of the vocabulary */
    int64_t columns;       /* tokens of a softmax task */
    float *logits;         /* [V, slice]: one column per token */
    int64_t logits_row;    /* elements from row to row */
    lm_array e;            /* [V, length]: what becomes of them */
    int64_t e_row;
    float *max;    /* [slice] */
    float *sum;    /* [chunks, slice] */
    float *total;  /* [chunks, slice]: sums of the logits, with label smoothing */
    float *picked; /* [slice]: logit of the target */
    float *scale;  /* [length]: grad_scale / sum */
    float *xs;     /* [length, C]: x rows times scale */
    /* the block at hand */
    int64_t first, tokens;
    int64_t left;   /* tokens from the first to its window's end */
    bool dw_begins; /* with this block */
    /* the slice at hand: tokens begin .. begin+n of the block */
    int64_t begin, n;
} job;

/* Elements from one row of n to the next: an odd number of cache lines, so that no column of the
 * matrix keeps to a few sets of a cache. */
static int64_t row_of(int64_t n, size_t element) {
    int64_t line = 64 / (int64_t)element, lines = lm_divide_up(n, line);
    return (lines | 1) * line;
}

/* At bf16, where e does not take the logits' place, a large block's logits are made in two slices,
 * and rounded as soon as they are exponentials: together they take the room of a block at fp32. */
static int64_t slice_of(int64_t length, int64_t vocab) {
    int64_t half = lm_round_up(lm_divide_up(length, 2), 16);
    return lm_min(length, lm_max(half, BLOCK_LOGITS / vocab / 16 * 16));
}

/* Tokens of a softmax task. At bf16 a row of e is the first half of its row of logits, so that a
 * task needs whole rows. */
static int64_t columns_of(const job *j) {
    if (j->chunks < MANY_CHUNKS) return CHUNK_TOKENS;
    return j->bf16 ? j->length : LONG_TOKENS;
}

/* The workspace of blocks of `length` tokens. */
static void take_pieces(job *j, lm_arena *block, int64_t length, int64_t channels, int64_t vocab) {
    j->length = length;
    j->chunks = lm_divide_up(vocab, CHUNK_ROWS);
    j->in_place = !j->bf16 || j->chunks >= MANY_CHUNKS;
    j->slice = j->in_place ? length : slice_of(length, vocab);
    j->columns = columns_of(j);
    j->logits_row = row_of(j->slice, sizeof(float));
    j->logits = lm_arena_array(block, vocab, j->logits_row, sizeof(float));
    j->e = (lm_array){j->logits, j->bf16 ? LM_BF16 : LM_FP32};
    j->e_row = j->bf16 ? 2 * j->logits_row : j->logits_row;
    if (!j->in_place) {
        j->e_row = row_of(length, sizeof(lm_bf16));
        j->e.at = lm_arena_array(block, vocab, j->e_row, sizeof(lm_bf16));
    }
    j->max = lm_arena_floats(block, j->slice);
    j->sum = lm_arena_array(block, j->chunks, j->slice, sizeof(float));
    j->total = lm_arena_array(block, j->chunks, j->slice, sizeof(float));
    j->picked = lm_arena_floats(block, j->slice);
    j->scale = lm_arena_floats(block, length);
    j->xs = lm_arena_array(block, length, channels, sizeof(float));
}

static size_t bytes_of(bool bf16, int64_t length, int64_t channels, int64_t vocab) {
    job j = {.bf16 = bf16};
    lm_arena measure = lm_arena_measuring();
    take_pieces(&j, &measure, length, channels, vocab);
    return measure.used;
}

size_t lm_softmax_nll_block_bytes(lm_precision precision, int64_t tokens, int64_t channels,
                                  int64_t vocab) {
    bool bf16 = precision == LM_BF16;
    int64_t most = lm_max(BLOCK_LOGITS / vocab, bf16 ? LEAST_TOKENS_BF16 : LEAST_TOKENS);
    return bytes_of(bf16, lm_round_up(lm_min(tokens, most), 16), channels, vocab);
}

static int64_t most_tokens(int64_t vocab) {
    return lm_max(BLOCK_LOGITS / vocab, MOST_TOKENS);
}

size_t lm_softmax_nll_most_bytes(lm_precision precision, int64_t tokens, int64_t channels,
                                 int64_t vocab) {
    int64_t length = lm_round_up(lm_min(tokens, most_tokens(vocab)), 16);
    return bytes_of(precision == LM_BF16, length, channels, vocab);
}

/* Tokens per block at most: blocks as equal as possible, in whole cache lines, as long as the
 * workspace allows. */
static int64_t block_length(const lm_softmax_nll *s, bool bf16) {
    int64_t blocks = lm_max(lm_divide_up(s->tokens, most_tokens(s->vocab)), 1);
    for (;; blocks++) {
        int64_t length = lm_round_up(lm_divide_up(s->tokens, blocks), 16);
        if (length <= 16 || bytes_of(bf16, length, s->channels, s->vocab) <= s->block_bytes)
            return length;
    }
}

static int64_t column_tasks(const job *j) {
    return lm_divide_up(j->n, j->columns);
}

/* One chunk of vocabulary and tokens: task = chunk * column_tasks + column. */
typedef struct piece {
    int64_t row, rows;  /* of the vocabulary */
    int64_t column, n;  /* of the slice */
    float *logits;      /* a row's are logits_row apart */
    float *sum, *total; /* [n] */
    lm_array e;         /* bf16: e_row apart */
    const float *max;   /* [n] */
} piece;

static piece piece_of(const job *j, int64_t task) {
    int64_t chunk = task / column_tasks(j), column = task % column_tasks(j) * j->columns;
    int64_t row = chunk * CHUNK_ROWS;
    return (piece){.row = row,
                   .rows = lm_min(j->s->vocab - row, CHUNK_ROWS),
                   .column = column,
                   .n = lm_min(j->n - column, j->columns),
                   .logits = j->logits + row * j->logits_row + column,
                   .sum = j->sum + chunk * j->slice + column,
                   .total = j->total + chunk * j->slice + column,
                   .e = lm_array_from(j->e, row * j->e_row + j->begin + column),
                   .max = j->max + column};
}

/* *m = max(*m, x) of other threads' maxima too: whatever the order, the same. */
static void raise(float *m, float x) {
    uint32_t old, new;
    memcpy(&new, &x, sizeof new);
    _Atomic uint32_t *bits = (_Atomic uint32_t *)(void *)m;
    old = atomic_load_explicit(bits, memory_order_relaxed);
    for (float now;;) {
        memcpy(&now, &old, sizeof now);
        if (now >= x || isnan(now)) return;
        if (atomic_compare_exchange_weak_explicit(bits, &old, new, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
}

/* Soft cap and maximum of a block of logits while it is in cache. */
static void finish_logits(void *argument, const lm_gemm_block *b) {
    const job *j = argument;
    int64_t rows = b->m1 - b->m0;
    float cap = j->s->softcap;
    for (int64_t i = 0; i < rows && cap > 0; i++)
        j->kernels->softcap_f32(b->n1 - b->n0, 1.0f / cap, cap, b->c + i * b->c_row, NULL);
    for (int64_t n0 = b->n0; n0 < b->n1; n0 += LM_GEMM_ROOM) {
        int64_t n = lm_min(b->n1 - n0, LM_GEMM_ROOM);
        for (int64_t i = 0; i < n; i++) b->room[i] = -INFINITY;
        j->kernels->column_max_f32(rows, n, b->c + n0 - b->n0, b->c_row, b->room);
        for (int64_t i = 0; i < n; i++) raise(j->max + n0 + i, b->room[i]);
    }
}

/* With label smoothing: the sums of the logits. */
static void total_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    piece p = piece_of(j, task);
    (void)worker;
    for (int64_t i = 0; i < p.n; i++) p.total[i] = 0.0f;
    j->kernels->sum_rows_f32(p.rows, p.n, p.logits, j->logits_row, p.total);
}

/* Whether the gradient needs more of the logits than their exponentials. */
static bool keeps_logits(const job *j) {
    return j->s->dx && (j->s->softcap > 0 || j->s->label_smoothing > 0 || j->s->z_loss > 0);
}

/* So many exponentials at a time, whole rows, stay in the first-level cache until they are
 * rounded. */
enum { ROUNDED_AT_ONCE = 2 * MOST_TOKENS };

/* exp(logit - max) and its sum, in e unless the gradient still needs the logits. */
static void exp_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_kernels *kernels = j->kernels;
    piece p = piece_of(j, task);
    _Alignas(LM_ALIGNMENT) float room[ROUNDED_AT_ONCE];
    (void)worker;
    for (int64_t i = 0; i < p.n; i++) p.sum[i] = 0.0f;
    if (keeps_logits(j) || !j->s->dx) {
        kernels->column_add_exp_f32(p.rows, p.n, p.logits, j->logits_row, p.max, p.sum);
    } else if (!j->bf16) {
        kernels->column_exp_f32(p.rows, p.n, p.logits, j->logits_row, p.max, p.logits,
                                j->logits_row, p.sum);
    } else {
        for (int64_t i = 0, rows; i < p.rows; i += rows) {
            rows = lm_min(p.rows - i, ROUNDED_AT_ONCE / j->columns);
            lm_bf16 *e = lm_array_from(p.e, i * j->e_row).at;
            kernels->column_exp_f32(rows, p.n, p.logits + i * j->logits_row, j->logits_row, p.max,
                                    room, j->columns, p.sum);
            kernels->bf16_from_f32(rows, p.n, room, j->columns, e, j->e_row);
        }
    }
}

static const int32_t *targets_of(const job *j) {
    return j->s->targets + j->first + j->begin;
}

/* Target i of the slice's tokens, [n]: 0 is the next token, the others are `more`. */
static const int32_t *target_row(const job *j, int64_t i) {
    const lm_softmax_nll *s = j->s;
    return i == 0 ? targets_of(j) : s->more.targets + (i - 1) * s->tokens + j->first + j->begin;
}

/* The logits of those targets, [n]; later their exponentials. */
static float *picked_row(const job *j, int64_t i) {
    const lm_softmax_nll *s = j->s;
    return i == 0 ? j->picked : s->more.logits + (i - 1) * s->tokens + j->first + j->begin;
}

static float target_weight(const job *j, int64_t i) {
    return i == 0 ? 1.0f : j->s->more.weights[i - 1];
}

/* 1 + sum_k w_k, of the targets that the token has. */
static float weights_of(const job *j, int64_t t) {
    float sum = 1.0f;
    for (int64_t i = 1; i <= j->s->more.n; i++)
        if (target_row(j, i)[t] >= 0) sum += target_weight(j, i);
    return sum;
}

/* The logit of each target, before exp overwrites it; of a target that is not there, that of token
 * 0, which nobody reads. */
static void pick_targets(const job *j) {
    for (int64_t i = 0; i <= j->s->more.n; i++) {
        const int32_t *targets = target_row(j, i);
        float *picked = picked_row(j, i);
        for (int64_t t = 0; t < j->n; t++) {
            const int32_t target = i > 0 && targets[t] < 0 ? 0 : targets[t];
            LM_ASSERT(target >= 0 && target < j->s->vocab);
            picked[t] = j->logits[target * j->logits_row + t];
        }
    }
}

/* What label smoothing and z-loss add to the loss. */
static double more_loss(const job *j, int64_t t, double lse) {
    double smoothing = (double)j->s->label_smoothing, z = (double)j->s->z_loss, loss = 0;
    if (smoothing > 0)
        loss += smoothing * ((double)j->picked[t] - (double)j->total[t] / (double)j->s->vocab);
    return loss + z * lse * lse;
}

/* sum_k w_k (lse - logit[y_k]) */
static float loss_of_more(const job *j, int64_t t, float lse) {
    float loss = 0;
    for (int64_t i = 1; i <= j->s->more.n; i++)
        if (target_row(j, i)[t] >= 0) loss += target_weight(j, i) * (lse - picked_row(j, i)[t]);
    return loss;
}

/* The losses, and the factors of the gradient: with e_v = exp(logit_v - max), and w = 1 + sum_k w_k
 * the weights of all targets y_i of the token,
 *     dlogit_v = grad_scale (w e_v / sum - sum_i w_i [v = y_i])
 *              = scale (e_v - sum * sum_i w_i / w [v = y_i])
 * with scale = grad_scale w / sum. x and dx are multiplied by scale, as they are far smaller than
 * e. Where the logits are kept, gradient_task computes dlogit whole; with z-loss its first term is
 * grad_scale (w + 2 z lse) / sum e_v. */
static void finish_tokens(const job *j) {
    bool kept = keeps_logits(j), more = j->s->label_smoothing > 0 || j->s->z_loss > 0;
    float *scale = j->scale + j->begin, *loss = j->s->loss + j->first + j->begin;
    for (int64_t t = 0; t < j->n; t++) {
        float sum = j->sum[t], log_sum = (float)lm_log((double)sum);
        double lse = (double)log_sum + (double)j->max[t];
        loss[t] = log_sum + j->max[t] - j->picked[t];
        if (more) loss[t] = (float)((double)loss[t] + more_loss(j, t, lse));
        if (j->s->more.n > 0)
            j->s->more.loss[j->first + j->begin + t] = loss_of_more(j, t, log_sum + j->max[t]);
        const float weights = weights_of(j, t);
        scale[t] = j->s->grad_scale / sum;
        scale[t] *= kept ? (float)((double)weights + 2.0 * (double)j->s->z_loss * lse) : weights;
    }
}

/* The share of target i in all targets of the token, together with those behind it that are the
 * same one; 0: it is not there, or one before it is the same. */
static float share_of(const job *j, int64_t i, int64_t t) {
    const int32_t target = target_row(j, i)[t];
    float weight = target_weight(j, i);
    if (target < 0) return 0;
    for (int64_t k = 0; k < i; k++)
        if (target_row(j, k)[t] == target) return 0;
    for (int64_t k = i + 1; k <= j->s->more.n; k++)
        if (target_row(j, k)[t] == target) weight += target_weight(j, k);
    return weight / weights_of(j, t);
}

/* e_v - sum * share at the targets v. */
static void subtract_sums(const job *j) {
    float *sums = j->total; /* nobody reads these sums */
    for (int64_t i = 0; i <= j->s->more.n; i++) {
        const int32_t *targets = target_row(j, i);
        float *e = picked_row(j, i);
        if (j->bf16) /* e_v before it was rounded */
            j->kernels->column_exp_f32(1, j->n, e, j->n, j->max, e, j->n, sums);
        for (int64_t t = 0; t < j->n; t++) {
            const float share = share_of(j, i, t);
            if (share == 0) continue;
            int64_t at = targets[t] * j->e_row + j->begin + t;
            if (j->bf16)
                ((lm_bf16 *)j->e.at)[at] = lm_bf16_from_f32(e[t] - share * j->sum[t]);
            else
                ((float *)j->e.at)[at] -= share * j->sum[t];
        }
    }
}

/* e = what became of the logits, which may lie in the same place. */
static void round_rows(const job *j, const piece *p) {
    _Alignas(LM_ALIGNMENT) lm_bf16 room[MOST_TOKENS];
    for (int64_t i = 0; i < p->rows; i++) {
        lm_bf16 *e = lm_array_from(p->e, i * j->e_row).at;
        j->kernels->bf16_from_f32(1, p->n, p->logits + i * j->logits_row, p->n, room, p->n);
        memcpy(e, room, (size_t)p->n * sizeof *e);
    }
}

/* The kept logits become their gradient, all factors included: with slope that of the soft cap,
 *     dlogit_v = (scale e_v - grad_scale (e / V + (1 - e) [v = target] + sum_k w_k [v = y_k]))
 *                slope_v */
static void gradient_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_softmax_nll *s = j->s;
    piece p = piece_of(j, task);
    float inv_cap = s->softcap > 0 ? 1.0f / s->softcap : 0.0f;
    float uniform = s->grad_scale * s->label_smoothing / (float)s->vocab;
    (void)worker;
    j->kernels->column_gradient_f32(p.rows, p.n, p.logits, j->logits_row, p.max,
                                    j->scale + j->begin + p.column, uniform, inv_cap);
    for (int64_t k = 0; k <= s->more.n; k++) {
        const int32_t *targets = target_row(j, k) + p.column;
        const float *picked = picked_row(j, k) + p.column;
        const float weight = k == 0 ? 1.0f - s->label_smoothing : target_weight(j, k);
        for (int64_t i = 0; i < p.n; i++) {
            int64_t row = (int64_t)targets[i] - p.row;
            float bent = picked[i] * inv_cap;
            if (targets[i] < 0 || row < 0 || row >= p.rows) continue;
            p.logits[row * j->logits_row + i] -= s->grad_scale * weight * (1.0f - bent * bent);
        }
    }
    if (j->bf16) round_rows(j, &p);
}

enum { SCALE_TOKENS = 16 };

static void scale_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t c = j->s->channels, end = (task + 1) * SCALE_TOKENS;
    (void)worker;
    for (int64_t t = task * SCALE_TOKENS; t < end && t < j->tokens; t++) {
        float *to = j->xs + t * c;
        const float *x =
            lm_array_widen(j->kernels, c, lm_array_from(j->s->x, (j->first + t) * c), to);
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
    int64_t c = s->channels;
    bool kept = keeps_logits(j);
    if (!kept) lm_pool_run(compute->pool, lm_divide_up(j->tokens, SCALE_TOKENS), scale_task, j);
    lm_gemm dx = {.m = j->tokens,
                  .n = c,
                  .k = s->vocab,
                  .a = j->e,
                  .a_row = 1,
                  .a_col = j->e_row,
                  .b = lm_array_f32(s->w),
                  .b_row = c,
                  .b_col = 1,
                  .c = s->dx + j->first * c,
                  .c_row = c,
                  .finish = kept ? NULL : scale_dx,
                  .argument = j};
    lm_gemm_multiply(compute, &dx);
    lm_gemm dw = {.m = s->vocab,
                  .n = c,
                  .k = j->tokens,
                  .a = j->e,
                  .a_row = j->e_row,
                  .a_col = 1,
                  .b = kept ? lm_array_from(s->x, j->first * c) : lm_array_f32(j->xs),
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

/* Losses of the slice at hand, and e for the gradients. */
static void run_slice(const lm_compute *compute, job *j) {
    const lm_softmax_nll *s = j->s;
    lm_gemm logits = {.m = s->vocab,
                      .n = j->n,
                      .k = s->channels,
                      .a = lm_array_f32(s->w),
                      .a_row = s->channels,
                      .a_col = 1,
                      .b = lm_array_from(s->x, (j->first + j->begin) * s->channels),
                      .b_row = 1,
                      .b_col = s->channels,
                      .c = j->logits,
                      .c_row = j->logits_row,
                      .finish = finish_logits,
                      .argument = j};
    int64_t tasks = j->chunks * column_tasks(j);
    for (int64_t t = 0; t < j->n; t++) j->max[t] = -INFINITY;
    lm_gemm_multiply(compute, &logits);
    if (s->label_smoothing > 0) {
        lm_pool_run(compute->pool, tasks, total_task, j);
        j->kernels->sum_rows_f32(j->chunks - 1, j->n, j->total + j->slice, j->slice, j->total);
    }
    pick_targets(j);
    lm_pool_run(compute->pool, tasks, exp_task, j);
    j->kernels->sum_rows_f32(j->chunks - 1, j->n, j->sum + j->slice, j->slice, j->sum);
    finish_tokens(j);
    if (keeps_logits(j))
        lm_pool_run(compute->pool, tasks, gradient_task, j);
    else if (s->dx)
        subtract_sums(j);
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
    job j = {.kernels = compute->kernels, .s = s, .bf16 = compute->precision == LM_BF16};
    LM_ASSERT(!s->dx == !s->dw && (s->dx || s->more.n == 0));
    LM_ASSERT(s->block_bytes >=
              lm_softmax_nll_block_bytes(compute->precision, s->tokens, s->channels, s->vocab));
    lm_arena block = lm_arena_over(s->block, s->block_bytes);
    take_pieces(&j, &block, block_length(s, j.bf16), s->channels, s->vocab);
    for (int64_t t = 0; t < s->tokens; t += j.tokens) {
        j.first = t;
        j.left = s->window > 0 ? s->window - t % s->window : 0;
        j.tokens = s->window > 0 ? tokens_from(&j, t) : lm_min(s->tokens - t, j.length);
        j.dw_begins = s->dw_begins && t == 0;
        for (j.begin = 0; j.begin < j.tokens; j.begin += j.n) {
            j.n = lm_min(j.tokens - j.begin, j.slice);
            run_slice(compute, &j);
        }
        if (s->dx) gradients(compute, &j);
    }
    lm_phase_leave(compute->phases, before);
}
