/* Smearing against its definition in double, whose slopes are central differences; the same bits
 * for any number of threads, for the scalar kernels and window by window. */
#include "tests/support/test.h"

#include "nn/mix.h"
#include "nn/smear.h"
#include "tests/support/layers.h"

#define EPS ((double)FLT_EPSILON)

typedef struct reference {
    const lm_smear *s;
    double scale, *gates, *x; /* [1], [B*T], [B*T, C] */
    const double *dy;
} reference;

static double smeared(const reference *r, int64_t i, int64_t c) {
    const lm_smear *s = r->s;
    const int64_t t = i % s->time, begins = s->documents ? s->documents[i] : 0;
    double y = r->x[i * s->channels + c];
    if (t > begins) y += r->scale * r->gates[i] * r->x[(i - 1) * s->channels + c];
    return y;
}

static double objective(void *context) {
    const reference *r = context;
    double sum = 0;
    for (int64_t i = 0; i < r->s->batch * r->s->time; i++)
        for (int64_t c = 0; c < r->s->channels; c++)
            sum += r->dy[i * r->s->channels + c] * smeared(r, i, c);
    return sum;
}

typedef struct result {
    float *y, *dx, *dgates, dscale;
} result;

/* In calls of `each` windows. */
static result run(const lm_smear *s, const float *dy, int64_t each, int threads, int scalar) {
    lm_kernels kernels;
    lm_compute compute;
    const int64_t n = s->batch * s->time;
    result r = {layers_floats(n * s->channels), layers_copy(dy, n * s->channels), layers_floats(n),
                0.5f};
    layers_open(&compute, &kernels, threads, scalar, lm_mix_scratch_bytes());
    for (int64_t b = 0; b < s->batch; b += each) {
        lm_smear part = *s;
        const int64_t at = b * s->time, to = at * s->channels;
        part.batch = each;
        part.documents = s->documents ? s->documents + at : NULL;
        part.gates += at;
        part.x += to;
        lm_smear_forward(&compute, &part, r.y + to);
        lm_smear_backward(&compute, &part, r.dx + to, r.dgates + at, &r.dscale);
    }
    layers_close(&compute);
    return r;
}

/* All values lie in [-1, 1], and so do gates times the scale. A row has two products and a sum; a
 * gate's gradient is a sum over C channels, that of the scale one over all rows of those. */
static void compare(const lm_smear *s, const float *dy, const result *got) {
    const int64_t n = s->batch * s->time, all = n * s->channels;
    const double c = (double)s->channels, rows = (double)n;
    reference r = {s, (double)s->scale, layers_doubles(s->gates, n), layers_doubles(s->x, all),
                   layers_doubles(dy, all)};
    double *y = layers_doubles(NULL, all), *dx = layers_doubles(NULL, all);
    double *dgates = layers_doubles(NULL, n);
    for (int64_t i = 0; i < all; i++) {
        y[i] = smeared(&r, i / s->channels, i % s->channels);
        dx[i] = layers_slope(objective, &r, &r.x[i], 1e-5);
    }
    for (int64_t i = 0; i < n; i++) dgates[i] = layers_slope(objective, &r, &r.gates[i], 1e-5);
    const double dscale = 0.5 + layers_slope(objective, &r, &r.scale, 1e-5);
    layers_close_to("y", got->y, y, all, 3 * EPS);
    layers_close_to("dx", got->dx, dx, all, 3 * EPS + 1e-8);
    layers_close_to("dgates", got->dgates, dgates, n, EPS * c * (c + 2) + 1e-8);
    layers_close_to("dscale", &got->dscale, &dscale, 1,
                    EPS * (rows * c * (c + 2) + rows * rows * c) + 1e-8);
}

static void check(int64_t batch, int64_t time, int64_t channels, bool documents, bool exact) {
    static const struct { int threads, scalar; } setups[] = {{1, 0}, {3, 0}, {2, 1}};
    const int64_t n = batch * time;
    int32_t *begins = layers_ints(n);
    for (int64_t i = 0; i < n; i++)
        begins[i] = i % time == 0 ? 0 : i % 4 == 2 ? (int32_t)(i % time) : begins[i - 1];
    lm_smear s = {.batch = batch,
                  .time = time,
                  .channels = channels,
                  .documents = documents ? begins : NULL,
                  .scale = 0.7f,
                  .gates = layers_random(n, 1, 0, 1),
                  .x = layers_random(n * channels, 2, -1, 1)};
    const float *dy = layers_random(n * channels, 3, -1, 1);
    result first = {0};
    for (size_t k = 0; k < sizeof setups / sizeof *setups + 1; k++) {
        const bool apart = k == sizeof setups / sizeof *setups;
        result r = run(&s, dy, apart ? 1 : batch, apart ? 2 : setups[k].threads,
                       apart ? 0 : setups[k].scalar);
        if (k == 0) first = r;
        layers_same_bits("y", first.y, r.y, n * channels);
        layers_same_bits("dx", first.dx, r.dx, n * channels);
        layers_same_bits("dgates", first.dgates, r.dgates, n);
        layers_same_bits("dscale", &first.dscale, &r.dscale, 1);
    }
    if (exact) compare(&s, dy, &first);
    layers_free_all();
}

static void test_smear(void **state) {
    (void)state;
    for (int documents = 0; documents < 2; documents++) {
        check(1, 1, 1, documents, true);
        check(3, 7, 5, documents, true);
        check(2, 9, 20, documents, true);
        check(3, 160, 300, documents, false); /* several tasks and chunks of sums */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_smear)};
    return cmocka_run_group_tests_name("smear", tests, NULL, NULL);
}
