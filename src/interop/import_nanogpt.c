/* A checkpoint of nanoGPT as safetensors, which one line of Python makes of it:
 *
 *     python3 -c "import json, torch; from safetensors.torch import save_file
 *     c = torch.load('out/ckpt.pt', map_location='cpu', weights_only=False)
 *     save_file({k.removeprefix('_orig_mod.'): v.clone() for k, v in c['model'].items()
 *                if 'lm_head' not in k}, 'nanogpt.safetensors',
 *               {'nanogpt': json.dumps(c['model_args'])})"
 *
 * Names are GPT-2's, but matrices are [out, in]; the GELU is exact; without `bias` the norms have
 * none either (github.com/karpathy/nanoGPT, model.py). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "containers/safetensors.h"
#include "interop/import_hf.h"
#include "interop/source_parts.h"

static const lm_interop_class class = {.format = LM_INTEROP_HF,
                                       .name = "GPT of nanoGPT",
                                       .type = "nanogpt",
                                       .holds = "",
                                       .names = lm_interop_names_gpt2};

/* A safetensors file, not a directory of Hugging Face's. */
static bool probe(const char *path, const unsigned char *front, size_t size) {
    (void)path;
    return size > 8 && lm_read_u64(front) < (1 << 27) && front[8] == '{';
}

static void close_file(lm_interop_source *s) {
    if (!s->state) return;
    lm_safetensors_close(s->state);
    free(s->state);
    s->state = NULL;
}

static lm_status read_arguments(lm_interop_source *s, const char *json, lm_error *err) {
    lm_interop_values v;
    lm_model_options *o = &s->options;
    lm_status status = lm_interop_values_parse(&v, s->path, json, strlen(json), err);
    if (status != LM_OK) return status;
    o->d_model = lm_interop_value_count(&v, "n_embd", 1, INT32_MAX / 4);
    o->n_layers = lm_interop_value_count(&v, "n_layer", 1, LM_INTEROP_MOST_LAYERS);
    o->n_heads = lm_interop_value_count(&v, "n_head", 1, INT32_MAX);
    o->context_length = lm_interop_value_count(&v, "block_size", 1, INT32_MAX);
    o->vocab_size = lm_interop_value_count(&v, "vocab_size", 1, INT32_MAX);
    o->d_ff = 4 * o->d_model;
    o->bias = lm_interop_value_boolean_or(&v, "bias", true);
    o->norm = LM_NORM_LAYERNORM;
    o->position = LM_POSITION_LEARNED;
    o->mlp = LM_MLP_GELU;
    o->tie_embeddings = true;
    status = v.status;
    lm_interop_values_free(&v);
    return status;
}

static lm_status open_file(lm_interop_source *s, lm_error *err) {
    lm_safetensors *file = s->state = calloc(1, sizeof *file);
    s->class = &class;
    lm_status status =
        file ? lm_safetensors_open(file, s->path, err) : lm_error_no_memory(err, s->path);
    if (status != LM_OK) return status;
    const char *arguments = lm_safetensors_get(file, "nanogpt");
    if (!arguments)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a directory with config.json, or a checkpoint of nanoGPT"
                            " with its model_args as \"nanogpt\" in __metadata__; found neither",
                            s->path);
    return read_arguments(s, arguments, err);
}

static bool ignored(const char *name) {
    return lm_text_ends_with(name, ".attn.bias") || lm_text_ends_with(name, "lm_head.weight");
}

static lm_status place(lm_interop_source *s, lm_error *err) {
    const lm_safetensors *file = s->state;
    const lm_interop_container container = {&file->file, &file->tensors};
    return lm_interop_place_by_name(s, &container, 1, NULL, ignored, err);
}

const lm_interop_reader lm_interop_reader_nanogpt = {
    .name = "nanoGPT",
    .probe = probe,
    .open = open_file,
    .place = place,
    .close = close_file,
};
