#include "kernels/list.h"

#include <stdbool.h>

#include "base/numbers.h"

/* ---- buffers ---------------------------------------------------------------------------------
 * A kernel's buffers by the names that kernels.h gives them; X, Y, OUT where it gives none; X and
 * DX for the gate of SwiGLU. */
/* clang-format off */
#define BUFFERS(NAME)                                                                             \
    NAME(A) NAME(B) NAME(INIT) NAME(C) NAME(X) NAME(Y) NAME(OUT)                                  \
    NAME(WEIGHT) NAME(BIAS) NAME(MEAN) NAME(RSTD) NAME(DY) NAME(DX) NAME(DWEIGHT) NAME(DBIAS)     \
    NAME(UP) NAME(DUP)                                                                            \
    NAME(COS) NAME(SIN) NAME(S) NAME(DP) NAME(M) NAME(L) NAME(ALPHA) NAME(LSE) NAME(DELTA)        \
    NAME(SLOPE) NAME(RESIDUAL) NAME(G) NAME(V) NAME(P) NAME(SLOW)
/* clang-format on */
#define ENUMERATOR(name) name,
#define STRING(name)     #name,
enum { BUFFERS(ENUMERATOR) BUFFERS_NAMED };
const char *const lm_kernel_buffer_names[] = {BUFFERS(STRING)};
_Static_assert(BUFFERS_NAMED == (int)LM_KERNEL_BUFFERS, "list.h says how many names there are");

/* How many elements a buffer has. */
static int64_t one(const lm_kernel_call *c) {
    (void)c;
    return 1;
}
static int64_t of_n(const lm_kernel_call *c) {
    return c->n;
}
static int64_t of_rows(const lm_kernel_call *c) {
    return c->rows;
}
static int64_t rows_by_n(const lm_kernel_call *c) {
    return c->rows * c->n;
}
static int64_t strided(const lm_kernel_call *c) {
    return c->rows > 0 ? (c->rows - 1) * c->stride + c->n : 0;
}
static int64_t half_n(const lm_kernel_call *c) {
    return c->n / 2;
}
static int64_t rows_by_k(const lm_kernel_call *c) {
    return c->rows * c->k;
}
static int64_t n_by_k(const lm_kernel_call *c) {
    return c->n * c->k;
}
static int64_t strided_k_by_n(const lm_kernel_call *c) {
    return c->k > 0 ? (c->k - 1) * c->stride + c->n : 0;
}
static int64_t row_or_matrix(const lm_kernel_call *c) { /* what the sums of a product begin with */
    return c->variant % 3 == 2 ? strided(c) : c->n;
}
static int64_t unpacked(const lm_kernel_call *c) {
    return c->rows * c->k * (c->variant == 0 ? 2 : 1);
}
/* Panels of k words a row, whole links of them, or of k pairs of words. */
static int words_of_lane(const lm_kernel_call *c) {
    return c->variant == 0 ? 2 : 1;
}
static int64_t links(const lm_kernel_call *c) {
    return c->k / 16;
}
static int64_t x_panels(const lm_kernel_call *c) {
    return lm_round_up(c->rows, LM_DOTS_PANEL_ROWS) * 16 * links(c) * words_of_lane(c);
}
static int64_t w_panels(const lm_kernel_call *c) {
    return lm_round_up(c->n, 16) * 16 * links(c) * words_of_lane(c);
}
static int64_t x_panels_of_pairs(const lm_kernel_call *c) {
    return lm_round_up(c->rows, LM_DOTS_PANEL_ROWS) * 16 * links(c);
}
static int64_t w_panels_of_pairs(const lm_kernel_call *c) {
    return lm_round_up(c->n, 16) * 16 * links(c);
}
static int64_t panel(const lm_kernel_call *c) {
    return (c->rows + c->n) * c->k;
}
static int64_t wide_panel(const lm_kernel_call *c) {
    return (c->rows + c->n) * ((c->k + 1) / 2 * 2);
}
static int64_t wide_rows(const lm_kernel_call *c) {
    return c->rows > 0 ? (c->rows - 1) * (c->stride + 1) + (c->n + 1) / 2 * 2 : 0;
}
static int64_t panel_of_pairs(const lm_kernel_call *c) {
    return (c->rows + c->n) * ((c->k + 1) / 2);
}

