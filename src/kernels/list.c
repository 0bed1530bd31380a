#include "kernels/list.h"

#include <stdbool.h>

typedef lm_kernel_call kernel_call; /* short for the rows below */

static int64_t strided(const kernel_call *c) {
    return c->rows > 0 ? (c->rows - 1) * c->stride + c->n : 0;
}

/* ---- sizes of the buffers ------------------------------------------------------------------- */
static void vectors(kernel_call *c) {
    for (int i = 0; i < 6; i++) c->size[i] = c->n;
}
static void reduction(kernel_call *c) {
    c->size[0] = c->size[1] = c->n;
    c->size[2] = 1;
}
static void rows_then_vector(kernel_call *c) { /* x, a vector of n, another */
    c->size[0] = strided(c);
    c->size[1] = c->size[2] = c->n;
}
static void rows_and_factors(kernel_call *c) {
    c->size[0] = strided(c);
    c->size[1] = c->rows;
}
static void row_numbers(kernel_call *c) { /* m l lse */
    c->size[0] = c->size[1] = c->size[2] = c->rows;
}
static void norm_forward(kernel_call *c) { /* x weight bias y mean rstd */
    c->size[0] = c->size[3] = c->rows * c->n;
    c->size[1] = c->size[2] = c->n;
    c->size[4] = c->size[5] = c->rows;
}
static void norm_backward(kernel_call *c) { /* x weight mean rstd dy dx dweight dbias */
    c->size[0] = c->size[4] = c->size[5] = c->rows * c->n;
    c->size[1] = c->size[6] = c->size[7] = c->n;
    c->size[2] = c->size[3] = c->rows;
}
static void rope_sizes(kernel_call *c) {
    c->size[0] = c->size[1] = c->n / 2;
    c->size[2] = c->rows * (c->n / 2 * 2);
}
static void attention_forward(kernel_call *c) { /* s m l alpha */
    c->size[0] = strided(c);
    c->size[1] = c->size[2] = c->size[3] = c->rows;
}
static void attention_backward(kernel_call *c) { /* s dp lse delta */
    c->size[0] = c->size[1] = strided(c);
    c->size[2] = c->size[3] = c->rows;
}
static void gemm_sizes(kernel_call *c) { /* a b init c */
    c->size[0] = c->rows * c->k;
    c->size[1] = c->k > 0 ? (c->k - 1) * c->stride + c->n : 0;
    c->size[2] = c->variant % 3 == 2 ? strided(c) : c->n;
    c->size[3] = strided(c);
}
static void pack_sizes(kernel_call *c) { /* x out */
    c->size[0] = c->rows * c->k * (c->variant == 0 ? 2 : 1);
    c->size[1] = (c->rows + c->n) * c->k;
}
static void pair_gemm_sizes(kernel_call *c) { /* the same; k counts pairs */
    gemm_sizes(c);
    c->pairs = 1u << 0 | 1u << 1;
}
static void bf16_pack_sizes(kernel_call *c) { /* x out */
    c->pairs = 1u << 1;
    c->size[0] = c->rows * c->k * (c->variant == 0 ? 2 : 1);
    c->size[1] = (c->rows + c->n) * ((c->k + 1) / 2);
}
/* Arrays of bf16 end where the buffer of pairs does, so that an odd one begins with half a pair. */
static int64_t halves(int64_t count) {
    return (count + 1) / 2;
}
static lm_bf16 *bf16_in(float *b, int64_t count) {
    return (lm_bf16 *)(void *)b + count % 2;
}
static void pair_pack_sizes(kernel_call *c) { /* x out */
    bf16_pack_sizes(c);
    c->pairs |= 1u << 0;
    c->size[0] = halves(c->size[0]);
}
static void rows_to_bf16(kernel_call *c) { /* x y */
    c->pairs = 1u << 1;
    c->size[0] = strided(c);
    c->size[1] = halves(strided(c));
}
static void rows_of_bf16(kernel_call *c) { /* x y out */
    c->pairs = 1u << 0 | 1u << 1;
    c->size[0] = c->size[1] = halves(strided(c));
    c->size[2] = c->rows;
}
static void from_bf16(kernel_call *c) { /* x y */
    c->pairs = 1u << 0;
    c->size[0] = halves(c->n);
    c->size[1] = c->n;
}
static void bf16_rows_then_vector(kernel_call *c) { /* x, a vector of n */
    c->pairs = 1u << 0;
    c->size[0] = halves(strided(c));
    c->size[1] = c->n;
}
static void gemv_sizes(kernel_call *c) { /* w x init y */
    c->size[0] = strided(c);
    c->size[1] = c->n;
    c->size[2] = c->size[3] = c->rows;
}

