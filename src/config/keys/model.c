#include "config/keys/rows.h"

static bool uses_rope(const lm_config *c) {
    return c->model.position == LM_POSITION_ROPE;
}
static bool masks_documents(const lm_config *c) {
    return c->model.document_mask;
}

/* clang-format off */
static const lm_key keys[] = {
    {"model.preset", CHOICE(preset, lm_preset_name, "none"), MAY_CHANGE,
     .help = "sets norm, position, mlp, bias, tie_embeddings and init as GPT-2 (Radford et al. 2019) or LLaMA (Touvron et al. 2023) has them; keys given beside it win"},
    {"model.d_model", INTEGER(model.d_model, 1, SIZE_MOST, "256"), .help = "width: channels a token"},
    {"model.n_layers", INTEGER(model.n_layers, 1, SIZE_MOST, "6"), .help = "blocks of attention and MLP"},
    {"model.n_heads", INTEGER(model.n_heads, 1, SIZE_MOST, "8"),
     .help = "attention heads (Vaswani et al. 2017); divides d_model"},
    {"model.n_kv_heads", INTEGER(model.n_kv_heads, 0, SIZE_MOST, "0"),
     .help = "key/value heads, shared by groups of heads (Ainslie et al. 2023); 0: n_heads"},
    {"model.d_ff", INTEGER(model.d_ff, 0, SIZE_MOST, "0"),
     .help = "width of the MLP; 0: 4 d_model (Vaswani et al. 2017), for swiglu 8/3 d_model (Shazeer 2020) rounded up to a multiple of 32"},
    {"model.context_length", INTEGER(model.context_length, 1, SIZE_MOST, "256"),
     .help = "tokens a prediction may look back on; also the length of training windows"},
    {"model.vocab_size", INTEGER(model.vocab_size, 0, SIZE_MOST, "0"),
     .help = "0: from the data's manifest or tokenizer"},
    {"model.norm", CHOICE(model.norm, lm_norm_name, "rmsnorm"),
     .help = "before each block part and the head (Ba et al. 2016; Zhang & Sennrich 2019)"},
    {"model.norm_eps", REAL(model.norm_eps, TINY, 1, "1e-05"),
     .help = "added to the variance (Ba et al. 2016; Zhang & Sennrich 2019)"},
    {"model.position", CHOICE(model.position, lm_position_name, "rope"),
     .help = "learned vectors (Vaswani et al. 2017), rotations (Su et al. 2021) or none (Haviv et al. 2022)"},
    {"model.rope_theta", REAL(model.rope_theta, 1, 1e12, "10000"), WHEN(uses_rope, "model.position"),
     .help = "base of the rotations' wavelengths (Su et al. 2021: 10000; Xiong et al. 2023: larger for long contexts)"},
    {"model.mlp", CHOICE(model.mlp, lm_mlp_name, "swiglu"),
     .help = "its non-linearity (gelu: Hendrycks & Gimpel 2016; swiglu: Shazeer 2020; relu2: So et al. 2021)"},
    {"model.qk_norm", BOOLEAN(model.qk_norm, "false"),
     .help = "RMSNorm of each head's queries and keys (Henry et al. 2020; Dehghani et al. 2023)"},
    {"model.embedding_norm", BOOLEAN(model.embedding_norm, "false"),
     .help = "a norm behind the embedding too (Dettmers et al. 2022; Le Scao et al. 2022)"},
    {"model.window", INTEGER(model.window, 0, SIZE_MOST, "0"),
     .help = "a token sees so many tokens, itself included (Child et al. 2019; Jiang et al. 2023); 0: all"},
    {"model.attention_softcap", REAL(model.attention_softcap, 0, 1e6, "0"),
     .help = "attention's scores become c tanh(score / c) (Gemma Team 2024: 50); 0: as they are"},
    {"model.logit_softcap", REAL(model.logit_softcap, 0, 1e6, "0"),
     .help = "logits become c tanh(logit / c) (Bello et al. 2016; Gemma Team 2024: 30); 0: as they are"},
    {"model.label_smoothing", REAL(model.label_smoothing, 0, 0.99, "0"), MAY_CHANGE,
     .help = "share of the training loss that wants all tokens alike (Szegedy et al. 2016); not in validation"},
    {"model.z_loss", REAL(model.z_loss, 0, 1, "0"), MAY_CHANGE,
     .help = "times log^2 of the softmax denominator, in the training loss (Chowdhery et al. 2022: 1e-4)"},
    {"model.bias", BOOLEAN(model.bias, "false"),
     .help = "biases in linear layers and LayerNorm (none: Chowdhery et al. 2022)"},
    {"model.tie_embeddings", BOOLEAN(model.tie_embeddings, "true"),
     .help = "the head is the token embedding (Press & Wolf 2017)"},
    {"model.init", CHOICE(model.init, lm_init_name, "gpt2"),
     .help = "of projections into the residual stream: init_std over sqrt(2 n_layers) (Radford et al. 2019), init_std, or 0 (Zhang et al. 2019)"},
    {"model.init_std", REAL(model.init_std, TINY, 10, "0.02"),
     .help = "standard deviation of initial weights (Radford et al. 2018: 0.02)"},
    {"model.dropout", REAL(model.dropout, 0, 0.99, "0"), MAY_CHANGE,
     .help = "of the embedding and of what attention and MLP add, in training (Srivastava et al. 2014)"},
    {"model.document_mask", BOOLEAN(model.document_mask, "false"),
     .help = "attention and learned positions do not cross document_token (Raffel et al. 2020; Grattafiori et al. 2024)"},
    {"model.document_token", INTEGER(model.document_token, 0, SIZE_MOST, "0"),
     WHEN(masks_documents, "model.document_mask"), .help = "the token that begins a document; to be given with document_mask"},
    {"model.recompute", CHOICE(model.recompute, lm_recompute_name, "none"), MAY_CHANGE,
     .help = "activations computed again instead of kept (attention: Korthikanti et al. 2022; block: Chen et al. 2016); no bit changes"},
};
/* clang-format on */
SECTION(model);