void lm_kernel_describe(const lm_kernel_row *row, lm_kernel_call *c) {
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        const lm_kernel_buffer *b = &row->buffers[i];
        c->count[i] = b->shape ? b->shape(c) : 0;
        c->size[i] = b->type == LM_KERNEL_BF16 ? (c->count[i] + 1) / 2 : c->count[i];
    }
}

/* ---- calls -----------------------------------------------------------------------------------
 * CALL(kernel, arguments...) in terms of rows, n, k, stride, variant and the buffers b[NAME]. */
#define CALL(name, ...)                                                       \
    static void name(const lm_kernels *table, const lm_kernel_call *c) {      \
        const int64_t rows = c->rows, n = c->n, k = c->k, stride = c->stride; \
        const int variant = c->variant;                                       \
        float *const *b = c->b;                                               \
        (void)rows, (void)n, (void)k, (void)stride, (void)variant, (void)b;   \
        table->name(__VA_ARGS__);                                             \
    }

static lm_bf16_pair *pairs(float *buffer) {
    return (lm_bf16_pair *)(void *)buffer;
}
/* An array of bf16 ends where its buffer does, so that an odd one begins with half a pair. */
static lm_bf16 *bf16(const lm_kernel_call *c, int buffer) {
    return (lm_bf16 *)(void *)c->b[buffer] + c->count[buffer] % 2;
}

/* Products: A by rows or by columns, with no init, a bias or a matrix; then C += A B, A by rows. */
static bool by_rows(const lm_kernel_call *c) {
    return c->variant < 3;
}
static const float *init_of(const lm_kernel_call *c) {
    return c->variant % 3 == 0 ? NULL : c->b[INIT];
}
static void gemm_f32(const lm_kernels *table, const lm_kernel_call *c) {
    float *const *b = c->b;
    table->gemm_f32(c->rows, c->n, c->k, b[A], by_rows(c) ? c->k : 1, by_rows(c) ? 1 : c->rows,
                    b[B], c->stride, init_of(c), c->variant % 3 == 2 ? c->stride : 0, b[C],
                    c->stride);
    table->gemm_f32(c->rows, c->n, c->k, b[A], c->k, 1, b[B], c->stride, b[C], c->stride, b[C],
                    c->stride);
}
static void gemm_bf16(const lm_kernels *table, const lm_kernel_call *c) {
    float *const *b = c->b;
    table->gemm_bf16(c->rows, c->n, c->k, pairs(b[A]), by_rows(c) ? c->k : 1,
                     by_rows(c) ? 1 : c->rows, pairs(b[B]), c->stride, init_of(c),
                     c->variant % 3 == 2 ? c->stride : 0, b[C], c->stride);
    table->gemm_bf16(c->rows, c->n, c->k, pairs(b[A]), c->k, 1, pairs(b[B]), c->stride, b[C],
                     c->stride, b[C], c->stride);
}
CALL(dots_f32, rows, n, k, b[A], k, b[B], k, variant ? b[INIT] : NULL, b[Y], stride)
CALL(dots_bf16, rows, n, k, bf16(c, A), k, bf16(c, B), k, variant ? b[INIT] : NULL, b[Y], stride)
CALL(dots_panels_f32, rows, n, links(c), words_of_lane(c), b[A], b[B], variant ? b[INIT] : NULL,
     b[Y], stride)
CALL(dots_panels_bf16, rows, n, links(c), pairs(b[A]), pairs(b[B]), b[INIT], b[Y], stride)

