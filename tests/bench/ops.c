/* Speed of everything in a training step that is not a plain GEMM: attention, the loss head, norms,
 * activations, embeddings. Attention and the loss head as a share of the machine's
 * own peak, the others in bytes a second.
 *
 *     make bench-ops && build/gcc/tests/bench/ops [--threads N] [--cpu ISA] [--seconds S] [text]
 *
 * Attention's work is counted to the diagonal: B H D T(T+1)/2 times 4 forward, 10 backward (the
 * scores are computed again). `best` is the fastest repetition, `median` the typical one. Only lines
 * whose name contains `text` are run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/cpu.h"
#include "machine/peak.h"
#include "nn/activation.h"
#include "nn/embedding.h"
#include "nn/norm.h"
#include "ops/attention.h"
#include "ops/softmax_nll.h"

typedef struct shape {
    const char *name;
    int64_t batch, time, heads, kv_heads, d, vocab; /* d_ff = 4 heads*d */
} shape;

static const shape shapes[] = {
    {"124M 4x256", 4, 256, 12, 12, 64, 50304}, {"124M 1x1024", 1, 1024, 12, 12, 64, 50304},
    {"384 16x256", 16, 256, 6, 6, 64, 65},     {"small 12x64", 12, 64, 4, 4, 32, 65},
    {"grouped 4x512", 4, 512, 8, 2, 64, 8192},
};

/* One thing to time: its arrays are made before, its work is known. */
typedef struct bench {
    const lm_compute *compute;
    const shape *s;
    lm_attention attention;
    lm_softmax_nll nll;
    lm_norm norm;
    int32_t *tokens;
    float *x, *w, *bias; /* [B*T, 4C] */
    float *y, *dy, *dx, *dw;
} bench;

static int64_t rows_of(const bench *b) {
    return b->s->batch * b->s->time;
}
static int64_t channels_of(const bench *b) {
    return b->s->heads * b->s->d;
}

static void attention_forward(bench *b) {
    lm_attention_forward_f32(b->compute, &b->attention);
}
static void attention_backward(bench *b) {
    const lm_attention *a = &b->attention;
    int64_t k = a->heads * a->head_size, v = k + a->kv_heads * a->head_size;
    lm_attention_backward_f32(b->compute, a, b->dy, b->dx, b->dx + k, b->dx + v);
}
static void loss_head(bench *b) {
    lm_softmax_nll_f32(b->compute, &b->nll);
}
static void norm_forward(bench *b) {
    lm_norm_forward(b->compute, &b->norm, b->x, b->y);
}
static void norm_backward(bench *b) {
    lm_norm_backward(b->compute, &b->norm, b->x, b->dy, b->dx, b->dw, b->dw + channels_of(b));
}
static void gelu_forward(bench *b) {
    lm_activation_forward(b->compute, LM_MLP_GELU_TANH, rows_of(b) * 4 * channels_of(b), b->x, NULL,
                          b->y);
}
static void gelu_backward(bench *b) {
    lm_activation_backward(b->compute, LM_MLP_GELU_TANH, rows_of(b) * 4 * channels_of(b), b->x,
                           NULL, b->dy, b->dx, NULL);
}
static void embedding_forward(bench *b) {
    lm_embedding_forward(b->compute, b->s->batch, b->s->time, channels_of(b), b->tokens, b->s->time,
                         b->w, b->x, 0, NULL, b->y);
}
static void embedding_backward(bench *b) {
    lm_embedding_backward(b->compute, b->s->batch, b->s->time, channels_of(b), b->tokens,
                          b->s->time, NULL, b->dy, b->dw, b->dx);
}

static const struct line {
    const char *name;
    void (*run)(bench *b);
    double flops_a_pair;  /* attention: times B H D T(T+1)/2 */
    double flops_a_logit; /* loss head: times B T V C */
    double bytes_a_value; /* the others: times B T C */
} lines[] = {
    {"attention forward", attention_forward, 4, 0, 0},
    {"attention backward", attention_backward, 10, 0, 0},
    {"loss head", loss_head, 0, 6, 0},
    {"layernorm forward", norm_forward, 0, 0, 8},
    {"layernorm backward", norm_backward, 0, 0, 16},
    {"gelu forward", gelu_forward, 0, 0, 32},
    {"gelu backward", gelu_backward, 0, 0, 48},
    {"embedding forward", embedding_forward, 0, 0, 12},
    {"embedding backward", embedding_backward, 0, 0, 20},
};

enum { LINES = sizeof lines / sizeof *lines };

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void measure(bench *b, const struct line *line, double seconds, double *peak) {
    enum { MOST = 5000 };
    static double times[MOST];
    const shape *s = b->s;
    double pairs = (double)(s->batch * s->heads * s->d * s->time) * (double)(s->time + 1) / 2;
    double values = (double)(s->batch * s->time * s->heads * s->d);
    double flops = line->flops_a_pair * pairs + line->flops_a_logit * values * (double)s->vocab;
    int count = 0;
    line->run(b);
    double end = lm_clock_seconds() + seconds, start;
    do {
        double burst = lm_peak_flops(b->compute->pool, b->compute->kernels->peak_f32, 0.02);
        if (burst > *peak) *peak = burst;
        double pause = lm_clock_seconds() + 0.05;
        do {
            start = lm_clock_seconds();
            line->run(b);
            times[count++] = lm_clock_seconds() - start;
        } while (count < MOST && start < pause);
    } while (count < MOST && (count < 5 || start < end));
    qsort(times, (size_t)count, sizeof *times, by_value);
    double best = times[0], median = times[count / 2];
    printf("%-14s %-20s %10.1f %10.1f us", s->name, line->name, best * 1e6, median * 1e6);
    if (flops > 0)
        printf(" %8.1f GFLOP/s %5.1f%% %5.1f%%\n", flops / best * 1e-9, 100 * flops / best / *peak,
               100 * flops / median / *peak);
    else
        printf(" %8.1f GB/s\n", line->bytes_a_value * values / best * 1e-9);
    fflush(stdout);
}