/* ---- calls ---------------------------------------------------------------------------------- */
static void gemm(const lm_kernels *k, const kernel_call *c) {
    int64_t a_row = c->variant < 3 ? c->k : 1, a_col = c->variant < 3 ? 1 : c->rows;
    int kind = c->variant % 3; /* no init, a bias, a matrix */
    k->gemm_f32(c->rows, c->n, c->k, c->b[0], a_row, a_col, c->b[1], c->stride,
                kind == 0 ? NULL : c->b[2], kind == 2 ? c->stride : 0, c->b[3], c->stride);
}
static void gemm_accumulate(const lm_kernels *k, const kernel_call *c) {
    k->gemm_f32(c->rows, c->n, c->k, c->b[0], c->k, 1, c->b[1], c->stride, c->b[3], c->stride,
                c->b[3], c->stride);
}
static void gemm_both(const lm_kernels *k, const kernel_call *c) {
    gemm(k, c);
    gemm_accumulate(k, c);
}
/* Strides of the variants of packing: any, rows contiguous, k contiguous. */
static int64_t pack_row(const kernel_call *c) {
    return c->variant == 0 ? 2 * c->k : c->variant == 1 ? 1 : c->k;
}
static int64_t pack_col(const kernel_call *c) {
    return c->variant == 0 ? 2 : c->variant == 1 ? c->rows : 1;
}
static void pack(const lm_kernels *k, const kernel_call *c) { /* panels of rows + n */
    k->pack_f32(c->rows, c->rows + c->n, c->k, c->b[0], pack_row(c), pack_col(c), c->b[1]);
}
static const lm_bf16_pair *pairs_in(const float *b) {
    return (const lm_bf16_pair *)(const void *)b;
}
static void pair_gemm(const lm_kernels *k, const kernel_call *c) {
    int64_t a_row = c->variant < 3 ? c->k : 1, a_col = c->variant < 3 ? 1 : c->rows;
    int kind = c->variant % 3; /* no init, a bias, a matrix */
    k->gemm_bf16(c->rows, c->n, c->k, pairs_in(c->b[0]), a_row, a_col, pairs_in(c->b[1]), c->stride,
                 kind == 0 ? NULL : c->b[2], kind == 2 ? c->stride : 0, c->b[3], c->stride);
}
static void pair_gemm_both(const lm_kernels *k, const kernel_call *c) {
    pair_gemm(k, c);
    k->gemm_bf16(c->rows, c->n, c->k, pairs_in(c->b[0]), c->k, 1, pairs_in(c->b[1]), c->stride,
                 c->b[3], c->stride, c->b[3], c->stride);
}
static void bf16_pack(const lm_kernels *k, const kernel_call *c) {
    k->pack_bf16_from_f32(c->rows, c->rows + c->n, c->k, c->b[0], pack_row(c), pack_col(c),
                          (lm_bf16_pair *)(void *)c->b[1]);
}
static void pair_pack(const lm_kernels *k, const kernel_call *c) {
    int64_t count = c->rows * c->k * (c->variant == 0 ? 2 : 1);
    k->pack_bf16_from_bf16(c->rows, c->rows + c->n, c->k, bf16_in(c->b[0], count), pack_row(c),
                           pack_col(c), (lm_bf16_pair *)(void *)c->b[1]);
}
static void bf16_from_f32(const lm_kernels *k, const kernel_call *c) {
    k->bf16_from_f32(c->rows, c->n, c->b[0], c->stride, bf16_in(c->b[1], strided(c)), c->stride);
}
static void f32_from_bf16(const lm_kernels *k, const kernel_call *c) {
    k->f32_from_bf16(c->n, bf16_in(c->b[0], c->n), c->b[1]);
}
static void gemv(const lm_kernels *k, const kernel_call *c) {
    k->gemv_f32(c->rows, c->n, c->b[0], c->stride, c->b[1], c->variant ? c->b[2] : NULL, c->b[3]);
}
static void add(const lm_kernels *k, const kernel_call *c) {
    k->add_f32(c->n, c->b[0], c->b[1]);
}
static void mul(const lm_kernels *k, const kernel_call *c) {
    k->mul_f32(c->n, c->b[0], c->b[1]);
}
static void scale(const lm_kernels *k, const kernel_call *c) {
    k->scale_f32(c->n, 0.7f, c->b[0]);
}
static void dot(const lm_kernels *k, const kernel_call *c) {
    c->b[2][0] = k->dot_f32(c->n, c->b[0], c->b[1]);
}
static void sum_squares(const lm_kernels *k, const kernel_call *c) {
    c->b[2][0] = k->sum_squares_f32(c->n, c->b[0]);
}
static void dot_rows(const lm_kernels *k, const kernel_call *c) {
    k->dot_rows_bf16(c->rows, c->n, bf16_in(c->b[0], strided(c)), c->stride,
                     bf16_in(c->b[1], strided(c)), c->stride, c->b[2]);
}
static void sum_rows(const lm_kernels *k, const kernel_call *c) {
    k->sum_rows_f32(c->rows, c->n, c->b[0], c->stride, c->b[1]);
}
static void sum_rows_bf16(const lm_kernels *k, const kernel_call *c) {
    k->sum_rows_bf16(c->rows, c->n, bf16_in(c->b[0], strided(c)), c->stride, c->b[1]);
}
static void layernorm_forward(const lm_kernels *k, const kernel_call *c) {
    k->layernorm_forward_f32(c->rows, c->n, 1e-5f, c->b[0], c->b[1], c->variant ? c->b[2] : NULL,
                             c->b[3], c->b[4], c->b[5]);
}
static void layernorm_backward(const lm_kernels *k, const kernel_call *c) {
    k->layernorm_backward_f32(c->rows, c->n, c->b[0], c->b[1], c->b[2], c->b[3], c->b[4], c->b[5],
                              c->b[6], c->variant ? c->b[7] : NULL);
}
static void rmsnorm_forward(const lm_kernels *k, const kernel_call *c) {
    k->rmsnorm_forward_f32(c->rows, c->n, 1e-6f, c->b[0], c->b[1], c->b[c->variant ? 3 : 0],
                           c->b[5]);
}
static void rmsnorm_backward(const lm_kernels *k, const kernel_call *c) {
    k->rmsnorm_backward_f32(c->rows, c->n, c->b[0], c->b[1], c->b[3], c->b[4], c->b[5], c->b[6]);
}
static void gelu_tanh_forward(const lm_kernels *k, const kernel_call *c) {
    k->gelu_tanh_forward_f32(c->n, c->b[0], c->b[1]);
}
static void gelu_tanh_backward(const lm_kernels *k, const kernel_call *c) {
    k->gelu_tanh_backward_f32(c->n, c->b[0], c->b[1], c->b[c->variant ? 1 : 2], c->b[3]);
}
static void gelu_erf_forward(const lm_kernels *k, const kernel_call *c) {
    k->gelu_erf_forward_f32(c->n, c->b[0], c->b[1]);
}
static void gelu_erf_backward(const lm_kernels *k, const kernel_call *c) {
    k->gelu_erf_backward_f32(c->n, c->b[0], c->b[1], c->b[c->variant ? 1 : 2], c->b[3]);
}
static void swiglu_forward(const lm_kernels *k, const kernel_call *c) {
    k->swiglu_forward_f32(c->n, c->b[0], c->b[1], c->b[2]);
}
static void swiglu_backward(const lm_kernels *k, const kernel_call *c) {
    k->swiglu_backward_f32(c->n, c->b[0], c->b[1], c->b[2], c->b[c->variant ? 2 : 3],
                           c->b[c->variant ? 1 : 4], c->b[5]);
}
static void relu2_forward(const lm_kernels *k, const kernel_call *c) {
    k->relu2_forward_f32(c->n, c->b[0], c->b[1]);
}
static void relu2_backward(const lm_kernels *k, const kernel_call *c) {
    k->relu2_backward_f32(c->n, c->b[0], c->b[1], c->b[c->variant ? 1 : 2], c->b[3]);
}
static void rope(const lm_kernels *k, const kernel_call *c) {
    k->rope_f32(c->rows, c->n / 2 * 2, c->b[0], c->b[1], c->b[2]);
}
static const int64_t first_valid[] = {1, -3, 0, 7, 1000}; /* 1: the diagonal; 1000: all */
static void attention_softmax(const lm_kernels *k, const kernel_call *c) {
    k->attention_softmax_f32(c->rows, c->n, first_valid[c->variant], 0.125f, c->b[0], c->stride,
                             c->b[1], c->b[2], c->b[3]);
}
static void attention_finish(const lm_kernels *k, const kernel_call *c) {
    k->attention_finish_f32(c->rows, c->b[0], c->b[1], c->b[2]);
}
static void attention_gradient(const lm_kernels *k, const kernel_call *c) {
    k->attention_backward_f32(c->rows, c->n, first_valid[c->variant], 0.125f, c->b[0], c->stride,
                              c->b[1], c->stride, c->b[2], c->b[3]);
}
static void softcap(const lm_kernels *k, const kernel_call *c) {
    k->softcap_f32(c->n, 0.04f, 30.0f, c->b[0], c->variant ? c->b[1] : NULL);
}
static void scale_rows(const lm_kernels *k, const kernel_call *c) {
    k->scale_rows_f32(c->rows, c->n, c->b[1], c->b[0], c->stride);
}
static void column_max(const lm_kernels *k, const kernel_call *c) {
    k->column_max_f32(c->rows, c->n, c->b[0], c->stride, c->b[1]);
}
static void column_exp_in_place(const lm_kernels *k, const kernel_call *c) {
    k->column_exp_in_place_f32(c->rows, c->n, c->b[0], c->stride, c->b[1], c->b[2]);
}
static void column_add_exp(const lm_kernels *k, const kernel_call *c) {
    k->column_add_exp_f32(c->rows, c->n, c->b[0], c->stride, c->b[1], c->b[2]);
}
static void column_gradient(const lm_kernels *k, const kernel_call *c) {
    k->column_gradient_f32(c->rows, c->n, c->b[0], c->stride, c->b[1], c->b[2], 0.01f,
                           c->variant ? 0.03f : 0.0f);
}
static void dropout(const lm_kernels *k, const kernel_call *c) { /* x residual y, then in place */
    static const lm_rng rng = {.seed = 0x9876543210, .purpose = LM_RNG_DROPOUT, .step = 3};
    uint64_t block = 0xfffffffd; /* an index grows beyond 32 bits */
    k->dropout_f32(c->n, &rng, block, 20000, 1.5f, c->b[0], NULL, c->b[2]);
    k->dropout_f32(c->n, &rng, block, 20000, 1.5f, c->b[0], c->b[1], c->b[1]);
}
static void sgd(const lm_kernels *k, const kernel_call *c) {
    k->sgd_f32(c->n, 0.1f, 0.01f, 0.5f, c->b[0], c->b[1]);
}
static void momentum(const lm_kernels *k, const kernel_call *c) {
    k->momentum_f32(c->n, 0.1f, 0.9f, 0.01f, 0.5f, c->b[0], c->b[1], c->b[2]);
}
static void adam(const lm_kernels *k, const kernel_call *c) {
    lm_adam_coefficients a = {.lr = 1e-3f,
                              .beta1 = 0.9f,
                              .beta2 = 0.99f,
                              .eps = 1e-8f,
                              .inv_correction1 = 1.5f,
                              .inv_correction2 = 2.5f,
                              .decay = c->variant ? 1e-4f : 0.0f,
                              .grad_scale = 0.5f};
    k->adam_f32(c->n, &a, c->b[0], c->b[1], c->b[2], c->b[3]);
}

