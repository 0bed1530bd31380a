/* GGUF for llama.cpp: the model and its tokenizer in one file. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "containers/gguf.h"
#include "interop/encode.h"
#include "interop/export_parts.h"
#include "interop/hf_config.h"
#include "tokenizer/gguf_vocabulary.h"

/* Where the model is from; that it is there says that lmtrain wrote the file. */
#define ABOUT "lmtrain.about"

static bool is_ours(const char *path) {
    lm_gguf g;
    lm_error aside = {0};
    if (lm_gguf_open(&g, path, &aside) != LM_OK) return false;
    bool ours = lm_gguf_has(&g, ABOUT);
    lm_gguf_close(&g);
    return ours;
}

/* ---- keys -------------------------------------------------------------------------------------*/

typedef struct keys {
    lm_gguf_writer *w;
    const char *arch;
    char key[96];
} keys;

static const char *key_of(keys *k, const char *name) {
    snprintf(k->key, sizeof k->key, "%s.%s", k->arch, name);
    return k->key;
}
/* llama.cpp reads whole numbers as u32 alone; model sizes are below 2^31. */
static void put_count(keys *k, const char *name, int64_t x) {
    lm_gguf_put_u32(k->w, key_of(k, name), (uint32_t)x);
}
static void put_number(keys *k, const char *name, double x) {
    lm_gguf_put_f32(k->w, key_of(k, name), (float)x);
}

/* llama3's scaling is a tensor: by how much each rotation is slowed down. */
static bool has_rope_freqs(const lm_model_options *o) {
    return o->position == LM_POSITION_ROPE && o->rope_scaling == LM_ROPE_SCALING_LLAMA3;
}

static void put_rope(keys *k, const lm_model_options *o) {
    bool turns = o->position == LM_POSITION_ROPE;
    if (has_rope_freqs(o)) { /* llama.cpp reads the tensor; these are for import */
        put_number(k, "rope.llama3.factor", o->rope_factor);
        put_number(k, "rope.llama3.low_freq_factor", o->rope_low_freq_factor);
        put_number(k, "rope.llama3.high_freq_factor", o->rope_high_freq_factor);
        put_count(k, "rope.llama3.original_context", o->rope_original_context);
    }
    put_count(k, "rope.dimension_count", lm_interop_turned(o));
    put_number(k, "rope.freq_base", o->rope_theta);
    if (turns && o->rope_scaling != LM_ROPE_SCALING_LINEAR) return;
    lm_gguf_put_string(k->w, key_of(k, "rope.scaling.type"), "linear");
    put_number(k, "rope.scaling.factor", turns ? o->rope_factor : LM_INTEROP_NO_ROTATION);
}

static void put_model(const lm_interop_job *job, lm_gguf_writer *w) {
    const lm_model_options *o = &job->there;
    keys k = {.w = w, .arch = job->e->class->name};
    put_count(&k, "vocab_size", o->vocab_size);
    put_count(&k, "context_length", o->context_length);
    put_count(&k, "embedding_length", o->d_model);
    put_count(&k, "block_count", o->n_layers);
    put_count(&k, "feed_forward_length", o->d_ff);
    put_count(&k, "attention.head_count", o->n_heads);
    put_count(&k, "attention.head_count_kv", o->n_kv_heads);
    if (lm_interop_head_size(o) * o->n_heads != o->d_model) {
        put_count(&k, "attention.key_length", lm_interop_head_size(o));
        put_count(&k, "attention.value_length", lm_interop_head_size(o));
    }
    put_number(&k,
               o->norm == LM_NORM_RMSNORM ? "attention.layer_norm_rms_epsilon"
                                          : "attention.layer_norm_epsilon",
               o->norm_eps);
    if (o->position != LM_POSITION_LEARNED) put_rope(&k, o);
    if (strcmp(k.arch, "stablelm") == 0)
        lm_gguf_put_boolean(w, key_of(&k, "use_parallel_residual"), false);
}

/* The values of general.file_type: what most of the weights are. */
static uint32_t file_type(lm_element element) {
    switch (element) {
    case LM_ELEMENT_F16:
        return 1;
    case LM_ELEMENT_Q8_0:
        return 7;
    case LM_ELEMENT_BF16:
        return 32;
    default:
        return 0;
    }
}

