/* Time of one forward and backward pass of whole models, as a share of the machine's own peak.
 *
 *     make bench-model && build/gcc/tests/bench/model [--threads N] [--cpu ISA] [--llama]
 *         [--seconds S] [text]
 *
 * Model FLOPs by the usual convention (model.h). Only shapes whose name contains `text` are run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/limits.h"
#include "machine/peak.h"
#include "model/model.h"

static const struct shape {
    const char *name;
    int64_t batch, time, layers, d_model, heads, vocab;
} shapes[] = {
    {"124M 4x256", 4, 256, 12, 768, 12, 50304},
    {"384 16x256", 16, 256, 6, 384, 6, 65},
    {"small 12x64", 12, 64, 4, 128, 4, 65},
};
enum { SHAPES = sizeof shapes / sizeof *shapes, MOST_REPETITIONS = 10000 };

typedef struct settings {
    int threads;
    double seconds;
    const char *cpu, *only;
    bool llama;
} settings;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static lm_status run(const struct shape *s, const settings *set, lm_compute *compute,
                     lm_error *err) {
    static double times[MOST_REPETITIONS];
    lm_model *m = NULL;
    int32_t *tokens = NULL;
    lm_status status = LM_OK;
    lm_model_plan plan;
    lm_model_options o = {.d_model = s->d_model,
                          .n_layers = s->layers,
                          .n_heads = s->heads,
                          .context_length = s->time,
                          .vocab_size = s->vocab,
                          .norm = set->llama ? LM_NORM_RMSNORM : LM_NORM_LAYERNORM,
                          .norm_eps = 1e-5,
                          .position = set->llama ? LM_POSITION_ROPE : LM_POSITION_LEARNED,
                          .rope_theta = 10000,
                          .mlp = set->llama ? LM_MLP_SWIGLU : LM_MLP_GELU_TANH,
                          .bias = !set->llama,
                          .tie_embeddings = true,
                          .init_std = 0.02};
    if ((status = lm_model_resolve(&o, err)) != LM_OK) goto out;
    lm_model_plan_make(&plan, &o, s->batch, true, compute->kernels, set->threads);
    if ((status = lm_model_create(&m, &o, s->batch, true, compute, err)) != LM_OK) goto out;
    double start = lm_clock_seconds();
    lm_model_init(m, 1);
    double init = lm_clock_seconds() - start;
    int64_t columns = s->time + 1, n = s->batch * s->time;
    tokens = malloc((size_t)(s->batch * columns) * sizeof *tokens);
    if (!tokens) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "out of memory");
        goto out;
    }
    for (int64_t i = 0; i < s->batch * columns; i++)
        tokens[i] = (int32_t)((uint64_t)i * 2654435761u % (uint64_t)s->vocab);
    lm_model_zero_gradients(m);
    double loss = lm_model_forward_backward(m, tokens, s->batch, s->time, 1.0f / (float)n);

    int repetitions = 0;
    double peak = lm_peak_flops(compute->pool, compute->kernels->peak_f32, 0.2);
    start = lm_clock_seconds();
    while (repetitions < MOST_REPETITIONS &&
           (repetitions < 3 || lm_clock_seconds() - start < set->seconds)) {
        double at = lm_clock_seconds();
        lm_model_forward_backward(m, tokens, s->batch, s->time, 1.0f / (float)n);
        times[repetitions++] = lm_clock_seconds() - at;
    }
    double again = lm_peak_flops(compute->pool, compute->kernels->peak_f32, 0.2);
    if (again > peak) peak = again;
    qsort(times, (size_t)repetitions, sizeof *times, by_value);
    double flops = plan.flops_per_token * (double)n;
    double best = times[0], median = times[repetitions / 2];
    printf("%-12s best %9.2f ms %6.1f GFLOP/s %5.1f%% of %.0f  median %9.2f ms %5.1f%%  loss %.3f  "
           "init %.2f s  activations %.0f MB  resident %.2f GB\n",
           s->name, best * 1e3, flops / best / 1e9, 100 * flops / best / peak, peak / 1e9,
           median * 1e3, 100 * flops / median / peak, loss / (double)n, init,
           (double)plan.activations / 1e6, (double)lm_limits_peak_resident() / 1e9);
    fflush(stdout);
out:
    free(tokens);
    lm_model_free(m);
    lm_compute_free(compute);
    return status;
}

int main(int argc, char **argv) {
    settings set = {.threads = lm_cpu_usable(), .seconds = 2, .cpu = "auto", .only = ""};
    lm_error err = {0};
    lm_isa_mask mask = lm_cpu_detect();
    lm_kernels kernels;
    lm_compute compute = {.kernels = &kernels};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--llama"))
            set.llama = true;
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            set.threads = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--cpu") && i + 1 < argc)
            set.cpu = argv[++i];
        else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
            set.seconds = atof(argv[++i]);
        else
            set.only = argv[i];
    }
    if (lm_cpu_limit(set.cpu, &mask, &err) != LM_OK) goto out;
    lm_kernels_fill(&kernels, mask);
    if (lm_pool_create(&compute.pool, set.threads, &err) != LM_OK) goto out;
    for (int i = 0; i < SHAPES; i++)
        if (strstr(shapes[i].name, set.only) && run(&shapes[i], &set, &compute, &err) != LM_OK)
            goto out;
out:
    if (err.code != LM_OK) fprintf(stderr, "%s\n", err.message);
    lm_pool_free(compute.pool);
    return (int)err.code;
}
