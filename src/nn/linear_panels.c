#include "nn/linear_panels.h"

#include <string.h>

#include "ops/pack.h"

enum {
    LEAST_ROWS = 48, /* of x */
    W_ROWS = 16,     /* in a panel */
};

/* How words lie: at fp32 a word is an element, at bf16 a pair of them, or where pairs are wide two
 * words are. */
typedef struct form {
    lm_element element;
    int each;      /* words side by side of one lane */
    int64_t links; /* of each lane's chain */
} form;

/* In a row of k numbers. */
static int64_t elements_of(lm_element element, int64_t k) {
    return element == LM_ELEMENT_FLOAT ? k : lm_divide_up(k, 2);
}

static form form_of(const lm_compute *compute, const lm_linear *l) {
    form f = {.element = lm_element_of(compute->kernels, l->w.type)};
    f.each = f.element == LM_ELEMENT_WIDE ? 2 : 1;
    f.links = lm_divide_up(elements_of(f.element, l->in), 16);
    return f;
}

static int64_t words_of(const form *f) {
    return 16 * f->links * f->each;
}

int64_t lm_linear_panel_words(const lm_compute *compute, const lm_linear *l) {
    form f = form_of(compute, l);
    return words_of(&f);
}

bool lm_linear_panels_suit(const lm_compute *compute, const lm_linear *l) {
    form f = form_of(compute, l);
    return l->rows >= LEAST_ROWS &&
           (size_t)(words_of(&f) * W_ROWS) * sizeof(float) <= lm_gemm_scratch_bytes();
}

/* A panel of `count` rows of x, and zeros where there are no more elements. */
static void pack(const lm_kernels *kernel, const form *f, int64_t count, int64_t width, int64_t k,
                 lm_array x, void *out) {
    const int64_t words = elements_of(f->element, k) * f->each;
    lm_pack_panel(kernel, f->element, count, width, k, x, k, 1, out);
    memset((float *)out + words * width, 0,
           (size_t)((words_of(f) - words) * width) * sizeof(float));
}

typedef struct pack_job {
    const lm_kernels *kernels;
    const lm_linear *l;
    form form;
    const float *x;
    float *out;
} pack_job;

static void pack_task(void *argument, int64_t panel, int worker) {
    const pack_job *j = argument;
    const int64_t row = panel * LM_DOTS_PANEL_ROWS, in = j->l->in;
    (void)worker;
    pack(j->kernels, &j->form, lm_min(j->l->rows - row, LM_DOTS_PANEL_ROWS), LM_DOTS_PANEL_ROWS, in,
         lm_array_f32(j->x + row * in), j->out + row * words_of(&j->form));
}

void lm_linear_pack_rows(const lm_compute *compute, const lm_linear *l, const float *x, void *out) {
    pack_job j = {
        .kernels = compute->kernels, .l = l, .form = form_of(compute, l), .x = x, .out = out};
    lm_pool_run(compute->pool, lm_divide_up(l->rows, LM_DOTS_PANEL_ROWS), pack_task, &j);
}

void lm_linear_multiply_panels(const lm_compute *compute, const lm_linear *l, const void *x,
                               int64_t begin, int64_t n, int worker, float *y, int64_t y_row) {
    const lm_kernels *kernel = compute->kernels;
    const form f = form_of(compute, l);
    lm_arena arena = lm_compute_scratch(compute, worker);
    void *panel = lm_arena_array(&arena, words_of(&f), W_ROWS, sizeof(float));
    for (int64_t j = 0; j < n; j += W_ROWS) {
        const int64_t rows = lm_min(n - j, W_ROWS);
        const float *bias = l->bias ? l->bias + begin + j : NULL;
        pack(kernel, &f, rows, W_ROWS, l->in, lm_array_from(l->w, (begin + j) * l->in), panel);
        if (f.element == LM_ELEMENT_PAIR)
            kernel->dots_panels_bf16(l->rows, rows, f.links, x, panel, bias, y + j, y_row);
        else
            kernel->dots_panels_f32(l->rows, rows, f.links, f.each, x, panel, bias, y + j, y_row);
    }
}