static void put_general(const lm_interop_job *job, lm_gguf_writer *w) {
    const lm_interop_export *e = job->e;
    char size[32];
    int64_t parameters = 0;
    for (int64_t i = 0; i < job->count; i++)
        if (!job->tensors[i].is_head)
            parameters += job->tensors[i].shape[0] * job->tensors[i].shape[1];
    lm_gguf_put_string(w, "general.architecture", e->class->name);
    lm_gguf_put_string(w, "general.type", "model");
    lm_gguf_put_string(w, "general.name", e->name);
    if (parameters >= 1000000)
        snprintf(size, sizeof size, "%.4gM", (double)parameters / 1e6);
    else
        snprintf(size, sizeof size, "%.4gK", (double)parameters / 1e3);
    lm_gguf_put_string(w, "general.size_label", size);
    lm_gguf_put_u32(w, "general.file_type", file_type(lm_interop_dtype_element(e->dtype)));
    if (lm_interop_dtype_element(e->dtype) == LM_ELEMENT_Q8_0)
        lm_gguf_put_u32(w, "general.quantization_version", 2);
    lm_gguf_put_string(w, ABOUT, e->about);
}

/* ---- the tokenizer ----------------------------------------------------------------------------*/

static void put_id(lm_gguf_writer *w, const char *key, int64_t id) {
    if (id >= 0) lm_gguf_put_u32(w, key, (uint32_t)id);
}

/* Special tokens and the chat template. turn: where no more than one end came in, what begins a
 * document ends the one before it too; -1: nothing does. */
static void put_kept(const lm_interop_job *job, int64_t turn, lm_gguf_writer *w) {
    const lm_interop_special special = lm_interop_special_of(job->e);
    const lm_text *chat = &job->e->kept->chat_template;
    put_id(w, "tokenizer.ggml.bos_token_id", special.bos);
    for (int32_t i = 0; lm_interop_gguf_ends[i]; i++)
        put_id(w, lm_interop_gguf_ends[i],
               i == 1 && special.n_more == 0 ? turn : lm_interop_end_at(&special, i));
    put_id(w, "tokenizer.ggml.padding_token_id", special.pad);
    if (chat->length > 0) lm_gguf_put_string(w, "tokenizer.chat_template", lm_text_cstr(chat));
}

static void say_ends(const lm_interop_job *job) {
    const lm_interop_special special = lm_interop_special_of(job->e);
    int32_t room = 0;
    while (lm_interop_gguf_ends[room]) room++;
    if (special.n_more >= room)
        lm_text_say(job->said,
                    "of %ld tokens that end a text, the file names the first %ld, which is what"
                    " llama.cpp has keys for\n",
                    (long)special.n_more + 1, (long)room);
}

static void put_vocabulary(lm_gguf_writer *w, const lm_gguf_vocabulary *v) {
    lm_gguf_put_bytes(w, "tokenizer.ggml.model", v->model.text, v->model.size);
    if (v->pre.size > 0) lm_gguf_put_bytes(w, "tokenizer.ggml.pre", v->pre.text, v->pre.size);
    lm_gguf_put_array(w, "tokenizer.ggml.tokens", LM_GGUF_STRING, (uint64_t)v->n_tokens);
    for (int64_t i = 0; i < v->n_tokens; i++)
        lm_gguf_put_element_string(w, v->tokens[i].text, v->tokens[i].size);
    if (v->types) {
        lm_gguf_put_array(w, "tokenizer.ggml.token_type", LM_GGUF_I32, (uint64_t)v->n_tokens);
        for (int64_t i = 0; i < v->n_tokens; i++) lm_gguf_put_element_i32(w, v->types[i]);
    }
    if (v->scores) {
        lm_gguf_put_array(w, "tokenizer.ggml.scores", LM_GGUF_F32, (uint64_t)v->n_tokens);
        for (int64_t i = 0; i < v->n_tokens; i++) lm_gguf_put_element_f32(w, v->scores[i]);
    } else {
        lm_gguf_put_array(w, "tokenizer.ggml.merges", LM_GGUF_STRING, (uint64_t)v->n_merges);
        for (int64_t i = 0; i < v->n_merges; i++)
            lm_gguf_put_element_string(w, v->merges[i].text, v->merges[i].size);
    }
    put_id(w, "tokenizer.ggml.unknown_token_id", v->unknown);
    lm_gguf_put_boolean(w, "tokenizer.ggml.add_bos_token", v->add_begin);
    if (v->scores) lm_gguf_put_boolean(w, "tokenizer.ggml.add_space_prefix", v->add_space);
}

