/* libFuzzer target for the readers of tokenizers, of text that is encoded by them, and of text that
 * comes back: make fuzz. Inputs begin as the small tokenizers of tests/tokenizer, one of each
 * format, and as a GGUF file of one of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/fuzz/file.h"
#include "tests/tokenizer/gguf_file.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

/* What decoding gives; of a tokenizer that begins texts with a space, without that space. */
static void decode(const lm_tokenizer *t, const lm_token_list *ids, lm_text *back) {
    for (int64_t i = 0; i < ids->count; i++)
        (i ? lm_tokenizer_decode : lm_tokenizer_decode_first)(t, ids->ids[i], back);
}

/* Text comes back as it was; not that of a SentencePiece tokenizer, which has one sign for U+2581
 * and the space, and may or may not put one in front. */
static void check_text(const lm_tokenizer *t, const char *file, const char *text, size_t size) {
    lm_error err;
    lm_token_list ids = {0};
    lm_text back = {0};
    lm_status status = lm_tokenizer_encode(t, text, size, &ids, &err);
    decode(t, &ids, &back);
    bool same = back.length == size && (size == 0 || memcmp(back.data, text, size) == 0);
    bool exact = !strstr(file, "\"Metaspace\"") && !strstr(file, "\"Replace\"");
    if (status == LM_OK && !back.failed && exact) LM_ASSERT(same);
    lm_token_list_free(&ids);
    lm_text_free(&back);
}

/* What is written is read again, and written again as it was. */
static void check_saved(const lm_tokenizer *t, const char *text, size_t size) {
    lm_error err;
    lm_tokenizer *u = NULL;
    lm_gguf_vocabulary v = {0};
    lm_text saved = {0}, again = {0};
    if (lm_tokenizer_save(t, &saved, &err) == LM_OK) {
        check_text(t, lm_text_cstr(&saved), text, size);
        if (lm_tokenizer_parse(&u, "saved", saved.data, saved.length, NULL, &err) == LM_OK &&
            lm_tokenizer_save(u, &again, &err) == LM_OK)
            LM_ASSERT(strcmp(saved.data, again.data) == 0);
        lm_tokenizer_close(u);
    }
    if (lm_tokenizer_to_gguf(t, lm_tokenizer_vocab_size(t), &v, &err) == LM_OK)
        lm_gguf_vocabulary_free(&v);
    lm_text_free(&saved);
    lm_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_tokenizer *t;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    lm_status status = lm_gguf_is(text, size < 4 ? 0 : size)
                           ? lm_tokenizer_open(&t, fuzz_file(data, size), NULL, &err)
                           : lm_tokenizer_parse(&t, "fuzz", text, size, NULL, &err);
    if (status == LM_OK) {
        check_saved(t, text, size);
        lm_tokenizer_close(t);
    }
    free(text);
    return 0;
}

static const char *const seeds[] = {"small_gpt2.json", "small_sentence.json", "small_sentence.bin",
                                    "small_chars.pkl", "small_chars.json",    "small_sentence.bin"};
enum { SEEDS = sizeof seeds / sizeof *seeds };

/* As a GGUF file. */
static void convert(lm_text *seed) {
    lm_error err;
    lm_tokenizer *t;
    lm_gguf_vocabulary v;
    static const char path[] = "seed.gguf";
    if (lm_tokenizer_parse(&t, "seed", seed->data, seed->length, NULL, &err) != LM_OK) return;
    seed->length = 0;
    if (lm_tokenizer_to_gguf(t, lm_tokenizer_vocab_size(t), &v, &err) == LM_OK) {
        if (write_gguf(&v, path, &err) == LM_OK) lm_file_read(path, 1 << 20, seed, &err);
        remove(path);
        lm_gguf_vocabulary_free(&v);
    }
    lm_tokenizer_close(t);
}

/* From the top of the repository, or from where make fuzz runs. */
static void read_seed(int i, lm_text *out) {
    static const char *const places[] = {"tests/tokenizer", "../../../tests/tokenizer"};
    lm_error err;
    for (int j = 0; j < 2 && out->length == 0; j++) {
        char *path = lm_file_join(places[j], seeds[i]);
        if (path) lm_file_read(path, 1 << 20, out, &err);
        free(path);
    }
    if (i + 1 == SEEDS && out->length > 0) convert(out);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static lm_text good[SEEDS];
    lm_text *g = &good[seed / 64 % SEEDS];
    if (g->length == 0) read_seed((int)(seed / 64 % SEEDS), g);
    if ((size < 100 || seed % 64 == 0) && g->length > 0 && g->length <= most) {
        memcpy(data, g->data, g->length);
        size = g->length;
    }
    return LLVMFuzzerMutate(data, size, most);
}
