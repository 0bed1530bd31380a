/* What model.preset sets: one row per key. Keys that are given win; keys without a row keep
 * their defaults. */
#include "config/keys.h"

enum { NONE, GPT2, LLAMA, PRESETS };

const char *lm_preset_name(int preset) {
    static const char *const names[PRESETS] = {"none", "gpt2", "llama"};
    return preset >= 0 && preset < PRESETS ? names[preset] : NULL;
}

const lm_preset_row lm_presets[] = {
    /* Radford et al. 2019 */
    {GPT2, "model.norm", "layernorm"},
    {GPT2, "model.norm_eps", "1e-05"},
    {GPT2, "model.position", "learned"},
    {GPT2, "model.mlp", "gelu_tanh"},
    {GPT2, "model.bias", "true"},
    {GPT2, "model.tie_embeddings", "true"},
    {GPT2, "model.init", "gpt2"},
    {GPT2, "model.init_std", "0.02"},
    /* Touvron et al. 2023 */
    {LLAMA, "model.norm", "rmsnorm"},
    {LLAMA, "model.norm_eps", "1e-05"},
    {LLAMA, "model.position", "rope"},
    {LLAMA, "model.rope_theta", "10000"},
    {LLAMA, "model.mlp", "swiglu"},
    {LLAMA, "model.bias", "false"},
    {LLAMA, "model.tie_embeddings", "false"},
    {LLAMA, "model.init", "normal"},
    {LLAMA, "model.init_std", "0.02"},
};
const int lm_n_presets = sizeof lm_presets / sizeof *lm_presets;

/* What suits another optimizer than the default. */
const lm_optimizer_default lm_optimizer_defaults[] = {
    {"muon", "optimizer.momentum", "0.95"},
    /* Defazio et al. 2024 */
    {"schedule_free", "optimizer.lr", "0.0025"},
    {"schedule_free", "optimizer.beta2", "0.999"},
    {"schedule_free", "schedule.name", "constant"},
};
const int lm_n_optimizer_defaults = sizeof lm_optimizer_defaults / sizeof *lm_optimizer_defaults;
