/* The definition of every kernel, in plain C: see kernels.h for what each computes. One file a
 * group.
 */
#ifndef LM_KERNELS_SCALAR_SCALAR_H
#define LM_KERNELS_SCALAR_SCALAR_H

#include "kernels/kernels.h"

/* gemm.c */
void lm_scalar_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                        int64_t a_col, const float *b, int64_t b_row, const float *init,
                        int64_t init_row, float *c, int64_t c_row);
void lm_scalar_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                        int64_t x_col, float *out);
void lm_scalar_gemm_bf16(int64_t m, int64_t n, int64_t pairs, const lm_bf16_pair *a, int64_t a_row,
                         int64_t a_col, const lm_bf16_pair *b, int64_t b_row, const float *init,
                         int64_t init_row, float *c, int64_t c_row);
void lm_scalar_gemv_f32(int64_t m, int64_t k, const float *w, int64_t w_row, const float *x,
                        const float *init, float *y);

/* bf16.c */
/* Columns begin..end of the panel that pack_bf16_from_f32 makes, or pack_bf16_from_bf16: what vectors leave over. */
void lm_scalar_pack_bf16_from_f32_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                          int64_t k, const float *x, int64_t x_row, int64_t x_col,
                                          lm_bf16_pair *out);
void lm_scalar_pack_bf16_from_bf16_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                           int64_t k, const lm_bf16 *x, int64_t x_row,
                                           int64_t x_col, lm_bf16_pair *out);
void lm_scalar_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                  int64_t x_row, int64_t x_col, lm_bf16_pair *out);
void lm_scalar_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                   int64_t x_row, int64_t x_col, lm_bf16_pair *out);
void lm_scalar_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                             int64_t y_row);
void lm_scalar_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y);

/* vector.c */
void lm_scalar_add_f32(int64_t n, const float *x, float *y);
void lm_scalar_mul_f32(int64_t n, const float *x, float *y);
void lm_scalar_scale_f32(int64_t n, float a, float *x);
float lm_scalar_dot_f32(int64_t n, const float *x, const float *y);
float lm_scalar_sum_squares_f32(int64_t n, const float *x);
void lm_scalar_dot_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row,
                             const lm_bf16 *y, int64_t y_row, float *out);
void lm_scalar_sum_rows_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out);
void lm_scalar_sum_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, float *out);
void lm_scalar_scale_rows_f32(int64_t rows, int64_t n, const float *a, float *x, int64_t x_row);

/* norm.c */
void lm_scalar_layernorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                     const float *weight, const float *bias, float *y, float *mean,
                                     float *rstd);
void lm_scalar_layernorm_backward_f32(int64_t rows, int64_t n, const float *x, const float *weight,
                                      const float *mean, const float *rstd, const float *dy,
                                      float *dx, float *dweight, float *dbias);
void lm_scalar_rmsnorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                   const float *weight, float *y, float *rstd);
void lm_scalar_rmsnorm_backward_f32(int64_t rows, int64_t n, const float *x, const float *weight,
                                    const float *rstd, const float *dy, float *dx, float *dweight);

/* activation.c */
void lm_scalar_gelu_tanh_forward_f32(int64_t n, const float *x, float *y);
void lm_scalar_gelu_tanh_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                      float *y);
void lm_scalar_gelu_erf_forward_f32(int64_t n, const float *x, float *y);
void lm_scalar_gelu_erf_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                     float *y);
void lm_scalar_swiglu_forward_f32(int64_t n, const float *gate, const float *up, float *y);
void lm_scalar_swiglu_backward_f32(int64_t n, const float *gate, const float *up, const float *dy,
                                   float *dgate, float *dup, float *y);
void lm_scalar_relu2_forward_f32(int64_t n, const float *x, float *y);
void lm_scalar_relu2_backward_f32(int64_t n, const float *x, const float *dy, float *dx, float *y);

/* attention.c */
void lm_scalar_attention_softmax_f32(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                     float *s, int64_t s_row, float *m, float *l, float *alpha);
void lm_scalar_attention_finish_f32(int64_t rows, const float *m, float *l, float *lse);
void lm_scalar_attention_backward_f32(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                      float *s, int64_t s_row, float *dp, int64_t dp_row,
                                      const float *lse, const float *delta);
void lm_scalar_softcap_f32(int64_t n, float a, float cap, float *x, float *slope);
void lm_scalar_rope_f32(int64_t heads, int64_t size, const float *cos, const float *sin, float *x);

/* loss.c */
void lm_scalar_column_max_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, float *m);
void lm_scalar_column_exp_in_place_f32(int64_t rows, int64_t n, float *x, int64_t x_row,
                                       const float *m, float *l);
void lm_scalar_column_add_exp_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                  const float *m, float *l);
void lm_scalar_column_gradient_f32(int64_t rows, int64_t n, float *x, int64_t x_row, const float *m,
                                   const float *a, float b, float inv_cap);

/* dropout.c */
void lm_scalar_dropout_f32(int64_t n, const lm_rng *rng, uint64_t block, uint32_t threshold,
                           float scale, const float *x, const float *residual, float *y);

/* optimizer.c */
void lm_scalar_sgd_f32(int64_t n, float lr, float decay, float grad_scale, const float *g,
                       float *p);
void lm_scalar_momentum_f32(int64_t n, float lr, float momentum, float decay, float grad_scale,
                            const float *g, float *b, float *p);
void lm_scalar_adam_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                        float *v, float *p);

/* peak.c */
double lm_scalar_peak_f32(int64_t iterations); /* also peak_bf16: nothing is gained by pairs */

#endif
