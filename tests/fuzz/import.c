/* libFuzzer target for the readers of models of other programs that are one file (GGUF, llama2.c,
 * llm.c, nanoGPT), and of config.json: make fuzz T=import. A text that begins with '{' is a
 * config.json. */
#include "interop/import_hf.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_WEIGHTS = 1 << 22 };

/* What opens can be read, or says why not. */
static void read_weights(const lm_interop_source *s) {
    static lm_pool *pool;
    lm_error err;
    int64_t total;
    lm_model_params(&s->options, NULL, &total);
    if (!pool && lm_pool_create(&pool, 1, &err) != LM_OK) abort();
    if (total < 0) abort();
    if (total > MOST_WEIGHTS) return;
    float *weights = malloc((size_t)total * sizeof *weights);
    if (!weights) abort();
    lm_interop_read(s, weights, pool, &err);
    free(weights);
}

static void read_config(const uint8_t *data, size_t size) {
    lm_error err;
    lm_interop_values v;
    lm_interop_source s = {.options = lm_interop_options()};
    if (lm_interop_values_parse(&v, "config.json", (const char *)data, size, &err) != LM_OK) return;
    if (lm_interop_hf_read_config(&s, &v) == LM_OK) {
        if (!s.class) abort();
        (void)lm_model_resolve(&s.options, &err);
    }
    lm_interop_values_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_interop_source s;
    if (size > 0 && data[0] == '{') {
        read_config(data, size);
    } else if (lm_interop_open(&s, fuzz_file(data, size), &err) == LM_OK) {
        read_weights(&s);
        lm_interop_close(&s);
    }
    return 0;
}