/* Panels of rows + n, from strides of any size, rows contiguous, k contiguous. */
static int64_t x_row(const lm_kernel_call *c) {
    return c->variant == 0 ? 2 * c->k : c->variant == 1 ? 1 : c->k;
}
static int64_t x_col(const lm_kernel_call *c) {
    return c->variant == 0 ? 2 : c->variant == 1 ? c->rows : 1;
}
CALL(pack_f32, rows, rows + n, k, b[X], x_row(c), x_col(c), b[OUT])
/* Whole panels of so many of n columns, rows along k. */
static int64_t width_of(const lm_kernel_call *c) {
    return c->variant == 0 ? 5 : c->variant == 1 ? 12 : 6;
}
CALL(pack_lines_f32, n / width_of(c), width_of(c), rows, b[X], stride, b[OUT], width_of(c) * rows)
CALL(pack_bf16_from_f32, rows, rows + n, k, b[X], x_row(c), x_col(c), pairs(b[OUT]))
CALL(pack_bf16_from_bf16, rows, rows + n, k, bf16(c, X), x_row(c), x_col(c), pairs(b[OUT]))
CALL(pack_wide_from_f32, rows, rows + n, k, b[X], x_row(c), x_col(c), b[OUT])
CALL(pack_wide_from_bf16, rows, rows + n, k, bf16(c, X), x_row(c), x_col(c), b[OUT])
CALL(wide_from_f32, rows, n, b[X], stride, b[Y], stride + 1)
CALL(wide_from_bf16, rows, n, bf16(c, X), stride, b[Y], stride + 1)
CALL(bf16_from_f32, rows, n, b[X], stride, bf16(c, Y), stride)
CALL(f32_from_bf16, n, bf16(c, X), b[Y])

CALL(add_f32, n, b[X], b[Y])
CALL(mul_f32, n, b[X], b[Y])
CALL(scale_f32, n, 0.7f, b[X])
CALL(add_scaled_f32, n, 0.7f, b[X], b[Y])
CALL(lerp_f32, n, 0.7f, b[X], b[Y])
static void dot_f32(const lm_kernels *table, const lm_kernel_call *c) {
    c->b[OUT][0] = table->dot_f32(c->n, c->b[X], c->b[Y]);
}
static void sum_squares_f32(const lm_kernels *table, const lm_kernel_call *c) {
    c->b[OUT][0] = table->sum_squares_f32(c->n, c->b[X]);
}
CALL(scale_rows_f32, rows, n, b[A], b[X], stride)
CALL(sum_rows_f32, rows, n, b[X], stride, b[OUT])
CALL(sum_rows_bf16, rows, n, bf16(c, X), stride, b[OUT])
CALL(dot_rows_bf16, rows, n, bf16(c, X), stride, bf16(c, Y), stride, b[OUT])

CALL(layernorm_forward_f32, rows, n, 1e-5f, b[X], b[WEIGHT], variant ? b[BIAS] : NULL, b[Y],
     b[MEAN], b[RSTD])
CALL(layernorm_backward_f32, rows, n, b[X], b[WEIGHT], b[MEAN], b[RSTD], b[DY], b[DX], b[DWEIGHT],
     variant ? b[DBIAS] : NULL)
CALL(rmsnorm_forward_f32, rows, n, 1e-6f, b[X], b[WEIGHT], b[variant ? Y : X], b[RSTD])
CALL(rmsnorm_backward_f32, rows, n, b[X], b[WEIGHT], b[RSTD], b[DY], b[DX], b[DWEIGHT])

CALL(gelu_tanh_forward_f32, n, b[X], b[Y])
CALL(gelu_tanh_backward_f32, n, b[X], b[DY], b[variant ? DY : DX], b[Y])
CALL(gelu_erf_forward_f32, n, b[X], b[Y])
CALL(gelu_erf_backward_f32, n, b[X], b[DY], b[variant ? DY : DX], b[Y])
CALL(swiglu_forward_f32, n, b[X], b[UP], b[Y])
CALL(swiglu_backward_f32, n, b[X], b[UP], b[DY], b[variant ? DY : DX], b[variant ? UP : DUP], b[Y])
CALL(relu2_forward_f32, n, b[X], b[Y])
CALL(relu2_backward_f32, n, b[X], b[DY], b[variant ? DY : DX], b[Y])