#define MEMBER(f) #f, offsetof(lm_kernels, f)
const lm_kernel_row lm_kernel_list[] = {
    {MEMBER(gemm_f32), LM_KERNEL_GEMM, 6, gemm_sizes, gemm_both, "0123", "3", 4},
    {MEMBER(pack_f32), LM_KERNEL_GEMM, 3, pack_sizes, pack, "0", "1", 0},
    {MEMBER(gemm_bf16), LM_KERNEL_GEMM, 6, pair_gemm_sizes, pair_gemm_both, "0123", "3", 8},
    {MEMBER(pack_bf16_from_f32), LM_KERNEL_GEMM, 3, bf16_pack_sizes, bf16_pack, "0", "1", 0},
    {MEMBER(pack_bf16_from_bf16), LM_KERNEL_GEMM, 3, pair_pack_sizes, pair_pack, "0", "1", 0},
    {MEMBER(bf16_from_f32), LM_KERNEL_MATRIX, 1, rows_to_bf16, bf16_from_f32, "0", "1", 0},
    {MEMBER(f32_from_bf16), LM_KERNEL_VECTOR, 1, from_bf16, f32_from_bf16, "0", "1", 0},
    {MEMBER(gemv_f32), LM_KERNEL_MATRIX, 2, gemv_sizes, gemv, "012", "3", 0},
    {MEMBER(add_f32), LM_KERNEL_VECTOR, 1, vectors, add, "01", "1", 0},
    {MEMBER(mul_f32), LM_KERNEL_VECTOR, 1, vectors, mul, "01", "1", 0},
    {MEMBER(scale_f32), LM_KERNEL_VECTOR, 1, vectors, scale, "0", "0", 0},
    {MEMBER(dot_f32), LM_KERNEL_VECTOR, 1, reduction, dot, "01", "2", 0},
    {MEMBER(sum_squares_f32), LM_KERNEL_VECTOR, 1, reduction, sum_squares, "0", "2", 0},
    {MEMBER(dot_rows_bf16), LM_KERNEL_MATRIX, 1, rows_of_bf16, dot_rows, "01", "2", 0},
    {MEMBER(sum_rows_f32), LM_KERNEL_MATRIX, 1, rows_then_vector, sum_rows, "01", "1", 0},
    {MEMBER(sum_rows_bf16), LM_KERNEL_MATRIX, 1, bf16_rows_then_vector, sum_rows_bf16, "01", "1",
     0},
    {MEMBER(layernorm_forward_f32), LM_KERNEL_MATRIX, 2, norm_forward, layernorm_forward, "012",
     "345", 0},
    {MEMBER(layernorm_backward_f32), LM_KERNEL_MATRIX, 2, norm_backward, layernorm_backward,
     "01234567", "567", 0},
    {MEMBER(rmsnorm_forward_f32), LM_KERNEL_MATRIX, 2, norm_forward, rmsnorm_forward, "01", "35",
     0},
    {MEMBER(rmsnorm_backward_f32), LM_KERNEL_MATRIX, 1, norm_backward, rmsnorm_backward, "013456",
     "56", 0},
    {MEMBER(gelu_tanh_forward_f32), LM_KERNEL_VECTOR, 1, vectors, gelu_tanh_forward, "0", "1", 0},
    {MEMBER(gelu_tanh_backward_f32), LM_KERNEL_VECTOR, 2, vectors, gelu_tanh_backward, "01", "13",
     0},
    {MEMBER(gelu_erf_forward_f32), LM_KERNEL_VECTOR, 1, vectors, gelu_erf_forward, "0", "1", 0},
    {MEMBER(gelu_erf_backward_f32), LM_KERNEL_VECTOR, 2, vectors, gelu_erf_backward, "01", "13", 0},
    {MEMBER(swiglu_forward_f32), LM_KERNEL_VECTOR, 1, vectors, swiglu_forward, "01", "2", 0},
    {MEMBER(swiglu_backward_f32), LM_KERNEL_VECTOR, 2, vectors, swiglu_backward, "012", "125", 0},
    {MEMBER(relu2_forward_f32), LM_KERNEL_VECTOR, 1, vectors, relu2_forward, "0", "1", 0},
    {MEMBER(relu2_backward_f32), LM_KERNEL_VECTOR, 2, vectors, relu2_backward, "01", "13", 0},
    {MEMBER(rope_f32), LM_KERNEL_MATRIX, 1, rope_sizes, rope, "012", "2", 0},
    {MEMBER(attention_softmax_f32), LM_KERNEL_MATRIX, 5, attention_forward, attention_softmax,
     "012", "0123", 0},
    {MEMBER(scale_rows_f32), LM_KERNEL_MATRIX, 1, rows_and_factors, scale_rows, "01", "0", 0},
    {MEMBER(attention_finish_f32), LM_KERNEL_MATRIX, 1, row_numbers, attention_finish, "01", "12",
     0},
    {MEMBER(attention_backward_f32), LM_KERNEL_MATRIX, 5, attention_backward, attention_gradient,
     "0123", "01", 0},
    {MEMBER(softcap_f32), LM_KERNEL_VECTOR, 2, vectors, softcap, "0", "01", 0},
    {MEMBER(column_max_f32), LM_KERNEL_MATRIX, 1, rows_then_vector, column_max, "01", "1", 0},
    {MEMBER(column_exp_in_place_f32), LM_KERNEL_MATRIX, 1, rows_then_vector, column_exp_in_place,
     "012", "02", 0},
    {MEMBER(column_add_exp_f32), LM_KERNEL_MATRIX, 1, rows_then_vector, column_add_exp, "012", "2",
     0},
    {MEMBER(column_gradient_f32), LM_KERNEL_MATRIX, 2, rows_then_vector, column_gradient, "012",
     "0", 0},
    {MEMBER(dropout_f32), LM_KERNEL_VECTOR, 1, vectors, dropout, "001", "12", 0},
    {MEMBER(sgd_f32), LM_KERNEL_VECTOR, 1, vectors, sgd, "01", "1", 0},
    {MEMBER(momentum_f32), LM_KERNEL_VECTOR, 1, vectors, momentum, "012", "12", 0},
    {MEMBER(adam_f32), LM_KERNEL_VECTOR, 2, vectors, adam, "0123", "123", 0},
};
const int lm_kernel_list_count = (int)(sizeof lm_kernel_list / sizeof *lm_kernel_list);
