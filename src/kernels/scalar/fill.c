#include "kernels/scalar/scalar.h"

void lm_kernels_fill_scalar(lm_kernels *k) {
    k->gemm_f32_mr = 4;
    k->gemm_f32_nr = 64;
    k->gemm_bf16_mr = 4;
    k->gemm_bf16_nr = 64;
    k->gemm_f32 = lm_scalar_gemm_f32;
    k->pack_f32 = lm_scalar_pack_f32;
    k->gemm_bf16 = lm_scalar_gemm_bf16;
    k->pack_bf16 = lm_scalar_pack_bf16;
    k->gemv_f32 = lm_scalar_gemv_f32;
    k->add_f32 = lm_scalar_add_f32;
    k->mul_f32 = lm_scalar_mul_f32;
    k->scale_f32 = lm_scalar_scale_f32;
    k->dot_f32 = lm_scalar_dot_f32;
    k->sum_squares_f32 = lm_scalar_sum_squares_f32;
    k->sum_rows_f32 = lm_scalar_sum_rows_f32;
    k->scale_rows_f32 = lm_scalar_scale_rows_f32;
    k->layernorm_forward_f32 = lm_scalar_layernorm_forward_f32;
    k->layernorm_backward_f32 = lm_scalar_layernorm_backward_f32;
    k->rmsnorm_forward_f32 = lm_scalar_rmsnorm_forward_f32;
    k->rmsnorm_backward_f32 = lm_scalar_rmsnorm_backward_f32;
    k->exp_f32 = lm_scalar_exp_f32;
    k->gelu_tanh_forward_f32 = lm_scalar_gelu_tanh_forward_f32;
    k->gelu_tanh_backward_f32 = lm_scalar_gelu_tanh_backward_f32;
    k->gelu_erf_forward_f32 = lm_scalar_gelu_erf_forward_f32;
    k->gelu_erf_backward_f32 = lm_scalar_gelu_erf_backward_f32;
    k->swiglu_forward_f32 = lm_scalar_swiglu_forward_f32;
    k->swiglu_backward_f32 = lm_scalar_swiglu_backward_f32;
    k->relu2_forward_f32 = lm_scalar_relu2_forward_f32;
    k->relu2_backward_f32 = lm_scalar_relu2_backward_f32;
    k->attention_softmax_f32 = lm_scalar_attention_softmax_f32;
    k->attention_backward_f32 = lm_scalar_attention_backward_f32;
    k->softcap_f32 = lm_scalar_softcap_f32;
    k->rope_f32 = lm_scalar_rope_f32;
    k->column_max_f32 = lm_scalar_column_max_f32;
    k->column_exp_sum_f32 = lm_scalar_column_exp_sum_f32;
    k->column_sum_exp_f32 = lm_scalar_column_sum_exp_f32;
    k->column_gradient_f32 = lm_scalar_column_gradient_f32;
    k->column_scale_f32 = lm_scalar_column_scale_f32;
    k->dropout_f32 = lm_scalar_dropout_f32;
    k->sgd_f32 = lm_scalar_sgd_f32;
    k->momentum_f32 = lm_scalar_momentum_f32;
    k->adam_f32 = lm_scalar_adam_f32;
    k->peak_f32 = lm_scalar_peak_f32;
    k->peak_bf16 = lm_scalar_peak_f32;
}