static lm_status put_tokenizer(const lm_interop_job *job, lm_gguf_writer *w, lm_error *err) {
    lm_gguf_vocabulary v;
    if (!job->e->tokenizer) {
        lm_gguf_put_string(w, "tokenizer.ggml.model", "none");
        put_kept(job, -1, w);
        say_ends(job);
        lm_text_say(job->said, "the run does not know its tokenizer: the file has none, and"
                               " programs can give it ids only\n");
        return LM_OK;
    }
    lm_status status = lm_tokenizer_to_gguf(job->e->tokenizer, job->there.vocab_size, &v, err);
    if (status != LM_OK) return lm_error_prefix(err, "%s: the tokenizer", job->e->output);
    put_vocabulary(w, &v);
    put_kept(job, v.turn, w);
    say_ends(job);
    if (v.differs) lm_text_say(job->said, "%s\n", v.differs);
    if (v.nfc)
        lm_text_say(job->said, "llama.cpp does not bring text into Unicode's normalization form C,"
                               " as the tokenizer does: text in another form has other ids\n");
    lm_gguf_vocabulary_free(&v);
    return LM_OK;
}

/* ---- tensors ----------------------------------------------------------------------------------*/

/* Vectors and positions must be F32, which llama.cpp insists on; rows of Q8_0 are whole blocks. */
static lm_element element_of(const lm_interop_job *job, const lm_interop_tensor *t) {
    lm_element element = lm_interop_dtype_element(job->e->dtype);
    if (t->ndim == 1 || strcmp(t->name, "position_embd.weight") == 0) return LM_ELEMENT_F32;
    if (t->shape[1] % lm_element_at((int)element)->block != 0) return LM_ELEMENT_F16;
    return element;
}

static void say_types(const lm_interop_job *job) {
    const lm_element asked = lm_interop_dtype_element(job->e->dtype);
    int64_t n = 0;
    for (int64_t i = 0; i < job->count; i++)
        n += asked != LM_ELEMENT_F16 && element_of(job, &job->tensors[i]) == LM_ELEMENT_F16;
    if (n > 0)
        lm_text_say(job->said,
                    "%lld of %lld tensors are stored as f16: blocks of %s are of %u elements, of"
                    " which their rows are no multiple\n",
                    (long long)n, (long long)job->count, lm_interop_dtype_name(job->e->dtype),
                    (unsigned)lm_element_at((int)asked)->block);
}

static lm_status write_rope_freqs(const lm_model_options *o, lm_gguf_writer *w, size_t i,
                                  lm_error *err) {
    const lm_rope_frequencies scaled = {.turned = o->rope_dim,
                                        .theta = o->rope_theta,
                                        .scaling = o->rope_scaling,
                                        .factor = o->rope_factor,
                                        .low = o->rope_low_freq_factor,
                                        .high = o->rope_high_freq_factor,
                                        .original_context = o->rope_original_context};
    const lm_rope_frequencies plain = {.turned = o->rope_dim, .theta = o->rope_theta};
    lm_status status = LM_OK;
    for (int64_t j = 0; j < o->rope_dim / 2 && status == LM_OK; j++) {
        float slower = (float)(lm_rope_frequency(&plain, j) / lm_rope_frequency(&scaled, j));
        status = lm_tensor_write(&w->tensors, i, (uint64_t)j * sizeof slower, &slower,
                                 sizeof slower, err);
    }
    return status;
}

static lm_status write_gguf(lm_interop_job *job, lm_error *err) {
    const int64_t turned = lm_interop_turned(&job->there) / 2;
    const bool rope_freqs = has_rope_freqs(&job->there);
    lm_gguf_writer w = {0};
    put_general(job, &w);
    put_model(job, &w);
    lm_status status = put_tokenizer(job, &w, err);
    if (status != LM_OK) goto out;
    for (int64_t i = 0; i < job->count; i++) {
        const lm_interop_tensor *t = &job->tensors[i];
        lm_gguf_add(&w, t->name, element_of(job, t), t->ndim, t->shape);
    }
    if (rope_freqs) lm_gguf_add(&w, "rope_freqs.weight", LM_ELEMENT_F32, 1, &turned);
    if ((status = lm_gguf_begin(&w, job->e->output, err)) != LM_OK) goto out;
    for (int64_t i = 0; i < job->count && status == LM_OK; i++) {
        status = lm_interop_write_tensor(job, i, element_of(job, &job->tensors[i]), &w.tensors,
                                         (size_t)i, err);
    }
    if (status == LM_OK && rope_freqs)
        status = write_rope_freqs(&job->there, &w, (size_t)job->count, err);
    if (status == LM_OK) status = lm_tensor_writer_commit(&w.tensors, err);
    if (status == LM_OK) say_types(job);
out:
    lm_gguf_writer_free(&w);
    return status;
}

/* f32, bf16, f16, q8_0 */
const lm_interop_kind lm_interop_kind_gguf = {
    .dtypes = 0xf, .write = write_gguf, .is_ours = is_ours};