CALL(rope_f32, rows, stride, n / 2 * 2, b[COS], b[SIN], b[X])
static const int64_t first_valid[] = {1, -3, 0, 7, 1000}; /* 1: the diagonal; 1000: all */
CALL(attention_softmax_f32, rows, n, first_valid[variant], 0.125f, b[S], stride, b[M], b[L],
     b[ALPHA])
CALL(attention_finish_f32, rows, b[M], b[L], b[LSE])
CALL(attention_backward_f32, rows, n, first_valid[variant], 0.125f, b[S], stride, b[DP], stride,
     b[LSE], b[DELTA])
CALL(softcap_f32, n, 0.04f, 30.0f, b[X], variant ? b[SLOPE] : NULL)

CALL(column_max_f32, rows, n, b[X], stride, b[M])
CALL(column_exp_f32, rows, n, b[X], stride, b[M], b[variant ? X : Y], stride, b[L])
CALL(column_add_exp_f32, rows, n, b[X], stride, b[M], b[L])
CALL(column_gradient_f32, rows, n, b[X], stride, b[M], b[A], 0.01f, variant ? 0.03f : 0.0f)

static void dropout_f32(const lm_kernels *table, const lm_kernel_call *c) { /* then in place */
    static const lm_rng rng = {.seed = 0x9876543210, .purpose = LM_RNG_DROPOUT, .step = 3};
    uint64_t block = 0xfffffffd; /* an index grows beyond 32 bits */
    table->dropout_f32(c->n, &rng, block, 20000, 1.5f, c->b[X], NULL, c->b[Y]);
    table->dropout_f32(c->n, &rng, block, 20000, 1.5f, c->b[X], c->b[RESIDUAL], c->b[RESIDUAL]);
}

/* Variants of the optimizers: 1 decays cautiously, and has Nesterov's momentum. */
static lm_sgd_coefficients sgd_coefficients(const lm_kernel_call *c) {
    return (lm_sgd_coefficients){.lr = 0.1f,
                                 .momentum = 0.9f,
                                 .decay = 0.01f,
                                 .grad_scale = 0.5f,
                                 .nesterov = c->variant,
                                 .cautious = c->variant};
}
static lm_adam_coefficients adam_coefficients(const lm_kernel_call *c) {
    return (lm_adam_coefficients){.lr = 1e-3f,
                                  .rest1 = 0.1f,
                                  .rest2 = 0.01f,
                                  .rest3 = 0.001f,
                                  .alpha = 5,
                                  .average_share = 0.125f,
                                  .y_share = 0.2f,
                                  .eps = 1e-8f,
                                  .inv_correction1 = 1.5f,
                                  .inv_correction2 = 2.5f,
                                  .decay = c->variant ? 1e-2f : 1e-4f,
                                  .grad_scale = 0.5f,
                                  .cautious = c->variant};
}
static void sgd_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_sgd_coefficients a = sgd_coefficients(c);
    table->sgd_f32(c->n, &a, c->b[G], c->b[P]);
}
static void momentum_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_sgd_coefficients a = sgd_coefficients(c);
    table->momentum_f32(c->n, &a, c->b[G], c->b[M], c->b[P]);
}
CALL(mean_momentum_f32, n, 0.9f, 0.1f, 0.5f, b[G], b[M], b[Y])
static void adam_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_adam_coefficients a = adam_coefficients(c);
    table->adam_f32(c->n, &a, c->b[G], c->b[M], c->b[V], c->b[P]);
}
static void adam_lazy_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_adam_coefficients a = adam_coefficients(c);
    table->adam_lazy_f32(c->n, &a, c->b[G], c->b[V], c->b[P]);
}
static void ademamix_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_adam_coefficients a = adam_coefficients(c);
    table->ademamix_f32(c->n, &a, c->b[G], c->b[M], c->b[SLOW], c->b[V], c->b[P]);
}
static void schedule_free_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_adam_coefficients a = adam_coefficients(c);
    table->schedule_free_f32(c->n, &a, c->b[G], c->b[M], c->b[V], c->b[P]);
}
static void lion_f32(const lm_kernels *table, const lm_kernel_call *c) {
    const lm_adam_coefficients a = adam_coefficients(c);
    table->lion_f32(c->n, &a, c->b[G], c->b[M], c->b[P]);
}

