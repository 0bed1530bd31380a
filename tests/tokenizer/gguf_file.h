/* For tests: a GGUF file of a vocabulary and nothing else. */
#ifndef LM_TESTS_TOKENIZER_GGUF_FILE_H
#define LM_TESTS_TOKENIZER_GGUF_FILE_H

#include "containers/gguf.h"
#include "tokenizer/gguf_vocabulary.h"

static inline void put_id(lm_gguf_writer *w, const char *key, int64_t id) {
    if (id >= 0) lm_gguf_put_u32(w, key, (uint32_t)id);
}

static inline lm_status write_gguf(const lm_gguf_vocabulary *v, const char *path, lm_error *err) {
    lm_gguf_writer w = {0};
    lm_gguf_put_string(&w, "general.architecture", "llama");
    lm_gguf_put_bytes(&w, "tokenizer.ggml.model", v->model.text, v->model.size);
    if (v->pre.size > 0) lm_gguf_put_bytes(&w, "tokenizer.ggml.pre", v->pre.text, v->pre.size);
    lm_gguf_put_array(&w, "tokenizer.ggml.tokens", LM_GGUF_STRING, (uint64_t)v->n_tokens);
    for (int64_t i = 0; i < v->n_tokens; i++)
        lm_gguf_put_element_string(&w, v->tokens[i].text, v->tokens[i].size);
    lm_gguf_put_array(&w, "tokenizer.ggml.token_type", LM_GGUF_I32, (uint64_t)v->n_tokens);
    for (int64_t i = 0; i < v->n_tokens; i++) lm_gguf_put_element_i32(&w, v->types[i]);
    if (v->scores) {
        lm_gguf_put_array(&w, "tokenizer.ggml.scores", LM_GGUF_F32, (uint64_t)v->n_tokens);
        for (int64_t i = 0; i < v->n_tokens; i++) lm_gguf_put_element_f32(&w, v->scores[i]);
    } else {
        lm_gguf_put_array(&w, "tokenizer.ggml.merges", LM_GGUF_STRING, (uint64_t)v->n_merges);
        for (int64_t i = 0; i < v->n_merges; i++)
            lm_gguf_put_element_string(&w, v->merges[i].text, v->merges[i].size);
    }
    put_id(&w, "tokenizer.ggml.bos_token_id", v->begin);
    put_id(&w, "tokenizer.ggml.eos_token_id", v->end);
    put_id(&w, "tokenizer.ggml.unknown_token_id", v->unknown);
    lm_gguf_put_boolean(&w, "tokenizer.ggml.add_bos_token", v->add_begin);
    if (v->scores) lm_gguf_put_boolean(&w, "tokenizer.ggml.add_space_prefix", v->add_space);
    lm_status status = lm_gguf_begin(&w, path, err);
    if (status == LM_OK) status = lm_tensor_writer_commit(&w.tensors, err);
    lm_gguf_writer_free(&w);
    return status;
}

#endif
