/* libFuzzer target for the readers of GGUF and safetensors: make fuzz T=tensors. A file that begins
 * like GGUF is read as such. */
#include "containers/gguf.h"
#include "containers/safetensors.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever opens can be read: each tensor lies inside the file. */
static void read_tensors(const lm_file_reader *file, const lm_tensors *tensors) {
    lm_error err;
    for (size_t i = 0; i < tensors->count; i++) {
        const lm_tensor *t = &tensors->list[i];
        unsigned char byte;
        if (lm_tensors_find(tensors, t->name) != t) abort();
        if (t->bytes == 0) continue;
        if (lm_file_reader_at(file, t->offset, &byte, 1, &err) != LM_OK ||
            lm_file_reader_at(file, t->offset + t->bytes - 1, &byte, 1, &err) != LM_OK)
            abort();
    }
}

/* Every pair is taken as what it is, and one as what it is not. */
static void read_pairs(lm_gguf *g) {
    for (size_t i = 0; i < g->n_pairs; i++) {
        lm_text key = {0};
        lm_gguf_array a;
        size_t length;
        lm_text_append(&key, g->pairs[i].key, g->pairs[i].key_length);
        const char *name = lm_text_cstr(&key);
        lm_gguf_get_string(g, name, &length);
        g->status = LM_OK;
        lm_gguf_get_count(g, name, 0, 1000);
        g->status = LM_OK;
        lm_gguf_get_boolean(g, name);
        g->status = LM_OK;
        lm_gguf_get_array(g, name, LM_GGUF_STRING, &a);
        while (lm_gguf_next(&a))
            if (a.length > 0 && a.string[0] == a.string[a.length - 1]) length++;
        g->status = LM_OK;
        lm_gguf_get_array(g, name, LM_GGUF_TYPES, &a);
        while (lm_gguf_next(&a)) length += a.number > 0;
        g->status = LM_OK;
        lm_text_free(&key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    const char *path = fuzz_file(data, size);
    if (lm_gguf_is(data, size)) {
        lm_gguf g;
        if (lm_gguf_open(&g, path, &err) != LM_OK) return 0;
        read_tensors(&g.file, &g.tensors);
        read_pairs(&g);
        lm_gguf_close(&g);
    } else {
        lm_safetensors s;
        if (lm_safetensors_open(&s, path, &err) != LM_OK) return 0;
        read_tensors(&s.file, &s.tensors);
        lm_safetensors_get(&s, "format");
        lm_safetensors_close(&s);
    }
    return 0;
}