/* ---- rows ------------------------------------------------------------------------------------
 * ROW(kernel, what varies, variants, flops, buffers...). */
#define ROW(name, sizes, variants, flops, ...)                                         \
    {                                                                                  \
#name, offsetof(lm_kernels, name), LM_KERNEL_##sizes, variants, name, flops, { \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define BUFFER(type, shape, reads, writes) \
    { shape, LM_KERNEL_##type, reads, writes }
#define READ(shape)   BUFFER(F32, shape, 1, 0)
#define WRITE(shape)  BUFFER(F32, shape, 0, 1)
#define UPDATE(shape) BUFFER(F32, shape, 1, 1)
#define OTHERS(shape) BUFFER(F32, shape, 0, 0) /* only other variants use it */

/* clang-format off */
const lm_kernel_row lm_kernel_list[] = {
    ROW(gemm_f32, GEMM, 6, 4,
        [A] = READ(rows_by_k), [B] = READ(strided_k_by_n), [INIT] = READ(row_or_matrix),
        [C] = UPDATE(strided)),
    ROW(gemm_bf16, GEMM, 6, 8,
        [A] = BUFFER(PAIRS, rows_by_k, 1, 0), [B] = BUFFER(PAIRS, strided_k_by_n, 1, 0),
        [INIT] = READ(row_or_matrix), [C] = UPDATE(strided)),
    ROW(dots_f32, GEMM, 2, 2,
        [A] = READ(rows_by_k), [B] = READ(n_by_k), [INIT] = READ(of_n), [Y] = WRITE(strided)),
    ROW(dots_bf16, GEMM, 2, 2,
        [A] = BUFFER(BF16, rows_by_k, 1, 0), [B] = BUFFER(BF16, n_by_k, 1, 0),
        [INIT] = READ(of_n), [Y] = WRITE(strided)),
    ROW(dots_panels_f32, GEMM, 2, 2,
        [A] = READ(x_panels), [B] = READ(w_panels), [INIT] = READ(of_n), [Y] = WRITE(strided)),
    ROW(dots_panels_bf16, GEMM, 1, 4,
        [A] = BUFFER(PAIRS, x_panels_of_pairs, 1, 0),
        [B] = BUFFER(PAIRS, w_panels_of_pairs, 1, 0),
        [INIT] = READ(of_n), [Y] = WRITE(strided)),
    ROW(pack_f32, GEMM, 3, 0, [X] = READ(unpacked), [OUT] = WRITE(panel)),
    ROW(pack_lines_f32, MATRIX, 3, 0, [X] = READ(strided), [OUT] = WRITE(rows_by_n)),
    ROW(pack_bf16_from_f32, GEMM, 3, 0,
        [X] = READ(unpacked), [OUT] = BUFFER(PAIRS, panel_of_pairs, 0, 1)),
    ROW(pack_bf16_from_bf16, GEMM, 3, 0,
        [X] = BUFFER(BF16, unpacked, 1, 0), [OUT] = BUFFER(PAIRS, panel_of_pairs, 0, 1)),
    ROW(pack_wide_from_f32, GEMM, 3, 0, [X] = READ(unpacked), [OUT] = WRITE(wide_panel)),
    ROW(pack_wide_from_bf16, GEMM, 3, 0,
        [X] = BUFFER(BF16, unpacked, 1, 0), [OUT] = WRITE(wide_panel)),
    ROW(wide_from_f32, MATRIX, 1, 0, [X] = READ(strided), [Y] = WRITE(wide_rows)),
    ROW(wide_from_bf16, MATRIX, 1, 0,
        [X] = BUFFER(BF16, strided, 1, 0), [Y] = WRITE(wide_rows)),
    ROW(bf16_from_f32, MATRIX, 1, 0, [X] = READ(strided), [Y] = BUFFER(BF16, strided, 0, 1)),
    ROW(f32_from_bf16, VECTOR, 1, 0, [X] = BUFFER(BF16, of_n, 1, 0), [Y] = WRITE(of_n)),
    ROW(add_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = UPDATE(of_n)),
    ROW(mul_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = UPDATE(of_n)),
    ROW(scale_f32, VECTOR, 1, 0, [X] = UPDATE(of_n)),
    ROW(add_scaled_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = UPDATE(of_n)),
    ROW(lerp_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = UPDATE(of_n)),
    ROW(dot_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = READ(of_n), [OUT] = WRITE(one)),
    ROW(sum_squares_f32, VECTOR, 1, 0, [X] = READ(of_n), [OUT] = WRITE(one)),
    ROW(scale_rows_f32, MATRIX, 1, 0, [X] = UPDATE(strided), [A] = READ(of_rows)),
    ROW(sum_rows_f32, MATRIX, 1, 0, [X] = READ(strided), [OUT] = UPDATE(of_n)),
    ROW(sum_rows_bf16, MATRIX, 1, 0, [X] = BUFFER(BF16, strided, 1, 0), [OUT] = UPDATE(of_n)),
    ROW(dot_rows_bf16, MATRIX, 1, 0,
        [X] = BUFFER(BF16, strided, 1, 0), [Y] = BUFFER(BF16, strided, 1, 0),
        [OUT] = WRITE(of_rows)),
    ROW(layernorm_forward_f32, MATRIX, 2, 0,
        [X] = READ(rows_by_n), [WEIGHT] = READ(of_n), [BIAS] = READ(of_n), [Y] = WRITE(rows_by_n),
        [MEAN] = WRITE(of_rows), [RSTD] = WRITE(of_rows)),
    ROW(layernorm_backward_f32, MATRIX, 2, 0,
        [X] = READ(rows_by_n), [WEIGHT] = READ(of_n), [MEAN] = READ(of_rows),
        [RSTD] = READ(of_rows), [DY] = READ(rows_by_n), [DX] = UPDATE(rows_by_n),
        [DWEIGHT] = UPDATE(of_n), [DBIAS] = UPDATE(of_n)),
    ROW(rmsnorm_forward_f32, MATRIX, 2, 0,
        [X] = READ(rows_by_n), [WEIGHT] = READ(of_n), [Y] = WRITE(rows_by_n),
        [RSTD] = WRITE(of_rows)),
    ROW(rmsnorm_backward_f32, MATRIX, 1, 0,
        [X] = READ(rows_by_n), [WEIGHT] = READ(of_n), [RSTD] = READ(of_rows),
        [DY] = READ(rows_by_n), [DX] = UPDATE(rows_by_n), [DWEIGHT] = UPDATE(of_n)),
    ROW(gelu_tanh_forward_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = WRITE(of_n)),
    ROW(gelu_tanh_backward_f32, VECTOR, 2, 0,
        [X] = READ(of_n), [DY] = UPDATE(of_n), [DX] = OTHERS(of_n), [Y] = WRITE(of_n)),
    ROW(gelu_erf_forward_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = WRITE(of_n)),
    ROW(gelu_erf_backward_f32, VECTOR, 2, 0,
        [X] = READ(of_n), [DY] = UPDATE(of_n), [DX] = OTHERS(of_n), [Y] = WRITE(of_n)),
    ROW(swiglu_forward_f32, VECTOR, 1, 0, [X] = READ(of_n), [UP] = READ(of_n), [Y] = WRITE(of_n)),
    ROW(swiglu_backward_f32, VECTOR, 2, 0,
        [X] = READ(of_n), [UP] = UPDATE(of_n), [DY] = UPDATE(of_n), [DX] = OTHERS(of_n),
        [DUP] = OTHERS(of_n), [Y] = WRITE(of_n)),
    ROW(relu2_forward_f32, VECTOR, 1, 0, [X] = READ(of_n), [Y] = WRITE(of_n)),
    ROW(relu2_backward_f32, VECTOR, 2, 0,
        [X] = READ(of_n), [DY] = UPDATE(of_n), [DX] = OTHERS(of_n), [Y] = WRITE(of_n)),
    ROW(rope_f32, MATRIX, 1, 0,
        [COS] = READ(half_n), [SIN] = READ(half_n), [X] = UPDATE(strided)),
    ROW(attention_softmax_f32, MATRIX, 5, 0,
        [S] = UPDATE(strided), [M] = UPDATE(of_rows), [L] = UPDATE(of_rows),
        [ALPHA] = WRITE(of_rows)),
    ROW(attention_finish_f32, MATRIX, 1, 0,
        [M] = READ(of_rows), [L] = UPDATE(of_rows), [LSE] = WRITE(of_rows)),
    ROW(attention_backward_f32, MATRIX, 5, 0,
        [S] = UPDATE(strided), [DP] = UPDATE(strided), [LSE] = READ(of_rows),
        [DELTA] = READ(of_rows)),
    ROW(softcap_f32, VECTOR, 2, 0, [X] = UPDATE(of_n), [SLOPE] = WRITE(of_n)),
    ROW(column_max_f32, MATRIX, 1, 0, [X] = READ(strided), [M] = UPDATE(of_n)),
    ROW(column_exp_f32, MATRIX, 2, 0,
        [X] = UPDATE(strided), [M] = READ(of_n), [L] = UPDATE(of_n), [Y] = OTHERS(strided)),
    ROW(column_add_exp_f32, MATRIX, 1, 0,
        [X] = READ(strided), [M] = READ(of_n), [L] = UPDATE(of_n)),
    ROW(column_gradient_f32, MATRIX, 2, 0,
        [X] = UPDATE(strided), [M] = READ(of_n), [A] = READ(of_n)),
    ROW(dropout_f32, VECTOR, 1, 0,
        [X] = BUFFER(F32, of_n, 2, 0), [RESIDUAL] = UPDATE(of_n), [Y] = WRITE(of_n)),
    ROW(sgd_f32, VECTOR, 2, 0, [G] = READ(of_n), [P] = UPDATE(of_n)),
    ROW(momentum_f32, VECTOR, 2, 0, [G] = READ(of_n), [M] = UPDATE(of_n), [P] = UPDATE(of_n)),
    ROW(mean_momentum_f32, VECTOR, 1, 0, [G] = READ(of_n), [M] = UPDATE(of_n), [Y] = WRITE(of_n)),
    ROW(adam_f32, VECTOR, 2, 0,
        [G] = READ(of_n), [M] = UPDATE(of_n), [V] = UPDATE(of_n), [P] = UPDATE(of_n)),
    ROW(adam_lazy_f32, VECTOR, 2, 0,
        [G] = READ(of_n), [V] = UPDATE(of_n), [P] = UPDATE(of_n)),
    ROW(ademamix_f32, VECTOR, 2, 0,
        [G] = READ(of_n), [M] = UPDATE(of_n), [SLOW] = UPDATE(of_n), [V] = UPDATE(of_n),
        [P] = UPDATE(of_n)),
    ROW(schedule_free_f32, VECTOR, 2, 0,
        [G] = READ(of_n), [M] = UPDATE(of_n), [V] = UPDATE(of_n), [P] = UPDATE(of_n)),
    ROW(lion_f32, VECTOR, 2, 0, [G] = READ(of_n), [M] = UPDATE(of_n), [P] = UPDATE(of_n)),
};
/* clang-format on */
const int lm_kernel_list_count = (int)(sizeof lm_kernel_list / sizeof *lm_kernel_list);
