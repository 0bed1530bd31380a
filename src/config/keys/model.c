#include "config/keys/rows.h"

static bool uses_rope(const lm_config *c) {
    return c->model.position == LM_POSITION_ROPE;
}
static bool scales_rope(const lm_config *c) {
    return uses_rope(c) && c->model.rope_scaling != LM_ROPE_SCALING_NONE;
}
static bool scales_as_llama3(const lm_config *c) {
    return uses_rope(c) && c->model.rope_scaling == LM_ROPE_SCALING_LLAMA3;
}
static bool has_no_bias(const lm_config *c) {
    return !c->model.bias;
}
static bool has_no_norm_bias(const lm_config *c) {
    return c->model.norm == LM_NORM_LAYERNORM && !c->model.bias;
}
static bool norms_heads(const lm_config *c) {
    return c->model.qk_norm;
}
static bool transfers(const lm_config *c) {
    return c->model.parametrization != LM_STANDARD;
}
static bool transfers_depth(const lm_config *c) {
    return c->model.parametrization == LM_COMPLETEP;
}
static bool has_own_head(const lm_config *c) {
    return !c->model.tie_embeddings;
}
static bool masks_documents(const lm_config *c) {
    return c->model.document_mask;
}

/* clang-format off */
static const lm_key keys[] = {
    {"model.preset", CHOICE(preset, lm_preset_name, "none"), NEUTRAL,
     .help = "Sets norm, position, mlp, bias, tie_embeddings and init as in GPT-2 (Radford et al. "
             "2019) or LLaMA (Touvron et al. 2023). Keys that are given win over the preset."},
    {"model.d_model", INTEGER(model.d_model, 1, LM_MODEL_MOST_WIDTH, "256"),
     .help = "Width of the model: channels per token."},
    {"model.n_layers", INTEGER(model.n_layers, 1, SIZE_MOST, "6"),
     .help = "Blocks, each of attention and an MLP."},
    {"model.n_heads", INTEGER(model.n_heads, 1, SIZE_MOST, "8"),
     .help = "Attention heads (Vaswani et al. 2017); divides d_model, unless head_dim is given."},
    {"model.n_kv_heads", INTEGER(model.n_kv_heads, 0, SIZE_MOST, "0"), TRY("2 1"),
     .help = "Key/value heads, each shared by a group of heads (Ainslie et al. 2023). 0: n_heads."},
    {"model.head_dim", INTEGER(model.head_dim, 0, SIZE_MOST, "0"), TRY("6"),
     .help = "Width of a head (Qwen3, Yang et al. 2025: 128). 0: d_model / n_heads."},
    {"model.d_ff", INTEGER(model.d_ff, 0, SIZE_MOST, "0"),
     .help = "Width of the MLP. 0: 4 d_model (Vaswani et al. 2017); for swiglu 8/3 d_model "
             "(Shazeer 2020), rounded up to a multiple of 32."},
    {"model.context_length", INTEGER(model.context_length, 1, SIZE_MOST, "256"), MEANT,
     .help = "Tokens that a prediction may look back on; also the length of training windows."},
    {"model.vocab_size", INTEGER(model.vocab_size, 0, SIZE_MOST, "0"),
     .help = "Number of token ids. 0: from the data's manifest or tokenizer."},
    {"model.norm", CHOICE(model.norm, lm_norm_name, "rmsnorm"),
     .help = "Norm before attention, before the MLP and before the head "
             "(layernorm: Ba et al. 2016; rmsnorm: Zhang & Sennrich 2019)."},
    {"model.norm_eps", REAL(model.norm_eps, TINY, 1, "1e-05"),
     .help = "Added to the variance, or in rmsnorm to the mean square "
             "(Ba et al. 2016; Zhang & Sennrich 2019)."},
    {"model.position", CHOICE(model.position, lm_position_name, "rope"),
     .help = "How positions enter: learned vectors (Vaswani et al. 2017), rotations of queries and "
             "keys (rope: Su et al. 2021) or not at all (none: Haviv et al. 2022)."},
    {"model.rope_theta", REAL(model.rope_theta, 1, 1e12, "10000"), MEANT,
     WHEN(uses_rope, "model.position"),
     .help = "Base of the rotations' wavelengths (Su et al. 2021: 10000; "
             "larger for long contexts: Xiong et al. 2023)."},
    {"model.rope_dim", INTEGER(model.rope_dim, 0, SIZE_MOST, "0"), TRY("2"),
     WHEN(uses_rope, "model.position"),
     .help = "Channels of a head that turn, the first ones (GPT-J, Wang & Komatsuzaki 2021; "
             "StableLM: a quarter; Nemotron: a half). 0: all."},
    {"model.rope_scaling", CHOICE(model.rope_scaling, lm_rope_scaling_name, "none"), MEANT,
     WHEN(uses_rope, "model.position"),
     .help = "Slows the rotations down, for contexts longer than those that a model was first "
             "trained on: all of them (linear: Chen et al. 2023), or the slow ones (llama3: "
             "Grattafiori et al. 2024)."},
    {"model.rope_factor", REAL(model.rope_factor, 1, 1e30, "8"), MEANT,
     WHEN(scales_rope, "model.position"), AND_WHEN("model.rope_scaling"),
     .help = "How many times slower rotations become (Llama 3.1: 8; Llama 3.2: 32)."},
    {"model.rope_low_freq_factor", POSITIVE(model.rope_low_freq_factor, 1e6, "1"), MEANT,
     WHEN(scales_as_llama3, "model.position"), AND_WHEN("model.rope_scaling"),
     .help = "Rotations that turn less often than this within rope_original_context are slow."},
    {"model.rope_high_freq_factor", POSITIVE(model.rope_high_freq_factor, 1e6, "4"), MEANT,
     WHEN(scales_as_llama3, "model.position"), AND_WHEN("model.rope_scaling"),
     .help = "Rotations that turn more often than this within rope_original_context stay as they "
             "are; those between the two factors change by degrees."},
    {"model.rope_original_context", INTEGER(model.rope_original_context, 1, SIZE_MOST, "8192"),
     MEANT,
     WHEN(scales_as_llama3, "model.position"), AND_WHEN("model.rope_scaling"),
     .help = "Context length that the model was first trained on (Llama 3: 8192)."},
    {"model.mlp", CHOICE(model.mlp, lm_mlp_name, "swiglu"),
     .help = "Non-linearity of the MLP (gelu: Hendrycks & Gimpel 2016; swiglu: Shazeer 2020; "
             "relu2: So et al. 2021)."},
    {"model.qk_norm", BOOLEAN(model.qk_norm, "false"),
     .help = "RMSNorm of each head's queries and keys (Henry et al. 2020; Dehghani et al. 2023)."},
    {"model.qk_gain", REAL(model.qk_gain, 0, 1000, "0"), TRY("1.5"),
     WHEN(norms_heads, "model.qk_norm"),
     .help = "Each head's queries are multiplied, behind their norm, by a number that is learned "
             "from this value on, so that a head can be sharper than normed queries and keys "
             "allow. 1 begins as if there were none; 0: there is none."},
    {"model.embedding_norm", BOOLEAN(model.embedding_norm, "false"),
     .help = "One more norm, after the embedding (Dettmers et al. 2022; Le Scao et al. 2022)."},
    {"model.window", INTEGER(model.window, 0, SIZE_MOST, "0"), MEANT, TRY("2"),
     .help = "Each token attends to this many tokens, itself included "
             "(Child et al. 2019; Jiang et al. 2023). 0: to all before it."},
    {"model.attention_softcap", REAL(model.attention_softcap, 0, 1e6, "0"), TRY("1.5"),
     .help = "Attention scores become c tanh(score / c), where c is this value "
             "(Gemma Team 2024: 50). 0: scores stay as they are."},
    {"model.logit_softcap", REAL(model.logit_softcap, 0, 1e6, "0"), TRY("3"),
     .help = "Logits become c tanh(logit / c), where c is this value "
             "(Bello et al. 2016; Gemma Team 2024: 30). 0: logits stay as they are."},
    {"model.label_smoothing", REAL(model.label_smoothing, 0, 0.99, "0"), MAY_CHANGE, TRY("0.2"),
     .help = "Label smoothing: this share of the target probability is spread evenly over all "
             "tokens (training only; Szegedy et al. 2016)."},
    {"model.z_loss", REAL(model.z_loss, 0, 1, "0"), MAY_CHANGE, TRY("0.02"),
     .help = "This times the squared log of the softmax denominator is added to the loss "
             "(training only; Chowdhery et al. 2022: 1e-4)."},
    {"model.multi_token", NUMBERS(model.multi_token, 0, 1), MAY_CHANGE, TRY("[0.5,0.25]"),
     .help = "Multi-token prediction with one head: the logits that predict the next token predict "
             "the token behind it too, and the one behind that, whose losses have these weights, "
             "[0.5, 0.25] (training only; Gloeckle et al. 2024 give each its own head). They cost "
             "no products. The losses that are shown stay those of the next token. Under "
             "document_mask, what lies behind a document_token is no target of the document before "
             "it. schedule.multi_token changes the weights over the run."},
    {"model.bias", BOOLEAN(model.bias, "false"),
     .help = "Linear layers and LayerNorm have biases (Chowdhery et al. 2022 drop them)."},
    {"model.qkv_bias", BOOLEAN(model.qkv_bias, "false"), WHEN(has_no_bias, "model.bias"),
     .help = "Without model.bias: the projection to queries, keys and values has a bias all the "
             "same (Qwen2.5, Yang et al. 2024)."},
    {"model.norm_bias", BOOLEAN(model.norm_bias, "false"),
     WHEN(has_no_norm_bias, "model.norm"), AND_WHEN("model.bias"),
     .help = "Without model.bias: LayerNorm has a bias all the same (Nemotron-4, Parmar et al. "
             "2024)."},
    {"model.tie_embeddings", BOOLEAN(model.tie_embeddings, "true"),
     .help = "The head uses the weights of the token embedding (Press & Wolf 2017)."},
    {"model.ngram_tables", TABLES(model.ngram_tables),
     TRY("[{\"order\":2},{\"order\":3,\"rows\":6}]"),
     .help = "Tables with a row for the last `order` tokens together, which is added to the "
             "embedding: [{\"order\": 2}, {\"order\": 3, \"rows\": 16384}]. They cost memory and "
             "no products. Without `rows`, or with more than there are n-grams, each n-gram has a "
             "row; with fewer they are hashed (nn/ngram.h), and share rows. They begin at 0 and "
             "are updated as optimizer.lazy says."},
    {"model.x0_residual", BOOLEAN(model.x0_residual, "false"),
     .help = "Before each layer x becomes a x + b x0, x0 being the embedding; a and b are numbers "
             "of the layer, learned from 1 and 0 (Jordan et al. 2024)."},
    {"model.smear", BOOLEAN(model.smear, "false"),
     .help = "Each embedding receives a share of the one before it in the window, or document: "
             "x[t] + s gate(x[t]) x[t-1]. s is learned from 0, and the gate reads the first 12 "
             "channels (Jordan et al. 2024)."},
    {"model.value_embeddings", INTEGER(model.value_embeddings, 0, SIZE_MOST, "0"), TRY("1 2"),
     .help = "Every so many layers, counted from the last one back, have a table with a row for "
             "each token, which is added to the values of attention, each head of them times a "
             "gate that reads what attention reads (Zhou et al. 2024; Jordan et al. 2024). They "
             "cost memory and no products, and begin at 0. 0: none."},
    {"model.init", CHOICE(model.init, lm_init_name, "gpt2"), MAY_DIFFER,
     .help = "Standard deviation of the projections that write to the residual stream: "
             "gpt2: init_std/sqrt(2 n_layers) (Radford et al. 2019); normal: init_std; "
             "zero_output: 0 (Zhang et al. 2019)."},
    {"model.init_std", REAL(model.init_std, 0, 10, "0"), MAY_DIFFER, LEGACY("0.02"),
     .help = "Standard deviation of the initial weights. 0: 1/sqrt(inputs of the matrix) (LeCun et "
             "al. 1998); of an embedding 1/sqrt(d_model). The presets have 0.02 (Radford et al. "
             "2018), which suits widths of 768 and more."},
    {"model.parametrization", CHOICE(model.parametrization, lm_parametrization_name, "standard"),
     .help = "How a model changes with its size so that the learning rate that is best for a small "
             "one, the base, is best for a large one too: over widths (mup: Yang et al. 2022), "
             "over widths and depths (completep: Dey et al. 2025). src/model/transfer.h has the "
             "table. Exported weights have the multipliers in them."},
    {"model.base_d_model", INTEGER(model.base_d_model, 0, LM_MODEL_MOST_WIDTH, "0"), TRY("4"),
     WHEN(transfers, "model.parametrization"),
     .help = "d_model of the base. 0: the model's own, which is then the base itself."},
    {"model.base_n_layers", INTEGER(model.base_n_layers, 0, SIZE_MOST, "0"), TRY("1"),
     WHEN(transfers_depth, "model.parametrization"),
     .help = "n_layers of the base. 0: the model's own."},
    {"model.embedding_std", REAL(model.embedding_std, 0, 100, "0"), MAY_DIFFER,
     .help = "Standard deviation of the initial embeddings, of tokens and of positions. 0: "
             "init_std. With embedding_norm, 1 is common: rates and tables are then measured "
             "against embeddings of size 1."},
    {"model.zero_head", BOOLEAN(model.zero_head, "false"), MAY_DIFFER,
     WHEN(has_own_head, "model.tie_embeddings"),
     .help = "The head begins at 0: the first loss is the log of vocab_size, and nothing behind "
             "the head moves in the first step (Jordan et al. 2024)."},
    {"model.dropout", REAL(model.dropout, 0, 0.99, "0"), MAY_CHANGE, TRY("0.3"),
     .help = "Share of the values that become 0 in the embedding and in what attention and MLP "
             "add (training only; Srivastava et al. 2014)."},
    {"model.document_mask", BOOLEAN(model.document_mask, "false"), MAY_DIFFER,
     .help = "Attention and learned positions start anew at each document_token "
             "(Raffel et al. 2020; Grattafiori et al. 2024)."},
    {"model.document_token", INTEGER(model.document_token, 0, SIZE_MOST, "0"), MAY_DIFFER,
     WHEN(masks_documents, "model.document_mask"),
     .help = "The token that begins a document. Left out: what the manifest of data.train says; "
             "where it does not say it, document_mask needs it."},
    {"model.recompute", CHOICE(model.recompute, lm_recompute_name, "none"), NEUTRAL,
     .help = "Activations that are computed again instead of kept, which saves memory and changes "
             "no bit (attention: Korthikanti et al. 2022; block: Chen et al. 2016)."},
};
/* clang-format on */
SECTION(model);