static float *numbers(lm_arena *arena, int64_t n, float size) {
    float *x = lm_arena_floats(arena, n);
    uint32_t state = (uint32_t)n;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * size;
    }
    return x;
}

static bool is_wanted(const shape *s, const struct line *line, const char *wanted) {
    char name[64];
    snprintf(name, sizeof name, "%s %s", s->name, line->name);
    return strstr(name, wanted) != NULL;
}

static lm_status run_shape(lm_compute *compute, const shape *s, const char *wanted, double seconds,
                           double *peak, lm_error *err) {
    size_t some = 0;
    while (some < LINES && !is_wanted(s, &lines[some], wanted)) some++;
    if (some == LINES) return LM_OK;
    int64_t rows = s->batch * s->time, c = s->heads * s->d;
    int64_t widest = 4 * c, parameters = s->vocab * c > 4 * c ? s->vocab * c : 4 * c;
    size_t block = lm_softmax_nll_block_bytes(rows, c, s->vocab);
    size_t floats = (size_t)(4 * rows * widest + 2 * parameters + 20 * widest + 20 * rows);
    size_t lse = (size_t)(s->heads * rows);
    lm_arena arena = {0};
    if (lm_arena_init(&arena, (floats + lse) * sizeof(float) + block + 65536, "operands", err))
        return err->code;
    size_t most = lm_attention_scratch_bytes(compute->kernels, s->time, s->d);
    size_t head = lm_softmax_nll_scratch_bytes(compute->kernels, c, s->vocab);
    size_t norm = lm_norm_scratch_bytes(c);
    most = head > most ? head : most;
    most = norm > most ? norm : most;
    if (lm_compute_reserve(compute, most, err) != LM_OK) goto out;
    bench b = {.compute = compute, .s = s};
    b.x = numbers(&arena, rows * widest, 1), b.y = numbers(&arena, rows * widest, 1);
    b.dy = numbers(&arena, rows * widest, 1e-3f), b.dx = numbers(&arena, rows * widest, 0);
    b.w = numbers(&arena, parameters, 0.02f), b.dw = numbers(&arena, parameters, 0);
    b.bias = numbers(&arena, widest, 0);
    b.tokens = lm_arena_take(&arena, (size_t)rows * sizeof *b.tokens);
    for (int64_t i = 0; i < rows; i++) b.tokens[i] = (int32_t)(i * 7919 % s->vocab);
    int64_t qkv = (s->heads + 2 * s->kv_heads) * s->d;
    b.attention = (lm_attention){s->batch, s->time, s->heads,        s->kv_heads,
                                 s->d,     b.x,     b.x + c,         b.x + c + s->kv_heads * s->d,
                                 qkv,      b.y,     s->heads * s->d, NULL};
    b.attention.lse = numbers(&arena, s->heads * rows, 1);
    b.norm = (lm_norm){LM_NORM_LAYERNORM, rows, c, 1e-5f, b.w, b.bias, NULL, NULL};
    b.norm.mean = numbers(&arena, rows, 1), b.norm.rstd = numbers(&arena, rows, 1);
    b.nll = (lm_softmax_nll){rows, c, s->vocab, b.x, b.w, b.tokens, NULL, NULL, 1e-3f, b.dx, b.dw};
    b.nll.loss = numbers(&arena, rows, 1);
    b.nll.block = lm_arena_take(&arena, block);
    attention_forward(&b); /* so that backward meets its lse */
    for (size_t i = 0; i < LINES; i++)
        if (is_wanted(s, &lines[i], wanted)) measure(&b, &lines[i], seconds, peak);
out:
    lm_compute_free(compute);
    lm_arena_free(&arena);
    return err->code;
}

int main(int argc, char **argv) {
    static lm_error err;
    lm_isa_mask mask = lm_cpu_detect();
    int threads = lm_cpu_usable();
    double seconds = 0.3;
    const char *wanted = "";
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--threads")) {
            threads = atoi(value), i++;
        } else if (!strcmp(argv[i], "--seconds")) {
            seconds = atof(value), i++;
        } else if (!strcmp(argv[i], "--cpu")) {
            if (lm_cpu_limit(value, &mask, &err) != LM_OK) goto failed;
            i++;
        } else {
            wanted = argv[i];
        }
    }
    lm_kernels kernels;
    lm_kernels_fill(&kernels, mask);
    lm_compute compute = {.kernels = &kernels};
    if (lm_pool_create(&compute.pool, threads, &err) != LM_OK) goto failed;
    double peak = lm_peak_flops(compute.pool, kernels.peak_f32, 0.3);
    printf("%s, %d threads\n%-35s %10s %10s\n", lm_isa_name((int)lm_cpu_best(mask)), threads, "",
           "best", "median");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (run_shape(&compute, &shapes[i], wanted, seconds, &peak, &err) != LM_OK) goto failed;
    printf("peak %.1f GFLOP/s\n", peak * 1e-9);
    lm_pool_free(compute.pool);
    return 0;
failed:
    fprintf(stderr, "%s\n", err.message);
    return 1;
}
